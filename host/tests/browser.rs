//! A real browser shows the example site: Chromium, steered through chromedriver by WebDriver
//! (https://www.w3.org/TR/webdriver2/), which is JSON over HTTP.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{PATIENCE, Server};
use tempfile::TempDir;

#[test]
fn a_browser_shows_the_example_site() {
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
            "the icon is delivered, and is one",
            "const icon = new Image(); icon.src = '/favicon.ico'; await icon.decode(); return icon.naturalWidth > 0",
            json!(true),
        ),
        (
            "texts come compressed",
            "return performance.getEntriesByType('resource').filter(entry => /css$|js$|svg$/.test(entry.name))
                .map(entry => entry.encodedBodySize < entry.decodedBodySize)",
            json!([true, true, true]),
        ),
    ] {
        assert_eq!(browser.run(script), expected, "{what}");
    }
    browser.wait_for(
        "the script lists the page's requests, all answered",
        "return [...document.querySelectorAll('#requests .answer')].map(cell => cell.textContent)",
        |answers| *answers == json!(["200", "200", "200", "200", "200"]),
    );
    for (button, status) in [("head", "< 200"), ("range", "< 206"), ("again", "< 304")] {
        browser.run(&format!(
            "document.querySelector('[data-ask={button}]').click()"
        ));
        browser.wait_for(
            &format!("the button `{button}` is answered with {status}"),
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
        "the link leads to its page",
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
            "its status",
            "return performance.getEntriesByType('navigation')[0].responseStatus",
            json!(404),
        ),
        (
            "its style",
            "return getComputedStyle(document.body).margin",
            json!("0px"),
        ),
    ] {
        assert_eq!(browser.run(script), expected, "{what}");
    }
}

/// The stream has no end: the page shows each event while others follow.
#[test]
fn a_browser_shows_events_as_they_happen() {
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

/// A window of headless Chromium with an empty profile of its own, until it is dropped.
struct Browser {
    driver: Child,
    /// The WebDriver session's URL; until there is one, the driver's.
    session: String,
    profile: TempDir,
    _output: BufReader<ChildStdout>,
}

impl Browser {
    fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver does not start ({error}): {ADVICE}"));
        let mut output = BufReader::new(driver.stdout.take().expect("its output is piped"));
        let profile =
            TempDir::with_prefix("belljar-browser-").expect("a temporary folder can be made");
        let driver_url = format!("http://127.0.0.1:{}", port(&mut output));
        let mut browser = Browser {
            driver,
            session: driver_url,
            profile,
            _output: output,
        };

        let mut arguments = Vec::from(FLAGS.map(str::to_owned));
        arguments.push(format!(
            "--user-data-dir={}",
            browser.profile.path().display()
        ));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = browser
            .ask("/session", wanted)
            .unwrap_or_else(|error| panic!("{error}\n{ADVICE}"));
        let id = session["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/session/{id}", browser.session);
        browser
    }

    /// Returns when the page is loaded.
    fn open(&self, url: &str) {
        self.command("/url", json!({ "url": url }));
    }

    /// What a script returns that runs in the page.
    fn run(&self, script: &str) -> Value {
        let script = format!("return (async () => {{ {script} }})()");
        self.command("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Runs the script until it returns what is wanted.
    fn wait_for(&self, what: &str, script: &str, wanted: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        loop {
            let last = self.run(script);
            if wanted(&last) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{what}: in vain, it is {last}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The errors in the console since it was last asked for.
    fn console_errors(&self) -> Vec<String> {
        let lines = self.command("/se/log", json!({ "type": "browser" }));
        let lines = lines.as_array().expect("a log is a list").iter();
        lines
            .filter(|line| line["level"] == "SEVERE")
            .map(|line| line["message"].to_string())
            .collect()
    }

    fn command(&self, path: &str, body: Value) -> Value {
        self.ask(path, body)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn ask(&self, path: &str, body: Value) -> Result<Value, String> {
        let request = minreq::post(format!("{}{path}", self.session))
            .with_header("Content-Type", "application/json")
            .with_body(body.to_string())
            .with_timeout(PATIENCE.as_secs());
        let response = request.send().map_err(|error| error.to_string())?;
        let mut answer: Value =
            serde_json::from_slice(response.as_bytes()).map_err(|error| error.to_string())?;
        match answer["value"]["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", answer["value"]["message"])),
            None => Ok(answer["value"].take()),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium, which would outlive its driver.
        let _ = minreq::delete(&self.session)
            .with_timeout(PATIENCE.as_secs())
            .send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// chromedriver says on which port it listens.
fn port(output: &mut impl BufRead) -> u16 {
    let mut lines = output.lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        line.strip_prefix(GREETING)?
            .trim_end_matches('.')
            .parse()
            .ok()
    });
    port.expect("chromedriver names its port")
}

/// In a container the kernel often refuses Chromium's own sandbox, and it refuses to run as root within it. Nothing
/// but the example site is shown.
const FLAGS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

const GREETING: &str = "ChromeDriver was started successfully on port ";

const ADVICE: &str = "run `cargo xtask test`, which installs Chromium and chromedriver";
