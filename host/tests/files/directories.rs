//! Tests of folders: redirects, index pages, listings and single-page apps.

use crate::support::{Response, Server, Site};

#[test]
fn redirects_a_folder_without_a_slash() {
    let site = Site::new(&[
        ("folder/index.html", "index"),
        ("folder/inner/page.html", "page"),
        ("a b/index.html", "space"),
        ("gr\u{fc}n/index.html", "unicode"),
        ("100%/index.html", "percent"),
        ("q?x#y/index.html", "question"),
        ("x\r\nSet-Cookie: a=b/index.html", "line break"),
        ("\\evil.example/index.html", "backslash"),
        ("evil.example/index.html", "host"),
    ]);
    let server = Server::of_site(&site);
    for (target, location) in [
        ("/folder", "/folder/"),
        ("/folder?x=1&y=2", "/folder/?x=1&y=2"),
        ("/folder?", "/folder/?"),
        (
            "/folder?next=//evil.example",
            "/folder/?next=//evil.example",
        ),
        ("/folder/inner", "/folder/inner/"),
        ("/a%20b", "/a%20b/"),
        ("/gr%C3%BCn", "/gr%C3%BCn/"),
        ("/100%25", "/100%25/"),
        ("/q%3Fx%23y?z", "/q%3Fx%23y/?z"),
        ("/x%0D%0ASet-Cookie:%20a=b", "/x%0D%0ASet-Cookie:%20a=b/"),
        ("/%66older", "/folder/"),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = server.request(method, target, &[]);
            assert_eq!(answer.status, 301, "{method} {target}");
            // The server may escape more bytes than necessary, so the locations are compared unescaped.
            let found = answer.need("location");
            assert_eq!(
                unescaped(found),
                unescaped(location),
                "{method} {target}: {found}"
            );
            assert_eq!(
                server
                    .get(found.split('?').next().unwrap_or_default())
                    .status,
                leads_to(location),
                "{target}"
            );
        }
    }
    for target in [
        "//evil.example",
        "///evil.example",
        "/%5Cevil.example",
        "/\\evil.example",
        "/.//evil.example",
        "//folder",
    ] {
        let answer = server.get(target);
        let location = answer.field("location").unwrap_or_default();
        let leaves =
            location.starts_with("//") || location.starts_with("/\\") || location.contains(':');
        assert!(!leaves, "{target}: {location}");
        assert!(
            matches!(answer.status, 301 | 308 | 400 | 404),
            "{target}: {}",
            answer.head
        );
    }
}

#[test]
fn sends_the_index_page() {
    let site = Site::new(&[
        ("index.html", "root"),
        ("folder/index.html", "index"),
        ("home/home.htm", "home"),
        ("bare/page.html", "page"),
        ("odd/index.html/page.html", "a folder with the page's name"),
    ]);
    std::fs::create_dir(site.at("empty")).expect("the folder can be made");
    let server = Server::of_site(&site);
    for (target, status, body) in [
        ("/", 200, "root"),
        ("/?x=1", 200, "root"),
        ("/folder/", 200, "index"),
        ("/folder/index.html", 200, "index"),
        ("/bare/", 404, ""),
        ("/bare/page.html", 200, "page"),
        ("/empty/", 404, ""),
        ("/odd/", 404, ""),
        ("/home/", 404, ""),
        ("/missing/", 404, ""),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(body.is_empty() || answer.text() == body, "{target}");
        assert!(
            !answer.text().contains("page.html") && !answer.text().contains("home.htm"),
            "{target} lists its files"
        );
    }
    let root = server.get("/");
    assert_eq!(root.need("content-type"), "text/html; charset=utf-8");
    assert!(root.field("etag").is_some());

    let named = Server::options()
        .arg(site.path())
        .args("--index home.htm")
        .start();
    assert_eq!(named.get("/home/").text(), "home");
    assert_eq!(named.get("/folder/").status, 404);
}

