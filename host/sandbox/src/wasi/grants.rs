//! Grants: what a handler may see and use beyond its request.

use std::sync::{Arc, Once};

use super::config::Values;
use super::filesystem::{FileSystem, Preopen};
use super::keyvalue::KeyValueStore;
use super::network::lookups::Lookups;
use super::outbound::{Egress, Outbound};
use super::sockets::{TcpConnections, TcpGrant};

/// What a handler may see and use beyond its request, clocks and random numbers.
pub struct Grants {
    pub(crate) name: Arc<str>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) filesystem: FileSystem,
    pub(crate) outbound: Arc<Egress>,
    pub(crate) tcp: Arc<TcpGrant>,
    /// Shared by requests to other servers and TCP connections.
    lookups: Lookups,
    pub(crate) values: Values,
    pub(crate) store: Option<KeyValueStore>,
    pub(crate) has_store: bool,
    /// Completed when the log has said that the handler asks for a store without a grant.
    pub(crate) store_denied: Once,
}

impl Grants {
    /// Grants environment variables and folders. `name` is the name of the handler in the log.
    ///
    /// # Errors
    ///
    /// If a folder cannot be opened. The error names the folder.
    pub fn new(
        name: String,
        environment: Vec<(String, String)>,
        preopens: &[Preopen],
    ) -> anyhow::Result<Self> {
        Ok(Self {
            name: name.into(),
            environment,
            filesystem: FileSystem::open(preopens)?,
            outbound: Arc::default(),
            tcp: Arc::default(),
            lookups: Lookups::default(),
            values: Values::new(),
            store: None,
            has_store: false,
            store_denied: Once::new(),
        })
    }

    /// Allows requests to other servers.
    pub fn outbound(mut self, outbound: Outbound) -> Self {
        self.outbound = Arc::new(Egress::new(outbound, self.lookups.clone()));
        self
    }

    /// Allows TCP connections (`wasi:sockets/tcp`). Looks the names up, which blocks until the time for lookups ends.
    ///
    /// # Errors
    ///
    /// If a name has addresses, and none of them may be connected to. The error names the name and an address.
    pub fn tcp(mut self, connections: TcpConnections) -> Result<Self, String> {
        connections.check()?;
        self.tcp = Arc::new(TcpGrant {
            connections,
            lookups: self.lookups.clone(),
        });
        Ok(self)
    }

    /// Grants configuration values by name (`wasi:config`, and the variables of Spin).
    pub fn config(mut self, values: impl IntoIterator<Item = (String, String)>) -> Self {
        self.values.extend(values);
        self
    }

    /// Grants a key-value store.
    pub fn store(mut self, store: KeyValueStore) -> Self {
        self.store = Some(store);
        self.with_unopened_store()
    }

    /// Counts a key-value store as granted without opening it, for an [`Inspection`](crate::Inspection).
    pub fn with_unopened_store(mut self) -> Self {
        self.has_store = true;
        self
    }
}
