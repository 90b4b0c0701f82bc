//! Tests that take long: handlers in other languages, new projects, and files larger than 4 GiB.

#[path = "../support/mod.rs"]
mod support;

mod big_files;
mod languages;
mod new;
