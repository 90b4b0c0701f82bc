//! The one that looks, has loaded what changed, and puts it in place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::runtime;

use super::compile::{CompileLimits, Compiler};
use super::desired_state::{HandlerKey, ScannedHandler, ScannedHandlers, WatchedFolders, named};
use super::fingerprint::Fingerprint;
use super::load::{HandlerSource, LoadOutcome, Loader};
use super::load_queue::{Event, LoadQueue};
use super::managed_handler::{Change, ManagedHandler};
use super::report::{Line, Report};
use super::scan::ScannedFile;
use super::staged_config::StagedConfig;
use super::swap::Live;
use crate::config::Config;
use crate::server::Routes;
use belljar_sandbox::Engine;

/// What is wanted, and how it is to be had.
pub struct Options {
    pub config: Config,
    /// The file that the configuration was read from, if it was: what it says may change.
    pub file: Option<PathBuf>,
    /// Whether to look more often, and to tell clients why a handler failed.
    pub developing: bool,
    /// This program's file: compiling is a command of it.
    pub program: PathBuf,
    pub compile: CompileLimits,
}

/// A configuration that is live, and kept equal to what is wanted for as long as this exists.
pub struct Deployment {
    routes: Arc<ArcSwap<Routes>>,
    inbox: Sender<Event>,
}

impl Deployment {
    /// Loads all handlers, and returns when they are live. One in a folder that cannot be is told of, and no more.
    ///
    /// # Errors
    ///
    /// All that is wrong with the handlers of the configuration itself, a line for each.
    pub fn start(
        engine: Arc<Engine>,
        runtime: runtime::Handle,
        options: Options,
    ) -> anyhow::Result<Self> {
        let (inbox, events) = mpsc::channel();
        let routes = Arc::new(ArcSwap::default());
        let compiler = Compiler::new(options.program, options.compile);
        let supervisor = Supervisor {
            folders: WatchedFolders::of(&options.config),
            config: options.config,
            file: options.file.map(|path| Watched {
                seen: Fingerprint::of(&path),
                taken: Fingerprint::of(&path),
                path,
            }),
            developing: options.developing,
            pause: match options.developing {
                true => PAUSE_DEVELOPING,
                false => PAUSE,
            },
            queue: LoadQueue::new(
                Loader::new(engine, compiler, runtime, options.developing),
                inbox.clone(),
            ),
            events,
            units: BTreeMap::new(),
            found: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            staged: None,
            news: Vec::new(),
            routes: routes.clone(),
        };
        let supervisor = supervisor.start()?;
        thread::Builder::new()
            .name("belljar-deploy".into())
            .spawn(move || supervisor.run())
            .context("no thread to watch the handlers")?;
        Ok(Self { routes, inbox })
    }

    /// What answers now; another table takes its place with every change.
    pub fn routes(&self) -> Arc<ArcSwap<Routes>> {
        self.routes.clone()
    }

    /// What has everything read again at once, whether it changed or not.
    pub fn reload(&self) -> impl Fn() + Send + 'static {
        let inbox = self.inbox.clone();
        move || {
            let _ = inbox.send(Event::Reload);
        }
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = self.inbox.send(Event::Stop);
    }
}

struct Supervisor {
    config: Config,
    folders: WatchedFolders,
    file: Option<Watched>,
    developing: bool,
    pause: Duration,
    queue: LoadQueue,
    events: Receiver<Event>,
    units: BTreeMap<HandlerKey, ManagedHandler>,
    found: BTreeMap<HandlerKey, ScannedFile>,
    /// WatchedFolders of which it was told that they cannot be read.
    unreadable: BTreeMap<PathBuf, String>,
    /// A newer configuration, while its handlers are being loaded.
    staged: Option<StagedConfig>,
    /// What is to be told once it is live.
    news: Vec<Line>,
    routes: Arc<ArcSwap<Routes>>,
}

/// The file of the configuration.
struct Watched {
    path: PathBuf,
    seen: Option<Fingerprint>,
    /// What it was when it was last read.
    taken: Option<Fingerprint>,
}

