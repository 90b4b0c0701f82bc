//! The routes to what is live.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::desired_state::HandlerKey;
use super::managed_handler::ManagedHandler;
use super::scan::ScannedFile;
use crate::config::{Action, Config, Route};
use crate::routing::{PathPattern, RouteTree, Table};
use crate::server::{ActiveHandler, MissingHandler, RouteTarget, Routes};

/// All that the routes are made of.
pub(super) struct Live<'a> {
    pub config: &'a Config,
    pub units: &'a BTreeMap<HandlerKey, ManagedHandler>,
    /// The handlers of folders.
    pub found: &'a BTreeMap<HandlerKey, ScannedFile>,
    /// Whether clients are told why a handler is not live.
    pub developing: bool,
}

impl Live<'_> {
    pub fn routes(&self) -> Table<Target> {
        let mut table = Table::default();
        for site in &self.config.sites {
            let mut routes = Routes::default();
            for route in &site.routes {
                if let Some(target) = self.target(route) {
                    routes.insert(&route.path, target);
                }
            }
            if let Some(folder) = &site.handlers {
                let found = self.found.iter().filter(
                    |(key, _)| matches!(key, HandlerKey::InFolder(path, _) if *path == folder.path),
                );
                for (key, found) in found {
                    self.add(
                        key,
                        found.routes.as_deref().unwrap_or_default(),
                        &mut routes,
                    );
                }
            }
            table.add(&site.hosts, routes);
        }
        table
    }

    fn add(&self, key: &HandlerKey, paths: &[PathPattern], routes: &mut RouteTree<RouteTarget>) {
        let Some(unit) = self.units.get(key) else {
            return;
        };
        for path in paths {
            if let Some(target) = self.handler(unit) {
                routes.insert(path, target);
            }
        }
    }

    fn target(&self, route: &Route) -> Option<RouteTarget> {
        let wrong = |reason: String| {
            tracing::error!("{}: {reason}", route.place);
        };
        match &route.action {
            Action::Run(config) => {
                let unit = self.units.get(&HandlerKey::Named(config.name.clone()))?;
                self.handler(unit)
            }
            Action::Redirect(redirect) => {
                RouteTarget::redirect(redirect, &route.path).map_err(wrong).ok()
            }
            Action::Respond(response) => RouteTarget::respond(response)
                .map_err(|error| wrong(error.to_string()))
                .ok(),
        }
    }

    /// The version that is live; of a handler that was refused from the first, that it is missing, so that no less specific
    /// route gets what is meant for it.
    fn handler(&self, unit: &ManagedHandler) -> Option<RouteTarget> {
        let name: Arc<str> = unit.input().name.as_str().into();
        match (&unit.live, &unit.refused) {
            (Some(version), refused) => Some(RouteTarget::Handler(Arc::new(ActiveHandler {
                handler: version.handler.clone(),
                name,
                refused: refused.clone(),
            }))),
            (None, Some(reason)) if !unit.held => Some(RouteTarget::Missing(Arc::new(MissingHandler {
                name,
                reason: self.developing.then(|| reason.clone()),
            }))),
            (None, _) => None,
        }
    }
}
