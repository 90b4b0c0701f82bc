//! Why a component cannot be loaded as a handler.

use std::fmt;
use std::io;

use super::missing_imports::MissingImport;
use crate::runtime::engine_config::{CORE_INSTANCES, TABLE_ELEMENTS};
use crate::runtime::pool_size::{MEMORIES, TABLES};
use crate::worlds::World;

/// Why a component cannot be loaded as a handler.
#[derive(Debug)]
pub enum LoadError {
    /// The bytes are a core WebAssembly module.
    CoreModule,
    /// The bytes are not a WebAssembly component, or are a damaged one.
    NotAComponent(wasmtime::Error),
    /// The component was not compiled. The text says why.
    NotCompiled(String),
    /// The system does not let this process make memory executable, so nothing that was compiled can run.
    NotExecutable(wasmtime::Error),
    /// The compiled component does not fit the engine, such as with more memories than the pool has for an instance.
    DoesNotFit(wasmtime::Error),
    /// The engine for components of WASI 0.3 does not start.
    NoEngine(wasmtime::Error),
    /// The component exports no world that belljar can call. Lists its exports.
    NoHandler(Vec<String>),
    /// A middleware cannot be used. Names it, and why.
    Middleware(String, Box<LoadError>),
    /// A middleware exports no handler. Lists its exports.
    NotMiddleware(Vec<String>),
    /// A middleware imports no handler that it could pass a request on to.
    NoNext,
    /// A middleware follows the first of these worlds, and the handler behind it the second.
    OtherWorld(World, World),
    /// The handler behind a middleware follows a world without middleware.
    NoMiddleware(World),
    /// The component is in the chain already, under this name.
    Twice(String),
    /// The chain has more middleware than this.
    LongChain(usize),
    /// The component is a middleware without a handler behind it. Names the import for that handler.
    IsMiddleware(String),
    /// The component imports functions that belljar does not provide. Lists them.
    NotGranted(Vec<MissingImport>),
    /// An import or export has another type than the interface of that name.
    Mismatch(wasmtime::Error),
    /// The copy-on-write images of the component's memories cannot be created.
    NoImage(wasmtime::Error),
    /// The compiled component does not fit into the memory for compiled components, of this many bytes.
    NoMemory(u64),
}

impl LoadError {
    /// Whether a copy that lacks the last sections of the component gives the same error.
    pub fn may_be_incomplete(&self) -> bool {
        match self {
            Self::NoHandler(_) | Self::NotMiddleware(_) => true,
            Self::Middleware(_, error) => error.may_be_incomplete(),
            _ => false,
        }
    }

    /// Why an artefact does not load.
    pub(super) fn of_artefact(error: wasmtime::Error) -> Self {
        let cause = error.root_cause();
        let is_denied = match cause.downcast_ref::<io::Error>() {
            Some(cause) => cause.kind() == io::ErrorKind::PermissionDenied,
            None => is_denied(cause),
        };
        match is_denied {
            true => Self::NotExecutable(error),
            false => Self::DoesNotFit(error),
        }
    }
}

