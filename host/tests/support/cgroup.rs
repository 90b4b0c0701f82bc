//! A cgroup with little memory, for a process under test.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A cgroup that is removed when the value is dropped.
pub struct Cgroup {
    folder: PathBuf,
}

impl Cgroup {
    /// Makes a cgroup with a limit on its memory. None, with a line that says so, where this process may not.
    pub fn with_memory(name: &str, limit: u64) -> Option<Cgroup> {
        let tops = [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ];
        let made = tops
            .into_iter()
            .map(|(top, file)| Self::make(Path::new(top), name, file, limit));
        let made = made.filter_map(Result::ok).next();
        if made.is_none() {
            eprintln!("{name} is skipped: this process may not make a cgroup with a memory limit");
        }
        made
    }

    fn make(top: &Path, name: &str, file: &str, limit: u64) -> io::Result<Cgroup> {
        let folder = top.join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let cgroup = Cgroup { folder };
        // Without the controller the file does not exist, and must not be created.
        fs::metadata(cgroup.folder.join(file))?;
        fs::write(cgroup.folder.join(file), limit.to_string())?;
        // Swap would hide that the memory is exceeded.
        let _ = fs::write(cgroup.folder.join("memory.swap.max"), "0");
        let _ = fs::write(cgroup.folder.join("memory.swappiness"), "0");
        Ok(cgroup)
    }

    /// The file that takes the processes of the cgroup.
    pub fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that was killed leaves a moment later.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
