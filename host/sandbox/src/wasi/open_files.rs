//! The open files of an instance, charged to its account.
//!
//! A guest's handle and its streams share an open file, so a file is closed when the last of them is gone, and only the
//! system's reference count knows when that is. Files that may have been closed are looked through when handles are
//! dropped, and before a file is refused.

use std::fs::File;
use std::sync::{Arc, Weak};

use crate::account::ledger::{Account, Exceeded};
use crate::account::resource::Resource;

/// The files that a guest has opened.
#[derive(Default)]
pub(crate) struct OpenFiles {
    files: Vec<Weak<File>>,
    /// Handles dropped since the closed files were last looked for.
    dropped: usize,
}

impl OpenFiles {
    /// Charges a file that was opened.
    ///
    /// # Errors
    ///
    /// If there are too many open files. The caller closes this one.
    pub fn charge(&mut self, account: &Account, file: &Arc<File>) -> Result<(), Exceeded> {
        if account.charge(Resource::OpenFiles, 1).is_err() {
            self.release_closed(account);
            account.charge(Resource::OpenFiles, 1)?;
        }
        self.files.push(Arc::downgrade(file));
        Ok(())
    }

    /// Called when the guest has dropped a handle to a file, which may have been its last.
    pub fn handle_dropped(&mut self, account: &Account) {
        self.dropped += 1;
        // Looking at all files for each handle would take quadratic time.
        if self.dropped * 2 >= self.files.len() {
            self.release_closed(account);
        }
    }

    fn release_closed(&mut self, account: &Account) {
        self.dropped = 0;
        let before = self.files.len();
        self.files.retain(|file| file.strong_count() > 0);
        let closed = before - self.files.len();
        if closed > 0 {
            account.release(Resource::OpenFiles, closed as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::resource::Scope;

    #[test]
    fn a_file_counts_until_its_last_user_is_gone() {
        let handler = Arc::new(Account::server().child(Scope::Handler));
        let account = handler
            .child(Scope::Instance)
            .limited(Resource::OpenFiles, 2);
        let mut files = OpenFiles::default();
        let open = || Arc::new(tempfile::tempfile().unwrap());
        let (first, second) = (open(), open());
        files.charge(&account, &first).unwrap();
        files.charge(&account, &second).unwrap();
        assert!(files.charge(&account, &open()).is_err());

        let stream = first.clone();
        drop(first);
        files.handle_dropped(&account);
        assert_eq!(
            handler.used(Resource::OpenFiles),
            2,
            "a stream has the file"
        );
        drop(stream);
        let third = open();
        files.charge(&account, &third).unwrap();
        drop(second);
        files.handle_dropped(&account);
        assert_eq!(handler.used(Resource::OpenFiles), 1);
        drop(account);
        assert_eq!(handler.used(Resource::OpenFiles), 0);
    }
}
