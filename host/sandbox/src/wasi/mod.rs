pub(crate) mod filesystem;
pub(crate) mod host_state;
pub(crate) mod keyvalue;
pub(crate) mod outbound;
pub(crate) mod stdio;
