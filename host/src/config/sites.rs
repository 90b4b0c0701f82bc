//! Sites and their routes as a file has them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::document::At;
use super::exposure;
use super::file::{File, FilesTable, RouteTable, Short, SiteTable};
use super::files::Files;
use super::handlers::HandlerTable;
use super::names::{Draft, Drafts};
use super::reader::Reader;
use super::{Action, Component, HandlerConfig, HandlersFolder, Route, Site};
use crate::routing::{HostPattern, PathPattern};
use crate::sandbox::Limits;

impl Reader<'_> {
    /// All sites: the one of the file's top level, if anything is said of it, and those with a table of their own.
    pub fn sites(&mut self, file: File, at: At<'_>, limits: &Limits, most: u32) -> Vec<Site> {
        let top = SiteTable {
            hosts: None,
            files: file.files,
            handlers: file.handlers,
            route: file.route,
        };
        let tables = file.site.unwrap_or_default();
        let places = (0..tables.len()).map(|position| at.key("site").item(position));
        let mut tables: Vec<_> = tables.into_iter().zip(places).collect();
        if top.files.is_some() || top.handlers.is_some() || top.route.is_some() {
            tables.insert(0, (top, at));
        } else if tables.is_empty() {
            self.tell(
                at,
                "nothing is served: name a folder as `files` or `handlers`, or a [[route]]",
            );
        }
        self.check_hosts(&tables);
        let mut reading = Reading {
            limits,
            most,
            host: String::new(),
            drafts: Drafts::default(),
            served: Vec::new(),
        };
        let drafted: Vec<_> = tables
            .into_iter()
            .map(|(table, at)| self.site(table, at, &mut reading))
            .collect();
        let handlers = reading.drafts.named(self);
        let sites: Vec<_> = drafted
            .into_iter()
            .map(|site| site.finished(&handlers))
            .collect();
        for (number, at) in reading.served {
            for told in handlers
                .get(number)
                .map(|served| exposure::of(served, &sites, self.path))
                .into_iter()
                .flatten()
            {
                self.tell(at, told);
            }
        }
        sites
    }

    fn check_hosts(&mut self, tables: &[(SiteTable, At<'_>)]) {
        let mut seen: HashMap<Option<&HostPattern>, At<'_>> = HashMap::new();
        for (table, at) in tables {
            let hosts: Vec<_> = match &table.hosts {
                Some(hosts) => (0..)
                    .zip(hosts)
                    .map(|(position, host)| (Some(&host.0), at.key("hosts").item(position)))
                    .collect(),
                None => vec![(None, *at)],
            };
            for (host, at) in hosts {
                let Some(other) = seen.insert(host, at) else {
                    continue;
                };
                let line = other.line();
                match host {
                    Some(host) => self.tell(
                        at,
                        format!("the host {host} has a site already, in line {line}; name it once"),
                    ),
                    None => self.tell(
                        at,
                        format!(
                            "there are two sites of all hosts, the other one in line {line} (what stands at the top \
                             of the file is one); name the hosts of one of them, or make them one"
                        ),
                    ),
                }
            }
        }
    }

    fn site<'d>(
        &mut self,
        table: SiteTable,
        at: At<'d>,
        reading: &mut Reading<'d, '_>,
    ) -> DraftSite {
        let host = table.hosts.iter().flatten().next();
        reading.host = host.map_or_else(String::new, |host| host.0.to_string());
        let mut routes = Vec::new();
        let mut paths: HashMap<String, usize> = HashMap::new();
        if table.files.is_none()
            && table.handlers.is_none()
            && table.route.is_none()
            && table.hosts.is_some()
        {
            self.tell(
                at,
                "a site has neither files, handlers nor a route; nothing would be answered",
            );
        }
        for (position, route) in table.route.iter().flatten().enumerate() {
            let at = at.key("route").item(position);
            let action = self.action(route, at, reading);
            let (Some(path), Some(action)) = (&route.path, action) else {
                continue;
            };
            let path = path.0.clone();
            if let Some(line) = paths.insert(shape(&path), at.line()) {
                self.tell(
                    at.key("path"),
                    format!("the path {path} has a route already, in line {line}; give one of them another path"),
                );
            }
            routes.push((path, action, at.place()));
        }
        if let Some(files) = &table.files {
            let at = at.key("files");
            let path = catch_all();
            if let (Some(line), Some(_)) = (paths.get(&shape_of("/*")), &path) {
                self.tell(
                    at,
                    format!(
                        "the route {} in line {line} leaves nothing to files; take out one of them",
                        "/*"
                    ),
                );
            }
            let action = self.files(files, at, reading);
            routes.extend(
                path.zip(action)
                    .map(|(path, action)| (path, action, at.place())),
            );
        }
        let handlers = table.handlers.as_ref().map(|folder| {
            let path = self.resolve(folder);
            self.check_folder(&path, at.key("handlers"));
            HandlersFolder {
                defaults: reading.defaults(Component::File(path.clone())),
                path,
            }
        });
        let hosts = table.hosts.iter().flatten().map(|host| host.0.clone());
        DraftSite {
            hosts: hosts.collect(),
            routes,
            handlers,
        }
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
        if said.is_empty() {
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

    fn files<'d>(
        &mut self,
        files: &Short<FilesTable>,
        at: At<'d>,
        reading: &mut Reading<'d, '_>,
    ) -> Option<DraftAction> {
        let (root, place, files) = match files {
            Short::Text(root) => (root, at, Files::default()),
            Short::Table(table) => (
                table.root.as_ref()?,
                at.key("root"),
                Files {
                    root: PathBuf::new(),
                    index: table.index.clone(),
                    listing: table.listing.unwrap_or_default(),
                    spa: table.spa.clone(),
                    cache_control: table.cache_control.as_ref().map(|value| value.0.clone()),
                    dotfiles: table.dotfiles.unwrap_or_default(),
                },
            ),
        };
        let files = Files {
            root: self.resolve(root),
            ..files
        };
        self.check_folder(&files.root, place);
        let config = files.handler(String::new(), reading.limits.clone());
        let number = reading
            .drafts
            .add(Draft::of_files(config, root, &reading.host, at));
        reading.served.push((number, place));
        Some(DraftAction::Run(number))
    }
}

/// What is known while sites are read, and the handlers found.
struct Reading<'d, 'r> {
    limits: &'r Limits,
    /// Instances that all handlers may have together.
    most: u32,
    /// The first host of the site that is read; empty where it is that of all hosts.
    host: String,
    drafts: Drafts<'d>,
    /// The handlers that serve files, by their numbers.
    served: Vec<(usize, At<'d>)>,
}

impl Reading<'_, '_> {
    fn defaults(&self, component: Component) -> HandlerConfig {
        HandlerConfig {
            component,
            limits: self.limits.clone(),
            ..HandlerConfig::default()
        }
    }
}

/// A site whose handlers have no names yet.
struct DraftSite {
    hosts: Vec<HostPattern>,
    routes: Vec<(PathPattern, DraftAction, String)>,
    handlers: Option<HandlersFolder>,
}

enum DraftAction {
    /// By its number among the drafts.
    Run(usize),
    Done(Action),
}

impl DraftSite {
    fn finished(self, handlers: &[Arc<HandlerConfig>]) -> Site {
        let routes = self.routes.into_iter().filter_map(|(path, action, place)| {
            let action = match action {
                DraftAction::Run(number) => Action::Run(handlers.get(number)?.clone()),
                DraftAction::Done(action) => action,
            };
            Some(Route {
                path,
                action,
                place,
            })
        });
        Site {
            hosts: self.hosts,
            routes: routes.collect(),
            handlers: self.handlers,
        }
    }
}

/// The pattern of all paths.
fn catch_all() -> Option<PathPattern> {
    "/*".parse().ok()
}

/// The pattern without its parameters' names: two of one shape match the same paths.
fn shape(path: &PathPattern) -> String {
    shape_of(path.as_str())
}

fn shape_of(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.as_bytes() {
        [b':', ..] => ":",
        [b'*', ..] => "*",
        _ => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}
