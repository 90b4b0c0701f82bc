//! The documents: every block of commands in them is executed as it is written.
//!
//! A document is read as a newcomer reads it: from the top, with `belljar` installed, in a folder that contains nothing but a copy
//! of the repository. Each section of the second level begins in a new terminal in that folder. A server that a line starts runs
//! until the next one starts. Only the port differs: each document has one of its own in place of 8080, so that the documents can
//! be tested at the same time.
//!
//! The first word of a fence names the language, as usual. What follows says what the test does with the block:
//!
//! | fence | meaning |
//! |---|---|
//! | `sh` | run with `bash -eu` in the folder of the last command |
//! | `sh checkout` | run in a copy of the repository, by `.ci/run`: it takes a release build |
//! | `sh not run: REASON` | not run |
//! | `LANGUAGE file=PATH`, `append=PATH` | written to a file, or to its end |
//! | `text output` | each line is among what was printed since the section began; numbers may differ, `...` is any text |
//! | any other language alone | an extract, which is only read |
//!
//! `<!-- before: COMMANDS -->` runs commands that the reader does not need, such as those that make example files. A page of the
//! server that the text tells to open is requested, and must be there.

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod document;
mod output;
mod session;
mod terminal;

use std::fs;
use std::path::{Path, PathBuf};

use document::{Document, Step};
use session::Session;

#[test]
fn the_commands_of_the_readme_work() {
    run("README.md");
}

#[test]
fn the_commands_of_handlers_md_work() {
    run("docs/handlers.md");
}

#[test]
fn the_commands_of_deploy_md_work() {
    run("docs/deploy.md");
}

/// `.ci/run` calls this test after its release build.
#[test]
#[ignore = "takes a release build"]
fn the_commands_for_a_checkout_work() {
    for path in DOCUMENTS {
        let document = read(path);
        let mut session = Session::in_checkout(&repository());
        for step in document.steps {
            match step {
                Step::Section(title) => session.begin(&title),
                Step::Checkout(commands) => session.run(&commands),
                Step::Open(url) => session.open(&url),
                _ => {}
            }
        }
    }
}

/// A reason stands at each block that is not run, and there are few.
#[test]
fn nearly_all_commands_are_run() {
    let mut blocks = 0;
    let mut not_run = Vec::new();
    for path in DOCUMENTS {
        for step in read(path).steps {
            match step {
                Step::Run(_) | Step::Checkout(_) => blocks += 1,
                Step::NotRun { line, reason } => not_run.push(format!("{path}:{line}: {reason}")),
                _ => {}
            }
        }
    }
    assert!(blocks > 20, "{blocks} blocks");
    assert!(not_run.len() * 5 <= blocks, "{}", not_run.join("\n"));
}

fn run(path: &str) {
    let document = read(path);
    let mut session = Session::in_scratch_folder(&repository());
    for step in document.steps {
        match step {
            Step::Section(title) => session.begin(&title),
            Step::Run(commands) => session.run(&commands),
            Step::File { path, text, append } => session.write(&path, &text, append),
            Step::Output { line, text } => session.expect(line, &text),
            Step::Open(url) => session.open(&url),
            Step::Checkout(_) | Step::NotRun { .. } => {}
        }
    }
}

fn read(path: &str) -> Document {
    let text = fs::read_to_string(repository().join(path)).expect("the document can be read");
    Document::parse(&text).unwrap_or_else(|error| panic!("{path}:{error}"))
}

fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package lies in it").to_owned()
}

const DOCUMENTS: [&str; 3] = ["README.md", "docs/handlers.md", "docs/deploy.md"];
