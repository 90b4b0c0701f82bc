//! The ceiling: the most that the file beside a handler may grant, and how far it may raise limits.
//!
//! Whoever may write into a folder of handlers writes these files too. So a file grants only what the operator allows in
//! `[ceiling]`, or with flags to all handlers of the folder.

use std::path::{Path, PathBuf};

use belljar_http::settings::{Settings, Value};
use belljar_sandbox::{Access, Limits, OutboundLimits, StoreLimits};

use super::document::At;
use super::file::CeilingTable;
use super::model::{Ceiling, GrantConfig, HandlerConfig};
use super::reader::Reader;
use super::units;

impl Ceiling {
    /// The ceiling for a folder whose handlers all have these grants and limits: a file beside a handler may keep each of
    /// them or leave it out.
    pub fn of(defaults: &HandlerConfig) -> Self {
        let GrantConfig {
            dirs,
            tcp,
            outbound,
            store,
            ..
        } = &defaults.grants;
        let dirs = dirs.iter().map(|dir| (dir.host.clone(), dir.access));
        Self {
            dirs: dirs.collect(),
            stores: store.iter().map(|store| store.file.clone()).collect(),
            outbound_ca: outbound.authorities.clone(),
            tcp: tcp.clone(),
            origins: outbound.origins.clone(),
            private: outbound.private.clone(),
            outbound_limits: outbound.limits,
            store_limits: store
                .as_ref()
                .map_or_else(Default::default, |one| one.limits),
            limits: defaults.limits.clone(),
        }
    }

    /// The files and folders that handlers may be granted, each with the most access.
    pub fn paths(&self) -> impl Iterator<Item = (&Path, Access)> {
        let dirs = self.dirs.iter();
        let stores = self.stores.iter().map(|path| (path, Access::ReadWrite));
        let certificates = self.outbound_ca.iter().map(|path| (path, Access::ReadOnly));
        let dirs = dirs.map(|(path, access)| (path, *access));
        dirs.chain(stores)
            .chain(certificates)
            .map(|(path, access)| (path.as_path(), access))
    }

    /// The configuration of a handler in a folder that has no file, within the ceiling.
    pub fn lowered(&self, mut defaults: HandlerConfig) -> HandlerConfig {
        defaults.limits = lowered(&defaults.limits, &self.limits);
        defaults
    }

    /// The limits of outbound requests and of a store that a file beside a handler does not set.
    pub(super) fn grants(&self, defaults: &GrantConfig) -> (OutboundLimits, StoreLimits) {
        let store = defaults.store.as_ref();
        let store = store.map_or_else(StoreLimits::default, |store| store.limits);
        (
            lowered(&defaults.outbound.limits, &self.outbound_limits),
            lowered(&store, &self.store_limits),
        )
    }

    fn has_dir(&self, path: &Path, access: Access) -> bool {
        self.dirs.iter().any(|(folder, most)| {
            let is_allowed = *most == Access::ReadWrite || access == Access::ReadOnly;
            is_allowed && is_below(path, folder)
        })
    }
}

