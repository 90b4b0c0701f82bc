//! Code that the development tasks share with the tests of their results.

pub mod digest;
pub mod section;
pub mod site;
pub mod workspace;
