//! The files and settings that a handler is loaded from.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytesize::ByteSize;

use super::embedded::FILES;
use super::fingerprint::Fingerprint;
use super::granted_folders::GrantedFolders;
use super::scan::ScannedFile;
use super::truncation::is_truncated;
use crate::config::{Ceiling, Component, HandlerConfig};

/// The inputs of a load, as the last scan found them. Two equal sources need no second load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HandlerSource {
    pub name: String,
    pub component: ComponentSource,
    /// Grants and limits for a handler whose own settings file does not set them.
    pub defaults: Arc<HandlerConfig>,
    /// The settings file beside a component in a folder of handlers.
    settings: Option<(PathBuf, Fingerprint)>,
    /// The most that the settings file may grant.
    ceiling: Arc<Ceiling>,
    folders: GrantedFolders,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ComponentSource {
    /// The built-in handler that serves files.
    Files,
    /// A file, and its fingerprint if the file exists.
    File(PathBuf, Option<Fingerprint>),
}

/// Why the bytes of a component cannot be loaded.
pub(super) enum SourceError {
    /// The file may still be in the middle of a copy. The text is the problem to report if it stays like this.
    Incomplete(String),
    Invalid(String),
    /// The system cannot read the file now, such as for want of file descriptors.
    Unreadable(String),
}

impl HandlerSource {
    /// The source of a handler that the configuration names.
    pub fn configured(config: &Arc<HandlerConfig>) -> Self {
        Self {
            name: config.name.clone(),
            component: match &config.component {
                Component::Files => ComponentSource::Files,
                Component::File(path) => ComponentSource::File(path.clone(), Fingerprint::of(path)),
            },
            defaults: config.clone(),
            settings: None,
            ceiling: Arc::default(),
            folders: GrantedFolders::of(config),
        }
    }

    /// The source of a handler in a folder of handlers.
    pub fn in_folder(
        scanned: &ScannedFile,
        name: String,
        defaults: Arc<HandlerConfig>,
        ceiling: Arc<Ceiling>,
        folders: GrantedFolders,
    ) -> Self {
        let fingerprint = Some(scanned.fingerprint.clone());
        Self {
            name,
            component: ComponentSource::File(scanned.file.clone(), fingerprint),
            defaults,
            settings: scanned.settings.clone(),
            ceiling,
            folders,
        }
    }

    /// The component's file. `None` for the built-in handler.
    pub fn file(&self) -> Option<&Path> {
        match &self.component {
            ComponentSource::Files => None,
            ComponentSource::File(path, _) => Some(path),
        }
    }

    /// The folders that the configuration grants to the handler.
    pub fn folders(&self) -> &GrantedFolders {
        &self.folders
    }

    /// Whether a file or a folder of the handler can change.
    pub fn can_change(&self) -> bool {
        self.file().is_some() || !self.folders.is_empty()
    }

    /// Reads the component.
    ///
    /// # Errors
    ///
    /// Fails if the file does not exist, is too large, cannot be read, or is not complete.
    pub fn read(&self) -> Result<Cow<'static, [u8]>, SourceError> {
        match &self.component {
            ComponentSource::Files => Ok(FILES.into()),
            ComponentSource::File(path, fingerprint) => {
                read(path, fingerprint.as_ref()).map(Cow::Owned)
            }
        }
    }

    /// Reads the settings file, if there is one, on top of the defaults.
    ///
    /// # Errors
    ///
    /// Fails with all problems of the settings file, on one line.
    pub fn config(&self) -> Result<HandlerConfig, String> {
        let mut config = match &self.settings {
            Some((path, _)) => HandlerConfig::read(path, &self.defaults, &self.ceiling)
                .map_err(|problems| problems.to_string().trim_end().replace('\n', "; "))?,
            None => HandlerConfig::clone(&self.defaults),
        };
        config.name.clone_from(&self.name);
        if let ComponentSource::File(path, _) = &self.component {
            config.component = Component::File(path.clone());
        }
        Ok(config)
    }
}

/// Reads the file of a component as the server does, for `belljar check`.
///
/// # Errors
///
/// What the log of the server would say.
pub fn read_component(path: &Path) -> Result<Vec<u8>, String> {
    read(path, Fingerprint::of(path).as_ref()).map_err(|error| match error {
        SourceError::Incomplete(problem)
        | SourceError::Invalid(problem)
        | SourceError::Unreadable(problem) => problem,
    })
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
