//! Tests of the default guest, which serves the files of a folder.

#[path = "../support/mod.rs"]
mod support;

mod browser;
mod coding;
mod conditionals;
mod directories;
mod error_pages;
mod files_basic;
mod paths;
mod ranges;
