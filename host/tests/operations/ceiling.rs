//! The ceiling: what the file beside a handler may grant and raise.

use std::fs;
use std::path::Path;

use crate::support::{Server, Site, answering};

/// Writes the settings of the handler `a`, and waits until the log says with these words that they are refused.
fn assert_refused(server: &Server, site: &Site, settings: &str, words: &[&str]) {
    site.write("handlers/a.toml", settings.as_bytes());
    let line = server.wait_for_log(settings, |line| {
        words.iter().all(|word| line.contains(word))
    });
    for part in ["ERROR", "a.toml:", "keeps serving"] {
        assert!(line.contains(part), "{settings}: {line}");
    }
    assert_eq!(server.get("/a").text(), "1", "{settings}");
}

/// The handler that serves files, as somebody could put it into the folder.
fn file_server() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/default/guest.wasm");
    fs::read(path).expect("the component can be read")
}

/// A site with the handler `a` and the folder `data` in it, and a server of these keys.
fn serve(keys: &str) -> (Site, Server) {
    let site = Site::new(&[
        ("data/index.html", "data\n"),
        ("secret/index.html", "secret\n"),
    ]);
    site.write("handlers/a.wasm", &answering("1"));
    site.write("stores/note", b"");
    let text = format!("listen = [\"127.0.0.1:0\"]\nhandlers = \"handlers\"\n{keys}");
    let server = Server::of_config(&site.write("belljar.toml", text.as_bytes())).start();
    (site, server)
}

#[test]
fn without_a_ceiling_a_file_beside_a_handler_grants_nothing() {
    let (site, server) = serve("[limits]\nrate = \"100/s\"\n");
    for (settings, words) in [
        (
            "[grants]\ndirs = [\"/etc::/\"]\n",
            ["dirs = \"/etc::/\":", "`dirs` in [ceiling]"],
        ),
        (
            "[grants]\ndirs = [\".::/here\"]\n",
            ["dirs = \".::/here\":", "`dirs` in [ceiling]"],
        ),
        (
            "[grants]\nstore = \"a.db\"\n",
            ["store = \"a.db\":", "`stores` in [ceiling]"],
        ),
        (
            "[grants]\nallow-tcp = [\"127.0.0.1:22\"]\n",
            ["allow-tcp = \"127.0.0.1:22\":", "`allow-tcp` in [ceiling]"],
        ),
        (
            "[grants]\nallow-outbound = [\"https://example.com\"]\n",
            [
                "allow-outbound = \"https://example.com\":",
                "`allow-outbound` in [ceiling]",
            ],
        ),
        (
            "[grants]\nallow-private = [\"10.0.0.0/8\"]\n",
            [
                "allow-private = \"10.0.0.0/8\":",
                "`allow-private` in [ceiling]",
            ],
        ),
        (
            "[grants]\noutbound-ca = [\"../data/index.html\"]\n",
            [
                "outbound-ca = \"../data/index.html\":",
                "`outbound-ca` in [ceiling]",
            ],
        ),
        (
            "[grants]\noutbound-max-body = \"2GiB\"\n",
            [
                "outbound-max-body = 2GiB:",
                "`outbound-max-body` in [ceiling]",
            ],
        ),
        (
            "[limits]\nmemory = \"65MiB\"\n",
            ["memory = 65MiB:", "`memory` in [ceiling.limits]"],
        ),
        (
            "[limits]\ncpu = \"11s\"\n",
            ["cpu = 11s:", "`cpu` in [ceiling.limits]"],
        ),
        (
            "[limits]\nmax-instances = 1001\n",
            [
                "max-instances = 1001:",
                "`max-instances` in [ceiling.limits]",
            ],
        ),
        (
            "[limits]\nrate = \"100/s burst 101\"\n",
            ["rate = 100/s burst 101:", "`rate` in [ceiling.limits]"],
        ),
    ] {
        assert_refused(&server, &site, settings, &words);
    }
    assert!(!site.at("handlers/a.db").exists(), "no store is created");
}

