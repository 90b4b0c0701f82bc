//! Watches the configuration file and the handlers, has changes loaded, and swaps the routes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::config_file::ConfigFile;
use super::desired_state::{HandlerKey, ScannedHandlers, WatchedFolders};
use super::handler_set::HandlerSet;
use super::load::LoadOutcome;
use super::load_queue::{Event, LoadQueue};
use super::managed_handler::Change;
use super::report::LogLine;
use super::staged_config::StagedConfig;
use super::swap::LiveRoutes;
use super::vanished::KnownFolders;
use crate::config::Config;
use crate::server::sanitized;

/// Owns all handlers. It runs on a thread of its own, because a scan blocks on the file system.
pub(super) struct Watcher {
    set: HandlerSet,
    folders: WatchedFolders,
    known: KnownFolders,
    /// The files and folders that the last scan could not read, each with the problem.
    unreadable: BTreeMap<PathBuf, String>,
    config_file: Option<ConfigFile>,
    /// A changed configuration whose handlers are being loaded.
    staged: Option<StagedConfig>,
    /// The time between two polls.
    interval: Duration,
    queue: LoadQueue,
    events: Receiver<Event>,
    routes: LiveRoutes,
    /// Lines to write once the changes that they report are live.
    log: Vec<LogLine>,
}

impl Watcher {
    /// `config_file` is the file that `config` was read from.
    pub fn new(
        config: Config,
        config_file: Option<ConfigFile>,
        developing: bool,
        queue: LoadQueue,
        events: Receiver<Event>,
        routes: LiveRoutes,
    ) -> Self {
        Self {
            folders: WatchedFolders::of(&config),
            set: HandlerSet::new(config),
            known: KnownFolders::default(),
            unreadable: BTreeMap::new(),
            config_file,
            staged: None,
            interval: match developing {
                true => INTERVAL_DEVELOPING,
                false => INTERVAL,
            },
            queue,
            events,
            routes,
            log: Vec::new(),
        }
    }

    /// Scans the folders, waits for all loads, and puts the routes in place.
    ///
    /// # Errors
    ///
    /// Fails with the problems of all handlers that the configuration names and that were refused, one on each line.
    pub fn load_all(&mut self) -> anyhow::Result<()> {
        self.scan_folders(true);
        // The server listens only after the start, so no client can see that a line is early. The lines show progress.
        self.write_log();
        self.set.push_due(&mut self.queue);
        let mut problems = Vec::new();
        while self.set.is_loading() {
            let Ok(event) = self.events.recv() else {
                break;
            };
            let Event::Loaded {
                key,
                number,
                outcome,
            } = event
            else {
                continue;
            };
            let is_configured = matches!(key, HandlerKey::Configured(_));
            let change = self.set.load_ended(&key, number, outcome, !is_configured);
            match change {
                // It is still to be built.
                Some(Change::Refused(_))
                    if self.routes.are_being_built() && !self.set.has_file(&key) => {}
                Some(Change::Refused(reason))
                    if is_configured && !self.routes.are_being_built() =>
                {
                    let report = self.set.report(&key);
                    problems.extend(report.map(|report| report.problem(&reason)));
                }
                Some(change) => {
                    self.log.extend(self.set.log_line(&key, &change));
                    self.write_log();
                }
                None => {}
            }
        }
        if !problems.is_empty() {
            problems.sort();
            anyhow::bail!("{}", problems.join("\n"));
        }
        self.routes.swap(&self.set);
        Ok(())
    }

