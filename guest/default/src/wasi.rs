//! The thin shell: the world `handler` on one side, wasi:filesystem on the other.
//!
//! wasi:filesystem is called directly. The standard library looks for the preopen by name at every path, and
//! has no way to hand out an open file.

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

/// Generated.
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

/// As the environment says. An instance that is kept does not ask again where there is none.
fn settings() -> Settings {
    if NO_ENVIRONMENT.load(Relaxed) {
        return Settings::default();
    }
    let environment = wasi::cli::environment::get_environment();
    NO_ENVIRONMENT.store(environment.is_empty(), Relaxed);
    Settings::from_environment(environment)
}

static NO_ENVIRONMENT: AtomicBool = AtomicBool::new(false);

/// The directory that the operator granted; none where there is none.
struct Site(Option<Descriptor>);

/// The handle of that directory; 0, which no handle is (the canonical ABI's tables begin at 1), before it is known.
static ROOT: AtomicU32 = AtomicU32::new(0);

impl Site {
    /// The folder granted as `/`, else the first of them. It is the same for as long as the instance lives, and is
    /// never given back: that would be one call more in each request, and asking for it anew in an instance that is kept
    /// two.
    #[allow(unsafe_code)]
    fn granted() -> ManuallyDrop<Site> {
        let root = match ROOT.load(Relaxed) {
            0 => {
                let root = Site::ask();
                ROOT.store(root.as_ref().map_or(0, Descriptor::handle), Relaxed);
                root
            }
            // SAFETY: a handle that this instance was given, and that is never dropped.
            handle => Some(unsafe { Descriptor::from_handle(handle) }),
        };
        ManuallyDrop::new(Site(root))
    }

    fn ask() -> Option<Descriptor> {
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
                // One name that is no UTF-8, or one file that vanished, must not hide all others.
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
            // `not-permitted` and `cross-device`: the host's word for a path that leads out of the root.
            // `unsupported`, `no-device` and `no-such-device`: what is opened is no regular file.
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

/// A panic is a bug; the host answers the trap with 500 and says so in its log.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// In bytes.
const READ_AT_ONCE: u64 = 64 << 10;
