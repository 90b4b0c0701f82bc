//! Folders of handlers: files that appear, change, disappear, conflict or cannot be loaded.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Server, Site, answering, component, exploding, handler_that, run};

/// Starts a server with the folder `handlers` and the files of `public`.
fn serve(site: &Site, arguments: &str) -> Server {
    fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    site.write("public/index.html", b"a file\n");
    Server::options()
        .arg(site.at("public"))
        .arg("--handlers")
        .arg(site.at("handlers"))
        .args(arguments)
        .start()
}

#[test]
fn file_paths_become_routes() {
    let site = Site::new(&[]);
    for name in ["index", "api/index", "api/time", "[id]/posts", "über"] {
        site.write(&format!("handlers/{name}.wasm"), &answering(name));
    }
    let server = serve(&site, "");
    for (target, expected) in [
        ("/", "index"),
        ("/api", "api/index"),
        ("/api/", "api/index"),
        ("/api/time", "api/time"),
        ("/api/time/zone", "api/time"),
        ("/%61pi/time", "api/time"),
        ("/7/posts", "[id]/posts"),
        ("/%C3%BCber", "über"),
        ("/index.html", "a file\n"),
    ] {
        let answer = server.get(target);
        assert_eq!(answer.text(), expected, "{target}: {}", server.log());
    }
    assert_eq!(server.get("/api/none").status, 404);
}

/// Who may write into the folder chooses the names, and must not write lines of the log by them.
#[test]
#[cfg(unix)]
fn names_of_files_cannot_forge_log_lines() {
    let site = Site::new(&[]);
    let forged = "127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] forged";
    site.write(&format!("handlers/a\n{forged}.wasm"), &answering("a"));
    site.write(&format!("handlers/b\n{forged}\u{1b}[2J.wasm"), b"broken");
    let server = serve(&site, "");
    site.write("handlers/c.wasm", &answering("c"));
    server.wait_for_text("/c", "c");
    site.write(&format!("handlers/d\n{forged}.wasm"), &answering("d"));
    site.write("handlers/e.wasm", &answering("e"));
    server.wait_for_text("/e", "e");
    server.wait_for_log("a name", |line| line.contains(&format!("d\\n{forged}")));
    let log = server.log();
    assert!(
        !log.lines()
            .any(|line| line.starts_with("127.0.0.1") && line.contains("forged")),
        "{log}"
    );
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn follows_added_changed_renamed_and_removed_files() {
    let site = Site::new(&[]);
    let server = serve(&site, "");
    assert_eq!(server.get("/a").status, 404);
    site.write("handlers/a.wasm", &answering("1"));
    server.wait_for_text("/a", "1");
    site.write("handlers/a.wasm", &answering("2"));
    server.wait_for_text("/a", "2");
    server.wait_for_log("the swap", |line| line.contains("replaced: /a/*"));
    fs::rename(site.at("handlers/a.wasm"), site.at("handlers/b.wasm"))
        .expect("the file can be renamed");
    server.wait_for_text("/b", "2");
    server.wait_for_status("/a", 404);
    fs::remove_file(site.at("handlers/b.wasm")).expect("the file can be removed");
    server.wait_for_status("/b", 404);
    server.wait_for_log("the removal", |line| line.contains("removed: /b/*"));
}

/// Each refusal is logged with the file and the reason.
#[test]
fn refuses_broken_files_and_keeps_the_old_version() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("sound"));
    let server = serve(
        &site,
        "--timeout 1s --compile-memory 300MiB --compile-timeout 20s",
    );
    let hello = fs::read(component("hello")).expect("the component is there");
    for (bytes, reason) in [
        (
            b"this is no component".to_vec(),
            "not a WebAssembly component",
        ),
        (b"\0asm\x01\0\0\0".to_vec(), "core WebAssembly module"),
        (hello[..hello.len() / 2].to_vec(), "is incomplete"),
        (Vec::new(), "is incomplete"),
        (b"\0asm\x0d\0\x01\0".to_vec(), "exports nothing"),
        (damaged(&hello), "not a WebAssembly component"),
        (handler_that("", "unreachable"), "cannot start the handler"),
        (
            handler_that("", "(loop $l (br $l))"),
            "cannot start the handler",
        ),
        (exploding(5_000, 4_000), "raise --compile-memory"),
    ] {
        site.write("handlers/a.wasm", &bytes);
        let line = server.wait_for_log(reason, |line| line.contains(reason));
        assert!(
            line.contains("a.wasm: ") && line.contains("keeps serving"),
            "{line}"
        );
        assert_eq!(server.get("/a").text(), "sound", "{reason}");
        // The server must not mistake the next file for this one.
        site.write("handlers/a.wasm", &answering("sound"));
        wait_until_read(&server, &site, reason);
    }
    site.write("handlers/a.wasm", &answering("better"));
    server.wait_for_text("/a", "better");
}

