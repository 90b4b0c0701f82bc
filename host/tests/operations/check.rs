//! `belljar check FILE`: its report on a component, and its exit status.

use crate::support::{Server, Site, component, importing, run};
use serde_json::Value;

/// The exit status and the report of `check --json` with these flags.
fn check(file: &str, flags: &[&str]) -> (Option<i32>, Value) {
    let ended = run(["check", file, "--json"].iter().chain(flags));
    let report = serde_json::from_str(&ended.stdout);
    (
        ended.code,
        report.unwrap_or_else(|error| panic!("{error}: {ended:?}")),
    )
}

/// Status, effect and flag of an import of any version.
fn import(report: &Value, name: &str) -> String {
    let imports = report["imports"].as_array().expect("a list");
    let found = imports.iter().find(|import| {
        let known = import["name"].as_str().expect("a name");
        known.split('@').next() == Some(name)
    });
    let found = found.unwrap_or_else(|| panic!("no import {name}: {report}"));
    let [status, effect, flag] =
        ["status", "effect", "flag"].map(|field| found[field].as_str().unwrap_or("-"));
    format!("{status}, {effect}, {flag}")
}

#[test]
fn reports_handlers_of_every_contract() {
    for (name, contract) in [
        ("hello", "belljar:handler/handler@0.1"),
        ("test_grants", "belljar:handler/handler@0.1"),
        ("test_proxy", "wasi:http/proxy@0.2"),
        ("test_service", "wasi:http/service@0.3"),
    ] {
        let file = component(name).display().to_string();
        let size = std::fs::metadata(&file)
            .expect("the component is there")
            .len();
        let (code, report) = check(&file, &[]);
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(report["runs"], true, "{report}");
        assert_eq!(report["error"], Value::Null, "{report}");
        assert_eq!(report["contract"], contract, "{report}");
        assert_eq!(report["file"], *file, "{report}");
        assert_eq!(report["size"], size, "{report}");
        assert!(
            report["compile_ms"].is_f64() || report["compile_ms"].is_null(),
            "{report}"
        );
        assert!(
            report["exports"]
                .as_array()
                .is_some_and(|exports| !exports.is_empty()),
            "{report}"
        );

        let text = run(["check", &file]);
        assert_eq!(text.code, Some(0), "{text:?}");
        for part in [contract, "`belljar serve --handler` runs it"] {
            assert!(text.stdout.contains(part), "{text:?}");
        }
    }
}

#[test]
fn reports_the_imports_that_flags_grant() {
    let site = Site::new(&[]);
    let file = component("test_grants").display().to_string();
    let (_, without) = check(&file, &[]);
    let store = site.at("store").display().to_string();
    let flags = [
        "--set",
        "a=b",
        "--store",
        &store,
        "--allow-outbound",
        "https://example.com",
        "--env",
        "A=b",
    ];
    let (code, with) = check(&file, &flags);
    assert_eq!(code, Some(0), "{with}");
    for (name, effect) in [
        ("wasi:config/store", "no values, --set NAME=VALUE"),
        (
            "wasi:keyvalue/store",
            "no bucket can be opened, --store FILE",
        ),
        (
            "wasi:http/outgoing-handler",
            "every request is denied, --allow-outbound URL",
        ),
        ("wasi:cli/environment", "no variables, --env NAME=VALUE"),
    ] {
        assert_eq!(import(&without, name), format!("empty, {effect}"));
        assert_eq!(import(&with, name), "provided, -, -", "{name}");
    }
    assert_eq!(import(&without, "belljar:handler/types"), "provided, -, -");
    assert!(!site.at("store").exists(), "a check creates no store");
}

#[test]
fn reports_why_a_component_does_not_run() {
    let site = Site::new(&[("text.wasm", "this is no component")]);
    let hello = std::fs::read(component("hello")).expect("the component can be read");
    let wat = |text: &str| wat::parse_str(text).expect("the text is a component");
    let empty = wat("(component)");
    let command = wat(
        "(component (import \"acme:db/sql@1.0.0\" (instance)) (import \"wasi:io/poll@0.2.0\" (instance)))",
    );
    let missing = with_strange_imports();
    for (name, bytes, contract, expected) in [
        (
            "core.wasm",
            &b"\0asm\x01\0\0\0"[..],
            Value::Null,
            "core WebAssembly module",
        ),
        (
            "text.wasm",
            b"this is no component",
            Value::Null,
            "not a WebAssembly component",
        ),
        (
            "cut.wasm",
            &hello[..hello.len() / 2],
            Value::Null,
            "the file is incomplete: it ends early",
        ),
        ("empty.wasm", &empty, Value::Null, "it exports nothing"),
        ("command.wasm", &command, Value::Null, "it exports nothing"),
        (
            "missing.wasm",
            &missing,
            "belljar:handler/handler@0.1".into(),
            "it imports acme:config/store@0.2.0-rc.1 (get",
        ),
    ] {
        let file = site.write(name, bytes).display().to_string();
        let (code, report) = check(&file, &[]);
        assert_eq!(code, Some(1), "{name}: {report}");
        assert_eq!(report["runs"], false, "{name}: {report}");
        assert_eq!(report["contract"], contract, "{name}: {report}");
        assert!(
            report["error"]
                .as_str()
                .is_some_and(|error| error.contains(expected)),
            "{name}: {report}"
        );
        let served = run(["serve", "--listen", "127.0.0.1:0", "--handler", &file]);
        assert_eq!(served.code, Some(2), "{name}: {served:?}");
        let text = run(["check", &file]);
        assert_eq!(text.code, Some(1), "{name}: {text:?}");
        assert!(
            text.stdout.contains("does not run it: "),
            "{name}: {text:?}"
        );
    }
    let file = site.write("missing.wasm", &missing).display().to_string();
    let (_, report) = check(&file, &[]);
    assert_eq!(import(&report, "acme:config/store"), "missing, -, -");
    assert_eq!(import(&report, "belljar:handler/types"), "provided, -, -");
}

