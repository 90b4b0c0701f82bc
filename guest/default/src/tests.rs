//! From a request to a response, with an in-memory file system.

use crate::answer::answer;
use crate::files::Failure;
use crate::in_memory::{InMemoryFiles, MODIFIED};
use crate::request::{Field, Method, Request};
use crate::response::{Body, Response};
use crate::settings::Settings;

const ETAG: &str = "\"2ebc98a1.5-9\"";
const LAST_MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn site() -> InMemoryFiles {
    InMemoryFiles::default()
        .file("nums.txt", "123456789")
        .file("empty.txt", "")
        .file("some thing.txt", "hey")
        .file("pets/index.html", "tobi")
        .file("pets/loki.html", "loki")
        .file("bare/a.txt", "a")
        .file("coded.css", "plain")
        .file("coded.css.gz", "0123456789")
        .file("photo.png", "png")
        .file("photo.png.gz", "never looked for")
        .file(".hidden.txt", "secret")
        .file(".mine/name.txt", "secret")
        .file(".well-known/security.txt", "contact")
        .file("hidden-index/.secret", "secret")
        .failing("unreadable.txt", Failure::Unreadable)
        .failing("locked/index.html", Failure::Unreadable)
        .failing("broken.txt", Failure::Broken)
        .failing("escape.txt", Failure::Missing)
        .fifo("fifo")
}

/// A response.
#[derive(Debug)]
struct Seen {
    status: u16,
    fields: Vec<Field>,
    /// None: no content.
    body: Option<String>,
}

impl Seen {
    fn field(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values
            .next()
            .map(|(_, value)| std::str::from_utf8(value).unwrap());
        assert_eq!(values.next(), None, "{name} is repeated");
        value
    }

    fn body(&self) -> &str {
        self.body.as_deref().unwrap_or("")
    }
}

/// `target` is a path and maybe a query; `lines` are fields of the request.
fn ask(
    site: &InMemoryFiles,
    settings: &Settings,
    method: &str,
    target: &str,
    lines: &[(&str, &str)],
) -> Seen {
    let fields: Vec<Field> = lines
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let request = Request {
        method: Method::parse(method),
        path,
        query,
        fields: &fields,
    };
    let Response {
        status,
        fields,
        body,
    } = answer(site, settings, request);
    let body = match body {
        Body::Empty => None,
        Body::Bytes(bytes) => Some(String::from_utf8(bytes).unwrap()),
        Body::File {
            file,
            offset,
            length,
        } => Some(site.read_all(&file)[offset as usize..(offset + length) as usize].into()),
    };
    Seen {
        status,
        fields,
        body,
    }
}

fn get(target: &str, lines: &[(&str, &str)]) -> Seen {
    ask(&site(), &Settings::default(), "GET", target, lines)
}

#[test]
fn sends_a_file_with_all_fields() {
    for method in ["GET", "HEAD"] {
        let seen = ask(
            &site(),
            &Settings::default(),
            method,
            "/nums.txt?ignored=%zz",
            &[],
        );
        assert_eq!((seen.status, seen.body()), (200, "123456789"));
        let fields = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Last-Modified", LAST_MODIFIED),
            ("ETag", ETAG),
            ("Accept-Ranges", "bytes"),
            ("Cache-Control", "no-cache"),
            ("Vary", "Accept-Encoding"),
        ];
        assert_eq!(
            seen.fields,
            fields.map(|(name, value)| (name.into(), value.into()))
        );
    }
    // The content is empty but present: the response to a HEAD has its length too.
    assert_eq!(get("/empty.txt", &[]).status, 200);
    assert_eq!(get("/empty.txt", &[]).body.as_deref(), Some(""));
}

#[test]
fn answers_paths_with_their_status() {
    for (path, status) in [
        ("/nums.txt", 200),
        ("/some%20thing.txt", 200),
        ("//nums.txt", 200),
        ("/./nums.txt", 200),
        ("/pets/../nums.txt", 200),
        ("/pets/%2e%2e/nums.txt", 200),
        ("/pets/", 200),
        ("/pets/.", 200),
        ("/pets/index.html", 200),
        ("/pets", 301),
        ("/.well-known/security.txt", 200),
        ("/.well-known", 301),
        ("/missing", 404),
        ("/nums.txt/", 404),
        ("/nums.txt/.", 404),
        ("/bare/", 404),
        ("/pets%2findex.html", 404),
        ("/%252e%252e/nums.txt", 404),
        ("/..\\nums.txt", 404),
        ("/.hidden.txt", 404),
        ("/.mine/name.txt", 404),
        ("/.mine", 404),
        ("/escape.txt", 404),
        ("/fifo", 404),
        ("/unreadable.txt", 403),
        ("/locked/", 403),
        ("/../nums.txt", 403),
        ("/pets/../../nums.txt", 403),
        ("/%zz", 400),
        ("/some%00thing.txt", 400),
        ("/some%99thing.txt", 400),
        ("/broken.txt", 500),
    ] {
        assert_eq!(get(path, &[]).status, status, "{path}");
    }
}

