//! The examples in Python and JavaScript, and the example `sse`, which streams events.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use crate::support::{
    Broken, Browser, Client, Response, Server, ServerOptions, Site, component, head, post,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Starts a server, one at a time: compiling such a component takes all processors for many seconds, and a component
/// that is in the cache is not compiled again.
fn started(handler: &str, arguments: &str) -> Server {
    of_one_at_a_time(Server::options().handler(handler).args(arguments))
}

fn of_one_at_a_time(options: ServerOptions) -> Server {
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    options.start()
}

fn ask(server: &Server, method: &str, target: &str, content: &str) -> Response {
    let length = content.len().to_string();
    let fields = [
        ("Content-Length", length.as_str()),
        ("Content-Type", "text/x-test"),
        ("Cookie", "a=1"),
        ("X-Two", "one"),
        ("X-Two", "two"),
        ("X_Two", "forged"),
        ("Proxy", "http://forged"),
    ];
    server.exchange((head(method, target, &fields) + content).as_bytes())
}

/// The same application behind wasi:http and behind belljar's own contract.
const EVERYTHING: [&str; 2] = ["wsgi-everything", "wsgi-everything-belljar"];

const LINES: &str = "one\nabcdef\nthree\nfour\nfive";
const READ: &str = r"[b'one\n', b'abc', [b'def\n', b'three\n'], [b'four\n', b'five'], b'', b'']";

#[test]
fn a_wsgi_application_answers() {
    for handler in EVERYTHING {
        let server = started(handler, "--env GREETING=hi");
        for (method, target, content, status, body) in [
            ("POST", "/lines", LINES, 200, READ),
            ("POST", "/echo", "a\0b", 200, "a\0b"),
            ("POST", "/ignore", "unread", 200, "ignored\n"),
            ("GET", "/stream?n=2&ms=1", "", 200, "piece 0\npiece 1\n"),
            (
                "GET",
                "/write",
                "",
                200,
                "written\nwritten again\nreturned\n",
            ),
            ("GET", "/close", "", 200, "to be closed\n"),
            ("GET", "/errors", "", 200, "logged\n"),
            ("GET", "/change-of-mind", "", 503, "changed\n"),
            ("GET", "/empty", "", 200, ""),
            ("GET", "/no-content", "", 204, ""),
            ("GET", "/cookies", "", 201, "a=1"),
            ("GET", "/late", "", 200, "xn--bcher-kva.example 2026 a4\n"),
            ("GET", "/variable", "", 200, "hi"),
            ("GET", "/no-such-page", "", 404, "no such page\n"),
        ] {
            let answer = ask(&server, method, target, content);
            let case = format!("{handler}: {target}: {}", server.log());
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (status, body),
                "{case}"
            );
        }
        let log = server.log();
        // The checker of PEP 3333 reports an AssertionError for a fault of the application or of the server.
        for complaint in ["Traceback", "without being closed", "AssertionError"] {
            assert!(!log.contains(complaint), "{handler}: {complaint}: {log}");
        }
        for line in [
            "the iterable was closed",
            "a line for the log: grüß Gott",
            "two lines in pieces",
            "a line on the standard output",
        ] {
            server.wait_for_log(line, |logged| logged.contains(line));
        }
    }
}

#[test]
fn the_environ_is_complete() {
    for handler in EVERYTHING {
        let server = started(handler, "");
        let answer = ask(&server, "POST", "/environ/a%2Fb%C3%BC%20?x=%41&y", "12345");
        let environ: Value = serde_json::from_slice(&answer.body).expect("JSON");
        for (name, value) in [
            ("REQUEST_METHOD", json!("POST")),
            ("SCRIPT_NAME", json!("")),
            // PEP 3333: each byte is passed as one character.
            ("PATH_INFO", json!("/environ/a/b\u{c3}\u{bc} ")),
            ("QUERY_STRING", json!("x=%41&y")),
            ("REQUEST_URI", json!("/environ/a%2Fb%C3%BC%20?x=%41&y")),
            ("CONTENT_TYPE", json!("text/x-test")),
            ("CONTENT_LENGTH", json!("5")),
            ("SERVER_NAME", json!("localhost")),
            ("SERVER_PORT", json!("80")),
            ("SERVER_PROTOCOL", json!("HTTP/1.1")),
            ("HTTP_HOST", json!("localhost")),
            ("HTTP_COOKIE", json!("a=1")),
            ("HTTP_X_TWO", json!("one, two")),
            ("HTTP_PROXY", json!(null)),
            ("HTTP_CONTENT_TYPE", json!(null)),
            ("wsgi.version", json!([1, 0])),
            ("wsgi.url_scheme", json!("http")),
            ("wsgi.multithread", json!(false)),
        ] {
            assert_eq!(environ[name], value, "{handler}: {name}");
        }
    }
}

