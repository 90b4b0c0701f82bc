//! Middleware in front of handlers: in a configuration, in a folder of handlers, and where it is refused.

use std::fs;
use std::path::PathBuf;

use crate::support::{Ended, Response, Server, Site, answering, component, middleware, post, run};

/// The components of a version of wasi:http: a handler, and a middleware.
const VERSIONS: [[&str; 2]; 2] = [
    ["test_proxy", "test_middleware"],
    ["test_service", "test_middleware_async"],
];

/// A folder with the handler, and with the middleware `outer` and `inner`.
fn folder([handler, passing]: [&str; 2]) -> Site {
    let site = Site::new(&[]);
    fs::copy(component(handler), site.at("handler.wasm")).expect("the file can be copied");
    for name in ["outer", "inner"] {
        site.write(&format!("{name}.wasm"), &middleware(passing, name));
    }
    site
}

/// Writes a configuration whose only route has the handler behind this list of middleware.
fn write_config(site: &Site, middleware: &str, more: &str) -> PathBuf {
    let text = format!(
        "listen = ['127.0.0.1:0']\n[[route]]\npath = '/*'\ncomponent = 'handler.wasm'\nmiddleware = {middleware}\n{more}"
    );
    site.write("belljar.toml", text.as_bytes())
}

fn serve(site: &Site, middleware: &str, more: &str) -> Server {
    Server::of_config(&write_config(site, middleware, more)).start()
}

/// The middleware that a request of wasi:http 0.2 has passed, which logs it. `target` is that of no other request.
fn passed(server: &Server, target: &str) -> Vec<String> {
    assert_eq!(server.get(target).status, 200, "{target}: {}", server.log());
    let mark = format!(" has {target}, ");
    server.wait_for_log(target, |line| line.contains(&mark));
    let log = server.log();
    let lines = log.lines().filter_map(|line| line.split_once(&mark));
    let names = lines.filter_map(|(before, _)| before.split(' ').next_back());
    names
        .map(|name| name.trim_end_matches('_').to_owned())
        .collect()
}

/// The values of a field, without the underscores that fill up the names of middleware.
fn values(answer: &Response, field: &str) -> Vec<String> {
    let fields = answer.fields.iter().filter(|(name, _)| name == field);
    fields
        .map(|(_, value)| value.trim_end_matches('_').to_owned())
        .collect()
}

#[test]
fn a_request_passes_all_middleware_in_their_order() {
    for version in VERSIONS {
        let site = folder(version);
        for order in [["outer", "inner"], ["inner", "outer"]] {
            let [first, second] = order;
            let server = serve(&site, &format!("['{first}.wasm', '{second}.wasm']"), "");
            let log = server.wait_for_log("the start", |line| line.contains("live: /* from"));
            assert!(
                log.contains(&format!("{second}.wasm ("))
                    && log.contains(" behind ")
                    && log.contains(&format!("{first}.wasm, ")),
                "{log}"
            );
            if version[0] == "test_proxy" {
                assert_eq!(passed(&server, "/hello?in-order"), order);
            } else {
                let answer = server.get("/head");
                let mut lines = answer.text();
                lines.retain(|letter| letter != '_');
                let before = format!("x-before: {first}\nx-before: {second}\n");
                assert!(lines.contains(&before), "{lines}");
                assert_eq!(values(&answer, "x-behind"), [second, first]);
            }
            for name in order {
                let stopped = server.get(&format!("/stop/{name:_<8}"));
                assert_eq!(stopped.text(), format!("stopped by {name:_<8}\n"));
            }
            let body = "b".repeat(300_000);
            let request = post("/echo", body.as_bytes());
            assert_eq!(server.exchange(&request).text(), body, "{version:?}");
        }
    }
}

#[test]
fn each_part_has_its_own_memory() {
    for version in VERSIONS {
        let site = folder(version);
        // With one instance at once, the next request gets the instance of the one before.
        let settings = "reuse = 100\nlimits = { max-instances = 1 }\n";
        let server = serve(&site, "['outer.wasm', 'inner.wasm']", settings);
        let mut client = server.connect();
        for (target, expected) in [
            ("/count", "1"),
            ("/count/inner___", "2"),
            ("/count/outer___", "3"),
            ("/count", "2"),
        ] {
            assert_eq!(client.get(target).text(), expected, "{version:?} {target}");
        }
    }
}

