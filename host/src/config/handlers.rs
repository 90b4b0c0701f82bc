//! Reads handlers: their grants, their limits, and how many requests an instance answers.

use std::collections::BTreeMap;
use std::path::Path;

use belljar_http::settings::Settings;
use belljar_sandbox::{Authorities, Limits, OutboundLimits, Preopen, StoreLimits};

use super::document::At;
use super::file::GrantTable;
use super::grants;
use super::model::{GrantConfig, HandlerConfig, OutboundConfig, StoreConfig};
use super::reader::Reader;
use super::settings;

impl Reader<'_> {
    /// Reads the table of a route, or the file beside a handler. `grant_limits` are the limits of grants that the table
    /// does not set, and `max_instances` is the limit of all handlers together.
    pub fn handler(
        &mut self,
        grants: Option<&GrantTable>,
        at: At<'_>,
        defaults: &HandlerConfig,
        grant_limits: (OutboundLimits, StoreLimits),
        max_instances: u32,
    ) -> HandlerConfig {
        let instances = self.settings(at, &defaults.instances);
        if let Err(error) = instances.check() {
            self.report(first_present(at, ["concurrency", "reuse"]), error);
        }
        HandlerConfig {
            name: defaults.name.clone(),
            component: defaults.component.clone(),
            middleware: defaults.middleware.clone(),
            grants: match grants {
                Some(grants) => self.grants(grants, at.key("grants"), grant_limits),
                None => defaults.grants.clone(),
            },
            limits: self.limits(at.key("limits"), &defaults.limits, max_instances),
            instances,
        }
    }

    /// Reads a table of limits. `max_instances` is the limit of all handlers together.
    pub fn limits(&mut self, at: At<'_>, defaults: &Limits, max_instances: u32) -> Limits {
        let limits = self.settings(at, defaults);
        if !at.is_present() {
            return limits;
        }
        if let Err(error) = settings::check_limits(&limits) {
            self.report(first_present(at, ["total-memory", "memory"]), error);
        }
        if limits.max_instances > max_instances {
            self.report(
                at.key("max-instances"),
                format!(
                    "max-instances = {} is greater than the {max_instances} instances of all handlers together; raise \
                     max-instances at the top of the file, or lower it here",
                    limits.max_instances
                ),
            );
        }
        limits
    }

    fn grants(
        &mut self,
        table: &GrantTable,
        at: At<'_>,
        (outbound, store): (OutboundLimits, StoreLimits),
    ) -> GrantConfig {
        let grants = GrantConfig {
            dirs: self.dirs(table, at.key("dirs")),
            environment: self.variables(table.env.as_ref(), at.key("env")),
            config: self.variables(table.config.as_ref(), at.key("config")),
            tcp: table
                .allow_tcp
                .iter()
                .flatten()
                .map(|one| one.0.clone())
                .collect(),
            outbound: self.outbound(table, at, &outbound),
            store: self.store(table, at, &store),
            beneath: false,
        };
        if let Err(collision) = grants.check_dirs() {
            self.report(at.key("dirs"), collision);
        }
        grants
    }

    fn dirs(&mut self, table: &GrantTable, at: At<'_>) -> Vec<Preopen> {
        let mut dirs = Vec::new();
        for (position, dir) in table.dirs.iter().flatten().enumerate() {
            let host = self.resolve(&dir.0.host);
            self.check_folder(&host, at.item(position));
            dirs.push(Preopen {
                host,
                ..dir.0.clone()
            });
        }
        dirs
    }

    /// Checks that a folder exists.
    pub fn check_folder(&mut self, folder: &Path, at: At<'_>) {
        let shown = folder.display();
        match std::fs::metadata(folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => self.report(
                at,
                format!("{shown} is not a folder; name the folder that it is in"),
            ),
            Err(error) => self.report(
                at,
                format!(
                    "the folder {shown} cannot be opened: {error}; create it, or correct the path"
                ),
            ),
        }
    }

    fn variables(
        &mut self,
        table: Option<&BTreeMap<String, String>>,
        at: At<'_>,
    ) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        for (name, value) in table.into_iter().flatten() {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                self.report(
                    at.key(name),
                    format!(
                        "{name:?} has an empty name, a `=` in its name or a NUL character; use another name or value"
                    ),
                );
            }
            variables.push((name.clone(), value.clone()));
        }
        variables
    }

    fn outbound(
        &mut self,
        table: &GrantTable,
        at: At<'_>,
        limits: &OutboundLimits,
    ) -> OutboundConfig {
        let mut authorities = Vec::new();
        for (position, file) in table.outbound_ca.iter().flatten().enumerate() {
            let file = self.resolve(file);
            if let Err(error) = grants::add_authority(&mut Authorities::default(), &file) {
                self.report(at.key("outbound-ca").item(position), format!("{error:#}"));
            }
            authorities.push(file);
        }
        let origins = table.allow_outbound.iter().flatten();
        let private = table.allow_private.iter().flatten();
        OutboundConfig {
            origins: origins.map(|one| one.0.clone()).collect(),
            private: private.map(|one| one.0).collect(),
            authorities,
            limits: self.settings(at, limits),
        }
    }

    fn store(
        &mut self,
        table: &GrantTable,
        at: At<'_>,
        limits: &StoreLimits,
    ) -> Option<StoreConfig> {
        let limits = self.settings(at, limits);
        let Some(file) = &table.store else {
            for setting in StoreLimits::TABLE {
                let at = at.key(setting.name);
                if at.is_present() {
                    self.report(at, settings::without_store(setting));
                }
            }
            return None;
        };
        let file = self.resolve(file);
        let (shown, at) = (file.display(), at.key("store"));
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // The file itself is checked when it is opened. A running server may have opened it already.
        if !folder.is_dir() {
            self.report(
                at,
                format!(
                    "the store {shown} cannot be created: its folder does not exist; create the folder, or correct the path"
                ),
            );
        } else if file.is_dir() {
            self.report(at, format!("the store {shown} is a folder; name a file"));
        }
        Some(StoreConfig { file, limits })
    }
}

/// The first key that is in the table, for an error about several keys.
fn first_present<'d>(at: At<'d>, keys: [&str; 2]) -> At<'d> {
    let keys = keys.map(|key| at.key(key)).into_iter();
    keys.into_iter().find(|at| at.is_present()).unwrap_or(at)
}
