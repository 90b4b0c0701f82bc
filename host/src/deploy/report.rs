//! What the log is told of handlers that come, change and go.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytesize::ByteSize;

use super::desired_state::HandlerKey;
use super::load::HandlerVersion;
use super::managed_handler::{Change, ManagedHandler};
use super::scan::ScannedFile;
use crate::config::{Action, Config};
use crate::server::sanitized;

/// A line of the log. It is written when what it tells of is live: who reads it may rely on it.
pub(super) enum Line {
    Info(String),
    Error(String),
}

impl Line {
    pub fn write(&self) {
        match self {
            Self::Info(line) => tracing::info!("{line}"),
            Self::Error(line) => tracing::error!("{line}"),
        }
    }
}

/// All that is known of the handlers.
pub(super) struct Report<'a> {
    pub config: &'a Config,
    pub units: &'a BTreeMap<HandlerKey, ManagedHandler>,
    pub found: &'a BTreeMap<HandlerKey, ScannedFile>,
}

impl Report<'_> {
    pub fn of(&self, key: &HandlerKey, news: &Change) -> Option<Line> {
        let live = self.units.get(key).and_then(|unit| unit.live.as_deref());
        match (news, live) {
            (Change::Live, Some(version)) => self.live("live", key, version),
            (Change::Replaced, Some(version)) => self.live("replaced", key, version),
            (Change::None, _) | (Change::Live | Change::Replaced, None) => None,
            (Change::Refused(reason), live) => {
                let problem = self.problem(key, reason);
                Some(Line::Error(
                    match live.map(|version| time_of_day(version.loaded)) {
                        Some(time) => format!("{problem}; the version of {time} goes on serving"),
                        None => problem,
                    },
                ))
            }
        }
    }

    pub fn removed(&self, key: &HandlerKey) -> Line {
        let file = self.file(key).unwrap_or_default();
        Line::Info(format!("removed: {} (was {file})", self.routes(key)))
    }

    /// What is wrong with a handler, and where, on one line.
    pub fn problem(&self, key: &HandlerKey, reason: &str) -> String {
        let reason = sanitized(reason).replace("\n    ", "; ");
        let place = match key {
            HandlerKey::Named(name) => self.routes_of(name).next().map(|route| &*route.place),
            HandlerKey::InFolder(..) => None,
        };
        // A place that is a file's own name says it already.
        match (place, self.file(key)) {
            (Some(place), Some(file)) if place != file => format!("{place}: {file}: {reason}"),
            (_, Some(file)) => format!("{file}: {reason}"),
            (Some(place), None) => format!("{place}: {reason}"),
            (None, None) => reason,
        }
    }

    fn live(&self, what: &str, key: &HandlerKey, version: &HandlerVersion) -> Option<Line> {
        // What is of this program is no news.
        let file = self.file(key)?;
        Some(Line::Info(format!(
            "{what}: {} from {file} ({}, loaded in {:.0?})",
            self.routes(key),
            ByteSize::b(version.size as u64),
            version.took
        )))
    }

    fn file(&self, key: &HandlerKey) -> Option<String> {
        let file = self.units.get(key)?.input().file()?;
        Some(file.display().to_string())
    }

    fn routes(&self, key: &HandlerKey) -> String {
        let routes: Vec<String> = match key {
            HandlerKey::Named(name) => self
                .routes_of(name)
                .map(|route| route.path.to_string())
                .collect(),
            HandlerKey::InFolder(..) => {
                let found = self.found.get(key).map(|found| found.routes.as_deref());
                let found = found.and_then(Result::ok).unwrap_or_default();
                found.iter().map(ToString::to_string).collect()
            }
        };
        routes.join(", ")
    }

    fn routes_of<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s crate::config::Route> {
        let routes = self.config.sites.iter().flat_map(|site| &site.routes);
        routes.filter(
            move |route| matches!(&route.action, Action::Run(handler) if handler.name == name),
        )
    }
}

/// `12:03:10`, UTC as all times of the log.
fn time_of_day(time: SystemTime) -> String {
    let date = httpdate::fmt_http_date(time);
    date.get(17..25).unwrap_or_default().to_owned()
}
