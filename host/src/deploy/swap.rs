//! Swaps the live routes: builds a table from the versions that are live, and puts it in place of the table in use.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::desired_state::HandlerKey;
use super::handler_set::HandlerSet;
use super::managed_handler::ManagedHandler;
use crate::config::{Action, Component, Mounting, Redirect, Route};
use crate::routing::{self, PathPattern, Segment, Table};
use crate::server::{ActiveHandler, LiveReload, MissingHandler, RouteTarget, Routes};

/// The routes that new requests take.
pub(super) struct LiveRoutes {
    routes: Arc<ArcSwap<Routes>>,
    /// Whether clients see why a handler is not live.
    developing: bool,
    /// Told about each swap.
    live_reload: Option<Arc<LiveReload>>,
}

impl LiveRoutes {
    /// `routes` is what the server reads.
    pub fn new(
        routes: Arc<ArcSwap<Routes>>,
        developing: bool,
        live_reload: Option<Arc<LiveReload>>,
    ) -> Self {
        Self {
            routes,
            developing,
            live_reload,
        }
    }

    /// Whether the components are built while the server runs, so that some may be missing now.
    pub fn are_being_built(&self) -> bool {
        self.live_reload.is_some()
    }

    /// Swaps the table. Requests that are running keep the handler that they began with.
    pub fn swap(&self, set: &HandlerSet) {
        self.routes.store(Arc::new(self.table(set)));
        if let Some(live_reload) = &self.live_reload {
            live_reload.refused(set.refused().collect());
            live_reload.changed();
        }
    }

    fn table(&self, set: &HandlerSet) -> Routes {
        let mut table = Table::default();
        for site in &set.config.sites {
            let mut routes = routing::RouteTree::default();
            for route in &site.routes {
                if let Some(target) = self.target(set, route) {
                    routes.insert(&route.path, target);
                }
            }
            if let Some(folder) = &site.handlers {
                let handlers = set.handlers.iter().filter(
                    |(key, _)| matches!(key, HandlerKey::InFolder(path, _) if *path == folder.path),
                );
                for (_, handler) in handlers {
                    for path in &handler.routes {
                        if let Some(target) = self.handler(handler, Mounting::AtRoute) {
                            routes.insert(path, target);
                        }
                    }
                }
            }
            for (path, target) in site.routes.iter().filter_map(to_folder) {
                // A route of the configuration or of a handler at this path comes first.
                routes.insert(&path, target);
            }
            table.add(&site.hosts, routes);
        }
        table
    }

    fn target(&self, set: &HandlerSet, route: &Route) -> Option<RouteTarget> {
        let log = |reason: String| {
            tracing::error!("{}: {reason}", route.place);
        };
        match &route.action {
            Action::Run(config) => {
                let key = HandlerKey::Configured(config.name.clone());
                self.handler(set.handlers.get(&key)?, route.mounting)
            }
            Action::Redirect(redirect) => RouteTarget::redirect(redirect, &route.path)
                .map_err(log)
                .ok(),
            Action::Respond(response) => RouteTarget::respond(response)
                .map_err(|error| log(error.to_string()))
                .ok(),
        }
    }

    /// Returns the live version. A handler whose first version was refused keeps its routes and answers 503, so that a
    /// less specific route does not get its requests.
    fn handler(&self, handler: &ManagedHandler, mounting: Mounting) -> Option<RouteTarget> {
        let name: Arc<str> = handler.source().name.as_str().into();
        match (&handler.live, &handler.refused) {
            (Some(version), refused) => Some(RouteTarget::Handler(Arc::new(ActiveHandler {
                handler: version.handler.clone(),
                name,
                mounting,
                refused: refused.clone(),
            }))),
            (None, Some(reason)) if !handler.held => {
                Some(RouteTarget::Missing(Arc::new(MissingHandler {
                    name,
                    reason: self.developing.then(|| reason.clone()),
                })))
            }
            (None, _) => None,
        }
    }
}

/// The route that leads from `/docs` to `/docs/` if files are served there, so that the relative links of the index page
/// work. The handler that serves files cannot tell the two apart.
fn to_folder(route: &Route) -> Option<(PathPattern, RouteTarget)> {
    let is_files = match &route.action {
        Action::Run(handler) => handler.component == Component::Files,
        _ => false,
    };
    if !is_files {
        return None;
    }
    let path = route.path.above()?;
    let to = path.segments().iter().map(|segment| match segment {
        Segment::Parameter(name) => format!("/{{{name}}}"),
        Segment::Literal(text) => format!("/{text}"),
        Segment::Rest(_) => String::new(),
    });
    let redirect = Redirect {
        // Browsers keep a permanent redirect, although the folder may go.
        status: 307,
        to: to.chain([String::from("/")]).collect(),
    };
    let target = RouteTarget::redirect(&redirect, &path).ok()?;
    Some((path, target))
}
