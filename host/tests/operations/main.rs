//! Tests of the program: its commands, its configuration, and handlers that are deployed while it runs.

#[path = "../support/mod.rs"]
mod support;

mod ceiling;
mod check;
mod command_line;
#[cfg(unix)]
mod compile;
mod completions;
mod configuration;
#[cfg(target_os = "linux")]
mod dev;
mod dev_pages;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(unix)]
mod folder_faults;
#[cfg(target_os = "linux")]
mod full_disk;
mod get;
mod handlers_folder;
#[cfg(target_os = "linux")]
mod hardening;
mod man;
mod middleware;
mod mounts;
mod routes;
mod swap;
#[cfg(target_os = "linux")]
mod untrusted_components;
