//! Handlers as a file has them: their grants and limits.

use std::collections::BTreeMap;
use std::path::Path;

use super::document::At;
use super::file::{GrantTable, LimitTable};
use super::reader::Reader;
use super::{GrantConfig, HandlerConfig, OutboundConfig, StoreConfig};
use belljar_sandbox::{Authorities, Limits, Preopen, StoreLimits};

/// What is written of a handler, in a route or in a file of its own.
pub(super) struct HandlerTable<'t> {
    pub reuse: Option<u32>,
    pub concurrency: Option<u32>,
    pub grants: Option<&'t GrantTable>,
    pub limits: Option<&'t LimitTable>,
}

impl Reader<'_> {
    /// `at` is the table around what is said. `most` is how many instances all handlers may have together.
    pub fn handler(
        &mut self,
        table: HandlerTable<'_>,
        at: At<'_>,
        defaults: &HandlerConfig,
        most: u32,
    ) -> HandlerConfig {
        let reuse = table.reuse.unwrap_or(defaults.reuse);
        let concurrency = table.concurrency.unwrap_or(defaults.concurrency);
        if concurrency > reuse {
            let place = ["concurrency", "reuse"].map(|key| at.key(key));
            let place = place.into_iter().find(|at| at.is_said()).unwrap_or(at);
            self.tell(
                place,
                format!(
                    "concurrency = {concurrency} has no use without reuse = {concurrency} or more: an instance answers \
                     no more requests at once than in all"
                ),
            );
        }
        HandlerConfig {
            name: defaults.name.clone(),
            component: defaults.component.clone(),
            grants: match table.grants {
                Some(grants) => self.grants(grants, at.key("grants")),
                None => defaults.grants.clone(),
            },
            limits: self.limits(table.limits, at.key("limits"), &defaults.limits, most),
            reuse,
            concurrency,
        }
    }

    pub fn limits(
        &mut self,
        table: Option<&LimitTable>,
        at: At<'_>,
        defaults: &Limits,
        most: u32,
    ) -> Limits {
        let Some(table) = table else {
            return defaults.clone();
        };
        let limits = Limits {
            timeout: table
                .timeout
                .as_ref()
                .map_or(defaults.timeout, |time| time.0),
            cpu: table.cpu.as_ref().map_or(defaults.cpu, |time| time.0),
            memory: table.memory.as_ref().map_or(defaults.memory, |size| size.0),
            total_memory: table
                .total_memory
                .as_ref()
                .map_or(defaults.total_memory, |size| size.0),
            max_handles: table.max_handles.unwrap_or(defaults.max_handles),
            max_instances: table.max_instances.unwrap_or(defaults.max_instances),
            max_queue: table.max_queue.unwrap_or(defaults.max_queue),
            queue_timeout: table
                .queue_timeout
                .as_ref()
                .map_or(defaults.queue_timeout, |time| time.0),
            rate: table
                .rate
                .as_ref()
                .map_or(defaults.rate, |rate| Some(rate.0)),
            client_rate: table
                .client_rate
                .as_ref()
                .map_or(defaults.client_rate, |rate| Some(rate.0)),
        };
        if limits.total_memory < limits.memory {
            let place = ["total-memory", "memory"].map(|key| at.key(key));
            let place = place.into_iter().find(|at| at.is_said()).unwrap_or(at);
            self.tell(
                place,
                "total-memory is less than memory: not one instance could have all that it may; raise total-memory or \
                 lower memory",
            );
        }
        if limits.max_instances > most {
            self.tell(
                at.key("max-instances"),
                format!(
                    "max-instances = {} is more than the {most} that all handlers may have together; raise \
                     max-instances at the top of the file, or lower it here",
                    limits.max_instances
                ),
            );
        }
        limits
    }

    fn grants(&mut self, table: &GrantTable, at: At<'_>) -> GrantConfig {
        let grants = GrantConfig {
            dirs: self.dirs(table, at.key("dirs")),
            environment: self.variables(table.env.as_ref(), at.key("env")),
            config: self.variables(table.config.as_ref(), at.key("config")),
            tcp: table.allow_tcp.iter().flatten().map(|one| one.0).collect(),
            outbound: self.outbound(table, at),
            store: self.store(table, at),
        };
        if let Err(collision) = grants.check_dirs() {
            self.tell(at.key("dirs"), collision);
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

    /// Looks whether a folder is there.
    pub fn check_folder(&mut self, folder: &Path, at: At<'_>) {
        let shown = folder.display();
        match std::fs::metadata(folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => self.tell(
                at,
                format!("{shown} is no folder; name the folder that it is in"),
            ),
            Err(error) => self.tell(
                at,
                format!(
                    "the folder {shown} cannot be opened: {error}; make it, or correct its path"
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
                self.tell(
                    at.key(name),
                    format!(
                        "{name:?} has an empty name, a `=` in its name or a NUL; give it another"
                    ),
                );
            }
            variables.push((name.clone(), value.clone()));
        }
        variables
    }

    fn outbound(&mut self, table: &GrantTable, at: At<'_>) -> OutboundConfig {
        let defaults = OutboundConfig::default();
        let mut authorities = Vec::new();
        for (position, file) in table.outbound_ca.iter().flatten().enumerate() {
            let file = self.resolve(file);
            if let Err(error) = super::grants::add_authority(&mut Authorities::default(), &file) {
                self.tell(at.key("outbound-ca").item(position), format!("{error:#}"));
            }
            authorities.push(file);
        }
        let time = |said: &Option<super::value::SomeTime>, default| {
            said.as_ref().map_or(default, |time| time.0)
        };
        OutboundConfig {
            origins: list(&table.allow_outbound, |one| one.0.clone()),
            private: list(&table.allow_private, |one| one.0),
            authorities,
            connect_timeout: time(&table.outbound_connect_timeout, defaults.connect_timeout),
            first_byte_timeout: time(
                &table.outbound_first_byte_timeout,
                defaults.first_byte_timeout,
            ),
            between_bytes_timeout: time(
                &table.outbound_between_bytes_timeout,
                defaults.between_bytes_timeout,
            ),
            max_head: table
                .outbound_max_head
                .as_ref()
                .map_or(defaults.max_head, |size| size.0),
            max_body: table
                .outbound_max_body
                .as_ref()
                .map_or(defaults.max_body, |size| size.0),
            connections: table
                .outbound_connections
                .map_or(defaults.connections, usize::from),
        }
    }

    fn store(&mut self, table: &GrantTable, at: At<'_>) -> Option<StoreConfig> {
        let defaults = StoreLimits::default();
        let limits = StoreLimits {
            max_bytes: table
                .store_max_bytes
                .as_ref()
                .map_or(defaults.max_bytes, |size| size.0),
            max_key: table
                .store_max_key
                .as_ref()
                .map_or(defaults.max_key, |size| size.0),
            max_value: table
                .store_max_value
                .as_ref()
                .map_or(defaults.max_value, |size| size.0),
        };
        let Some(file) = &table.store else {
            for key in ["store-max-bytes", "store-max-key", "store-max-value"] {
                if at.key(key).is_said() {
                    self.tell(
                        at.key(key),
                        format!("{key} has no use without a store; name its file as `store`"),
                    );
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
        // Whether it is a store is seen when it is opened, which a server that runs may have done already.
        if !folder.is_dir() {
            self.tell(
                at,
                format!("the store {shown} cannot be made: its folder is not there"),
            );
        } else if file.is_dir() {
            self.tell(at, format!("the store {shown} is a folder; name a file"));
        }
        Some(StoreConfig { file, limits })
    }
}

fn list<T, U>(said: &Option<Vec<T>>, value: impl Fn(&T) -> U) -> Vec<U> {
    said.iter().flatten().map(value).collect()
}
