//! Guests that look for what belongs to other requests and other handlers.

use crate::support::{Server, Site, component};

/// A request leaves marks in all of its memory, in many instances at once. No later one finds any.
#[test]
fn no_request_finds_what_another_left() {
    for flags in ["--cpu 10m", "--cpu 10m --max-instances 1"] {
        let server = started(flags);
        for round in 0..3 {
            for end in ["", "?end=trap"] {
                let left = server.get(&format!("/isolation/leave{end}")).status;
                assert!(matches!(left, 200 | 500), "{left}");
            }
            assert_eq!(
                server.get("/isolation/find").text(),
                "0 0 0 0\n",
                "{flags}, round {round}"
            );
        }
    }
}

/// With `--reuse` an instance keeps its state, but not past a failure, and not for longer than it serves.
#[test]
fn reuse_ends_with_a_failure_and_with_its_number() {
    let server = started("--reuse 3 --max-instances 1 --cpu 10m");
    let kept = |server: &Server| {
        let text = server.get("/isolation/find").text();
        text.split(' ').next().map(str::to_owned)
    };
    // The first request of an instance leaves marks, the second finds them, the third leaves more.
    assert_eq!(server.get("/isolation/leave").text(), "left\n");
    assert_eq!(kept(&server).as_deref(), Some("1"));
    assert_eq!(server.get("/isolation/leave").text(), "left\n");
    // This is another instance.
    assert_eq!(server.get("/isolation/find").text(), "0 0 0 0\n");
    assert_eq!(server.get("/isolation/leave?end=trap").status, 500);
    assert_eq!(server.get("/isolation/find").text(), "0 0 0 0\n");
}

#[test]
fn a_guest_sees_no_environment_of_the_server() {
    let server = Server::options()
        .handler("test_attacker")
        .command(|command| {
            command.env("BELLJAR_SECRET", "secret");
        })
        .start();
    let text = server.get("/isolation/environment").text();
    assert!(text.starts_with("[] ["), "{text}");
    assert!(!text.contains('/') && !text.contains("secret"), "{text}");
}

/// Two handlers share the file of a store, and one of them has a name that could be taken for a part of the other's.
#[test]
fn a_store_shows_nothing_of_other_handlers() {
    let site = Site::new(&[]);
    let path = |name: &str| component(name).display().to_string();
    let route = |route: &str, name: &str, component: &str| {
        format!(
            "[[route]]\npath = \"{route}\"\nname = \"{name}\"\ncomponent = {component:?}\n\
             grants.store = \"store\"\n"
        )
    };
    let config = [
        "listen = [\"127.0.0.1:0\"]\n".to_owned(),
        route("/kv/*", "other", &path("test_grants")),
        route("/isolation/*", "other-", &path("test_attacker")),
    ]
    .concat();
    let server = Server::of_config(&site.write("belljar.toml", config.as_bytes())).start();
    for bucket in ["", "default", "other", "other-"] {
        let set = server.get(&format!("/kv/set?bucket={bucket}&key=secret&value=mine"));
        assert_eq!(set.text(), "set\n", "{}", server.log());
        let counted = server.get(&format!("/kv/increment?bucket={bucket}&key=count"));
        assert_eq!(counted.status, 200);
    }
    for from in ["other", "default", "store", "test_grants"] {
        let report = server.get(&format!("/isolation/store?from={from}")).text();
        assert_eq!(report, "nothing more\n", "{from}");
    }
    for bucket in ["default", "other", "other-"] {
        let secret = server.get(&format!("/kv/get?bucket={bucket}&key=secret"));
        assert_eq!(secret.text(), "mine\n", "{bucket}");
    }
}

fn started(flags: &str) -> Server {
    Server::options()
        .handler("test_attacker")
        .args(flags)
        .start()
}
