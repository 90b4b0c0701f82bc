//! Routes as a file has them.

use std::sync::Arc;

use super::document::At;
use super::file::RouteTable;
use super::handlers::HandlerTable;
use super::names::Draft;
use super::reader::Reader;
use super::sites::Reading;
use super::{Action, Component, HandlerConfig, Route};
use crate::routing::PathPattern;

/// A route whose handler has no name yet.
pub(super) struct DraftRoute<'d> {
    pub path: PathPattern,
    pub action: DraftAction,
    pub at: At<'d>,
}

pub(super) enum DraftAction {
    /// By its number among the drafts.
    Run(usize),
    Done(Action),
}

impl DraftRoute<'_> {
    pub fn finished(self, handlers: &[Arc<HandlerConfig>]) -> Option<Route> {
        Some(Route {
            path: self.path,
            action: match self.action {
                DraftAction::Run(number) => Action::Run(handlers.get(number)?.clone()),
                DraftAction::Done(action) => action,
            },
            place: self.at.place(),
        })
    }
}

impl Reader<'_> {
    /// `at` is their site.
    pub fn routes<'d>(
        &mut self,
        tables: &[RouteTable],
        at: At<'d>,
        reading: &mut Reading<'d, '_>,
    ) -> Vec<DraftRoute<'d>> {
        let mut routes: Vec<DraftRoute<'d>> = Vec::new();
        for (position, table) in tables.iter().enumerate() {
            let at = at.key("route").item(position);
            let action = self.action(table, at, reading);
            let (Some(path), Some(action)) = (&table.path, action) else {
                continue;
            };
            let path = path.0.clone();
            if let Some(other) = routes.iter().find(|other| other.path.is_same_as(&path)) {
                let line = other.at.line();
                self.tell(
                    at.key("path"),
                    format!("the path {path} has a route already, in line {line}; give one of them another path"),
                );
            }
            routes.push(DraftRoute { path, action, at });
        }
        routes
    }

    /// What answers, of the keys of which there has to be one.
    fn action<'d>(
        &mut self,
        route: &RouteTable,
        at: At<'d>,
        reading: &mut Reading<'d, '_>,
    ) -> Option<DraftAction> {
        let said: Vec<_> = ["component", "redirect", "response"]
            .into_iter()
            .filter(|key| at.key(key).is_said())
            .collect();
        if said.is_empty() && !at.is_doubtful() {
            self.tell(
                at,
                "the route leads to nothing; give it a component, a redirect or a response",
            );
        } else if said.len() > 1 {
            self.tell(
                at,
                format!(
                    "the route leads to more than one thing: {}; leave one",
                    said.join(" and ")
                ),
            );
        }
        if !said.contains(&"component") {
            for key in ["name", "reuse", "concurrency", "grants", "limits"] {
                if at.key(key).is_said() {
                    self.tell(
                        at.key(key),
                        format!("{key} has no use in a route without a component; take it out"),
                    );
                }
            }
        }
        if let Some(component) = &route.component {
            let handler = self.route_handler(route, component, at, reading);
            return Some(DraftAction::Run(handler));
        }
        let path = route.path.as_ref().map(|path| &path.0);
        if let Some(redirect) = &route.redirect {
            let redirect = self.redirect(redirect, path, at.key("redirect"))?;
            return Some(DraftAction::Done(Action::Redirect(redirect)));
        }
        let response = self.response(route.response.as_ref()?, at.key("response"))?;
        Some(DraftAction::Done(Action::Respond(Arc::new(response))))
    }

    /// Returns the handler's number among the drafts.
    fn route_handler<'d>(
        &mut self,
        route: &RouteTable,
        component: &str,
        at: At<'d>,
        reading: &mut Reading<'d, '_>,
    ) -> usize {
        let file = self.resolve(component);
        let shown = file.display();
        match std::fs::metadata(&file) {
            Ok(found) if found.is_file() => {}
            Ok(_) => self.tell(
                at.key("component"),
                format!("the component {shown} is no file; name a .wasm file"),
            ),
            Err(error) => self.tell(
                at.key("component"),
                format!(
                    "the component {shown} cannot be read: {error}; build it, or correct its path"
                ),
            ),
        }
        let table = HandlerTable {
            reuse: route.reuse,
            concurrency: route.concurrency,
            grants: route.grants.as_ref(),
            limits: route.limits.as_ref(),
        };
        let defaults = reading.defaults(Component::File(file));
        let config = self.handler(table, at, &defaults, reading.most);
        let path = route.path.as_ref().map_or("", |path| path.0.as_str());
        let address = format!("{}{path}", reading.host);
        let place = if at.key("name").is_said() {
            at.key("name")
        } else {
            at
        };
        reading.drafts.add(Draft::of_component(
            config,
            route.name.clone(),
            component,
            &address,
            place,
        ))
    }
}
