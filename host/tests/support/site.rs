//! A folder that is created for a test and removed after it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// The served folder is `site`, inside of another temporary folder, so that a test can put a secret file beside it.
pub struct Site {
    around: TempDir,
}

impl Site {
    /// Creates a folder with these files.
    pub fn new(files: &[(&str, &str)]) -> Site {
        let around = TempDir::with_prefix("belljar-test-").expect("a temporary folder can be made");
        let site = Site { around };
        fs::create_dir(site.path()).expect("the folder can be made");
        for (name, content) in files {
            site.write(name, content.as_bytes());
        }
        site
    }

    pub fn path(&self) -> PathBuf {
        self.around.path().join("site")
    }

    /// The folder around the served one.
    pub fn around(&self) -> &Path {
        self.around.path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .expect("the folder can be made");
        fs::write(&path, content).expect("the file can be written");
        path
    }

    /// Creates a file of zeros that takes no space on the disk.
    pub fn sparse(&self, name: &str, length: u64) -> File {
        let file = File::create(self.at(name)).expect("the file can be made");
        file.set_len(length).expect("the file can be that long");
        file
    }

    pub fn set_modified(&self, name: &str, time: SystemTime) {
        let file = File::options()
            .write(true)
            .open(self.at(name))
            .expect("the file is there");
        file.set_modified(time).expect("the time can be set");
    }

    #[cfg(unix)]
    pub fn symlink(&self, target: impl AsRef<Path>, name: &str) {
        std::os::unix::fs::symlink(target, self.at(name)).expect("the link can be made");
    }

    #[cfg(unix)]
    pub fn fifo(&self, name: &str) {
        use rustix::fs::{CWD, Mode, mkfifoat};
        mkfifoat(CWD, self.at(name), Mode::from_raw_mode(0o644)).expect("the FIFO can be made");
    }
}

/// 2020-01-01 00:00:00 UTC: a whole second, and so long ago that a date is a strong validator.
pub fn past() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_836_800)
}
