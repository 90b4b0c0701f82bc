//! Tests of range requests for files (RFC 9110, section 14).

use crate::support::{Response, Server, Site, past};

#[test]
fn sends_a_single_range() {
    let site = site();
    let server = Server::of_site(&site);
    for (range, content_range, body) in [
        ("bytes=0-4", "bytes 0-4/10", "01234"),
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=3-3", "bytes 3-3/10", "3"),
        ("bytes=9-9", "bytes 9-9/10", "9"),
        ("bytes=2-", "bytes 2-9/10", "23456789"),
        ("bytes=0-", "bytes 0-9/10", TEN),
        ("bytes=9-", "bytes 9-9/10", "9"),
        ("bytes=-5", "bytes 5-9/10", "56789"),
        ("bytes=-1", "bytes 9-9/10", "9"),
        ("bytes=-10", "bytes 0-9/10", TEN),
        ("bytes=-999", "bytes 0-9/10", TEN),
        ("bytes=5-999", "bytes 5-9/10", "56789"),
        ("bytes=0-18446744073709551615", "bytes 0-9/10", TEN),
        ("Bytes=0-4", "bytes 0-4/10", "01234"),
    ] {
        let answer = server.request("GET", "/ten.txt", &[("Range", range)]);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (206, body),
            "{range}"
        );
        assert_eq!(answer.need("content-range"), content_range, "{range}");
        assert_eq!(
            answer.need("content-length"),
            body.len().to_string(),
            "{range}"
        );
        assert_eq!(
            answer.need("content-type"),
            "text/plain; charset=utf-8",
            "{range}"
        );
        assert!(answer.field("last-modified").is_some(), "{range}");
    }
}

#[test]
fn answers_416_for_a_start_past_the_end() {
    let site = site();
    let server = Server::of_site(&site);
    for range in [
        "bytes=10-",
        "bytes=10-20",
        "bytes=999-",
        "bytes=-0",
        "bytes=10-,20-30",
        "bytes=18446744073709551615-",
    ] {
        let answer = server.request("GET", "/ten.txt", &[("Range", range)]);
        assert_eq!(
            (answer.status, answer.need("content-range")),
            (416, "bytes */10"),
            "{range}"
        );
        assert!(!answer.text().contains(TEN), "{range}");
    }
}

#[test]
fn ignores_malformed_ranges() {
    let site = site();
    let server = Server::of_site(&site);
    for range in [
        "items=0-4",
        "byte=0-4",
        "bytes",
        "bytes=",
        "bytes 0-4",
        "bytes:0-4",
        "0-4",
        "=0-4",
        "bytes=-",
        "bytes=--5",
        "bytes=4-2",
        "bytes=a-b",
        "bytes=0-b",
        "bytes=0-4-6",
        "bytes=0",
        "bytes=+0-4",
        "bytes=0-+4",
        "bytes=0x0-4",
        "bytes=0.5-4",
        "bytes=0-4;5-6",
        "bytes=0-4 5-6",
        "bytes=0-4,x",
        "bytes=0-1,4-2",
        "bytes=0 - 4",
        "bytes==0-4",
    ] {
        let answer = server.request("GET", "/ten.txt", &[("Range", range)]);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, TEN),
            "{range}"
        );
        assert_eq!(answer.field("content-range"), None, "{range}");
    }
}

#[test]
fn sends_several_ranges() {
    let site = site();
    let content: String = (0..2_000).map(|number| format!("{number:05}")).collect();
    site.write("long.txt", content.as_bytes());
    let server = Server::of_site(&site);
    let length = content.len();
    for (ranges, expected) in [
        ("bytes=0-9,100-109", &[(0, 9), (100, 109)][..]),
        (
            "bytes=0-9, 100-109 ,-7",
            &[(0, 9), (100, 109), (length - 7, length - 1)],
        ),
        ("bytes=9000-,0-0", &[(9000, length - 1), (0, 0)]),
        ("bytes=0-4,10-14,99999-", &[(0, 4), (10, 14)]),
    ] {
        let answer = server.request("GET", "/long.txt", &[("Range", ranges)]);
        assert_eq!(answer.status, 206, "{ranges}: {}", answer.head);
        assert_eq!(answer.field("content-range"), None, "{ranges}");
        let mut found = parts(&answer);
        let mut wanted: Vec<_> = expected
            .iter()
            .map(|(first, last)| {
                (
                    format!("bytes {first}-{last}/{length}"),
                    content[*first..=*last].to_owned(),
                )
            })
            .collect();
        // A server may send the parts in the order of the file (section 15.3.7.2).
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{ranges}");
    }
    let many = (0..3_000)
        .map(|number| format!("{0}-{0}", number * 2))
        .collect::<Vec<_>>()
        .join(",");
    let repeated = ["0-"; 500].join(",");
    for ranges in [
        "0-9,5-14",
        "5-14,0-9",
        "0-9,0-9",
        "0-,5-6",
        "-5,-3",
        "0-9999,0-0",
        &repeated,
        &many,
    ] {
        let answer = server.request("GET", "/long.txt", &[("Range", &format!("bytes={ranges}"))]);
        let shown = &ranges[..ranges.len().min(40)];
        assert_eq!(
            (answer.status, answer.body.len()),
            (200, length),
            "{shown}: {}",
            answer.head
        );
    }
}

