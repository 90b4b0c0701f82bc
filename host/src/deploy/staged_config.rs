//! A changed configuration while its handlers are loaded. It replaces the one in use as a whole, or not at all.

use std::collections::BTreeMap;

use super::desired_state::{HandlerKey, configured_handlers};
use super::handler_set::HandlerSet;
use super::load::LoadOutcome;
use super::load_queue::LoadQueue;
use super::managed_handler::{Change, ManagedHandler};
use super::report::Report;
use super::source::HandlerSource;
use crate::config::Config;

pub(super) struct StagedConfig {
    config: Config,
    /// The handlers that are new in this configuration or have other settings.
    handlers: BTreeMap<HandlerKey, ManagedHandler>,
    problems: Vec<String>,
}

impl StagedConfig {
    /// Starts to load the handlers of `config` that differ from those of `current`.
    pub fn new(config: Config, current: &HandlerSet, queue: &mut LoadQueue) -> Self {
        let mut handlers = BTreeMap::new();
        for (key, handler_config) in configured_handlers(&config) {
            let old = current.handlers.get(&key);
            if old.is_some_and(|old| old.source().defaults == handler_config) {
                continue;
            }
            let source = HandlerSource::configured(&handler_config);
            let mut handler = ManagedHandler::new(source, Vec::new(), true);
            handler.live = old.and_then(|old| old.live.clone());
            queue.push(&key, &mut handler);
            handlers.insert(key, handler);
        }
        Self {
            config,
            handlers,
            problems: Vec::new(),
        }
    }

    /// Takes the outcome of a load.
    ///
    /// # Errors
    ///
    /// Returns the outcome if the load was not started by this configuration.
    pub fn load_ended(
        &mut self,
        key: &HandlerKey,
        number: u64,
        outcome: LoadOutcome,
    ) -> Result<(), LoadOutcome> {
        let Some(handler) = self.handlers.get_mut(key) else {
            return Err(outcome);
        };
        let change = handler.load_ended(number, outcome, false)?;
        if let Change::Refused(reason) = change {
            let report = Report {
                config: &self.config,
                key,
                handler,
            };
            self.problems.push(report.problem(&reason));
        }
        Ok(())
    }

    /// Whether all loads have ended.
    pub fn is_complete(&self) -> bool {
        !self.handlers.values().any(ManagedHandler::is_loading)
    }

    /// Returns the configuration and the handlers that were loaded for it.
    ///
    /// # Errors
    ///
    /// Returns the problems of all handlers that were refused.
    pub fn into_result(
        self,
    ) -> Result<(Config, BTreeMap<HandlerKey, ManagedHandler>), Vec<String>> {
        match self.problems.is_empty() {
            true => Ok((self.config, self.handlers)),
            false => Err(self.problems),
        }
    }
}
