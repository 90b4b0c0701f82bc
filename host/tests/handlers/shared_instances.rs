//! `--concurrency N`: an instance of wasi:http 0.3 answers several requests at once. A trap ends all of them.

use crate::support::{Broken, Client, Server, head, run};

fn started(arguments: &str) -> Server {
    let options = Server::options().handler("test_service");
    options.args(arguments).start()
}

/// A client whose response has begun and does not end.
fn begin_endless_response(server: &Server) -> (Client, crate::support::Response) {
    let mut client = server.connect();
    client.send(head("GET", "/wait-after-head", &[]));
    let answer = client.try_head().expect("a head");
    assert_eq!(answer.status, 200);
    assert_eq!(client.try_chunk(&answer), Ok(b"some".to_vec()));
    (client, answer)
}

/// Each of two requests is answered only once the other is in the same instance.
#[test]
fn two_requests_run_in_one_instance() {
    let server = started("--reuse 100 --concurrency 2 --max-instances 1 --timeout 10min");
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        client.send(head("GET", "/meet", &[]));
    }
    for client in &mut clients {
        assert_eq!(client.response().text(), "met", "{}", server.log());
    }
    // Without concurrency they cannot be in the same instance.
    let server = started("--reuse 100 --timeout 300ms");
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        client.send(head("GET", "/meet", &[]));
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 504);
    }
}

/// A request that comes to a full instance gets another instance.
#[test]
fn an_instance_takes_at_most_concurrency_requests() {
    let server = started("--reuse 3 --concurrency 3 --timeout 10min");
    let _first: Vec<_> = (0..2).map(|_| begin_endless_response(&server)).collect();
    assert_eq!(server.get("/count").text(), "1");
    // The first instance has had its three requests.
    assert_eq!(server.get("/count").text(), "1");
    let server = started("--reuse 100 --concurrency 2 --timeout 10min");
    let _first: Vec<_> = (0..2).map(|_| begin_endless_response(&server)).collect();
    assert_eq!(server.get("/count").text(), "1");
}

/// A failure ends all requests of its instance, and no others.
#[test]
fn a_failure_ends_all_requests_of_the_instance() {
    for (target, status, reason) in [("/trap", 500, "unreachable"), ("/loop", 504, "(cpu)")] {
        let server = started("--reuse 100 --concurrency 3 --cpu 20ms --timeout 10min");
        let (mut client, answer) = begin_endless_response(&server);
        assert_eq!(server.get(target).status, status, "{target}");
        let outcome = client.try_chunk(&answer);
        assert!(
            matches!(outcome, Err(Broken::CutShort { .. })),
            "{target}: {outcome:?}: {}",
            server.log()
        );
        server.wait_for_log("the reason", |line| {
            line.contains("ERROR") && line.contains(reason)
        });
        assert_eq!(server.get("/count").text(), "1", "{target}");
    }
}

/// After a client leaves, its instance takes no new requests, but finishes those that it has.
#[test]
fn a_lost_client_does_not_end_the_other_requests() {
    let server = started("--reuse 100 --concurrency 3 --max-instances 2 --timeout 10min");
    let mut client = server.connect();
    client.send(head("POST", "/events", &[("Transfer-Encoding", "chunked")]));
    let answer = client.try_head().expect("a head");
    assert_eq!(client.try_chunk(&answer), Ok(b"data: ready\n\n".to_vec()));
    let (gone, _) = begin_endless_response(&server);
    drop(gone);
    server.wait_for_log("the lost client", |line| {
        line.contains("connection cut: the client closed the connection")
    });
    client.send("3\r\nabc\r\n");
    assert_eq!(client.try_chunk(&answer), Ok(b"data: 3\n\n".to_vec()));
    client.send("0\r\n\r\n");
    assert_eq!(client.try_chunk(&answer), Ok(Vec::new()));
    assert_eq!(server.get("/count").text(), "1");
}

#[test]
fn rejects_a_concurrency_above_reuse() {
    let ended = run(["serve", "--concurrency", "2"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let expected = "concurrency (2) is greater than reuse (1)";
    assert!(ended.stderr.contains(expected), "{ended:?}");
}
