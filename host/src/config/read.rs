//! Reads configuration files: the one pass that finds all errors at once.

use std::path::Path;
use std::sync::Arc;

use belljar_sandbox::Limits;

use super::document::{At, Document};
use super::file::{BuildTable, File, HandlerFile};
use super::model::{BuildStep, Ceiling, Config, HandlerConfig, Server};
use super::problem::Problems;
use super::reader::Reader;
use super::schema::Schema;
use crate::regular_file;

impl Config {
    /// Reads a `belljar.toml`, and checks that the files and folders in it exist. Its paths are relative to its folder.
    ///
    /// # Errors
    ///
    /// All errors in the file, as far as they can be found at once.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        Self::parse_bytes(bytes_of(path)?, path)
    }

    /// Like [`read`](Self::read), for a project whose components may still have to be built.
    ///
    /// # Errors
    ///
    /// The errors of `read`, but not those of components that do not exist.
    pub fn read_unbuilt(path: &Path) -> Result<Self, Problems> {
        Self::parse_as(&text_of(bytes_of(path)?, path)?, path, true)
    }

    /// Like [`read`](Self::read), with the file's content.
    ///
    /// # Errors
    ///
    /// The errors of `read`.
    pub fn parse_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, Problems> {
        Self::parse(&text_of(bytes, path)?, path)
    }

    /// Like [`read`](Self::read), with the file's text.
    ///
    /// # Errors
    ///
    /// The errors of `read`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Problems> {
        Self::parse_as(text, path, false)
    }

    fn parse_as(text: &str, path: &Path, unbuilt: bool) -> Result<Self, Problems> {
        let (file, document, problems) = Document::read::<File>(text, path)?;
        let mut reader = Reader::new(path, problems);
        reader.unbuilt = unbuilt;
        let top = document.top();
        let server = reader.server(&file, top);
        let max_instances = server.limits.max_instances;
        let defaults = Limits {
            max_instances,
            ..Limits::default()
        };
        let limits = reader.limits(top.key("limits"), &defaults, max_instances);
        if let Err(error) = server.limits.check(&limits) {
            reader.report(top.key("total-memory"), error);
        }
        let ceiling = file.ceiling.as_ref();
        let ceiling = reader.ceiling(ceiling, top.key("ceiling"), &limits, max_instances);
        let build = reader.build(file.build.as_deref().unwrap_or_default());
        let sites = reader.sites(file, top, &limits, &ceiling, max_instances);
        reader.finish(Self {
            server,
            ceiling: Arc::new(ceiling),
            sites,
            build,
        })
    }

    /// The JSON schema of `belljar.toml`.
    pub fn schema() -> serde_json::Value {
        Schema::of::<File>().into_json()
    }
}

impl HandlerConfig {
    /// Reads the file beside a handler of a folder: `time.toml` beside `time.wasm`. Its paths are relative to its
    /// folder. Name and component come from the defaults. It is an error if the file grants or raises more than `ceiling`
    /// allows.
    ///
    /// # Errors
    ///
    /// All errors in the file, as far as they can be found at once.
    pub fn read(path: &Path, defaults: &Self, ceiling: &Ceiling) -> Result<Self, Problems> {
        let text = text_of(bytes_of(path)?, path)?;
        let (file, document, problems) = Document::read::<HandlerFile>(&text, path)?;
        let mut reader = Reader::new(path, problems);
        let defaults = ceiling.lowered(defaults.clone());
        let top = document.top();
        let grants = ceiling.grants(&defaults.grants);
        let max_instances = u32::MAX;
        let mut handler =
            reader.handler(file.grants.as_ref(), top, &defaults, grants, max_instances);
        reader.check_ceiling(&mut handler, top, ceiling);
        reader.finish(handler)
    }

    /// The JSON schema of the file beside a handler of a folder.
    pub fn schema() -> serde_json::Value {
        Schema::of::<HandlerFile>().into_json()
    }
}

impl Reader<'_> {
    fn build(&self, tables: &[BuildTable]) -> Vec<BuildStep> {
        let steps = tables.iter().filter_map(|table| {
            let watch = match &table.watch {
                Some(watch) => watch.iter().map(|path| self.resolve(path)).collect(),
                None => vec![self.resolve(".")],
            };
            Some(BuildStep {
                command: table.command.clone()?,
                watch,
                result: table.result.as_ref().map(|result| self.resolve(result)),
            })
        });
        steps.collect()
    }

    fn server(&mut self, file: &File, at: At<'_>) -> Server {
        let defaults = Server::default();
        let mut listen = Vec::new();
        for (position, addresses) in file.listen.iter().flatten().enumerate() {
            for address in &addresses.0 {
                if address.port() != 0 && listen.contains(address) {
                    let at = at.key("listen").item(position);
                    self.report(
                        at,
                        format!("listen has the address {address} twice; remove one"),
                    );
                }
                listen.push(*address);
            }
        }
        Server {
            listen: match listen.is_empty() {
                true => defaults.listen,
                false => listen,
            },
            limits: self.settings(at, &defaults.limits),
            http: self.settings(at.key("http"), &defaults.http),
        }
    }
}

/// Maximum size of a file of settings, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

fn bytes_of(path: &Path) -> Result<Vec<u8>, Problems> {
    regular_file::read(path, MAX_FILE)
        .map_err(|error| Problems::one(path, format!("the file cannot be read: {error}")))
}

fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String, Problems> {
    String::from_utf8(bytes).map_err(|_| {
        let message = "the file is not UTF-8, which TOML requires; save it as UTF-8";
        Problems::one(path, message.into())
    })
}