#[cfg(unix)]
fn is_denied(cause: &(dyn std::error::Error + 'static)) -> bool {
    use rustix::io::Errno;
    cause
        .downcast_ref::<Errno>()
        .is_some_and(|cause| [Errno::ACCESS, Errno::PERM].contains(cause))
}

#[cfg(not(unix))]
fn is_denied(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::CoreModule => write!(
                f,
                "it is a core WebAssembly module, not a component; build it with `--target wasm32-wasip2`, or convert \
                 it with `wasm-tools component new`"
            ),
            LoadError::NotAComponent(error) => {
                let reason = error.root_cause().to_string();
                let reason = reason.lines().next().unwrap_or_default();
                write!(
                    f,
                    "it is not a WebAssembly component ({reason}); build one with `cargo build --target wasm32-wasip2`"
                )
            }
            LoadError::NotCompiled(reason) => f.write_str(reason),
            LoadError::NotExecutable(error) => write!(
                f,
                "the system does not let belljar run compiled code ({}): it denies executable memory; remove \
                 `MemoryDenyWriteExecute=yes` from the service, or allow `execmem` in SELinux",
                error.root_cause()
            ),
            LoadError::DoesNotFit(error) => write!(
                f,
                "it does not fit this server ({}); a component has at most {MEMORIES} memories, {TABLES} tables of \
                 {TABLE_ELEMENTS} elements and {CORE_INSTANCES} core instances",
                format!("{error:#}").replace('\n', " ")
            ),
            LoadError::NoEngine(error) => write!(
                f,
                "the engine for components of WASI 0.3 does not start ({error:#}); lower --max-instances, or raise \
                 `ulimit -v`"
            ),
            LoadError::NoHandler(exports) if exports.is_empty() => {
                write!(f, "it exports nothing; a handler exports {WORLDS}")
            }
            LoadError::NoHandler(exports)
                if exports.iter().any(|name| name.starts_with(SPIN_1)) =>
            {
                write!(
                    f,
                    "it exports {SPIN_1}, the handler of Spin 1; build it with an SDK of Spin 3 or later, which exports \
                     wasi:http/incoming-handler@0.2"
                )
            }
            LoadError::NoHandler(exports) => write!(
                f,
                "it exports no known handler, only {}; a handler exports {WORLDS}",
                exports.join(", ")
            ),
            LoadError::Middleware(name, error) => write!(f, "the middleware {name}: {error}"),
            LoadError::NotMiddleware(exports) => {
                let exports = match exports.is_empty() {
                    true => "it exports nothing".into(),
                    false => format!("it exports no handler, only {}", exports.join(", ")),
                };
                write!(
                    f,
                    "{exports}; a middleware exports and imports {MIDDLEWARE}"
                )
            }
            LoadError::NoNext => write!(
                f,
                "it imports no handler to pass a request on to; a middleware exports and imports {MIDDLEWARE}"
            ),
            LoadError::OtherWorld(own, behind) => write!(
                f,
                "it is for {own}, and the handler behind it is for {behind}; build both for the same version of wasi:http"
            ),
            LoadError::NoMiddleware(world) => write!(
                f,
                "the handler behind it is for {world}, which has no middleware; build the handler for wasi:http, as \
                 `belljar new --contract wasi-http` does, or remove the middleware"
            ),
            LoadError::Twice(name) => write!(
                f,
                "it is the same component as {name}, so the chain contains itself; name each component once"
            ),
            LoadError::LongChain(most) => write!(
                f,
                "more than {most} middleware are in front of the handler; remove some"
            ),
            LoadError::IsMiddleware(import) => write!(
                f,
                "it is a middleware, which imports {import} to pass requests on; name it as `middleware` of a handler"
            ),
            LoadError::NotGranted(imports) => write!(
                f,
                "it imports {}, which belljar does not provide; build it without these imports",
                join(imports)
            ),
            LoadError::Mismatch(error) => write!(
                f,
                "its imports or exports have other types than the interfaces of these names ({}); rebuild it with the \
                 current wit/, or with a released version of WASI",
                format!("{error:#}").replace('\n', " ")
            ),
            LoadError::NoImage(error) => {
                let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
                write!(
                    f,
                    "the system cannot map the initial content of its memories ({}); try again, or allow more memory or \
                     more open files (ulimit -n)",
                    causes.join(": ")
                )
            }
            LoadError::NoMemory(limit) => write!(
                f,
                "its compiled code does not fit into the {limit} bytes of memory for the code of all handlers; raise \
                 total-memory, half of which is for code, or remove other handlers"
            ),
        }
    }
}

impl std::error::Error for LoadError {}

fn join(imports: &[MissingImport]) -> String {
    let shown = imports.iter().take(MOST_SHOWN).map(ToString::to_string);
    let text = shown.collect::<Vec<_>>().join(", ");
    match imports.len().saturating_sub(MOST_SHOWN) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// What handlers made for Spin 1 export.
const SPIN_1: &str = "fermyon:spin/inbound-http";

/// The most imports that a message names.
const MOST_SHOWN: usize = 20;

const MIDDLEWARE: &str = "wasi:http/incoming-handler@0.2 or wasi:http/handler@0.3";

const WORLDS: &str = "`handle` of belljar:handler/handler (see wit/), wasi:http/incoming-handler@0.2 or \
                      wasi:http/handler@0.3";
