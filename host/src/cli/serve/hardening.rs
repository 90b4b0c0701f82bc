//! What the layers of defence have to allow to `serve`, and the process that starts compilers beside them.

use std::path::Path;

use belljar::compile::{Compiler, Starter};
use belljar::config::Config;
#[cfg(target_os = "linux")]
use belljar::hardening::Layer;
use belljar::hardening::Paths;

use crate::cli::compile::{flags, program};
use crate::cli::hardening::HardeningFlags;

/// What starts compilers. A server that may not start programs has a launcher, which comes first.
pub fn starter(hardening: &HardeningFlags) -> anyhow::Result<Starter> {
    let program = program()?;
    let flags = flags(hardening.hardens_compilers());
    #[cfg(target_os = "linux")]
    if !hardening.off().contains(&Layer::Seccomp) {
        match belljar::compile::Launcher::start(&program, flags) {
            Ok(launcher) => return Ok(Starter::Launcher(launcher)),
            // The report of the layers says what this means.
            Err(error) => tracing::warn!("the launcher of compilers cannot be started: {error}"),
        }
    }
    Ok(Starter::Program(program, flags))
}

/// The files that the server needs.
pub fn paths(config: &Config, file: Option<&Path>, compiler: &Compiler) -> Paths {
    let mut paths = Paths::of(config, file);
    if let Some((folder, is_temporary)) = compiler.cache_folder() {
        paths.writable.insert(folder.to_owned());
        if let (true, Some(parent)) = (is_temporary, folder.parent()) {
            paths.emptied.insert(parent.to_owned());
        }
    }
    paths
}
