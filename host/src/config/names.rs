//! Gives each handler of a file a unique name.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::document::At;
use super::model::HandlerConfig;
use super::reader::Reader;

/// The handlers found so far, before they have names.
#[derive(Default)]
pub(super) struct Drafts<'d>(Vec<Draft<'d>>);

/// A handler and its possible names.
pub(super) struct Draft<'d> {
    config: HandlerConfig,
    /// Whether the file sets `name` for this handler.
    is_named: bool,
    /// From the shortest name to a unique one.
    names: Vec<String>,
    at: At<'d>,
}

impl<'d> Draft<'d> {
    /// `component` is the path as written; `address` is the host and path of its route.
    pub fn of_component(
        config: HandlerConfig,
        name: Option<String>,
        component: &str,
        address: &str,
        at: At<'d>,
    ) -> Self {
        let is_named = name.is_some();
        let component = Path::new(component);
        let names = match name {
            Some(name) => vec![name],
            None => {
                let longer = component.with_extension("").display().to_string();
                let longest = format!("{longer} {address}");
                vec![name_of(component), longer, longest]
            }
        };
        Self {
            config,
            is_named,
            names,
            at,
        }
    }

    /// `root` is the path as written; `address` is the host and path of its route, or the host alone.
    pub fn of_files(config: HandlerConfig, root: &str, address: &str, at: At<'d>) -> Self {
        Self {
            config,
            is_named: false,
            names: vec![
                "files".into(),
                format!("files {root}"),
                format!("files {root} {address}"),
            ],
            at,
        }
    }

    /// Whether both are the same handler.
    fn is_same_as(&self, other: &Self) -> bool {
        self.config == other.config
            && (self.is_named, self.names.first()) == (other.is_named, other.names.first())
    }
}

impl<'d> Drafts<'d> {
    /// Returns the draft's number. Routes with the same component and configuration share a handler.
    pub fn add(&mut self, draft: Draft<'d>) -> usize {
        let found = self.0.iter().position(|other| other.is_same_as(&draft));
        found.unwrap_or_else(|| {
            self.0.push(draft);
            self.0.len() - 1
        })
    }

    /// Gives each handler the shortest of its names that no other handler has.
    pub fn named(self, reader: &mut Reader<'_>) -> Vec<Arc<HandlerConfig>> {
        let mut levels = vec![0; self.0.len()];
        loop {
            let mut counts: HashMap<&str, usize> = HashMap::new();
            for (draft, level) in self.0.iter().zip(&levels) {
                *counts.entry(draft.name(*level)).or_default() += 1;
            }
            let mut moved = false;
            for (draft, level) in self.0.iter().zip(&mut levels) {
                if counts
                    .get(draft.name(*level))
                    .is_some_and(|count| *count > 1)
                    && *level + 1 < draft.names.len()
                {
                    *level += 1;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        self.report_names(&levels, reader);
        let named = self.0.into_iter().zip(levels).map(|(draft, level)| {
            let name = draft.name(level).to_owned();
            Arc::new(HandlerConfig {
                name,
                ..draft.config
            })
        });
        named.collect()
    }

    fn report_names(&self, levels: &[usize], reader: &mut Reader<'_>) {
        let mut seen: HashMap<&str, At<'_>> = HashMap::new();
        for (draft, level) in self.0.iter().zip(levels) {
            let name = draft.name(*level);
            if let Some(other) = seen.insert(name, draft.at) {
                let line = other.line();
                reader.report(
                    draft.at,
                    format!(
                        "another handler is named {name:?}, in line {line}; rename one of them"
                    ),
                );
            }
            // The handler would lose its stored data if another handler changed its name.
            if *level > 0 && draft.config.grants.store.is_some() {
                reader.report(
                    draft.at,
                    format!(
                        "several handlers would be named {:?}, and this handler has a store, which keeps its data under \
                         the name of the handler; set `name` for this handler",
                        draft.name(0)
                    ),
                );
            }
        }
    }
}

impl Draft<'_> {
    fn name(&self, level: usize) -> &str {
        self.names.get(level).map_or("", String::as_str)
    }
}

/// The name of a handler for which the configuration sets none: the name of its component file, without the extension.
pub fn name_of(component: &Path) -> String {
    component.file_stem().map_or_else(
        || "handler".into(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}
