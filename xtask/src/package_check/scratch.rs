//! The workspaces in which the packaged crates are built.
//!
//! Cargo uses a dependency that was compiled before only if it is to have the same features. What features it is to have follows
//! from all members of a workspace. So each member that is not packaged has a stand-in, which has the same dependencies and no
//! code.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use toml::{Table, Value, toml};
use xtask::workspace;

use super::versioned;
use crate::packages::{HANDLERS, LIBRARY};

/// Makes a workspace of the folder with the packaged crates.
pub fn server(folder: &Path) -> Result<()> {
    let mut top = manifest(&workspace::root().join("Cargo.toml"))?;
    let mut members: Vec<String> = SERVER.iter().map(|name| versioned(name)).collect();
    let shared = table(&mut top, "workspace")?;
    for member in texts(shared.get("members")) {
        members.extend(stand_in(&member, folder)?);
    }
    shared.remove("default-members");
    shared.insert("members".into(), members.into());
    for name in SERVER {
        table(shared, "dependencies")?.remove(name);
    }

    // The check needs no fast program, but a fast build.
    let mut profiles = Table::new();
    for name in SERVER {
        profiles.insert(name.into(), toml! { debug = false opt-level = 0 }.into());
    }
    let checked = table(table(&mut top, "profile")?, "checked")?;
    checked.insert("package".into(), profiles.into());
    top.insert("patch".into(), patch(&SERVER, "").into());
    write(&folder.join("Cargo.toml"), &top.to_string())?;
    copy("Cargo.lock", folder)
}

/// Writes a project that depends on the packaged library for handlers, as a user's project does: by its version.
pub fn handler(work: &Path, crates: &Path) -> Result<PathBuf> {
    let folder = work.join("handler");
    let top = manifest(&workspace::root().join("Cargo.toml"))?;
    let mut project = toml! {
        [package]
        name = "handler"
        edition = "2024"

        [lib]
        crate-type = ["cdylib"]

        [dependencies]
        belljar-guest = "0.1"

        [workspace]
    };
    let guest = top
        .get("profile")
        .and_then(|profiles| profiles.get("guest"));
    let guest = guest.context("Cargo.toml has no profile `guest`")?;
    let mut profiles = Table::new();
    // Of the same name and content as in the repository, so that the same dependencies serve.
    profiles.insert("guest".into(), guest.clone());
    if let Some(release) = top
        .get("profile")
        .and_then(|profiles| profiles.get("release"))
    {
        profiles.insert("release".into(), release.clone());
    }
    project.insert("profile".into(), profiles.into());
    let prefix = format!("{}/", crates.display());
    project.insert("patch".into(), patch(&["belljar-guest"], &prefix).into());
    write(&folder.join("Cargo.toml"), &project.to_string())?;
    write(&folder.join("src/lib.rs"), HANDLER)?;
    copy("Cargo.lock", &folder)?;
    Ok(folder)
}

/// Writes the stand-in of a member, and returns its folder. `None` if the member is not built together with the server.
fn stand_in(member: &str, folder: &Path) -> Result<Option<String>> {
    let path = workspace::root().join(member).join("Cargo.toml");
    let original = manifest(&path)?;
    let package = original
        .get("package")
        .and_then(|package| package.get("name"));
    let name = package
        .and_then(Value::as_str)
        .context("a member has no name")?;
    if HANDLERS.contains(&name) || LIBRARY.contains(&name) || SERVER.contains(&name) {
        return Ok(None);
    }
    let mut copy = toml! {
        [package]
        edition.workspace = true
    };
    table(&mut copy, "package")?.insert("name".into(), name.into());
    for key in ["dependencies", "dev-dependencies", "features", "target"] {
        if let Some(value) = original.get(key) {
            copy.insert(key.into(), without_own_crates(value));
        }
    }
    let place = format!("stand-ins/{name}");
    write(&folder.join(&place).join("Cargo.toml"), &copy.to_string())?;
    write(&folder.join(&place).join("src/lib.rs"), "")?;
    Ok(Some(place))
}

/// Removes the crates of this repository from tables of dependencies and from features, at any depth.
fn without_own_crates(value: &Value) -> Value {
    match value {
        Value::Table(entries) => {
            let kept = entries
                .iter()
                .filter(|(name, _)| !name.starts_with("belljar"));
            Value::Table(
                kept.map(|(name, value)| (name.clone(), without_own_crates(value)))
                    .collect(),
            )
        }
        Value::Array(items) => {
            let is_own = |item: &&Value| {
                item.as_str()
                    .is_some_and(|text| text.starts_with("dep:belljar"))
            };
            Value::Array(items.iter().filter(|item| !is_own(item)).cloned().collect())
        }
        other => other.clone(),
    }
}

/// The table `patch`, which has cargo take crates from folders instead of crates.io.
fn patch(names: &[&str], prefix: &str) -> Table {
    let mut paths = Table::new();
    for name in names {
        let mut path = Table::new();
        path.insert("path".into(), format!("{prefix}{}", versioned(name)).into());
        paths.insert((*name).into(), path.into());
    }
    let mut patch = Table::new();
    patch.insert("crates-io".into(), paths.into());
    patch
}

fn manifest(path: &Path) -> Result<Table> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse()
        .with_context(|| format!("{} is not valid TOML", path.display()))
}

fn table<'a>(parent: &'a mut Table, name: &str) -> Result<&'a mut Table> {
    parent
        .get_mut(name)
        .and_then(Value::as_table_mut)
        .ok_or_else(|| anyhow!("Cargo.toml has no table `{name}`"))
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn copy(name: &str, folder: &Path) -> Result<()> {
    let original = workspace::root().join(name);
    fs::copy(&original, folder.join(name))
        .with_context(|| format!("cannot copy {}", original.display()))?;
    Ok(())
}

/// The crates that are built together with the server.
const SERVER: [&str; 3] = ["belljar", "belljar-http", "belljar-sandbox"];

const HANDLER: &str = "\
use belljar_guest::{Request, Response};

belljar_guest::handler!(hello);

fn hello(_: Request) -> Response {
    Response::text(\"packaged\")
}
";
