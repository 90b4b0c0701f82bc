//! Tests of conditional requests for files (RFC 9110, section 13).

use std::time::{Duration, SystemTime};

use crate::support::{Server, Site, past};

/// The fields of a request, and the status of its response. ETAG stands for the tag of the file.
type Case<'a> = (&'a [(&'a str, &'a str)], u16);

#[test]
fn evaluates_if_none_match() {
    check(&[
        (&[("If-None-Match", "ETAG")], 304),
        (&[("If-None-Match", "W/ETAG")], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", "\"other\", ETAG")], 304),
        (&[("If-None-Match", "ETAG,\"other\"")], 304),
        (
            &[("If-None-Match", "\"a\" ,\tW/\"b\" , W/ETAG , \"c\"")],
            304,
        ),
        (&[("If-None-Match", "\"with,comma\", ETAG")], 304),
        (
            &[("If-None-Match", "\"other\""), ("If-None-Match", "ETAG")],
            304,
        ),
        (&[("If-None-Match", "\"other\"")], 200),
        (&[("If-None-Match", "W/\"other\"")], 200),
        (&[("If-None-Match", "\"\"")], 200),
        (&[("If-None-Match", "")], 200),
        (&[("If-None-Match", "unquoted")], 200),
        (&[("If-None-Match", "\"open")], 200),
        (&[("If-None-Match", "\"**\"")], 200),
        (&[("If-None-Match", "**")], 200),
    ]);
}

#[test]
fn if_none_match_replaces_if_modified_since() {
    check(&[
        (
            &[
                ("If-None-Match", "\"other\""),
                ("If-Modified-Since", MODIFIED),
            ],
            200,
        ),
        (
            &[
                ("If-Modified-Since", MODIFIED),
                ("If-None-Match", "\"other\""),
            ],
            200,
        ),
        (
            &[
                ("If-None-Match", "ETAG"),
                ("If-Modified-Since", SECOND_BEFORE),
            ],
            304,
        ),
    ]);
}

#[test]
fn evaluates_if_modified_since() {
    check(&[
        (&[("If-Modified-Since", MODIFIED)], 304),
        (&[("If-Modified-Since", SECOND_AFTER)], 304),
        (&[("If-Modified-Since", SECOND_BEFORE)], 200),
        // The two obsolete date formats that a recipient must accept (RFC 9110, section 5.6.7).
        (
            &[("If-Modified-Since", "Wednesday, 01-Jan-20 00:00:00 GMT")],
            304,
        ),
        (&[("If-Modified-Since", "Wed Jan  1 00:00:00 2020")], 304),
        (&[("If-Modified-Since", "Tue Dec 31 23:59:59 2019")], 200),
    ]);
    check_bad_dates("If-Modified-Since");
}

#[test]
fn accepts_dates_beyond_2038() {
    let site = Site::new(&[("past.txt", "content"), ("zero.txt", "content")]);
    site.set_modified("past.txt", past());
    site.set_modified("zero.txt", SystemTime::UNIX_EPOCH);
    let server = Server::of_site(&site);
    // Dates in the future are valid, and must not overflow.
    for date in [
        "Wed, 20 Jan 2038 03:14:08 GMT",
        "Sat, 01 Jan 2107 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        assert_eq!(
            server
                .request("GET", "/past.txt", &[("If-Modified-Since", date)])
                .status,
            304,
            "{date}"
        );
        assert_eq!(
            server
                .request("GET", "/past.txt", &[("If-Unmodified-Since", date)])
                .status,
            200,
            "{date}"
        );
    }
    // A file without a modification time cannot be compared with a date.
    assert_eq!(
        server
            .request("GET", "/zero.txt", &[("If-Modified-Since", MODIFIED)])
            .status,
        200
    );
}

/// Files with a modification time in the far future are served and compared by their tag.
#[test]
fn evaluates_conditions_for_files_from_the_future() {
    let site = Site::new(&[("2040.txt", "content"), ("2200.txt", "content")]);
    let year = Duration::from_secs(31_557_600);
    site.set_modified("2040.txt", SystemTime::UNIX_EPOCH + 70 * year);
    site.set_modified("2200.txt", SystemTime::UNIX_EPOCH + 230 * year);
    let server = Server::of_site(&site);
    for target in ["/2040.txt", "/2200.txt"] {
        let answer = server.request("GET", target, &[("If-Modified-Since", MODIFIED)]);
        assert_eq!(
            answer.status, 200,
            "{target}: the file is newer than the date"
        );
        let etag = answer.need("etag");
        assert_eq!(
            server
                .request("GET", target, &[("If-None-Match", etag)])
                .status,
            304,
            "{target}"
        );
    }
}

