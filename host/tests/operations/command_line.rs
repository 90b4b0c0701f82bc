//! The command line: what the program prints, what it rejects, and how it exits.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Client, Server, Site, WAIT_LIMIT, component, head, run, run_command};

#[test]
fn prints_its_address_first() {
    let site = Site::new(&[("index.html", "page")]);
    let server = Server::options()
        .arg(site.path())
        .args("--listen 127.0.0.1:0")
        .start();
    let second = server.next_line();
    for url in [server.url.clone(), second.clone()] {
        let address = url
            .strip_prefix("http://")
            .unwrap_or_else(|| panic!("no URL: {url}"));
        let address: SocketAddr = address
            .trim_end_matches('/')
            .parse()
            .expect("an address and its real port");
        assert_ne!(address.port(), 0);
        assert_eq!(Client::connect(address).get("/").text(), "page");
    }
    assert_ne!(server.url, second);
}

#[test]
fn prints_ipv6_addresses_in_brackets() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("not tested: this machine has no IPv6");
        return;
    }
    let site = Site::new(&[("index.html", "page")]);
    let server = Server::options()
        .arg(site.path())
        .args("--listen [::1]:0")
        .start();
    let url = server.next_line();
    let address = url
        .strip_prefix("http://[::1]:")
        .unwrap_or_else(|| panic!("no URL: {url}"));
    let port: u16 = address.trim_end_matches('/').parse().expect("a port");
    assert_eq!(
        Client::connect(([0, 0, 0, 0, 0, 0, 0, 1], port).into())
            .get("/")
            .text(),
        "page"
    );
}

