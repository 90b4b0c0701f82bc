//! `belljar check`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use belljar::config::name_of;
use belljar::sandbox::{Engine, Import, Inspection, Provision};
use bytesize::ByteSize;
use clap::Args;
use serde::Serialize;

use super::grants::GrantFlags;
use super::serve::LimitFlags;

/// Say what a component needs, and whether `serve --handler` would run it with the same flags
///
/// Exit status: 0 when it would, 1 when it would not, 2 when the file cannot be read or a flag is wrong.
///
/// The fields of --json: `file`, `runs` (true or false), `error` (why it does not run, or null), `contract` (such as
/// "wasi:http/proxy@0.2", or null), `size` (bytes), `compile_ms` (milliseconds, or null if it was compiled
/// before), `exports` (names), and `imports`, a list of objects with `name`, `status` ("provided", "empty" or "missing"), `effect` (what an
/// "empty" one gives, else null) and `flag` (what would grant more, or null).
#[derive(Args)]
pub struct Check {
    /// The component
    file: PathBuf,

    /// Answer in JSON, one object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    grants: GrantFlags,

    #[command(flatten)]
    limits: LimitFlags,
}

#[derive(Serialize)]
struct Report {
    file: String,
    runs: bool,
    error: Option<String>,
    contract: Option<String>,
    size: u64,
    compile_ms: Option<f64>,
    exports: Vec<String>,
    imports: Vec<ReportedImport>,
}

#[derive(Serialize)]
struct ReportedImport {
    name: String,
    status: Status,
    effect: Option<&'static str>,
    flag: Option<&'static str>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Status {
    Provided,
    Empty,
    Missing,
}

impl Check {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let file = self.file.display().to_string();
        let component =
            std::fs::read(&self.file).with_context(|| format!("{file} cannot be read"))?;
        let grants = self.grants.config()?.check(&name_of(&self.file))?;
        let engine = Arc::new(Engine::new(self.limits.max_instances, 1)?);
        let report = Report::new(
            file,
            component.len(),
            Inspection::of(engine, &component, grants, self.limits.sandbox()),
        );
        let text = match self.json {
            true => serde_json::to_string_pretty(&report)? + "\n",
            false => report.text(),
        };
        let written = std::io::stdout().write_all(text.as_bytes());
        // The exit status says it as well to those who do not read on.
        written.or_else(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error).context("the report cannot be written"),
        })?;
        Ok(match report.runs {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

impl Report {
    fn new(file: String, size: usize, inspection: Inspection) -> Self {
        Self {
            file,
            runs: inspection.outcome.is_ok(),
            error: inspection.outcome.err().map(|error| error.to_string()),
            contract: inspection.contract.map(|contract| contract.to_string()),
            size: size as u64,
            compile_ms: inspection
                .compiled_in
                .map(|time| (time.as_secs_f64() * 1e6).round() / 1e3),
            exports: inspection.exports,
            imports: inspection.imports.into_iter().map(Into::into).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.file);
        let contract = self.contract.as_deref().unwrap_or("none that is known");
        // Writing to a string does not fail.
        let _ = writeln!(text, "  contract  {contract}");
        let _ = writeln!(text, "  size      {}", ByteSize::b(self.size));
        let _ = match self.compile_ms {
            Some(time) => writeln!(text, "  compiled  in {time:.1} ms"),
            // Nothing of a component was found in the file.
            None if self.exports.is_empty() && self.imports.is_empty() => Ok(()),
            None => writeln!(text, "  compiled  before"),
        };
        for (status, title) in [
            (Status::Provided, "Provided"),
            (Status::Empty, "Provided, but empty"),
            (Status::Missing, "Missing"),
        ] {
            self.list(status, title, &mut text);
        }
        text.push('\n');
        match &self.error {
            None => text.push_str("`belljar serve --handler` runs it.\n"),
            Some(error) => {
                let _ = writeln!(text, "`belljar serve --handler` does not run it: {error}");
            }
        }
        text
    }

    fn list(&self, status: Status, title: &str, text: &mut String) {
        let imports = self.imports.iter().filter(|import| import.status == status);
        let mut imports = imports.peekable();
        if imports.peek().is_none() {
            return;
        }
        let _ = writeln!(text, "\n{title}:");
        for import in imports {
            let _ = match (import.effect, import.flag) {
                (Some(effect), Some(flag)) => {
                    writeln!(text, "  {}: {effect} without {flag}", import.name)
                }
                (Some(effect), None) => writeln!(text, "  {}: {effect}", import.name),
                (None, _) => writeln!(text, "  {}", import.name),
            };
        }
    }
}

impl From<Import> for ReportedImport {
    fn from(import: Import) -> Self {
        let (status, effect, flag) = match import.provision {
            Provision::Provided => (Status::Provided, None, None),
            Provision::Empty { effect, flag } => (Status::Empty, Some(effect), flag),
            Provision::Missing => (Status::Missing, None, None),
        };
        Self {
            name: import.name,
            status,
            effect,
            flag,
        }
    }
}