#[test]
fn an_interface_that_has_only_types_needs_no_provider() {
    let types = r#"(import "acme:geometry/shapes@1.0.0" (instance
        (type $record (record (field "x" u32) (field "y" u32)))
        (export "point" (type $point (eq $record)))
        (type $many (list $point))
        (export "line" (type (eq $many)))
    ))
    (import "wasi:http/handler@0.3.0" (instance
        (alias outer 1 $input-stream (type $stream))
        (export "stream" (type (eq $stream)))
    ))"#;
    let site = Site::new(&[]);
    let file = site.write("shapes.wasm", &importing(types, "shapes"));
    let (code, report) = check(&file.display().to_string(), &[]);
    assert_eq!(code, Some(0), "{report}");
    for name in ["acme:geometry/shapes", "wasi:http/handler"] {
        assert_eq!(import(&report, name), "provided, -, -", "{name}");
    }
    let server = Server::options().arg("--handler").arg(&file).start();
    assert_eq!(server.get("/").text(), "shapes");
}

#[test]
fn names_missing_functions_in_the_same_words_everywhere() {
    for (name, imports, expected) in [
        (
            "unknown",
            r#"(import "acme:db/sql@1.0.0" (instance
                (export "statement" (type $statement (sub resource)))
                (export "[method]statement.run" (func (param "self" (borrow $statement))))
                (export "query" (func (result string)))
            ))
            (import "acme:db/log@1.0.0" (instance (export "write" (func (param "line" string)))))
            (import "notify" (func))"#,
            "it imports acme:db/sql@1.0.0 (statement.run, query), acme:db/log@1.0.0 (write), notify, which \
             belljar does not provide; build it without these imports",
        ),
        (
            "of-a-known-interface",
            r#"(import "wasi:cli/environment@0.2.6" (instance (export "forget-variables" (func))))"#,
            "it imports wasi:cli/environment@0.2.6 (forget-variables), which belljar does not provide; build it without \
             these imports",
        ),
    ] {
        let site = Site::new(&[]);
        let file = site.write("component.wasm", &importing(imports, ""));
        let shown = file.display().to_string();
        let (code, report) = check(&shown, &[]);
        assert_eq!(code, Some(1), "{name}: {report}");
        assert_eq!(report["error"], expected, "{name}");
        let served = run(["serve", "--listen", "127.0.0.1:0", "--handler", &shown]);
        assert_eq!(served.code, Some(2), "{name}: {served:?}");
        assert!(served.stderr.contains(expected), "{name}: {served:?}");
        site.write("handlers/component.wasm", &importing(imports, ""));
        let server = Server::options()
            .arg("--handlers")
            .arg(site.at("handlers"))
            .start();
        let line = server.wait_for_log(name, |line| line.contains("component.wasm: "));
        assert!(line.contains(expected), "{name}: {line}");
    }
}

/// `check` has the flags of `serve`, with the same errors.
#[test]
fn rejects_wrong_command_lines() {
    let hello = component("hello").display().to_string();
    for (arguments, expected) in [
        (&["check"][..], "FILE"),
        (&["check", "/no/such/file.wasm"], "/no/such/file.wasm"),
        (
            &["check", &hello, "--dir", "/no/such/folder::/data"],
            "/no/such/folder",
        ),
        (
            &["check", &hello, "--allow-outbound", "example.com"],
            "--allow-outbound",
        ),
        (&["check", &hello, "--memory", "much"], "much"),
        (
            &["check", &hello, "--total-memory", "1MiB"],
            "total-memory (1MiB) is less than memory (64MiB)",
        ),
        (
            &["check", &hello, "--set", "a=1", "--set", "a=2"],
            "--set a",
        ),
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}

/// A handler with imports that no host provides.
fn with_strange_imports() -> Vec<u8> {
    let mut bytes = std::fs::read(component("test_grants")).expect("the component can be read");
    let (known, strange) = (b"wasi:config/", b"acme:config/");
    for at in 0..bytes.len() - known.len() {
        if bytes[at..].starts_with(known) {
            bytes[at..at + known.len()].copy_from_slice(strange);
        }
    }
    bytes
}

#[test]
fn reports_no_compilation_without_a_component() {
    let site = Site::new(&[("text.wasm", "no component")]);
    let file = site.path().join("text.wasm").display().to_string();
    let ended = run(["check", &file]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("it is not a WebAssembly component"),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains("compiled"), "{ended:?}");
}
