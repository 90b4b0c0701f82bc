//! Tests in a real browser: the example site, and server-sent events.

use crate::support::{Browser, Server};
use serde_json::json;

#[test]
fn shows_the_example_site() {
    let server = Server::options()
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/site"))
        .start();
    let address = |path: &str| format!("{}{path}", server.url.trim_end_matches('/'));
    let browser = Browser::start();

    browser.open(&address("/"));
    for (what, script, expected) in [
        ("the page is shown", "return document.title", json!("belljar: a fresh sandbox for every request")),
        ("the picture is shown", "return document.querySelector('#picture').naturalWidth", json!(1280)),
        ("the drawing is shown", "return document.querySelector('.mark img').naturalWidth > 0", json!(true)),
        ("the style is applied", "return getComputedStyle(document.body).margin", json!("0px")),
        ("the script has run", "return document.documentElement.dataset.script", json!("ran")),
        (
            "the icon is a valid image",
            "const icon = new Image(); icon.src = '/favicon.ico'; await icon.decode(); return icon.naturalWidth > 0",
            json!(true),
        ),
        (
            "text files are compressed",
            "return performance.getEntriesByType('resource').filter(entry => /css$|js$|svg$/.test(entry.name))
                .map(entry => entry.encodedBodySize < entry.decodedBodySize)",
            json!([true, true, true]),
        ),
    ] {
        assert_eq!(browser.run(script), expected, "{what}");
    }
    browser.wait_for(
        "the script lists the requests of the page with status 200",
        "return [...document.querySelectorAll('#requests .answer')].map(cell => cell.textContent)",
        |answers| *answers == json!(["200", "200", "200", "200", "200"]),
    );
    for (button, status) in [("head", "< 200"), ("range", "< 206"), ("again", "< 304")] {
        browser.run(&format!(
            "document.querySelector('[data-ask={button}]').click()"
        ));
        browser.wait_for(
            &format!("the button `{button}` shows {status}"),
            "return document.querySelector('#answer').textContent",
            |answer| {
                answer
                    .as_str()
                    .is_some_and(|answer| answer.contains(status))
            },
        );
    }

    browser.run("document.querySelector('nav a[href=\"/about/\"]').click()");
    browser.wait_for(
        "the link opens its page",
        "return document.title",
        |title| title == "How belljar works",
    );
    assert_eq!(browser.run("return location.pathname"), "/about/");
    assert_eq!(browser.console_errors(), Vec::<String>::new());

    browser.open(&address("/no/such/page"));
    for (what, script, expected) in [
        (
            "the site's own 404 page",
            "return document.title",
            json!("Nothing under this jar"),
        ),
        (
            "the status of the 404 page",
            "return performance.getEntriesByType('navigation')[0].responseStatus",
            json!(404),
        ),
        (
            "the style of the 404 page",
            "return getComputedStyle(document.body).margin",
            json!("0px"),
        ),
    ] {
        assert_eq!(browser.run(script), expected, "{what}");
    }
}

/// The stream never ends. The page must show each event while others follow.
#[test]
fn shows_events_as_they_arrive() {
    let server = Server::options().handler("sse").start();
    let browser = Browser::start();
    browser.open(&format!("{}?ms=20", server.url));
    let last = "return parseInt(document.querySelector('#events li')?.textContent)";
    for number in [1, 10] {
        browser.wait_for("events are shown", last, |shown| {
            shown.as_u64().is_some_and(|shown| shown >= number)
        });
    }
    let state = "return document.querySelector('#state').textContent";
    assert_eq!(browser.run(state), "connected");
    browser.run("document.querySelector('#stop').click()");
    assert_eq!(browser.run(state), "stopped");
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}
