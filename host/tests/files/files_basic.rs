//! Tests of plain files: content, methods, media types, validators and caching.

use std::time::{Duration, SystemTime};

use crate::support::{Response, Server, Site, past};

#[test]
fn sends_files_byte_for_byte() {
    let site = Site::new(&[("empty.txt", ""), ("text.txt", "Hello, world\r\n")]);
    let bytes: Vec<u8> = (0..=255).cycle().take(300_001).collect();
    site.write("binary.bin", &bytes);
    site.write("small.bin", &bytes[..256]);
    site.write("threshold.bin", &bytes[..64 * 1024]);
    site.write("beyond.bin", &bytes[..64 * 1024 + 1]);
    let server = Server::of_site(&site);
    let mut client = server.connect();
    for (path, body) in [
        ("/empty.txt", &b""[..]),
        ("/text.txt", b"Hello, world\r\n"),
        ("/small.bin", &bytes[..256]),
        ("/threshold.bin", &bytes[..64 * 1024]),
        ("/beyond.bin", &bytes[..64 * 1024 + 1]),
        ("/binary.bin", &bytes),
    ] {
        let answer = client.get(path);
        assert_eq!(
            (answer.status, answer.need("content-length")),
            (200, body.len().to_string().as_str()),
            "{path}"
        );
        assert!(answer.body == body, "{path}: the bytes differ");
    }
}

#[test]
fn reads_the_file_again_for_each_request() {
    let site = Site::new(&[("page.html", "first")]);
    let server = Server::of_site(&site);
    let first = server.get("/page.html");
    site.write("page.html", b"the second");
    let second = server.get("/page.html");
    assert_eq!(
        (first.text().as_str(), second.text().as_str()),
        ("first", "the second")
    );
    assert_ne!(first.need("etag"), second.need("etag"));
}

#[test]
fn sends_the_fields_of_get_for_head() {
    let site = Site::new(&[
        ("index.html", "<h1>Index</h1>"),
        ("empty.txt", ""),
        ("folder/index.html", ""),
    ]);
    let server = Server::of_site(&site);
    for target in [
        "/",
        "/index.html",
        "/empty.txt",
        "/folder",
        "/folder/",
        "/missing",
        "/%zz",
        "/index.html/",
    ] {
        let get = server.get(target);
        let head = server.request("HEAD", target, &[]);
        assert_eq!(head.status, get.status, "{target}");
        assert_eq!(fields_but_date(&head), fields_but_date(&get), "{target}");
        assert_eq!(head.body, b"", "{target}");
    }
}

#[test]
fn rejects_methods_other_than_get_head_and_options() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::of_site(&site);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = server.request(method, "/file.txt", &[("Content-Length", "0")]);
        assert_eq!(answer.status, 405, "{method}");
        let allowed = answer.list("allow");
        assert!(
            ["get", "head"]
                .iter()
                .all(|known| allowed.iter().any(|name| name == known)),
            "{}",
            answer.head
        );
        assert!(
            !allowed.iter().any(|name| name.eq_ignore_ascii_case(method)),
            "{}",
            answer.head
        );
    }
    let options = server.request("OPTIONS", "/file.txt", &[]);
    assert_eq!(options.status, 204);
    assert!(
        options.list("allow").contains(&"get".to_owned()),
        "{}",
        options.head
    );
    for method in ["BREW", "get", "Get", "PROPFIND", "GETX"] {
        assert_eq!(
            server.request(method, "/file.txt", &[]).status,
            501,
            "{method}"
        );
    }
    assert_eq!(server.get("/file.txt").text(), "content");
}

