//! Reads the files of a component and of its middleware.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;

use super::fingerprint::Fingerprint;
use super::truncation::is_truncated;
use belljar_sandbox::Chain;

/// The file of a component, and its fingerprint if the file exists.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ComponentFile {
    pub path: PathBuf,
    pub fingerprint: Option<Fingerprint>,
}

/// The components of a handler, as they were read.
pub struct Components {
    /// Outermost first, with the path of each file.
    middleware: Vec<(String, Vec<u8>)>,
    handler: Cow<'static, [u8]>,
}

/// Why the bytes of a component cannot be loaded.
pub(super) enum SourceError {
    /// The file may still be in the middle of a copy. The text is the problem to report if it stays like this.
    Incomplete(String),
    Invalid(String),
    /// The system cannot read the file now, such as for want of file descriptors.
    Unreadable(String),
}

impl ComponentFile {
    pub fn new(path: &Path) -> Self {
        Self {
            fingerprint: Fingerprint::of(path),
            path: path.to_owned(),
        }
    }

    /// # Errors
    ///
    /// Fails if the file does not exist, is too large, cannot be read, or is not complete.
    pub fn read(&self) -> Result<Vec<u8>, SourceError> {
        read(&self.path, self.fingerprint.as_ref())
    }
}

impl Components {
    /// Reads the middleware of a handler.
    ///
    /// # Errors
    ///
    /// As for [`ComponentFile::read`].
    pub(super) fn with_middleware(
        handler: Cow<'static, [u8]>,
        files: &[ComponentFile],
    ) -> Result<Self, SourceError> {
        let mut middleware = Vec::new();
        for file in files {
            let name = file.path.display().to_string();
            let bytes = file.read().map_err(|error| error.of_middleware(&name))?;
            middleware.push((name, bytes));
        }
        Ok(Self {
            middleware,
            handler,
        })
    }

    /// Reads the component of a handler and its middleware as the server does, for `belljar check`.
    ///
    /// # Errors
    ///
    /// What the log of the server would say.
    pub fn read(component: &Path, middleware: &[PathBuf]) -> Result<Self, String> {
        let middleware: Vec<_> = middleware
            .iter()
            .map(|file| ComponentFile::new(file))
            .collect();
        let handler = ComponentFile::new(component).read();
        let components =
            handler.and_then(|handler| Self::with_middleware(handler.into(), &middleware));
        components.map_err(|error| match error {
            SourceError::Incomplete(problem)
            | SourceError::Invalid(problem)
            | SourceError::Unreadable(problem) => problem,
        })
    }

    pub fn chain(&self) -> Chain<'_> {
        let chain = Chain::of(&self.handler);
        self.middleware.iter().fold(chain, |chain, (name, bytes)| {
            chain.with_middleware(name, bytes)
        })
    }
}

impl SourceError {
    /// The error about a middleware of this name.
    fn of_middleware(self, name: &str) -> Self {
        let change = |problem| format!("the middleware {name}: {problem}");
        match self {
            Self::Incomplete(problem) => Self::Incomplete(change(problem)),
            Self::Invalid(problem) => Self::Invalid(change(problem)),
            Self::Unreadable(problem) => Self::Unreadable(change(problem)),
        }
    }
}

fn read(path: &Path, fingerprint: Option<&Fingerprint>) -> Result<Vec<u8>, SourceError> {
    let Some(fingerprint) = fingerprint else {
        return Err(SourceError::Incomplete("the file does not exist".into()));
    };
    if fingerprint.size > MAX_COMPONENT {
        return Err(SourceError::Invalid(format!(
            "the file is too large: it has {}, more than the maximum of {}",
            ByteSize::b(fingerprint.size),
            ByteSize::b(MAX_COMPONENT)
        )));
    }
    let bytes = fingerprint
        .read(path)
        .map_err(|error| {
            let problem = format!("cannot read the file: {error}");
            // The other errors are about what the file is.
            match error.raw_os_error() {
                Some(_) => SourceError::Unreadable(problem),
                None => SourceError::Invalid(problem),
            }
        })?
        .ok_or_else(|| {
            SourceError::Incomplete("the file changed while it was being read".into())
        })?;
    match truncation(&bytes) {
        Some(problem) => Err(SourceError::Incomplete(problem)),
        None => Ok(bytes),
    }
}

/// The problem of a file that ends within a component. None: it does not.
pub fn truncation(bytes: &[u8]) -> Option<String> {
    is_truncated(bytes).then(|| {
        format!(
            "the file is incomplete: it ends early, after {}; copy it again",
            ByteSize::b(bytes.len() as u64)
        )
    })
}

/// Maximum size of a component's file, in bytes. A component with a Python interpreter has about 40 MB.
pub const MAX_COMPONENT: u64 = 512 << 20;