/// With exit status 2, no standard output, and one error.
#[test]
fn rejects_wrong_commands() {
    let site = Site::new(&[
        ("file.txt", "content"),
        ("text.wasm", "this is no component"),
    ]);
    let folder = site.path().display().to_string();
    let file = site.at("file.txt").display().to_string();
    let text = site.at("text.wasm").display().to_string();
    let missing = site.at("missing").display().to_string();
    let core_module = site
        .write("core.wasm", b"\0asm\x01\0\0\0")
        .display()
        .to_string();
    let no_exports = site
        .write("empty.wasm", b"\0asm\x0d\0\x01\0")
        .display()
        .to_string();
    let hello = std::fs::read(component("hello")).expect("the component can be read");
    let cut = site
        .write("cut.wasm", &hello[..hello.len() / 2])
        .display()
        .to_string();
    let greedy = site
        .write("greedy.wasm", &with_strange_imports())
        .display()
        .to_string();
    let busy = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let busy = busy
        .local_addr()
        .map(|address| (busy, address.to_string()))
        .expect("the port has a number");
    let missing_grant = format!("{missing}::/data");
    let empty = site.write("nothing.wasm", b"").display().to_string();
    let written = site.write("text.wat", b"(component)").display().to_string();
    let grant = |name: &str| format!("{folder}::{name}");
    let (root_grant, first_grant, same_grant) = (grant("/"), grant("/a"), grant("/a/"));
    let file_grant = format!("{file}::/data");
    let handler = component("untrusted").display().to_string();

    for (arguments, expected) in [
        (&["serve", &missing][..], missing.as_str()),
        (&["serve", &file], &file),
        (&["serve", &folder, "--listen", "nonsense"], "nonsense"),
        (&["serve", &folder, "--listen", "127.0.0.1:99999"], "99999"),
        (&["serve", &folder, "--listen", &busy.1], &busy.1),
        (&["serve", &folder, "--timeout", "soon"], "soon"),
        (&["serve", &folder, "--timeout", "30"], "30"),
        (&["serve", &folder, "--memory", "much"], "much"),
        (&["serve", &folder, "--max-body", "-1"], "-1"),
        (&["serve", &folder, "--max-instances", "0"], "0"),
        (&["serve", &folder, "--threads", "0"], "0"),
        (&["serve", &folder, "--env", "NOVALUE"], "NOVALUE"),
        (&["serve", &folder, "--dir", "nonsense"], "nonsense"),
        (
            &["serve", "--handler", &handler, "--dir", &missing_grant],
            &missing,
        ),
        (
            &["serve", "--handler", &handler, "--dir", &file_grant],
            &file,
        ),
        (&["serve", "--handler", &missing], &missing),
        (&["serve", "--handler", &folder], &folder),
        (&["serve", "--handler", &text], &text),
        (&["serve", "--handler", &file], &file),
        (&["serve", "--handler", &cut], &cut),
        (&["serve", "--handler", &empty], &empty),
        (&["serve", "--handler", &written], &written),
        (&["serve", &folder, "--dir", &root_grant], &folder),
        (
            &[
                "serve",
                "--handler",
                &handler,
                "--dir",
                &first_grant,
                "--dir",
                &same_grant,
            ],
            &folder,
        ),
        (&["serve", &folder, "--listen", "localhost"], "localhost"),
        (&["serve", &folder, "--listen", ""], "--listen"),
        (
            &["serve", &folder, "--listen", "192.0.2.1:80"],
            "192.0.2.1:80",
        ),
        (&["serve", &folder, "--timeout", "0s"], "--timeout"),
        (&["serve", &folder, "--cpu", "0s"], "--cpu"),
        (&["serve", &folder, "--memory", "0"], "--memory"),
        (&["serve", &folder, "--max-head", "0"], "--max-head"),
        (&["serve", &folder, "--max-head", "1GiB"], "--max-head"),
        (
            &["serve", &folder, "--max-head", "1GiB"],
            "it has to be 256B to 1MiB",
        ),
        (
            &["serve", &folder, "--max-handles", "0"],
            "it has to be 1 to 1000000",
        ),
        (
            &["serve", &folder, "--max-queue", "1000001"],
            "it has to be 0 to 1000000",
        ),
        (
            &["serve", &folder, "--total-memory", "1MiB"],
            "total-memory (1MiB) is less than memory (64MiB)",
        ),
        (
            &[
                "serve",
                "--handlers",
                &folder,
                "--memory",
                "1GiB",
                "--total-memory",
                "1MiB",
            ],
            "total-memory (1MiB) is less than memory (1GiB)",
        ),
        (
            &["serve", &folder, "--concurrency", "2"],
            "concurrency (2) is greater than reuse (1)",
        ),
        (
            &["serve", "--handler", &handler, "--store-max-key", "1KiB"],
            "store-max-key has no effect without a store",
        ),
        (
            &["serve", &folder, "--listen", "nonsense"],
            "write it as 127.0.0.1:8080",
        ),
        (
            &["serve", "--config", &file, "--max-instances", "5"],
            "cannot be used with",
        ),
        (
            &["serve", "--config", &file, "--reuse", "5"],
            "cannot be used with",
        ),
        (
            &["serve", &folder, "--cache-control", "a\r\nX: y"],
            "--cache-control",
        ),
        (&["serve", "--handler", &core_module], "component"),
        (&["serve", "--handler", &no_exports], "handle"),
        (&["serve", "--handler", &greedy], "acme:sockets"),
        (&["serve", "--handler", &handler, "--listing"], "--listing"),
        (&["serve", &folder, "--no-such-flag"], "--no-such-flag"),
        (&["serve", &folder, "another"], "another"),
        (&["no-such-command"], "no-such-command"),
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?} does not mention {expected}: {}",
            ended.stderr
        );
        for word in ["panicked", "backtrace", "Caused by"] {
            assert!(!ended.stderr.contains(word), "{}", ended.stderr);
        }
        let mut lines = ended.stderr.lines();
        // One line, or the lines that clap adds to its errors.
        if lines
            .next()
            .is_some_and(|line| line.starts_with("belljar: "))
        {
            assert_eq!(lines.next(), None, "{arguments:?}: {}", ended.stderr);
        }
        assert!(lines.count() <= 7, "{arguments:?}: {}", ended.stderr);
    }
}

/// The name of a folder may be any bytes.
#[cfg(unix)]
#[test]
fn serves_folders_with_any_name() {
    use std::os::unix::ffi::OsStrExt;
    for name in [
        &b"with space"[..],
        "\u{fc}n\u{ef}code".as_bytes(),
        b"not\xffutf-8",
        b"-v",
        b"a::b",
    ] {
        let around = Site::new(&[]);
        let folder = around.path().join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir(&folder).expect("the folder can be made");
        std::fs::write(folder.join("index.html"), "page").expect("the file can be written");
        let server = Server::options().arg(&folder).start();
        assert_eq!(server.get("/").text(), "page", "{}", folder.display());
    }
}