/// Either middleware takes 24 MiB for a request that ends with `?grow`.
#[test]
fn all_parts_share_the_limits_of_the_handler() {
    let site = folder(VERSIONS[0]);
    let limits = "limits = { memory = '40MiB', timeout = '30s', cpu = '200ms' }\n";
    for (middleware, status) in [
        ("['outer.wasm']", 200),
        ("['outer.wasm', 'inner.wasm']", 500),
    ] {
        let server = serve(&site, middleware, limits);
        let answer = server.get("/hello?grow");
        assert_eq!(answer.status, status, "{middleware}: {}", server.log());
    }
    for version in VERSIONS {
        let site = folder(version);
        let server = serve(&site, "['outer.wasm', 'inner.wasm']", limits);
        for (target, status) in [
            ("/trap/outer___", 500),
            ("/loop/inner___", 504),
            ("/hello", 200),
        ] {
            let answer = server.get(target);
            assert_eq!(
                answer.status,
                status,
                "{version:?} {target}: {}",
                server.log()
            );
        }
    }
}

#[test]
fn a_change_of_any_part_replaces_the_chain() {
    let site = folder(VERSIONS[0]);
    let server = serve(&site, "['outer.wasm', 'inner.wasm']", "");
    let next = |name: &str, bytes: &[u8]| {
        site.write("new", bytes);
        fs::rename(site.at("new"), site.at(name)).expect("the file can be renamed");
    };
    next("inner.wasm", &middleware("test_middleware", "second"));
    server.wait_for_text("/stop/second__", "stopped by second__\n");
    let other_version = middleware("test_middleware_async", "third");
    for (name, bytes, reason) in [
        (
            "inner.wasm",
            &other_version[..],
            "it is for wasi:http/service@0.3",
        ),
        ("outer.wasm", b"text", "it is not a WebAssembly component"),
    ] {
        let sound = fs::read(site.at(name)).expect("the file can be read");
        next(name, bytes);
        server.wait_for_log(reason, |line| {
            line.contains(&format!("{name}: {reason}")) && line.contains("keeps serving")
        });
        assert_eq!(server.get("/stop/second__").text(), "stopped by second__\n");
        next(name, &sound);
    }
    next("handler.wasm", &middleware("test_middleware", "none"));
    server.wait_for_log("a middleware as the handler", |line| {
        line.contains("handler.wasm: it is a middleware") && line.contains("keeps serving")
    });
    next("outer.wasm", &middleware("test_middleware", "fourth"));
    fs::copy(component("test_proxy"), site.at("new")).expect("the file can be copied");
    fs::rename(site.at("new"), site.at("handler.wasm")).expect("the file can be renamed");
    server.wait_for_text("/stop/fourth__", "stopped by fourth__\n");
}

#[test]
fn a_middleware_in_a_folder_is_in_front_of_all_handlers_below_it() {
    let site = Site::new(&[]);
    let write = |name: &str, component_name: &str| {
        let bytes = fs::read(component(component_name)).expect("the component can be read");
        site.write(name, &bytes);
    };
    let outer = middleware("test_middleware_async", "outer");
    let inner = middleware("test_middleware_async", "inner");
    write("handlers/plain.wasm", "test_service");
    write("handlers/api/one.wasm", "test_service");
    write("handlers/api/admin/two.wasm", "test_service");
    site.write("handlers/api/_middleware.wasm", &outer);
    site.write("handlers/api/admin/_middleware.wasm", &inner);
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start();
    let behind = |target: &str| values(&server.get(target), "x-behind");
    assert_eq!(behind("/plain/hello"), [""; 0]);
    assert_eq!(behind("/api/one/hello"), ["outer"]);
    assert_eq!(behind("/api/admin/two/hello"), ["inner", "outer"]);
    assert_eq!(server.get("/api/_middleware").status, 404);

    fs::remove_file(site.at("handlers/api/admin/_middleware.wasm")).expect("it can be removed");
    server.wait_for_log("the removal", |line| {
        line.contains("replaced: /api/admin/two/*") && !line.contains("admin/_middleware.wasm")
    });
    assert_eq!(behind("/api/admin/two/hello"), ["outer"]);

    // A handler never runs without the middleware in front of it.
    site.write("handlers/api/_middleware.wasm", b"\0asm\x01\0\0\0");
    server.wait_for_log("the refusal", |line| {
        line.contains("api/one.wasm: the middleware ") && line.contains("keeps serving")
    });
    write("handlers/api/new.wasm", "test_service");
    server.wait_for_status("/api/new/hello", 503);
    assert_eq!(behind("/api/one/hello"), ["outer"]);
    site.write("handlers/api/_middleware.wasm", &outer);
    server.wait_for_log("the handler", |line| line.contains("live: /api/new/*"));
    assert_eq!(behind("/api/new/hello"), ["outer"]);
}

