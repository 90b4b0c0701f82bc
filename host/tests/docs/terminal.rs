//! What a newcomer has in a terminal: `belljar`, and the tools that the documents ask for.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{component, program, user_shell};

/// Writes the programs of the terminal into a folder.
pub fn set_up(programs: &Path) {
    fs::create_dir(programs).expect("a folder can be created");
    let tools = target().join("tools");
    let mut scripts = vec![("belljar", format!("exec {} \"$@\"", program().display()))];
    for name in ["node", "npm"] {
        let path = tools.join("node/bin").join(name);
        if path.is_file() {
            scripts.push((name, format!("exec {} \"$@\"", path.display())));
        }
    }
    // `cargo xtask test` has installed the targets, where necessary without rustup.
    let rustup = "[ \"$1 $2\" = 'target add' ] && [ -d \"$(rustc --print target-libdir --target \"$3\")\" ] && exit\n\
                  PATH=${PATH#*:} exec rustup \"$@\"";
    scripts.push(("rustup", rustup.into()));
    for (name, script) in scripts {
        let path = programs.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script can be written");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, executable).expect("a script can be made executable");
    }
}

/// A shell that runs a script in a folder.
pub fn shell(script: &str, folder: &Path, programs: &Path) -> Command {
    let mut shell = user_shell(script, folder);
    let tools = target().join("tools");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [programs.to_owned(), tools.join("bin")]
        .into_iter()
        .chain(env::split_paths(&path));
    shell
        .env("PATH", env::join_paths(folders).expect("a path"))
        // cargo-component is installed there.
        .env("CARGO_INSTALL_ROOT", &tools)
        // With the packages that `cargo xtask test` has downloaded.
        .env("PIP_CACHE_DIR", pip_cache())
        .env("npm_config_prefer_offline", "true")
        // For the commands that the reader does not see.
        .env("HANDLERS", handlers());
    shell
}

/// The folder of the components that the tests use.
fn handlers() -> PathBuf {
    let hello = component("hello");
    hello.parent().expect("a component lies in a folder").into()
}

fn target() -> PathBuf {
    let target = program().ancestors().nth(2);
    target.expect("the program lies in it").to_owned()
}

fn pip_cache() -> PathBuf {
    if let Some(folder) = env::var_os("PIP_CACHE_DIR") {
        return folder.into();
    }
    let caches = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let caches = caches.or_else(|| Some(env::home_dir()?.join(".cache")));
    caches.expect("a home folder").join("pip")
}