#[test]
fn refuses_other_methods() {
    for (method, status, allow) in [
        ("OPTIONS", 204, Some("GET, HEAD, OPTIONS")),
        ("POST", 405, Some("GET, HEAD, OPTIONS")),
        ("PUT", 405, Some("GET, HEAD, OPTIONS")),
        ("DELETE", 405, Some("GET, HEAD, OPTIONS")),
        ("BREW", 501, None),
    ] {
        let seen = ask(&site(), &Settings::default(), method, "/nums.txt", &[]);
        assert_eq!(
            (seen.status, seen.field("allow")),
            (status, allow),
            "{method}"
        );
        assert_eq!(seen.body.is_none(), status == 204, "{method}");
    }
}

#[test]
fn sends_no_last_modified_in_the_future() {
    for (modified, expected) in [
        (0, None),
        (MODIFIED, Some(LAST_MODIFIED)),
        // The file is from 2033, but now is 1994: the time of the response.
        (2_000_000_000, Some("Sun, 06 Nov 1994 08:49:38 GMT")),
    ] {
        let site = InMemoryFiles::default()
            .file_of_time("a.txt", "a", modified)
            .at(MODIFIED as i64 + 1);
        let seen = ask(&site, &Settings::default(), "GET", "/a.txt", &[]);
        assert_eq!(seen.field("last-modified"), expected, "{modified}");
    }
}

#[test]
fn evaluates_conditions() {
    for method in ["GET", "HEAD"] {
        for (line, status) in [
            (("if-none-match", ETAG), 304),
            (("if-none-match", "\"x\""), 200),
            (("if-modified-since", LAST_MODIFIED), 304),
            (("if-match", "\"x\""), 412),
            (
                ("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT"),
                412,
            ),
        ] {
            let seen = ask(&site(), &Settings::default(), method, "/nums.txt", &[line]);
            assert_eq!(seen.status, status, "{method} {line:?}");
            if status == 304 {
                let fields = [
                    ("ETag", ETAG),
                    ("Cache-Control", "no-cache"),
                    ("Vary", "Accept-Encoding"),
                ];
                assert_eq!(
                    seen.fields,
                    fields.map(|(name, value)| (name.into(), value.into()))
                );
                assert_eq!(seen.body, None);
            }
        }
    }
    let seen = get("/coded.css", &[("if-none-match", "*")]);
    assert_eq!(
        (seen.status, seen.field("vary")),
        (304, Some("Accept-Encoding"))
    );
    // An error page has no validators.
    assert_eq!(
        get("/missing", &[("if-none-match", "*"), ("if-match", "\"x\"")]).status,
        404
    );
}

#[test]
fn sends_one_range() {
    for (lines, status, content_range, body) in [
        (
            &[("range", "bytes=0-4")][..],
            206,
            Some("bytes 0-4/9"),
            "12345",
        ),
        (&[("range", "bytes=-3")], 206, Some("bytes 6-8/9"), "789"),
        (
            &[("range", "bytes=1-2,3-5")],
            206,
            Some("bytes 1-5/9"),
            "23456",
        ),
        (
            &[("range", "bytes=0-4"), ("if-range", ETAG)],
            206,
            Some("bytes 0-4/9"),
            "12345",
        ),
        (
            &[("range", "bytes=0-4"), ("if-range", LAST_MODIFIED)],
            206,
            Some("bytes 0-4/9"),
            "12345",
        ),
        (
            &[("range", "bytes=0-4"), ("if-range", "\"x\"")],
            200,
            None,
            "123456789",
        ),
        (
            &[("range", "bytes=90-"), ("if-range", "\"x\"")],
            200,
            None,
            "123456789",
        ),
        (&[("range", "items=0-4")], 200, None, "123456789"),
        (&[("range", "bytes=0-4,2-6")], 200, None, "123456789"),
        (
            &[("range", "bytes=0-4"), ("range", "bytes=0-4")],
            200,
            None,
            "123456789",
        ),
    ] {
        let seen = get("/nums.txt", lines);
        assert_eq!((seen.status, seen.body()), (status, body), "{lines:?}");
        assert_eq!(seen.field("content-range"), content_range, "{lines:?}");
        assert_eq!(seen.field("etag"), Some(ETAG), "{lines:?}");
    }
    let seen = get("/nums.txt", &[("range", "bytes=9-50")]);
    assert_eq!(
        (seen.status, seen.field("content-range")),
        (416, Some("bytes */9"))
    );
    let seen = get("/empty.txt", &[("range", "bytes=0-4")]);
    assert_eq!((seen.status, seen.field("content-range")), (200, None));
    let seen = ask(
        &site(),
        &Settings::default(),
        "HEAD",
        "/nums.txt",
        &[("range", "bytes=0-4")],
    );
    assert_eq!((seen.status, seen.field("content-range")), (200, None));
    let seen = get(
        "/nums.txt",
        &[("range", "bytes=0-4"), ("if-none-match", ETAG)],
    );
    assert_eq!(seen.status, 304);
}

