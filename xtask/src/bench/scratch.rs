//! The files that a run needs, and the programs that it starts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use xtask::workspace;

use super::machine;
use super::options::Options;
use super::template;
use super::works::{FILES, RequestKind};
use crate::components;
use crate::process::{call, output};

pub struct Scratch {
    /// `target/bench`: the site, wrk's scripts, configurations, caches.
    pub folder: PathBuf,
    pub belljar: PathBuf,
    /// Another build of belljar.
    pub against: Option<PathBuf>,
    /// The handlers that `belljar new` of this build and of the other one write, as components.
    pub template: Option<PathBuf>,
    pub template_against: Option<PathBuf>,
    /// Whether this build of belljar can keep instances.
    pub reuse: bool,
    pub bare_loop: PathBuf,
    pub nginx: Option<PathBuf>,
    pub static_web_server: Option<PathBuf>,
    pub wasmtime: Option<PathBuf>,
    pub strace: Option<PathBuf>,
    // The folders of the components.
    examples: PathBuf,
    guests: PathBuf,
}

impl Scratch {
    /// Builds all programs and components, and writes all files.
    pub fn make(options: &Options) -> Result<Self> {
        if machine::find("wrk").is_none() {
            bail!("cannot find the load generator wrk; run `apt-get install wrk`");
        }
        machine::raise_open_files();
        let target = workspace::target_dir();
        let folder = target.join("bench");
        let site = folder.join("site");
        fs::create_dir_all(&site).with_context(|| format!("cannot create {}", site.display()))?;
        for (name, size) in FILES {
            write(&site.join(name), text(size))?;
        }
        for requests in RequestKind::ALL {
            write(&script(&folder, requests), requests.script().into_bytes())?;
        }
        build(&folder)?;
        let belljar = target.join("release/belljar");
        let template = |program: &Path, name| match options.wants(template::WORK) {
            true => template::build(program, &folder.join(template::WORK).join(name)),
            false => None,
        };
        let help = output(Command::new(&belljar).args(["serve", "--help"])).unwrap_or_default();
        Ok(Self {
            reuse: help.contains("--reuse"),
            template: template(&belljar, "this"),
            template_against: options
                .against
                .as_deref()
                .and_then(|program| template(program, "against")),
            belljar,
            against: options.against.clone(),
            bare_loop: folder.join("build/release/bare-loop"),
            nginx: machine::find("nginx"),
            static_web_server: machine::find("static-web-server"),
            wasmtime: machine::find("wasmtime"),
            strace: machine::find("strace"),
            examples: components::artifacts(),
            guests: folder.join("build/wasm32-wasip2/guest"),
            folder,
        })
    }

    pub fn site(&self) -> PathBuf {
        self.folder.join("site")
    }

    pub fn script(&self, requests: RequestKind) -> PathBuf {
        script(&self.folder, requests)
    }

    /// A component from examples/, for belljar's own contract.
    pub fn example(&self, name: &str) -> PathBuf {
        self.examples.join(name).with_extension("wasm")
    }

    /// A component from bench/guests.
    pub fn guest(&self, name: &str) -> PathBuf {
        self.guests.join(name).with_extension("wasm")
    }
}

fn build(folder: &Path) -> Result<()> {
    components::handlers()?;
    println!("== building the handlers of the benchmark and the bare loop");
    let bench = |args: &[&str]| {
        let mut cargo = workspace::cargo();
        cargo.current_dir(workspace::root().join("bench"));
        cargo.env("CARGO_TARGET_DIR", folder.join("build"));
        call(cargo.arg("build").args(args))
    };
    bench(&[
        "--workspace",
        "--exclude",
        "bare-loop",
        "--profile",
        "guest",
        "--target",
        "wasm32-wasip2",
    ])?;
    bench(&["--package", "bare-loop", "--release"])?;
    println!("== building the server");
    call(workspace::cargo().args([
        "build",
        "--release",
        "--package",
        "belljar",
        "--bin",
        "belljar",
    ]))
}

fn script(folder: &Path, requests: RequestKind) -> PathBuf {
    folder.join(requests.name()).with_extension("lua")
}

fn text(size: usize) -> Vec<u8> {
    b"Lines of 32 bytes, over and over\n"
        .iter()
        .copied()
        .cycle()
        .take(size)
        .collect()
}

fn write(path: &Path, content: Vec<u8>) -> Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
