//! The report of `belljar check --config`: the errors in the file, and its handlers that do not run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use belljar::compile::Compiler;
use belljar::config::{Action, Component, Config, GrantConfig, HandlerConfig, MAX_FILE, Problem};
use belljar::deploy::{Components, FoundHandlers};
use belljar::regular_file;
use belljar_sandbox::{Chain, Engine, Grants, Inspection, StoreInUse};
use serde::Serialize;

/// The report on a configuration.
#[derive(Serialize)]
pub struct ConfigReport {
    file: String,
    pub sound: bool,
    problems: Vec<Problem>,
    /// Files and folders of handlers that cannot be read, or not as a whole.
    unreadable: Vec<String>,
    handlers: Vec<ReportedHandler>,
}

#[derive(Serialize)]
struct ReportedHandler {
    name: String,
    /// File and line. For a handler in a folder: its own file.
    place: String,
    /// None: the embedded component that serves files.
    component: Option<String>,
    /// The files in front of it, outermost first.
    middleware: Vec<String>,
    contract: Option<String>,
    error: Option<String>,
}

impl ConfigReport {
    /// # Errors
    ///
    /// The file cannot be read. Errors in it are part of the report.
    pub fn of(file: &Path, compiler: Compiler) -> anyhow::Result<Self> {
        let shown = file.display().to_string();
        let bytes = regular_file::read(file, MAX_FILE)
            .with_context(|| format!("{shown} cannot be read"))?;
        let mut report = Self {
            file: shown,
            sound: false,
            problems: Vec::new(),
            unreadable: Vec::new(),
            handlers: Vec::new(),
        };
        match Config::parse_bytes(bytes, file) {
            Ok(config) => {
                let found = FoundHandlers::of(&config);
                report.handlers = Self::handlers(&config, &found, &compiler)?;
                report.unreadable = found.unreadable.into_values().collect();
            }
            Err(problems) => report.problems = problems.iter().cloned().collect(),
        }
        report.sound = report.problems.is_empty()
            && report.unreadable.is_empty()
            && report.handlers.iter().all(|one| one.error.is_none());
        Ok(report)
    }

    /// Loads each handler like the server.
    fn handlers(
        config: &Config,
        found: &FoundHandlers,
        compiler: &Compiler,
    ) -> anyhow::Result<Vec<ReportedHandler>> {
        let engine = Arc::new(Engine::new(config.server.limits.max_instances, 1)?);
        let mut seen = Vec::new();
        let mut reported = Vec::new();
        for route in config.sites.iter().flat_map(|site| &site.routes) {
            if let Action::Run(handler) = &route.action
                && !seen.iter().any(|known| Arc::ptr_eq(known, handler))
            {
                seen.push(handler.clone());
                reported.push(ReportedHandler::of(
                    handler,
                    &route.place,
                    &engine,
                    compiler,
                ));
            }
        }
        for found in &found.handlers {
            let place = found.file.display().to_string();
            reported.push(match &found.config {
                Ok(handler) => ReportedHandler::of(handler, &place, &engine, compiler),
                Err(wrong) => ReportedHandler {
                    name: found.name.clone(),
                    component: Some(place.clone()),
                    middleware: Vec::new(),
                    place,
                    contract: None,
                    error: Some(wrong.clone()),
                },
            });
        }
        Ok(reported)
    }

    /// The report as text: one error per line, or a line that says that the configuration is valid.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        for problem in &self.problems {
            let _ = writeln!(text, "{problem}");
        }
        for problem in &self.unreadable {
            let _ = writeln!(text, "{problem}");
        }
        for handler in &self.handlers {
            if let Some(error) = &handler.error {
                let ReportedHandler { name, place, .. } = handler;
                let _ = writeln!(text, "{place}: the handler {name} does not run: {error}");
            }
        }
        if self.sound {
            let _ = writeln!(text, "{}: the configuration is valid", self.file);
        }
        text
    }
}

impl ReportedHandler {
    fn of(handler: &HandlerConfig, place: &str, engine: &Arc<Engine>, compiler: &Compiler) -> Self {
        let component = match &handler.component {
            Component::File(file) => Some(file.display().to_string()),
            Component::Files => None,
        };
        let (contract, error) = match inspection(handler, engine, compiler) {
            Ok(Some(inspection)) => (
                inspection.world.map(|contract| contract.to_string()),
                inspection.outcome.err().map(|error| error.to_string()),
            ),
            Ok(None) => (None, None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Self {
            name: handler.name.clone(),
            place: place.to_owned(),
            component,
            middleware: shown(&handler.middleware),
            contract,
            error,
        }
    }
}

fn shown(files: &[PathBuf]) -> Vec<String> {
    files
        .iter()
        .map(|file| file.display().to_string())
        .collect()
}

/// None: the embedded component, which needs no inspection.
fn inspection(
    handler: &HandlerConfig,
    engine: &Arc<Engine>,
    compiler: &Compiler,
) -> anyhow::Result<Option<Inspection>> {
    let grants = grants(handler)?;
    let Component::File(file) = &handler.component else {
        return Ok(None);
    };
    let components = Components::read(file, &handler.middleware).map_err(anyhow::Error::msg)?;
    let limits = handler.limits.clone();
    let compile =
        |engine: &Engine, chain: &Chain<'_>| compiler.compile(engine, &handler.name, chain);
    Ok(Some(Inspection::of(
        engine.clone(),
        &components.chain(),
        compile,
        grants,
        limits,
    )))
}

/// Accepts a store in use: a server may run with it while its next configuration is checked.
fn grants(handler: &HandlerConfig) -> anyhow::Result<Grants> {
    match handler.grants.check(&handler.name) {
        Err(error) if error.is::<StoreInUse>() => {
            let others = GrantConfig {
                store: None,
                ..handler.grants.clone()
            };
            Ok(others.check(&handler.name)?.with_unopened_store())
        }
        outcome => outcome,
    }
}