#[test]
fn sends_several_ranges() {
    let seen = get("/nums.txt", &[("range", "bytes=7-8, 0-1")]);
    assert_eq!((seen.status, seen.field("content-range")), (206, None));
    let boundary = seen
        .field("content-type")
        .unwrap()
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 7-8/9\r\n\r\n89\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/9\r\n\r\n12\r\n\
         --{boundary}--\r\n"
    );
    assert_eq!(seen.body(), expected);
}

#[test]
fn sends_compressed_copies() {
    let coded = get("/coded.css", &[("accept-encoding", "gzip, br")]);
    assert_eq!((coded.status, coded.body()), (200, "0123456789"));
    assert_eq!(coded.field("content-encoding"), Some("gzip"));
    assert_eq!(coded.field("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(coded.field("vary"), Some("Accept-Encoding"));

    let plain = get("/coded.css", &[]);
    assert_eq!(
        (plain.body(), plain.field("content-encoding")),
        ("plain", None)
    );
    assert_eq!(plain.field("vary"), Some("Accept-Encoding"));
    assert_ne!(plain.field("etag"), coded.field("etag"));

    let part = get(
        "/coded.css",
        &[("accept-encoding", "gzip"), ("range", "bytes=-2")],
    );
    assert_eq!((part.status, part.body()), (206, "89"));
    assert_eq!(part.field("content-range"), Some("bytes 8-9/10"));
    assert_eq!(part.field("content-encoding"), Some("gzip"));

    let photo = get("/photo.png", &[("accept-encoding", "gzip")]);
    assert_eq!((photo.body(), photo.field("vary")), ("png", None));
}

#[test]
fn redirects_directories_without_a_slash() {
    for (target, location) in [
        ("/pets", "/pets/"),
        ("/pets?a=b", "/pets/?a=b"),
        ("//pets", "/pets/"),
        ("/\\evil.example/..//pets", "/pets/"),
        ("/%70ets", "/%70ets/"),
    ] {
        let seen = get(target, &[]);
        assert_eq!(
            (seen.status, seen.field("location")),
            (301, Some(location)),
            "{target}"
        );
    }
}

#[test]
fn error_pages_repeat_nothing_of_the_request() {
    for target in [
        "/missing%3Cscript%3E",
        "/%zz",
        "/unreadable.txt",
        "/broken.txt",
    ] {
        let seen = get(target, &[]);
        assert_eq!(
            seen.field("x-content-type-options"),
            Some("nosniff"),
            "{target}"
        );
        assert_eq!(seen.field("cache-control"), Some("no-store"), "{target}");
        assert_eq!(seen.field("etag"), None, "{target}");
        assert!(
            !seen.body().contains("script") && !seen.body().is_empty(),
            "{target}"
        );
    }
    assert!(get("/missing", &[]).body().contains("<h1>Not Found</h1>"));

    let site = site().file("404.html", "ours");
    for (method, target, status, body) in [
        ("GET", "/missing", 404, "ours"),
        ("HEAD", "/missing", 404, "ours"),
        ("GET", "/.hidden.txt", 404, "ours"),
        ("GET", "/404.html", 200, "ours"),
    ] {
        let lines = [("range", "bytes=0-1"), ("if-none-match", "\"x\"")];
        let lines = if status == 404 { &lines[..] } else { &[] };
        let seen = ask(&site, &Settings::default(), method, target, lines);
        assert_eq!(
            (seen.status, seen.body()),
            (status, body),
            "{method} {target}"
        );
        assert_eq!(seen.field("content-type"), Some("text/html; charset=utf-8"));
    }
    for (method, target) in [
        ("GET", "/unreadable.txt"),
        ("POST", "/missing"),
        ("GET", "/%zz"),
    ] {
        assert_ne!(
            ask(&site, &Settings::default(), method, target, &[]).body(),
            "ours",
            "{method} {target}"
        );
    }
}

#[test]
fn lists_directories() {
    let settings = Settings {
        listing: true,
        ..Settings::default()
    };
    let site = site()
        .file("list/b & c.txt", "")
        .file("list/<x>.txt", "")
        .file("list/javascript:alert(1)", "")
        .file("list/\u{e9}t\u{e9}/a", "")
        .file("list/.hidden", "")
        .fifo("list/fifo")
        .failing("list/broken-link", Failure::Missing);
    let seen = ask(&site, &settings, "GET", "/list/", &[]);
    assert_eq!(
        (seen.status, seen.field("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let links: Vec<_> = seen
        .body()
        .lines()
        .filter(|line| line.starts_with("<li>"))
        .collect();
    assert_eq!(
        links,
        [
            "<li><a href=\"../\">../</a></li>",
            "<li><a href=\"./%3Cx%3E.txt\">&lt;x&gt;.txt</a></li>",
            "<li><a href=\"./b%20%26%20c.txt\">b &amp; c.txt</a></li>",
            "<li><a href=\"./javascript%3Aalert%281%29\">javascript:alert(1)</a></li>",
            "<li><a href=\"./%C3%A9t%C3%A9/\">\u{e9}t\u{e9}/</a></li>",
        ]
    );
    assert!(seen.body().contains("<title>Index of /list/</title>"));

    let root = ask(&site, &settings, "GET", "/", &[]);
    assert!(
        root.body().contains("./.well-known/") && !root.body().contains(".mine"),
        "{}",
        root.body()
    );
    assert!(!root.body().contains("../"));

    for (target, status) in [
        ("/pets/", 200),
        ("/list", 301),
        ("/missing/", 404),
        ("/nums.txt/", 404),
        ("/.mine/", 404),
    ] {
        assert_eq!(
            ask(&site, &settings, "GET", target, &[]).status,
            status,
            "{target}"
        );
    }
    assert_eq!(ask(&site, &settings, "GET", "/pets/", &[]).body(), "tobi");
    let open = Settings {
        dotfiles: true,
        ..settings
    };
    assert!(
        ask(&site, &open, "GET", "/list/", &[])
            .body()
            .contains("./.hidden")
    );
}

#[test]
fn follows_the_settings() {
    let index = Settings {
        index: "loki.html".into(),
        ..Settings::default()
    };
    assert_eq!(ask(&site(), &index, "GET", "/pets/", &[]).body(), "loki");
    let none = Settings {
        index: "".into(),
        ..Settings::default()
    };
    assert_eq!(ask(&site(), &none, "GET", "/pets/", &[]).status, 404);
    let folder = Settings {
        index: "pets".into(),
        ..Settings::default()
    };
    assert_eq!(ask(&site(), &folder, "GET", "/", &[]).status, 404);

    let dotfiles = Settings {
        dotfiles: true,
        ..Settings::default()
    };
    assert_eq!(
        ask(&site(), &dotfiles, "GET", "/.mine/name.txt", &[]).body(),
        "secret"
    );

    for (cache_control, expected) in [("max-age=60", Some("max-age=60")), ("", None)] {
        let settings = Settings {
            cache_control: cache_control.into(),
            ..Settings::default()
        };
        let seen = ask(&site(), &settings, "GET", "/nums.txt", &[]);
        assert_eq!(seen.field("cache-control"), expected);
    }
}

#[test]
fn sends_the_page_of_a_single_page_application() {
    let settings = Settings {
        single_page: Some("pets/loki.html".into()),
        ..Settings::default()
    };
    for (target, accept, status) in [
        ("/users/7", "text/html", 200),
        ("/users/7/", "*/*", 200),
        ("/nums.txt", "text/html", 200),
        ("/app.js", "text/html", 404),
        ("/users/7", "application/json", 404),
        ("/.hidden.txt", "text/html", 404),
        ("/unreadable.txt", "text/html", 403),
        ("/%zz", "text/html", 400),
    ] {
        let seen = ask(&site(), &settings, "GET", target, &[("accept", accept)]);
        assert_eq!(seen.status, status, "{target} {accept}");
        if target.starts_with("/users") && status == 200 {
            assert_eq!(
                (seen.body(), seen.field("vary")),
                ("loki", Some("Accept-Encoding, Accept")),
                "{target}"
            );
        }
    }
}