#[test]
fn failures_of_a_wsgi_application_are_answered_and_logged() {
    for handler in EVERYTHING {
        let server = started(handler, "");
        for (target, reason) in [
            ("/raise-at-once", "LookupError: nobody catches this"),
            ("/close-after-error", "ZeroDivisionError"),
            ("/twice", "start_response is called again"),
            ("/no-start", "before it calls start_response"),
            ("/text", "a body is made of bytes, not str"),
            ("/hop-by-hop", "Connection is a header of the connection"),
        ] {
            let answer = server.get(target);
            assert_eq!(answer.status, 500, "{handler}: {target}");
            server.wait_for_log(reason, |line| line.contains(reason));
        }
        server.wait_for_log("the end of the iterable", |line| {
            line.contains("the iterable was closed")
        });
    }
}

#[test]
fn an_error_after_the_head_cuts_the_connection() {
    let server = started("wsgi-everything", "");
    let mut client = server.connect();
    client.send(head("GET", "/too-late", &[]));
    let broken = client.try_response(false).expect_err("a cut connection");
    assert!(matches!(broken, Broken::CutShort { .. }), "{broken:?}");
    server.wait_for_log("the reason", |line| line.contains("LookupError: too late"));
    // belljar's own contract sends no byte before the response is complete, so the client gets an error response.
    let server = started("wsgi-everything-belljar", "");
    assert_eq!(server.get("/too-late").status, 500);
}

/// The client sends a piece only after the last one has come back.
#[test]
fn content_is_streamed_through_a_wsgi_application() {
    let server = started("wsgi-everything", "");
    let mut client = server.connect();
    client.send(head("POST", "/echo", &[("Transfer-Encoding", "chunked")]));
    let piece = "x".repeat(PIECE);
    let mut answer = None;
    for _ in 0..3 {
        client.send(format!("{PIECE:x}\r\n{piece}\r\n"));
        let answer = answer.get_or_insert_with(|| client.try_head().expect("a head"));
        let mut back = 0;
        while back < PIECE {
            back += chunk(&mut client, answer).len();
        }
        assert_eq!(back, PIECE);
    }
    client.send("0\r\n\r\n");
    assert_eq!(chunk(&mut client, &answer.expect("a head")), "");
}

/// The number of bytes that `/echo` reads at a time.
const PIECE: usize = 16384;

/// The next chunk of a body. Empty at its end.
fn chunk(client: &mut Client, answer: &Response) -> String {
    let chunk = client.try_chunk(answer).expect("a chunk");
    String::from_utf8(chunk).expect("text")
}

/// The interpreter is initialized at build time. Each instance must seed its random numbers again.
#[test]
fn instances_of_python_have_different_random_numbers() {
    let server = started("wsgi-everything", "");
    let answer = server.get("/chance").text();
    let other = server.get("/chance").text();
    for (one, other) in answer.split_whitespace().zip(other.split_whitespace()) {
        assert_ne!(one, other);
    }
}

#[test]
fn an_instance_of_python_can_be_reused() {
    let server = started("wsgi-everything", "--reuse 100");
    let mut client = server.connect();
    for _ in 0..20 {
        for (target, body) in [
            ("/write", "written\nwritten again\nreturned\n"),
            ("/close", "to be closed\n"),
        ] {
            assert_eq!(client.get(target).text(), body, "{}", server.log());
        }
    }
}

