//! Grants of wasi:keyvalue and wasi:config: the store of a handler, its limits, and its configuration values.

use std::fs;
use std::path::Path;
use std::thread;

use crate::support::{Server, ServerOptions, Site, component, run};

fn options(file: &Path, flags: &str) -> ServerOptions {
    let options = Server::options().handler("test_grants").args(flags);
    options.arg("--store").arg(file)
}

fn kv(server: &Server, operation: &str) -> String {
    let answer = server.get(&format!("/kv/{operation}")).text();
    answer.trim_end().to_owned()
}

#[test]
fn stores_values_until_they_are_deleted() {
    let site = Site::new(&[]);
    let server = options(&site.at("store"), "").start();
    for (operation, expected) in [
        ("get?key=a", "none"),
        ("exists?key=a", "false"),
        ("set?key=a&value=one", "set"),
        ("get?key=a", "one"),
        ("get?key=a&bucket=default", "one"),
        ("get?key=a&bucket=other", "none"),
        ("set?key=a&value=two&bucket=other", "set"),
        ("get?key=a", "one"),
        ("exists?key=a", "true"),
        ("set?key=a&value=", "set"),
        ("get?key=a", ""),
        ("delete?key=a", "deleted"),
        ("delete?key=a", "deleted"),
        ("get?key=a", "none"),
        ("get?key=a&bucket=other", "two"),
        ("set?key=&value=empty", "set"),
        ("get?key=", "empty"),
        ("increment?key=n", "1"),
        ("increment?key=n&delta=41", "42"),
        ("get?key=n", "42"),
        (
            "increment?key=",
            "Error::Other(\"the value of `` cannot be incremented: it is not an unsigned decimal number of 64 bits\")",
        ),
        (
            "batch?bucket=b",
            "[Some((\"a\", [51])), None, Some((\"b\", [50]))] [None, None, Some((\"b\", [50]))]",
        ),
        ("list?bucket=new", "0 keys, 1 pages"),
        ("list?bucket=new&count=2500", "2500 keys, 3 pages"),
    ] {
        assert_eq!(kv(&server, operation), expected, "{operation}");
    }
    let long = format!("get?bucket={}", "b".repeat(65));
    assert_eq!(kv(&server, &long), "Error::NoSuchStore");
    let many = kv(&server, "list?bucket=many&count=10001");
    assert!(many.contains("more than the maximum of 10000"), "{many}");
}

/// Dropping the server kills it: a value must be on disk before the response is sent.
#[test]
fn values_survive_a_killed_server() {
    let site = Site::new(&[]);
    let file = site.at("store");
    for start in 1..=3 {
        let server = options(&file, "").start();
        assert_eq!(kv(&server, "increment?key=starts"), start.to_string());
        drop(server);
    }
    // The same after an orderly stop.
    let mut server = options(&file, "").start();
    assert_eq!(kv(&server, "increment?key=starts"), "4");
    #[cfg(unix)]
    {
        let process = rustix::process::Pid::from_raw(server.process_id() as i32);
        let process = process.expect("the process has an id");
        rustix::process::kill_process(process, rustix::process::Signal::TERM)
            .expect("the signal can be sent");
        assert_eq!(server.wait(), Some(0));
    }
    drop(server);
    assert_eq!(kv(&options(&file, "").start(), "get?key=starts"), "4");

    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(&file).expect("the store exists");
        assert_eq!(metadata.mode() & 0o777, 0o600);
    }
}

#[test]
fn concurrent_increments_all_count() {
    const WRITERS: usize = 100;
    let site = Site::new(&[]);
    let server = options(&site.at("store"), "").start();
    let mut sums: Vec<u64> = thread::scope(|scope| {
        let one = || kv(&server, "increment?key=n").parse().expect("a number");
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(one)).collect();
        let joined = writers.into_iter().map(|writer| writer.join());
        joined
            .map(|sum| sum.expect("the request was answered"))
            .collect()
    });
    sums.sort_unstable();
    let expected: Vec<u64> = (1..=WRITERS as u64).collect();
    assert_eq!(sums, expected);
}

#[test]
fn enforces_the_quota_of_a_handler() {
    let site = Site::new(&[]);
    let file = site.at("store");
    let full = "is full: it would hold";
    {
        let server = options(&file, "--store-max-bytes 1000B").start();
        assert_eq!(kv(&server, "set?key=a&value=x&times=500"), "set");
        let answer = kv(&server, "set?key=b&value=x&times=500");
        assert!(
            answer.contains(full) && answer.contains("--store-max-bytes"),
            "{answer}"
        );
        assert_eq!(kv(&server, "get?key=b"), "none");
        // All buckets share the quota, and counters count as values.
        assert!(kv(&server, "set?bucket=other&key=b&value=x&times=500").contains(full));
        for number in 0..20 {
            kv(&server, &format!("increment?key=n{number}"));
        }
        assert!(kv(&server, "increment?key=last").contains(full));
    }
    let server = options(&file, "--store-max-bytes 1000B").start();
    assert!(kv(&server, "set?key=b&value=x&times=500").contains(full));
    assert_eq!(kv(&server, "delete?key=a"), "deleted");
    assert_eq!(kv(&server, "set?key=b&value=x&times=400"), "set");
}