impl Reader<'_> {
    /// Reads `[ceiling]`. `limits` are those of every handler.
    pub fn ceiling(
        &mut self,
        table: Option<&CeilingTable>,
        at: At<'_>,
        limits: &Limits,
        max_instances: u32,
    ) -> Ceiling {
        let mut ceiling = Ceiling {
            outbound_limits: self.settings(at, &OutboundLimits::default()),
            store_limits: self.settings(at, &StoreLimits::default()),
            limits: self.limits(at.key("limits"), limits, max_instances),
            ..Ceiling::default()
        };
        let Some(table) = table else {
            return ceiling;
        };
        for (position, dir) in table.dirs.iter().flatten().enumerate() {
            let (path, access) = &dir.0;
            let path = self.resolve(path);
            self.check_folder(&path, at.key("dirs").item(position));
            ceiling.dirs.push((path, *access));
        }
        let mut folders = |key: &str, written: &Option<Vec<String>>| {
            let mut folders = Vec::new();
            for (position, path) in written.iter().flatten().enumerate() {
                let path = self.resolve(path);
                self.check_folder(&path, at.key(key).item(position));
                folders.push(path);
            }
            folders
        };
        ceiling.stores = folders("stores", &table.stores);
        ceiling.outbound_ca = folders("outbound-ca", &table.outbound_ca);
        let tcp = table.allow_tcp.iter().flatten();
        ceiling.tcp = tcp.map(|one| one.0.clone()).collect();
        let origins = table.allow_outbound.iter().flatten();
        ceiling.origins = origins.map(|one| one.0.clone()).collect();
        let private = table.allow_private.iter().flatten();
        ceiling.private = private.map(|one| one.0).collect();
        ceiling
    }

    /// Reports what the file beside a handler grants or raises beyond the ceiling. Its paths are resolved, so that they are
    /// those that were compared.
    pub fn check_ceiling(&mut self, handler: &mut HandlerConfig, at: At<'_>, ceiling: &Ceiling) {
        self.check_limits(at.key("limits"), &handler.limits, &ceiling.limits, LIMITS);
        let at = at.key("grants");
        if !at.is_present() {
            return;
        }
        let grants = &mut handler.grants;
        grants.beneath = true;
        for (position, dir) in grants.dirs.iter_mut().enumerate() {
            dir.host = dir.host.canonicalize().unwrap_or(dir.host.clone());
            // A folder that does not exist has been reported.
            let is_reported = self.has_problem(at.key("dirs").item(position));
            if !is_reported && !ceiling.has_dir(&dir.host, dir.access) {
                self.refuse(at, "dirs", position, "dirs");
            }
        }
        for (position, file) in grants.outbound.authorities.iter_mut().enumerate() {
            *file = file.canonicalize().unwrap_or(file.clone());
            let mut allowed = ceiling.outbound_ca.iter();
            if !allowed.any(|folder| is_below(file, folder)) {
                self.refuse(at, "outbound-ca", position, "outbound-ca");
            }
        }
        if let Some(store) = &mut grants.store {
            store.file = resolved_file(&store.file).unwrap_or(store.file.clone());
            let mut allowed = ceiling.stores.iter();
            let is_reported = self.has_problem(at.key("store"));
            if !is_reported && !allowed.any(|folder| is_below(&store.file, folder)) {
                self.refuse(at, "store", 0, "stores");
            }
            self.check_limits(at, &store.limits, &ceiling.store_limits, CEILING);
        }
        for (position, address) in grants.tcp.iter().enumerate() {
            if !ceiling.tcp.contains(address) {
                self.refuse(at, "allow-tcp", position, "allow-tcp");
            }
        }
        let outbound = &grants.outbound;
        for (position, origin) in outbound.origins.iter().enumerate() {
            if !ceiling.origins.iter().any(|one| one.covers(origin)) {
                self.refuse(at, "allow-outbound", position, "allow-outbound");
            }
        }
        for (position, network) in outbound.private.iter().enumerate() {
            if !ceiling.private.iter().any(|one| one.covers(network)) {
                self.refuse(at, "allow-private", position, "allow-private");
            }
        }
        self.check_limits(at, &outbound.limits, &ceiling.outbound_limits, CEILING);
    }

    /// Reports a grant. `allowing` is the key of `[ceiling]` that would allow it.
    fn refuse(&mut self, at: At<'_>, key: &str, position: usize, allowing: &str) {
        let at = at.key(key);
        let at = match at.item(position) {
            item if item.is_present() => item,
            _ => at,
        };
        let written = at.scalar().map(|value| format!(" = {value}"));
        let written = written.unwrap_or_default();
        self.report(
            at,
            format!(
                "{key}{written}: the ceiling of the server does not allow it; add it to `{allowing}` in {CEILING} of \
                 belljar.toml, or remove it here"
            ),
        );
    }

    fn check_limits<S: Settings>(&mut self, at: At<'_>, settings: &S, ceiling: &S, table: &str) {
        let values = settings.values().into_iter().zip(ceiling.values());
        for (setting, (value, most)) in S::TABLE.iter().zip(values) {
            let at = at.key(setting.name);
            if !at.is_present() || is_within(value, most) {
                continue;
            }
            let (name, kind) = (setting.name, setting.kind);
            let [value, most] = [value, most].map(|value| units::show(kind, value));
            self.report(
                at,
                format!(
                    "{name} = {value}: the ceiling of the server is {most}; raise `{name}` in {table} of belljar.toml, \
                     or lower it here"
                ),
            );
        }
    }
}

