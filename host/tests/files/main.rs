//! Tests of the default guest: the files of a folder, as clients and browsers see them.

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
