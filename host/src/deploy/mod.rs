//! Keeps what is live equal to what is wanted.
//!
//! What is wanted comes from a [`Config`](crate::config::Config) and from folders of handlers, which are looked at again
//! and again: nobody has to tell of a change. A component that is new or another is read, compiled in a process of its
//! own, checked against its grants and tried, and only then put in place, for the requests that come from then on.
//! Where anything of this goes wrong, what is live goes on.

mod compile;
mod content_hash;
mod desired_state;
mod fingerprint;
mod load;
mod load_queue;
mod managed_handler;
mod preview;
mod report;
mod scan;
mod staged_config;
mod swap;
mod watch;

pub use compile::{CompileLimits, REFUSED};
pub use load::FILES;
pub use preview::FoundHandler;
pub use watch::{Deployment, Options};