#[test]
fn ignores_range_where_it_does_not_apply() {
    let site = site();
    site.write("empty.txt", b"");
    let server = Server::of_site(&site);
    for range in ["bytes=0-", "bytes=0-4", "bytes=-5", "bytes=5-"] {
        let empty = server.request("GET", "/empty.txt", &[("Range", range)]);
        assert_eq!((empty.status, empty.body.len()), (200, 0), "{range}");
        let head = server.request("HEAD", "/ten.txt", &[("Range", range)]);
        assert_eq!(
            (head.status, head.need("content-length")),
            (200, "10"),
            "{range}"
        );
    }
    assert_eq!(
        server
            .request(
                "POST",
                "/ten.txt",
                &[("Range", "bytes=0-4"), ("Content-Length", "0")]
            )
            .status,
        405
    );
    assert_eq!(
        server
            .request("GET", "/missing.txt", &[("Range", "bytes=0-4")])
            .status,
        404
    );
}

#[test]
fn evaluates_if_range() {
    let site = site();
    site.set_modified("ten.txt", past());
    let server = Server::of_site(&site);
    let etag = server.get("/ten.txt").need("etag").to_owned();
    let weak = format!("W/{etag}");
    for (validator, status) in [
        (etag.as_str(), 206),
        ("Wed, 01 Jan 2020 00:00:00 GMT", 206),
        (&weak, 200),
        ("\"other\"", 200),
        ("*", 200),
        ("", 200),
        ("nonsense", 200),
        // The date must equal the modification time. A later date does not match.
        ("Wed, 01 Jan 2020 00:00:01 GMT", 200),
        ("Tue, 31 Dec 2019 23:59:59 GMT", 200),
    ] {
        let fields = [("Range", "bytes=0-4"), ("If-Range", validator)];
        let answer = server.request("GET", "/ten.txt", &fields);
        assert_eq!(answer.status, status, "{validator}");
        assert_eq!(
            answer.text(),
            if status == 206 { "01234" } else { TEN },
            "{validator}"
        );
    }
    // The file has changed, so an unsatisfiable range is ignored and the whole file is sent.
    let fields = [("Range", "bytes=50-"), ("If-Range", "\"other\"")];
    assert_eq!(server.request("GET", "/ten.txt", &fields).status, 200);
    // If-Range without Range is ignored.
    assert_eq!(
        server
            .request("GET", "/ten.txt", &[("If-Range", &etag)])
            .status,
        200
    );
    // Conditions are evaluated before the range (section 13.2.2).
    let fields = [("Range", "bytes=0-4"), ("If-None-Match", etag.as_str())];
    assert_eq!(server.request("GET", "/ten.txt", &fields).status, 304);
}

fn site() -> Site {
    Site::new(&[("ten.txt", TEN)])
}

/// The Content-Range and the content of each part of a multipart/byteranges response (RFC 9110, section 14.6).
fn parts(answer: &Response) -> Vec<(String, String)> {
    let media_type = answer.need("content-type");
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary
        .unwrap_or_else(|| panic!("the media type has no boundary: {media_type}"))
        .trim_matches('"');
    let text = answer.text();
    let delimiter = format!("\r\n--{boundary}");
    let framed = format!("\r\n{}", text.trim_start_matches("\r\n"));
    let mut pieces = framed.split(delimiter.as_str());
    assert_eq!(
        pieces.next(),
        Some(""),
        "there are bytes before the first part: {text}"
    );
    let mut pieces: Vec<_> = pieces.collect();
    assert!(
        pieces
            .pop()
            .is_some_and(|end| end == "--" || end == "--\r\n"),
        "the last delimiter is missing: {text}"
    );
    let part = |piece: &&str| {
        let (head, body) = piece
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("a part has no fields: {piece}"));
        let field = |name: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
            lines
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        assert_eq!(
            field("content-type").as_deref(),
            Some("text/plain; charset=utf-8")
        );
        (
            field("content-range").expect("each part has a Content-Range"),
            body.to_owned(),
        )
    };
    pieces.iter().map(part).collect()
}

const TEN: &str = "0123456789";
