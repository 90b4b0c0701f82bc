//! Whole files, valid and invalid.

use std::time::Duration;

use std::path::PathBuf;
use std::sync::Arc;

use belljar_sandbox::{Access, Limits, Preopen};

use super::settings::{InstanceLimits, ServerLimits};
use super::*;

/// A folder with the files that the configurations below name.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["public", "handlers", "data", "other"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in ["hello.wasm", "users.wasm", "other/users.wasm"] {
            std::fs::write(folder.path().join(name), "\0asm").unwrap();
        }
        Self(folder)
    }

    fn parse(&self, text: &str) -> Result<Config, Problems> {
        Config::parse(text, &self.0.path().join("belljar.toml"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The errors in a text, with paths relative to the folder.
    fn problems(&self, text: &str) -> Vec<String> {
        let problems = self.parse(text).expect_err(text);
        let folder = format!("{}/", self.0.path().display());
        let lines = problems
            .iter()
            .map(|one| one.to_string().replace(&folder, ""));
        lines.collect()
    }
}

fn handler<'c>(config: &'c Config, path: &str) -> &'c HandlerConfig {
    let mut routes = config.sites.iter().flat_map(|site| &site.routes);
    let route = routes.find(|route| route.path.as_str() == path).unwrap();
    match &route.action {
        Action::Run(handler) => handler,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn reads_every_kind_of_key() {
    let folder = Folder::new();
    let config = folder.parse(
        r#"
        listen = ["127.0.0.1:0", "[::1]:8081"]
        threads = 4
        grace = "1s"
        max-connections = 5
        max-instances = 100
        max-handlers = 7
        handlers = "handlers"
        files = "public"
        http = { max-body = 4096, idle-timeout = "5s" }
        limits = { timeout = "2s", rate = "10/s burst 20" }

        [[route]]
        path = "/users/:id"
        component = "users.wasm"
        middleware = ["users.wasm"]
        reuse = 10
        concurrency = 2
        [route.grants]
        dirs = ["data::/data:rw"]
        env = { A = "b" }
        config = { c = "d" }
        allow-tcp = ["127.0.0.1:5432"]
        allow-outbound = ["https://example.com"]
        outbound-connections = 2
        store = "data/store.db"
        store-max-key = "2KiB"
        [route.limits]
        memory = "1MiB"

        [[site]]
        hosts = ["example.com", "*.Example.com"]
        [[site.route]]
        path = "/old/*rest"
        redirect = "/new/{rest}"
        [[site.route]]
        path = "/health"
        response = { body = "ok\n" }
        "#,
    );
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let Server {
        listen,
        limits,
        http,
    } = &config.server;
    assert_eq!(listen.len(), 2);
    assert_eq!(
        *limits,
        ServerLimits {
            threads: Some(4),
            grace: Duration::from_secs(1),
            max_connections: 5,
            max_instances: 100,
            max_handlers: 7,
            ..ServerLimits::default()
        }
    );
    assert_eq!(
        (http.max_body, http.idle_timeout),
        (4096, Duration::from_secs(5))
    );

    let users = handler(&config, "/users/:id");
    assert_eq!(users.name, "users");
    let instances = InstanceLimits {
        reuse: 10,
        concurrency: 2,
    };
    assert_eq!(users.instances, instances);
    assert_eq!(users.component, Component::File(folder.at("users.wasm")));
    assert_eq!(users.middleware, [folder.at("users.wasm")]);
    assert_eq!(users.grants.dirs[0].host, folder.at("data"));
    assert_eq!(users.grants.environment, [("A".into(), "b".into())]);
    assert_eq!(users.grants.outbound.limits.connections, 2);
    let store = users.grants.store.as_ref().unwrap();
    assert_eq!(
        (&store.file, store.limits.max_key),
        (&folder.at("data/store.db"), 2048)
    );
    let Limits {
        timeout,
        memory,
        max_instances,
        rate,
        cpu,
        ..
    } = &users.limits;
    assert_eq!(
        (*timeout, *cpu),
        (Duration::from_secs(2), Duration::from_secs(10))
    );
    assert_eq!(
        (*memory, *max_instances, rate.unwrap().burst),
        (1 << 20, 100, 20)
    );

    let files = handler(&config, "/*");
    assert_eq!(
        (files.name.as_str(), &files.component),
        ("files", &Component::Files)
    );
    let [top, site] = config.sites.as_slice() else {
        panic!("{:?}", config.sites);
    };
    assert!(top.hosts.is_empty());
    assert_eq!(
        top.handlers.as_ref().unwrap().defaults.limits.timeout,
        Duration::from_secs(2)
    );
    assert_eq!(site.hosts[1].as_str(), "*.example.com");
    assert!(matches!(&site.routes[0].action, Action::Redirect(to) if to.status == 308));
    assert!(matches!(&site.routes[1].action, Action::Respond(answer) if answer.body == b"ok\n"));
    assert!(
        site.routes[1].place.ends_with("belljar.toml:36"),
        "{}",
        site.routes[1].place
    );
}

#[test]
fn reports_all_errors_at_once() {
    let folder = Folder::new();
    let text = r#"threads = 0
limit = 1
listen = 8080

[[route]]
path = "users"
comopnent = "users.wasm"

[[route]]
path = "/a/:b"
component = "missing.wasm"
limits = { timeout = "30", rat = 1 }
grants = { dirs = ["nowhere::/x"], allow-outbound = ["example.com"] }

[[route]]
path = "/a/:c"
redirect = "/{b}"
reuse = 2
"#;
    assert_eq!(
        folder.problems(text),
        [
            "belljar.toml:1:11: threads = 0: it has to be 1 to 1024",
            "belljar.toml:2:1: unknown key \"limit\" at the top of the file; did you mean \"limits\"?",
            "belljar.toml:3:10: listen is a whole number; it has to be a list in [ ]",
            "belljar.toml:6:8: path = \"users\": a path begins with `/`",
            "belljar.toml:7:1: unknown key \"comopnent\" in a route; did you mean \"component\"?",
            "belljar.toml:11:13: the component missing.wasm cannot be read: No such file or directory (os error 2); \
             build it, or correct the path",
            "belljar.toml:12:22: timeout = \"30\": time unit needed, for example 30sec or 30ms; write it as 30s, 500ms \
             or 2min",
            "belljar.toml:12:28: unknown key \"rat\" in limits; did you mean \"rate\"?",
            "belljar.toml:13:20: the folder nowhere cannot be opened: No such file or directory (os error 2); create \
             it, or correct the path",
            "belljar.toml:13:54: allow-outbound = \"example.com\": the origin has no scheme; write it as \
             https://api.example.com",
            "belljar.toml:16:8: the path /a/:c already has a route, in line 9; change one of the paths",
            "belljar.toml:17:12: \"/{b}\": the path /a/:c has no parameter `b`",
            "belljar.toml:18:9: reuse has no effect in a route without a component; remove it",
        ]
    );
}

#[test]
fn gives_each_handler_a_unique_name() {
    let folder = Folder::new();
    let config = folder.parse(
        r#"
        [[route]]
        path = "/a"
        component = "users.wasm"
        [[route]]
        path = "/b"
        component = "users.wasm"
        [[route]]
        path = "/c"
        component = "other/users.wasm"
        [[route]]
        path = "/d"
        component = "other/users.wasm"
        reuse = 2
        [[route]]
        path = "/e"
        component = "hello.wasm"
        name = "greeting"
        [[site]]
        hosts = ["a.example"]
        files = "public"
        [[site]]
        hosts = ["b.example"]
        files = "data"
        [[site]]
        hosts = ["c.example"]
        files = "public"
        "#,
    );
    let config = config.unwrap_or_else(|problems| panic!("{problems}"));
    let routes = config.sites.iter().flat_map(|site| &site.routes);
    let handlers: Vec<_> = routes
        .map(|route| match &route.action {
            Action::Run(handler) => handler,
            other => panic!("{other:?}"),
        })
        .collect();
    let names: Vec<_> = handlers
        .iter()
        .map(|handler| handler.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "users",
            "users",
            "other/users /c",
            "other/users /d",
            "greeting",
            "files public",
            "files data",
            "files public"
        ]
    );
    assert!(Arc::ptr_eq(handlers[0], handlers[1]));
    assert!(Arc::ptr_eq(handlers[5], handlers[7]));
}

#[test]
fn handler_files_override_the_defaults() {
    let folder = Folder::new();
    let file = folder.at("handlers/time.toml");
    let defaults = HandlerConfig {
        name: "time".into(),
        limits: Limits {
            timeout: Duration::from_secs(1),
            ..Limits::default()
        },
        ..HandlerConfig::default()
    };
    let ceiling = Ceiling {
        dirs: vec![(folder.at("data"), Access::ReadOnly)],
        ..Ceiling::of(&defaults)
    };
    for (text, expected) in [
        ("", defaults.clone()),
        (
            "reuse = 3\n[limits]\ncpu = \"2s\"\n[grants]\ndirs = [\"../data::/data\"]\n",
            HandlerConfig {
                instances: InstanceLimits {
                    reuse: 3,
                    ..InstanceLimits::default()
                },
                limits: Limits {
                    cpu: Duration::from_secs(2),
                    ..defaults.limits.clone()
                },
                grants: GrantConfig {
                    dirs: vec![Preopen {
                        host: folder.at("data").canonicalize().unwrap(),
                        guest: "/data".into(),
                        access: Access::ReadOnly,
                    }],
                    beneath: true,
                    ..GrantConfig::default()
                },
                ..defaults.clone()
            },
        ),
    ] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(
            HandlerConfig::read(&file, &defaults, &ceiling),
            Ok(expected),
            "{text}"
        );
    }
    std::fs::write(&file, "path = \"/a\"\n").unwrap();
    let problems = HandlerConfig::read(&file, &defaults, &ceiling)
        .unwrap_err()
        .to_string();
    assert!(problems.ends_with(":1:1: unknown key \"path\" at the top of the file; known keys are concurrency, grants, limits, reuse"), "{problems}");
    let missing = HandlerConfig::read(&folder.at("missing.toml"), &defaults, &ceiling).unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
}