#[test]
fn enforces_the_size_of_keys_and_values() {
    let site = Site::new(&[]);
    let server = options(
        &site.at("store"),
        "--store-max-key 10B --store-max-value 10B",
    )
    .start();
    for (operation, flag) in [
        ("set?key=0123456789&value=0123456789", None),
        ("set?key=01234567890&value=v", Some("--store-max-key")),
        ("set?key=k&value=01234567890", Some("--store-max-value")),
        ("increment?key=01234567890", Some("--store-max-key")),
        (
            "increment?key=k&delta=12345678901",
            Some("--store-max-value"),
        ),
    ] {
        let answer = kv(&server, operation);
        match flag {
            None => assert_eq!(answer, "set", "{operation}"),
            Some(flag) => assert!(answer.contains(flag), "{operation}: {answer}"),
        }
    }
}

#[test]
fn handlers_cannot_see_the_keys_of_others() {
    let site = Site::new(&[]);
    let file = site.at("store");
    let handler = fs::read(component("test_grants")).expect("the component can be read");
    let other = site.write("other.wasm", &handler);
    assert_eq!(
        kv(&options(&file, "").start(), "set?key=a&value=secret"),
        "set"
    );
    let server = Server::options()
        .arg("--handler")
        .arg(&other)
        .arg("--store")
        .arg(&file)
        .start();
    assert_eq!(kv(&server, "get?key=a"), "none");
    assert_eq!(kv(&server, "list"), "0 keys, 1 pages");
}

#[test]
fn without_a_store_buckets_are_denied_and_the_log_names_the_flag() {
    let server = Server::options().handler("test_grants").start();
    for _ in 0..2 {
        assert_eq!(kv(&server, "get?key=a"), "Error::AccessDenied");
    }
    server.wait_for_log("the flag for a store", |line| {
        line.contains("--store FILE") && line.contains("test_grants")
    });
    assert_eq!(server.log().matches("--store FILE").count(), 1);
}

/// The error is one line, and the server does not begin to listen.
#[test]
fn refuses_to_start_with_an_unusable_store() {
    let site = Site::new(&[(
        "text.txt",
        "this is not a store, and longer than a few bytes",
    )]);
    let handler = component("test_grants").display().to_string();
    let store = site.at("store");
    let running = options(&store, "").start();
    assert_eq!(kv(&running, "set?key=a&value=1"), "set");
    let damaged = site.at("damaged");
    {
        let server = options(&damaged, "").start();
        kv(&server, "list?count=1000");
    }
    let bytes = fs::read(&damaged).expect("the store can be read");
    let mut torn = bytes.clone();
    torn[9..400].fill(0xff);
    let header = site.write("header", &torn);
    let cut = site.write("cut", &bytes[..bytes.len() / 2]);
    for (file, expected) in [
        (site.at("missing/store"), "its folder does not exist"),
        (site.path(), "cannot be opened"),
        (site.at("text.txt"), "is not a key-value store"),
        (store, "is in use by another process"),
        (header, "is damaged"),
        (cut, "is damaged"),
    ] {
        let file = file.display().to_string();
        for arguments in [
            &[
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--handler",
                &handler,
                "--store",
                &file,
            ][..],
            &["check", &handler, "--store", &file],
        ] {
            let ended = run(arguments);
            assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
            let line = ended.stderr.trim_end();
            assert!(
                line.contains(expected) && line.contains(&file),
                "{arguments:?}: {line}"
            );
            assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
        }
    }
    assert_eq!(kv(&running, "get?key=a"), "1");
}

#[test]
fn set_flags_become_configuration_values() {
    let server = Server::options()
        .handler("test_grants")
        .args("--set color=blue --set empty= --set equation=a=b")
        .start();
    for (query, expected) in [
        ("/config?name=color", "Ok(Some(\"blue\"))\n"),
        ("/config?name=empty", "Ok(Some(\"\"))\n"),
        ("/config?name=equation", "Ok(Some(\"a=b\"))\n"),
        ("/config?name=other", "Ok(None)\n"),
        (
            "/config-all",
            "[(\"color\", \"blue\"), (\"empty\", \"\"), (\"equation\", \"a=b\")]\n",
        ),
    ] {
        assert_eq!(server.get(query).text(), expected, "{query}");
    }
    let handler = component("test_grants").display().to_string();
    for (arguments, expected) in [
        (
            &["--set", "color=blue", "--set", "color=red"][..],
            "--set color is given twice",
        ),
        (&["--set", "color"], "NAME=VALUE"),
        (&["--set", "=blue"], "NAME=VALUE"),
        (
            &["--allow-outbound", "api.example.com"],
            "https://api.example.com",
        ),
        (&["--allow-private", "localhost"], "10.0.0.0/8"),
    ] {
        let ended = run(["serve", "--handler", &handler].iter().chain(arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}
