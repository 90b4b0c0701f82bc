//! The example `guestbook`: entries are stored, and shown as text, never as markup.

use std::thread;

use crate::support::{Browser, Response, Server, head};
use serde_json::json;
use tempfile::TempDir;

#[test]
fn entries_survive_a_restart() {
    let folder = folder();
    let server = guestbook(&folder);
    assert!(server.get("/").text().contains("Be the first!"));
    let answer = sign(&server, &[], "name=Ada&message=What+a+%3Cfine%3E+jar");
    assert_eq!(
        (answer.status, answer.field("location")),
        (303, Some("/#entry-1"))
    );
    for _ in 0..2 {
        let page = server.get("/");
        assert_eq!(page.status, 200);
        let text = page.text();
        assert!(text.contains("<bdi class=\"name\">Ada</bdi>"), "{text}");
        assert!(text.contains("What a &#60;fine&#62; jar"), "{text}");
    }
    drop(server);

    let server = guestbook(&folder);
    assert!(
        server
            .get("/")
            .text()
            .contains("<bdi class=\"name\">Ada</bdi>"),
        "after a restart"
    );
    assert_eq!(
        sign(&server, &[], "name=Bob&message=hello").need("location"),
        "/#entry-2"
    );
}

#[test]
fn refuses_invalid_and_foreign_forms() {
    let folder = folder();
    let server = guestbook(&folder);
    let own = server.url.trim_end_matches('/').to_owned();
    let long = format!("name=Ada&message={}", "x".repeat(20_000));
    let good = "name=Ada&message=hello";
    for (fields, content, status) in [
        (&[][..], "name=&message=hello", 422),
        (&[], "name=Ada", 422),
        (&[], &long, 413),
        (&[("Sec-Fetch-Site", "cross-site")], good, 403),
        (&[("Origin", "https://evil.example")], good, 403),
        (&[("Origin", "null")], good, 403),
        (
            &[("Sec-Fetch-Site", "same-origin"), ("Origin", &own)],
            good,
            303,
        ),
    ] {
        assert_eq!(
            sign(&server, fields, content).status,
            status,
            "{fields:?} {content:.40}"
        );
    }
    assert_eq!(server.get("/").text().matches("<article").count(), 1);
    let other = server.exchange(&crate::support::post("/", good.as_bytes()));
    assert_eq!(other.status, 415, "the content type is not that of a form");
}

#[test]
fn every_response_has_strict_security_fields() {
    let folder = folder();
    let server = guestbook(&folder);
    for (target, status) in [
        ("/", 200),
        ("/style.css", 200),
        ("/nothing", 404),
        ("/?before=x", 400),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}");
        let policy = answer.need("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'self';"),
            "{target}: {policy}"
        );
        assert_eq!(
            answer.field("x-content-type-options"),
            Some("nosniff"),
            "{target}"
        );
    }
}

#[test]
fn concurrent_entries_are_all_stored() {
    let folder = folder();
    let server = guestbook(&folder);
    thread::scope(|scope| {
        for writer in 0..4 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..5 {
                    let answer = sign(server, &[], &format!("name=w{writer}&message=m{number}"));
                    assert_eq!(answer.status, 303);
                }
            });
        }
    });
    let page = server.get("/").text();
    for writer in 0..4 {
        let mine = format!("<bdi class=\"name\">w{writer}</bdi>");
        assert_eq!(page.matches(&mine).count(), 5, "{page}");
    }
}

#[test]
fn without_a_store_the_log_names_the_flag() {
    let server = Server::options().handler("guestbook").start();
    assert_eq!(server.get("/").status, 503);
    server.wait_for_log("the flag for a store", |line| {
        line.contains("--store guestbook.db")
    });
}

#[test]
fn a_browser_signs_the_guestbook() {
    let folder = folder();
    let server = guestbook(&folder);
    let browser = Browser::start();
    browser.open(&server.url);
    for (what, script, expected) in [
        (
            "the page is shown",
            "return document.title",
            json!("Guestbook"),
        ),
        (
            "the style is applied",
            "return getComputedStyle(document.querySelector('main')).maxWidth !== 'none'",
            json!(true),
        ),
        (
            "an empty form is not sent",
            "document.querySelector('button').click(); return location.hash",
            json!(""),
        ),
    ] {
        assert_eq!(browser.run(script), expected, "{what}");
    }

    let attack = "<img src=x onerror=\"document.title = 'attacked'\"><script>document.title = 'attacked'</script>";
    browser.run(&format!(
        "document.querySelector('#name').value = {0}; document.querySelector('#message').value = {0} + '\\nline two';
         document.querySelector('button').click()",
        json!(&attack[..50])
    ));
    browser.wait_for(
        "the entry is shown on the page that follows",
        "return [location.pathname, location.hash, document.querySelector('article .name')?.textContent]",
        |shown| *shown == json!(["/", "#entry-1", &attack[..50]]),
    );
    for (what, script, expected) in [
        (
            "the entry is text",
            "return document.querySelectorAll('article img, article script').length",
            json!(0),
        ),
        (
            "line breaks are kept",
            "return document.querySelector('article .message').innerText.split('\\n').at(-1)",
            json!("line two"),
        ),
        (
            "no script of the entry has run",
            "return document.title",
            json!("Guestbook"),
        ),
    ] {
        assert_eq!(browser.run(script), expected, "{what}");
    }
    browser.run("document.body.dataset.before = 'yes'; location.reload()");
    browser.wait_for(
        "reloading the page does not send the form again",
        "return [document.body?.dataset.before, document.querySelectorAll('article').length]",
        |shown| *shown == json!([null, 1]),
    );
    assert_eq!(browser.console_errors(), Vec::<String>::new());

    // The content security policy stops even a script that gets into the page.
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'document.title = \"attacked\"';
         document.body.append(script)",
    );
    assert_eq!(
        browser.run("return document.title"),
        "Guestbook",
        "no script runs in the page"
    );
}

fn folder() -> TempDir {
    TempDir::with_prefix("belljar-guestbook-").expect("a temporary folder can be created")
}

fn guestbook(folder: &TempDir) -> Server {
    Server::options()
        .handler("guestbook")
        .arg("--store")
        .arg(folder.path().join("guestbook.db"))
        .start()
}

/// Sends the form.
fn sign(server: &Server, fields: &[(&str, &str)], content: &str) -> Response {
    let length = content.len().to_string();
    let own = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", &length),
    ];
    let fields = [&own, fields].concat();
    server.exchange((head("POST", "/", &fields) + content).as_bytes())
}
