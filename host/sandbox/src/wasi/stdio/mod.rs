pub(crate) mod captured_output;
pub(crate) mod log;
