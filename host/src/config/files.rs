//! The handler that serves files: a folder and a few settings, told to it as the guest expects them.

use std::path::PathBuf;

use super::{Component, GrantConfig, HandlerConfig};
use belljar_sandbox::{Access, Limits, Preopen};

/// A folder, and how its files are served.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    pub root: PathBuf,
    /// The page of a folder; none: `index.html`.
    pub index: Option<String>,
    /// Whether the files of a folder without such a page are listed.
    pub listing: bool,
    /// The page for every address that is no file.
    pub spa: Option<String>,
    /// The Cache-Control field of files; none: `no-cache`.
    pub cache_control: Option<String>,
    /// Whether files are served whose names begin with a dot.
    pub dotfiles: bool,
}

impl Files {
    /// The handler that serves them: the embedded component, which sees the folder read-only as `/`.
    pub fn handler(&self, name: String, limits: Limits) -> HandlerConfig {
        HandlerConfig {
            name,
            component: Component::Files,
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
            reuse: 1,
            concurrency: 1,
        }
    }

    /// What the handler that serves files is told by its environment.
    pub fn variables(&self) -> Vec<(String, String)> {
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
