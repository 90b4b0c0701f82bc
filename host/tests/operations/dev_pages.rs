//! Error pages: `--dev` shows in the browser why a handler failed; without it the page gives no reason.

use crate::support::{Server, Site, component};

#[test]
fn only_dev_pages_show_the_failure() {
    for (target, parts) in [
        (
            "/trap",
            &[
                "<h1>",
                "unreachable",
                "Backtrace",
                "<th>max-handles<td>256",
                "<th>client-rate<td>no limit",
            ][..],
        ),
        ("/panic?<script>", &["&lt;script&gt;", "the handler panics"]),
        ("/loop", &["cpu", "504"]),
    ] {
        let server = Server::of_untrusted("--dev --cpu 20ms");
        let answer = server.get(target);
        let text = answer.text();
        assert!(answer.status >= 500, "{target}: {}", answer.status);
        assert_eq!(
            answer.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        let policy = answer.field("content-security-policy");
        assert!(policy.is_some_and(|policy| policy.contains("default-src 'none'")));
        for part in parts.iter().filter(|part| **part != "504") {
            assert!(text.contains(part), "{target}: {part}: {text}");
        }
        assert!(!text.contains("<script"), "{target}: {text}");

        let server = Server::of_untrusted("--cpu 20ms");
        let plain = server.get(target);
        assert_eq!(plain.status, answer.status);
        assert_eq!(plain.text().lines().count(), 1, "{}", plain.text());
    }
}

#[test]
fn dev_pages_show_why_a_build_was_refused() {
    let site = Site::new(&[]);
    std::fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    std::fs::copy(component("untrusted"), site.at("handlers/trap.wasm"))
        .expect("the file can be copied");
    site.write("handlers/never.wasm", b"<b>this is no component");
    let server = Server::options()
        .arg("--dev")
        .arg("--handlers")
        .arg(site.at("handlers"))
        .start();
    let never = server.get("/never");
    assert_eq!(never.status, 503);
    assert!(
        never.text().contains("not a WebAssembly component"),
        "{}",
        never.text()
    );
    assert!(!server.get("/trap/trap").text().contains("older version"));
    site.write("handlers/trap.wasm", b"this is no component");
    server.wait_for_log("the refusal", |line| line.contains("trap.wasm: "));
    let page = server.get("/trap/trap").text();
    assert!(
        page.contains("older version") && page.contains("not a WebAssembly component"),
        "{page}"
    );
}
