//! The default guest: paths, conditions, ranges and dates.

use std::str;
use std::time::{Duration, UNIX_EPOCH};

use belljar_default_guest::answer::answer;
use belljar_default_guest::date;
use belljar_default_guest::path::SitePath;
use belljar_default_guest::range::Selection;
use belljar_default_guest::request::{Field, Method, Request};
use belljar_default_guest::response::{Body, Response};
use belljar_default_guest::settings::Settings;

use crate::site::{self, FILES, File, Site};

/// The bytes are lines: `GET /path?query`, and then the fields of the request, such as `range: bytes=0-4`.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let Some(line) = str::from_utf8(line).ok().filter(|line| line.is_ascii()) else {
        // The target of a request is ASCII.
        return;
    };
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let fields: Vec<Field> = lines.filter_map(field).collect();
    resolves_as_the_rfc_says(path);
    for (name, value) in &fields {
        match name.as_str() {
            "range" => ranges_lie_within_the_file(value),
            "if-range" | "if-modified-since" | "if-unmodified-since" => dates_agree(value),
            _ => {}
        }
    }
    let request = Request {
        method: Method::parse(method),
        path,
        query,
        fields: &fields,
    };
    let everything = Settings {
        listing: true,
        single_page: Some("index.html".into()),
        dotfiles: true,
        ..Settings::default()
    };
    let listing = Settings {
        listing: true,
        ..Settings::default()
    };
    for settings in [Settings::default(), listing, everything] {
        let site = Site::new();
        let response = answer(&site, &settings, request);
        check(data, &settings, &site, response);
    }
}

fn field(line: &[u8]) -> Option<Field> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = str::from_utf8(&line[..colon]).ok()?;
    Some((
        name.to_ascii_lowercase(),
        line[colon + 1..].trim_ascii().to_vec(),
    ))
}

/// Checks what holds for every response.
fn check(data: &[u8], settings: &Settings, site: &Site, response: Response<File>) {
    let shown = format!("{response:?}");
    let fail =
        |why: &str| -> ! { panic!("{why}: {}\nwith {settings:?}\n{shown}", data.escape_ascii()) };
    let Response {
        status,
        fields,
        body,
    } = response;
    if ![
        200, 204, 206, 301, 304, 400, 403, 404, 405, 412, 416, 500, 501,
    ]
    .contains(&status)
    {
        fail("an unexpected status");
    }
    let value = |wanted: &str| {
        let mut values = fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let value = values.next().map(|(_, value)| value.clone());
        if values.next().is_some() {
            fail("a field is repeated");
        }
        value.map(|value| String::from_utf8_lossy(&value).into_owned())
    };
    if belljar_http::Response::new(status, fields.clone(), belljar_http::Body::Empty).is_err() {
        fail("the host refuses the head");
    }
    // Browsers take `//host/` and `/\host/` for another site.
    if let Some(location) = value("location")
        && (!location.starts_with('/') || location[1..].starts_with(['/', '\\']))
    {
        fail("a redirect to another site");
    }
    let content = match &body {
        Body::Empty => Vec::new(),
        Body::Bytes(bytes) => bytes.clone(),
        Body::File {
            file,
            offset,
            length,
        } => match site::content(file).map(|all| (all, site::part(all, *offset, *length))) {
            Some((all, Some(part))) => {
                let range = match status {
                    206 if *length > 0 => Some(format!(
                        "bytes {offset}-{}/{}",
                        offset + length - 1,
                        all.len()
                    )),
                    200 if part == all => None,
                    _ => fail("a part of a file"),
                };
                if value("content-range") != range {
                    fail("a wrong Content-Range");
                }
                part.to_vec()
            }
            _ => fail("a range beyond the file"),
        },
    };
    if matches!(status, 204 | 304) && !content.is_empty() {
        fail("a body where none is allowed");
    }
    let is_hidden = |path: &String| {
        let visible = path.strip_prefix(".well-known").unwrap_or(path);
        visible
            .split('/')
            .any(|segment| segment.len() > 1 && segment.starts_with('.'))
    };
    if !settings.dotfiles && site.opened.borrow().iter().any(is_hidden) {
        fail("a hidden path was opened");
    }
    if content.len() > LARGEST {
        fail("a response that is much larger than the site");
    }
}

/// Decodes the path segment by segment, and removes dot segments with a stack (RFC 3986, section 5.2.4).
fn resolves_as_the_rfc_says(path: &str) {
    let Ok(parsed) = SitePath::parse(path) else {
        return;
    };
    let mut stack: Vec<String> = Vec::new();
    for segment in path.split('/') {
        let decoded = decode(segment);
        match &*decoded {
            b"" | b"." => {}
            b".." => assert!(stack.pop().is_some(), "{path} leads above the root"),
            name => stack.push(String::from_utf8_lossy(name).into_owned()),
        }
    }
    assert_eq!(parsed.relative, stack.join("/"), "{path}");
    let is_hidden = |(at, name): (usize, &String)| {
        (name.starts_with('.') || name.contains("\\.")) && !(at == 0 && name == ".well-known")
    };
    let is_hidden = stack.iter().enumerate().any(is_hidden);
    assert_eq!(parsed.is_hidden, is_hidden, "{path}");
}

fn decode(segment: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let escaped =
            escaped.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    decoded
}

fn ranges_lie_within_the_file(field: &[u8]) {
    for (_, content, _) in FILES {
        one_range_fits(field, content.len() as u64);
    }
    one_range_fits(field, u64::MAX);
}

fn one_range_fits(field: &[u8], size: u64) {
    let spans = match Selection::parse(field, size) {
        Selection::Whole => return,
        Selection::Unsatisfiable => {
            assert!(size > 0, "every range of an empty file");
            return;
        }
        Selection::One(span) => vec![span],
        Selection::Several(spans) => spans,
    };
    let mut ends = Vec::new();
    for span in &spans {
        let end = span.offset.checked_add(span.length);
        assert!(
            span.length > 0 && end.is_some_and(|end| end <= size),
            "{} of {size}: {span:?}",
            field.escape_ascii()
        );
        ends.push((span.offset, end));
    }
    ends.sort_unstable();
    let apart = ends.windows(2).all(|two| two[0].1 <= Some(two[1].0));
    assert!(apart, "{} of {size}: {spans:?}", field.escape_ascii());
}

/// Compares dates with those of the crate httpdate, and formats them again.
fn dates_agree(value: &[u8]) {
    let ours = date::parse(value);
    let text = str::from_utf8(value).unwrap_or_default();
    let theirs = httpdate::parse_http_date(text).ok();
    let theirs = theirs.and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    if let (Some(ours), Some(theirs)) = (ours, theirs) {
        assert_eq!(
            u64::try_from(ours),
            Ok(theirs.as_secs()),
            "{}",
            value.escape_ascii()
        );
        let formatted = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(theirs.as_secs()));
        assert_eq!(date::format(ours), formatted);
    }
    if let Some(ours) = ours {
        assert_eq!(
            date::parse(date::format(ours).as_bytes()),
            Some(ours),
            "{text}"
        );
    }
}

/// In bytes: all files, and the markup of the largest listing or of 64 parts.
const LARGEST: usize = 64 << 10;
