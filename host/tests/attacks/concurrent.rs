//! Guests of wasi:http 0.3: tasks, handles and responses that do not end.

use crate::attack::{answers, fails, is_cut, withstands};
use crate::footprint::Footprint;
use crate::support::{Broken, Client, Server, head};

#[test]
fn endless_tasks_end_with_their_limits() {
    let server = started("--cpu 20ms --timeout 10m");
    let attacks = [
        "/tasks/cancelled-calls",
        "/tasks/short-calls",
        "/tasks/yields",
        "/tasks/blocking-yields",
        "/tasks/loop-in-another-task",
        "/handles/short-streams",
    ]
    .map(|target| fails(target, 504, "(cpu)"));
    withstands(&server, &attacks);
    let server = started("--timeout 300ms");
    withstands(&server, &[fails("/tasks/wait", 504, "(timeout)")]);
}

/// Nothing could ever wake such a task.
#[test]
fn a_task_without_events_ends() {
    let server = started("--timeout 300ms");
    let before = Footprint::of(&server);
    let status = server.get("/tasks/nothing").status;
    assert!(matches!(status, 500 | 504), "{status}");
    server.assert_alive("a task without events");
    before.assert_regained(&server, "a task without events");
}

/// The response is whole, and the instance ends although its guest has more to do.
#[test]
fn tasks_after_the_response_end_too() {
    for target in [
        "/tasks/loop-after-response",
        "/tasks/wait-after-response",
        "/tasks/calls-after-response",
        "/tasks/trap-after-response",
    ] {
        // The next request gets an answer only once the instance of the one before has ended.
        let server = started(
            "--cpu 100ms --timeout 300ms --max-instances 1 --queue-timeout 30s --max-handles 100",
        );
        let before = Footprint::of(&server);
        for _ in 0..3 {
            let mut client = server.connect();
            client.send(head("GET", target, &[]));
            match client.try_response(false) {
                Ok(answer) => assert!(
                    matches!(answer.status, 500 | 504) || answer.text() == "answered\n",
                    "{target}: {}",
                    answer.head
                ),
                Err(broken) => assert!(matches!(broken, Broken::CutShort { .. }), "{broken:?}"),
            }
        }
        server.assert_alive(target);
        before.assert_regained(&server, target);
    }
}

#[test]
fn handles_are_bounded() {
    let server = started("--max-handles 100 --cpu 10m --timeout 10m --memory 16MiB");
    let attacks = [
        "/tasks/calls",
        "/handles/streams",
        "/handles/unread-writes",
        "/handles/futures",
        "/handles/fields",
        "/handles/fields-of-much-text",
        "/handles/requests",
        "/handles/responses",
    ]
    .map(|target| fails(target, 500, "handle"));
    withstands(&server, &attacks);
}

#[test]
fn responses_that_do_not_end_are_cut() {
    let server = started("--timeout 500ms --stream-timeout 300ms");
    withstands(
        &server,
        &[
            is_cut("/responses/unwritten-body", ""),
            is_cut("/responses/failed-trailers", ""),
            is_cut("/responses/unresolved-trailers", ""),
            answers("/responses/dropped-body", "dropped\n"),
        ],
    );
    // The guest says that it takes no more calls, and an instance takes one call only.
    withstands(&server, &[answers("/tasks/back-pressure", "answered\n")]);
}

/// The guest writes for ever, and its client reads for a while. Then the client leaves, and the instance ends.
#[test]
fn endless_bodies_end_with_their_client() {
    let server = started("--memory 16MiB --max-instances 4 --queue-timeout 30s --cpu 10m");
    let before = Footprint::of(&server);
    for target in ["/responses/endless-body", "/responses/single-bytes"] {
        let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(head("GET", target, &[]));
            let answer = client.try_head().expect("a head");
            for _ in 0..20 {
                client.try_chunk(&answer).expect("a chunk");
            }
        }
        server.assert_alive(target);
        drop(clients);
        server.assert_alive(target);
        before.assert_regained(&server, target);
    }
    before.assert_never_exceeded(&server, 192 << 20, "endless bodies");
}

/// Bodies that the guest passes on, and that come back as they were.
#[test]
fn a_body_passed_on_comes_back() {
    let server = started("--memory 16MiB");
    let body = vec![b'x'; 3 << 20];
    let mut client = server.connect();
    let request = crate::support::post("/responses/passed-on", &body);
    let mut sending = client.stream();
    std::thread::scope(|scope| {
        scope.spawn(|| std::io::Write::write_all(&mut sending, &request));
        let answer = client.response();
        assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    });
}

fn started(flags: &str) -> Server {
    let server = Server::options()
        .handler("test_attacker_async")
        .args(flags)
        .start();
    server.assert_alive("the start");
    server
}