#[test]
fn flask_runs_unmodified() {
    let server = started("wsgi-flask", "");
    for (target, status, body) in [
        ("/", 200, "Hello from Flask!\n"),
        ("/hello/J%C3%B6rg%20%3Cb%3E", 200, "Hello Jörg &lt;b&gt;!\n"),
        ("/count-to/3", 200, "1\n2\n3\n"),
        ("/form", 405, ""),
        ("/no-such-page", 404, ""),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", server.log());
        if status == 200 {
            assert_eq!(answer.text(), body, "{target}");
        }
    }
    let answer = server.request("HEAD", "/hello/you", &[]);
    assert_eq!((answer.status, answer.need("content-length")), (200, "11"));

    // Lengths below and above the 64 KiB that the host gathers of a response before it sends the head.
    for length in [10, 65_500, 66_000, 100_000, 300_000] {
        let name = "n".repeat(length);
        let form = format!("name={name}");
        let fields = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", &form.len().to_string()),
        ];
        let answer = server.exchange((head("POST", "/form", &fields) + &form).as_bytes());
        let answer: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(answer, json!({"name": name, "files": {}}), "{length}");
    }
}

/// Starts a server of a folder that has the component at this path.
fn mounted(handler: &str, path: &str) -> (Site, Server) {
    let site = Site::new(&[]);
    let file = site.at(&format!("handlers/{path}.wasm"));
    std::fs::create_dir_all(file.parent().expect("it is in a folder"))
        .expect("the folder can be made");
    std::fs::copy(component(handler), file).expect("the file can be copied");
    let server = of_one_at_a_time(Server::options().arg("--handlers").arg(site.at("handlers")));
    (site, server)
}

#[test]
fn a_wsgi_application_knows_its_mount() {
    for handler in EVERYTHING {
        let (_site, server) = mounted(handler, "team ü/app");
        let target = "/team%20%C3%BC/app/environ/a%2Fb?x";
        let forged = [
            ("Belljar-Mount", "/forged"),
            ("X-Forwarded-Prefix", "/forged"),
        ];
        let answer = server.request("GET", target, &forged);
        let environ: Value = serde_json::from_slice(&answer.body).expect("JSON");
        for (name, value) in [
            // PEP 3333: each byte is passed as one character.
            ("SCRIPT_NAME", json!("/team \u{c3}\u{bc}/app")),
            ("PATH_INFO", json!("/environ/a/b")),
            ("QUERY_STRING", json!("x")),
            ("REQUEST_URI", json!(target)),
            ("HTTP_X_FORWARDED_PREFIX", json!("/team%20%C3%BC/app")),
        ] {
            assert_eq!(environ[name], value, "{handler}: {name}");
        }
    }
}

/// Every link and redirect leads to the application, two levels deep.
#[test]
fn a_browser_follows_the_links_of_a_mounted_flask_application() {
    let (_site, server) = mounted("wsgi-flask", "team/shop");
    let address = |path: &str| format!("{}team/shop{path}", server.url);
    let text = "return [location.pathname, document.body.innerText.trim()]";
    let browser = Browser::start();
    for (what, open, click, path, shown) in [
        ("the root", "", "", "/team/shop", "Hello from Flask!"),
        (
            "a link",
            "/links",
            "#hello",
            "/team/shop/hello/you",
            "Hello you!",
        ),
        (
            "a redirect",
            "/links",
            "#redirect",
            "/team/shop/links",
            "Say hello",
        ),
        (
            "a redirect to a slash",
            "/links",
            "#folder",
            "/team/shop/folder/",
            "A path without its last slash leads here.",
        ),
        ("a form", "/links", "button", "/team/shop/form", "\"name\""),
    ] {
        browser.open(&address(open));
        if !click.is_empty() {
            browser.run("document.title = 'before'");
            browser.run(&format!("document.querySelector('{click}').click()"));
            browser.wait_for(what, "return document.title", |title| title != "before");
        }
        browser.wait_for(what, text, |seen| {
            seen[0] == path && seen[1].as_str().is_some_and(|seen| seen.contains(shown))
        });
    }
    let mut errors = browser.console_errors();
    // Browsers request this icon of the host for pages of text, and it is not the application's.
    errors.retain(|error| !error.contains("/favicon.ico"));
    assert_eq!(errors, [""; 0]);
}

