//! The configuration of the handler that serves files: a folder, and environment variables that the guest reads.

use std::path::PathBuf;

use belljar_sandbox::{Access, Limits, Preopen};

use super::model::{Component, GrantConfig, HandlerConfig};
use super::settings::InstanceLimits;

/// A folder, and how its files are served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    pub root: PathBuf,
    /// The index page of a folder. None: `index.html`.
    pub index: Option<String>,
    /// Whether to list the files of a folder without an index page.
    pub listing: bool,
    /// The page to serve for every path without a file.
    pub spa: Option<String>,
    /// The Cache-Control field of files. None: `no-cache`.
    pub cache_control: Option<String>,
    /// Whether to serve files whose names start with a dot.
    pub dotfiles: bool,
}

impl Files {
    /// The handler that serves the files: the embedded component, which sees the folder read-only as `/`.
    pub fn handler(&self, name: String, limits: Limits) -> HandlerConfig {
        HandlerConfig {
            name,
            component: Component::Files,
            middleware: Vec::new(),
            grants: GrantConfig {
                dirs: vec![Preopen {
                    host: self.root.clone(),
                    guest: "/".into(),
                    access: Access::ReadOnly,
                }],
                environment: self.variables(),
                ..GrantConfig::default()
            },
            limits,
            instances: InstanceLimits::default(),
        }
    }

    /// The environment variables of the handler that serves files.
    fn variables(&self) -> Vec<(String, String)> {
        let flag = |set: bool| set.then(|| "1".to_owned());
        let settings = [
            ("BELLJAR_INDEX", self.index.clone()),
            ("BELLJAR_LISTING", flag(self.listing)),
            ("BELLJAR_SPA", self.spa.clone()),
            ("BELLJAR_CACHE_CONTROL", self.cache_control.clone()),
            ("BELLJAR_DOTFILES", flag(self.dotfiles)),
        ];
        let set = |(name, value): (&str, Option<String>)| Some((name.to_owned(), value?));
        settings.into_iter().filter_map(set).collect()
    }
}
