//! What the chores share with the tests that watch over their results.

pub mod digest;
pub mod section;
pub mod site;
pub mod workspace;