#[test]
fn lists_a_folder_if_enabled() {
    let names = [
        "a.txt",
        "b file.txt",
        "c%41.txt",
        "d?x.txt",
        "e#x.txt",
        "f&amp;.txt",
        "g<script>alert(1)<",
        "h\"quote\".txt",
        "i'quote'.txt",
        "j+plus.txt",
        "k;semi.txt",
        "l:colon.txt",
        "javascript:alert(1)",
        "m\\backslash.txt",
        "gr\u{fc}n.txt",
        "\u{65e5}\u{672c}.txt",
        "z.txt",
        "B.txt",
        "file with  two spaces",
        "http:",
        "~tilde",
    ];
    let site = Site::new(&[
        ("list/folder/inner.txt", "inner"),
        ("list/.hidden", "dotfile"),
        ("indexed/index.html", "index"),
    ]);
    for name in names {
        site.write(&format!("list/{name}"), name.as_bytes());
    }
    let server = Server::options().arg(site.path()).arg("--listing").start();
    let answer = server.get("/list/");
    assert_eq!(
        (answer.status, answer.need("content-type")),
        (200, "text/html; charset=utf-8")
    );
    let page = answer.text();
    assert!(!page.contains("<script>"), "{page}");
    assert!(!page.contains(".hidden"), "{page}");
    assert!(
        !page.contains(&site.around().display().to_string()) && !page.contains("belljar-test"),
        "{page}"
    );

    let links = links(&page);
    for name in names {
        let found = links.iter().filter(|link| {
            let answer = server.get(&resolved("/list/", link));
            answer.status == 200 && answer.text() == name
        });
        assert_eq!(found.count(), 1, "{name:?} among {links:?}");
    }
    let folder = links
        .iter()
        .find(|link| unescaped(link).trim_start_matches("./") == "folder/");
    assert!(
        folder.is_some(),
        "the link to the folder must end with a slash: {links:?}"
    );

    // The order is the same for every request, and alphabetic for ASCII letters of one case.
    assert_eq!(server.get("/list/").text(), page);
    let place = |name: &str| {
        links
            .iter()
            .position(|link| unescaped(link).ends_with(name))
    };
    let order = ["a.txt", "b file.txt", "k;semi.txt", "z.txt"].map(place);
    assert!(order.is_sorted() && order[0].is_some(), "{links:?}");

    // An index page replaces the listing. HEAD and redirects work as without listings.
    assert_eq!(server.get("/indexed/").text(), "index");
    assert_eq!(server.get("/list").status, 301);
    assert_eq!(
        server.request("HEAD", "/list/", &[]).need("content-length"),
        page.len().to_string()
    );
    assert_eq!(server.get("/missing/").status, 404);
    assert_eq!(server.get("/.hidden/").status, 404);
    // The listing of the root must not link to its parent.
    for link in self::links(&server.get("/").text()) {
        let target = resolved("/", &link);
        let answer: Response = server.get(&target);
        assert!(
            matches!(answer.status, 200 | 301),
            "{link}: {}",
            answer.status
        );
    }
}

#[test]
fn serves_a_single_page_app() {
    let site = Site::new(&[
        ("app.html", "app"),
        ("style.css", "style"),
        ("folder/page.html", "page"),
        (".env", "secret"),
    ]);
    let server = Server::options()
        .arg(site.path())
        .args("--spa app.html")
        .start();
    for (target, status, body) in [
        ("/style.css", 200, "style"),
        ("/folder/page.html", 200, "page"),
        ("/users/7", 200, "app"),
        ("/users/7?tab=1", 200, "app"),
        ("/no/such/route", 200, "app"),
    ] {
        let answer = server.get(target);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, body),
            "{target}"
        );
    }
    assert_eq!(
        server.get("/users/7").need("content-type"),
        "text/html; charset=utf-8"
    );
    assert!(!server.get("/.env").text().contains("secret"));
    assert_eq!(server.get("/%zz").status, 400);
    assert_eq!(
        server
            .request("POST", "/users/7", &[("Content-Length", "0")])
            .status,
        405
    );
}

/// The values of all `href` attributes, with HTML escapes decoded.
fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for piece in page.split("href=").skip(1) {
        let quote = piece.chars().next().expect("a value follows");
        assert!(
            quote == '"' || quote == '\'',
            "an href has no quotes: {piece}"
        );
        let value = piece[1..].split(quote).next().unwrap_or_default();
        let value = [
            "&lt;<", "&gt;>", "&quot;\"", "&#34;\"", "&#39;'", "&#x27;'", "&apos;'",
        ]
        .iter()
        .fold(value.to_owned(), |value, pair| {
            let (escape, plain) = pair.split_at(pair.len() - 1);
            value.replace(escape, plain)
        });
        links.push(value.replace("&amp;", "&"));
    }
    links
}

/// The path to which a link on the page `base` leads. Fails for a link to another host or scheme.
fn resolved(base: &str, link: &str) -> String {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    let scheme = path.split('/').next().unwrap_or_default();
    assert!(!scheme.contains(':'), "{link} leads to another scheme");
    assert!(
        !path.starts_with("//") && !path.contains('\\'),
        "{link} leads to another host"
    );
    if path.starts_with('/') {
        path.to_owned()
    } else if path == ".." || path == "../" {
        // Like a browser, the path never goes above the root.
        let parent = base
            .trim_end_matches('/')
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent);
        format!("{parent}/")
    } else {
        format!("{base}{}", path.trim_start_matches("./"))
    }
}

fn leads_to(location: &str) -> u16 {
    if location.starts_with("/folder/inner") {
        404
    } else {
        200
    }
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