/// As in the tutorial of `examples/auth`.
#[test]
fn flask_runs_behind_a_password() {
    let auth = component("auth").display().to_string();
    let flags = format!("--middleware {auth} --env AUTH_BASIC=admin:secret");
    let server = started("wsgi-flask", &flags);
    let refused = server.get("/hello/you");
    assert_eq!(refused.status, 401, "{}", server.log());
    assert!(refused.need("www-authenticate").starts_with("Basic "));
    let password = [("Authorization", "Basic YWRtaW46c2VjcmV0")];
    let answer = server.request("GET", "/hello/you", &password);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "Hello you!\n")
    );
    let form = [
        password[0],
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", "8"),
    ];
    let answer = server.exchange((head("POST", "/form", &form) + "name=you").as_bytes());
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "{\"files\":{},\"name\":\"you\"}\n")
    );
}

/// Templates, static files, package data and modules that are imported late: all of them are files of the project.
#[test]
fn flask_has_its_files_and_calls_other_services() {
    let url = another_server();
    let server = started("wsgi-shop", &format!("--allow-outbound {url}"));
    for (target, body) in [
        (
            "/",
            "<!doctype html><link rel=\"stylesheet\" href=\"/static/shop.css\">tea: 3",
        ),
        ("/static/shop.css", "body { color: teal }\n"),
        ("/prices.json", "{\"tea\": 3}\n"),
        ("/late", "2 wsgiref.handlers"),
        ("/address", "127.0.0.1"),
        ("/call/requests?url={url}/x", r#"200 POST /x {"a": 1}"#),
        ("/call/urllib?url={url}/redirect", "200 GET /end?a=b "),
        ("/call/http.client?url={url}/x", "200 PUT /put in pieces"),
        ("/call/requests?url={url}/gzip", "200 compressed"),
    ] {
        let answer = server.get(&target.replace("{url}", &url));
        assert_eq!(answer.text(), body, "{target}: {}", server.log());
    }
    for library in ["requests", "urllib"] {
        let answer = server.get(&format!("/call/{library}?url=https://not-granted.example"));
        let advice = "--allow-outbound https://not-granted.example";
        assert!(answer.text().contains(advice), "{}", answer.text());
    }
}

/// What is larger than half a megabyte goes through a temporary file.
#[test]
fn uploads_to_python_keep_every_byte() {
    let file: Vec<u8> = (0..3_000_000_u64).map(|n| (n * n % 251) as u8).collect();
    let form = [
        &b"--BOUNDARY\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi"[..],
        b"\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n",
        b"Content-Type: application/octet-stream\r\n\r\n",
        &file,
        b"\r\n--BOUNDARY--\r\n",
    ]
    .concat();
    let fields = [
        ("Content-Type", "multipart/form-data; boundary=BOUNDARY"),
        ("Content-Length", &form.len().to_string()),
    ];
    let sum = sha256(&file);
    for handler in ["wsgi-shop", "wsgi-stars", "wsgi-notes"] {
        let server = started(handler, "--memory 256MiB --timeout 600s --cpu 600s");
        let request = [head("POST", "/upload", &fields).as_bytes(), &form].concat();
        let answer = server.exchange(&request);
        let case = format!("{handler}: {} {}", answer.text(), server.log());
        let answer: Value = serde_json::from_slice(&answer.body).expect(&case);
        assert_eq!(answer["name"], "a.bin", "{case}");
        assert_eq!(answer["length"], 3_000_000, "{case}");
        assert_eq!(answer["sha256"], json!(sum), "{case}");
    }
}

/// The build has no SECRET_KEY, so it saw `dev`. An instance that has one must not accept what that key has signed.
#[test]
fn a_session_that_is_signed_with_the_key_of_the_build_is_refused() {
    let visits = |server: &Server, cookie: Option<&str>| {
        let fields: Vec<_> = cookie
            .map(|cookie| ("Cookie", cookie))
            .into_iter()
            .collect();
        let answer = server.request("GET", "/visit", &fields);
        let cookie = answer.need("set-cookie").split(';').next();
        (answer.text(), cookie.unwrap_or_default().to_owned())
    };
    let build = started("wsgi-shop", "");
    let (_, forged) = visits(&build, None);
    assert_eq!(visits(&build, Some(&forged)).0, "2");
    drop(build);
    let server = started("wsgi-shop", "--env SECRET_KEY=real");
    assert_eq!(visits(&server, Some(&forged)).0, "1", "{}", server.log());
    let (_, own) = visits(&server, None);
    assert_eq!(visits(&server, Some(&own)).0, "2", "{}", server.log());
}

#[test]
fn starlette_runs_unmodified() {
    let server = started("wsgi-stars", "");
    for (method, target, content, body) in [
        ("GET", "/hello/you", "", "Hello you!"),
        ("GET", "/thread", "", "without threads"),
        ("POST", "/echo", "a\0b", "a\0b"),
        ("GET", "/stream", "", "piece 0\npiece 1\npiece 2\n"),
        ("GET", "/later", "", "now"),
        ("GET", "/together", "", "[0,1,2]"),
        ("GET", "/no-such-page", "", "Not Found"),
    ] {
        let answer = ask(&server, method, target, content);
        assert_eq!(answer.text(), body, "{target}: {}", server.log());
    }
    server.wait_for_log("the task in the background", |line| {
        line.contains("done after the response")
    });
}

/// Sessions and the protection against forged requests, with the key of the instance.
#[test]
fn django_runs_unmodified() {
    let server = started("wsgi-notes", "--env SECRET_KEY=real --env DEBUG=1");
    let form = server.get("/");
    let token = form.text();
    let token = token.split("value=\"").nth(1).expect("a token");
    let token = token.split('"').next().unwrap_or_default();
    let csrf = cookie(&form, "csrftoken");
    let content = format!("note=first&csrfmiddlewaretoken={token}");
    let length = content.len().to_string();
    let post = |cookies: &str| {
        let fields = [
            ("Cookie", cookies),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", &length),
        ];
        server.exchange((head("POST", "/", &fields) + &content).as_bytes())
    };
    assert_eq!(post("").status, 403);
    let answer = post(&csrf);
    assert_eq!(answer.status, 302, "{} {}", answer.text(), server.log());
    let session = cookie(&answer, "sessionid");
    let page = |server: &Server| server.request("GET", "/", &[("Cookie", &session)]).text();
    assert!(page(&server).contains("<p>first</p>"), "{}", page(&server));
    assert_eq!(server.get("/debug").text(), "{\"debug\": true}");
    drop(server);
    let server = started("wsgi-notes", "");
    assert!(!page(&server).contains("first"), "{}", page(&server));
    assert_eq!(server.get("/debug").text(), "{\"debug\": false}");
}

/// A cookie that a response sets, as a client sends it.
fn cookie(answer: &Response, name: &str) -> String {
    let begin = format!("{name}=");
    let found = answer.fields.iter().find_map(|(field, value)| {
        (field.eq_ignore_ascii_case("set-cookie") && value.starts_with(&begin))
            .then(|| value.split(';').next().unwrap_or_default().to_owned())
    });
    found.unwrap_or_else(|| panic!("{name} is not set: {}", answer.head))
}

#[test]
fn the_build_of_python_names_what_is_wrong() {
    for (module, source, reason) in [
        (
            "app.py",
            "x = 1\n",
            "app.py defines no application: it needs a WSGI or ASGI application",
        ),
        (
            "other.py",
            "app = 1\n",
            "there is no application: write app.py",
        ),
        ("app.py", "app = (\n", "app.py:1: '(' was never closed"),
        (
            "app.py",
            "import speedy._speed\napp = speedy\n",
            "the package speedy has a native part, _speed.cpython-311-x86_64-linux-gnu.so",
        ),
        // The system's packages are not the component's.
        (
            "app.py",
            "import outside\napp = outside\n",
            "No module named 'outside'",
        ),
    ] {
        let folder = TempDir::with_prefix("belljar-python-").expect("a temporary folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        write(&format!("project/{module}"), source);
        write("project/speedy/__init__.py", "");
        write("project/speedy/_speed.cpython-311-x86_64-linux-gnu.so", "");
        write("system/outside.py", "");
        let target = component("wsgi-shop");
        let target = target.ancestors().nth(3).expect("the target folder");
        let output = Command::new(target.join("tools/python/bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/wsgi/build.py"))
            .args(["-o", "handler.wasm"])
            .current_dir(folder.path().join("project"))
            .env("PYTHONPATH", folder.path().join("system"))
            .output()
            .expect("Python starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{source}");
        assert!(text.contains(reason), "{source}: {text}");
    }
}

#[test]
fn pyramid_runs_unmodified() {
    let server = started("wsgi-pyramid", "");
    for name in ["you", "world"] {
        let answer = server.get(&format!("/hello/{name}"));
        assert_eq!(answer.text(), format!("Hello {name}!"), "{}", server.log());
    }
    assert_eq!(server.get("/").status, 404);
}

#[test]
fn javascript_implements_the_contract_of_belljar() {
    let server = started("js-hello", "");
    let long = "ü".repeat(100_000);
    for (method, target, content, status, body) in [
        ("GET", "/hello?name=J%C3%BC", "", 200, "Hello Jü!\n"),
        ("GET", "/hello", "", 200, "Hello you!\n"),
        ("POST", "/echo", &long, 200, &long),
        ("GET", "/no-such-page", "", 404, "There is no such page.\n"),
    ] {
        let answer = ask(&server, method, target, content);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, body),
            "{target}: {}",
            server.log()
        );
    }
    let page = server.request("GET", "/", &[("User-Agent", "<b>")]);
    assert!(page.text().contains("&#60;b&#62;"), "{}", page.text());
}

