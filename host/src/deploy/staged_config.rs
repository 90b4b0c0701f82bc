//! A newer configuration, which is put in place as a whole or not at all.

use std::collections::BTreeMap;

use super::desired_state::{HandlerKey, named};
use super::load::{HandlerSource, LoadOutcome};
use super::load_queue::LoadQueue;
use super::managed_handler::{Change, ManagedHandler};
use super::report::Report;
use crate::config::Config;

pub(super) struct StagedConfig {
    config: Config,
    /// Those of its handlers that are new, or are configured otherwise.
    units: BTreeMap<HandlerKey, ManagedHandler>,
    problems: Vec<String>,
}

impl StagedConfig {
    /// `units` is what is live: of what stays the same nothing is loaded.
    pub fn new(
        config: Config,
        units: &BTreeMap<HandlerKey, ManagedHandler>,
        queue: &mut LoadQueue,
    ) -> Self {
        let mut new = BTreeMap::new();
        for (key, handler) in named(&config) {
            let old = units.get(&key);
            if old.is_some_and(|old| old.input().defaults == handler) {
                continue;
            }
            let mut unit = ManagedHandler::new(HandlerSource::named(&handler), true);
            unit.live = old.and_then(|old| old.live.clone());
            queue.order(&key, &mut unit);
            new.insert(key, unit);
        }
        Self {
            config,
            units: new,
            problems: Vec::new(),
        }
    }

    /// # Errors
    ///
    /// Gives the outcome back where it is of a load that is not one of these.
    pub fn loaded(
        &mut self,
        key: &HandlerKey,
        number: u64,
        outcome: LoadOutcome,
    ) -> Result<(), LoadOutcome> {
        let Some(unit) = self.units.get_mut(key) else {
            return Err(outcome);
        };
        let news = unit.end(number, outcome, false)?;
        if let Change::Refused(reason) = news {
            let report = Report {
                config: &self.config,
                units: &self.units,
                found: &BTreeMap::new(),
            };
            self.problems.push(report.problem(key, &reason));
        }
        Ok(())
    }

    pub fn is_complete(&self) -> bool {
        !self.units.values().any(ManagedHandler::is_loading)
    }

    /// The configuration and its newer handlers.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub fn outcome(self) -> Result<(Config, BTreeMap<HandlerKey, ManagedHandler>), Vec<String>> {
        match self.problems.is_empty() {
            true => Ok((self.config, self.units)),
            false => Err(self.problems),
        }
    }
}
