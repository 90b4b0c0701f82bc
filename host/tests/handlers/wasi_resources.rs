//! What guests use of the system through WASI: listings, file work, open files, sockets and handles, with WASI 0.2 and 0.3.

use std::io::{Read, Write};

use crate::support::{Client, Peer, Server, ServerOptions, Site, head};

/// Many listings of a large folder at once hold a few entries each, and find them all.
#[cfg(target_os = "linux")]
#[test]
fn a_listing_of_a_large_folder_needs_little_memory() {
    const FILES: usize = 5000;
    let site = Site::new(&[]);
    for number in 0..FILES {
        site.write(&format!("a file with a long name, {number}"), b"");
    }
    for (handler, target, count, expected) in [
        (
            "untrusted",
            "/list-folder?n=",
            100,
            format!("100 lists of {FILES} entries\n"),
        ),
        (
            "test_service",
            "/list?n=",
            10,
            format!("{} entries, [Ok(())]\n", 10 * FILES),
        ),
    ] {
        let options = Server::options().arg(site.path()).handler(handler);
        let server = options.args("--cpu 5m --timeout 10m").start();
        // The instance itself is in memory before.
        assert_eq!(
            server.get(&format!("{target}1")).status,
            200,
            "{}",
            server.log()
        );
        let before = server.most_memory();
        let listed = server.get(&format!("{target}{count}")).text();
        assert_eq!(listed, expected, "{}", server.log());
        let grown = server.most_memory() - before;
        assert!(grown < 24 << 20, "{handler}: {grown} bytes");
    }
}

/// Opening a FIFO waits for its other end. The host refuses to open one instead.
#[cfg(unix)]
#[test]
fn wasi_03_does_not_wait_for_a_fifo() {
    let site = Site::new(&[("page.txt", "page")]);
    site.fifo("fifo");
    let options = Server::options().arg(site.path()).handler("test_service");
    let server = options.args("--timeout 10m").start();
    for (path, outcome) in [
        ("fifo", "Err(ErrorCode::Unsupported)\n"),
        ("page.txt", "Ok(())\n"),
        ("missing", "Err(ErrorCode::NoEntry)\n"),
        ("../outside", "Err(ErrorCode::NotPermitted)\n"),
    ] {
        let answer = server.get(&format!("/open?path={path}"));
        assert_eq!(answer.text(), outcome, "{path}");
    }
}

#[test]
fn wasi_03_changes_files_where_it_may_write() {
    for (suffix, expected) in [
        (
            "::/:rw",
            "append: Ok(())\nappend: Ok(())\nsize: Ok(())\ntimes: Ok(())\nsync-data: Ok(())\nsync: Ok(())\n\
             folder: Ok(())\ntimes-at: Ok(())\nlink: Ok(())\nrename: Ok(())\nsymlink: Ok(())\nunlink: Ok(())\n\
             full: Err(ErrorCode::NotEmpty)\n\"some te\"\n",
        ),
        ("::/", "create: ErrorCode::NotPermitted\n"),
    ] {
        let site = Site::new(&[]);
        let options = Server::options().dir(&site.path(), suffix);
        let server = options.handler("test_service").start();
        assert_eq!(server.get("/change").text(), expected);
    }
}

/// The processor time of file operations counts, although they run on threads of their own.
#[cfg(target_os = "linux")]
#[test]
fn file_work_counts_as_cpu_time() {
    // On the disk of the build: a file system in memory reads nothing ahead.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
    let file = std::fs::File::create(folder.path().join("sparse")).expect("the file can be made");
    file.set_len(256 << 20).expect("the file can be that long");
    for handler in ["test_grants", "test_service"] {
        let options = Server::options().dir(folder.path(), "::/data:rw");
        let server = options
            .handler(handler)
            .args("--cpu 50ms --timeout 10m")
            .start();
        assert_eq!(server.get("/advise?n=1").text(), "advised\n", "{handler}");
        assert_eq!(server.get("/advise?n=200").status, 504, "{handler}");
        server.wait_for_log("the reason", |line| line.contains("(cpu)"));
    }
}

/// The file operations of many requests run on few threads, which give way to others.
#[cfg(target_os = "linux")]
#[test]
fn file_work_runs_on_few_threads_of_low_priority() {
    for (handler, target) in [
        (
            "test_grants",
            "/write?path=/data/file&count=1000000&length=1000000",
        ),
        ("test_service", "/write?n=1000000&length=1000000"),
    ] {
        let site = Site::new(&[]);
        let options = writing(&site, handler).args("--cpu 10m --timeout 10m");
        let server = options.start();
        let mut busy: Vec<Client> = (0..16).map(|_| server.connect()).collect();
        for client in &mut busy {
            client.send(head("GET", target, &[]));
        }
        server.wait_for_thread("file-work");
        for _ in 0..20 {
            server.get("/no-such-path");
        }
        // A handler does four operations at once. But a thread may start while another has just done its work, so the
        // bound of all threads counts.
        let threads = threads(&server);
        let working: Vec<_> = threads
            .iter()
            .filter(|(name, _)| name == "file-work")
            .collect();
        assert!((1..=64).contains(&working.len()), "{threads:?}");
        assert!(working.iter().all(|(_, nice)| *nice > 0), "{threads:?}");
    }
}

