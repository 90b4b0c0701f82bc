//! What pages are told about a project, by whoever builds and deploys it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use belljar_http::{Request, Response};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::own;
use super::state::{Build, FirstBuild, State};
use crate::server::sanitized;

/// What pages are told about the project.
pub struct LiveReload {
    state: watch::Sender<State>,
    /// The paths of the pages whose policy allows no script, each of which is logged once.
    refused: Mutex<Vec<String>>,
}

impl LiveReload {
    pub fn new() -> Self {
        Self {
            state: watch::Sender::new(State::new()),
            refused: Mutex::default(),
        }
    }

    /// What is served has changed: pages load themselves again.
    pub fn changed(&self) {
        self.state.send_modify(State::next_version);
    }

    /// The build has begun, or ended.
    pub fn build(&self, build: Build) {
        self.state.send_if_modified(|state| state.set_build(build));
    }

    /// The handlers whose newest components were refused, each with the reason.
    pub fn refused(&self, problems: Vec<String>) {
        self.state
            .send_if_modified(|state| state.set_refused(problems));
    }

    /// The state of the newest build.
    pub(in crate::server) fn newest_build(&self) -> Build {
        self.state.borrow().build.clone()
    }

    /// Waits until the first build has ended and its components are loaded.
    pub(in crate::server) async fn first_build(&self) {
        let mut state = self.state.subscribe();
        // The sender lives as long as this.
        let _ = state
            .wait_for(|state| state.first != FirstBuild::Running)
            .await;
        let over = state.wait_for(|state| state.first == FirstBuild::Over);
        let _ = tokio::time::timeout(LOADING, over).await;
    }

    /// The response to a request of the script. None for other requests.
    pub(in crate::server) fn own_response(
        &self,
        request: &Request,
        stop: &CancellationToken,
    ) -> Option<Response> {
        own::response(&self.state, request, stop)
    }

    /// Names the version of what is served.
    pub(super) fn page(&self) -> String {
        self.state.borrow().page()
    }

    /// Logs that a page has no script.
    pub(super) fn log_refused(&self, path: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < MAX_LOGGED && !refused.iter().any(|known| known == path) {
            tracing::warn!(
                "the page {} does not load itself again: its Content-Security-Policy allows no scripts of its own server; \
                 add 'self' to script-src and connect-src",
                sanitized(path)
            );
            refused.push(path.to_owned());
        }
    }
}

impl Default for LiveReload {
    fn default() -> Self {
        Self::new()
    }
}

/// How long components may take to load after the first build. Compilation has a limit of its own, which is lower.
const LOADING: Duration = Duration::from_secs(300);

/// Maximum number of pages that are logged.
const MAX_LOGGED: usize = 100;
