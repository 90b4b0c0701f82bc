//! The processor is shared between handlers, and within a handler between clients: shown by the order of the answers.
//!
//! Each test stops the server's process while its requests arrive. So the server finds all of them at once, and their order
//! does not depend on the speed of the machine.

use std::time::Duration;

use crate::support::{Client, Server, Site, handler_that};
use rustix::process::{Pid, Signal, kill_process};

/// A handler whose requests take a millisecond or two, less than the time after which a guest moves to the slow lane.
#[test]
fn short_requests_of_a_handler_do_not_delay_another() {
    let server = with_handlers();
    let order = server.order(&[(60, ONE, "/short"), (1, ONE, "/hello"), (5, ONE, "/short")]);
    assert!(position(&order, "/hello") < 10, "{order:?}");
}

#[test]
fn short_requests_do_not_delay_an_answer_of_the_server_itself() {
    let server = with_handlers();
    let order = server.order(&[(60, ONE, "/short"), (1, ONE, "/fixed"), (5, ONE, "/short")]);
    assert!(position(&order, "/fixed") < 10, "{order:?}");
}

#[test]
fn short_requests_of_a_client_do_not_delay_another_client_of_the_handler() {
    let server = with_handlers();
    let order = server.order(&[
        (60, ONE, "/short"),
        (1, OTHER, "/short?other"),
        (5, ONE, "/short"),
    ]);
    assert!(position(&order, "/short?other") < 20, "{order:?}");
}

/// A handler with one request gets as much of the slow lane as a handler with ten.
#[test]
fn long_requests_of_a_handler_do_not_delay_another() {
    let server = with_handlers();
    let order = server.order(&[(8, ONE, "/long"), (1, ONE, "/other"), (2, ONE, "/long")]);
    assert!(position(&order, "/other") < 5, "{order:?}");
}

#[test]
fn long_requests_of_a_client_do_not_delay_another_client_of_the_handler() {
    let server = with_handlers();
    let order = server.order(&[
        (8, ONE, "/long"),
        (1, OTHER, "/long?other"),
        (2, ONE, "/long"),
    ]);
    assert!(position(&order, "/long?other") < 5, "{order:?}");
}

struct Handlers {
    server: Server,
    _site: Site,
}

fn with_handlers() -> Handlers {
    let site = Site::new(&[]);
    // One thread, so that requests have one order.
    let mut toml = "listen = ['127.0.0.1:0']\nthreads = 1\n".to_owned();
    for (name, iterations) in [
        ("hello", 1),
        ("short", 3_000_000),
        ("long", 30_000_000),
        ("other", 30_000_000),
    ] {
        let counts = format!(
            "(local $left i32) (local.set $left (i32.const {iterations}))
             (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))"
        );
        site.write(&format!("{name}.wasm"), &handler_that(name, &counts));
        toml += &format!(
            "[[route]]\npath = '/{name}'\ncomponent = '{name}.wasm'\n[route.limits]\ncpu = '10m'\ntimeout = '10m'\n"
        );
    }
    toml += "[[route]]\npath = '/fixed'\nresponse = { status = 200, body = 'fixed' }\n";
    let file = site.write("belljar.toml", toml.as_bytes());
    Handlers {
        server: Server::of_config(&file).start(),
        _site: site,
    }
}

impl Handlers {
    /// Sends requests, each on a connection of its own, and returns their targets in the order of their answers. A request
    /// is given with the number of times it is sent, and the address of its client.
    fn order(&self, requests: &[(usize, [u8; 4], &str)]) -> Vec<String> {
        let address = self.server.address;
        let mut clients = Vec::new();
        for (number, source, target) in requests {
            for _ in 0..*number {
                let mut client = Client::connect_from(*source, address);
                assert_eq!(client.get(READY).status, 200);
                clients.push((client, *target));
            }
        }
        self.signal(Signal::STOP);
        for (client, target) in &mut clients {
            client.send(crate::support::head("GET", target, &[]));
        }
        self.signal(Signal::CONT);
        for (client, target) in &mut clients {
            let answer = client.response();
            assert_eq!(answer.status, 200, "{target}: {}", self.server.log());
        }
        self.logged(clients.len())
    }

    /// The targets of the first `number` requests in the log, except those that only opened a connection.
    fn logged(&self, number: usize) -> Vec<String> {
        loop {
            let log = self.server.log();
            let targets = log.lines().filter_map(|line| {
                let (_, request) = line.split_once("\"GET ")?;
                let (target, _) = request.split_once(' ')?;
                (target != READY).then(|| target.to_owned())
            });
            let targets: Vec<_> = targets.collect();
            if targets.len() >= number {
                return targets;
            }
            // An answer is logged after it was sent.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.server.process_id()).ok();
        let process = process.and_then(Pid::from_raw).expect("a process");
        kill_process(process, signal).expect("the process takes signals");
    }
}

/// The position of the only answer to `target`.
fn position(order: &[String], target: &str) -> usize {
    let found = order.iter().position(|other| other == target);
    found.unwrap_or_else(|| panic!("{target} was not answered: {order:?}"))
}

/// Answered by the server itself.
const READY: &str = "/fixed?ready";

const ONE: [u8; 4] = [127, 0, 0, 1];
const OTHER: [u8; 4] = [127, 0, 0, 2];