#[test]
fn javascript_handles_fetch_events() {
    let server = started("js-fetch", "");
    for (method, target, content, status, body) in [
        ("GET", "/", "", 200, "Hello from a fetch event\n"),
        (
            "PUT",
            "/json?a=b",
            "",
            200,
            r#"{"method":"PUT","query":{"a":"b"},"type":"text/x-test"}"#,
        ),
        ("POST", "/echo", "up and down", 200, "up and down"),
        ("POST", "/reverse", "abc", 200, "cba"),
        ("GET", "/no-such-page", "", 404, "There is no such page.\n"),
    ] {
        let answer = ask(&server, method, target, content);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, body),
            "{target}: {}",
            server.log()
        );
    }
    let mut client = server.connect();
    client.send(head("GET", "/stream", &[]));
    let answer = client.try_head().expect("a head");
    for piece in ["piece 0\n", "piece 1\n", "piece 2\n", ""] {
        assert_eq!(chunk(&mut client, &answer), piece);
    }
}

/// The runtime of the build answers each request anew, so an instance can answer many.
#[test]
fn an_instance_of_javascript_can_be_reused() {
    let server = started("js-fetch", "--reuse 100");
    let mut client = server.connect();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "Hello from a fetch event\n");
        let answer = client.get("/reverse");
        assert_eq!(answer.status, 200, "{}", server.log());
    }
}

