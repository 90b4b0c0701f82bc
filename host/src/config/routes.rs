//! Reads routes.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use belljar_http::settings::Settings;

use super::context::Context;
use super::document::At;
use super::file::RouteTable;
use super::model::{Action, Component, HandlerConfig, Mounting, Route};
use super::names::Draft;
use super::reader::Reader;
use super::settings::InstanceLimits;
use crate::routing::PathPattern;

/// A route before its handler has a name.
pub(super) struct DraftRoute<'d> {
    pub path: PathPattern,
    pub action: DraftAction,
    pub mounting: Mounting,
    pub at: At<'d>,
}

pub(super) enum DraftAction {
    /// Runs the handler with this number among the drafts.
    Run(usize),
    Other(Action),
}

impl DraftRoute<'_> {
    pub fn finish(self, handlers: &[Arc<HandlerConfig>]) -> Option<Route> {
        Some(Route {
            path: self.path,
            action: match self.action {
                DraftAction::Run(number) => Action::Run(handlers.get(number)?.clone()),
                DraftAction::Other(action) => action,
            },
            mounting: self.mounting,
            place: self.at.place(),
        })
    }
}

impl Reader<'_> {
    /// Reads the routes of the site at `at`.
    pub fn routes<'d>(
        &mut self,
        tables: &[RouteTable],
        at: At<'d>,
        context: &mut Context<'d, '_>,
    ) -> Vec<DraftRoute<'d>> {
        let mut routes: Vec<DraftRoute<'d>> = Vec::new();
        for (position, table) in tables.iter().enumerate() {
            let at = at.key("route").item(position);
            let action = self.action(table, at, context);
            let (Some(path), Some(action)) = (&table.path, action) else {
                continue;
            };
            let path = path.0.clone();
            if let Some(other) = routes.iter().find(|other| other.path.is_same_as(&path)) {
                let line = other.at.line();
                self.report(
                    at.key("path"),
                    format!("the path {path} already has a route, in line {line}; change one of the paths"),
                );
            }
            let mounting = self.mounting(table, &path, at);
            routes.push(DraftRoute {
                path,
                action,
                mounting,
                at,
            });
        }
        routes
    }

    /// Reads which path the handler of a route sees.
    fn mounting(&mut self, route: &RouteTable, path: &PathPattern, at: At<'_>) -> Mounting {
        let is_stripped = route.component.is_some() && route.strip_prefix == Some(true);
        let wanted = is_stripped || route.files.is_some();
        if wanted && !path.has_rest() {
            let (at, key) = match route.files {
                Some(_) => (at.key("files"), "files"),
                None => (at.key("strip-prefix"), "strip-prefix"),
            };
            self.report(
                at,
                format!(
                    "{key} needs a path that ends in `/*`, since nothing of {path} would be left; write {}/*",
                    path.as_str().trim_end_matches('/')
                ),
            );
        }
        match wanted {
            true => Mounting::AtRoute,
            false => Mounting::Whole,
        }
    }

    /// Reads the action of a route: exactly one of four keys.
    fn action<'d>(
        &mut self,
        route: &RouteTable,
        at: At<'d>,
        context: &mut Context<'d, '_>,
    ) -> Option<DraftAction> {
        let present: Vec<_> = ["component", "files", "redirect", "response"]
            .into_iter()
            .filter(|key| at.key(key).is_present())
            .collect();
        if present.is_empty() && !at.is_incomplete() {
            self.report(
                at,
                "the route has no component, files, redirect or response; add one",
            );
        } else if present.len() > 1 {
            self.report(
                at,
                format!(
                    "the route has more than one of component, files, redirect and response: {}; keep one",
                    present.join(" and ")
                ),
            );
        }
        if !present.contains(&"component") {
            let settings = InstanceLimits::TABLE.iter().map(|setting| setting.name);
            let keys = ["middleware", "name", "strip-prefix", "grants", "limits"];
            for key in keys.into_iter().chain(settings) {
                if at.key(key).is_present() {
                    let problem = match key {
                        "middleware" if route.files.is_some() => FILES_BEHIND_MIDDLEWARE.into(),
                        _ => {
                            format!("{key} has no effect in a route without a component; remove it")
                        }
                    };
                    self.report(at.key(key), problem);
                }
            }
        }
        if let Some(component) = &route.component {
            let handler = self.route_handler(route, component, at, context);
            return Some(DraftAction::Run(handler));
        }
        if let Some(files) = &route.files {
            let path = route.path.as_ref().map_or("", |path| path.0.as_str());
            let address = format!("{}{path}", context.host);
            let handler = self.files_handler(files, at.key("files"), &address, context)?;
            return Some(DraftAction::Run(handler));
        }
        let path = route.path.as_ref().map(|path| &path.0);
        if let Some(redirect) = &route.redirect {
            let redirect = self.redirect(redirect, path, at.key("redirect"))?;
            return Some(DraftAction::Other(Action::Redirect(redirect)));
        }
        let response = self.response(route.response.as_ref()?, at.key("response"))?;
        Some(DraftAction::Other(Action::Respond(Arc::new(response))))
    }

    /// Reads the handler of a route. Returns its number among the drafts.
    fn route_handler<'d>(
        &mut self,
        route: &RouteTable,
        component: &str,
        at: At<'d>,
        context: &mut Context<'d, '_>,
    ) -> usize {
        let file = self.component("component", component, at.key("component"));
        let mut defaults = context.defaults(Component::File(file));
        for (position, file) in route.middleware.iter().flatten().enumerate() {
            let at = at.key("middleware").item(position);
            let file = self.component("middleware", file, at);
            defaults.middleware.push(file);
        }
        let grants = route.grants.as_ref();
        let limits = Default::default();
        let config = self.handler(grants, at, &defaults, limits, context.max_instances);
        let path = route.path.as_ref().map_or("", |path| path.0.as_str());
        let address = format!("{}{path}", context.host);
        let place = if at.key("name").is_present() {
            at.key("name")
        } else {
            at
        };
        context.drafts.add(Draft::of_component(
            config,
            route.name.clone(),
            component,
            &address,
            place,
        ))
    }

    /// Resolves the path of a component, and checks that there is a file. `what` names the component.
    fn component(&mut self, what: &str, path: &str, at: At<'_>) -> PathBuf {
        let file = self.resolve(path);
        let shown = file.display();
        match std::fs::metadata(&file) {
            Ok(found) if found.is_file() => {}
            Err(error) if self.unbuilt && error.kind() == ErrorKind::NotFound => {}
            Ok(_) => self.report(
                at,
                format!("the {what} {shown} is not a file; name a .wasm file"),
            ),
            Err(error) => self.report(
                at,
                format!(
                    "the {what} {shown} cannot be read: {error}; build it, or correct the path"
                ),
            ),
        }
        file
    }
}

const FILES_BEHIND_MIDDLEWARE: &str = "middleware cannot be in front of files, because the built-in handler that serves them \
                                       follows belljar's own contract; serve the files with a component for wasi:http, or \
                                       remove it";
