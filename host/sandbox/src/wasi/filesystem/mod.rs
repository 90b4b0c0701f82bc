//! Files: the folders that a handler is granted, and how it finds files in them.

#[cfg(target_os = "linux")]
pub(crate) mod last_opened;
#[cfg(target_os = "linux")]
pub(crate) mod lookup;
#[cfg(target_os = "linux")]
mod negative_cache;
#[cfg(target_os = "linux")]
pub(crate) mod open;
pub(crate) mod preopens;

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::{FsPerms, WasiCtx};

#[cfg(target_os = "linux")]
use negative_cache::NegativeCache;
use preopens::Preopens;

/// A folder of the host, and its name in the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preopen {
    pub host: PathBuf,
    /// The name in the guest, such as `/`.
    pub guest: String,
    pub access: Access,
}

/// `HOST::GUEST` or `HOST::GUEST:rw`.
impl FromStr for Preopen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((host, guest)) = text.split_once("::") else {
            return Err("write it as HOST::GUEST, such as ./data::/data, or ./data::/data:rw to let the handler write".into());
        };
        let (guest, access) = match guest.strip_suffix(":rw") {
            Some(guest) => (guest, Access::ReadWrite),
            None => (guest, Access::ReadOnly),
        };
        if host.is_empty() || guest.is_empty() {
            return Err("both HOST and GUEST need a name, such as ./data::/data".into());
        }
        Ok(Self {
            host: host.into(),
            guest: guest.into(),
            access,
        })
    }
}

/// What a guest may do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    ReadWrite,
}

/// The folders of a handler, opened once and shared by all its instances.
pub(crate) struct FileSystem {
    context: WasiFilesystemCtx,
    preopens: Preopens,
    /// The context for WASI 0.3, whose operations never run on the guest's own thread.
    async_context: WasiFilesystemCtx,
    is_empty: bool,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code))]
    on_thread: bool,
    #[cfg(target_os = "linux")]
    negative_cache: NegativeCache,
}

impl FileSystem {
    /// # Errors
    ///
    /// Names the folder that cannot be opened.
    pub fn open(preopens: &[Preopen]) -> anyhow::Result<Self> {
        // Reading blocks the thread for as long as sendfile of a web server does. Writing, and above all syncing, may take
        // long, so a handler that may write does its file operations on other threads. So does a handler that would wait
        // when it opens a FIFO.
        let on_thread = opening_never_waits()
            && preopens
                .iter()
                .all(|preopen| preopen.access == Access::ReadOnly);
        let granted = context(preopens, on_thread)?;
        Ok(Self {
            preopens: Preopens::of(&granted)?,
            context: granted,
            async_context: context(preopens, false)?,
            is_empty: preopens.is_empty(),
            on_thread,
            #[cfg(target_os = "linux")]
            negative_cache: NegativeCache::new(std::time::SystemTime::now),
        })
    }

    /// Whether no folder is granted.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    pub fn context(&self) -> &WasiFilesystemCtx {
        &self.context
    }

    pub fn preopens(&self) -> &Preopens {
        &self.preopens
    }

    pub fn async_context(&self) -> &WasiFilesystemCtx {
        &self.async_context
    }

    /// Whether file operations run on the guest's own thread.
    #[cfg(target_os = "linux")]
    pub fn on_thread(&self) -> bool {
        self.on_thread
    }

    /// The names that the folders do not have.
    #[cfg(target_os = "linux")]
    pub fn negative_cache(&self) -> &NegativeCache {
        &self.negative_cache
    }
}

fn context(preopens: &[Preopen], on_thread: bool) -> anyhow::Result<WasiFilesystemCtx> {
    let mut builder = WasiCtx::builder();
    builder.allow_blocking_current_thread(on_thread);
    for Preopen {
        host,
        guest,
        access,
    } in preopens
    {
        let permissions = match access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        let found = std::fs::metadata(host)
            .with_context(|| format!("cannot open the folder {}", host.display()))?;
        anyhow::ensure!(
            found.is_dir(),
            "{} is not a folder; name the folder that contains it",
            host.display()
        );
        builder
            .preopened_dir(host, guest, permissions)
            .map_err(anyhow::Error::from)
            .with_context(|| format!("cannot open the folder {}", host.display()))?;
    }
    Ok(builder.build().filesystem().clone())
}

#[cfg(target_os = "linux")]
fn opening_never_waits() -> bool {
    open::is_available()
}

#[cfg(not(target_os = "linux"))]
fn opening_never_waits() -> bool {
    false
}
