//! `belljar dev`: builds, serves, builds again after each change, and has pages load themselves again.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Browser, Client, Server, answering_page, belljar, processes_below, run_command, wait_until,
};

/// A project whose build checks and copies its source, which is a component.
struct Project(TempDir);

impl Project {
    /// `further` is added to the configuration.
    fn new(text: &str, further: &str) -> Self {
        let project = Self(TempDir::with_prefix("belljar-dev-").expect("a folder can be made"));
        project.write("build.sh", BUILD.as_bytes());
        project.write("belljar.toml", format!("{CONFIG}{further}").as_bytes());
        project.save(text);
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("it can be made");
        fs::write(path, content).expect("the file can be written");
    }

    /// Saves a source whose component answers with a page of this text.
    fn save(&self, text: &str) {
        self.write("page.src", &answering_page(text));
    }

    fn save_broken(&self) {
        self.write("page.src", b"BROKEN");
    }

    fn start(&self) -> Server {
        Server::of_project(self.path()).start()
    }
}

const CONFIG: &str = r#"
[[route]]
path = "/*"
component = "page.wasm"

[[build]]
command = "sh build.sh"
watch = ["page.src", "build.sh"]
result = "page.wasm"
"#;

const BUILD: &str = "
if grep -q BROKEN page.src; then
    echo 'error: <b>expected</b> a page' >&2
    exit 1
fi
cp page.src page.wasm.new && mv page.wasm.new page.wasm
";

/// The fields of a browser that opens a page.
const OPENS: [(&str, &str); 2] = [
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("Accept-Encoding", "gzip, br"),
];

#[test]
fn builds_serves_and_builds_again() {
    let project = Project::new("one", "");
    let server = project.start();
    server.wait_for_text("/", "one");
    project.save("two");
    server.wait_for_text("/", "two");

    project.save_broken();
    server.wait_for_log("the failure", |line| line.contains("the build failed: "));
    let log = server.log();
    assert!(
        log.contains("error: <b>expected</b> a page\n"),
        "the output of the build is in the terminal: {log}"
    );
    assert_eq!(server.get("/").text(), "two", "the last good build serves");
    let mut events = Events::of(&server);
    let problem = events.next();
    assert_eq!(problem["title"], "The build failed");
    let text = problem["text"].as_str().expect("it has a text");
    assert!(
        text.starts_with("error: <b>expected</b> a page\n")
            && text.contains("`sh build.sh` failed"),
        "{text}"
    );

    project.save("three");
    let solved = events.next();
    assert_eq!(solved["title"], Value::Null, "{solved}");
    server.wait_for_text("/", "three");
    let reloaded = events.next();
    assert_ne!(reloaded["page"], problem["page"], "{reloaded}");
}

#[test]
fn the_page_of_a_first_build_that_fails_has_its_output() {
    let project = Project::new("", "");
    project.save_broken();
    let server = project.start();
    server.wait_for_log("the failure", |line| line.contains("the build failed: "));
    let answer = server.request("GET", "/", &OPENS);
    let text = answer.text();
    assert_eq!(answer.status, 503);
    assert!(
        text.contains("error: &lt;b&gt;expected&lt;/b&gt; a page") && !text.contains("<b>expected"),
        "{text}"
    );
    assert!(
        text.contains("<script src=\"/.belljar/reload.js?"),
        "{text}"
    );
    project.save("good");
    server.wait_for_text("/", "good");
}

#[test]
fn a_build_that_writes_no_component_fails() {
    let project = Project::new("one", "");
    project.write("build.sh", b"echo nothing");
    let server = project.start();
    let page = server.request("GET", "/", &OPENS);
    let problem = "no command has written the component page.wasm";
    assert_eq!(page.status, 503);
    assert!(page.text().contains(problem), "{}", page.text());

    project.write(
        "belljar.toml",
        CONFIG.split("[[build]]").next().expect("routes").as_bytes(),
    );
    let ended = run_command(belljar().arg("dev").current_dir(project.path()));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("add a [[build]]"), "{ended:?}");
}

