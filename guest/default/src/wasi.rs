//! The component: exports the world `handler` and implements [`Files`] with wasi:filesystem.
//!
//! wasi:filesystem is called directly. The standard library would look up the preopened folder by name for each path, and
//! cannot return an open file.

use crate::answer::answer;
use crate::files::{Entry, Failure, Files, Kind, Opened, Stat, Time};
use crate::request::{Method, Request};
use crate::response;
use crate::settings::Settings;
use alloc::vec::Vec;
use bindings::belljar::handler::types;
use bindings::wasi;
use bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Generated from the WIT files.
#[allow(unsafe_code)]
mod bindings {
    use super::DefaultGuest;

    wit_bindgen::generate!({
        inline: "
            package belljar:default-guest;

            world guest {
                include belljar:handler/handler@0.1.0;
                import wasi:cli/environment@0.2.12;
                import wasi:clocks/wall-clock@0.2.12;
            }
        ",
        path: ["../../wit", "wit"],
        world: "belljar:default-guest/guest",
        generate_all,
    });

    export!(DefaultGuest with_types_in self);
}

struct DefaultGuest;

impl bindings::Guest for DefaultGuest {
    fn handle(request: types::Request) -> types::Response {
        let settings = settings();
        let request = Request {
            method: Method::parse(&request.method),
            path: &request.path,
            query: request.query.as_deref(),
            fields: &request.headers,
        };
        let response = answer(&*Site::granted(), &settings, request);
        types::Response {
            status: response.status,
            headers: response.fields,
            body: response.body.into(),
        }
    }
}

impl From<response::Body<Descriptor>> for types::Body {
    fn from(body: response::Body<Descriptor>) -> types::Body {
        match body {
            response::Body::Empty => types::Body::Empty,
            response::Body::Bytes(bytes) => types::Body::Bytes(bytes),
            response::Body::File {
                file,
                offset,
                length,
            } => types::Body::File(types::File {
                descriptor: file,
                offset,
                length,
            }),
        }
    }
}

/// Reads the settings. A reused instance does not call the host again if there were no variables.
fn settings() -> Settings {
    if NO_ENVIRONMENT.load(Relaxed) {
        return Settings::default();
    }
    let environment = wasi::cli::environment::get_environment();
    NO_ENVIRONMENT.store(environment.is_empty(), Relaxed);
    Settings::from_environment(environment)
}

static NO_ENVIRONMENT: AtomicBool = AtomicBool::new(false);

/// The directory that the operator granted; None if there is none.
struct Site(Option<Descriptor>);

/// The handle of that directory; 0 until it is known (the canonical ABI's handles begin at 1).
static ROOT: AtomicU32 = AtomicU32::new(0);

impl Site {
    /// The folder granted as `/`, or else the first one. It stays the same while the instance lives. The handle is never
    /// dropped: dropping it would add a call to each request, and getting it again in a reused instance two.
    #[allow(unsafe_code)]
    fn granted() -> ManuallyDrop<Site> {
        let root = match ROOT.load(Relaxed) {
            0 => {
                let root = Site::first_granted();
                ROOT.store(root.as_ref().map_or(0, Descriptor::handle), Relaxed);
                root
            }
            // SAFETY: the host gave this handle to this instance, and it is never dropped.
            handle => Some(unsafe { Descriptor::from_handle(handle) }),
        };
        ManuallyDrop::new(Site(root))
    }

    fn first_granted() -> Option<Descriptor> {
        let mut folders = wasi::filesystem::preopens::get_directories();
        let index = folders
            .iter()
            .position(|(_, name)| name == "/")
            .unwrap_or(0);
        (index < folders.len()).then(|| folders.swap_remove(index).0)
    }

    fn root(&self) -> Result<&Descriptor, Failure> {
        self.0.as_ref().ok_or(Failure::Broken)
    }
}

impl Files for Site {
    type File = Descriptor;

    fn open(&self, path: &str) -> Result<Opened<Descriptor>, Failure> {
        let flags = DescriptorFlags::READ;
        let file =
            self.root()?
                .open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), flags)?;
        let stat = file.stat()?.into();
        Ok(Opened { file, stat })
    }

    fn kind(&self, path: &str) -> Result<Kind, Failure> {
        Ok(self
            .root()?
            .stat_at(PathFlags::SYMLINK_FOLLOW, path)?
            .type_
            .into())
    }

    fn read(
        &self,
        file: &Descriptor,
        offset: u64,
        length: u64,
        into: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let (mut offset, mut rest) = (offset, length);
        while rest > 0 {
            let (bytes, _) = file.read(rest.min(READ_AT_ONCE), offset)?;
            let count = bytes.len() as u64;
            if count == 0 {
                return Err(Failure::Broken);
            }
            into.extend_from_slice(&bytes);
            offset += count;
            rest = rest.saturating_sub(count);
        }
        Ok(())
    }

    fn list(&self, directory: &Descriptor) -> Result<Vec<Entry>, Failure> {
        let stream = directory.read_directory()?;
        let mut entries = Vec::new();
        loop {
            match stream.read_directory_entry() {
                Ok(Some(entry)) => entries.push(Entry {
                    name: entry.name,
                    kind: entry.type_.into(),
                }),
                Ok(None) => return Ok(entries),
                // A name that is not UTF-8, or a file that has just vanished, must not hide all others.
                Err(ErrorCode::IllegalByteSequence | ErrorCode::NoEntry | ErrorCode::Access) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(wasi::clocks::wall_clock::now().seconds).unwrap_or(i64::MAX)
    }
}

impl From<DescriptorStat> for Stat {
    fn from(stat: DescriptorStat) -> Stat {
        let time = |time: wasi::clocks::wall_clock::Datetime| Time {
            seconds: time.seconds,
            nanoseconds: time.nanoseconds,
        };
        Stat {
            kind: stat.type_.into(),
            size: stat.size,
            modified: stat.data_modification_timestamp.map(time),
            changed: stat.status_change_timestamp.map(time),
        }
    }
}

impl From<DescriptorType> for Kind {
    fn from(kind: DescriptorType) -> Kind {
        match kind {
            DescriptorType::RegularFile => Kind::File,
            DescriptorType::Directory => Kind::Directory,
            DescriptorType::SymbolicLink => Kind::Link,
            _ => Kind::Other,
        }
    }
}

impl From<ErrorCode> for Failure {
    fn from(error: ErrorCode) -> Failure {
        match error {
            ErrorCode::Access => Failure::Unreadable,
            // The host reports a path that leads out of the root as `not-permitted` or `cross-device`, and something
            // that is not a regular file as `unsupported`, `no-device` or `no-such-device`.
            ErrorCode::NoEntry
            | ErrorCode::NotDirectory
            | ErrorCode::Loop
            | ErrorCode::TooManyLinks
            | ErrorCode::NameTooLong
            | ErrorCode::IllegalByteSequence
            | ErrorCode::Invalid
            | ErrorCode::NotPermitted
            | ErrorCode::CrossDevice
            | ErrorCode::Unsupported
            | ErrorCode::NoDevice
            | ErrorCode::NoSuchDevice => Failure::Missing,
            _ => Failure::Broken,
        }
    }
}

/// A panic is a bug. The host answers the trap with 500 and logs it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// In bytes.
const READ_AT_ONCE: u64 = 64 << 10;