/// `export default app` in TypeScript, with a package from npm.
#[test]
fn hono_runs_unmodified() {
    let server = started("js-hono", "--env GREETING=you");
    for (target, body) in [
        ("/", "Hello you"),
        ("/host", "localhost http://localhost/host"),
        ("/api/users/7", r#"{"id":"7"}"#),
        ("/events", "data: 0\n\ndata: 1\n\ndata: 2\n\n"),
        ("/timers", r#"["early","late"]"#),
        ("/web", r#"["grüße","grüße",[97,98],"AbortError","string"]"#),
        ("/later", "now"),
    ] {
        assert_eq!(
            server.get(target).text(),
            body,
            "{target}: {}",
            server.log()
        );
    }
    let answer = server.request("GET", "/api/users/7", &[("Origin", "http://other")]);
    assert_eq!(answer.need("access-control-allow-origin"), "*");
    let answer = server.get("/cookies");
    assert_eq!(answer.head.matches("set-cookie: ").count(), 2);
    assert_eq!(server.get("/throw").status, 500);
    for line in ["on purpose", "done after the response"] {
        server.wait_for_log(line, |logged| logged.contains(line));
    }
}

#[test]
fn uploads_to_javascript_keep_every_byte() {
    let server = started("js-hono", "--memory 256MiB --timeout 600s --cpu 600s");
    // Every value of a byte, and what looks like the end of a part.
    let mut file: Vec<u8> = (0..100_000_u64).map(|n| (n * n % 251) as u8).collect();
    file.extend((0..=255_u8).rev());
    file.extend(b"\r\n--BOUNDAR\r\n\r\n--");
    let form = [
        &b"--BOUNDARY\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"[..],
        "grün".as_bytes(),
        b"\r\n--BOUNDARY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%22\xc3\xbc.bin\"\r\n",
        b"Content-Type: image/png\r\n\r\n",
        &file,
        b"\r\n--BOUNDARY--\r\n",
    ]
    .concat();
    let fields = [
        ("Content-Type", "multipart/form-data; boundary=BOUNDARY"),
        ("Content-Length", &form.len().to_string()),
    ];
    for target in ["/form", "/parse-body", "/form-again"] {
        let request = [head("POST", target, &fields).as_bytes(), &form].concat();
        let answer = server.exchange(&request);
        assert_eq!(answer.status, 200, "{target}: {}", server.log());
        assert!(answer.body == file, "{target}: {} bytes", answer.body.len());
        if target == "/form" {
            let expected = format!(
                r#"["a%22%C3%BC.bin","image/png",{},"gr%C3%BCn"]"#,
                file.len()
            );
            assert_eq!(answer.need("x-file"), expected);
        }
    }
    let sum: u64 = file.iter().map(|byte| u64::from(*byte)).sum();
    let answer = server.exchange(&post("/sum", &file));
    assert_eq!(answer.text(), sum.to_string());

    // Far more than the handles of an instance would allow if a read kept one.
    let large = vec![7; 20_000_000];
    let answer = server.exchange(&post("/length", &large));
    assert_eq!(answer.text(), "20000000", "{}", server.log());
    // The client reads nothing before it has sent everything, so this must fit into buffers.
    let large = &large[..200_000];
    let answer = server.exchange(&post("/echo", large));
    assert!(answer.body == large, "{} bytes", answer.body.len());
}

#[test]
fn javascript_sends_requests_to_other_servers() {
    let url = another_server();
    let server = started(
        "js-hono",
        &format!("--allow-outbound {url} --timeout 600s --cpu 600s"),
    );
    for (target, body) in [
        (
            "/fetch?url={url}/gzip",
            r#"[200,false,"/gzip","compressed"]"#,
        ),
        (
            "/fetch?url={url}/redirect",
            r#"[200,true,"/end","GET /end?a=b "]"#,
        ),
        ("/pass-on?url={url}/gzip", "compressed"),
        ("/post?url={url}/post", r#"POST /post {"a":1}"#),
        (
            "/together?url={url}/x",
            r#"["GET /x ","GET /x ","GET /x "]"#,
        ),
    ] {
        let answer = server.get(&target.replace("{url}", &url));
        assert_eq!(answer.text(), body, "{target}: {}", server.log());
        assert_eq!(answer.field("content-encoding"), None, "{target}");
    }
    // Enough for many reads.
    let answer = server.get(&format!("/pass-on?url={url}/large"));
    assert_eq!(answer.body.len(), 5_000_000, "{}", server.log());
    for (target, reason) in [
        (format!("{url}/loop"), "redirects more than 20 times"),
        (
            "http://not-granted.example/".to_owned(),
            "--allow-outbound http://not-granted.example",
        ),
    ] {
        let answer = server.get(&format!("/fetch?url={target}"));
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
}

/// The origin of a server that redirects, compresses, and otherwise answers with the request.
fn another_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("the port has a number");
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer_as_asked(connection));
        }
    });
    format!("http://{address}")
}

