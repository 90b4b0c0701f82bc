//! The files and settings that a handler is loaded from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::component_file::{ComponentFile, Components, SourceError};
use super::embedded::FILES;
use super::fingerprint::Fingerprint;
use super::granted_folders::GrantedFolders;
use super::scan::ScannedFile;
use crate::config::{Ceiling, Component, HandlerConfig};

/// The inputs of a load, as the last scan found them. Two equal sources need no second load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HandlerSource {
    pub name: String,
    pub component: ComponentSource,
    /// The components in front of it, outermost first.
    middleware: Vec<ComponentFile>,
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
    File(ComponentFile),
}

impl HandlerSource {
    /// The source of a handler that the configuration names.
    pub fn configured(config: &Arc<HandlerConfig>) -> Self {
        Self {
            name: config.name.clone(),
            component: match &config.component {
                Component::Files => ComponentSource::Files,
                Component::File(path) => ComponentSource::File(ComponentFile::new(path)),
            },
            middleware: config
                .middleware
                .iter()
                .map(|path| ComponentFile::new(path))
                .collect(),
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
        Self {
            name,
            component: ComponentSource::File(ComponentFile {
                path: scanned.file.clone(),
                fingerprint: Some(scanned.fingerprint.clone()),
            }),
            middleware: scanned.middleware.clone(),
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
            ComponentSource::File(file) => Some(&file.path),
        }
    }

    /// The files of the middleware, outermost first.
    pub fn middleware(&self) -> impl Iterator<Item = &Path> {
        self.middleware.iter().map(|file| file.path.as_path())
    }

    /// The folders that the configuration grants to the handler.
    pub fn folders(&self) -> &GrantedFolders {
        &self.folders
    }

    /// Whether a file or a folder of the handler can change.
    pub fn can_change(&self) -> bool {
        self.file().is_some() || !self.folders.is_empty()
    }

    /// Reads the component and its middleware.
    ///
    /// # Errors
    ///
    /// Fails if a file does not exist, is too large, cannot be read, or is not complete.
    pub fn read(&self) -> Result<Components, SourceError> {
        let handler = match &self.component {
            ComponentSource::Files => FILES.into(),
            ComponentSource::File(file) => file.read()?.into(),
        };
        Components::with_middleware(handler, &self.middleware)
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
        if let ComponentSource::File(file) = &self.component {
            config.component = Component::File(file.path.clone());
        }
        config.middleware = self.middleware().map(Path::to_owned).collect();
        Ok(config)
    }
}