#[test]
fn a_file_beside_a_handler_may_lower_limits_and_set_texts() {
    let (site, server) = serve("");
    let settings = "reuse = 2\n[limits]\nmemory = \"1MiB\"\nrate = \"1/h burst 1\"\n\
                    [grants]\nenv = { A = \"1\" }\nconfig = { b = \"2\" }\noutbound-max-body = \"1KiB\"\n";
    site.write("handlers/a.toml", settings.as_bytes());
    server.wait_for_status("/a", 429);
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

#[test]
fn a_ceiling_allows_what_it_names_and_no_more() {
    let ceiling = "[ceiling]\ndirs = [\"data\", \"stores:rw\"]\nstores = [\"stores\"]\n\
                   allow-tcp = [\"127.0.0.1:5432\", \"db.example:5432\"]\nallow-private = [\"10.0.0.0/8\"]\n\
                   allow-outbound = [\"https://*.example.com\", \"http://127.0.0.1:3000\"]\n\
                   store-max-bytes = \"1MiB\"\n[ceiling.limits]\nmemory = \"128MiB\"\n";
    let (site, server) = serve(ceiling);
    for (settings, words) in [
        (
            "[grants]\ndirs = [\"../data::/:rw\"]\n",
            "dirs = \"../data::/:rw\":",
        ),
        (
            "[grants]\ndirs = [\"../data/..::/\"]\n",
            "dirs = \"../data/..::/\":",
        ),
        (
            "[grants]\ndirs = [\"../secret::/\"]\n",
            "dirs = \"../secret::/\":",
        ),
        (
            "[grants]\nstore = \"../data/a.db\"\n",
            "store = \"../data/a.db\":",
        ),
        (
            "[grants]\nstore = \"../stores/a.db\"\nstore-max-bytes = \"2MiB\"\n",
            "store-max-bytes = 2MiB:",
        ),
        (
            "[grants]\nallow-tcp = [\"127.0.0.1:5433\"]\n",
            "allow-tcp = \"127.0.0.1:5433\":",
        ),
        (
            "[grants]\nallow-tcp = [\"db.example:5432\", \"db.example:5433\"]\n",
            "allow-tcp = \"db.example:5433\":",
        ),
        (
            "[grants]\nallow-tcp = [\"other.db.example:5432\"]\n",
            "allow-tcp = \"other.db.example:5432\":",
        ),
        (
            "[grants]\nallow-tcp = [\"localhost:5432\"]\n",
            "allow-tcp = \"localhost:5432\":",
        ),
        (
            "[grants]\nallow-private = [\"0.0.0.0/0\"]\n",
            "allow-private = \"0.0.0.0/0\":",
        ),
        (
            "[grants]\nallow-outbound = [\"https://*\"]\n",
            "allow-outbound = \"https://*\":",
        ),
        ("[limits]\nmemory = \"129MiB\"\n", "memory = 129MiB:"),
        ("[limits]\ncpu = \"1h\"\n", "cpu = 3600s:"),
    ] {
        assert_refused(&server, &site, settings, &[words]);
    }
    site.write("handlers/index.wasm", &file_server());
    let settings = "[limits]\nmemory = \"128MiB\"\n[grants]\ndirs = [\"../data::/\", \"../stores::/stores:rw\"]\n\
                    store = \"../stores/a.db\"\nallow-tcp = [\"127.0.0.1:5432\", \"DB.example:5432\"]\n\
                    allow-private = [\"10.1.0.0/16\"]\n\
                    allow-outbound = [\"https://a.example.com\", \"http://127.0.0.1:3000\"]\n";
    site.write("handlers/index.toml", settings.as_bytes());
    server.wait_for_text("/", "data\n");
    assert!(site.at("stores/a.db").exists(), "the store is created");
}

#[test]
#[cfg(unix)]
fn a_link_leads_nowhere_beyond_the_ceiling() {
    let (site, server) = serve("[ceiling]\ndirs = [\"data\"]\nstores = [\"stores\"]\n");
    site.symlink("../secret", "data/link");
    site.symlink("../secret/a.db", "stores/a.db");
    site.write("secret/a.db", b"");
    assert_refused(
        &server,
        &site,
        "[grants]\ndirs = [\"../data/link::/\"]\n",
        &["dirs = \"../data/link::/\":"],
    );
    assert_refused(
        &server,
        &site,
        "[grants]\nstore = \"../stores/a.db\"\n",
        &["store = \"../stores/a.db\":"],
    );
    // A link to a folder below the ceiling is as good as the folder.
    site.symlink("../data", "handlers/_data");
    site.write("handlers/index.toml", b"[grants]\ndirs = [\"_data::/\"]\n");
    site.write("handlers/index.wasm", &file_server());
    server.wait_for_text("/", "data\n");
}

#[test]
fn flags_for_all_handlers_are_a_ceiling() {
    let site = Site::new(&[("data/index.html", "data\n")]);
    site.write("handlers/a.wasm", &answering("1"));
    site.write("handlers/index.wasm", &file_server());
    site.write(
        "handlers/index.toml",
        b"[grants]\ndirs = [\"../data::/\"]\n",
    );
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .dir(&site.at("data"), "::/elsewhere")
        .args("--memory 32MiB")
        .start();
    assert_eq!(server.get("/").text(), "data\n", "{}", server.log());
    for (settings, words) in [
        (
            "[grants]\ndirs = [\"../data::/:rw\"]\n",
            "dirs = \"../data::/:rw\":",
        ),
        ("[grants]\ndirs = [\"..::/\"]\n", "dirs = \"..::/\":"),
        ("[limits]\nmemory = \"33MiB\"\n", "memory = 33MiB:"),
    ] {
        assert_refused(&server, &site, settings, &[words]);
    }
}

#[test]
fn a_raised_ceiling_applies_without_a_restart() {
    let (site, server) = serve("");
    site.write(
        "handlers/index.toml",
        b"[grants]\ndirs = [\"../data::/\"]\n",
    );
    site.write("handlers/index.wasm", &file_server());
    server.wait_for_status("/", 503);
    let text =
        "listen = [\"127.0.0.1:0\"]\nhandlers = \"handlers\"\n[ceiling]\ndirs = [\"data\"]\n";
    site.write("belljar.toml", text.as_bytes());
    server.wait_for_text("/", "data\n");
}
