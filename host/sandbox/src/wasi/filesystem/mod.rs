//! Files: the folders that a handler is granted, and its operations on their files.
//!
//! On Linux belljar replaces most operations of wasmtime-wasi, so that each is bounded in time, memory and open files:
//! - `lookup` opens and inspects files with `open`; `last_opened` and `negative_cache` spare it system calls.
//! - `reading` links listings and streams, which are in `listing` and `streams`.
//! - `changes` carries out what may take long, on the threads of `work`.
//! - `concurrent` links the same for WASI 0.3, with the conversions of `convert`.

#[cfg(target_os = "linux")]
pub(crate) mod changes;
#[cfg(target_os = "linux")]
pub(crate) mod concurrent;
#[cfg(target_os = "linux")]
mod convert;
#[cfg(target_os = "linux")]
pub(crate) mod last_opened;
#[cfg(target_os = "linux")]
mod listing;
#[cfg(target_os = "linux")]
pub(crate) mod lookup;
#[cfg(target_os = "linux")]
mod negative_cache;
#[cfg(target_os = "linux")]
pub(crate) mod open;
pub(crate) mod preopens;
#[cfg(target_os = "linux")]
pub(crate) mod reading;
#[cfg(target_os = "linux")]
mod streams;
#[cfg(target_os = "linux")]
pub(crate) mod view;
#[cfg(target_os = "linux")]
mod work;

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::{FsPerms, WasiCtx};

#[cfg(target_os = "linux")]
use negative_cache::NegativeCache;
use preopens::Preopens;
#[cfg(target_os = "linux")]
use work::FileWork;

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
    is_empty: bool,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code))]
    is_writable: bool,
    #[cfg(target_os = "linux")]
    negative_cache: NegativeCache,
    #[cfg(target_os = "linux")]
    work: FileWork,
}

impl FileSystem {
    /// # Errors
    ///
    /// Names the folder that cannot be opened.
    pub fn open(preopens: &[Preopen]) -> anyhow::Result<Self> {
        // Reading blocks the thread for as long as sendfile of a web server does. Writing, and above all syncing, may take
        // long, so it happens on other threads. So does everything where opening a FIFO would wait.
        let granted = context(preopens, has_own_operations())?;
        Ok(Self {
            preopens: Preopens::of(&granted)?,
            context: granted,
            is_empty: preopens.is_empty(),
            is_writable: preopens
                .iter()
                .any(|preopen| preopen.access == Access::ReadWrite),
            #[cfg(target_os = "linux")]
            negative_cache: NegativeCache::new(std::time::SystemTime::now),
            #[cfg(target_os = "linux")]
            work: FileWork::new(),
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

    /// Whether the guest may write in one of the folders.
    #[cfg(target_os = "linux")]
    pub fn is_writable(&self) -> bool {
        self.is_writable
    }

    /// The share of the handler in the threads for file work.
    #[cfg(target_os = "linux")]
    pub fn work(&self) -> &FileWork {
        &self.work
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

/// Whether belljar's own file operations replace those of wasmtime-wasi, which use the blocking pool of the server.
pub(crate) fn has_own_operations() -> bool {
    #[cfg(target_os = "linux")]
    return open::is_available();
    #[cfg(not(target_os = "linux"))]
    false
}

/// The interface of WASI 0.2 as wasmtime-wasi names it.
#[cfg(target_os = "linux")]
const TYPES: &str = "wasi:filesystem/types@0.2.12";
