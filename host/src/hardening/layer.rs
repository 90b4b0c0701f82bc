//! The layers of defence, each of which can be switched off.

use std::fmt;
use std::str::FromStr;

/// Something that the kernel denies to a process from its start on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// No program that this process starts gets privileges that it lacks itself.
    Privileges,
    /// The memory of the process is not written to a file when it crashes.
    CoreDumps,
    /// Files beyond the grants are out of reach.
    Landlock,
    /// No other program starts, and the process has no use of debugging, mounts and kernel modules.
    Seccomp,
    /// A compiler has no files, no network and no processes.
    Compiler,
}

impl Layer {
    pub const ALL: [Self; 5] = [
        Self::Privileges,
        Self::CoreDumps,
        Self::Landlock,
        Self::Seccomp,
        Self::Compiler,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Privileges => "privileges",
            Self::CoreDumps => "core-dumps",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::Compiler => "compiler",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Layer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let layer = Self::ALL.into_iter().find(|layer| layer.name() == text);
        layer.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("it has to be one of {names}")
        })
    }
}
