//! `--concurrency N`: an instance of wasi:http 0.3 answers several requests at once, which share its fate.

use crate::support::{Broken, Client, Server, head, run};

fn started(arguments: &str) -> Server {
    let options = Server::options().handler("test_service");
    options.args(arguments).start()
}

/// A client whose answer's head is there, and no more of it than that.
fn in_the_middle(server: &Server) -> (Client, crate::support::Response) {
    let mut client = server.connect();
    client.send(head("GET", "/wait-after-head", &[]));
    let answer = client.try_head().expect("a head");
    assert_eq!(answer.status, 200);
    assert_eq!(client.try_chunk(&answer), Ok(b"some".to_vec()));
    (client, answer)
}

/// Each is answered when the other has come to the same instance.
#[test]
fn requests_meet_in_an_instance() {
    let server = started("--reuse 100 --concurrency 2 --max-instances 1 --timeout 10min");
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        client.send(head("GET", "/meet", &[]));
    }
    for client in &mut clients {
        assert_eq!(client.response().text(), "met", "{}", server.log());
    }
    // Where there is one at a time, they do not.
    let server = started("--reuse 100 --timeout 300ms");
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        client.send(head("GET", "/meet", &[]));
    }
    for client in &mut clients {
        assert_eq!(client.response().status, 504);
    }
}

/// Those who come when an instance has as many as it may get another.
#[test]
fn an_instance_takes_no_more_than_it_may() {
    let server = started("--reuse 3 --concurrency 3 --timeout 10min");
    let _first: Vec<_> = (0..2).map(|_| in_the_middle(&server)).collect();
    assert_eq!(server.get("/count").text(), "1");
    // It has answered its three.
    assert_eq!(server.get("/count").text(), "1");
    let server = started("--reuse 100 --concurrency 2 --timeout 10min");
    let _first: Vec<_> = (0..2).map(|_| in_the_middle(&server)).collect();
    assert_eq!(server.get("/count").text(), "1");
}

/// What one of them does to its instance it does to all in it, and to nobody else.
#[test]
fn requests_share_the_end_of_their_instance() {
    for (target, status, reason) in [("/trap", 500, "unreachable"), ("/loop", 504, "(cpu)")] {
        let server = started("--reuse 100 --concurrency 3 --cpu 20ms --timeout 10min");
        let (mut client, answer) = in_the_middle(&server);
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

/// An instance is not used again when a request in it was given up, but the others end in peace.
#[test]
fn a_request_that_is_given_up_leaves_the_others_alone() {
    let server = started("--reuse 100 --concurrency 3 --max-instances 2 --timeout 10min");
    let mut client = server.connect();
    client.send(head("POST", "/events", &[("Transfer-Encoding", "chunked")]));
    let answer = client.try_head().expect("a head");
    assert_eq!(client.try_chunk(&answer), Ok(b"data: ready\n\n".to_vec()));
    let (gone, _) = in_the_middle(&server);
    drop(gone);
    server.wait_for_log("that it is gone", |line| line.contains("client went away"));
    client.send("3\r\nabc\r\n");
    assert_eq!(client.try_chunk(&answer), Ok(b"data: 3\n\n".to_vec()));
    client.send("0\r\n\r\n");
    assert_eq!(client.try_chunk(&answer), Ok(Vec::new()));
    assert_eq!(server.get("/count").text(), "1");
}

#[test]
fn more_at_once_than_in_all_makes_no_sense() {
    let ended = run(["serve", "--concurrency", "2"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--reuse 2"), "{ended:?}");
}
