//! The default guest: files beyond 4 GiB, and files that change while they are sent.

use std::io::{Seek, SeekFrom, Write};

use crate::support::{Broken, Server, Site, head};

#[test]
fn sends_files_beyond_4_gib() {
    let site = Site::new(&[]);
    let length = 4 * GIB + 1_000_003;
    let mut file = site.sparse("big.bin", length);
    for (offset, mark) in [(0, "first"), (4 * GIB - 3, "middle"), (length - 4, "last")] {
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.write_all(mark.as_bytes()))
            .expect("the mark is written");
    }
    let server = Server::of_site(&site);
    let head_answer = server.request("HEAD", "/big.bin", &[]);
    assert_eq!(
        (head_answer.status, head_answer.need("content-length")),
        (200, length.to_string().as_str())
    );
    for (range, first, body) in [
        ("bytes=0-4".to_owned(), 0, "first"),
        ("bytes=-4".to_owned(), length - 4, "last"),
        (format!("bytes={}-", length - 4), length - 4, "last"),
        // The ranges on both sides of the largest 32-bit offset.
        (
            format!("bytes={}-{}", 4 * GIB - 3, 4 * GIB + 2),
            4 * GIB - 3,
            "middle",
        ),
        (format!("bytes={}-{}", 4 * GIB, 4 * GIB), 4 * GIB, "d"),
    ] {
        let answer = server.request("GET", "/big.bin", &[("Range", &range)]);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (206, body),
            "{range}"
        );
        let last = first + body.len() as u64 - 1;
        assert_eq!(
            answer.need("content-range"),
            format!("bytes {first}-{last}/{length}"),
            "{range}"
        );
    }
    let answer = server.request("GET", "/big.bin", &[("Range", &format!("bytes={length}-"))]);
    assert_eq!(
        (answer.status, answer.need("content-range")),
        (416, format!("bytes */{length}").as_str())
    );

    let mut client = server.connect();
    client.send(head("GET", "/big.bin", &[]));
    let answer = client.try_head().expect("a head");
    assert_eq!(
        (answer.status, answer.need("content-length")),
        (200, length.to_string().as_str())
    );
    assert_eq!(client.skip(length), length, "the whole file arrives");
    assert_eq!(
        client.get("/missing").status,
        404,
        "the connection stays open"
    );
}

/// The client reads nothing until the file is truncated, so most of the file cannot have been sent.
#[test]
fn cuts_the_connection_when_a_file_shrinks() {
    let site = Site::new(&[("other.txt", "content")]);
    let length = 256 * 1024 * 1024;
    let file = site.sparse("shrinking.bin", length);
    let server = Server::of_site(&site);
    let mut client = server.connect();
    client.send(head("GET", "/shrinking.bin", &[]));
    let answer = client.try_head().expect("a head");
    assert_eq!(answer.need("content-length"), length.to_string());
    file.set_len(1024).expect("the file can be truncated");
    let arrived = client.skip(length);
    assert!(
        arrived < length,
        "{arrived} bytes arrived of a file that was truncated"
    );
    // No other bytes may follow, because the client would take them for the rest of the file.
    assert_eq!(client.try_response(false).err(), Some(Broken::Closed));
    assert_eq!(server.get("/other.txt").text(), "content");
    assert_eq!(
        server
            .request("HEAD", "/shrinking.bin", &[])
            .need("content-length"),
        "1024"
    );
}

#[test]
fn sends_a_growing_file_with_its_first_length() {
    let site = Site::new(&[]);
    let length = 64 * 1024 * 1024;
    let file = site.sparse("growing.bin", length);
    let server = Server::of_site(&site);
    let mut client = server.connect();
    client.send(head("GET", "/growing.bin", &[]));
    assert_eq!(
        client.try_head().expect("a head").need("content-length"),
        length.to_string()
    );
    file.set_len(2 * length).expect("the file can grow");
    assert_eq!(client.skip(length), length);
    assert_eq!(
        client.get("/missing").status,
        404,
        "the next response belongs to the next request"
    );
}

#[test]
fn a_disconnect_during_a_file_does_not_disturb_others() {
    let site = Site::new(&[("other.txt", "content")]);
    site.sparse("big.bin", 256 * 1024 * 1024);
    let server = Server::of_site(&site);
    for _ in 0..10 {
        let mut client = server.connect();
        client.send(head("GET", "/big.bin", &[]));
        assert_eq!(client.try_head().expect("a head").status, 200);
        drop(client);
    }
    assert_eq!(server.get("/other.txt").text(), "content");
}

const GIB: u64 = 1024 * 1024 * 1024;
