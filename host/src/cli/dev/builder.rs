//! Builds the project, waits for changes, and builds again. It tells pages about builds and about changed files.

use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use belljar::server::{Build, LiveReload, Stderr};

use super::output::Output;
use super::project::{Project, Step};
use super::snapshot::{Snapshot, Sources};
use super::step::{Force, Running};
use super::wake::{Wake, Waker};
use crate::cli::serve::service::Listening;

/// The thread that builds. Dropping this ends the build and all its processes.
pub struct Builder {
    wake: Sender<Wake>,
    running: Running,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Builder {
    /// Starts the first build. After that the URLs of the server are announced.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread.
    pub fn start(
        project: Project,
        live_reload: Arc<LiveReload>,
        listening: Listening,
        stderr: Stderr,
    ) -> anyhow::Result<Self> {
        tracing::info!(
            "listening on {}; requests wait for the first build",
            listening.urls.join(", ")
        );
        let (waker, wake) = Waker::new();
        let running = Running::default();
        let (alive, ended) = mpsc::channel();
        let mut work = Work {
            project,
            live_reload,
            listening,
            stderr,
            waker,
            running: running.clone(),
            seen: Seen::default(),
            failure: None,
            settings_problem: None,
        };
        // Before the first request comes.
        work.live_reload.build(Build::Running);
        let thread = thread::Builder::new().name("belljar-build".into());
        let thread = thread
            .spawn(move || {
                work.run();
                drop(alive);
            })
            .context("cannot start the thread that builds")?;
        Ok(Self {
            wake,
            running,
            ended,
            thread: Some(thread),
        })
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        let _ = self.wake.send(Wake::Stop);
        self.running.stop(Force::Ask);
        // Nothing is sent: the channel is closed when the thread ends.
        if self.ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            self.running.stop(Force::Kill);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    project: Project,
    live_reload: Arc<LiveReload>,
    listening: Listening,
    stderr: Stderr,
    waker: Waker,
    running: Running,
    seen: Seen,
    /// Why the newest build failed.
    failure: Option<Failure>,
    /// The problems of the configuration file.
    settings_problem: Option<String>,
}

/// What the files were when they were last used.
#[derive(Default)]
struct Seen {
    /// For each step. None: the step has to run.
    steps: Vec<Option<Snapshot>>,
    settings: Option<Snapshot>,
    served: Option<Snapshot>,
}

/// The step that failed, by its number, and why.
struct Failure {
    step: usize,
    text: String,
}

impl Work {
    fn run(&mut self) {
        self.look();
        self.seen = Seen {
            steps: match self.project.missing_component() {
                None => self.project.steps.iter().map(up_to_date).collect(),
                Some(_) => self.project.steps.iter().map(|_| None).collect(),
            },
            settings: Some(self.project.settings.snapshot(None)),
            served: Some(self.project.served.snapshot(None)),
        };
        self.build();
        if !self.running.is_stopped() {
            self.listening.announce();
        }
        // A change during the build has sent a wake, too.
        while !self.running.is_stopped() && self.waker.wait() == Wake::Change {
            self.look();
            self.changed();
        }
    }

    /// Watches the folders as they are now.
    fn look(&mut self) {
        loop {
            let sources = self.project.sources();
            let folders = sources.flat_map(Sources::folders).collect();
            if !self.waker.watch(folders) {
                break;
            }
        }
    }

    /// Finds out what has changed, and acts upon it.
    fn changed(&mut self) {
        if has_changed(&self.project.served, &mut self.seen.served) {
            self.live_reload.changed();
        }
        let has_new_settings = has_changed(&self.project.settings, &mut self.seen.settings);
        if has_new_settings {
            match Project::read(&self.project.file) {
                Ok((project, _)) => {
                    self.settings_problem = None;
                    self.replace(project);
                }
                // The server logs the problem, and keeps the previous configuration, as this does.
                Err(problem) => self.settings_problem = Some(problem.to_string()),
            }
        }
        self.build();
        if has_new_settings && self.failure.is_none() {
            // A component that the settings name may have been missing when the server read them.
            (self.listening.reload)();
        }
    }

    fn replace(&mut self, project: Project) {
        if !project.commands().eq(self.project.commands()) {
            self.seen.steps = project.steps.iter().map(|_| None).collect();
            self.failure = None;
        }
        self.project = project;
        self.look();
    }

    /// Runs the steps whose sources have changed, those after them, and those that have not succeeded yet.
    fn build(&mut self) {
        let began = Instant::now();
        let seen = &self.seen.steps;
        let steps = self.project.steps.iter().zip(seen);
        let now: Vec<_> = steps
            .map(|(step, seen)| step.sources.snapshot(seen.as_ref()))
            .collect();
        let changes = now.iter().zip(seen).map(|(now, seen)| match seen {
            Some(seen) => now.first_change(seen).map(Some),
            None => Some(None),
        });
        let first = changes
            .enumerate()
            .find_map(|(step, change)| Some((step, change?)));
        if let Some((_, Some(changed))) = first {
            tracing::info!("{} has changed", changed.display());
        }
        if let Some((first, _)) = first {
            self.live_reload.build(Build::Running);
            let failed = self.failure.take().map(|failure| failure.step);
            let first = failed.map_or(first, |failed| failed.min(first));
            // What changes while its step runs, or after that, is built next.
            self.seen.steps = now.into_iter().map(Some).collect();
            self.failure = self.run_from(first);
            if self.running.is_stopped() {
                return;
            }
            if self.failure.is_none() {
                tracing::info!("built in {:.1?}", began.elapsed());
            }
        }
        let failure = self.failure.as_ref().map(|failure| &failure.text);
        let problem = self.settings_problem.as_ref().or(failure);
        self.live_reload.build(match problem {
            Some(problem) => Build::Failed(problem.clone()),
            None => Build::Done,
        });
    }

    /// Runs the steps from this number on.
    fn run_from(&mut self, first: usize) -> Option<Failure> {
        let mut output = Output::new(self.stderr.clone());
        let (step, problem) = self.try_run_from(first, &mut output).err()?;
        if !self.running.is_stopped() {
            tracing::error!(
                "the build failed: {problem}; the last good build keeps serving; save a change to build again"
            );
        }
        let text = format!("{}\n\n{problem}\n", output.text());
        Some(Failure {
            step,
            text: text.trim_start().to_owned(),
        })
    }

    /// # Errors
    ///
    /// The number of the step that failed, and why.
    fn try_run_from(&mut self, first: usize, output: &mut Output) -> Result<(), (usize, String)> {
        let steps = self.project.steps.iter().zip(&mut self.seen.steps);
        for (number, (step, seen)) in steps.enumerate().skip(first) {
            // An earlier step may have written some of the files.
            *seen = Some(step.sources.snapshot(seen.as_ref()));
            let command = &step.build.command;
            tracing::info!("running `{command}`");
            let ended = self.running.run(command, &self.project.folder, output);
            let problem = match ended {
                Ok(status) if status.success() => continue,
                Ok(status) => format!("`{command}` failed ({status})"),
                Err(error) => format!("{error:#}"),
            };
            return Err((number, problem));
        }
        match self.project.missing_component() {
            None => Ok(()),
            Some(missing) => Err((
                first,
                format!(
                    "no command has written the component {}; correct `component` or a `command` in {}",
                    missing.display(),
                    self.project.file.display()
                ),
            )),
        }
    }
}

/// What the sources of a step are, if its result is newer than all of them.
fn up_to_date(step: &Step) -> Option<Snapshot> {
    let written = fs::metadata(step.build.result.as_ref()?)
        .ok()?
        .modified()
        .ok()?;
    let now = step.sources.snapshot(None);
    let is_newer = now.newest().is_none_or(|newest| newest < written);
    is_newer.then_some(now)
}

/// Looks at files again. Returns whether they have changed.
fn has_changed(sources: &Sources, seen: &mut Option<Snapshot>) -> bool {
    let now = sources.snapshot(seen.as_ref());
    let is_same = seen
        .as_ref()
        .is_some_and(|seen| now.first_change(seen).is_none());
    *seen = Some(now);
    !is_same
}

/// How long the processes of a build may take to end by themselves.
const PATIENCE: Duration = Duration::from_secs(2);
