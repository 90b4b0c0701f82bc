//! Tests that take long: other languages' tool chains, new projects, files beyond 4 GiB.

#[path = "../support/mod.rs"]
mod support;

mod big_files;
mod languages;
mod new;
