//! Mounts: the path that a handler sees below the path that it serves, and the fields that tell it where it is.

use std::fs;

use crate::support::{Response, Server, Site, answering, component, run};

/// A handler of each contract, with the path of the page that shows the request as the handler got it.
const HANDLERS: [(&str, &str); 3] = [
    ("untrusted", "/headers"),
    ("test_proxy", "/head"),
    ("test_service", "/head"),
];

/// What clients send in vain.
const FORGED: [(&str, &str); 3] = [
    ("Belljar-Mount", "/forged"),
    ("X-Forwarded-Prefix", "/forged"),
    ("belljar-route", "/forged"),
];

fn copy(site: &Site, name: &str, to: &str) {
    let to = site.at(to);
    let folder = to.parent().expect("it is in a folder");
    fs::create_dir_all(folder).expect("the folder can be made");
    fs::copy(component(name), to).expect("the file can be copied");
}

fn of_folder(site: &Site) -> Server {
    Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start()
}

fn of_config(site: &Site, routes: &str) -> Server {
    let text = format!("listen = [\"127.0.0.1:0\"]\n{routes}");
    Server::of_config(&site.write("belljar.toml", text.as_bytes())).start()
}

/// Checks the path and the mount in the page of a handler.
fn assert_seen(answer: &Response, path: &str, mount: Option<&str>, what: &str) {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{what}: {text}");
    let quoted = format!("Some({path:?})");
    let is_path = |line: &str| line == quoted || line.strip_prefix("path ") == Some(path);
    assert!(text.lines().any(is_path), "{what}: no path {path}: {text}");
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(": "));
        let found: Vec<_> = lines
            .by_ref()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect();
        assert!(found.len() < 2, "{what}: {name} twice: {text}");
        found.first().copied()
    };
    assert_eq!(field("belljar-mount"), mount, "{what}: {text}");
    assert_eq!(field("x-forwarded-prefix"), mount, "{what}: {text}");
    assert!(!text.contains("forged"), "{what}: {text}");
}

#[test]
fn a_handler_in_a_folder_sees_the_path_below_its_mount() {
    let site = Site::new(&[]);
    for (name, _) in HANDLERS {
        copy(&site, name, &format!("handlers/a/b c/{name}.wasm"));
        copy(&site, name, &format!("handlers/of/[user]/{name}.wasm"));
        copy(&site, name, &format!("handlers/a/{name}/head/index.wasm"));
    }
    let server = of_folder(&site);
    for (name, page) in HANDLERS {
        for (target, path, mount) in [
            ("/a/b%20c/{name}{page}", "{page}", "/a/b%20c/{name}"),
            ("/%61/b%20c/{name}{page}", "{page}", "/%61/b%20c/{name}"),
            ("/of/7%2F8/{name}{page}", "{page}", "/of/7%2F8/{name}"),
            // A mount is put into links, so it begins with one slash whatever browsers make of backslashes.
            ("/of/\\x\"/{name}{page}", "{page}", "/of/%5Cx%22/{name}"),
        ] {
            let [target, path, mount] = [target, path, mount]
                .map(|text| text.replace("{name}", name).replace("{page}", page));
            let answer = server.request("GET", &target, &FORGED);
            assert_seen(&answer, &path, Some(&mount), &target);
        }
    }
    // The log names what the client requested.
    server.wait_for_log("the whole path", |line| {
        line.contains("\"GET /a/b%20c/test_proxy/head HTTP/1.1\" 200")
    });
}

#[test]
fn the_rest_of_the_path_begins_with_a_slash() {
    let site = Site::new(&[]);
    copy(&site, "hello", "handlers/a/hello.wasm");
    copy(&site, "hello", "handlers/b/index.wasm");
    copy(&site, "hello", "handlers/index.wasm");
    let server = of_folder(&site);
    for target in ["/a/hello", "/a/hello/", "/a/hello/?q", "/b", "/b/", "/"] {
        let answer = server.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    }
}

#[test]
fn a_handler_for_all_paths_has_no_mount() {
    for (name, page) in HANDLERS {
        let server = Server::options().handler(name).start();
        let answer = server.request("GET", page, &FORGED);
        assert_seen(&answer, page, None, name);
    }
}

#[test]
fn a_route_strips_its_prefix_only_if_the_configuration_says_so() {
    let site = Site::new(&[]);
    let mut routes = String::new();
    for (name, page) in HANDLERS {
        copy(&site, name, &format!("{name}.wasm"));
        for (path, strip) in [
            (format!("/in/:id/{name}/*"), "strip-prefix = true"),
            (format!("{page}/{name}/whole/*"), "strip-prefix = false"),
            (format!("{page}/{name}/*"), ""),
        ] {
            routes.push_str(&format!(
                "[[route]]\npath = '{path}'\ncomponent = '{name}.wasm'\n{strip}\n"
            ));
        }
    }
    let server = of_config(&site, &routes);
    for (name, page) in HANDLERS {
        let target = format!("/in/x/{name}{page}");
        let mount = format!("/in/x/{name}");
        let answer = server.request("GET", &target, &FORGED);
        assert_seen(&answer, page, Some(&mount), &target);
        assert!(answer.text().contains("belljar-param-id: x"), "{target}");
    }
    // Only one of the handlers looks at no more than the first segment of the whole path.
    for target in ["/headers/untrusted/whole/x", "/headers/untrusted/x"] {
        let answer = server.request("GET", target, &FORGED);
        assert_seen(&answer, target, None, target);
    }
}