/// A file that sets every key to the schema's default configures the same server as a file that sets none.
#[test]
fn defaults_of_the_schema_are_the_real_defaults() {
    let folder = Folder::new();
    let schema = schema::Schema::of::<file::File>();
    let defaults = |name: &str| -> String {
        let table = match name {
            "" => schema.root(),
            _ => schema.definition(name).unwrap(),
        };
        let lines = table
            .properties()
            .filter_map(|(key, node)| Some(format!("{key} = {}\n", node.default()?)));
        lines.collect()
    };
    let whole = format!(
        "{}[http]\n{}[limits]\n{}[files]\nroot = \"public\"\n{}[[route]]\npath = \"/a\"\n         component = \"users.wasm\"\n{}[route.limits]\n{}[route.grants]\nstore = \"store\"\n{}[[route]]\n         path = \"/b\"\n[route.redirect]\nto = \"/\"\n{}[[route]]\npath = \"/c\"\n[route.response]\n{}",
        defaults(""),
        defaults("http"),
        defaults("limits"),
        defaults("files"),
        defaults("route"),
        defaults("limits"),
        defaults("grants"),
        defaults("redirect"),
        defaults("response"),
    );
    assert!(whole.lines().count() > 40, "{whole}");
    let short = "files = \"public\"\n[[route]]\npath = \"/a\"\ncomponent = \"users.wasm\"\n                 grants = { store = \"store\" }\n[[route]]\npath = \"/b\"\nredirect = \"/\"\n                 [[route]]\npath = \"/c\"\nresponse = {}\n";
    let [whole, short] = [&whole, short].map(|text| {
        let config = folder.parse(text);
        let mut config = config.unwrap_or_else(|problems| panic!("{text}\n{problems}"));
        for route in config.sites.iter_mut().flat_map(|site| &mut site.routes) {
            route.place.clear();
            // The handler that serves files has the same defaults of its own.
            if let Action::Run(handler) = &mut route.action
                && handler.component == Component::Files
            {
                let handler = Arc::make_mut(handler);
                let variables = ["BELLJAR_INDEX=index.html", "BELLJAR_CACHE_CONTROL=no-cache"];
                handler.grants.environment.retain(|(name, value)| {
                    !variables.contains(&format!("{name}={value}").as_str())
                });
            }
        }
        config
    });
    assert_eq!(whole, short);
}