fn answer_as_asked(connection: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
    }
    let fields = request.to_lowercase();
    let mut content = String::new();
    if let Some((_, rest)) = fields.split_once("content-length: ") {
        let length = rest.split("\r\n").next().unwrap_or_default();
        let length = length.parse().expect("a number");
        (&mut reader).take(length).read_to_string(&mut content)?;
    } else if fields.contains("transfer-encoding: chunked") {
        while !content.ends_with("0\r\n\r\n") {
            reader.read_line(&mut content)?;
        }
        // Each chunk is a line of the tests' content, after its size.
        content = content.lines().skip(1).step_by(2).collect();
    }
    let mut words = request.split(' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let (status, fields, body) = match target {
        "/gzip" => ("200 OK", "Content-Encoding: gzip\r\n", GZIP.to_vec()),
        "/redirect" => ("302 Found", "Location: /end?a=b\r\n", Vec::new()),
        "/loop" => ("302 Found", "Location: /loop\r\n", Vec::new()),
        "/large" => ("200 OK", "", vec![b'x'; 5_000_000]),
        _ => (
            "200 OK",
            "",
            format!("{method} {target} {content}").into_bytes(),
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    reader
        .get_mut()
        .write_all(&[head.as_bytes(), &body].concat())
}

/// `compressed`, by gzip.
const GZIP: [u8; 30] = *b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\xce\xcf\x2d\x28\x4a\x2d\x2e\x4e\x4d\x01\x00\x1e\x4b\x56\x97\x0a\x00\x00\x00";

#[test]
fn the_build_of_javascript_names_what_is_wrong() {
    for (script, reasons) in [
        (
            "export const nothing = 1;",
            &["handler.ts: the script has no handler", "export default"][..],
        ),
        (
            "import 'needs-files'; export default { fetch() {} };",
            &[
                "needs-files/index.js:2",
                "needs-files needs the module fs of Node.js",
            ],
        ),
        (
            "export default {\n  fetch( };",
            &["handler.ts:2: Expected identifier"],
        ),
        (
            "\nconst key: string = crypto.randomUUID();\nexport default { fetch: () => new Response(key) };",
            &["handler.ts:2: crypto.randomUUID is called while the component is built"],
        ),
    ] {
        let text = failed_build(script);
        for reason in reasons {
            assert!(text.contains(reason), "{script}: {text}");
        }
    }
}

/// Builds a script that is wrong, beside a package that needs Node.js, and returns what the build says.
fn failed_build(script: &str) -> String {
    let folder = TempDir::with_prefix("belljar-js-").expect("a temporary folder");
    let package = folder.path().join("node_modules/needs-files");
    fs::create_dir_all(&package).expect("a folder");
    fs::write(
        package.join("index.js"),
        "\nmodule.exports = require('fs');",
    )
    .expect("a file");
    fs::write(folder.path().join("handler.ts"), script).expect("a file");
    let tools = component("js-hono")
        .ancestors()
        .nth(3)
        .expect("the component lies in the target folder")
        .join("tools");
    let output = Command::new(tools.join("node/bin/node"))
        .arg(tools.join("javascript/tools/build.js"))
        .args(["handler.ts", "--out", "handler.wasm"])
        .current_dir(folder.path())
        .output()
        .expect("Node.js starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{script}: {text}");
    assert!(!folder.path().join("handler.wasm").exists(), "{script}");
    text
}

/// The stream does not end, so an event that arrives was sent before the end of the response.
#[test]
fn events_are_sent_as_they_happen() {
    let server = started("sse", "");
    let mut client = server.connect();
    client.send(head("GET", "/events?ms=1", &[("Last-Event-ID", "41")]));
    let answer = client.try_head().expect("a head");
    assert_eq!(answer.need("content-type"), "text/event-stream");
    assert_eq!(chunk(&mut client, &answer), "retry: 1000\n\n");
    for number in 42..60 {
        let event = chunk(&mut client, &answer);
        let begin = format!("id: {number}\ndata: {{\"number\": {number}, \"seconds\": ");
        assert!(
            event.starts_with(&begin) && event.ends_with("}\n\n"),
            "{event}"
        );
    }
    let few = server.get("/events?ms=1&last=2").text();
    assert_eq!(few.matches("data: ").count(), 2, "{few}");
    assert!(server.get("/").text().contains("new EventSource"));
}

/// The digest as hexadecimal digits.
fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
