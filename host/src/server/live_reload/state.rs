//! The state of a project that is being developed.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

/// The state of the newest build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Build {
    Running,
    /// The output of the build's tools.
    Failed(String),
    Done,
}

pub(super) struct State {
    /// The start of this process. Pages of an earlier process have another one.
    started: u128,
    /// How often what is served has changed.
    version: u64,
    pub build: Build,
    /// Why the newest components were refused.
    refused: Vec<String>,
    pub first: FirstBuild,
}

/// The state of the first build of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstBuild {
    Running,
    /// Its components are being loaded.
    Loading,
    /// It failed, or its components are served or refused.
    Over,
}

impl State {
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            started: now.unwrap_or_default().as_millis(),
            version: 0,
            build: Build::Done,
            refused: Vec::new(),
            first: FirstBuild::Running,
        }
    }

    pub fn next_version(&mut self) {
        self.version += 1;
        if self.first == FirstBuild::Loading {
            self.first = FirstBuild::Over;
        }
    }

    /// Returns whether something else is to be told than before.
    pub fn set_build(&mut self, build: Build) -> bool {
        let before = (self.first, self.problem());
        self.first = match (&build, self.first) {
            (Build::Failed(_), _) => FirstBuild::Over,
            (Build::Done, FirstBuild::Running) => FirstBuild::Loading,
            (_, first) => first,
        };
        self.build = match (build, &self.build) {
            // The problem stays in view until it is known whether it is solved.
            (Build::Running, Build::Failed(output)) => Build::Failed(output.clone()),
            (build, _) => build,
        };
        before != (self.first, self.problem())
    }

    /// Returns whether pages show another problem than before.
    pub fn set_refused(&mut self, problems: Vec<String>) -> bool {
        let before = self.problem();
        self.refused = problems;
        before != self.problem()
    }

    /// Names the version of what is served.
    pub fn page(&self) -> String {
        format!("{}.{}", self.started, self.version)
    }

    /// The data of an event.
    pub fn event(&self) -> String {
        let (title, text) = self.problem().unzip();
        json!({ "page": self.page(), "title": title, "text": text }).to_string()
    }

    /// A title and a text to show.
    fn problem(&self) -> Option<(&'static str, String)> {
        match &self.build {
            Build::Failed(output) => Some(("The build failed", output.clone())),
            _ if !self.refused.is_empty() => {
                Some(("The new build was refused", self.refused.join("\n")))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_stays_until_a_build_succeeds() {
        let mut state = State::new();
        assert!(!state.set_build(Build::Running));
        assert!(state.set_build(Build::Done));
        assert_eq!(state.first, FirstBuild::Loading);
        state.next_version();
        assert_eq!(state.first, FirstBuild::Over);
        assert!(state.set_build(Build::Failed("a".into())));
        assert!(!state.set_build(Build::Running));
        assert!(
            state.event().contains("The build failed"),
            "{}",
            state.event()
        );
        assert!(!state.set_refused(vec!["b".into()]));
        assert!(state.set_build(Build::Done));
        assert!(state.event().contains("refused"), "{}", state.event());
        assert!(state.set_refused(Vec::new()));
        assert!(state.event().contains("null"), "{}", state.event());
    }
}
