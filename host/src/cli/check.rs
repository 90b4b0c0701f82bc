//! `belljar check`.

mod component;
mod config;

use std::io::Write as _;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use belljar::compile::{CompileLimits, Compiler, Starter};
use belljar::config::name_of;
use belljar::deploy::{MAX_COMPONENT, truncation};
use belljar::regular_file;
use belljar_sandbox::{Chain, Engine, Inspection};
use clap::Args;
use serde::Serialize;

use self::component::Report;
use self::config::ConfigReport;
use super::compile::{flags, program};
use super::flags::{SettingFlags, VALUES, ids};
use super::grants::GrantFlags;
use super::hardening::HardeningFlags;
use super::limits::LimitFlags;

/// Show a component's contract and imports, and whether `serve` would run it; or check a belljar.toml
///
/// Exit status: 0 if `serve` would run the component or the file is valid; 1 if not; 2 if the file cannot be read or a
/// flag is wrong.
///
/// The fields of --json: `file`, `middleware` (a list of files), `runs` (true or false), `error` (why the component does not
/// run, or null), `contract` (the world, such as "wasi:http/proxy@0.2", or null), `size` (bytes), `compile_ms` (milliseconds, or null if it was
/// compiled before), `exports` (names), and `imports`, a list of objects with `name`, `status` ("provided", "empty" or
/// "missing"), `effect` (what an "empty" import gives, else null) and `flag` (the flag that grants more, or null).
///
/// The fields with --config: `file`, `sound` (true or false), `problems`, a list of objects with `file`, `line`, `column`
/// and `message`, `unreadable`, a list of texts about folders of handlers, and `handlers`, a list of objects with `name`, `place` (file and line), `component`, `middleware`
/// (a list of files), `contract` and `error` (why the handler does not run, or null).
#[derive(Args)]
#[command(after_help = VALUES)]
pub struct Check {
    /// Component to check
    #[arg(required_unless_present = "config")]
    file: Option<PathBuf>,

    /// Check this belljar.toml and every handler in it, as `serve --config` would, without serving
    #[arg(
        long,
        value_name = "FILE.toml",
        conflicts_with = "file",
        conflicts_with_all = ids::<GrantFlags>(),
        conflicts_with_all = ids::<LimitFlags>()
    )]
    config: Option<PathBuf>,

    /// Component in front of it: the outermost first [repeatable]
    #[arg(long, value_name = "FILE.wasm", conflicts_with = "config")]
    middleware: Vec<PathBuf>,

    /// Print the report as a JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    grants: GrantFlags,

    #[command(flatten)]
    limits: LimitFlags,

    #[command(flatten)]
    compile: SettingFlags<CompileLimits>,

    #[command(flatten)]
    hardening: HardeningFlags,
}

impl Check {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(file) = &self.config {
            let report = ConfigReport::of(file, self.compiler()?)?;
            return self.print(&report, report.text(), report.sound);
        }
        // clap requires one of the two.
        let file = self.file.as_deref().context("no file is given")?;
        let report = self.component(file)?;
        self.print(&report, report.text(), report.runs)
    }

    fn component(&self, file: &Path) -> anyhow::Result<Report> {
        let shown = file.display().to_string();
        let component = regular_file::read(file, MAX_COMPONENT)
            .with_context(|| format!("{shown} cannot be read"))?;
        let name = name_of(file);
        let grants = self.grants.config()?.check(&name)?;
        let limits = self.limits.handler()?;
        let engine = Arc::new(Engine::new(self.limits.server().max_instances, 1)?);
        let compiler = self.compiler()?;
        let compile = |engine: &Engine, chain: &Chain<'_>| compiler.compile(engine, &name, chain);
        let mut middleware = Vec::new();
        for file in &self.middleware {
            let shown = file.display().to_string();
            let component = regular_file::read(file, MAX_COMPONENT)
                .with_context(|| format!("{shown} cannot be read"))?;
            middleware.push((shown, component));
        }
        let chain = middleware
            .iter()
            .fold(Chain::of(&component), |chain, (name, bytes)| {
                chain.with_middleware(name, bytes)
            });
        let inspection = Inspection::of(engine, &chain, compile, grants, limits);
        let files = middleware.iter().map(|(name, _)| name.clone()).collect();
        let report = Report::new(shown, files, component.len(), inspection);
        let middleware = middleware.iter().map(|(name, bytes)| {
            truncation(bytes).map(|problem| format!("the middleware {name}: {problem}"))
        });
        let mut truncated = iter::once(truncation(&component)).chain(middleware);
        Ok(match truncated.find_map(|problem| problem) {
            Some(problem) => report.refused(problem),
            None => report,
        })
    }

    fn compiler(&self) -> anyhow::Result<Compiler> {
        let starter = Starter::Program(program()?, flags(self.hardening.hardens_compilers()));
        Ok(Compiler::new(starter, self.compile.settings.clone()))
    }

    fn print(&self, report: &impl Serialize, text: String, good: bool) -> anyhow::Result<ExitCode> {
        let text = match self.json {
            true => serde_json::to_string_pretty(report)? + "\n",
            false => text,
        };
        let written = std::io::stdout().write_all(text.as_bytes());
        // A reader that has closed the pipe still gets the exit status.
        written.or_else(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error).context("the report cannot be written"),
        })?;
        Ok(match good {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}