#[test]
fn evaluates_if_match() {
    check(&[
        (&[("If-Match", "ETAG")], 200),
        (&[("If-Match", "*")], 200),
        (&[("If-Match", "\"other\", ETAG")], 200),
        (&[("If-Match", "\"other\""), ("If-Match", "ETAG")], 200),
        (&[("If-Match", "\"other\"")], 412),
        (&[("If-Match", "\"a\", \"b\"")], 412),
        // Strong comparison: a weak tag never matches.
        (&[("If-Match", "W/ETAG")], 412),
        // If-Match is evaluated before If-None-Match and replaces If-Unmodified-Since (section 13.2.2).
        (&[("If-Match", "\"other\""), ("If-None-Match", "ETAG")], 412),
        (&[("If-Match", "ETAG"), ("If-None-Match", "ETAG")], 304),
        (
            &[("If-Match", "ETAG"), ("If-Unmodified-Since", SECOND_BEFORE)],
            200,
        ),
    ]);
}

#[test]
fn evaluates_if_unmodified_since() {
    check(&[
        (&[("If-Unmodified-Since", MODIFIED)], 200),
        (&[("If-Unmodified-Since", SECOND_AFTER)], 200),
        (&[("If-Unmodified-Since", SECOND_BEFORE)], 412),
        (
            &[
                ("If-Unmodified-Since", SECOND_BEFORE),
                ("If-None-Match", "ETAG"),
            ],
            412,
        ),
        (&[("If-Unmodified-Since", "Tue Dec 31 23:59:59 2019")], 412),
    ]);
    check_bad_dates("If-Unmodified-Since");
}

#[test]
fn sends_required_fields_with_304_and_no_content_with_412() {
    let site = Site::new(&[("file.txt", "content"), ("file.txt.gz", "coded")]);
    let server = Server::of_site(&site);
    let full = server.get("/file.txt");
    let answer = server.request("GET", "/file.txt", &[("If-None-Match", full.need("etag"))]);
    assert_eq!(answer.status, 304);
    for name in ["etag", "vary", "cache-control"] {
        assert_eq!(answer.need(name), full.need(name), "{name}");
    }
    for name in [
        "content-type",
        "content-encoding",
        "content-length",
        "transfer-encoding",
    ] {
        assert_eq!(answer.field(name), None, "{name}");
    }
    let failed = server.request("GET", "/file.txt", &[("If-Match", "\"other\"")]);
    assert_eq!(failed.status, 412);
    assert!(
        !failed.text().contains("content"),
        "a 412 response must not contain the file: {}",
        failed.text()
    );
}

/// Checks that a field with a malformed date is ignored.
fn check_bad_dates(field: &str) {
    let fields = BAD_DATES.map(|date| [(field, date)]);
    check(
        &fields
            .iter()
            .map(|fields| (&fields[..], 200))
            .collect::<Vec<Case>>(),
    );
}

/// Runs the cases with GET and HEAD on one connection, so that an unexpected body would be noticed.
fn check(cases: &[Case]) {
    let site = Site::new(&[("file.txt", "content")]);
    site.set_modified("file.txt", past());
    let server = Server::of_site(&site);
    let etag = server.get("/file.txt").need("etag").to_owned();
    let mut client = server.connect();
    for (fields, status) in cases {
        for method in ["HEAD", "GET"] {
            let values: Vec<_> = fields
                .iter()
                .map(|(name, value)| (*name, value.replace("ETAG", &etag)))
                .collect();
            let fields: Vec<_> = values
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let request = crate::support::head(method, "/file.txt", &fields);
            client.send(&request);
            let answer = client.response_to(request.as_bytes());
            assert_eq!(answer.status, *status, "{method} {fields:?}");
            let body = if method == "GET" && *status == 200 {
                "content"
            } else {
                ""
            };
            assert!(
                *status == 412 || answer.text() == body,
                "{method} {fields:?}: {}",
                answer.text()
            );
        }
    }
}

const MODIFIED: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
const SECOND_BEFORE: &str = "Tue, 31 Dec 2019 23:59:59 GMT";
const SECOND_AFTER: &str = "Wed, 01 Jan 2020 00:00:01 GMT";
const BAD_DATES: [&str; 9] = [
    "",
    "yesterday",
    "1577836800",
    "2020-01-01T00:00:00Z",
    "Wed, 01 Jan 2020 00:00:00",
    "Wed, 01 Jan 2020 00:00:00 CET",
    "Wed, 32 Jan 2020 00:00:00 GMT",
    "Wed, 01 Jan 2020 25:00:00 GMT",
    "Wed, 01 Foo 2020 00:00:00 GMT",
];
