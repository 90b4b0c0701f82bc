//! The report of `belljar check FILE`: a component's contract and imports, and whether it runs.

use std::fmt::Write as _;

use belljar_sandbox::{Import, Inspection, Provision};
use bytesize::ByteSize;
use serde::Serialize;

/// The report on a component.
#[derive(Serialize)]
pub struct Report {
    file: String,
    /// The files in front of it, outermost first.
    middleware: Vec<String>,
    pub runs: bool,
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

impl Report {
    pub fn new(file: String, middleware: Vec<String>, size: usize, inspection: Inspection) -> Self {
        Self {
            file,
            middleware,
            runs: inspection.outcome.is_ok(),
            error: inspection.outcome.err().map(|error| error.to_string()),
            contract: inspection.world.map(|contract| contract.to_string()),
            size: size as u64,
            compile_ms: inspection
                .compiled_in
                .map(|time| (time.as_secs_f64() * 1e6).round() / 1e3),
            exports: inspection.exports,
            imports: inspection.imports.into_iter().map(Into::into).collect(),
        }
    }

    /// The report on a component that the server refuses before it looks into it.
    pub fn refused(self, problem: String) -> Self {
        Self {
            runs: false,
            error: Some(problem),
            ..self
        }
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.file);
        let contract = self
            .contract
            .as_deref()
            .unwrap_or("none of the supported contracts");
        // Writing to a string does not fail.
        let _ = writeln!(text, "  contract  {contract}");
        let _ = writeln!(text, "  size      {}", ByteSize::b(self.size));
        if !self.middleware.is_empty() {
            let _ = writeln!(text, "  behind    {}", self.middleware.join(", "));
        }
        let _ = match self.compile_ms {
            Some(time) => writeln!(text, "  compiled  in {time:.1} ms"),
            None if self.runs => writeln!(text, "  compiled  before"),
            // The component was refused before it was compiled.
            None => Ok(()),
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
