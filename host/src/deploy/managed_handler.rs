//! One handler that is wanted: what is live of it, and what is to be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::load::{HandlerSource, HandlerVersion, LoadOutcome};

/// A handler from the first sight of its file on.
///
/// What was found is loaded when it has been the same in two looks, and only once: neither is what was refused tried
/// again, nor what is live, before something changes.
pub(super) struct ManagedHandler {
    input: HandlerSource,
    /// Whether the last look found what the one before had found.
    settled: bool,
    /// The number of the load that is under way, and what it is of.
    loading: Option<(u64, HandlerSource)>,
    /// What the last load was of that came to an end.
    tried: Option<HandlerSource>,
    /// Since when it looks as if a part of it were still to come.
    unwhole: Option<Instant>,
    pub live: Option<Arc<HandlerVersion>>,
    /// Why the newest build is not live.
    pub refused: Option<Arc<str>>,
    /// Whether the last look found nothing.
    pub missing: bool,
    /// Whether it is not to be loaded, whatever it is: its place is another's.
    pub held: bool,
}

/// What became of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that anybody would have to know.
    None,
    Live,
    /// In place of an older version.
    Replaced,
    Refused(Arc<str>),
}

impl ManagedHandler {
    /// `settled`: it is to be loaded as it was found, without a second look.
    pub fn new(input: HandlerSource, settled: bool) -> Self {
        Self {
            input,
            settled,
            loading: None,
            tried: None,
            unwhole: None,
            live: None,
            refused: None,
            missing: false,
            held: false,
        }
    }

    pub fn input(&self) -> &HandlerSource {
        &self.input
    }

    /// Takes in what a look found.
    pub fn see(&mut self, input: HandlerSource) {
        self.settled = self.input == input;
        self.missing = false;
        if !self.settled {
            self.input = input;
            self.unwhole = None;
        }
    }

    /// Has it loaded again, whatever came of it before.
    pub fn again(&mut self) {
        self.settled = true;
        self.tried = None;
    }

    /// Keeps it from being loaded, for this reason, which is told once.
    pub fn hold(&mut self, reason: String) -> Change {
        let known = self.refused.as_deref() == Some(&*reason);
        match std::mem::replace(&mut self.held, true) && known {
            true => Change::None,
            false => self.refuse(reason),
        }
    }

    /// Ends what [`hold`](Self::hold) began.
    pub fn release(&mut self) {
        if self.held {
            self.held = false;
            self.refused = None;
            self.tried = None;
        }
    }

    /// Whether it is to be loaded now.
    pub fn is_due(&self) -> bool {
        self.settled
            && !self.held
            && self.loading.is_none()
            && self.tried.as_ref() != Some(&self.input)
    }

    pub fn is_loading(&self) -> bool {
        self.loading.is_some()
    }

    pub fn begin(&mut self, number: u64) {
        self.loading = Some((number, self.input.clone()));
    }

    /// Takes in how the load of this number ended. With patience what may not be whole yet is waited for.
    ///
    /// # Errors
    ///
    /// Gives the outcome back where it is of another load.
    pub fn end(
        &mut self,
        number: u64,
        outcome: LoadOutcome,
        patient: bool,
    ) -> Result<Change, LoadOutcome> {
        let input = match self.loading.take() {
            Some((current, input)) if current == number => input,
            other => {
                self.loading = other;
                return Err(outcome);
            }
        };
        let waits_since = self.unwhole.take();
        let news = match outcome {
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
            // It is no more what was read.
            LoadOutcome::NotWhole(_) if input != self.input => Change::None,
            LoadOutcome::NotWhole(reason) => {
                let since = waits_since.unwrap_or_else(Instant::now);
                if patient && since.elapsed() < PATIENCE {
                    self.unwhole = Some(since);
                    return Ok(Change::None);
                }
                self.refuse(reason)
            }
            LoadOutcome::Refused(reason) => self.refuse(reason),
        };
        self.tried = Some(input);
        Ok(news)
    }

    fn refuse(&mut self, reason: String) -> Change {
        let reason: Arc<str> = reason.into();
        self.refused = Some(reason.clone());
        Change::Refused(reason)
    }
}

/// How long a file may look as if a part of it were still to come, before that is said.
const PATIENCE: Duration = Duration::from_secs(2);
