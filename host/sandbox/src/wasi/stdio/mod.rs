//! The standard output and error of guests: bounded lines in the log, and captured output for developers.

pub(crate) mod captured_output;
pub(crate) mod log;
pub(crate) mod logging;
