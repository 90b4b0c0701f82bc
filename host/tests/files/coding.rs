//! Tests of precompressed copies of files, which Accept-Encoding selects (RFC 9110, section 12.5.3).

use crate::support::{Server, Site};

#[test]
fn selects_the_best_coding_that_both_sides_support() {
    let site = site();
    let server = Server::of_site(&site);
    // Path, Accept-Encoding (None if not sent), and the codings that may be selected. "" is the plain file.
    for (path, accepted, choices) in [
        ("/all.js", None, &[""][..]),
        ("/all.js", Some(""), &[""]),
        ("/all.js", Some("identity"), &[""]),
        ("/all.js", Some("deflate"), &[""]),
        ("/all.js", Some("gzip"), &["gzip"]),
        ("/all.js", Some("GZip"), &["gzip"]),
        ("/all.js", Some("br"), &["br"]),
        ("/all.js", Some("zstd"), &["zstd"]),
        ("/all.js", Some("deflate, gzip"), &["gzip"]),
        ("/all.js", Some("gzip, br"), &["gzip", "br"]),
        (
            "/all.js",
            Some("gzip, deflate, br, zstd"),
            &["gzip", "br", "zstd"],
        ),
        ("/all.js", Some("br;q=0.5, gzip"), &["gzip"]),
        ("/all.js", Some("br;q=0.5,gzip;q=0.8,zstd;q=0.3"), &["gzip"]),
        ("/all.js", Some("gzip;q=0.1, br;q=0.09"), &["gzip"]),
        ("/all.js", Some("gzip ; q=0.5 , zstd ; Q=0.9"), &["zstd"]),
        ("/all.js", Some("gzip;q=0"), &[""]),
        ("/all.js", Some("gzip;q=0.0, br;q=0.000"), &[""]),
        ("/all.js", Some("gzip;q=0, br"), &["br"]),
        ("/all.js", Some("br;q=0, *"), &["gzip", "zstd"]),
        ("/all.js", Some("gzip, br;q=0, *;q=0"), &["gzip"]),
        ("/all.js", Some("identity, *;q=0"), &[""]),
        ("/all.js", Some("identity;q=1, gzip;q=0.5"), &[""]),
        ("/all.js", Some("identity;q=0.5, gzip;q=1.0"), &["gzip"]),
        ("/all.js", Some("identity;q=0, br"), &["br"]),
        ("/all.js", Some("xgzip, gzipx, brotli, zst"), &[""]),
        ("/gzip.js", Some("gzip, br, zstd"), &["gzip"]),
        ("/gzip.js", Some("br;q=1, gzip;q=0.2"), &["gzip"]),
        ("/gzip.js", Some("br, zstd"), &[""]),
        ("/plain.js", Some("gzip, br, zstd"), &[""]),
    ] {
        let fields: Vec<_> = accepted
            .iter()
            .map(|value| ("Accept-Encoding", *value))
            .collect();
        let answer = server.request("GET", path, &fields);
        assert_eq!(answer.status, 200, "{path} {accepted:?}");
        let chosen = answer.field("content-encoding").unwrap_or_default();
        assert!(choices.contains(&chosen), "{path} {accepted:?}: {chosen:?}");
        let name = path.trim_start_matches('/');
        assert_eq!(answer.text(), content(name, chosen), "{path} {accepted:?}");
    }
}

#[test]
fn joins_several_accept_encoding_lines() {
    let site = site();
    let server = Server::of_site(&site);
    let fields = [("Accept-Encoding", "gzip;q=0.1"), ("Accept-Encoding", "br")];
    assert_eq!(
        server
            .request("GET", "/all.js", &fields)
            .need("content-encoding"),
        "br"
    );
}

#[test]
fn answers_200_or_406_when_no_coding_is_acceptable() {
    let site = site();
    let server = Server::of_site(&site);
    for accepted in ["identity;q=0", "*;q=0", "gzip;q=0, identity;q=0"] {
        let answer = server.request("GET", "/plain.js", &[("Accept-Encoding", accepted)]);
        assert!(
            matches!(answer.status, 200 | 406),
            "{accepted}: {}",
            answer.head
        );
    }
}

#[test]
fn sends_vary_and_the_media_type_of_the_original() {
    let site = site();
    let server = Server::of_site(&site);
    let plain = server.get("/all.js");
    for coding in ["", "gzip", "br", "zstd", "deflate"] {
        for method in ["GET", "HEAD"] {
            let answer = server.request(method, "/all.js", &[("Accept-Encoding", coding)]);
            assert!(
                answer.list("vary").contains(&"accept-encoding".to_owned()),
                "{coding}: {}",
                answer.head
            );
            assert_eq!(
                answer.need("content-type"),
                plain.need("content-type"),
                "{coding}"
            );
        }
    }
}

