//! `belljar check --config` with valid and invalid files, and the documentation of the keys.

use std::path::Path;

use crate::support::{Ended, Server, Site, component, run};
use belljar::config::{Ceiling, HandlerConfig};
use belljar_sandbox::{Access, Limits};
use serde_json::Value;

/// A folder with the files that the configurations below name.
fn folder() -> Site {
    let site = Site::new(&[
        ("public/index.html", "a page"),
        ("handlers/README", "no component"),
        ("data/note", "a note"),
        ("uploads/note", "a note"),
        ("text.wasm", "this is no component"),
        ("no.pem", "this is no certificate"),
    ]);
    let hello = std::fs::read(component("hello")).expect("the component can be read");
    for name in ["hello.wasm", "other/hello.wasm", "public/hello.wasm"] {
        site.write(name, &hello);
    }
    site
}

/// The output of `check --config` for this text, without the path of the folder.
fn check(site: &Site, text: &str) -> Ended {
    let file = site.write("belljar.toml", text.as_bytes());
    let mut ended = run(["check", "--config", &file.display().to_string()]);
    let folder = format!("{}/", site.path().display());
    ended.stdout = ended.stdout.replace(&folder, "");
    ended
}

#[test]
fn reports_errors_with_their_positions() {
    let site = folder();
    let mut wrong = Vec::new();
    for (text, lines) in [
        (
            "",
            &[
                "1:1: the file serves nothing; add a folder as `files` or `handlers`, or a [[route]]",
            ][..],
        ),
        (
            "files = public",
            &["1:9: this is not TOML: string values must be quoted, expected literal string"],
        ),
        (
            "file = \"public\"\n",
            &["1:1: unknown key \"file\" at the top of the file; did you mean \"files\"?"],
        ),
        (
            "files = \"public\"\n[limits]\ntimeuot = \"1s\"\nlisten = [\"127.0.0.1:0\"]\n",
            &[
                "3:1: unknown key \"timeuot\" in limits; did you mean \"timeout\"?",
                "4:1: unknown key \"listen\" in limits; it belongs at the top of the file",
            ],
        ),
        (
            "files = \"public\"\nthreads = \"four\"\nmax-connections = 0\ngrace = 10\n",
            &[
                "2:11: threads is a text in quotes; it has to be a whole number",
                "3:19: max-connections = 0: it has to be 1 to 1000000",
                "4:9: grace is a whole number; it has to be a text in quotes, such as \"10s\"",
            ],
        ),
        (
            "files = \"public\"\nlisten = [\"127.0.0.1:0\", \"nonsense\"]\n[http]\nmax-head = 100\nidle-timeout = \"soon\"\n",
            &[
                "2:26: listen = \"nonsense\": invalid socket address; write it as 127.0.0.1:8080, [::1]:8080 or \
                 localhost:8080",
                "4:12: max-head = 100: it has to be 256B to 1MiB",
                "5:16: idle-timeout = \"soon\": expected number at 0; write it as 30s, 500ms or 2min",
            ],
        ),
        (
            "[[route]]\npath = \"/a\"\ncomponent = \"missing.wasm\"\n",
            &[
                "3:13: the component missing.wasm cannot be read: No such file or directory (os error 2); build it, \
                 or correct the path",
            ],
        ),
        (
            "[[route]]\npath = \"/a\"\nmiddleware = [\"missing.wasm\", \"public\"]\ncomponent = \"hello.wasm\"\n\
             [[route]]\npath = \"/b\"\nmiddleware = [\"hello.wasm\"]\nresponse = {}\n\
             [[route]]\npath = \"/c/*\"\nmiddleware = [\"hello.wasm\"]\nfiles = \"data\"\n",
            &[
                "3:15: the middleware missing.wasm cannot be read: No such file or directory (os error 2); build it, \
                 or correct the path",
                "3:31: the middleware public is not a file; name a .wasm file",
                "7:14: middleware has no effect in a route without a component; remove it",
                "11:14: middleware cannot be in front of files, because the built-in handler that serves them follows \
                 belljar's own contract; serve the files with a component for wasi:http, or remove it",
            ],
        ),
        (
            "[[route]]\npath = \"/a\"\ncomponent = \"public\"\n",
            &["3:13: the component public is not a file; name a .wasm file"],
        ),
        (
            "[[route]]\npath = \"/a/:id\"\ncomponent = \"hello.wasm\"\n[[route]]\npath = \"/a/:name\"\nresponse = {}\n",
            &["5:8: the path /a/:name already has a route, in line 1; change one of the paths"],
        ),
        (
            "files = \"public\"\n[[route]]\npath = \"/*\"\nresponse = {}\n",
            &["1:9: the route /* in line 2 matches every path of files; remove one of them"],
        ),
        (
            "[[route]]\npath = \"/a\"\n[[route]]\npath = \"/b\"\nredirect = \"/\"\nresponse = {}\n[[route]]\nredirect = \"/\"\n",
            &[
                "1:1: the route has no component, files, redirect or response; add one",
                "3:1: the route has more than one of component, files, redirect and response: redirect and response; keep one",
                "7:1: \"path\" is missing in a route",
            ],
        ),
        (
            "[[route]]\npath = \"/a/:id\"\nredirect = \"/{name}\"\n[[route]]\npath = \"/b\"\nredirect = { to = \"//evil\", status = 200 }\n",
            &[
                "3:12: \"/{name}\": the path /a/:id has no parameter `name`",
                "6:19: \"//evil\": a location is a path that begins with one `/`, or an http(s) URL",
                "6:38: status = 200: it has to be one of 301, 302, 303, 307, 308",
            ],
        ),
        (
            "[[route]]\npath = \"/a\"\nresponse = { status = 204, body = \"none\" }\n[[route]]\npath = \"/b\"\nresponse = { headers = { \"a b\" = \"c\" } }\n",
            &[
                "3:12: the response cannot be sent: a response with status 204 cannot have a body",
                "6:12: the response cannot be sent: header name \"a b\" is not a token (RFC 9110, section 5.6.2)",
            ],
        ),
        (
            "[[route]]\npath = \"/a\"\ncomponent = \"hello.wasm\"\nconcurrency = 4\n[route.grants]\ndirs = [\"data::/d\", \"nowhere::/n\", \"public::/d/\", \"data\"]\nallow-outbound = [\"example.com\"]\noutbound-ca = [\"no.pem\"]\nstore-max-key = \"1KiB\"\n",
            &[
                "4:15: concurrency (4) is greater than reuse (1): an instance cannot answer more requests at once than \
                 in total; raise reuse or lower concurrency",
                "6:8: the handler would see both data and public as /d/; rename one of them",
                "6:21: the folder nowhere cannot be opened: No such file or directory (os error 2); create it, or \
                 correct the path",
                "6:51: dirs = \"data\": write it as HOST::GUEST, such as ./data::/data, or ./data::/data:rw to let the \
                 handler write",
                "7:19: allow-outbound = \"example.com\": the origin has no scheme; write it as \
                 https://api.example.com",
                "8:16: the certificates no.pem cannot be used: the file contains no PEM certificate; convert the \
                 certificate to PEM",
                "9:17: store-max-key has no effect without a store; set `store` to the file of the store",
            ],
        ),
        (
            "max-instances = 10\n[[route]]\npath = \"/a\"\ncomponent = \"hello.wasm\"\n[route.limits]\nmax-instances = 20\ntotal-memory = \"1MiB\"\nrate = \"fast\"\n[route.grants]\nstore = \"nowhere/store\"\n",
            &[
                "6:17: max-instances = 20 is greater than the 10 instances of all handlers together; raise \
                 max-instances at the top of the file, or lower it here",
                "7:16: total-memory (1MiB) is less than memory (64MiB): no instance could use all of its memory; raise \
                 total-memory or lower memory",
                "8:8: rate = \"fast\": write it as 100/s, 10/min or 1000/h, or with a burst as 100/s burst 500",
                "10:9: the store nowhere/store cannot be created: its folder does not exist; create the folder, or \
                 correct the path",
            ],
        ),
        (
            "[[route]]\npath = \"/a\"\ncomponent = \"hello.wasm\"\nname = \"same\"\n[[route]]\npath = \"/b\"\ncomponent = \"other/hello.wasm\"\nname = \"same\"\n",
            &["8:8: another handler is named \"same\", in line 4; rename one of them"],
        ),
        (
            "[[route]]\npath = \"/a\"\ncomponent = \"hello.wasm\"\n[[route]]\npath = \"/b\"\ncomponent = \"other/hello.wasm\"\ngrants = { store = \"store\" }\n",
            &[
                "4:1: several handlers would be named \"hello\", and this handler has a store, which keeps its data under \
                 the name of the handler; set `name` for this handler",
            ],
        ),
        (
            "[[site]]\nhosts = [\"a.example\", \"b.example\"]\nfiles = \"public\"\n[[site]]\nhosts = [\"A.example\"]\nfiles = \"public\"\n",
            &["5:10: the host a.example already has a site, in line 2; name it once"],
        ),
        (
            "files = \"public\"\n[[site]]\nhandlers = \"handlers\"\n[[site]]\nhosts = []\nfiles = { index = \"a.html\" }\n",
            &[
                "2:1: this site has no hosts, and neither has the site in line 1 (the keys at the top of the file form \
                 a site); add hosts to one of them, or merge them",
                "5:9: hosts is empty; remove it, or add a value",
                "6:9: \"root\" is missing in files",
            ],
        ),
        (
            "handlers = \"nowhere\"\nfiles = \"hello.wasm\"\n",
            &[
                "1:12: the folder nowhere cannot be opened: No such file or directory (os error 2); create it, or \
                 correct the path",
                "2:9: hello.wasm is not a folder; name the folder that it is in",
            ],
        ),
        (
            "files = \"public\"\n[[route]]\npath = \"/a\"\ncomponent = \"public/hello.wasm\"\ngrants = { store = \"public/store\" }\n",
            &[
                "1:9: the component public/hello.wasm is in the served folder public, where every client could \
                 download it; move it elsewhere",
                "1:9: the store public/store is in the served folder public, where every client could download it; \
                 move it elsewhere",
            ],
        ),
        (
            "files = \"public\"\n[ceiling]\nstores = [\"public\"]\ndirs = [\"nowhere:rw\"]\nallow-tcp = [\"*\"]\n\
             store-max-bytes = \"lots\"\n[ceiling.limits]\nmemory = \"1KiB\"\n",
            &[
                "1:9: the folder of stores public is in the served folder public, where every client could download it; \
                 move it elsewhere",
                "4:9: the folder nowhere cannot be opened: No such file or directory (os error 2); create it, or \
                 correct the path",
                "5:14: allow-tcp = \"*\": it is not a host with a port; write it as db.example:5432, 127.0.0.1:5432 or \
                 [::1]:5432",
                "6:19: store-max-bytes = \"lots\": couldn't parse \"lots\" into a ByteSize, cannot parse float from empty \
                 string; write it as 64MiB, 1GB or 4096",
                "8:10: memory = \"1KiB\": it has to be 64KiB or more",
            ],
        ),
    ] {
        let ended = check(&site, text);
        let lines: Vec<_> = lines
            .iter()
            .map(|line| format!("belljar.toml:{line}"))
            .collect();
        let reported: Vec<_> = ended.stdout.lines().collect();
        if reported != lines || ended.code != Some(1) || !ended.stderr.is_empty() {
            wrong.push(format!("{text}\n{ended:#?}\ninstead of {lines:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn reports_a_handler_that_does_not_run() {
    let site = folder();
    let text = "[[route]]\npath = \"/a\"\ncomponent = \"hello.wasm\"\n[[route]]\npath = \"/b\"\ncomponent = \"text.wasm\"\n";
    let ended = check(&site, text);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(
        ended.stdout,
        "belljar.toml:4: the handler text does not run: it is not a WebAssembly component (its first bytes are not \
         those of WebAssembly); build one with `cargo build --target wasm32-wasip2`\n"
    );
    let file = site.at("belljar.toml").display().to_string();
    let ended = run(["check", "--config", &file, "--json"]);
    let report: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    assert_eq!(report["sound"], false, "{report}");
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report}");
    let [hello, broken] = [0, 1].map(|position| &report["handlers"][position]);
    assert_eq!(hello["error"], Value::Null, "{report}");
    assert_eq!(hello["contract"], "belljar:handler/handler@0.1", "{report}");
    assert!(broken["error"].is_string(), "{report}");

    site.write("belljar.toml", b"files = 1\n");
    let ended = run(["check", "--config", &file, "--json"]);
    let report: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    let problem = &report["problems"][0];
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&1.into(), &9.into()),
        "{report}"
    );
    assert_eq!(problem["file"], file, "{report}");
}

#[test]
fn checks_the_handlers_of_a_folder() {
    let site = folder();
    let hello = std::fs::read(site.at("hello.wasm")).expect("the component can be read");
    for name in ["sound", "api/granted", "taken"] {
        site.write(&format!("handlers/{name}.wasm"), &hello);
    }
    site.write("handlers/text.wasm", b"this is no component");
    site.write(
        "handlers/api/granted.toml",
        b"resue = 2\n[grants]\ndirs = [\"nowhere::/x\"]\n",
    );
    let text = "handlers = \"handlers\"\n[[route]]\npath = \"/taken/*\"\nresponse = {}\n";
    let ended = check(&site, text);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(
        ended.stdout.lines().collect::<Vec<_>>(),
        [
            "handlers/api/granted.wasm: the handler api/granted does not run: handlers/api/granted.toml:1:1: unknown \
             key \"resue\" at the top of the file; did you mean \"reuse\"?; handlers/api/granted.toml:3:9: the folder \
             handlers/api/nowhere cannot be opened: No such file or directory (os error 2); create it, or correct \
             the path",
            "handlers/taken.wasm: the handler taken does not run: belljar.toml:2 already has the route /taken/*",
            "handlers/text.wasm: the handler text does not run: it is not a WebAssembly component (its first bytes are \
             not those of WebAssembly); build one with `cargo build --target wasm32-wasip2`",
        ]
    );
}

#[test]
fn accepts_valid_files() {
    let site = folder();
    for text in [
        "files = \"public\"\n",
        "handlers = \"handlers\"\n",
        "[[site]]\nhosts = [\"a.example\"]\nfiles = { root = \"public\", listing = true }\n[[site]]\nhosts = [\"*.a.example\"]\nfiles = \"public\"\n",
        "[[route]]\npath = \"/a\"\ncomponent = \"hello.wasm\"\n[[route]]\npath = \"/b\"\ncomponent = \"other/hello.wasm\"\n",
    ] {
        let text = text.replace("\"public\"", "\"pages\"");
        site.write("pages/index.html", b"a page");
        let ended = check(&site, &text);
        assert_eq!(ended.code, Some(0), "{text}: {ended:?}");
        assert_eq!(
            ended.stdout, "belljar.toml: the configuration is valid\n",
            "{text}"
        );
    }
}

#[test]
fn rejects_wrong_command_lines() {
    let site = folder();
    let file = site.at("belljar.toml").display().to_string();
    for (arguments, expected) in [
        (&["check", "--config", &file][..], "cannot be read"),
        (
            &["check", "--config", &file, "hello.wasm"],
            "cannot be used with",
        ),
        (
            &["check", "--config", &file, "--memory", "1MiB"],
            "cannot be used with",
        ),
        (
            &["check", "--config", &file, "--env", "A=b"],
            "cannot be used with",
        ),
        (
            &["check", "--config", &file, "--store", "a"],
            "cannot be used with",
        ),
        (
            &["check", "--config", &file, "--allow-outbound", "https://*"],
            "cannot be used with",
        ),
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(expected), "{arguments:?}: {ended:?}");
    }
}