/// A middleware may import the handler behind it under a name of its own. An import that has only types is not that handler,
/// whatever its name.
#[test]
fn the_import_for_the_next_part_is_the_one_with_its_function() {
    let site = folder(VERSIONS[0]);
    site.write("passing.wasm", &passing_on(""));
    let server = serve(&site, "['outer.wasm', 'passing.wasm', 'inner.wasm']", "");
    assert_eq!(
        passed(&server, "/hello?by-another-name"),
        ["outer", "inner"]
    );
}

/// A middleware that passes all requests on, with more definitions in WebAssembly's text format.
fn passing_on(more: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $out))
    (import "wasi:http/incoming-handler@0.2.0" (instance
        (export "incoming-request" (type (eq $request)))))
    (import "acme:chain/other" (instance
        (type $number u32)
        (export "number" (type (eq $number)))))
    (import "acme:chain/next" (instance $next
        (export "incoming-request" (type $r (eq $request)))
        (export "response-outparam" (type $o (eq $out)))
        (export "handle" (func (param "request" (own $r)) (param "response-out" (own $o))))))
    (export "wasi:http/incoming-handler@0.2.0" (instance $next)) {more})"#
    );
    wat::parse_str(text).expect("a component")
}

#[test]
fn the_example_asks_for_a_password_or_a_token() {
    let auth = component("auth").display().to_string();
    // Of `admin:secret`, in Base64.
    let password = "Basic YWRtaW46c2VjcmV0";
    for (variables, challenge, cases) in [
        (
            "--env AUTH_BASIC=admin:secret",
            Some("Basic realm=\"protected\", charset=\"UTF-8\""),
            &[
                ("", 401),
                (password, 200),
                ("basic YWRtaW46c2VjcmV0", 200),
                ("Basic YWRtaW46c2VjcmV", 401),
                ("Basic YWRtaW46c2VjcmV0x", 401),
                ("Basic", 401),
                ("Bearer YWRtaW46c2VjcmV0", 401),
            ][..],
        ),
        (
            "--env AUTH_TOKEN=4711",
            Some("Bearer realm=\"protected\""),
            &[
                ("", 401),
                ("Bearer 4711", 200),
                ("Bearer 4712", 401),
                (password, 401),
            ],
        ),
        // Without a credential nobody gets in.
        ("", None, &[("", 503), (password, 503), ("Bearer ", 503)]),
        ("--env AUTH_BASIC=", None, &[("Basic ", 503)]),
        ("--env AUTH_TOKEN=", None, &[("Bearer ", 503)]),
    ] {
        let server = Server::options()
            .handler("test_proxy")
            .arg("--middleware")
            .arg(&auth)
            .args(variables)
            .start();
        for (field, status) in cases {
            let fields = [("Authorization", *field)];
            let fields = if field.is_empty() { &[][..] } else { &fields };
            let answer = server.request("GET", "/hello", fields);
            assert_eq!(
                answer.status,
                *status,
                "{variables}: {field}: {}",
                server.log()
            );
            let expected = challenge.filter(|_| *status == 401);
            assert_eq!(answer.field("www-authenticate"), expected, "{variables}");
        }
        let twice = [("Authorization", password), ("Authorization", password)];
        assert!(server.request("GET", "/hello", &twice).status >= 400);
    }
}

