//! One handler: the version that is live, and the source that the next version is loaded from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::load::{HandlerVersion, LoadOutcome};
use super::source::HandlerSource;
use crate::routing::PathPattern;

/// A handler, from the scan that first finds its file until the file is removed.
///
/// A source is loaded once two scans in a row have found it unchanged. Neither a refused source nor a live one is loaded
/// again before it changes.
pub(super) struct ManagedHandler {
    source: HandlerSource,
    /// The paths that it serves because of its place in a folder of handlers. Empty if the configuration names it.
    pub routes: Vec<PathPattern>,
    /// Whether the last scan found the same source as the one before.
    settled: bool,
    /// The number of the load in progress, and its source.
    loading: Option<(u64, HandlerSource)>,
    /// The source of the last load that ended.
    attempted: Option<HandlerSource>,
    /// When a load first found the file incomplete.
    incomplete_since: Option<Instant>,
    /// When to load the same source again, because something else was the reason that it could not be loaded.
    retry: Option<Instant>,
    pub live: Option<Arc<HandlerVersion>>,
    /// Why the newest source is not live.
    pub refused: Option<Arc<str>>,
    /// Whether the last scan did not find the file.
    pub missing: bool,
    /// Whether loads are held back because of a conflict with another handler.
    pub held: bool,
}

/// The effect of a load on a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// Its first version is live.
    Live,
    /// A newer version is live.
    Replaced,
    Refused(Arc<str>),
}

impl ManagedHandler {
    /// With `settled` the source is loaded without a second scan.
    pub fn new(source: HandlerSource, routes: Vec<PathPattern>, settled: bool) -> Self {
        Self {
            source,
            routes,
            settled,
            loading: None,
            attempted: None,
            incomplete_since: None,
            retry: None,
            live: None,
            refused: None,
            missing: false,
            held: false,
        }
    }

    pub fn source(&self) -> &HandlerSource {
        &self.source
    }

    /// Takes the source that a scan found.
    pub fn observe(&mut self, source: HandlerSource) {
        self.settled = self.source == source;
        self.missing = false;
        if !self.settled {
            self.source = source;
            self.incomplete_since = None;
        }
    }

    /// Makes the handler due for a load, even if its source did not change.
    pub fn reload(&mut self) {
        self.settled = true;
        self.attempted = None;
    }

    /// Holds back loads. Returns the change the first time that `reason` applies.
    pub fn hold(&mut self, reason: String) -> Change {
        let is_known = self.refused.as_deref() == Some(&*reason);
        match std::mem::replace(&mut self.held, true) && is_known {
            true => Change::None,
            false => self.refuse(reason),
        }
    }

    /// Ends the effect of [`hold`](Self::hold).
    pub fn release(&mut self) {
        if self.held {
            self.held = false;
            self.refused = None;
            self.attempted = None;
        }
    }

    /// Whether the handler must be loaded now.
    pub fn is_due(&self) -> bool {
        self.settled
            && !self.held
            && self.loading.is_none()
            && (self.attempted.as_ref() != Some(&self.source)
                || self.retry.is_some_and(|retry| retry <= Instant::now()))
    }

    pub fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    pub fn load_started(&mut self, number: u64) {
        self.loading = Some((number, self.source.clone()));
        self.retry = None;
    }

    /// Takes the outcome of the load with this number. With `wait` an incomplete file is not refused at once.
    ///
    /// # Errors
    ///
    /// Returns the outcome if it belongs to another load.
    pub fn load_ended(
        &mut self,
        number: u64,
        outcome: LoadOutcome,
        wait: bool,
    ) -> Result<Change, LoadOutcome> {
        let source = match self.loading.take() {
            Some((current, source)) if current == number => source,
            other => {
                self.loading = other;
                return Err(outcome);
            }
        };
        let incomplete_since = self.incomplete_since.take();
        let change = match outcome {
            LoadOutcome::Loaded(version) => {
                self.refused = None;
                match self.live.replace(version) {
                    Some(_) => Change::Replaced,
                    None => Change::Live,
                }
            }
            LoadOutcome::Same => {
                self.refused = None;
                Change::None
            }
            // The file changed since it was read. The next load reads it again.
            LoadOutcome::Incomplete(_) if source != self.source => Change::None,
            LoadOutcome::Incomplete(reason) => {
                let since = incomplete_since.unwrap_or_else(Instant::now);
                if wait && since.elapsed() < INCOMPLETE_TIMEOUT {
                    self.incomplete_since = Some(since);
                    return Ok(Change::None);
                }
                self.refuse(reason)
            }
            LoadOutcome::Refused(reason) => self.refuse(reason),
            LoadOutcome::Unavailable(reason) => {
                self.retry = Instant::now().checked_add(RETRY_AFTER);
                match self.refused.as_deref() == Some(&*reason) {
                    true => Change::None,
                    false => self.refuse(reason),
                }
            }
        };
        self.attempted = Some(source);
        Ok(change)
    }

    fn refuse(&mut self, reason: String) -> Change {
        let reason: Arc<str> = reason.into();
        self.refused = Some(reason.clone());
        Change::Refused(reason)
    }
}

/// How long to wait before the same source is loaded again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long a file may stay incomplete before it is refused.
const INCOMPLETE_TIMEOUT: Duration = Duration::from_secs(2);
