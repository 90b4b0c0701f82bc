//! Routing by host and path, and the route fields that a handler gets.

use crate::support::{Server, Site, component, head};

fn configured(toml: &str) -> (Site, Server) {
    let site = Site::new(&[("public/index.html", "the site\n")]);
    for name in ["untrusted", "test_proxy", "test_service"] {
        std::fs::copy(component(name), site.at(&format!("{name}.wasm")))
            .expect("the file can be copied");
    }
    let file = site.write(
        "belljar.toml",
        format!("listen = [\"127.0.0.1:0\"]\n{toml}").as_bytes(),
    );
    let server = Server::of_config(&file).start();
    (site, server)
}

#[test]
fn handlers_get_their_route_and_its_parameters() {
    let (_site, server) = configured(
        "
        [[route]]
        path = '/headers/:id/*rest'
        component = 'untrusted.wasm'
        [[route]]
        path = '/proxy/*'
        component = 'test_proxy.wasm'
        [[route]]
        path = '/:name'
        component = 'test_service.wasm'
        ",
    );
    let forged = [
        ("Belljar-Route", "/forged"),
        ("belljar-param-id", "forged"),
        ("Belljar-Client", "forged"),
        ("X-Own", "1"),
    ];
    for (target, expected) in [
        (
            "/headers/%41%2fb/x//y?q",
            &[
                "belljar-route: /headers/:id/*rest",
                "belljar-param-id: %41%2fb",
                "belljar-param-rest: x//y",
                "x-own: 1",
            ][..],
        ),
        (
            "/headers/7",
            &["belljar-param-id: 7", "belljar-param-rest: \n"],
        ),
        (
            "/head",
            &[
                "belljar-route",
                "/:name",
                "belljar-param-name",
                "head",
                // wasi:http has no other place for the address.
                "belljar-client",
                "127.0.0.1:",
            ],
        ),
    ] {
        let answer = server.request("GET", target, &forged);
        let text = answer.text();
        assert_eq!(answer.status, 200, "{target}: {}", server.log());
        for line in expected {
            assert!(text.contains(line), "{target}: {line}: {text}");
        }
        assert!(!text.contains("forged"), "{target}: {text}");
    }
}

#[test]
fn the_route_for_everything_adds_no_fields_and_drops_those_of_clients() {
    let server = Server::shared();
    let answer = server.request("GET", "/headers", &[("belljar-route", "/forged")]);
    assert!(!answer.text().contains("belljar-"), "{}", answer.text());
}

#[test]
fn serves_redirects_and_static_responses() {
    let (_site, server) = configured(
        "
        [[route]]
        path = '/old/*rest'
        redirect = '/new/{rest}'
        [[route]]
        path = '/any/*rest'
        redirect = { to = '/{rest}', status = 302 }
        [[route]]
        path = '/health'
        response = { status = 203, headers = { X-Own = 'yes' }, body = \"ok\\n\" }
        ",
    );
    for (target, status, location) in [
        ("/old/a/b?c=d", 308, Some("/new/a/b?c=d")),
        ("/old", 308, Some("/new/")),
        ("/any//evil.example/", 302, Some("/evil.example/")),
        ("/any/\\evil.example", 302, Some("/%5Cevil.example")),
        ("/health", 203, None),
        ("/health/", 404, None),
        ("/", 404, None),
    ] {
        let answer = server.get(target);
        let got = (answer.status, answer.field("location"));
        assert_eq!(got, (status, location), "{target}: {}", server.log());
    }
    let health = server.get("/health");
    assert_eq!(
        (health.text().as_str(), health.field("x-own")),
        ("ok\n", Some("yes"))
    );
    assert_eq!(server.request("HEAD", "/health", &[]).text(), "");
}

#[test]
fn selects_the_site_by_host() {
    let (_site, server) = configured(
        "
        [[site]]
        hosts = ['one.example', '*.one.example']
        [[site.route]]
        path = '/*'
        response = { body = 'one' }
        [[site]]
        hosts = ['two.example']
        files = 'public'
        ",
    );
    for (host, status, text) in [
        ("one.example", 200, "one"),
        ("ONE.example.:80", 200, "one"),
        ("a.b.one.example", 200, "one"),
        ("two.example", 200, "the site\n"),
        ("three.example", 404, "404 Not Found\n"),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = server.exchange(request.as_bytes());
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, text),
            "{host}"
        );
    }
    // The host in the target takes precedence over the Host field.
    let request = head("GET", "http://one.example/", &[]);
    assert_eq!(server.exchange(request.as_bytes()).text(), "one");
}

#[test]
fn replaces_the_configuration_as_a_whole_or_not_at_all() {
    let (site, server) = configured("[[route]]\npath = '/a'\nresponse = { body = '1' }\n");
    let write = |toml: &str| {
        let text = format!("listen = [\"127.0.0.1:0\"]\n{toml}");
        site.write("belljar.toml", text.as_bytes());
    };
    write("[[route]]\npath = '/a'\nresponse = { body = '2' }\n");
    server.wait_for_text("/a", "2");
    for (broken, reason) in [
        ("[[route]]\npath = '/b'\nrespond = 'b'\n", "respond"),
        (
            "[[route]]\npath = '/b'\nresponse = {}\n[[route]]\npath = '/c'\ncomponent = 'none.wasm'\n",
            "none.wasm",
        ),
        (
            "[[route]]\npath = '/b'\nresponse = {}\n[[route]]\npath = '/c'\ncomponent = 'belljar.toml'\n",
            "not a WebAssembly component",
        ),
    ] {
        write(broken);
        server.wait_for_log(reason, |line| {
            line.contains(reason) && line.contains("previous configuration stays in use")
        });
        assert_eq!(server.get("/a").text(), "2");
        assert_eq!(server.get("/b").status, 404, "{broken}");
    }
    write("[[route]]\npath = '/c'\ncomponent = 'untrusted.wasm'\n");
    server.wait_for_status("/a", 404);
    write("listen = ['127.0.0.1:1']\n");
    write("threads = 3\n[[route]]\npath = '/d'\nresponse = {}\n");
    server.wait_for_log("the changes that need a restart", |line| {
        line.contains("need a restart")
    });
    server.wait_for_status("/d", 200);
}