/// The server does not start if it has no permission to read the folder.
#[cfg(target_os = "linux")]
#[test]
fn rejects_an_unreadable_folder() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new(&[]);
    let closed = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(site.path(), closed).expect("the folder is there");
    if std::fs::read_dir(site.path()).is_ok() {
        eprintln!("not tested: this user may read everything");
        return;
    }
    let ended = run(["serve".as_ref(), site.path().as_os_str()]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn prints_help_and_version() {
    for (arguments, expected) in [
        (&["--help"][..], "serve"),
        (&["serve", "--help"], "--max-body"),
        (&["get", "--help"], "HOST PORT PATH"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let ended = run(arguments);
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        assert!(
            ended.stdout.contains(expected),
            "{arguments:?}: {}",
            ended.stdout
        );
    }
    // The help lists every flag of the older versions.
    let help = run(["serve", "--help"]).stdout;
    for flag in [
        "--listen",
        "--handler",
        "--dir",
        "--env",
        "--index",
        "--listing",
        "--spa",
        "--threads",
        "--timeout",
        "--cpu",
        "--memory",
        "--max-body",
        "--max-head",
        "--max-connections",
        "--max-instances",
        "--queue-timeout",
        "--header-timeout",
        "--body-timeout",
        "--idle-timeout",
        "--send-timeout",
        "--grace",
    ] {
        assert!(help.contains(flag), "the help has no {flag}");
    }
}

#[test]
fn serves_the_current_folder_by_default() {
    let site = Site::new(&[("index.html", "page")]);
    let folder = site.path();
    let in_folder = |command: &mut std::process::Command| {
        command.current_dir(&folder);
    };
    let server = Server::options().command(in_folder).start();
    assert_eq!(server.get("/").text(), "page");
}

#[test]
fn grants_folders_to_a_handler() {
    let read = Site::new(&[("file.txt", "content")]);
    let written = Site::new(&[("file.txt", "content")]);
    let server = Server::options()
        .handler("untrusted")
        .dir(&read.path(), "::/read")
        .dir(&written.path(), "::/written:rw")
        .start();
    for folder in ["read", "written"] {
        assert_eq!(
            server.get(&format!("/fifo?path=/{folder}/file.txt")).text(),
            "read 1 bytes\n",
            "{folder}"
        );
    }
    assert!(
        server
            .get("/fifo?path=/file.txt")
            .text()
            .starts_with("refused"),
        "the handler has no / of its own"
    );
    assert!(
        !server
            .get("/write?path=/read/new.txt")
            .text()
            .contains("ALLOWED")
    );
    assert!(
        server
            .get("/write?path=/written/new.txt")
            .text()
            .starts_with("write: ALLOWED\n")
    );
    assert!(!read.at("new.txt").exists() && written.at("new.txt.link").exists());
    // Without a grant the handler has no folder.
    assert_eq!(
        Server::shared().get("/file?path=/file.txt").text(),
        "no folder was granted\n"
    );
}

#[test]
fn runs_the_hello_example() {
    let server = Server::options().handler("hello").start();
    for target in ["/", "/any/address?at=all"] {
        let answer = server.get(target);
        assert_eq!(
            (answer.status, answer.need("content-type")),
            (200, "text/html; charset=utf-8"),
            "{target}"
        );
        assert!(
            answer
                .text()
                .contains("<h1>Hello from under the bell jar</h1>"),
            "{target}"
        );
    }
}

#[test]
fn logs_a_line_for_each_request() {
    let server = Server::of_untrusted("");
    assert_eq!(server.get("/hello?x=1").status, 200);
    let line = server.wait_for_log("the request", |line| {
        line.contains("GET /hello?x=1 HTTP/1.1")
    });
    assert!(
        line.contains(" 200 ") && line.contains("127.0.0.1"),
        "{line}"
    );
    assert_eq!(server.get("/status?code=418").status, 418);
    let line = server.wait_for_log("the request", |line| line.contains("/status?code=418"));
    assert!(line.contains(" 418 "), "{line}");
    // A request cannot add a line to the log, nor end the field that quotes it.
    assert_eq!(server.get("/nothing\"%0a500").status, 404);
    let line = server.wait_for_log("the request", |line| line.contains("/nothing"));
    assert!(
        !line.contains("/nothing\"") && line.contains("%0a500"),
        "{line}"
    );
    assert_eq!(
        server
            .exchange(b"GET /hello\x1b[2J HTTP/1.1\r\n\r\n")
            .status,
        400
    );
    assert!(!server.log().contains('\u{1b}'));
}

#[test]
fn verbose_logs_both_heads() {
    let server = Server::of_untrusted("-v");
    assert_eq!(
        server
            .request("GET", "/hello", &[("X-Asked", "this")])
            .status,
        200
    );
    for line in [
        "> GET /hello HTTP/1.1",
        "> X-Asked: this",
        "< HTTP/1.1 200 OK",
        "< Content-Length: 6",
    ] {
        server.wait_for_log(line, |found| found.trim_end().eq_ignore_ascii_case(line));
    }
    server.exchange(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nX: \xc2\x9b31m\xff\r\n\r\n");
    server.wait_for_log("the field with control characters", |line| {
        line.starts_with("> X: ")
    });
    assert!(
        !server.log().contains('\u{9b}'),
        "a control character of the client reached the terminal"
    );
}

#[test]
fn rust_log_sets_the_log_level() {
    for (level, said) in [("error", false), ("info", true), ("guest=info", true)] {
        let with_level = |command: &mut std::process::Command| {
            command.env("RUST_LOG", level);
        };
        let server = Server::options()
            .handler("untrusted")
            .command(with_level)
            .start();
        assert_eq!(server.get("/print").status, 200);
        // The access log follows the output of the handler.
        server.wait_for_log("the request", |line| line.contains("GET /print"));
        assert_eq!(
            server.log().contains("a line on the standard output"),
            said,
            "{level}: {}",
            server.log()
        );
    }
}

/// Without address space for a pool of instances the server logs so, and serves.
#[cfg(target_os = "linux")]
#[test]
fn serves_in_a_small_address_space() {
    let site = Site::new(&[("index.html", "page")]);
    let server = Server::options_under("-v 2000000").arg(site.path()).start();
    server.wait_for_log("how instances are allocated", |line| {
        line.contains("on demand")
    });
    for _ in 0..5 {
        assert_eq!(server.get("/").text(), "page");
    }
}

/// The server listens on all addresses of a name, and prints a line for each.
#[test]
fn listens_on_a_name() {
    let site = Site::new(&[("index.html", "page")]);
    let server = Server::options()
        .arg(site.path())
        .args("--listen localhost:0")
        .start();
    let second = server.next_line();
    let address = second
        .strip_prefix("http://")
        .map(|rest| rest.trim_end_matches('/'));
    let address: SocketAddr = address
        .and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("no URL: {second}"));
    assert!(address.ip().is_loopback(), "{address}");
    assert_eq!(Client::connect(address).get("/").text(), "page");
}

/// After the signal the server accepts no new connections.
#[cfg(unix)]
#[test]
fn finishes_requests_in_flight_after_a_signal() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::of_untrusted("--grace 50s --idle-timeout 50s");
        let mut idle = server.connect();
        assert_eq!(idle.get("/hello").status, 200);
        let mut in_flight = server.connect();
        in_flight.send(head(
            "POST",
            "/echo",
            &[("Content-Length", "5"), ("Expect", "100-continue")],
        ));
        assert_eq!(in_flight.response().status, 100);

        send_signal(&server, signal);
        idle.assert_closed("the signal, without a request in flight");
        assert_refused(server.address);
        in_flight.send("hello");
        let answer = in_flight.response();
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
        assert!(answer.closes(), "{}", answer.head);
        in_flight.assert_closed("the last answer");
        assert_eq!(server.wait(), Some(0), "log:\n{}", server.log());
    }
}

