//! Notices when the configuration file changes, and reads it again.

use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use crate::config::Config;
use crate::hardening::Paths;

pub(super) struct ConfigFile {
    path: PathBuf,
    /// The fingerprint at the last poll.
    seen: Option<Fingerprint>,
    /// The fingerprint when the file was last read.
    read: Option<Fingerprint>,
    /// The files that this process can reach, if it cannot reach all.
    reachable: Option<Paths>,
    /// Whether the components may still have to be built.
    unbuilt: bool,
}

impl ConfigFile {
    /// `path` was just read.
    pub fn new(path: PathBuf, reachable: Option<Paths>, unbuilt: bool) -> Self {
        let fingerprint = Fingerprint::of(&path);
        Self {
            path,
            seen: fingerprint.clone(),
            read: fingerprint,
            reachable,
            unbuilt,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file must be read again: it changed, and two polls in a row found the same. With `at_once`, always.
    pub fn poll(&mut self, at_once: bool) -> bool {
        let now = Fingerprint::of(&self.path);
        let is_settled = now == self.seen;
        self.seen.clone_from(&now);
        let is_due = at_once || is_settled && now != self.read;
        if is_due {
            self.read = now;
        }
        is_due
    }

    /// # Errors
    ///
    /// The problems of the file, or the first path in it that this process cannot reach.
    pub fn read(&self) -> Result<Config, Vec<String>> {
        let config = match self.unbuilt {
            true => Config::read_unbuilt(&self.path),
            false => Config::read(&self.path),
        };
        let config = config
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let outside = self.reachable.as_ref().and_then(|reachable| {
            let needed = Paths::of(&config, None);
            reachable.first_outside(&needed).map(Path::to_owned)
        });
        match outside {
            None => Ok(config),
            Some(outside) => Err(vec![format!(
                "{}: it needs {}, but Landlock denies what the configuration did not name when the server started; \
                 restart the server, or name the folder in [ceiling] before a start",
                self.path.display(),
                outside.display()
            )]),
        }
    }
}
