//! Opens the grants of a handler: its folders, certificates and store.

use std::path::Path;

use anyhow::{Context, bail};

use belljar_sandbox::{
    Authorities, Database, Databases, Grants, KeyValueStore, Links, Outbound, Preopen,
    TcpConnections,
};

use super::model::{GrantConfig, OutboundConfig, StoreConfig};
use super::read::MAX_FILE;
use crate::regular_file;

impl GrantConfig {
    /// Opens the grants of the handler of this name.
    ///
    /// # Errors
    ///
    /// The grants contradict each other, or a folder or file cannot be opened.
    pub fn open(&self, name: &str, databases: &Databases) -> anyhow::Result<Grants> {
        let grants = self.without_store(name)?;
        let Some(StoreConfig { file, limits }) = &self.store else {
            return Ok(grants);
        };
        let database = databases.open(file, self.links())?;
        Ok(grants.store(KeyValueStore::new(database, name.to_owned(), *limits)))
    }

    /// Like [`open`](Self::open), for an [`Inspection`](belljar_sandbox::Inspection): it neither creates nor locks a store.
    ///
    /// # Errors
    ///
    /// The errors of `open`, except those of creating a store.
    pub fn check(&self, name: &str) -> anyhow::Result<Grants> {
        let grants = self.without_store(name)?;
        let Some(StoreConfig { file, .. }) = &self.store else {
            return Ok(grants);
        };
        Database::check(file, self.links())?;
        Ok(grants.with_unopened_store())
    }

    /// # Errors
    ///
    /// The handler would see two folders under the same name.
    pub(super) fn check_dirs(&self) -> Result<(), String> {
        for (position, preopen) in self.dirs.iter().enumerate() {
            let name = preopen.guest.trim_end_matches('/');
            let mut before = self.dirs.iter().take(position);
            if let Some(other) = before.find(|other| other.guest.trim_end_matches('/') == name) {
                return Err(format!(
                    "the handler would see both {} and {} as {}; rename one of them",
                    other.host.display(),
                    preopen.host.display(),
                    preopen.guest
                ));
            }
        }
        Ok(())
    }

    fn without_store(&self, name: &str) -> anyhow::Result<Grants> {
        self.check_dirs().map_err(anyhow::Error::msg)?;
        let environment = self.environment.clone();
        let grants = self.with_dirs(|dirs| Grants::new(name.to_owned(), environment, dirs))?;
        let tcp = TcpConnections {
            allowed: self.tcp.clone(),
            private: self.outbound.private.clone(),
            lookup_timeout: self.outbound.limits.connect_timeout,
        };
        let grants = grants.tcp(tcp).map_err(anyhow::Error::msg)?;
        Ok(grants
            .config(self.config.iter().cloned())
            .outbound(self.outbound.open()?))
    }
}

/// Opening the folders of a handler.
impl GrantConfig {
    /// Calls `open` with paths that lead to the folders that were compared with the ceiling, even if links in their paths
    /// were replaced since.
    #[cfg(target_os = "linux")]
    fn with_dirs(
        &self,
        open: impl FnOnce(&[Preopen]) -> anyhow::Result<Grants>,
    ) -> anyhow::Result<Grants> {
        use belljar_sandbox::LinkFreeFolder;
        if !self.beneath {
            return open(&self.dirs);
        }
        let (mut folders, mut dirs) = (Vec::new(), Vec::new());
        for dir in &self.dirs {
            let folder = LinkFreeFolder::open(&dir.host).with_context(|| {
                format!(
                    "cannot open the folder {} without following links",
                    dir.host.display()
                )
            })?;
            dirs.push(Preopen {
                host: folder.path(),
                ..dir.clone()
            });
            folders.push(folder);
        }
        open(&dirs)
    }

    #[cfg(not(target_os = "linux"))]
    fn with_dirs(
        &self,
        open: impl FnOnce(&[Preopen]) -> anyhow::Result<Grants>,
    ) -> anyhow::Result<Grants> {
        open(&self.dirs)
    }

    fn links(&self) -> Links {
        match self.beneath {
            true => Links::Refuse,
            false => Links::Follow,
        }
    }
}

impl OutboundConfig {
    fn open(&self) -> anyhow::Result<Outbound> {
        let mut authorities = Authorities::default();
        for file in &self.authorities {
            add_authority(&mut authorities, file)?;
        }
        Ok(Outbound {
            authorities,
            origins: self.origins.clone(),
            private: self.private.clone(),
            limits: self.limits,
        })
    }
}

/// Adds the certificates in a file.
pub(super) fn add_authority(authorities: &mut Authorities, file: &Path) -> anyhow::Result<()> {
    let shown = file.display();
    let pem = regular_file::read(file, MAX_FILE)
        .with_context(|| format!("the certificates {shown} cannot be read"))?;
    if let Err(reason) = authorities.add(&pem) {
        bail!("the certificates {shown} cannot be used: {reason}");
    }
    Ok(())
}
