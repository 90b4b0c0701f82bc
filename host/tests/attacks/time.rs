//! Guests that take time without using the processor.

use crate::attack::{answers, fails, withstands};
use crate::footprint::Footprint;
use crate::support::{Client, Server, head};

#[test]
fn waiting_ends_with_the_time_of_a_request() {
    let server = started("--timeout 300ms");
    withstands(
        &server,
        &[
            fails("/time/sleep", 504, "(timeout)"),
            fails("/time/instant", 504, "(timeout)"),
            fails("/time/short-sleeps", 504, "(timeout)"),
            fails("/time/many-timers", 504, "(timeout)"),
            // Guests have no input.
            answers("/time/input", "Ok(0)\n"),
        ],
    );
}

/// The client announces a body and sends none of it, or only its beginning.
#[test]
fn waiting_for_a_body_ends_too() {
    for (flags, status, reason) in [
        ("--timeout 300ms --body-timeout 10m", 504, "(timeout)"),
        ("--timeout 10m --body-timeout 300ms", 408, "body-timeout"),
    ] {
        let server = started(flags);
        let before = Footprint::of(&server);
        for sent in ["", "x"] {
            let mut clients: Vec<Client> = (0..4).map(|_| server.connect()).collect();
            for client in &mut clients {
                let fields = [("Content-Length", "1000")];
                client.send(head("POST", "/time/body", &fields) + sent);
            }
            for client in &mut clients {
                assert_eq!(
                    client.response().status,
                    status,
                    "{flags}: {}",
                    server.log()
                );
            }
        }
        server.wait_for_log(reason, |line| line.contains(reason));
        server.assert_alive(flags);
        before.assert_regained(&server, flags);
    }
}

fn started(flags: &str) -> Server {
    let server = Server::options()
        .handler("test_attacker")
        .args(flags)
        .start();
    server.assert_alive("the start");
    server
}