#[cfg(unix)]
#[test]
fn cuts_requests_after_the_grace_period() {
    let mut server = Server::of_untrusted("--grace 300ms --timeout 10m --cpu 10m");
    let mut clients: Vec<_> = ["/sleep?ms=600000", "/loop"]
        .map(|target| (server.connect(), target))
        .into();
    for (client, target) in &mut clients {
        client.send(head("GET", target, &[]));
    }
    server.assert_alive("the start of two long requests");
    send_signal(&server, rustix::process::Signal::TERM);
    assert_eq!(server.wait(), Some(0), "log:\n{}", server.log());
    for (client, target) in &mut clients {
        // The connection is cut, or the response is an error, but never a success.
        if let Ok(answer) = client.try_response(false) {
            assert!(answer.status >= 500, "{target}: {}", answer.head);
        }
    }
}

/// A second signal skips the grace period.
#[cfg(unix)]
#[test]
fn exits_at_once_after_a_second_signal() {
    use rustix::process::Signal;
    for (first, second) in [(Signal::TERM, Signal::INT), (Signal::INT, Signal::INT)] {
        let mut server = Server::of_untrusted("--grace 10m --timeout 10m");
        let mut client = server.connect();
        client.send(head("GET", "/sleep?ms=600000", &[]));
        server.assert_alive("a sleeper");
        send_signal(&server, first);
        server.wait_for_log("the first signal", |line| line.contains("stopping"));
        send_signal(&server, second);
        assert_eq!(server.wait(), Some(1));
        assert!(
            client.try_response(false).is_err(),
            "an answer after the end"
        );
    }
}

