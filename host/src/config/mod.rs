//! The configuration of a server: its listeners, sites and routes, and the handlers behind them.
//!
//! All of it is plain data that can be compared, so that a change is the difference of two configurations. It comes from
//! `belljar.toml` or from the flags of `belljar serve`, which have the same names as the keys.

mod ceiling;
mod context;
mod document;
#[cfg(test)]
mod documentation;
mod exposure;
mod file;
mod files;
mod grants;
mod handlers;
mod model;
mod names;
mod problem;
mod read;
mod reader;
mod responses;
mod routes;
mod schema;
pub mod settings;
mod sites;
#[cfg(test)]
mod tests;
pub mod units;
mod validate;
mod value;

pub use self::files::Files;
pub use self::model::{
    Action, BuildStep, Ceiling, Component, Config, GrantConfig, HandlerConfig, HandlersFolder,
    Mounting, OutboundConfig, Redirect, Route, Server, Site, StaticResponse, StoreConfig,
};
pub use self::names::name_of;
pub use self::problem::{Position, Problem, Problems};
pub use self::read::MAX_FILE;
pub use self::value::{FieldValue, Listen};
