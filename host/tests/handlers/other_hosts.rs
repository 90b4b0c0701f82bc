//! Interfaces of Spin and wasmCloud, over the store, the values of `--set` and the log.

use std::ffi::OsStr;
use std::thread;

use crate::support::{Server, Site, handler_of, importing, run};

fn server(flags: &str) -> Server {
    Server::options().handler("test_grants").args(flags).start()
}

/// A server whose handler has a store.
fn with_store(site: &Site, flags: &str) -> Server {
    let options = Server::options().handler("test_grants").args(flags);
    options.arg("--store").arg(site.at("a.store")).start()
}

#[test]
fn values_are_configuration_and_variables() {
    let server = server("--set greeting=hello --set b=2");
    for (target, expected) in [
        (
            "/others/config?name=greeting",
            "(Ok(Some(\"hello\")), Ok(Some(\"hello\"))) ([(\"b\", \"2\"), (\"greeting\", \"hello\")], \
             [(\"b\", \"2\"), (\"greeting\", \"hello\")])\n",
        ),
        ("/others/variable?name=greeting", "hello\n"),
        (
            "/others/variable?name=none",
            "Error::Undefined(\"no variable `none` is granted; add --set none=VALUE\")\n",
        ),
    ] {
        assert_eq!(server.get(target).text(), expected, "{target}");
    }
    let server = self::server("");
    let none = "(Ok(None), Ok(None)) ([], [])\n";
    assert_eq!(server.get("/others/config?name=greeting").text(), none);
}

#[test]
fn the_stores_of_spin_and_the_drafts_are_one() {
    let site = Site::new(&[]);
    let server = with_store(&site, "");
    for (target, expected) in [
        (
            "/others/spin?store=default",
            "None Ok(Some([118, 97, 108, 117, 101])) [\"Ok(true)\", \"Ok(false)\"] [\"k\"]\n",
        ),
        // The empty name is that of the default store, and the first draft sees what Spin's interface wrote.
        ("/kv/get?bucket=&key=k", "value\n"),
        ("/kv/get?bucket=default&key=k", "value\n"),
        (
            "/others/draft2?bucket=default",
            "[(\"k\", Some([118, 97, 108, 117, 101])), (\"none\", None)] [Ok(3), Ok(-2)] \
             ([\"k\", \"n\"], None, true) Ok(false)\n",
        ),
        ("/others/draft2-pages?count=1500", "1500 keys, 2 pages\n"),
    ] {
        assert_eq!(server.get(target).text(), expected, "{target}");
    }
}

#[test]
fn every_store_has_the_same_grant_and_limits() {
    let server = server("");
    for target in [
        "/others/spin?store=default",
        "/others/draft2?bucket=default",
    ] {
        assert_eq!(
            server.get(target).text(),
            "Error::AccessDenied\n",
            "{target}"
        );
    }
    server.wait_for_log("the flag", |line| line.contains("add --store FILE"));

    let site = Site::new(&[]);
    let server = with_store(&site, "--store-max-value 4B");
    for target in [
        "/others/spin?store=default",
        "/others/draft2?bucket=default",
    ] {
        let text = server.get(target).text();
        assert!(text.contains("--store-max-value"), "{target}: {text}");
    }
    let target = format!("/others/spin?store={}", "x".repeat(65));
    assert_eq!(server.get(&target).text(), "Error::NoSuchStore\n");
}

#[test]
fn swaps_lose_no_change() {
    let site = Site::new(&[]);
    let server = with_store(&site, "");
    let text = server.get("/others/swap").text();
    assert_eq!(text, "[\"none\", \"theirs\", \"mine\"] true\n");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(server.get("/others/swap-count").status, 200);
                }
            });
        }
    });
    assert_eq!(server.get("/others/swap-count").text(), "21\n");
}

