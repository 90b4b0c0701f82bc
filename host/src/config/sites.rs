//! Reads sites.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use belljar_sandbox::Limits;

use super::context::Context;
use super::document::At;
use super::exposure;
use super::file::{File, FilesTable, Short, SiteTable};
use super::files::Files;
use super::model::{Ceiling, Component, HandlerConfig, HandlersFolder, Mounting, Site};
use super::names::{Draft, Drafts};
use super::reader::Reader;
use super::routes::{DraftAction, DraftRoute};
use crate::routing::{HostPattern, PathPattern};

impl Reader<'_> {
    /// Reads all sites: the site at the top of the file, if there is one, and each `[[site]]`.
    pub fn sites(
        &mut self,
        file: File,
        at: At<'_>,
        limits: &Limits,
        ceiling: &Ceiling,
        max_instances: u32,
    ) -> Vec<Site> {
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
        } else if tables.is_empty() && !at.is_incomplete() {
            self.report(
                at,
                "the file serves nothing; add a folder as `files` or `handlers`, or a [[route]]",
            );
        }
        self.check_hosts(&tables);
        let mut context = Context {
            limits,
            ceiling,
            max_instances,
            host: String::new(),
            drafts: Drafts::default(),
            file_handlers: Vec::new(),
        };
        let drafted: Vec<_> = tables
            .into_iter()
            .map(|(table, at)| self.site(table, at, &mut context))
            .collect();
        let handlers = context.drafts.named(self);
        let sites: Vec<_> = drafted
            .into_iter()
            .map(|site| site.finish(&handlers))
            .collect();
        for (number, at) in context.file_handlers {
            let handlers = handlers.get(number).into_iter();
            for message in
                handlers.flat_map(|handler| exposure::of(handler, &sites, ceiling, self.path))
            {
                self.report(at, message);
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
                // The key that was removed may have been `hosts`.
                None if at.is_incomplete() => Vec::new(),
                None => vec![(None, *at)],
            };
            for (host, at) in hosts {
                let Some(other) = seen.insert(host, at) else {
                    continue;
                };
                let line = other.line();
                match host {
                    Some(host) => self.report(
                        at,
                        format!("the host {host} already has a site, in line {line}; name it once"),
                    ),
                    None => self.report(
                        at,
                        format!(
                            "this site has no hosts, and neither has the site in line {line} (the keys at the top of the \
                             file form a site); add hosts to one of them, or merge them"
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
        context: &mut Context<'d, '_>,
    ) -> DraftSite<'d> {
        let host = table.hosts.iter().flatten().next();
        context.host = host.map_or_else(String::new, |host| host.0.to_string());
        if table.files.is_none()
            && table.handlers.is_none()
            && table.route.is_none()
            && !at.is_incomplete()
        {
            self.report(
                at,
                "the site serves nothing; add a folder as `files` or `handlers`, or a route",
            );
        }
        let mut routes = self.routes(table.route.as_deref().unwrap_or_default(), at, context);
        if let Some(files) = &table.files {
            routes.extend(self.files_route(files, at.key("files"), &routes, context));
        }
        let handlers = table.handlers.as_ref().map(|folder| {
            let path = self.resolve(folder);
            self.check_folder(&path, at.key("handlers"));
            let defaults = context.defaults(Component::File(path.clone()));
            HandlersFolder {
                defaults: context.ceiling.lowered(defaults),
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

    /// Makes the route of a site's files, which answers where no other route matches.
    fn files_route<'d>(
        &mut self,
        files: &Short<FilesTable>,
        at: At<'d>,
        others: &[DraftRoute<'d>],
        context: &mut Context<'d, '_>,
    ) -> Option<DraftRoute<'d>> {
        let path: PathPattern = "/*".parse().ok()?;
        if let Some(other) = others.iter().find(|other| other.path.is_same_as(&path)) {
            let (path, line) = (&other.path, other.at.line());
            self.report(
                at,
                format!(
                    "the route {path} in line {line} matches every path of files; remove one of them"
                ),
            );
        }
        let host = context.host.clone();
        let number = self.files_handler(files, at, &host, context)?;
        Some(DraftRoute {
            path,
            action: DraftAction::Run(number),
            mounting: Mounting::Whole,
            at,
        })
    }

    /// Reads a folder to serve, and makes its handler. `address` is the host and path of its route. Returns the number of
    /// the handler among the drafts.
    pub fn files_handler<'d>(
        &mut self,
        files: &Short<FilesTable>,
        at: At<'d>,
        address: &str,
        context: &mut Context<'d, '_>,
    ) -> Option<usize> {
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
        let config = files.handler(String::new(), context.limits.clone());
        let number = context
            .drafts
            .add(Draft::of_files(config, root, address, at));
        context.file_handlers.push((number, place));
        Some(number)
    }
}

/// A site before its handlers have names.
struct DraftSite<'d> {
    hosts: Vec<HostPattern>,
    routes: Vec<DraftRoute<'d>>,
    handlers: Option<HandlersFolder>,
}

impl DraftSite<'_> {
    fn finish(self, handlers: &[Arc<HandlerConfig>]) -> Site {
        let routes = self.routes.into_iter();
        let routes = routes.filter_map(|route| route.finish(handlers));
        Site {
            hosts: self.hosts,
            routes: routes.collect(),
            handlers: self.handlers,
        }
    }
}
