//! Puts the layers on, in Linux.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::layer::Layer;
use super::paths::Paths;
use super::report::{Report, Status};
use super::{landlock, open_files, seccomp};

/// Puts on all layers of a server that are not `off`. This must come before the first thread starts: threads inherit the
/// layers of the thread that starts them.
///
/// `starts_programs`: whether the server has to start compilers itself, which rules seccomp out.
pub fn harden_server(off: &[Layer], paths: &Paths, starts_programs: bool) -> Report {
    Report::new(off, |layer| {
        let outcome = match layer {
            Layer::Privileges => no_new_privileges().map_err(|error| error.to_string()),
            Layer::CoreDumps => no_core_dumps().map_err(|error| error.to_string()),
            // Both need a process without new privileges, and see to that themselves.
            Layer::Landlock => landlock::allow_only(paths),
            Layer::Seccomp if starts_programs => {
                Err("the process that starts compilers could not be started".into())
            }
            Layer::Seccomp => seccomp::restrict_server(),
            // The compiler puts it on itself.
            Layer::Compiler => Ok(()),
        };
        match outcome {
            Ok(()) => Status::On,
            Err(reason) => Status::Unavailable(reason),
        }
    })
}

/// Takes everything from a compiler but its pipes, its memory and its threads. No thread starts after that.
///
/// # Errors
///
/// Fails if a layer that the kernel has cannot be put on.
pub fn harden_compiler() -> io::Result<()> {
    open_files::close_all_but_standard();
    no_new_privileges()?;
    no_core_dumps()?;
    for resource in [Resource::Fsize, Resource::Memlock, Resource::Msgqueue] {
        setrlimit(resource, NONE)?;
    }
    // Kernels without Landlock still have the next layer, which denies to open files at all.
    let _ = landlock::allow_nothing();
    start_threads()?;
    // No further files, of any kind. The threads have been started, and some of them read files for that.
    setrlimit(Resource::Nofile, NONE)?;
    seccomp::restrict_compiler()
}

fn no_new_privileges() -> io::Result<()> {
    Ok(rustix::thread::set_no_new_privs(true)?)
}

fn no_core_dumps() -> io::Result<()> {
    Ok(setrlimit(Resource::Core, NONE)?)
}

/// Starts the threads of the compiler, so that it needs the right to start threads no longer.
fn start_threads() -> io::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .build_global()
        .map_err(io::Error::other)?;
    // Each thread has ended its own start when it has done this.
    rayon::broadcast(|_| ());
    Ok(())
}

const NONE: Rlimit = Rlimit {
    current: Some(0),
    maximum: Some(0),
};