/// A test in the sandbox covers the cache of names that do not exist: it needs a clock that it can move.
#[test]
fn sends_a_copy_that_is_added_later() {
    let site = Site::new(&[
        ("a.js", "plain"),
        ("folder/a.js", "plain"),
        ("elsewhere/b.js", "other"),
    ]);
    let server = Server::of_site(&site);
    let coding = |path: &str, accepted: &str| {
        let answer = server.request("GET", path, &[("Accept-Encoding", accepted)]);
        // Vary is sent even before a copy exists, because caches keep responses until then.
        assert_eq!(answer.field("vary"), Some("Accept-Encoding"), "{path}");
        let coding = answer.field("content-encoding").unwrap_or_default();
        assert_eq!(
            answer.text(),
            if coding.is_empty() { "plain" } else { coding }
        );
        coding.to_owned()
    };
    for (name, target) in [
        ("a.js", "elsewhere/later"),
        ("folder/a.js", "../elsewhere/later"),
    ] {
        let path = format!("/{name}");
        for accepted in ["", "br", "gzip, br", "br"] {
            assert_eq!(coding(&path, accepted), "", "{name}");
        }
        site.symlink(target, &format!("{name}.gz"));
        for _ in 0..3 {
            assert_eq!(coding(&path, "gzip"), "", "{name}: the link leads nowhere");
        }
    }
    site.write("elsewhere/later", b"gzip");
    for name in ["a.js", "folder/a.js"] {
        let path = format!("/{name}");
        assert_eq!(coding(&path, "gzip"), "gzip", "{name}");
        assert_eq!(coding(&path, ""), "", "{name}");
        site.write(&format!("{name}.br"), b"br");
        assert_eq!(coding(&path, "gzip, br"), "br", "{name}");
    }
}

#[test]
fn gives_each_coding_its_own_etag() {
    let site = site();
    let server = Server::of_site(&site);
    let tag = |coding: &str| {
        server
            .request("GET", "/all.js", &[("Accept-Encoding", coding)])
            .need("etag")
            .to_owned()
    };
    let tags = ["", "gzip", "br", "zstd"].map(tag);
    for (number, tag) in tags.iter().enumerate() {
        assert!(tag.starts_with('"'), "{tag} is not a strong tag");
        assert!(!tags[..number].contains(tag), "{tags:?}");
    }
    let [plain, gzip, ..] = &tags;
    // The tag of one coding must not match another coding.
    for (tag, coding, status) in [
        (gzip, "gzip", 304),
        (gzip, "", 200),
        (plain, "gzip", 200),
        (plain, "", 304),
    ] {
        let answer = server.request(
            "GET",
            "/all.js",
            &[("If-None-Match", tag), ("Accept-Encoding", coding)],
        );
        assert_eq!(answer.status, status, "{tag} {coding:?}");
        assert!(
            answer.list("vary").contains(&"accept-encoding".to_owned()),
            "{}",
            answer.head
        );
    }
}

#[test]
fn applies_ranges_to_the_coded_bytes() {
    let site = site();
    let server = Server::of_site(&site);
    let coded = content("all.js", "gzip");
    let answer = server.request(
        "GET",
        "/all.js",
        &[("Accept-Encoding", "gzip"), ("Range", "bytes=-4")],
    );
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (206, &coded[coded.len() - 4..])
    );
    assert_eq!(answer.need("content-encoding"), "gzip");
    let (first, last, length) = (coded.len() - 4, coded.len() - 1, coded.len());
    assert_eq!(
        answer.need("content-range"),
        format!("bytes {first}-{last}/{length}")
    );
}

/// A compressed file that is requested by its own name is sent as a file of its own.
#[test]
fn sends_no_content_encoding_for_a_compressed_file_by_name() {
    let site = site();
    let server = Server::of_site(&site);
    let answer = server.request("GET", "/all.js.gz", &[("Accept-Encoding", "gzip")]);
    assert_eq!(
        (answer.status, answer.text()),
        (200, content("all.js", "gzip"))
    );
    assert_eq!(answer.field("content-encoding"), None);
    assert!(
        !answer.need("content-type").contains("javascript"),
        "{}",
        answer.head
    );
}

/// A folder with the name of a copy must not be sent.
#[test]
fn ignores_folders_as_copies_and_compresses_index_pages() {
    let site = site();
    site.write("index.html", b"plain index");
    site.write("index.html.gz", b"coded index");
    site.write("odd.css", b"plain odd");
    site.write("odd.css.gz/inside.txt", b"a folder with the name of a copy");
    let server = Server::of_site(&site);
    let gzip = [("Accept-Encoding", "gzip")];
    assert_eq!(server.request("GET", "/", &gzip).text(), "coded index");
    let odd = server.request("GET", "/odd.css", &gzip);
    assert_eq!((odd.status, odd.text().as_str()), (200, "plain odd"));
    assert_eq!(odd.field("content-encoding"), None);
}

fn site() -> Site {
    let site = Site::new(&[]);
    for (name, codings) in [
        ("all.js", &["gzip", "br", "zstd"][..]),
        ("gzip.js", &["gzip"]),
        ("plain.js", &[]),
    ] {
        site.write(name, content(name, "").as_bytes());
        for coding in codings {
            let suffix = match *coding {
                "gzip" => "gz",
                "zstd" => "zst",
                other => other,
            };
            site.write(
                &format!("{name}.{suffix}"),
                content(name, coding).as_bytes(),
            );
        }
    }
    site
}

/// The server does not check the content of a copy, so each copy only needs a different one.
fn content(name: &str, coding: &str) -> String {
    if coding.is_empty() {
        format!("{name}, plain and long")
    } else {
        format!("{name} in {coding}")
    }
}
