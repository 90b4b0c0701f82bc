//! Keeps the documents equal to the tables of settings and to the schemas.
//!
//! In `docs/configuration.md` and `README.md` each table of settings stands between two comments. To renew the tables and
//! the schemas after a change: `cargo test --profile checked -p belljar --lib renew_documents -- --ignored`.

use std::path::{Path, PathBuf};

use belljar_http as http;
use belljar_http::settings::{Kind, Setting, Settings};
use belljar_sandbox::{Limits, OutboundLimits, StoreLimits};

use super::settings::{InstanceLimits, ServerLimits, defaults};
use super::{Config, HandlerConfig, units};
use crate::compile::CompileLimits;

#[test]
fn documents_are_current() {
    for (file, text) in renewed() {
        let current = std::fs::read_to_string(&file).unwrap();
        assert!(
            current == text,
            "{} is out of date; renew it: cargo test --profile checked -p belljar --lib renew_documents -- --ignored",
            file.display()
        );
    }
}

#[test]
#[ignore = "writes the documents"]
fn renew_documents() {
    for (file, text) in renewed() {
        std::fs::write(file, text).unwrap();
    }
}

/// The documents as they should be.
fn renewed() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let schema = |schema| serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let with_tables = |name: &str, tables: &[(&str, String)]| {
        let file = root.join(name);
        let mut text = std::fs::read_to_string(&file).unwrap();
        for (table, rows) in tables {
            text = replaced(&text, table, rows);
        }
        (file, text)
    };
    vec![
        with_tables(
            "docs/configuration.md",
            &[
                ("server", keys::<ServerLimits>()),
                ("http", keys::<http::Limits>()),
                ("instances", keys::<InstanceLimits>()),
                ("outbound", keys::<OutboundLimits>()),
                ("store", keys::<StoreLimits>()),
                ("limits", keys::<Limits>()),
                ("ceiling outbound", keys::<OutboundLimits>()),
                ("ceiling store", keys::<StoreLimits>()),
                ("handler file", keys::<InstanceLimits>()),
            ],
        ),
        with_tables(
            "README.md",
            &[(
                "limits",
                [
                    "| flag | default | limit | beyond it |\n|---|---|---|---|\n".to_owned(),
                    flags::<Limits>(),
                    flags::<http::Limits>(),
                    flags::<ServerLimits>(),
                    flags::<CompileLimits>(),
                ]
                .concat(),
            )],
        ),
        (
            root.join("docs/belljar.schema.json"),
            schema(Config::schema()),
        ),
        (
            root.join("docs/handler.schema.json"),
            schema(HandlerConfig::schema()),
        ),
    ]
}

/// A table for the reference of the keys.
fn keys<S: Settings>() -> String {
    let mut rows = "| key | type | default | description |\n|---|---|---|---|\n".to_owned();
    for (setting, default) in defaults::<S>() {
        let default = match (default, setting.kind) {
            (Some(number), Kind::Count { .. }) => format!("`{number}`"),
            (Some(text), _) => format!("`\"{text}\"`"),
            (None, _) => setting.default.unwrap_or_default().to_owned(),
        };
        rows += &format!(
            "| `{}` | {} | {default} | {} |\n",
            setting.name,
            type_of(setting),
            setting.description()
        );
    }
    rows
}

fn type_of(setting: &Setting) -> String {
    let name = match setting.kind {
        Kind::TIME_OR_ZERO => "time, or `0s`",
        Kind::Time { .. } => "time",
        Kind::Size { .. } => "size",
        Kind::Count { .. } => "number",
        Kind::Rate => "rate",
    };
    match units::range(setting.kind) {
        Some(range) => format!("{name}, {range}"),
        None => name.to_owned(),
    }
}

/// Rows for the overview of the limits.
fn flags<S: Settings>() -> String {
    let rows = defaults::<S>().filter_map(|(setting, default)| {
        // A flag that sets a limit of the handlers and of the server has the row of the server.
        let is_servers = ServerLimits::TABLE
            .iter()
            .any(|other| other.name == setting.name);
        if is_servers && S::TITLE != ServerLimits::TITLE {
            return None;
        }
        let default = default.or_else(|| setting.default.map(str::to_owned));
        let help = setting.help.trim_end_matches('.');
        Some(format!(
            "| `--{}` | {} | {help} | {} |\n",
            setting.name, default?, setting.beyond?
        ))
    });
    rows.collect()
}

/// The text with this table between its comments.
fn replaced(text: &str, table: &str, rows: &str) -> String {
    let (begin, end) = (
        format!("<!-- settings: {table} -->\n\n"),
        "\n<!-- end of settings -->",
    );
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(end)?;
        Some((before, after))
    });
    let (before, after) =
        parts.unwrap_or_else(|| panic!("the document has no place for the table {table}"));
    format!("{before}{begin}{rows}{end}{after}")
}
