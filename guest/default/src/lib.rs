//! belljar's default guest: it serves the files of one directory, and its 404s.
//!
//! One request runs through the modules in this order, and `answer` is the whole way on one screen:
//!
//! ```text
//! request -> path -> resolve -> coding -> etag, conditions -> range -> response
//!                       |                                       |
//!                       +-> redirect, listing, single_page      +-> multipart
//!                       any failure -> error_page
//! ```
//!
//! The rules are pure functions, or ask [`files::Files`] for what they need to know of the site, so that they
//! are tested natively. Only `wasi` touches WASI, and `arena` is its allocator.
//!
//! The component is built without std: std's start-up code and panic messages would bring a dozen imports
//! with them, and every request pays for those. A panic is a trap, which the host answers with 500.
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

#[cfg(target_family = "wasm")]
mod arena;
#[cfg(target_family = "wasm")]
mod wasi;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
