//! From what is written to what is meant: the one pass that finds everything wrong at once.

use std::path::{Path, PathBuf};

use super::document::{At, Document};
use super::file::{File, HandlerFile, HttpTable};
use super::handlers::HandlerTable;
use super::problem::{Problem, Problems};
use super::{Config, HandlerConfig, Server};
use belljar_http as http;
use belljar_sandbox::Limits;

impl Config {
    /// Reads a `belljar.toml`, and looks whether the files and folders that it names are there. Paths in it are
    /// relative to its folder.
    ///
    /// # Errors
    ///
    /// All that is wrong in it, as far as it can be told at once.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        Self::parse_bytes(bytes_of(path)?, path)
    }

    /// As [`read`](Self::read), of bytes that are in this file.
    ///
    /// # Errors
    ///
    /// As `read` has them.
    pub fn parse_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, Problems> {
        Self::parse(&text_of(bytes, path)?, path)
    }

    /// As [`read`](Self::read), of a text that is in this file.
    ///
    /// # Errors
    ///
    /// As `read` has them.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Problems> {
        let (file, document, problems) = Document::read::<File>(text, path)?;
        let mut reader = Reader::new(path, problems);
        let top = document.top();
        let server = reader.server(&file, top);
        let limits = reader.limits(
            file.limits.as_ref(),
            top.key("limits"),
            &Limits {
                max_instances: server.max_instances,
                ..Limits::default()
            },
            server.max_instances,
        );
        let sites = reader.sites(file, top, &limits, server.max_instances);
        reader.end(Self { server, sites })
    }
}

impl HandlerConfig {
    /// Reads the file beside a handler of a folder: `time.toml` beside `time.wasm`. Paths in it are relative to its
    /// folder. Name and component are those of the defaults.
    ///
    /// # Errors
    ///
    /// All that is wrong in it, as far as it can be told at once.
    pub fn read(path: &Path, defaults: &Self) -> Result<Self, Problems> {
        let text = text_of(bytes_of(path)?, path)?;
        let (file, document, problems) = Document::read::<HandlerFile>(&text, path)?;
        let mut reader = Reader::new(path, problems);
        let table = HandlerTable {
            reuse: file.reuse,
            concurrency: file.concurrency,
            grants: file.grants.as_ref(),
            limits: file.limits.as_ref(),
        };
        let handler = reader.handler(table, document.top(), defaults, u32::MAX);
        reader.end(handler)
    }
}

/// What is read, and what was found wrong on the way.
pub(super) struct Reader<'p> {
    pub path: &'p Path,
    problems: Vec<Problem>,
}

impl<'p> Reader<'p> {
    fn new(path: &'p Path, problems: Vec<Problem>) -> Self {
        Self { path, problems }
    }

    pub fn tell(&mut self, at: At<'_>, message: impl Into<String>) {
        self.problems.push(at.problem(message));
    }

    /// A path that is written in the file.
    pub fn resolve(&self, written: impl AsRef<Path>) -> PathBuf {
        match self.path.parent() {
            Some(folder) => folder.join(written),
            None => written.as_ref().into(),
        }
    }

    fn end<T>(self, read: T) -> Result<T, Problems> {
        match Problems::of(self.problems) {
            Some(problems) => Err(problems),
            None => Ok(read),
        }
    }

    fn server(&mut self, file: &File, at: At<'_>) -> Server {
        let defaults = Server::default();
        let mut listen = Vec::new();
        for (position, addresses) in file.listen.iter().flatten().enumerate() {
            for address in &addresses.0 {
                if address.port() != 0 && listen.contains(address) {
                    let at = at.key("listen").item(position);
                    self.tell(at, format!("listen names {address} twice"));
                }
                listen.push(*address);
            }
        }
        Server {
            listen: match listen.is_empty() {
                true => defaults.listen,
                false => listen,
            },
            threads: file.threads.map(usize::from),
            max_connections: file
                .max_connections
                .map_or(defaults.max_connections, |number| number as usize),
            max_instances: file.max_instances.unwrap_or(defaults.max_instances),
            grace: file.grace.as_ref().map_or(defaults.grace, |time| time.0),
            http: file.http.as_ref().map_or(defaults.http, HttpTable::limits),
        }
    }
}

impl HttpTable {
    fn limits(&self) -> http::Limits {
        let defaults = http::Limits::default();
        let time = |said: &Option<super::value::SomeTime>, default| {
            said.as_ref().map_or(default, |time| time.0)
        };
        http::Limits {
            max_head: self
                .max_head
                .as_ref()
                .map_or(defaults.max_head, |size| size.0),
            max_body: self
                .max_body
                .as_ref()
                .map_or(defaults.max_body, |size| size.0),
            header_timeout: time(&self.header_timeout, defaults.header_timeout),
            body_timeout: time(&self.body_timeout, defaults.body_timeout),
            idle_timeout: time(&self.idle_timeout, defaults.idle_timeout),
            send_timeout: time(&self.send_timeout, defaults.send_timeout),
            stream_timeout: time(&self.stream_timeout, defaults.stream_timeout),
        }
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, Problems> {
    std::fs::read(path).map_err(|error| Problems::one(path, format!("it cannot be read: {error}")))
}

fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String, Problems> {
    String::from_utf8(bytes).map_err(|_| {
        let advice = "it is no text in UTF-8, which TOML has to be; save it as such";
        Problems::one(path, advice.into())
    })
}
