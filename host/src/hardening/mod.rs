//! Defence in depth: what the kernel denies to this process, should the sandbox around the guests ever break.
//!
//! - [`Layer`] names the layers, [`Paths`] the files that a server needs.
//! - [`harden_server`] and [`harden_compiler`] put the layers on. They cannot be taken off again.
//! - [`Report`] says which are on.
//!
//! Each layer is on where the kernel supports it. Only Linux has them.

mod layer;
mod paths;
mod report;

#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod open_files;
#[cfg(target_os = "linux")]
mod seccomp;

pub use self::layer::Layer;
pub use self::paths::Paths;
pub use self::report::{Report, Status};

#[cfg(target_os = "linux")]
pub use self::linux::{harden_compiler, harden_server};

#[cfg(not(target_os = "linux"))]
pub use self::other::{harden_compiler, harden_server};

#[cfg(not(target_os = "linux"))]
mod other {
    use super::{Layer, Paths, Report, Status};

    /// Does nothing: this system has none of the layers.
    pub fn harden_server(off: &[Layer], _paths: &Paths, _can_start_programs: bool) -> Report {
        Report::new(off, |_| Status::Unavailable("only Linux has it".into()))
    }

    /// Does nothing: this system has none of the layers.
    pub fn harden_compiler() -> std::io::Result<()> {
        Ok(())
    }
}
