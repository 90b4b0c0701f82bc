//! belljar's default guest: it serves the files of one directory.
//!
//! A request passes through the modules in this order; `answer` calls them all:
//!
//! ```text
//! request -> path -> resolve -> coding -> etag, conditions -> range -> response
//!                       |                                       |
//!                       +-> redirect, listing, single_page      +-> multipart
//!                       any failure -> error_page
//! ```
//!
//! The rules are pure functions, or they access the site through [`files::Files`], so native tests cover them. Only
//! `wasi` uses WASI. `bump_allocator` is the component's allocator.
//!
//! The component is built without std, whose panic messages would add about 20 imports, and every request pays for each
//! import. A panic is a trap, which the host answers with 500.
#![cfg_attr(target_family = "wasm", no_std)]
#![deny(unsafe_code)]

extern crate alloc;

pub mod answer;
pub mod coding;
pub mod conditions;
pub mod date;
pub mod error_page;
pub mod etag;
pub mod files;
pub mod listing;
pub mod media;
pub mod multipart;
pub mod path;
pub mod range;
pub mod redirect;
pub mod request;
pub mod resolve;
pub mod response;
pub mod settings;
pub mod single_page;
pub mod text;

#[cfg(any(target_family = "wasm", test))]
mod bump_allocator;
#[cfg(target_family = "wasm")]
mod wasi;

#[cfg(test)]
mod in_memory;
#[cfg(test)]
mod tests;
