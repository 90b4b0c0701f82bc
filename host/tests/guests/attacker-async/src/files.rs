//! Files by WASI 0.3, whose functions all run on other threads.

use std::mem::forget;

use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

use crate::{Answer, no_such_attack, started, text};

pub async fn run(attack: &str) -> Answer {
    let Some((root, _)) = get_directories().into_iter().next() else {
        return text("no folder\n");
    };
    match attack {
        "stat" => loop {
            let _ = root.stat_at(PathFlags::empty(), "missing".into()).await;
        },
        "open" => loop {
            let _ = open(&root, "file.txt").await;
        },
        "kept-open" => loop {
            match open(&root, "file.txt").await {
                Ok(file) => forget(file),
                Err(error) => return text(format!("refused ({error:?})\n")),
            }
        },
        "read" => loop {
            if let Ok(file) = open(&root, "file.txt").await {
                file.read_via_stream(0).0.collect().await;
            }
        },
        "fifo" => {
            let opened = open(&root, "fifo").await;
            text(format!("{:?}\n", opened.map(drop)))
        }
        // Leaves the call behind, and answers.
        "abandoned-fifo" => {
            let root: &'static Descriptor = Box::leak(Box::new(root));
            forget(started(open(root, "fifo")).await);
            text("answered\n")
        }
        "list" => {
            let entries = root.read_directory().0.collect().await;
            text(format!("{} entries\n", entries.len()))
        }
        "kept-lists" => loop {
            forget(root.read_directory());
        },
        "paths-out" => {
            let mut report = String::new();
            for path in [
                "..",
                "../secret.txt",
                "/etc/passwd",
                "folder/../../secret.txt",
            ] {
                let opened = open(&root, path).await;
                let stat = root.stat_at(PathFlags::SYMLINK_FOLLOW, path.into()).await;
                report += &format!("{path}: {:?} {:?}\n", opened.is_ok(), stat.is_ok());
            }
            text(report)
        }
        _ => no_such_attack(),
    }
}

async fn open(root: &Descriptor, path: &str) -> Result<Descriptor, ErrorCode> {
    let (path, none) = (path.to_owned(), OpenFlags::empty());
    root.open_at(PathFlags::SYMLINK_FOLLOW, path, none, DescriptorFlags::READ)
        .await
}