/// Other servers open their log files again. Whoever sends these signals to this server must not end it.
#[cfg(unix)]
#[test]
fn signals_to_open_log_files_again_end_nothing() {
    use rustix::process::Signal;
    let site = Site::new(&[("index.html", "page")]);
    let server = Server::of_site(&site);
    for (signal, name) in [(Signal::USR1, "SIGUSR1"), (Signal::USR2, "SIGUSR2")] {
        send_signal(&server, signal);
        server.wait_for_log("the answer", |line| {
            line.contains(name) && line.contains("standard error")
        });
    }
    send_signal(&server, Signal::PIPE);
    assert_eq!(server.get("/").text(), "page");
}

/// The server ends with an error, and neither panics nor hangs. The limit holds for a user other than root, who has no
/// other processes here.
#[cfg(target_os = "linux")]
#[test]
fn ends_with_an_error_if_it_may_start_no_threads() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not tested: only root can start the server as another user");
        return;
    }
    let site = Site::new(&[]);
    for most in [1, 2, 3, 4, 6] {
        // The program is opened before the user changes, who need not reach its folder.
        let script = format!(
            "exec 9<\"$0\" && exec setpriv --reuid=54321 --clear-groups prlimit --nproc={most} /proc/self/fd/9 \"$@\""
        );
        let mut command = std::process::Command::new("sh");
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--threads", "2"];
        command.arg("-c").arg(script).arg(crate::support::program());
        let ended = run_command(command.args(arguments).arg(site.path()));
        if ["setpriv", "prlimit"]
            .iter()
            .any(|name| ended.stderr.contains(name))
        {
            eprintln!("not tested: {}", ended.stderr);
            return;
        }
        assert_eq!(ended.code, Some(2), "{most}: {ended:?}");
        let message = &ended.stderr;
        assert!(
            message.contains("thread") && !message.contains("panicked"),
            "{most}: {message}"
        );
        assert!(message.contains("ulimit -u"), "{most}: {message}");
    }
}

#[cfg(unix)]
#[test]
fn exits_at_once_when_idle() {
    let site = Site::new(&[]);
    let mut server = Server::options()
        .arg(site.path())
        .args("--grace 10m --idle-timeout 10m")
        .start();
    let mut idle = server.connect();
    assert_eq!(idle.get("/").status, 404);
    let mut silent = server.connect();
    let mut partial = server.connect();
    partial.send("GET / HTTP/1.1\r\nHo");
    send_signal(&server, rustix::process::Signal::TERM);
    idle.assert_closed("the signal");
    silent.assert_closed("the signal");
    partial.finish_sending();
    assert_eq!(server.wait(), Some(0));
}

#[cfg(unix)]
fn send_signal(server: &Server, signal: rustix::process::Signal) {
    use rustix::process::{Pid, kill_process};
    let process = i32::try_from(server.process_id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process has a number");
    kill_process(process, signal).expect("the server is there");
}

/// Connections accepted before the listener closed may still succeed for a moment.
fn assert_refused(address: SocketAddr) {
    let begin = Instant::now();
    while TcpStream::connect_timeout(&address, WAIT_LIMIT).is_ok() {
        assert!(
            begin.elapsed() < WAIT_LIMIT,
            "new connections are still accepted"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// The example `untrusted` with some imports renamed, so that no host provides them.
fn with_strange_imports() -> Vec<u8> {
    let mut bytes = std::fs::read(component("untrusted")).expect("the component can be read");
    let (known, strange) = (b"wasi:sockets/", b"acme:sockets/");
    let places: Vec<_> = bytes
        .windows(known.len())
        .enumerate()
        .filter(|(_, name)| name == known)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "the component has no such import");
    for at in places {
        bytes[at..at + strange.len()].copy_from_slice(strange);
    }
    bytes
}
