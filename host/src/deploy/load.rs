//! How a handler is loaded: its file is read, compiled elsewhere, checked against its grants, and tried.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytesize::ByteSize;
use tokio::runtime;

use super::compile::Compiler;
use super::content_hash::{ContentHash, ContentHasher};
use super::fingerprint::Fingerprint;
use crate::config::{Component, HandlerConfig};
use belljar_sandbox::{Databases, Engine, Handler, LoadError};

/// Loads handlers, on any thread but those that serve.
pub(super) struct Loader {
    pub engine: Arc<Engine>,
    pub compiler: Compiler,
    pub databases: Databases,
    pub runtime: runtime::Handle,
    /// Whether pages tell of failures.
    pub developing: bool,
    hasher: ContentHasher,
}

/// What a handler is to be made of, as it was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HandlerSource {
    pub name: String,
    pub component: ComponentSource,
    /// What holds where its own file says nothing.
    pub defaults: Arc<HandlerConfig>,
    /// The file of its own grants and limits.
    pub settings: Option<(PathBuf, Fingerprint)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ComponentSource {
    /// The embedded handler that serves files.
    Files,
    /// A file, if it is there.
    File(PathBuf, Option<Fingerprint>),
}

/// A handler that can take requests.
pub(super) struct HandlerVersion {
    pub handler: Arc<Handler>,
    pub loaded: SystemTime,
    pub size: usize,
    /// How long the whole of it took.
    pub took: Duration,
    config: HandlerConfig,
    content: ContentHash,
}

/// How loading ended.
pub(super) enum LoadOutcome {
    Loaded(Arc<HandlerVersion>),
    /// Neither the bytes nor what is granted differ from the version that is there.
    Same,
    /// The file is perhaps not whole yet, and this is what is wrong if it is.
    NotWhole(String),
    Refused(String),
}

impl ComponentSource {
    pub fn of(component: &Component) -> Self {
        match component {
            Component::Files => Self::Files,
            Component::File(path) => Self::File(path.clone(), Fingerprint::of(path)),
        }
    }
}

impl Loader {
    pub fn new(
        engine: Arc<Engine>,
        compiler: Compiler,
        runtime: runtime::Handle,
        developing: bool,
    ) -> Self {
        Self {
            engine,
            compiler,
            databases: Databases::default(),
            runtime,
            developing,
            hasher: ContentHasher::default(),
        }
    }

    /// `old` is the version that is there.
    pub fn load(&self, input: &HandlerSource, old: Option<&HandlerVersion>) -> LoadOutcome {
        let began = Instant::now();
        self.try_load(input, old, began)
            .unwrap_or_else(|refused| refused)
    }

    fn try_load(
        &self,
        input: &HandlerSource,
        old: Option<&HandlerVersion>,
        began: Instant,
    ) -> Result<LoadOutcome, LoadOutcome> {
        let bytes = input.bytes()?;
        let config = input.config().map_err(LoadOutcome::Refused)?;
        let content = self.hasher.hash(&bytes);
        if old.is_some_and(|old| old.content == content && old.config == config) {
            return Ok(LoadOutcome::Same);
        }
        // What is of this program needs no guard.
        if input.component != ComponentSource::Files {
            Handler::check(&bytes).map_err(|error| match error {
                // So it looks, too, where the last sections are still to come.
                LoadError::NoHandler(_) => LoadOutcome::NotWhole(error.to_string()),
                error => LoadOutcome::Refused(error.to_string()),
            })?;
            self.compiler
                .compile(&self.engine, &config.name, &bytes, content)
                .map_err(LoadOutcome::Refused)?;
        }
        let handler = self.handler(&bytes, &config, old)?;
        let handler = Arc::new(handler);
        if input.component != ComponentSource::Files {
            self.runtime.block_on(handler.probe()).map_err(|failure| {
                LoadOutcome::Refused(format!("it cannot be started: {failure}"))
            })?;
        }
        Ok(LoadOutcome::Loaded(Arc::new(HandlerVersion {
            handler,
            loaded: SystemTime::now(),
            size: bytes.len(),
            took: began.elapsed(),
            config,
            content,
        })))
    }

    fn handler(
        &self,
        bytes: &[u8],
        config: &HandlerConfig,
        old: Option<&HandlerVersion>,
    ) -> Result<Handler, LoadOutcome> {
        let grants = config
            .grants
            .open(&config.name, &self.databases)
            .map_err(|error| LoadOutcome::Refused(format!("{error:#}")))?;
        let handler = Handler::load(self.engine.clone(), bytes, grants, config.limits.clone())
            .map_err(|error| LoadOutcome::Refused(error.to_string()))?
            .reuse(config.reuse)
            .concurrency(config.concurrency)
            .developing(self.developing);
        Ok(match old {
            Some(old) => handler.successor_of(&old.handler).build(),
            None => handler.build(),
        })
    }
}

