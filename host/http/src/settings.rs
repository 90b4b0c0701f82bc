//! Tables of settings: the name, unit, default, range and description of each limit, defined once.
//!
//! [`settings!`](crate::settings!) defines a struct of limits together with the table that describes its fields. The
//! program makes its flags, the keys of its configuration file and its documentation from these tables.

mod define;
mod field;
mod setting;

#[doc(hidden)]
pub use define::{first, with_hyphens};
pub use field::Field;
pub use setting::{Kind, Setting, Settings, Value};
