//! Live reload, for `belljar dev`: pages load themselves again when what they show has changed, and show why a build failed.
//!
//! - `hub` has the state, which those who build and deploy change: the version of what is served, and the problems of the
//!   newest build (`state`).
//! - `inject` adds a script to the pages that a browser opens. `policy` tells whether their Content-Security-Policy allows it.
//! - `own` answers the requests of the script: the script itself, and a stream of events with each new state.

mod hub;
mod inject;
mod own;
mod policy;
mod state;

pub use self::hub::LiveReload;
pub(super) use self::inject::OpenedPage;
pub use self::state::Build;
