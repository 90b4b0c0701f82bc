//! The state that all parts of reading a file share: the path, the problems found so far, and how to read settings.

use std::path::{Path, PathBuf};

use belljar_http::settings::Settings;

use super::document::At;
use super::problem::{Problem, Problems};
use super::units;

/// Reads one file and collects its problems.
pub(super) struct Reader<'p> {
    pub path: &'p Path,
    /// Whether the components that the file names may still have to be built.
    pub unbuilt: bool,
    problems: Vec<Problem>,
}

impl<'p> Reader<'p> {
    pub fn new(path: &'p Path, problems: Vec<Problem>) -> Self {
        Self {
            path,
            unbuilt: false,
            problems,
        }
    }

    pub fn report(&mut self, at: At<'_>, message: impl Into<String>) {
        self.problems.push(at.problem(message));
    }

    /// Whether a problem at this place was reported, so that the file is refused.
    pub fn has_problem(&self, at: At<'_>) -> bool {
        let position = at.problem("").position;
        self.problems
            .iter()
            .any(|problem| problem.position == position)
    }

    /// The path of a file that the configuration names.
    pub fn resolve(&self, written: impl AsRef<Path>) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(written),
            None => written.as_ref().into(),
        }
    }

    /// Reads the settings in the table at `at`. The settings that the table leaves out come from `defaults`.
    pub fn settings<S: Settings>(&mut self, at: At<'_>, defaults: &S) -> S {
        let mut settings = defaults.clone();
        for setting in S::TABLE {
            let at = at.key(setting.name);
            let Some(scalar) = at.scalar() else {
                continue;
            };
            let outcome =
                units::parse(setting.kind, scalar.text()).and_then(|value| {
                    match settings.set(setting.name, value) {
                        true => Ok(()),
                        false => Err(units::TOO_LARGE.into()),
                    }
                });
            if let Err(reason) = outcome {
                self.report(at, format!("{} = {scalar}: {reason}", setting.name));
            }
        }
        settings
    }

    /// # Errors
    ///
    /// All problems that were reported, if any.
    pub fn finish<T>(self, read: T) -> Result<T, Problems> {
        match Problems::of(self.problems) {
            Some(problems) => Err(problems),
            None => Ok(read),
        }
    }
}