#[test]
fn files_are_served_below_a_path() {
    let site = Site::new(&[
        ("public/index.html", "the site"),
        ("public/docs/index.html", "never served"),
        ("manual/index.html", "the manual"),
        ("manual/chapter/index.html", "a chapter"),
        ("manual/chapter/page.txt", "a page"),
        ("lists/a/b.txt", "b"),
    ]);
    let server = of_config(
        &site,
        "
        files = 'public'
        [[route]]
        path = '/docs/*'
        files = 'manual'
        [[route]]
        path = '/by/:user/*rest'
        files = { root = 'lists', listing = true }
        ",
    );
    for (target, status, text) in [
        ("/", 200, "the site"),
        ("/docs/", 200, "the manual"),
        ("/docs/index.html", 200, "the manual"),
        ("/docs/chapter/", 200, "a chapter"),
        ("/docs/chapter/page.txt", 200, "a page"),
        ("/docs/docs/", 404, "Not Found"),
        ("/docs/../index.html", 403, "Forbidden"),
        ("/docs/%2e%2e/public/index.html", 403, "Forbidden"),
        ("/by/me/", 200, "href=\"./a/\""),
        ("/by/me/a/b.txt", 200, "b"),
        ("/by/", 404, ""),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert!(answer.text().contains(text), "{target}: {}", answer.text());
    }
    for (target, status, location) in [
        ("/docs", 307, "/docs/"),
        ("/docs?a=b", 307, "/docs/?a=b"),
        ("/docs/chapter", 301, "/docs/chapter/"),
        ("/docs//chapter?a", 301, "/docs/chapter/?a"),
        ("/by/me", 307, "/by/me/"),
        ("/by/\\evil.example", 307, "/by/%5Cevil.example/"),
        ("/by/\\evil.example/a", 301, "/by/%5Cevil.example/a/"),
    ] {
        let answer = server.request("GET", target, &FORGED);
        assert_eq!(
            (answer.status, answer.field("location")),
            (status, Some(location)),
            "{target}"
        );
    }
}

#[test]
fn a_route_comes_before_the_redirect_to_a_folder() {
    let site = Site::new(&[("manual/index.html", "the manual")]);
    let server = of_config(
        &site,
        "
        [[route]]
        path = '/docs/*'
        files = 'manual'
        [[route]]
        path = '/docs'
        response = { body = 'own' }
        ",
    );
    assert_eq!(server.get("/docs").text(), "own");
    assert_eq!(server.get("/docs/").text(), "the manual");
}

#[test]
fn refuses_mounts_that_make_no_sense() {
    let site = Site::new(&[("manual/index.html", "the manual")]);
    copy(&site, "hello", "hello.wasm");
    let handler = "component = 'hello.wasm'";
    for (routes, expected) in [
        (
            format!("[[route]]\npath = '/a'\n{handler}\nstrip-prefix = true\n"),
            "belljar.toml:4:16: strip-prefix needs a path that ends in `/*`, since nothing of /a would be left; write /a/*",
        ),
        (
            format!("[[route]]\npath = '/a/:id/'\n{handler}\nstrip-prefix = true\n"),
            "write /a/:id/*",
        ),
        (
            "[[route]]\npath = '/docs'\nfiles = 'manual'\n".into(),
            "belljar.toml:3:9: files needs a path that ends in `/*`, since nothing of /docs would be left; write /docs/*",
        ),
        (
            format!("[[route]]\npath = 'a/*'\n{handler}\nstrip-prefix = true\n"),
            "a path begins with `/`",
        ),
        (
            format!("[[route]]\npath = '/a/*'\n{handler}\nstrip-prefix = '/a'\n"),
            "strip-prefix",
        ),
        (
            "[[route]]\npath = '/a/*'\nresponse = {}\nstrip-prefix = true\n".into(),
            "strip-prefix has no effect in a route without a component; remove it",
        ),
        (
            format!("[[route]]\npath = '/a/*'\n{handler}\nfiles = 'manual'\n"),
            "the route has more than one of component, files, redirect and response: component and files; keep one",
        ),
        (
            format!(
                "[[route]]\npath = '/a/*'\nfiles = 'manual'\n[[route]]\npath = '/a/*rest'\n{handler}\n"
            ),
            "belljar.toml:5:8: the path /a/*rest already has a route, in line 1; change one of the paths",
        ),
        (
            "[[route]]\npath = '/a/*'\nfiles = '.'\n".into(),
            "belljar.toml is in the served folder",
        ),
    ] {
        let file = site.write("belljar.toml", routes.as_bytes());
        let file = file.display().to_string();
        let check = run(["check", "--config", &file]);
        assert_eq!(check.code, Some(1), "{routes}: {check:?}");
        assert!(check.stdout.contains(expected), "{routes}: {check:?}");
        let served = run(["serve", "--config", &file]);
        assert_eq!(served.code, Some(2), "{routes}: {served:?}");
        assert!(served.stderr.contains(expected), "{routes}: {served:?}");
    }
}

/// Of two handlers at one mount, the configuration's serves, and the folder's is refused with a line of the log.
#[test]
fn reports_a_second_handler_at_a_mount() {
    let site = Site::new(&[("manual/index.html", "the manual")]);
    site.write("handlers/docs.wasm", &answering("the handler"));
    let server = of_config(
        &site,
        "
        handlers = 'handlers'
        [[route]]
        path = '/docs/*'
        files = 'manual'
        ",
    );
    let line = server.wait_for_log("the conflict", |line| line.contains("docs.wasm: "));
    assert!(line.contains("belljar.toml:"), "{line}");
    assert!(line.contains("already has the route /docs/*"), "{line}");
    assert_eq!(server.get("/docs/").text(), "the manual");
    let file = site.at("belljar.toml").display().to_string();
    let check = run(["check", "--config", &file]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(
        check.stdout.contains("already has the route /docs/*"),
        "{check:?}"
    );
}