#[test]
fn derives_content_type_from_the_extension() {
    let cases = [
        ("page.html", "text/html; charset=utf-8"),
        ("page.htm", "text/html; charset=utf-8"),
        ("PAGE2.HTML", "text/html; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("notes.txt", "text/plain; charset=utf-8"),
        ("code.js", "text/javascript; charset=utf-8"),
        ("module.mjs", "text/javascript; charset=utf-8"),
        ("table.csv", "text/csv; charset=utf-8"),
        ("data.json", "application/json"),
        ("image.png", "image/png"),
        ("image.jpg", "image/jpeg"),
        ("image.jpeg", "image/jpeg"),
        ("image.gif", "image/gif"),
        ("image.webp", "image/webp"),
        ("image.svg", "image/svg+xml"),
        ("font.woff2", "font/woff2"),
        ("paper.pdf", "application/pdf"),
        ("module.wasm", "application/wasm"),
        ("film.mp4", "video/mp4"),
        ("unknown.xyzzy", "application/octet-stream"),
        ("none", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("two.html.xyzzy", "application/octet-stream"),
        ("ends.", "application/octet-stream"),
    ];
    let site = Site::new(&cases.map(|(name, _)| (name, "content")));
    let server = Server::of_site(&site);
    for (name, media_type) in cases {
        let answer = server.get(&format!("/{name}"));
        assert_eq!(answer.status, 200, "{name}");
        // A charset is optional for types other than text/*.
        let found = answer.need("content-type");
        let matches = if media_type.starts_with("text/") {
            found == media_type
        } else {
            found.starts_with(media_type)
        };
        assert!(matches, "{name}: {found}");
    }
}

#[test]
fn sends_last_modified() {
    let second = Duration::from_secs(1);
    let epoch = SystemTime::UNIX_EPOCH;
    let times = [
        ("past.txt", past(), Some("Wed, 01 Jan 2020 00:00:00 GMT")),
        (
            "fraction.txt",
            past() + second / 2,
            Some("Wed, 01 Jan 2020 00:00:00 GMT"),
        ),
        (
            "first.txt",
            epoch + second,
            Some("Thu, 01 Jan 1970 00:00:01 GMT"),
        ),
        ("zero.txt", epoch, None),
    ];
    let site = Site::new(&times.map(|(name, ..)| (name, "content")));
    for (name, time, _) in times {
        site.set_modified(name, time);
    }
    let server = Server::of_site(&site);
    for (name, _, expected) in times {
        let answer = server.get(&format!("/{name}"));
        assert_eq!(
            (answer.status, answer.field("last-modified")),
            (200, expected),
            "{name}"
        );
    }
}

/// RFC 9110, section 8.8.2.1: with a time in the future, a client would never see a change.
#[test]
fn sends_no_last_modified_later_than_date() {
    let site = Site::new(&[("future.txt", "content")]);
    site.set_modified(
        "future.txt",
        SystemTime::now() + Duration::from_secs(1_000_000),
    );
    let server = Server::of_site(&site);
    let answer = server.get("/future.txt");
    assert_eq!(answer.status, 200);
    if let Some(modified) = answer.field("last-modified") {
        assert!(
            date(modified) <= date(answer.need("date")),
            "{}",
            answer.head
        );
    }
}

#[test]
fn sends_the_same_strong_etag_in_all_responses() {
    let site = Site::new(&[
        ("a.txt", "content a"),
        ("b.txt", "content bb"),
        ("empty.txt", ""),
    ]);
    for name in ["a.txt", "b.txt", "empty.txt"] {
        site.set_modified(name, past());
    }
    let server = Server::of_site(&site);
    let etag = server.get("/a.txt").need("etag").to_owned();
    assert!(
        etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2,
        "{etag}"
    );
    for (method, field, status) in [
        ("GET", ("X", "y"), 200),
        ("HEAD", ("X", "y"), 200),
        ("GET", ("Range", "bytes=0-3"), 206),
        ("GET", ("If-None-Match", etag.as_str()), 304),
        ("HEAD", ("If-None-Match", etag.as_str()), 304),
    ] {
        let answer = server.request(method, "/a.txt", &[field]);
        assert_eq!(
            (answer.status, answer.need("etag")),
            (status, etag.as_str()),
            "{method} {field:?}"
        );
    }
    assert_ne!(server.get("/b.txt").need("etag"), etag);
    assert!(server.get("/empty.txt").field("etag").is_some());
    // The tag changes with the modification time, even if the length stays the same.
    site.set_modified("a.txt", past() + Duration::from_millis(1));
    assert_ne!(server.get("/a.txt").need("etag"), etag);
}

#[test]
fn sends_accept_ranges() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::of_site(&site);
    for (method, fields) in [
        ("GET", &[][..]),
        ("HEAD", &[]),
        ("GET", &[("Range", "bytes=0-1")]),
    ] {
        let answer = server.request(method, "/file.txt", fields);
        assert_eq!(answer.need("accept-ranges"), "bytes", "{method} {fields:?}");
    }
}

#[test]
fn sends_cache_control_with_files() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::of_site(&site);
    assert!(!server.get("/file.txt").list("cache-control").is_empty());
    let value = "public, max-age=31536000, immutable";
    let server = Server::options()
        .arg(site.path())
        .arg("--cache-control")
        .arg(value)
        .start();
    let answer = server.get("/file.txt");
    assert_eq!(answer.need("cache-control"), value);
    let tag = answer.need("etag").to_owned();
    let unchanged = server.request("GET", "/file.txt", &[("If-None-Match", &tag)]);
    assert_eq!(
        (unchanged.status, unchanged.need("cache-control")),
        (304, value)
    );
    // Errors may be corrected soon, so they must not be cached.
    assert_ne!(server.get("/missing").field("cache-control"), Some(value));
}

/// Old archives and wrong clocks produce times before 1970 and far beyond 2038.
#[test]
fn serves_files_with_unusual_times() {
    use std::time::{Duration, SystemTime};
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::of_site(&site);
    let day = Duration::from_secs(86_400);
    for time in [
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH - 3_650 * day,
        SystemTime::UNIX_EPOCH - Duration::from_nanos(1),
        SystemTime::UNIX_EPOCH + 30_000 * day,
        SystemTime::UNIX_EPOCH + 150_000 * day,
    ] {
        site.set_modified("file.txt", time);
        for fields in [
            &[][..],
            &[("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")],
            &[("Range", "bytes=0-1")],
        ] {
            let answer = server.request("GET", "/file.txt", fields);
            assert!(
                matches!(answer.status, 200 | 206 | 304),
                "{time:?} {fields:?}: {}",
                answer.head
            );
        }
    }
}

#[test]
fn ignores_the_query() {
    let site = Site::new(&[("file.txt", "content")]);
    let server = Server::of_site(&site);
    let plain = server.get("/file.txt");
    for target in [
        "/file.txt?",
        "/file.txt?x=1",
        "/file.txt?../../etc/passwd",
        "/file.txt?a?b/c",
        "/file.txt?%zz%00",
    ] {
        let answer = server.get(target);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "content"),
            "{target}"
        );
        assert_eq!(answer.need("etag"), plain.need("etag"), "{target}");
    }
    assert_eq!(server.get("/missing?/file.txt").status, 404);
}

fn fields_but_date(answer: &Response) -> Vec<(String, String)> {
    answer
        .fields
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("date"))
        .cloned()
        .collect()
}

fn date(text: &str) -> SystemTime {
    httpdate::parse_http_date(text).expect("the field is a date")
}
