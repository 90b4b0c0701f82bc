//! The memory of the server has one bound, whatever its handlers and their clients do.

use crate::support::{
    Cgroup, Client, Server, Site, WAIT_LIMIT, answering, component, exploding, handler_of, head,
};

/// Forty requests take all the memory that they can get. A server that gave each its 64 MiB would be killed.
#[test]
fn no_handler_gets_the_server_killed_in_a_small_cgroup() {
    let Some(cgroup) = Cgroup::with_memory("belljar-no-handler-kills", 512 << 20) else {
        return;
    };
    let (site, file) = hungry_and_hello("");
    let server = Server::of_config_in(&cgroup, &file).start();
    server.wait_for_log("its bound", |line| {
        line.contains("512.0 MiB") && line.contains("cgroup") && line.contains("total-memory")
    });
    server.wait_for_log("fewer instances", |line| {
        line.contains("instances at once, not 1000")
    });
    for target in [
        "/memory",
        "/memory-trap",
        "/recursion",
        "/big-body?n=8000000",
    ] {
        let mut hungry = asking(&server, 40, target);
        for _ in 0..5 {
            assert_eq!(server.get("/hello").status, 200, "beside {target}");
        }
        for client in &mut hungry {
            let status = client.response().status;
            assert!(
                [200, 500, 503, 504].contains(&status),
                "{status} for {target}"
            );
        }
    }
    assert_eq!(server.get("/hello").status, 200);
    drop((server, site));
}

#[test]
fn no_compiler_gets_the_server_killed_in_a_small_cgroup() {
    let Some(cgroup) = Cgroup::with_memory("belljar-no-compiler-kills", 256 << 20) else {
        return;
    };
    let site = Site::new(&[]);
    site.write("handlers/hello.wasm", &answering("hello"));
    let text = "listen = [\"127.0.0.1:0\"]\nhandlers = \"handlers\"\n";
    let file = site.write("belljar.toml", text.as_bytes());
    let server = Server::of_config_in(&cgroup, &file).start();
    site.write("handlers/large.wasm", &exploding(5_000, 4_000));
    let line = server.wait_for_log("the refusal", |line| line.contains("large.wasm"));
    assert!(line.contains("more than 128.0 MiB of memory"), "{line}");
    assert!(line.contains("--compile-memory"), "{line}");
    assert_eq!(server.get("/hello").text(), "hello");
}

/// The bound holds without a cgroup too.
#[test]
fn total_memory_bounds_all_handlers_together() {
    let (_site, file) = hungry_and_hello("total-memory = \"96MiB\"\n");
    let server = Server::of_config(&file).start();
    assert_eq!(server.get("/hello").status, 200);
    let before = server.memory();
    let mut hungry = asking(&server, 40, "/memory-trap");
    for client in &mut hungry {
        let answer = client.response();
        assert!(
            [500, 503, 504].contains(&answer.status),
            "{}",
            answer.status
        );
    }
    let grown = server.most_memory() - before;
    assert!(
        grown < 250 << 20,
        "{grown} bytes for handlers that may use 96 MiB"
    );
}

/// The bytes of a response belong to the handler until the client has them.
#[test]
fn responses_that_wait_for_their_clients_count_as_memory() {
    let server = Server::of_untrusted("--memory 8MiB --total-memory 16MiB");
    let target = "/big-body?n=2000000";
    assert_eq!(server.get(target).body.len(), 2_000_000);
    let clients = slow_readers(&server, target);
    // What the clients leave behind is free again.
    drop(clients);
    server.wait_for_status(target, 200);
}

/// The responses of one handler cannot take the memory that is guaranteed to another.
#[test]
fn slow_readers_of_one_handler_leave_the_others_their_memory() {
    let (_site, file) =
        hungry_and_hello("total-memory = \"24MiB\"\nlimits = { memory = \"8MiB\" }\n");
    let server = Server::of_config(&file).start();
    let _clients = slow_readers(&server, "/big-body?n=2000000");
    assert_eq!(server.get("/hello").status, 200, "{}", server.log());
}

/// Twenty copies of a component take the memory of one.
#[test]
fn identical_components_share_their_memory() {
    let data = "x".repeat(8 << 20);
    let large = handler_of(&format!(
        r#"(core module $large
             (memory (export "memory") 200)
             (data (i32.const 65536) "{data}")
             (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
             (func (export "handle") (param i32) (result i32)
               (i32.store16 (i32.const 0) (i32.const 204))
               (i32.const 0)))
           (core instance $main (instantiate $large))"#
    ));
    let memory_of = |copies: usize| {
        let site = Site::new(&[]);
        for copy in 0..copies {
            site.write(&format!("handler{copy}.wasm"), &large);
        }
        let server = Server::options().arg("--handlers").arg(site.path()).start();
        for copy in 0..copies {
            assert_eq!(server.get(&format!("/handler{copy}")).status, 204);
        }
        server.memory()
    };
    let (one, all) = (memory_of(1), memory_of(20));
    let more = all.saturating_sub(one);
    assert!(more < 60 << 20, "{more} bytes more for 19 copies");
}

/// The handler `untrusted` behind the paths that use memory, and another that says hello.
fn hungry_and_hello(settings: &str) -> (Site, std::path::PathBuf) {
    let site = Site::new(&[]);
    let route = |path: &str, name: &str| {
        let file = component(name);
        format!("[[route]]\npath = \"{path}\"\ncomponent = {file:?}\nname = \"{name}\"\n")
    };
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\n{settings}{}{}",
        route("/hello", "hello"),
        route("/*", "untrusted")
    );
    let file = site.write("belljar.toml", text.as_bytes());
    (site, file)
}

/// Clients that read no more than a byte of their responses, until one is refused: the guest or its response
/// gets no memory.
fn slow_readers(server: &Server, target: &str) -> Vec<Client> {
    let mut clients = Vec::new();
    let is_refused = |log: &str| [" 500 ", " 503 "].iter().any(|status| log.contains(status));
    while !is_refused(&server.log()) {
        assert!(clients.len() < 30, "the limit was never reached");
        let mut client = server.connect();
        client.send(head("GET", target, &[]));
        assert!(!client.is_silent_for(WAIT_LIMIT), "{}", server.log());
        clients.push(client);
    }
    clients
}

fn asking(server: &Server, count: usize, target: &str) -> Vec<Client> {
    let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(head("GET", target, &[]));
    }
    clients
}
