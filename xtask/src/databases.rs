//! Installs the databases for `host/tests/handlers/databases.rs`: PostgreSQL and Redis.

use std::path::Path;

use anyhow::{Context, Result};

use crate::apt;

/// Installs the servers that are missing. The tests start servers of their own.
pub fn install() -> Result<()> {
    if cfg!(target_os = "linux") {
        apt::need("redis-server", "redis-server")?;
        if !has_postgres() {
            apt::install(&["postgresql"]).context("the tests need PostgreSQL")?;
        }
    }
    Ok(())
}

/// Whether there is a version of PostgreSQL. Debian keeps each in a folder of its own.
fn has_postgres() -> bool {
    let versions = Path::new("/usr/lib/postgresql").read_dir();
    let mut versions = versions.into_iter().flatten().flatten();
    versions.any(|version| version.path().join("bin/initdb").is_file())
}