/// The next configuration can be checked while a server runs.
#[test]
fn accepts_a_store_in_use() {
    let site = folder();
    let store = site.at("store").display().to_string();
    let running = Server::options()
        .handler("test_grants")
        .arg("--store")
        .arg(&store)
        .start();
    let text =
        "[[route]]\npath = \"/a\"\ncomponent = \"hello.wasm\"\ngrants = { store = \"store\" }\n";
    let ended = check(&site, text);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    drop(running);
}

#[test]
fn accepts_the_examples_of_the_documentation() {
    let site = folder();
    let hello = std::fs::read(site.at("hello.wasm")).expect("the component can be read");
    site.write("components/users.wasm", &hello);
    std::fs::remove_file(site.at("public/hello.wasm")).expect("the file was there");
    let document = document("configuration.md");
    let mut examples = document
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("the example ends"));
    let whole = examples
        .next()
        .expect("there is an example of a whole file");
    let ended = check(&site, whole);
    assert_eq!(ended.code, Some(0), "{ended:?}");

    let beside = examples
        .next()
        .expect("there is one of the file beside a handler");
    let file = site.write("handlers/time.toml", beside.as_bytes());
    let ceiling = Ceiling {
        dirs: vec![(site.at("data"), Access::ReadOnly)],
        limits: Limits {
            memory: 128 << 20,
            ..Limits::default()
        },
        ..Ceiling::default()
    };
    let read = HandlerConfig::read(&file, &HandlerConfig::default(), &ceiling);
    let read = read.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!((read.instances.reuse, read.limits.memory), (10, 128 << 20));
}