/// Writes a witness and waits for it: once it is live, the server has read every file that was written before.
fn wait_until_read(server: &Server, site: &Site, text: &str) {
    site.write("handlers/witness.wasm", &answering(text));
    server.wait_for_text("/witness", text);
}

#[test]
fn refuses_a_component_that_compiles_too_slowly() {
    let site = Site::new(&[]);
    site.write("handlers/b.wasm", &answering("sound"));
    let server = serve(&site, "--compile-timeout 2s --compile-memory 16GiB");
    site.write("handlers/a.wasm", &exploding(5_000, 4_000));
    server.wait_for_log("the refusal", |line| {
        line.contains("a.wasm: ") && line.contains("--compile-timeout")
    });
    assert_eq!(server.get("/b").text(), "sound");
    wait_until_read(&server, &site, "sound");
}

#[test]
#[cfg(target_os = "linux")]
fn compilers_get_an_empty_environment() {
    let site = Site::new(&[]);
    let server = serve(&site, "--compile-memory 16GiB");
    assert_ne!(
        environment(server.process_id()),
        "",
        "the server has an environment"
    );
    site.write("handlers/a.wasm", &exploding(5_000, 4_000));
    let begin = Instant::now();
    let compiler = loop {
        let processes = crate::support::processes_below(server.process_id());
        // Before exec the new process is a copy of its parent.
        let found = processes
            .into_iter()
            .find(|(_, arguments)| arguments.contains("--seconds"));
        if let Some((process, _)) = found {
            break process;
        }
        assert!(
            begin.elapsed() < crate::support::WAIT_LIMIT,
            "{}",
            server.log()
        );
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(environment(compiler), "");
}

#[cfg(target_os = "linux")]
fn environment(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/environ")).expect("the process runs")
}

#[test]
fn starts_with_a_broken_handler_in_the_folder() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("sound"));
    site.write("handlers/b.wasm", b"this is no component");
    let server = serve(&site, "");
    assert_eq!(server.get("/a").text(), "sound");
    let answer = server.get("/b");
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (503, "503 Service Unavailable\n"),
        "the response is not a file, and its page does not give the reason"
    );
    site.write("handlers/b.wasm", &answering("mended"));
    server.wait_for_text("/b", "mended");
}

#[test]
fn waits_for_a_slow_copy() {
    let bytes = fs::read(component("untrusted")).expect("the component is there");
    // On a busy machine this thread may pause for longer than the server waits: then the attempt proves nothing.
    for _ in 0..10 {
        let site = Site::new(&[]);
        let server = serve(&site, "");
        let mut file =
            fs::File::create(site.at("handlers/hello.wasm")).expect("the file can be made");
        let mut longest_pause = Duration::ZERO;
        for piece in bytes.chunks(bytes.len() / 6) {
            let begin = Instant::now();
            file.write_all(piece).expect("the file can be written");
            // Long enough for the server to see an unchanged file, and try to load it.
            thread::sleep(Duration::from_millis(600));
            longest_pause = longest_pause.max(begin.elapsed());
        }
        server.wait_for_text("/hello/hello", "hello\n");
        if !server.log().contains("ERROR") {
            return;
        }
        assert!(longest_pause > Duration::from_secs(1), "{}", server.log());
    }
    panic!("the machine is too busy to copy a component steadily");
}

#[test]
fn reads_grants_from_the_file_beside_the_handler() {
    let site = Site::new(&[]);
    fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    fs::copy(component("untrusted"), site.at("handlers/env.wasm")).expect("the file can be copied");
    let server = serve(&site, "");
    assert_eq!(server.get("/env/env").text(), "");
    site.write("handlers/env.toml", b"[grants]\nenv = { A = \"1\" }\n");
    server.wait_for_text("/env/env", "A=1\n");
    for broken in [
        "[grants]\nenvy = {}\n",
        "[grants]\ndirs = [\"none::/none\"]\n",
    ] {
        site.write("handlers/env.toml", broken.as_bytes());
        server.wait_for_log(broken, |line| {
            line.contains("env.toml") && line.contains("keeps serving")
        });
        assert_eq!(server.get("/env/env").text(), "A=1\n");
    }
    fs::remove_file(site.at("handlers/env.toml")).expect("the file can be removed");
    server.wait_for_text("/env/env", "");
}