impl HandlerSource {
    /// The component, which must not be half of one.
    fn bytes(&self) -> Result<std::borrow::Cow<'static, [u8]>, LoadOutcome> {
        let (path, fingerprint) = match &self.component {
            ComponentSource::Files => return Ok(FILES.into()),
            ComponentSource::File(path, fingerprint) => (path, fingerprint),
        };
        let Some(fingerprint) = fingerprint else {
            return Err(LoadOutcome::NotWhole("the file is not there".into()));
        };
        if fingerprint.size > MAX_COMPONENT {
            return Err(LoadOutcome::Refused(format!(
                "it has {}, and a component no more than {}",
                ByteSize::b(fingerprint.size),
                ByteSize::b(MAX_COMPONENT)
            )));
        }
        let bytes = fingerprint
            .read(path)
            .map_err(|error| LoadOutcome::Refused(format!("it cannot be read: {error}")))?
            .ok_or_else(|| LoadOutcome::NotWhole("it is being written without end".into()))?;
        match is_cut_short(&bytes) {
            true => Err(LoadOutcome::NotWhole(format!(
                "it is cut short: {} of a component, and no more comes",
                ByteSize::b(fingerprint.size)
            ))),
            false => Ok(bytes.into()),
        }
    }

    pub fn config(&self) -> Result<HandlerConfig, String> {
        let mut config = match &self.settings {
            Some((path, _)) => HandlerConfig::read(path, &self.defaults)
                .map_err(|problems| problems.to_string().trim_end().replace('\n', "; "))?,
            None => HandlerConfig::clone(&self.defaults),
        };
        config.name.clone_from(&self.name);
        if let ComponentSource::File(path, _) = &self.component {
            config.component = Component::File(path.clone());
        }
        Ok(config)
    }

    /// The component's file, if it is not of this program.
    pub fn file(&self) -> Option<&Path> {
        match &self.component {
            ComponentSource::Files => None,
            ComponentSource::File(path, _) => Some(path),
        }
    }
}

/// Whether the last section of a module or component is longer than what is there of it (WebAssembly, binary format:
/// sections are a byte, a length in LEB128, and as many bytes). What begins otherwise is no WebAssembly, however much
/// of it there is.
fn is_cut_short(bytes: &[u8]) -> bool {
    let Some((preamble, mut rest)) = bytes.split_at_checked(PREAMBLE) else {
        return b"\0asm".starts_with(bytes.get(..4).unwrap_or(bytes));
    };
    if !preamble.starts_with(b"\0asm") {
        return false;
    }
    while let [_, after @ ..] = rest {
        let Some((length, content)) = leb128(after) else {
            return after.len() < MAX_LEB128;
        };
        match content.get(length..) {
            Some(next) => rest = next,
            None => return true,
        }
    }
    false
}

/// A number of 32 bits, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(MAX_LEB128).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

/// The embedded handler, which serves files: the component built from guest/default/ (`cargo xtask guest`).
pub static FILES: &[u8] = include_bytes!("../../../guest/default/guest.wasm");

/// Bytes of a component's file. One of Python has about 40 MB.
const MAX_COMPONENT: u64 = 512 << 20;

/// Bytes before the first section.
const PREAMBLE: usize = 8;

/// Bytes of a number of 32 bits.
const MAX_LEB128: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_component_is_noticed() {
        assert!(!is_cut_short(FILES));
        // Between two sections nobody can tell.
        let whole = (0..FILES.len()).filter(|&end| !is_cut_short(&FILES[..end]));
        assert!(whole.count() < 200);
        for (bytes, expected) in [
            (&b""[..], true),
            (b"\0as", true),
            (b"\0asm\x0d\0\x01", true),
            (b"\0asm\x0d\0\x01\0", false),
            (b"\0asm\x0d\0\x01\0\x00", true),
            (b"\0asm\x0d\0\x01\0\x00\x85", true),
            (b"\0asm\x0d\0\x01\0\x00\x02a", true),
            (b"\0asm\x0d\0\x01\0\x00\x02ab", false),
            (b"\0asm\x0d\0\x01\0\x00\xff\xff\xff\xff\xff\xff", false),
            (b"hello", false),
            (b"hello, I am no component", false),
        ] {
            assert_eq!(is_cut_short(bytes), expected, "{bytes:?}");
        }
    }
}
