//! Files as responses, and attempts to access files that were not granted.

use std::fs;
use std::io::Read;

use crate::query::Query;
use crate::wasi::clocks::wall_clock::Datetime;
use crate::wasi::filesystem::preopens::get_directories;
use crate::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};
use crate::{Body, File, Response, reply, text};

/// Answers with bytes `offset=` to `offset=` + `length=` of the file `path=`; by default with the whole file.
pub fn open_file(query: &Query) -> Response {
    answer_with(query, DescriptorFlags::READ, |file, size| {
        let offset = query.number("offset").unwrap_or(0);
        let length = query
            .number("length")
            .unwrap_or(size.saturating_sub(offset));
        Ok(File {
            descriptor: file,
            offset,
            length,
        })
    })
}

/// Answers with one byte more than the file has from `offset=` on.
pub fn past_the_end(query: &Query) -> Response {
    answer_with(query, DescriptorFlags::READ, |file, size| {
        let offset = query.number("offset").unwrap_or(0);
        let length = size.wrapping_sub(offset).wrapping_add(1);
        Ok(File {
            descriptor: file,
            offset,
            length,
        })
    })
}

/// Answers with the file's original length after emptying the file.
pub fn shrink_then_answer(query: &Query) -> Response {
    answer_with(
        query,
        DescriptorFlags::READ | DescriptorFlags::WRITE,
        |file, size| {
            file.set_size(0)?;
            Ok(File {
                descriptor: file,
                offset: 0,
                length: size,
            })
        },
    )
}

/// Answers with a folder instead of a file.
pub fn directory() -> Response {
    let Some(descriptor) = root() else {
        return nothing_granted();
    };
    Response {
        status: 200,
        headers: Vec::new(),
        body: Body::File(File {
            descriptor,
            offset: 0,
            length: 0,
        }),
    }
}

/// Answers with a file that is open only for writing, so the server cannot read it.
pub fn write_only(query: &Query) -> Response {
    answer_with(query, DescriptorFlags::WRITE, |file, size| {
        Ok(File {
            descriptor: file,
            offset: 0,
            length: size,
        })
    })
}

/// Tries to write to the first granted folder through the second; a line for each attempt.
pub fn across_folders() -> Response {
    let mut folders = get_directories().into_iter().map(|(folder, _)| folder);
    let (Some(first), Some(second)) = (folders.next(), folders.next()) else {
        return nothing_granted();
    };
    let none = PathFlags::empty();
    text(format!(
        "link out: {}\nlink in: {}\nrename out: {}\nrename in: {}\nremove: {}\nset times: {}\n",
        verdict(first.link_at(none, "index.html", &second, "linked")),
        verdict(second.link_at(none, "own.txt", &first, "linked")),
        verdict(first.rename_at("index.html", &second, "renamed")),
        verdict(second.rename_at("own.txt", &first, "renamed")),
        verdict(first.unlink_file_at("index.html")),
        verdict(first.set_times_at(none, "index.html", NewTimestamp::Now, NewTimestamp::Now)),
    ))
}

/// Creates the link `path=` to `target=` and uses it in every function that takes a path.
pub fn follow_own_link(query: &Query) -> Response {
    let path = query.text("path").unwrap_or("planted");
    let target = query.text("target").unwrap_or("../secret.txt");
    let Some(root) = root() else {
        return nothing_granted();
    };
    let planted = root.symlink_at(target, path);
    let follow = PathFlags::SYMLINK_FOLLOW;
    let below = format!("{path}/secret.txt");
    let (read, write) = (DescriptorFlags::READ, DescriptorFlags::WRITE);
    let report = format!(
        "open: {}\nopen below: {}\ncreate below: {}\nstat: {}\nstat below: {}\nlink below: {}\nrename below: {}\n\
         remove below: {}\nfolder below: {}\ntimes: {}\nstd: {}\n",
        verdict(root.open_at(follow, path, OpenFlags::empty(), read)),
        verdict(root.open_at(follow, &below, OpenFlags::empty(), read)),
        verdict(root.open_at(follow, &format!("{path}/new"), OpenFlags::CREATE, write)),
        verdict(root.stat_at(follow, path)),
        verdict(root.stat_at(follow, &below)),
        verdict(root.link_at(PathFlags::empty(), &below, &root, "linked")),
        verdict(root.rename_at(&below, &root, "renamed")),
        verdict(root.unlink_file_at(&below)),
        verdict(root.create_directory_at(&format!("{path}/folder"))),
        verdict(root.set_times_at(follow, path, NewTimestamp::Now, NewTimestamp::Now)),
        verdict(fs::read(format!("/{path}"))),
    );
    let _ = root.unlink_file_at(path);
    text(format!(
        "planted: {}\n{report}",
        if planted.is_ok() { "yes" } else { "no" }
    ))
}