/// Guests that open as many files as they can leave files for connections and for other handlers.
#[cfg(target_os = "linux")]
#[test]
fn open_files_of_handlers_leave_some_for_connections() {
    let site = Site::new(&[("index.html", "page")]);
    // 64 are the server's, and a quarter of the rest is for handlers: this one may have half of it.
    let options = Server::options_under("-n 512").arg(site.path());
    let options = options.handler("untrusted");
    let server = options.args("--max-handles 1000 --timeout 10m").start();
    let mut hoarders: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut hoarders {
        client.send(head("GET", "/open-many?ms=600000", &[]));
    }
    let first = server.get("/open-many").text();
    assert!(first.contains("`ENOMEM`"), "{first}");
    let open = server.open_files();
    assert!(open < 64 + 56 + 40, "{open} open files");
    for _ in 0..10 {
        server.assert_alive("opening many files");
    }
    drop(hoarders);
    server.wait_for_text("/open-many?n=40", "40 open, then: as many as asked for\n");
}

#[test]
fn sockets_and_connections_count_as_open_files() {
    // It sends no body, and waits until its client closes the connection.
    let peer = Peer::start(|stream| {
        let _ = stream
            .get_mut()
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (address, url) = (peer.address, peer.url());
    let server = Server::options()
        .handler("test_grants")
        .args(&format!("--allow-tcp {address} --allow-outbound {url}"))
        .args("--max-open-files 3")
        .start();
    let three = format!("/tcp-many?to={address}&count=3");
    let four = format!("/tcp-many?to={address}&count=4");
    let fetched = format!("/fetch-many?url={url}/&count=5&between=1");
    for _ in 0..2 {
        server.wait_for_text(&three, "3 connections\n");
        let refused = server.get(&four).text();
        assert!(refused.contains("connections, then"), "{refused}");
        let some = server.get(&fetched).text();
        assert!(some.contains("ErrorCode::ConnectionLimitReached"), "{some}");
    }
}

/// The tasks and streams of WASI 0.3 are handles too, and the log names the limit.
#[test]
fn max_handles_bounds_tasks_and_streams_of_wasi_03() {
    let server = Server::options().handler("test_service").start();
    for (target, status) in [
        ("/streams?n=50", 200),
        ("/streams?n=1000", 500),
        ("/tasks?n=50&pause=1", 200),
        ("/tasks?n=2000&pause=600000", 500),
    ] {
        assert_eq!(server.get(target).status, status, "{target}");
    }
    server.wait_for_log("the limit", |line| line.contains("raise max-handles"));
    let options = Server::options().handler("test_service");
    let server = options.args("--max-handles 5000").start();
    for target in ["/streams?n=1000", "/tasks?n=1000&pause=1"] {
        assert_eq!(server.get(target).status, 200, "{target}: {}", server.log());
    }
}

#[test]
fn the_log_names_the_limit_of_handles() {
    let site = Site::new(&[("index.html", "page")]);
    let options = Server::options().arg(site.path()).handler("untrusted");
    let server = options.args("--max-handles 20").start();
    assert_eq!(server.get("/open-many").status, 500);
    server.wait_for_log("the limit", |line| {
        line.contains("20 handles") && line.contains("raise max-handles")
    });
}

fn writing(site: &Site, handler: &str) -> ServerOptions {
    let options = Server::options().handler(handler);
    options.dir(&site.path(), "::/data:rw")
}

/// The names and nice values of the threads.
#[cfg(target_os = "linux")]
fn threads(server: &Server) -> Vec<(String, i32)> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.process_id()));
    let tasks = tasks.expect("the process is there").flatten();
    tasks
        .map(|task| {
            let stat = stat(&format!("{}/stat", task.path().display()));
            (stat[1].clone(), stat[18].parse().expect("a number"))
        })
        .collect()
}

/// The fields of a file `stat` of the system, the name without its brackets.
#[cfg(target_os = "linux")]
fn stat(file: &str) -> Vec<String> {
    let stat = std::fs::read_to_string(file).expect("the process is there");
    let (id, rest) = stat.split_once(" (").expect("the name is in brackets");
    let (name, rest) = rest.rsplit_once(") ").expect("the name is in brackets");
    let fields = [id, name].into_iter().chain(rest.split_whitespace());
    fields.map(str::to_owned).collect()
}
