//! The instances of a handler are shared between its clients: one that holds them for long leaves some to the others.

use std::time::Duration;

use crate::support::{Client, Server, head};

/// A client that reads slowly, or does not read at all, holds streams open.
#[test]
fn a_client_with_open_streams_cannot_keep_the_instances_from_another() {
    for guest in ["test_proxy", "test_service"] {
        let server = started(guest, PATIENT);
        let mut streams = holding(&server, 4, "/big?n=1000000000000");
        assert_eq!(hello(&server, ANOTHER), 200, "{guest}");
        // The latest stream gave its instance back. The others go on.
        assert!(streams.pop().is_some_and(is_cut), "{guest}");
        for stream in &mut streams {
            assert!(stream.skip(100_000) == 100_000, "{guest}");
        }
        server.wait_for_log("the reason", |line| {
            line.contains("max-instances") && line.contains("/big")
        });
    }
}

#[test]
fn a_client_with_waiting_requests_cannot_keep_the_instances_from_another() {
    let server = started("untrusted", PATIENT);
    let mut waiting: Vec<_> = (0..4).map(|_| connect(&server, HOLDER)).collect();
    for client in &mut waiting {
        client.send(head("GET", "/sleep?ms=600000", &[]));
        client.set_read_timeout(Duration::from_millis(10));
    }
    // Until all of them hold an instance, one is free for the other client.
    loop {
        assert_eq!(hello(&server, ANOTHER), 200);
        let answers = waiting.iter_mut().filter_map(|one| one.try_head().ok());
        let given_back: Vec<_> = answers.map(|response| response.status).collect();
        if !given_back.is_empty() {
            assert_eq!(given_back, [503]);
            break;
        }
    }
}

/// Nobody else waits, so a client may have all instances. More of its own requests recall none.
#[test]
fn a_single_client_may_hold_all_instances() {
    let server = started("test_proxy", "--queue-timeout 300ms");
    let mut streams = holding(&server, 4, "/big?n=1000000000000");
    assert_eq!(hello(&server, HOLDER), 503);
    for stream in &mut streams {
        assert_eq!(stream.skip(100_000), 100_000);
    }
}

/// A client that holds half of the instances or less keeps them.
#[test]
fn several_clients_keep_what_they_hold() {
    let server = started("test_proxy", "--queue-timeout 300ms");
    let mut streams = holding(&server, 2, "/big?n=1000000000000");
    for other in [ANOTHER, [127, 0, 0, 3]] {
        let mut client = connect(&server, other);
        client.send(head("GET", "/big?n=1000000000000", &[]));
        assert_eq!(client.try_head().expect("a head").status, 200);
        streams.push(client);
    }
    assert_eq!(hello(&server, [127, 0, 0, 4]), 503);
    for stream in &mut streams {
        assert_eq!(stream.skip(100_000), 100_000);
    }
}

/// A server with four instances.
fn started(guest: &str, arguments: &str) -> Server {
    let options = Server::options().handler(guest).args(arguments);
    options
        .args("--max-instances 4 --timeout 10m --send-timeout 10m")
        .start()
}

/// Streams of one client that are open and not read.
fn holding(server: &Server, number: usize, target: &str) -> Vec<Client> {
    let open = |_| {
        let mut client = connect(server, HOLDER);
        client.send(head("GET", target, &[]));
        assert_eq!(client.try_head().expect("a head").status, 200);
        client
    };
    (0..number).map(open).collect()
}

fn hello(server: &Server, source: [u8; 4]) -> u16 {
    connect(server, source).get("/hello").status
}

fn connect(server: &Server, source: [u8; 4]) -> Client {
    Client::connect_from(source, server.address)
}

/// Whether the connection of a stream without end has ended.
fn is_cut(mut stream: Client) -> bool {
    stream.drain() < 100_000_000
}

/// Longer than the time after which a permit can be recalled.
const PATIENT: &str = "--queue-timeout 30s";

const HOLDER: [u8; 4] = [127, 0, 0, 1];
const ANOTHER: [u8; 4] = [127, 0, 0, 2];
