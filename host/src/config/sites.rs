//! Sites as a file has them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::document::At;
use super::exposure;
use super::file::{File, FilesTable, Short, SiteTable};
use super::files::Files;
use super::names::{Draft, Drafts};
use super::reader::Reader;
use super::routes::{DraftAction, DraftRoute};
use super::{Component, HandlerConfig, HandlersFolder, Site};
use crate::routing::{HostPattern, PathPattern};
use belljar_sandbox::Limits;

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
        } else if tables.is_empty() && !at.is_doubtful() {
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
            let served = handlers.get(number).into_iter();
            for told in served.flat_map(|served| exposure::of(served, &sites, self.path)) {
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
                // What was meant may be hosts after all.
                None if at.is_doubtful() => Vec::new(),
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
    ) -> DraftSite<'d> {
        let host = table.hosts.iter().flatten().next();
        reading.host = host.map_or_else(String::new, |host| host.0.to_string());
        if table.files.is_none()
            && table.handlers.is_none()
            && table.route.is_none()
            && !at.is_doubtful()
        {
            self.tell(
                at,
                "a site has neither files, handlers nor a route; nothing would be answered",
            );
        }
        let mut routes = self.routes(table.route.as_deref().unwrap_or_default(), at, reading);
        if let Some(files) = &table.files {
            routes.extend(self.files_route(files, at.key("files"), &routes, reading));
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

    /// The route of all paths that no other has.
    fn files_route<'d>(
        &mut self,
        files: &Short<FilesTable>,
        at: At<'d>,
        others: &[DraftRoute<'d>],
        reading: &mut Reading<'d, '_>,
    ) -> Option<DraftRoute<'d>> {
        let path: PathPattern = "/*".parse().ok()?;
        if let Some(other) = others.iter().find(|other| other.path.is_same_as(&path)) {
            let (path, line) = (&other.path, other.at.line());
            self.tell(
                at,
                format!(
                    "the route {path} in line {line} leaves nothing to files; take out one of them"
                ),
            );
        }
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
        Some(DraftRoute {
            path,
            action: DraftAction::Run(number),
            at,
        })
    }
}

/// What is known while sites are read, and the handlers found.
pub(super) struct Reading<'d, 'r> {
    limits: &'r Limits,
    /// Instances that all handlers may have together.
    pub most: u32,
    /// The first host of the site that is read; empty where it is that of all hosts.
    pub host: String,
    pub drafts: Drafts<'d>,
    /// The handlers that serve files, by their numbers.
    served: Vec<(usize, At<'d>)>,
}

impl Reading<'_, '_> {
    pub fn defaults(&self, component: Component) -> HandlerConfig {
        HandlerConfig {
            component,
            limits: self.limits.clone(),
            ..HandlerConfig::default()
        }
    }
}

/// A site whose handlers have no names yet.
struct DraftSite<'d> {
    hosts: Vec<HostPattern>,
    routes: Vec<DraftRoute<'d>>,
    handlers: Option<HandlersFolder>,
}

impl DraftSite<'_> {
    fn finished(self, handlers: &[Arc<HandlerConfig>]) -> Site {
        let routes = self.routes.into_iter();
        let routes = routes.filter_map(|route| route.finished(handlers));
        Site {
            hosts: self.hosts,
            routes: routes.collect(),
            handlers: self.handlers,
        }
    }
}
