//! Descriptors given back to the host, and attempts at files that were not granted.

use std::fs;
use std::io::Read;

use crate::query::Query;
use crate::wasi::filesystem::preopens::get_directories;
use crate::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags,
};
use crate::{Body, File, Response, reply, text};

/// Bytes `offset=` to `offset=` + `length=` of the file `path=`: the whole file unless said.
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

/// One byte more than the file has; with `offset=`, from there on.
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

/// Takes the file's size, empties the file, and answers with the size that it had.
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

/// A folder where a file belongs.
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

/// Opens `path=` and waits for a byte of it.
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

/// Tries to read what lies outside of the granted folder; a line for each attempt.
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

/// Opens `path=` below the first folder granted and lets `range` say what of it is the answer.
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

/// The links among them exist where the operator (or a test) put them into the folder.
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
