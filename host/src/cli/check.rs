//! `belljar check`.

mod component;
mod config;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use belljar::config::name_of;
use belljar_sandbox::{Engine, Inspection};
use clap::Args;
use serde::Serialize;

use self::component::Report;
use self::config::ConfigReport;
use super::grants::GrantFlags;
use super::serve::LimitFlags;

/// Say what a component needs, and whether `serve --handler` would run it with the same flags; or what is wrong with a
/// belljar.toml
///
/// Exit status: 0 when it would, or nothing is wrong; 1 when it would not, or something is; 2 when the file cannot be
/// read or a flag is wrong.
///
/// The fields of --json: `file`, `runs` (true or false), `error` (why it does not run, or null), `contract` (such as
/// "wasi:http/proxy@0.2", or null), `size` (bytes), `compile_ms` (milliseconds, or null if it was compiled
/// before), `exports` (names), and `imports`, a list of objects with `name`, `status` ("provided", "empty" or "missing"), `effect` (what an
/// "empty" one gives, else null) and `flag` (what would grant more, or null).
///
/// Those with --config: `file`, `sound` (true or false), `problems`, a list of objects with `file`, `line`, `column` and
/// `message`, and `handlers`, a list of objects with `name`, `place` (file and line), `component`, `contract` and `error`
/// (why it does not run, or null).
#[derive(Args)]
pub struct Check {
    /// The component
    #[arg(required_unless_present = "config")]
    file: Option<PathBuf>,

    /// Look at a belljar.toml and every handler in it, as `serve --config` would, without serving
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "dirs", "environment", "values", "allow_tcp", "OutboundFlags", "StoreFlags", "LimitFlags"])]
    config: Option<PathBuf>,

    /// Answer in JSON, one object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    grants: GrantFlags,

    #[command(flatten)]
    limits: LimitFlags,
}

impl Check {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(file) = &self.config {
            let report = ConfigReport::of(file)?;
            return self.tell(&report, report.text(), report.sound);
        }
        // Without either of them the command line was refused.
        let file = self.file.as_deref().context("no file is named")?;
        let report = self.component(file)?;
        self.tell(&report, report.text(), report.runs)
    }

    fn component(&self, file: &Path) -> anyhow::Result<Report> {
        let shown = file.display().to_string();
        let component = std::fs::read(file).with_context(|| format!("{shown} cannot be read"))?;
        let grants = self.grants.config()?.check(&name_of(file))?;
        let engine = Arc::new(Engine::new(self.limits.max_instances, 1)?);
        let inspection = Inspection::of(engine, &component, grants, self.limits.sandbox());
        Ok(Report::new(shown, component.len(), inspection))
    }

    fn tell(&self, report: &impl Serialize, text: String, good: bool) -> anyhow::Result<ExitCode> {
        let text = match self.json {
            true => serde_json::to_string_pretty(report)? + "\n",
            false => text,
        };
        let written = std::io::stdout().write_all(text.as_bytes());
        // The exit status says it as well to those who do not read on.
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