#[test]
fn messages_of_wasi_logging_are_output_within_its_limit() {
    let server = server("");
    server.get("/others/log?context=billing&message=paid~forged!");
    for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"] {
        server.wait_for_log("the message", |line| {
            line.contains(&format!("log: {level} billing: paid")) && line.contains("INFO guest")
        });
    }
    server.wait_for_log("the second line, escaped", |line| {
        line.contains("log: forged\\u{1b}")
    });
    server.get("/others/log-much?count=100");
    server.wait_for_log("the limit", |line| {
        line.contains("log: the output limit of 64 KiB is reached")
    });
    let lines = server.log();
    assert!(lines.matches("log: ERROR xxx").count() < 65, "{lines}");
}

/// A component that imports what belljar does not provide, and one for Spin 1.
#[test]
fn interfaces_that_stay_unsupported_are_refused_with_the_reason() {
    let import = |name: &str, function: &str| {
        format!("(import \"{name}\" (instance (export \"{function}\" (func))))")
    };
    for (imports, words) in [
        (
            import("fermyon:spin/sqlite@2.0.0", "open"),
            "it imports fermyon:spin/sqlite@2.0.0 (open; belljar has no SQL database: use wasi:keyvalue, with --store",
        ),
        (
            import("wasi:blobstore/blobstore@0.2.0-draft", "create-container"),
            "(create-container; belljar has no object store: use a folder, with --dir",
        ),
        (
            import("wasmcloud:messaging/consumer@0.2.0", "publish"),
            "(publish; belljar has no message broker",
        ),
        (
            import("wasi:cli/stdout@0.2.0-rc-2023-11-10", "get-stdout"),
            "(get-stdout; a draft from before the release of WASI: build with a later SDK)",
        ),
    ] {
        let site = Site::new(&[]);
        let file = site.write("handler.wasm", &importing(&imports, "hello"));
        let ended = run(["serve", "--handler", &file.display().to_string()]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    let site = Site::new(&[]);
    let spin_1 = "(component (instance $i) (export \"fermyon:spin/inbound-http\" (instance $i)))";
    let spin_1 = wat::parse_str(spin_1).expect("the component is valid");
    let file = site.write("handler.wasm", &spin_1);
    let ended = run(["serve", "--handler", &file.display().to_string()]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("the handler of Spin 1; build it with an SDK of Spin 3 or later"),
        "{ended:?}"
    );
}

/// Spin's SDK for Python imports every interface of Spin. Those that are missing fail when they are called.
#[test]
fn a_component_that_imports_all_of_spin_runs() {
    let missing = ["redis", "mqtt", "postgres", "mysql", "sqlite"];
    let missing = missing.map(|name| {
        format!("(import \"fermyon:spin/{name}@2.0.0\" (instance (export \"open\" (func))))\n")
    });
    let handler = handler_of(&format!(
        r#"{}
           (import "fermyon:spin/key-value@2.0.0" (instance (export "store" (type (sub resource)))))
           (import "fermyon:spin/variables@2.0.0" (instance
             (type $errors (variant (case "invalid-name" string) (case "undefined" string)
               (case "provider" string) (case "other" string)))
             (export "error" (type $error (eq $errors)))
             (export "get" (func (param "name" string) (result (result string (error $error)))))))
           (import "fermyon:spin/llm@2.0.0" (instance $llm (export "infer" (func))))
           (core func $infer (canon lower (func $llm "infer")))
           (core module $calling
             (import "host" "infer" (func $infer))
             (memory (export "memory") 1)
             (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
             (func (export "handle") (param i32) (result i32) (call $infer) (i32.const 0)))
           (core instance $main (instantiate $calling
             (with "host" (instance (export "infer" (func $infer))))))"#,
        missing.concat()
    ));
    let site = Site::new(&[]);
    let file = site.write("handler.wasm", &handler);
    let report = run([OsStr::new("check"), file.as_os_str()]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let text = "fermyon:spin/llm@2.0.0: belljar runs no language models";
    assert!(report.stdout.contains(text), "{report:?}");
    let server = Server::options().arg("--handler").arg(&file).start();
    assert_eq!(server.get("/").status, 500);
    server.wait_for_log("the reason", |line| {
        line.contains(
            "the handler calls infer of fermyon:spin/llm@2.0.0, which belljar does not provide",
        )
    });
}