/// Sets invalid times on the file `path=`.
pub fn impossible_times(query: &Query) -> Response {
    let Some(root) = root() else {
        return nothing_granted();
    };
    let path = query.text("path").unwrap_or("index.html");
    let mut report = String::new();
    for seconds in [u64::MAX, u64::MAX / 2, 1 << 40, 1 << 33] {
        for nanoseconds in [0, 999_999_999, 1_000_000_000, u32::MAX] {
            let time = NewTimestamp::Timestamp(Datetime {
                seconds,
                nanoseconds,
            });
            let set = root.set_times_at(PathFlags::empty(), path, time, time);
            let read = root.stat_at(PathFlags::empty(), path);
            report.push_str(&format!(
                "{seconds}.{nanoseconds}: {}, {}\n",
                verdict(set),
                verdict(read)
            ));
        }
    }
    text(report)
}

/// Opens the named pipe `path=` for writing, which waits for a reader.
pub fn write_fifo(query: &Query) -> Response {
    let path = query.text("path").unwrap_or("/fifo");
    text(format!(
        "open: {}\n",
        verdict(fs::OpenOptions::new().write(true).open(path))
    ))
}

/// Opens the named pipe `path=` and waits for a byte.
pub fn read_fifo(query: &Query) -> Response {
    let path = query.text("path").unwrap_or("/fifo");
    let mut byte = [0];
    text(
        match fs::File::open(path).and_then(|mut fifo| fifo.read(&mut byte)) {
            Ok(read) => format!("read {read} bytes\n"),
            Err(error) => format!("refused ({error})\n"),
        },
    )
}

/// Writes, truncates, creates and removes at `path=`, in that order.
pub fn write(query: &Query) -> Response {
    let path = query.text("path").unwrap_or("/written");
    text(format!(
        "write: {}\ntruncate: {}\nfolder: {}\nlink: {}\nrename: {}\nremove: {}\n",
        verdict(fs::write(path, "written by the handler")),
        verdict(fs::OpenOptions::new().write(true).truncate(true).open(path)),
        verdict(fs::create_dir(format!("{path}.folder"))),
        verdict(fs::hard_link(path, format!("{path}.link"))),
        verdict(fs::rename(path, format!("{path}.renamed"))),
        verdict(fs::remove_file(path)),
    ))
}

/// Tries to read files outside of the granted folder; a line for each attempt.
pub fn escape() -> Response {
    let mut report = String::new();
    for path in OUTSIDE {
        report.push_str(&format!("std {path}: {}\n", verdict(fs::read(path))));
    }
    let Some(root) = root() else {
        return nothing_granted();
    };
    for path in OUTSIDE {
        for follow in [PathFlags::empty(), PathFlags::SYMLINK_FOLLOW] {
            let opened = root.open_at(follow, path, OpenFlags::empty(), DescriptorFlags::READ);
            report.push_str(&format!("open-at {path}: {}\n", verdict(opened)));
        }
    }
    let planted = root
        .symlink_at("/etc/passwd", "planted")
        .or_else(|_| root.symlink_at("../../../../../../etc/passwd", "planted"))
        .and_then(|()| {
            root.open_at(
                PathFlags::SYMLINK_FOLLOW,
                "planted",
                OpenFlags::empty(),
                DescriptorFlags::READ,
            )
        });
    report.push_str(&format!("own symlink: {}\n", verdict(planted)));
    text(report)
}

/// Opens `path=` in the first granted folder and answers with the part that `range` chooses.
fn answer_with(
    query: &Query,
    access: DescriptorFlags,
    range: impl FnOnce(Descriptor, u64) -> Result<File, ErrorCode>,
) -> Response {
    let Some(root) = root() else {
        return nothing_granted();
    };
    let path = query
        .text("path")
        .unwrap_or("index.html")
        .trim_start_matches('/');
    let file = root
        .open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), access)
        .and_then(|file| file.stat().and_then(|stat| range(file, stat.size)));
    match file {
        Ok(file) => Response {
            status: 200,
            headers: Vec::new(),
            body: Body::File(file),
        },
        Err(error) => reply(404, format!("{path}: {}\n", error.message())),
    }
}

fn root() -> Option<Descriptor> {
    get_directories()
        .into_iter()
        .next()
        .map(|(descriptor, _)| descriptor)
}

fn nothing_granted() -> Response {
    reply(404, "no folder was granted\n")
}

fn verdict<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "ALLOWED".into(),
        Err(error) => format!("refused ({error})"),
    }
}

/// The links among them exist only if the operator or a test created them in the folder.
const OUTSIDE: [&str; 12] = [
    "/etc/passwd",
    "//etc/passwd",
    "../etc/passwd",
    "../../../../../../../../etc/passwd",
    "/../../../../../../../../etc/passwd",
    "folder/../../../../../../../../etc/passwd",
    "./../secret.txt",
    "../secret.txt",
    "absolute-link",
    "relative-link",
    "folder-link/secret.txt",
    "/proc/self/environ",
];
