//! Loads handlers, and keeps the live routes equal to the configuration and to the folders of handlers.
//!
//! A change of a file goes through these steps, each a file of this module:
//!
//! ```text
//! watch -> scan -> fingerprint -> load_queue -> load (compile) -> swap
//! ```
//!
//! The watcher polls the files several times a second, so that a deployment needs no signal. A new or changed component is
//! read, compiled in a process of its own, linked with its grants, and started once. Only then do new requests go to it.
//! If a step fails, the previous version keeps serving, and the log says why.

mod component_file;
mod config_file;
mod content_hash;
mod deployment;
mod desired_state;
mod embedded;
mod file_routes;
mod fingerprint;
mod granted_folders;
mod handler_set;
mod load;
mod load_queue;
mod managed_handler;
mod preview;
mod report;
mod scan;
mod source;
mod staged_config;
mod swap;
mod truncation;
mod vanished;
mod watch;

pub use component_file::{Components, MAX_COMPONENT, truncation};
pub use deployment::{Deployment, Options};
pub use embedded::FILES;
pub use fingerprint::Fingerprint;
pub use preview::{FoundHandler, FoundHandlers};
