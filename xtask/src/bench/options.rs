//! The arguments of `cargo xtask bench`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

#[derive(Default)]
pub struct Options {
    quick: bool,
    only: Option<String>,
    peers: Option<String>,
    /// Another build of belljar, measured in turn with this one.
    pub against: Option<PathBuf>,
}

impl Options {
    pub fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().cloned().context(format!("{arg} needs a value"));
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--only" => options.only = Some(value()?),
                "--peers" => options.peers = Some(value()?),
                "--against" => {
                    let path = PathBuf::from(value()?);
                    let absolute = path.canonicalize();
                    options.against = Some(
                        absolute
                            .with_context(|| format!("cannot use --against {}", path.display()))?,
                    );
                }
                _ => bail!("unexpected argument `{arg}`\n\n{}", USAGE),
            }
        }
        Ok(options)
    }

    /// Whether `--only` selects a work, or a part such as `memory`.
    pub fn wants(&self, name: &str) -> bool {
        matches(self.only.as_deref(), name)
    }

    pub fn wants_peer(&self, name: &str) -> bool {
        matches(self.peers.as_deref(), name)
    }

    /// Whether everything is measured for all peers. Only such results are kept in the repository.
    pub fn is_whole(&self) -> bool {
        self.only.is_none() && self.peers.is_none() && self.against.is_none()
    }

    pub fn is_quick(&self) -> bool {
        self.quick
    }

    pub fn rounds(&self) -> usize {
        if self.quick { 3 } else { 7 }
    }

    /// The time for which each peer is measured in each round.
    pub fn duration(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 4 })
    }

    pub fn warm_up(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 2 })
    }

    /// The number of starts of which the median is taken.
    pub fn starts(&self) -> usize {
        if self.quick { 3 } else { 9 }
    }
}

/// Whether `names` selects `name`. They are separated by commas, and each is a name, or the beginning of names and `*`.
/// `None` selects all.
fn matches(names: Option<&str>, name: &str) -> bool {
    names.is_none_or(|names| {
        names
            .split(',')
            .any(|wanted| match wanted.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == wanted,
            })
    })
}

/// The lines of `cargo xtask help` on these commands.
pub const USAGE: &str = "  bench [--quick] [--only NAMES] [--peers NAMES] [--against FILE]
               Measure belljar and its peers (see bench/README.md); write bench/results.md and bench/results.svg.
               NAMES are separated by commas and may end in `*`; FILE is another build of belljar to compare with
  count        Count the instructions that a request takes, with valgrind";

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn selects_by_name_or_beginning() {
        let cases = [
            (None, "hello", true),
            (Some("hello"), "hello", true),
            (Some("hello"), "hello-1", false),
            (Some("hello*"), "hello-1", true),
            (Some("file*,start"), "start", true),
            (Some("file*,start"), "memory", false),
        ];
        for (names, name, wanted) in cases {
            assert_eq!(matches(names, name), wanted, "{names:?} {name}");
        }
    }
}
