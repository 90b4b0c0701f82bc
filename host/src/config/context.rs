//! The state that is shared while the sites of a file are read.

use belljar_sandbox::Limits;

use super::document::At;
use super::model::{Ceiling, Component, HandlerConfig};
use super::names::Drafts;

/// The settings of all handlers, and the handlers found so far.
pub(super) struct Context<'d, 'r> {
    pub limits: &'r Limits,
    /// The most that the handlers of folders may be granted and use.
    pub ceiling: &'r Ceiling,
    /// How many instances all handlers may have together.
    pub max_instances: u32,
    /// The first host of the site that is read. Empty: the site for all other hosts.
    pub host: String,
    pub drafts: Drafts<'d>,
    /// The handlers that serve files, by their numbers among the drafts.
    pub file_handlers: Vec<(usize, At<'d>)>,
}

impl Context<'_, '_> {
    /// A handler that runs this component with the default limits and without grants.
    pub fn defaults(&self, component: Component) -> HandlerConfig {
        HandlerConfig {
            component,
            limits: self.limits.clone(),
            ..HandlerConfig::default()
        }
    }
}