#[test]
fn only_pages_that_a_browser_opens_get_the_script() {
    let project = Project::new("<p>page</p>", "");
    project.write("site/index.html", b"<p>static</p>");
    project.write("site/index.html.br", b"compressed");
    project.write("site/plain.txt", b"text");
    project.write("site/big.html", &b"<p>big</p>".repeat(20_000));
    project.write(
        "belljar.toml",
        format!("{CONFIG}\n[[site]]\nhosts = [\"static\"]\nfiles = \"site\"\n").as_bytes(),
    );
    let server = project.start();
    server.wait_for_text("/", "<p>page</p>");
    let opens = |method: &str, host: &str, target: &str| {
        let mut fields = OPENS.to_vec();
        fields.push(("Range", "bytes=0-1"));
        let head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        server.exchange(format!("{head}{fields}\r\n").as_bytes())
    };
    for (host, target, content) in [
        ("a", "/", "<p>page</p>"),
        ("static", "/", "<p>static</p>"),
        ("static", "/big.html", "<p>big</p>"),
    ] {
        let page = opens("GET", host, target);
        let text = page.text();
        assert_eq!(page.status, 200, "{host}{target}");
        assert!(text.starts_with(content), "{host}{target}");
        assert!(text.ends_with("\"></script>\n"), "{host}{target}: {text}");
        assert_eq!(page.field("etag"), None);
        assert_eq!(page.field("cache-control"), Some("no-store"));
        let head = opens("HEAD", host, target);
        assert_eq!(
            head.field("content-length"),
            page.field("content-length"),
            "{host}{target}"
        );
    }
    // A program gets what it gets of `serve`.
    let plain = server
        .exchange(b"GET / HTTP/1.1\r\nHost: static\r\nAccept: */*\r\nRange: bytes=0-1\r\n\r\n");
    assert_eq!((plain.status, plain.text().as_str()), (206, "<p"));
    // What is no page stays as it is.
    let text = opens("GET", "static", "/plain.txt");
    assert_eq!((text.status, text.text().as_str()), (200, "text"));
    assert!(text.field("etag").is_some());
    // Without `dev` there are neither scripts nor events.
    let server = Server::options()
        .arg("--dev")
        .arg(project.path().join("site"))
        .start();
    let page = server.request("GET", "/", &OPENS[..1]);
    assert_eq!(page.text(), "<p>static</p>");
    assert_eq!(server.get("/.belljar/events").status, 404);
}

#[test]
fn a_change_of_served_files_and_of_the_configuration_reaches_pages() {
    let project = Project::new("one", "");
    project.write("site/style.css", b"a");
    project.write(
        "belljar.toml",
        format!("{CONFIG}\n[[site]]\nhosts = [\"static\"]\nfiles = \"site\"\n").as_bytes(),
    );
    let server = project.start();
    server.wait_for_text("/", "one");
    let mut events = Events::of(&server);
    let first = events.next();
    project.write("site/.style.css.swp", b"an editor's file");
    project.write("site/style.css", b"b");
    let second = events.next();
    assert_ne!(first["page"], second["page"]);

    project.write("second.src", &answering_page("second"));
    project.write(
        "belljar.toml",
        format!(
            "{CONFIG}\n[[build]]\ncommand = \"cp second.src second.wasm\"\n\n\
             [[route]]\npath = \"/second\"\ncomponent = \"second.wasm\"\n"
        )
        .as_bytes(),
    );
    server.wait_for_text("/second", "second");
}

/// A build that waits while there is a file `hold`.
const HELD_BUILD: &str = "
echo run >> runs
cp page.src copy
while [ -e hold ]; do sleep 0.02; done
mv copy page.wasm
";

#[test]
fn a_request_during_the_first_build_waits_for_it() {
    let project = Project::new("one", "");
    project.write("build.sh", HELD_BUILD.as_bytes());
    project.write("hold", b"");
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let address = free.expect("a free port");
    std::thread::scope(|scope| {
        // This returns when the server announces its URL, after the build.
        let server = scope.spawn(|| {
            let options = Server::of_project_at_default_port(project.path());
            options.args(&format!("--listen {address}")).start()
        });
        let mut connection = None;
        wait_until("the server listens", || {
            connection = TcpStream::connect(address).ok();
            connection.is_some()
        });
        let mut client = Client::connect(address);
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        wait_until("the build begins", || project.path().join("runs").exists());
        fs::remove_file(project.path().join("hold")).expect("the file can be removed");
        let answer = client.response();
        assert_eq!((answer.status, answer.text().as_str()), (200, "one"));
        drop(server.join().expect("the server starts"));
    });
}