#[test]
fn a_live_handler_keeps_its_address() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("first"));
    let server = serve(&site, "");
    site.write("handlers/a/index.wasm", &answering("second"));
    let line = server.wait_for_log("the conflict", |line| line.contains("same address"));
    assert!(
        line.contains("index.wasm: ") && line.contains("a.wasm;"),
        "{line}"
    );
    assert_eq!(server.get("/a").text(), "first");
    fs::remove_file(site.at("handlers/a.wasm")).expect("the file can be removed");
    server.wait_for_text("/a", "second");
}

#[test]
fn a_failed_start_reports_conflicts_in_the_folder() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("first"));
    site.write("handlers/a/index.wasm", &answering("second"));
    site.write("broken.wasm", b"broken");
    let config =
        b"handlers = \"handlers\"\n[[route]]\npath = \"/x\"\ncomponent = \"broken.wasm\"\n";
    site.write("belljar.toml", config);
    let file = site.at("belljar.toml");
    let ended = run(["serve", "--config", file.to_str().expect("text")]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for part in ["same address", "broken.wasm"] {
        assert!(ended.stderr.contains(part), "{part}: {ended:?}");
    }
}

#[test]
fn handlers_of_an_unreadable_folder_keep_serving() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("1"));
    let server = serve(&site, "");
    fs::rename(site.at("handlers"), site.at("elsewhere")).expect("the file can be renamed");
    server.wait_for_log("the unreadable folder", |line| {
        line.contains("ERROR") && line.contains("its handlers keep serving")
    });
    assert_eq!(server.get("/a").text(), "1");
    site.write("elsewhere/b.wasm", &answering("2"));
    fs::rename(site.at("elsewhere"), site.at("handlers")).expect("the file can be renamed");
    server.wait_for_text("/b", "2");
    assert_eq!(server.get("/a").text(), "1");
}

#[test]
#[cfg(unix)]
fn sighup_reloads_everything() {
    use rustix::process::{Pid, Signal, kill_process};
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", b"broken");
    let server = serve(&site, "");
    let refused = |line: &str| line.contains("a.wasm: it is no");
    server.wait_for_log("the refusal", refused);
    // The refusal is logged once only, unless a reload is requested.
    wait_until_read(&server, &site, "sound");
    assert_eq!(server.log().lines().filter(|line| refused(line)).count(), 1);
    let process = i32::try_from(server.process_id())
        .ok()
        .and_then(Pid::from_raw);
    kill_process(process.expect("the process runs"), Signal::HUP).expect("the signal can be sent");
    let begin = std::time::Instant::now();
    while server.log().lines().filter(|line| refused(line)).count() < 2 {
        assert!(
            begin.elapsed() < crate::support::WAIT_LIMIT,
            "{}",
            server.log()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.get("/witness").text(), "sound");
}

/// Kubernetes deploys a volume like this: files are links through a link to a folder, and only that link is replaced.
#[test]
#[cfg(unix)]
fn follows_links_that_are_replaced() {
    let site = Site::new(&[]);
    site.write("handlers/..1/a.wasm", &answering("1"));
    site.write("handlers/..2/a.wasm", &answering("2"));
    site.symlink("..1", "handlers/..data");
    site.symlink("..data/a.wasm", "handlers/a.wasm");
    let server = serve(&site, "");
    assert_eq!(server.get("/a").text(), "1");
    site.symlink("..2", "handlers/..new");
    fs::rename(site.at("handlers/..new"), site.at("handlers/..data"))
        .expect("the file can be renamed");
    server.wait_for_text("/a", "2");
}

#[test]
fn refuses_to_start_if_handlers_could_be_downloaded() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("1"));
    let start = |folder: &Path, handlers: &Path| {
        run(["serve".as_ref(), folder, "--handlers".as_ref(), handlers])
    };
    let ended = start(&site.path(), &site.at("handlers"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("download"), "{ended:?}");
    let ended = start(&site.path(), &site.at("none"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("none"), "{ended:?}");
}

/// Overwrites a part of the code.
fn damaged(component: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 64] {
        *byte = 0xff;
    }
    bytes
}