#[test]
fn rejects_settings_out_of_range() {
    let folder = Folder::new();
    for (line, told) in [
        (
            "threads = 1025",
            "1:11: threads = 1025: it has to be 1 to 1024",
        ),
        (
            "grace = \"366days\"",
            "1:9: grace = \"366days\": it has to be 365 days or less",
        ),
        (
            "http = { max-head = \"2MiB\" }",
            "1:21: max-head = \"2MiB\": it has to be 256B to 1MiB",
        ),
        (
            "limits = { max-handles = 0 }",
            "1:26: max-handles = 0: it has to be 1 to 1000000",
        ),
        (
            "limits = { max-queue = 99999999999999999999 }",
            "1:24: max-queue = 99999999999999999999: it has to be 0 to 1000000",
        ),
        (
            "limits = { memory = 65535 }",
            "1:21: memory = 65535: it has to be 64KiB or more",
        ),
        (
            "limits = { cpu = \"0s\" }",
            "1:18: cpu = \"0s\": it has to be more than 0s; write 365days for nearly no limit",
        ),
        (
            "limits = { total-memory = \"1MiB\" }",
            "1:27: total-memory (1MiB) is less than memory (64MiB): no instance could use all of its memory; raise \
             total-memory or lower memory",
        ),
    ] {
        let problems = folder.problems(&format!("{line}\nfiles = \"public\"\n"));
        assert_eq!(problems, [format!("belljar.toml:{told}")], "{line}");
    }
}
