//! Key-value stores: persistent entries for handlers, by the interfaces that handlers are built for.
//!
//! Each handler has its own buckets, under the name of the handler. Guests do not create buckets: a bucket exists when it has
//! an entry.
//!
//! - [`bucket`] opens and uses buckets; the interfaces are [`draft`] and [`draft2`] of wasi:keyvalue, [`spin2`] and [`spin3`]
//!   of Spin.
//! - [`databases`] holds the open databases, [`database`] reads and writes one, [`database_file`] opens its file.
//! - [`open_file`] opens the file again after an I/O error, when [`recovery`] says so.
//! - [`namespace`] reads and changes the entries of a handler in the [`tables`], within the [`limits`].

mod bucket;
mod database;
mod database_file;
mod databases;
pub(crate) mod draft;
pub(crate) mod draft2;
mod limits;
mod namespace;
mod open_file;
mod recovery;
mod rejected;
pub(crate) mod spin2;
pub(crate) mod spin3;
mod tables;

pub use self::bucket::KeyValueStore;
pub(crate) use self::bucket::KeyValueView;
pub use self::database::Database;
pub use self::database_file::StoreInUse;
pub use self::databases::Databases;
pub use self::limits::StoreLimits;
