//! The log lines about handlers that are loaded, replaced, refused and removed.

use std::time::SystemTime;

use bytesize::ByteSize;

use super::desired_state::HandlerKey;
use super::load::HandlerVersion;
use super::managed_handler::{Change, ManagedHandler};
use crate::config::{Action, Config, Route};
use crate::server::sanitized;

/// A line for the log. It is written once the change is live, so that scripts can wait for it.
pub(super) enum LogLine {
    Info(String),
    Error(String),
}

impl LogLine {
    pub fn write(&self) {
        match self {
            Self::Info(line) => tracing::info!("{line}"),
            Self::Error(line) => tracing::error!("{line}"),
        }
    }
}

/// Describes one handler to the operator.
pub(super) struct Report<'a> {
    pub config: &'a Config,
    pub key: &'a HandlerKey,
    pub handler: &'a ManagedHandler,
}

impl<'a> Report<'a> {
    pub fn change(&self, change: &Change) -> Option<LogLine> {
        let live = self.handler.live.as_deref();
        match (change, live) {
            (Change::Live, Some(version)) => self.live("live", version),
            (Change::Replaced, Some(version)) => self.live("replaced", version),
            (Change::None, _) | (Change::Live | Change::Replaced, None) => None,
            (Change::Refused(reason), live) => {
                let problem = self.problem(reason);
                Some(LogLine::Error(
                    match live.map(|version| time_of_day(version.loaded)) {
                        Some(time) => {
                            format!("{problem}; the version loaded at {time} keeps serving")
                        }
                        None => problem,
                    },
                ))
            }
        }
    }

    pub fn removed(&self) -> LogLine {
        let file = self.file().unwrap_or_default();
        LogLine::Info(format!("removed: {} (was {file})", self.routes()))
    }

    /// Describes a problem of the handler on one line, with the place and the file.
    pub fn problem(&self, reason: &str) -> String {
        let reason = sanitized(reason).replace("\n    ", "; ");
        let place = self.configured_routes().next().map(|route| &*route.place);
        match (place, self.file()) {
            // For a handler from a flag, the place is the file.
            (Some(place), Some(file)) if place != file => format!("{place}: {file}: {reason}"),
            (_, Some(file)) => format!("{file}: {reason}"),
            (Some(place), None) => format!("{place}: {reason}"),
            (None, None) => reason,
        }
    }

    fn live(&self, change: &str, version: &HandlerVersion) -> Option<LogLine> {
        let Some(file) = self.file() else {
            // The built-in handler is part of the program. It is only replaced to open its folder again.
            let replaced = format!(
                "{change}: {}, to open another folder at its path",
                self.routes()
            );
            return (change == "replaced").then_some(LogLine::Info(replaced));
        };
        Some(LogLine::Info(format!(
            "{change}: {} from {file}{} ({}, loaded in {:.0?})",
            self.routes(),
            self.middleware(),
            ByteSize::b(version.size as u64),
            version.took
        )))
    }

    fn file(&self) -> Option<String> {
        let file = self.handler.source().file()?;
        Some(file.display().to_string())
    }

    fn middleware(&self) -> String {
        let middleware = self.handler.source().middleware();
        let names: Vec<_> = middleware.map(|path| path.display().to_string()).collect();
        match names.is_empty() {
            true => String::new(),
            false => format!(" behind {}", names.join(", ")),
        }
    }

    fn routes(&self) -> String {
        let configured = self.configured_routes().map(|route| route.path.to_string());
        let in_folder = self.handler.routes.iter().map(ToString::to_string);
        configured.chain(in_folder).collect::<Vec<_>>().join(", ")
    }

    /// The routes of the configuration that lead to the handler.
    fn configured_routes(&self) -> impl Iterator<Item = &'a Route> {
        let Self { config, key, .. } = *self;
        let routes = config.sites.iter().flat_map(|site| &site.routes);
        routes.filter(move |route| match (&route.action, key) {
            (Action::Run(handler), HandlerKey::Configured(name)) => handler.name == *name,
            _ => false,
        })
    }
}

/// `12:03:10`, in UTC like all times of the log.
fn time_of_day(time: SystemTime) -> String {
    let date = httpdate::fmt_http_date(time);
    date.get(17..25).unwrap_or_default().to_owned()
}