/// Each is one clear line, with the same words at the start, on reload and from `check`.
#[test]
fn refuses_chains_that_cannot_be() {
    let site = folder(VERSIONS[0]);
    let async_middleware = middleware("test_middleware_async", "other");
    site.write("async.wasm", &async_middleware);
    site.write("text.wasm", b"text");
    fs::copy(component("test_proxy"), site.at("handler-2.wasm")).expect("it can be copied");
    site.write("copy.wasm", &middleware("test_middleware", "outer"));
    site.write(
        "no-handler.wasm",
        &wat::parse_str("(component)").expect("a component"),
    );
    site.write("no-type.wasm", &without_function());
    site.write(
        "damaged.wasm",
        &passing_on("(core module (func (result i32)))"),
    );
    let server = serve(&site, "['outer.wasm']", "");
    for (middleware, reason) in [
        (
            "['no-handler.wasm']",
            "the middleware no-handler.wasm: it exports nothing; a middleware exports and imports \
             wasi:http/incoming-handler@0.2 or wasi:http/handler@0.3",
        ),
        (
            "['outer.wasm', 'handler-2.wasm']",
            "the middleware handler-2.wasm: it imports no handler to pass a request on to; a middleware exports and \
             imports wasi:http/incoming-handler@0.2 or wasi:http/handler@0.3",
        ),
        (
            "['async.wasm', 'outer.wasm']",
            "the middleware async.wasm: it is for wasi:http/service@0.3, and the handler behind it is for \
             wasi:http/proxy@0.2; build both for the same version of wasi:http",
        ),
        (
            "['outer.wasm', 'inner.wasm', 'copy.wasm']",
            "the middleware outer.wasm: it is the same component as copy.wasm, so the chain contains itself; name each \
             component once",
        ),
        (
            "['outer.wasm', 'outer.wasm']",
            "the middleware outer.wasm: it is the same component as outer.wasm, so the chain contains itself; name each \
             component once",
        ),
        (
            "['text.wasm']",
            "the middleware text.wasm: it is not a WebAssembly component",
        ),
        (
            "['damaged.wasm']",
            "the middleware damaged.wasm: it is not a WebAssembly component (",
        ),
        (
            "['missing.wasm']",
            "the middleware missing.wasm cannot be read: No such file",
        ),
        (
            "['no-type.wasm']",
            "its middleware cannot be composed with it: the middleware no-type.wasm: ",
        ),
    ] {
        let ended = without_path(&site, || {
            let file = write_config(&site, middleware, "");
            run(["serve", "--config", &file.display().to_string()])
        });
        assert_eq!(ended.code, Some(2), "{middleware}: {ended:?}");
        let lines = ended.stderr.lines().filter(|line| line.contains(reason));
        assert_eq!(lines.count(), 1, "{middleware}: {ended:?}");
        let ended = without_path(&site, || {
            run([
                "check",
                "--config",
                &site.at("belljar.toml").display().to_string(),
            ])
        });
        assert_eq!(ended.code, Some(1), "{middleware}: {ended:?}");
        assert!(ended.stdout.contains(reason), "{middleware}: {ended:?}");
        let folder = format!("{}/", site.path().display());
        server.wait_for_log(reason, |line| {
            let line = line.replace(&folder, "");
            line.contains(reason) && line.contains("previous configuration stays in use")
        });
        assert_eq!(server.get("/stop/outer___").text(), "stopped by outer___\n");
    }
}

/// The output of a command without the path of the folder.
fn without_path(site: &Site, command: impl FnOnce() -> Ended) -> Ended {
    let folder = format!("{}/", site.path().display());
    let ended = command();
    Ended {
        stdout: ended.stdout.replace(&folder, ""),
        stderr: ended.stderr.replace(&folder, ""),
        ..ended
    }
}

/// A middleware whose interface has no function.
fn without_function() -> Vec<u8> {
    let text = "(component (import \"wasi:http/incoming-handler@0.2.0\" (instance $next (export \"other\" (func))))
        (export \"wasi:http/incoming-handler@0.2.0\" (instance $next)))";
    wat::parse_str(text).expect("a component")
}

#[test]
fn a_handler_of_another_contract_has_no_middleware() {
    let site = folder(VERSIONS[0]);
    site.write("handler.wasm", &answering("hello"));
    let outer = site.at("outer.wasm").display().to_string();
    let handler = site.at("handler.wasm").display().to_string();
    let reason = "outer.wasm: the handler behind it is for belljar:handler/handler@0.1, which has no middleware; build the \
                  handler for wasi:http, as `belljar new --contract wasi-http` does, or remove the middleware";
    let ended = run(["serve", "--handler", &handler, "--middleware", &outer]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains(reason), "{ended:?}");
    let ended = run(["check", &handler, "--middleware", &outer]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.contains(reason), "{ended:?}");
    let alone = run(["check", &outer]);
    assert!(
        alone
            .stdout
            .contains("it is a middleware, which imports wasi:http/"),
        "{alone:?}"
    );
    let whole = component("test_proxy").display().to_string();
    let ended = run(["check", &whole, "--middleware", &outer]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains(&format!("behind    {outer}\n")),
        "{ended:?}"
    );
    let ended = run(["check", &whole, "--middleware", &outer, "--json"]);
    assert!(
        ended
            .stdout
            .contains(&format!("\"middleware\": [\n    \"{outer}\"\n  ]")),
        "{ended:?}"
    );
}