impl Supervisor {
    /// The first look, to the end of all that it sets going.
    fn start(mut self) -> anyhow::Result<Self> {
        for (key, config) in named(&self.config) {
            self.units.insert(
                key,
                ManagedHandler::new(HandlerSource::named(&config), true),
            );
        }
        self.look_at_folders(true);
        // Nobody is answered before the end of the start: what is told at once shows how far that is.
        self.tell();
        self.order();
        let mut problems = Vec::new();
        while self.units.values().any(ManagedHandler::is_loading) {
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
            let Some(unit) = self.units.get_mut(&key) else {
                continue;
            };
            let is_named = matches!(key, HandlerKey::Named(_));
            match unit.end(number, outcome, !is_named) {
                Ok(Change::Refused(reason)) if is_named => {
                    problems.push(self.report().problem(&key, &reason));
                }
                Ok(news) => {
                    self.note(&key, &news);
                    self.tell();
                }
                Err(_) => {}
            }
        }
        if !problems.is_empty() {
            problems.sort();
            anyhow::bail!("{}", problems.join("\n"));
        }
        self.publish();
        Ok(self)
    }

    fn run(mut self) {
        let mut next = Instant::now() + self.pause;
        loop {
            let event = match self.has_to_look() {
                true => {
                    let pause = next.saturating_duration_since(Instant::now());
                    self.events.recv_timeout(pause)
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
                }) => self.loaded(key, number, outcome),
                Ok(Event::Reload) => self.reload(),
                Err(RecvTimeoutError::Timeout) => {
                    let began = Instant::now();
                    self.look();
                    // However large a folder is, or slow: looking takes but a fiftieth of the time.
                    let pause = self.pause.max(began.elapsed() * 49);
                    next = Instant::now() + pause;
                }
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Whether there is anything that can change.
    fn has_to_look(&self) -> bool {
        self.file.is_some()
            || !self.folders.is_empty()
            || self
                .units
                .values()
                .any(|unit| unit.input().file().is_some())
    }

    fn look(&mut self) {
        self.look_at_config(false);
        for (key, config) in named(&self.config) {
            if let Some(unit) = self.units.get_mut(&key) {
                unit.see(HandlerSource::named(&config));
            }
        }
        let changed = self.look_at_folders(false);
        self.order();
        if changed {
            self.publish();
        }
        self.tell();
    }

    /// Reads everything again.
    fn reload(&mut self) {
        tracing::info!("reading everything again");
        self.look_at_config(true);
        for (key, config) in named(&self.config) {
            if let Some(unit) = self.units.get_mut(&key) {
                unit.see(HandlerSource::named(&config));
            }
        }
        self.look_at_folders(true);
        for unit in self.units.values_mut() {
            unit.again();
        }
        self.order();
        self.publish();
        self.tell();
    }

    fn order(&mut self) {
        for (key, unit) in &mut self.units {
            if unit.is_due() {
                self.queue.order(key, unit);
            }
        }
    }

    /// Whether what is live changed. `at_once`: without a second look at what is new.
    fn look_at_folders(&mut self, at_once: bool) -> bool {
        let discoveries = self.folders.look();
        self.tell_unreadable(&discoveries);
        let mut changed = false;
        for discovery in &discoveries.handlers {
            let (key, input) = (&discovery.key, discovery.input.clone());
            match self.units.get_mut(key) {
                Some(unit) => unit.see(input),
                None => {
                    let unit = ManagedHandler::new(input, at_once);
                    self.units.insert(key.clone(), unit);
                    self.found.insert(key.clone(), discovery.found.clone());
                }
            }
        }
        changed |= self.remove_missing(&discoveries, at_once);
        changed | self.settle_conflicts(&discoveries)
    }

    /// Takes away what two looks have not seen.
    fn remove_missing(&mut self, discoveries: &ScannedHandlers, at_once: bool) -> bool {
        let seen = discoveries.keys();
        let mut gone = Vec::new();
        for (key, unit) in &mut self.units {
            let hidden = unit
                .input()
                .file()
                .is_some_and(|file| discoveries.may_hide(file));
            if matches!(key, HandlerKey::Named(_)) || seen.contains(key) || hidden {
                continue;
            }
            if unit.missing || at_once {
                gone.push(key.clone());
            }
            unit.missing = true;
        }
        for key in &gone {
            let line = self.report().removed(key);
            self.news.push(line);
            self.units.remove(key);
            self.found.remove(key);
        }
        !gone.is_empty()
    }

    fn settle_conflicts(&mut self, discoveries: &ScannedHandlers) -> bool {
        let is_live =
            |key: &HandlerKey| self.units.get(key).is_some_and(|unit| unit.live.is_some());
        let mut conflicts = self.folders.conflicts(&self.config, discoveries, is_live);
        let mut changed = false;
        for ScannedHandler { key, .. } in &discoveries.handlers {
            let Some(unit) = self.units.get_mut(key) else {
                continue;
            };
            match conflicts.remove(key) {
                Some(problem) => {
                    let news = unit.hold(problem);
                    changed |= news != Change::None;
                    self.note(key, &news);
                }
                None => unit.release(),
            }
        }
        changed
    }

    fn tell_unreadable(&mut self, discoveries: &ScannedHandlers) {
        for (folder, reason) in &discoveries.unreadable {
            if !self.unreadable.contains_key(folder) {
                tracing::error!(
                    "the folder {} cannot be read: {reason}; what was in it goes on serving",
                    folder.display()
                );
            }
        }
        for folder in self.unreadable.keys() {
            if !discoveries.unreadable.contains_key(folder) {
                tracing::info!("the folder {} can be read again", folder.display());
            }
        }
        self.unreadable.clone_from(&discoveries.unreadable);
    }

    fn look_at_config(&mut self, at_once: bool) {
        let Some(file) = &mut self.file else {
            return;
        };
        let now = Fingerprint::of(&file.path);
        let settled = at_once || now == file.seen;
        file.seen.clone_from(&now);
        if !settled || (!at_once && now == file.taken) {
            return;
        }
        file.taken = now;
        let path = file.path.clone();
        self.read_config(&path);
    }

    fn read_config(&mut self, path: &Path) {
        let config = match Config::read(path) {
            Ok(config) => config,
            Err(problems) => {
                for problem in problems.iter() {
                    tracing::error!("{problem}; what was configured before goes on");
                }
                return;
            }
        };
        self.staged = None;
        if config == self.config {
            return;
        }
        if config.server != self.config.server {
            tracing::warn!(
                "{}: a change of listeners, threads, [http] or limits of the whole server takes a new start; the rest \
                 is put in place now",
                path.display()
            );
        }
        let staged = StagedConfig::new(config, &self.units, &mut self.queue);
        self.staged = Some(staged);
        self.consider();
    }

    /// Puts a newer configuration in place, once all its handlers are loaded and sound.
    fn consider(&mut self) {
        let Some(staged) = self.staged.take_if(|staged| staged.is_complete()) else {
            return;
        };
        let file = self
            .file
            .as_ref()
            .map(|file| file.path.display().to_string());
        let file = file.unwrap_or_default();
        match staged.outcome() {
            Err(problems) => {
                for problem in problems {
                    tracing::error!("{problem}; what was configured before goes on");
                }
            }
            Ok((config, units)) => {
                let wanted = named(&config);
                self.units.retain(|key, _| match key {
                    HandlerKey::Named(_) => wanted.contains_key(key),
                    HandlerKey::InFolder(folder, _) => config.sites.iter().any(|site| {
                        let handlers = site.handlers.as_ref();
                        handlers.is_some_and(|handlers| handlers.path == *folder)
                    }),
                });
                self.found.retain(|key, _| self.units.contains_key(key));
                self.units.extend(units);
                self.folders = WatchedFolders::of(&config);
                self.config = config;
                self.publish();
                tracing::info!("{file}: what it says now is live");
            }
        }
    }

    fn loaded(&mut self, key: HandlerKey, number: u64, outcome: LoadOutcome) {
        let outcome = match &mut self.staged {
            Some(staged) => staged.loaded(&key, number, outcome),
            None => Err(outcome),
        };
        let Err(outcome) = outcome else {
            return self.consider();
        };
        // What was removed meanwhile is not put back.
        let Some(unit) = self.units.get_mut(&key) else {
            return;
        };
        let Ok(news) = unit.end(number, outcome, true) else {
            return;
        };
        if news != Change::None {
            self.note(&key, &news);
            self.publish();
            self.tell();
        }
        self.order();
    }

    fn note(&mut self, key: &HandlerKey, news: &Change) {
        let line = self.report().of(key, news);
        self.news.extend(line);
    }

    /// Writes what is noted to the log, now that it is live.
    fn tell(&mut self) {
        for line in self.news.drain(..) {
            line.write();
        }
    }

    fn report(&self) -> Report<'_> {
        Report {
            config: &self.config,
            units: &self.units,
            found: &self.found,
        }
    }

    fn publish(&self) {
        let live = Live {
            config: &self.config,
            units: &self.units,
            found: &self.found,
            developing: self.developing,
        };
        self.routes.store(Arc::new(live.routes()));
    }
}

/// Between two looks: what is changed is live after two of them.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_DEVELOPING: Duration = Duration::from_millis(50);