#[test]
fn documents_every_key_with_its_default() {
    let document = document("configuration.md");
    for (schema, top) in [
        (schema(&["schema"]), "The top of the file"),
        (
            schema(&["schema", "--handler"]),
            "The file beside a handler",
        ),
    ] {
        let tables = schema["definitions"].as_object().expect("a table");
        let tables = tables.iter().map(|(name, table)| (heading(name), table));
        for (heading, table) in tables.chain([(top, &schema)]) {
            let section = document
                .split("\n## ")
                .find(|section| section.lines().next() == Some(heading));
            let section = section.unwrap_or_else(|| panic!("no section {heading}"));
            let keys = table["properties"].as_object().expect("a table");
            for (key, about) in keys {
                let start = format!("| `{key}` |");
                let row = section.lines().find(|line| line.starts_with(&start));
                let row = row.unwrap_or_else(|| panic!("{heading}: no row for {key}"));
                let said = row.split(" | ").nth(2).expect("a column for the default");
                match about.get("default") {
                    Some(default) => assert_eq!(said, format!("`{default}`"), "{heading}: {key}"),
                    None => assert!(
                        !said.starts_with('`'),
                        "{heading}: {key} has no default {said}"
                    ),
                }
            }
            let rows = section
                .lines()
                .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
            for key in rows.filter(|row| !row.contains(['/', '.'])) {
                assert!(keys.contains_key(key), "{heading}: there is no key {key}");
            }
        }
    }
}

#[test]
fn prints_the_schemas_in_docs() {
    for (arguments, name) in [
        (&["schema"][..], "belljar.schema.json"),
        (&["schema", "--handler"], "handler.schema.json"),
    ] {
        assert_eq!(run(arguments).stdout, document(name), "{name}");
    }
}

fn schema(arguments: &[&str]) -> Value {
    serde_json::from_str(&run(arguments).stdout).expect("the schema is JSON")
}

/// The section of the document for a table of the schema.
fn heading(table: &str) -> &'static str {
    match table {
        "build" => "Building",
        "ceiling" => "The ceiling",
        "files" => "Files",
        "grants" => "Grants",
        "http" => "http",
        "limits" => "Limits",
        "redirect" => "A redirect",
        "response" => "A response",
        "route" => "A route",
        "site" => "A site",
        other => panic!("the document has no section for {other}"),
    }
}

fn document(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::read_to_string(docs.join(name)).expect("the document can be read")
}
