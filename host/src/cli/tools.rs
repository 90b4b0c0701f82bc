//! The tools that the commands of a build need, and how to install those that this machine lacks.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A tool that this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingTool {
    what: String,
    /// The command that installs it. None: belljar does not know one.
    pub install: Option<String>,
}

impl fmt::Display for MissingTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match &self.install {
            Some(install) => write!(f, "{what} is missing; install it with `{install}`"),
            None => write!(
                f,
                "{what} is missing; install it, or correct the command in belljar.toml"
            ),
        }
    }
}

/// The tools that these commands need and that this machine lacks.
pub fn missing<'c>(commands: impl IntoIterator<Item = &'c str>) -> Vec<MissingTool> {
    // By its text, so that each is named once.
    let mut missing = BTreeMap::new();
    for command in commands.into_iter().flat_map(simple_commands) {
        if let Some(tool) = missing_for(&command) {
            missing.insert(tool.what.clone(), tool);
        }
    }
    missing.into_values().collect()
}

/// Splits a command for a shell into those of which it consists, each in words. This is not exact: what is in quotes is
/// split, too.
fn simple_commands(command: &str) -> Vec<Vec<&str>> {
    let parts = command.split(['&', '|', ';', '\n', '(', ')']);
    let words = parts.map(|part| {
        let words = part.split_whitespace();
        words
            .skip_while(|word| word.contains('='))
            .collect::<Vec<_>>()
    });
    words.filter(|words| !words.is_empty()).collect()
}

fn missing_for(words: &[&str]) -> Option<MissingTool> {
    let (program, arguments) = words.split_first()?;
    // A path may be the result of an earlier command, and other characters belong to the shell.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    if !program.bytes().all(is_name) {
        return None;
    }
    if !is_known(program) {
        return Some(MissingTool {
            what: (*program).to_owned(),
            install: installer_of(program),
        });
    }
    match *program {
        "cargo" => missing_target(target(arguments)?),
        "python" | "python3" if arguments.starts_with(&["-m", "venv"]) => missing_venv(program),
        _ => None,
    }
}

/// Whether the shell knows a program or a command of its own by this name.
#[cfg(unix)]
fn is_known(program: &str) -> bool {
    succeeds(Command::new("sh").args(["-c", "command -v \"$0\"", program]))
}

#[cfg(not(unix))]
fn is_known(program: &str) -> bool {
    succeeds(Command::new("cmd").args(["/C", &format!("where {program} || help {program}")]))
}

fn target<'a>(arguments: &[&'a str]) -> Option<&'a str> {
    let mut arguments = arguments.iter();
    arguments
        .find_map(|argument| match *argument {
            "--target" => Some(""),
            argument => argument.strip_prefix("--target="),
        })
        .and_then(|target| match target {
            "" => arguments.next().copied(),
            target => Some(target),
        })
}

/// Rust's standard library for the target.
fn missing_target(target: &str) -> Option<MissingTool> {
    let is_there = library(target).is_some_and(|folder| folder.is_dir());
    (!is_there).then(|| MissingTool {
        what: format!("Rust's target {target}"),
        install: Some(format!("rustup target add {target}")),
    })
}

/// The folder of the standard library. None: there is no rustc, or it does not know the target.
fn library(target: &str) -> Option<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(rustc);
    let output = rustc
        .args(["--print", "target-libdir", "--target", target])
        .stdin(Stdio::null())
        .output();
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(Path::new(text.trim()).to_owned())
}

/// Python's module venv. Distributions leave it out of their package for Python, or parts of it.
fn missing_venv(python: &str) -> Option<MissingTool> {
    let is_there = succeeds(Command::new(python).args(["-c", "import venv, ensurepip"]));
    (!is_there).then(|| MissingTool {
        what: "Python's module venv".into(),
        install: installer_of("venv"),
    })
}

fn succeeds(command: &mut Command) -> bool {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The command that installs a tool.
fn installer_of(tool: &str) -> Option<String> {
    if matches!(tool, "cargo" | "rustc" | "rustup") {
        return Some("curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh".into());
    }
    let (_, packages) = PACKAGES.iter().find(|(name, _)| *name == tool)?;
    let managers = MANAGERS.iter().zip(packages);
    let ((_, command), package) = managers
        .clone()
        .find(|((manager, _), _)| is_known(manager))
        .or_else(|| managers.clone().next())?;
    Some(format!("{command} {package}"))
}

/// Package managers, each with the command that installs a package.
const MANAGERS: [(&str, &str); 4] = [
    ("apt-get", "sudo apt-get install"),
    ("dnf", "sudo dnf install"),
    ("apk", "sudo apk add"),
    ("brew", "brew install"),
];

/// Tools, each with its package for each of these package managers.
const PACKAGES: [(&str, [&str; 4]); 6] = [
    ("npm", ["npm", "nodejs-npm", "npm", "node"]),
    ("npx", ["npm", "nodejs-npm", "npm", "node"]),
    ("node", ["nodejs", "nodejs", "nodejs", "node"]),
    ("python3", ["python3", "python3", "python3", "python"]),
    ("venv", ["python3-venv", "python3", "python3", "python"]),
    ("make", ["make", "make", "make", "make"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_tools_of_a_command() {
        for (command, expected) in [
            ("cp a b", &[][..]),
            ("cd a && ./build.sh; test -e b", &[]),
            ("A=1 no-such-tool x", &["no-such-tool"]),
            (
                "true && no-such-tool | other-tool.x",
                &["no-such-tool", "other-tool.x"],
            ),
            (".venv/bin/pip install x", &[]),
            ("$TOOL x", &[]),
        ] {
            let missing = missing([command]);
            let names: Vec<_> = missing.iter().map(|tool| &tool.what).collect();
            assert_eq!(names, expected, "{command}");
        }
    }

    #[test]
    fn names_the_command_that_installs_a_target() {
        let commands = [
            "cargo build --release --target wasm32-none-such",
            "cargo build --target=wasm32-none-such",
        ];
        let missing = missing(commands);
        let [target] = &missing[..] else {
            panic!("{missing:?}");
        };
        assert_eq!(
            target.to_string(),
            "Rust's target wasm32-none-such is missing; install it with `rustup target add wasm32-none-such`"
        );
        assert_eq!(installer_of("no-such-tool"), None);
        assert!(
            installer_of("npm")
                .is_some_and(|command| command.contains("install") || command.contains("add"))
        );
    }
}