    /// Polls and handles events until the deployment is dropped.
    pub fn run(mut self) {
        let mut next = Instant::now() + self.interval;
        loop {
            let event = match self.must_poll() {
                true => {
                    let wait = next.saturating_duration_since(Instant::now());
                    self.events.recv_timeout(wait)
                }
                false => self
                    .events
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
            };
            match event {
                Ok(Event::Loaded {
                    key,
                    number,
                    outcome,
                }) => self.load_ended(&key, number, outcome),
                Ok(Event::Reload) => self.reload(),
                Err(RecvTimeoutError::Timeout) => {
                    let began = Instant::now();
                    self.poll();
                    // However large or slow a folder is, polls take at most a fiftieth of the time.
                    let interval = self.interval.max(began.elapsed() * 49);
                    next = Instant::now() + interval;
                }
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Whether there is any file that can change.
    fn must_poll(&self) -> bool {
        self.config_file.is_some() || !self.folders.is_empty() || self.set.can_change()
    }

    fn poll(&mut self) {
        self.poll_config(false);
        self.set.observe_configured();
        let routes_changed = self.scan_folders(false);
        self.set.push_due(&mut self.queue);
        if routes_changed {
            self.routes.swap(&self.set);
        }
        self.write_log();
    }

    /// Reads and loads everything again.
    fn reload(&mut self) {
        tracing::info!("reloading the configuration and all handlers");
        self.poll_config(true);
        self.set.observe_configured();
        self.scan_folders(true);
        self.set.reload();
        self.set.push_due(&mut self.queue);
        self.routes.swap(&self.set);
        self.write_log();
    }

    /// Returns whether a route was added or removed. With `at_once` a file is added or removed without a second scan.
    fn scan_folders(&mut self, at_once: bool) -> bool {
        let mut scanned = self.folders.scan();
        self.known
            .compare(&mut scanned, self.set.live_in_folders(), at_once);
        self.log_unreadable(&scanned);
        let changes = self.set.apply_scan(&self.folders, &scanned, at_once);
        self.log.extend(changes.log);
        changes.routes
    }

    fn log_unreadable(&mut self, scanned: &ScannedHandlers) {
        for (path, problem) in &scanned.unreadable {
            if !self.unreadable.contains_key(path) {
                tracing::error!("{}; its handlers keep serving", sanitized(problem));
            }
        }
        for path in self.unreadable.keys() {
            if !scanned.unreadable.contains_key(path) {
                let path = path.display().to_string();
                tracing::info!("{} can be read again", sanitized(&path));
            }
        }
        self.unreadable.clone_from(&scanned.unreadable);
    }

    fn poll_config(&mut self, at_once: bool) {
        let Some(file) = &mut self.config_file else {
            return;
        };
        if file.poll(at_once) {
            let path = file.path().to_owned();
            match file.read() {
                Ok(config) => self.stage(config, &path),
                Err(problems) => log_problems(problems.iter()),
            }
        }
    }

    fn stage(&mut self, config: Config, path: &Path) {
        self.staged = None;
        if config == self.set.config {
            return;
        }
        if config.server != self.set.config.server {
            tracing::warn!(
                "{}: changes to listeners, threads, [http] or server-wide limits need a restart; all other changes \
                 apply now",
                path.display()
            );
        }
        self.staged = Some(StagedConfig::new(config, &self.set, &mut self.queue));
        self.swap_config();
    }

    /// Puts the staged configuration in place, once all its handlers are loaded and none was refused.
    fn swap_config(&mut self) {
        let Some(staged) = self.staged.take_if(|staged| staged.is_complete()) else {
            return;
        };
        match staged.into_result() {
            Err(problems) => log_problems(problems.iter()),
            Ok((config, loaded)) => {
                self.folders = WatchedFolders::of(&config);
                self.set.replace_config(config, loaded);
                self.routes.swap(&self.set);
                let file = self.config_file.as_ref().map(ConfigFile::path);
                let file = file.unwrap_or(Path::new("")).display();
                tracing::info!("{file}: the new configuration is live");
            }
        }
    }

    fn load_ended(&mut self, key: &HandlerKey, number: u64, outcome: LoadOutcome) {
        let outcome = match &mut self.staged {
            Some(staged) => staged.load_ended(key, number, outcome),
            None => Err(outcome),
        };
        let Err(outcome) = outcome else {
            return self.swap_config();
        };
        let Some(change) = self.set.load_ended(key, number, outcome, true) else {
            return;
        };
        if change != Change::None {
            self.log.extend(self.set.log_line(key, &change));
            self.routes.swap(&self.set);
            self.write_log();
        }
        self.set.push_due(&mut self.queue);
    }

    fn write_log(&mut self) {
        for line in self.log.drain(..) {
            line.write();
        }
    }
}

fn log_problems<P: std::fmt::Display>(problems: impl Iterator<Item = P>) {
    for problem in problems {
        tracing::error!("{problem}; the previous configuration stays in use");
    }
}

/// Between two polls. A changed file is loaded after two polls.
const INTERVAL: Duration = Duration::from_millis(250);
const INTERVAL_DEVELOPING: Duration = Duration::from_millis(50);
