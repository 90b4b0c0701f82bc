//! Lies about the framing of a response, and responses that would split into two.

use crate::query::Query;
use crate::wasi::filesystem::preopens::get_directories;
use crate::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use crate::{Body, File, Response, no_such_attack};

/// The query's `n` chooses one of the lies of a kind.
pub fn run(attack: &str, query: &Query) -> Response {
    let n = query.number("n", 0) as usize;
    let answer = |status, headers: &[(&str, &[u8])], body: &[u8]| Response {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect(),
        body: Body::Bytes(body.to_vec()),
    };
    match attack {
        "status" => answer(STATUSES[n], &[], b"body"),
        "name" => answer(200, &[(NAMES[n], b"v")], b"body"),
        "value" => answer(200, &[("x", VALUES[n])], b"body"),
        "length" => answer(200, &[("Content-Length", LENGTHS[n])], b"body"),
        "two-lengths" => answer(
            200,
            &[("Content-Length", b"4"), ("content-length", b"5")],
            b"body",
        ),
        "chunked" => answer(200, &[("Transfer-Encoding", b"chunked")], CHUNKED),
        "chunked-with-length" => answer(
            200,
            &[("Transfer-Encoding", b"chunked"), ("Content-Length", b"5")],
            CHUNKED,
        ),
        "connection" => answer(
            200,
            &[
                ("Connection", b"x-kept, upgrade"),
                ("Upgrade", b"websocket"),
                ("Keep-Alive", b"timeout=9999"),
                ("Proxy-Connection", b"keep-alive"),
                ("TE", b"trailers"),
                ("Trailer", b"x"),
                ("x-kept", b"yes"),
            ],
            b"body",
        ),
        "a-response-in-the-body" => answer(
            200,
            &[],
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
        ),
        "without-body" => answer([204, 304, 205][n], &[], b"HTTP/1.1 200 OK\r\n\r\n"),
        "file" => file(FILES[n]),
        "folder" => file((None, 0, 0)),
        _ => no_such_attack(),
    }
}

fn file((path, offset, length): (Option<&str>, u64, u64)) -> Response {
    let Some((root, _)) = get_directories().into_iter().next() else {
        return no_such_attack();
    };
    let descriptor = match path {
        None => root,
        Some(path) => {
            let (none, read) = (PathFlags::empty(), DescriptorFlags::READ);
            match root.open_at(none, path, OpenFlags::empty(), read) {
                Ok(file) => file,
                Err(_) => return no_such_attack(),
            }
        }
    };
    Response {
        status: 200,
        headers: Vec::new(),
        body: Body::File(File {
            descriptor,
            offset,
            length,
        }),
    }
}

const STATUSES: [u16; 8] = [0, 99, 100, 101, 103, 199, 600, 65_535];

const NAMES: [&str; 10] = [
    "",
    " ",
    "a b",
    "a:b",
    "a\r\nx-split: yes\r\nb",
    "a\n",
    "\0",
    "ü",
    "a\t",
    "(a)",
];

const VALUES: [&[u8]; 7] = [
    b"a\r\nx-split: yes",
    b"a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    b"a\nx-split: yes",
    b"a\rx-split: yes",
    b"\0",
    b"a\r\n folded",
    b"\x7f",
];

const LENGTHS: [&[u8]; 10] = [
    b"3",
    b"5",
    b"",
    b"-4",
    b"+4",
    b"4,4",
    b"4 4",
    b"0x4",
    b"18446744073709551620",
    b"4\x0b",
];

const CHUNKED: &[u8] = b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";

/// Parts of a file of seven bytes that it does not have.
const FILES: [(Option<&str>, u64, u64); 5] = [
    (Some("file.txt"), 0, 8),
    (Some("file.txt"), 8, 0),
    (Some("file.txt"), 7, 1),
    (Some("file.txt"), u64::MAX, 2),
    (Some("file.txt"), 1, u64::MAX),
];