/// Whether `path` is `folder` or below it, when all links in `folder` are resolved. `path` has been resolved.
fn is_below(path: &Path, folder: &Path) -> bool {
    folder
        .canonicalize()
        .is_ok_and(|folder| path.starts_with(folder))
}

/// The path of a file without links. The file itself may not exist yet.
fn resolved_file(path: &Path) -> Option<PathBuf> {
    if let Ok(resolved) = path.canonicalize() {
        return Some(resolved);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    Some(folder.canonicalize().ok()?.join(path.file_name()?))
}

/// The settings, each at most at its ceiling.
fn lowered<S: Settings>(settings: &S, ceiling: &S) -> S {
    let mut lowered = settings.clone();
    let values = settings.values().into_iter().zip(ceiling.values());
    for (setting, (value, most)) in S::TABLE.iter().zip(values) {
        if !is_within(value, most) {
            // The value comes from a field of the same type, so the field can hold it.
            lowered.set(setting.name, most);
        }
    }
    lowered
}

/// Whether a limit allows no more than another.
fn is_within(value: Value, most: Value) -> bool {
    match (value, most) {
        (_, Value::Unset) => true,
        (Value::Time(value), Value::Time(most)) => value <= most,
        (Value::Number(value), Value::Number(most)) => value <= most,
        (Value::Rate(value), Value::Rate(most)) => {
            let scaled = |requests: u32, per: std::time::Duration| {
                u128::from(requests).saturating_mul(per.as_nanos())
            };
            value.burst <= most.burst
                && scaled(value.requests, most.per) <= scaled(most.requests, value.per)
        }
        _ => false,
    }
}

/// The tables of belljar.toml with the ceiling.
const CEILING: &str = "[ceiling]";
const LIMITS: &str = "[ceiling.limits]";

#[cfg(test)]
mod tests {
    use belljar_http::settings::Kind;

    use super::*;

    #[test]
    fn compares_limits_of_every_kind() {
        for (kind, value, most, expected) in [
            (Kind::TIME, "1s", "1s", true),
            (Kind::TIME, "2s", "1s", false),
            (Kind::SIZE, "1MiB", "2MiB", true),
            (Kind::SIZE, "2MiB", "1MiB", false),
            (Kind::Rate, "10/s", "10/s", true),
            (Kind::Rate, "60/min", "1/s burst 60", true),
            (Kind::Rate, "61/min", "1/s burst 99", false),
            (Kind::Rate, "1/min burst 2", "1/min", false),
            (Kind::Rate, "1000/h", "1/s burst 1000", true),
        ] {
            let [value, most] = [value, most].map(|text| units::parse(kind, text).unwrap());
            assert_eq!(is_within(value, most), expected, "{value:?} {most:?}");
            assert!(is_within(value, Value::Unset));
            assert!(!is_within(Value::Unset, most));
        }
    }

    #[test]
    fn lowers_only_what_exceeds_the_ceiling() {
        let limits = |memory, total_memory| Limits {
            memory,
            total_memory,
            ..Limits::default()
        };
        let ceiling = limits(2 << 20, 4 << 20);
        let expected = limits(1 << 20, 4 << 20);
        assert_eq!(lowered(&limits(1 << 20, usize::MAX), &ceiling), expected);
    }
}