#[test]
fn a_change_during_a_build_starts_one_more() {
    let project = Project::new("zero", "");
    project.write("build.sh", HELD_BUILD.as_bytes());
    let server = project.start();
    let runs = || {
        fs::read_to_string(project.path().join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    };
    assert_eq!(runs(), 1);
    project.write("hold", b"");
    project.save("one");
    wait_until("the next build", || runs() == 2);
    project.save("two");
    project.save("three");
    fs::remove_file(project.path().join("hold")).expect("the file can be removed");
    server.wait_for_text("/", "three");
    wait_until("the builds end", || {
        server.log().matches(" built in ").count() == 3
    });
    assert_eq!(runs(), 3);
}

#[test]
fn a_stop_ends_the_processes_of_a_build() {
    let project = Project::new("one", "");
    let server = project.start();
    // A process that does not heed the first signal.
    let build = "sh -c 'trap \"\" TERM; echo started; while :; do sleep 0.1; done' & sleep 1000";
    project.write("build.sh", build.as_bytes());
    server.wait_for_log("the output of the build", |line| line == "started");
    let processes = processes_below(server.process_id());
    assert!(processes.len() >= 3, "{processes:?}");
    let server_process = Pid::from_raw(server.process_id().cast_signed()).expect("a process");
    kill_process(server_process, Signal::INT).expect("it can be stopped");
    for (process, command) in processes {
        wait_until(&format!("{command} ends"), || is_gone(process));
    }
}

/// Whether a process has ended. Nobody may have waited for it yet.
fn is_gone(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat"));
    status.map_or(true, |status| status.contains(") Z "))
}

#[test]
fn missing_tools_are_named_before_anything_is_built() {
    let project = Project::new(
        "one",
        "\n[[build]]\ncommand = \"no-such-tool a\"\n\n[[build]]\ncommand = \"cargo build --target no-such-target\"\n",
    );
    let ended = run_command(belljar().arg("dev").current_dir(project.path()));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for part in [
        "no-such-tool is missing",
        "`rustup target add no-such-target`",
    ] {
        assert!(ended.stderr.contains(part), "{ended:?}");
    }
    assert!(!project.path().join("page.wasm").exists());

    let empty = TempDir::new().expect("a folder can be made");
    let ended = run_command(belljar().arg("dev").current_dir(empty.path()));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("belljar new"), "{ended:?}");
}

#[test]
fn a_port_that_is_taken_is_replaced_unless_it_was_named() {
    let project = Project::new("one", "");
    // Another program may have it already.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let server = Server::of_project_at_default_port(project.path()).start();
    assert_ne!(server.address.port(), 8080);
    server.wait_for_log("the port", |line| {
        line.contains("another program uses 127.0.0.1:8080; the server listens on port ")
    });
    let address = server.address.to_string();
    let mut second = belljar();
    let second = second
        .args(["dev", "--listen", &address])
        .current_dir(project.path());
    let ended = run_command(second);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains(&format!("cannot listen on {address}")),
        "{ended:?}"
    );
}

#[test]
fn a_page_in_a_browser_loads_itself_again_and_shows_problems() {
    let project = Project::new("<title>one</title>", "");
    let server = project.start();
    server.wait_for_text("/", "<title>one</title>");
    let browser = Browser::start();
    browser.open(&server.url);
    let title = "return document.title";
    let problem = "return document.querySelector('belljar-problem')?.textContent ?? null";
    browser.wait_for("the page", title, |title| title == "one");
    project.save("<title>two</title>");
    browser.wait_for("the new page", title, |title| title == "two");
    project.save_broken();
    browser.wait_for("the problem", problem, |text| {
        text.as_str()
            .is_some_and(|text| text.contains("error: <b>expected</b> a page"))
    });
    assert_eq!(browser.run(title), "two");
    project.save("<title>three</title>");
    browser.wait_for("the page of the good build", title, |title| {
        title == "three"
    });
    assert_eq!(browser.run(problem), Value::Null);
    assert_eq!(browser.console_errors(), Vec::<String>::new());
}

/// The stream of events that a page listens to.
struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    fn of(server: &Server) -> Self {
        let mut client = server.connect();
        // Such a response is not chunked.
        client.send(b"GET /.belljar/events HTTP/1.0\r\n\r\n");
        Self(BufReader::new(client.stream()).lines())
    }

    fn next(&mut self) -> Value {
        loop {
            let line = self.0.next().expect("the stream goes on");
            if let Some(data) = line.expect("an event comes").strip_prefix("data: ") {
                return serde_json::from_str(data).expect("the data are JSON");
            }
        }
    }
}
