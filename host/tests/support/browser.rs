//! A real browser: Chromium, controlled through chromedriver with WebDriver (https://www.w3.org/TR/webdriver2/), which
//! is JSON over HTTP.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::WAIT_LIMIT;

/// A window of headless Chromium with an empty profile of its own. It is closed when the value is dropped.
pub struct Browser {
    driver: Child,
    /// The URL of the WebDriver session, or of the driver until the session exists.
    session: String,
    profile: TempDir,
    _output: BufReader<ChildStdout>,
}

impl Browser {
    pub fn start() -> Self {
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

    /// Opens a page, and returns when it is loaded.
    pub fn open(&self, url: &str) {
        self.command("/url", json!({ "url": url }));
    }

    /// Runs a script in the page, and returns its result.
    pub fn run(&self, script: &str) -> Value {
        let script = format!("return (async () => {{ {script} }})()");
        self.command("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Runs the script again and again until its result is as wanted.
    pub fn wait_for(&self, what: &str, script: &str, wanted: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        loop {
            let last = self.run(script);
            if wanted(&last) {
                return;
            }
            assert!(start.elapsed() < WAIT_LIMIT, "{what}: still {last}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The errors in the console since the last call.
    pub fn console_errors(&self) -> Vec<String> {
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
            .with_timeout(WAIT_LIMIT.as_secs());
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
        // Ends Chromium, which would otherwise outlive the driver.
        let _ = minreq::delete(&self.session)
            .with_timeout(WAIT_LIMIT.as_secs())
            .send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Reads the port that chromedriver prints when it listens.
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

/// In a container the kernel often refuses Chromium's own sandbox, and Chromium refuses to run as root with it. The tests
/// only open the pages of the examples.
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
