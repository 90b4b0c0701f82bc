//! A project: what belljar.toml says about its build and its files.

use std::collections::BTreeSet;
use std::path::{Component as Part, Path, PathBuf};

use anyhow::bail;
use belljar::config::{Action, BuildStep, Component, Config, HandlerConfig};

use super::snapshot::Sources;

/// A project in a folder.
pub struct Project {
    pub file: PathBuf,
    /// The folder in which the commands run.
    pub folder: PathBuf,
    pub steps: Vec<Step>,
    /// The components that routes name, with their middleware.
    components: BTreeSet<PathBuf>,
    /// The configuration file.
    pub settings: Sources,
    /// The folders whose files are served as they are.
    pub served: Sources,
}

/// A command, and what it reads.
pub struct Step {
    pub build: BuildStep,
    pub sources: Sources,
}

impl Project {
    /// # Errors
    ///
    /// The file does not exist, or has errors.
    pub fn read(file: &Path) -> anyhow::Result<(Self, Config)> {
        if !file.exists() {
            bail!(
                "{} does not exist, so this folder is no project: create a project with `belljar new NAME`, or name the \
                 file with --config",
                file.display()
            );
        }
        match Config::read_unbuilt(file) {
            Ok(config) => Ok((Self::of(file, &config), config)),
            Err(problems) => bail!("{problems}"),
        }
    }

    fn of(file: &Path, config: &Config) -> Self {
        let mut components = BTreeSet::new();
        let mut written = BTreeSet::new();
        let mut served = Vec::new();
        for site in &config.sites {
            written.extend(site.handlers.iter().map(|folder| plain(&folder.path)));
            for route in &site.routes {
                if let Action::Run(handler) = &route.action {
                    components.extend(components_of(handler));
                    let store = handler.grants.store.as_ref();
                    written.extend(store.map(|store| plain(&store.file)));
                    if handler.component == Component::Files {
                        served.extend(handler.grants.dirs.iter().map(|dir| plain(&dir.host)));
                    }
                }
            }
        }
        written.extend(components.iter().cloned());
        let results = config.build.iter().filter_map(|step| step.result.as_ref());
        written.extend(results.map(|result| plain(result)));
        let settings = Sources::new(vec![plain(file)], BTreeSet::new());
        // A change of the configuration starts a build only if it changes a command.
        written.insert(plain(file));
        let sources = |roots: Vec<PathBuf>| Sources::new(roots, written.clone());
        let steps = config.build.iter().map(|step| Step {
            build: step.clone(),
            sources: sources(step.watch.iter().map(|path| plain(path)).collect()),
        });
        Self {
            file: file.to_owned(),
            folder: match file.parent() {
                Some(folder) => plain(folder),
                None => PathBuf::from("."),
            },
            steps: steps.collect(),
            components,
            settings,
            served: sources(served),
        }
    }

    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| &step.build.command[..])
    }

    /// A component that does not exist.
    pub fn missing_component(&self) -> Option<&Path> {
        let mut components = self.components.iter();
        let missing = components.find(|component| !component.exists());
        missing.map(PathBuf::as_path)
    }

    /// All that is watched.
    pub fn sources(&self) -> impl Iterator<Item = &Sources> {
        let others = [&self.settings, &self.served];
        self.steps.iter().map(|step| &step.sources).chain(others)
    }
}

/// The component of a handler, if it is a file, and its middleware.
fn components_of(handler: &HandlerConfig) -> impl Iterator<Item = PathBuf> {
    let component = match &handler.component {
        Component::File(file) => Some(plain(file)),
        Component::Files => None,
    };
    let middleware = handler.middleware.iter().map(|file| plain(file));
    component.into_iter().chain(middleware)
}

/// The path without `.`, so that paths of the same file are the same.
fn plain(path: &Path) -> PathBuf {
    let parts: PathBuf = path
        .components()
        .filter(|part| *part != Part::CurDir)
        .collect();
    match parts.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => parts,
    }
}
