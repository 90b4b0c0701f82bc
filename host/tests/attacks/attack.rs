//! An attack by a guest, and what its client must get.

use std::thread;
use std::time::{Duration, Instant};

use crate::footprint::Footprint;
use crate::support::{Broken, Client, Response, Server, WAIT_LIMIT, head};

/// A request that makes a guest attack.
pub struct Attack {
    pub target: &'static str,
    pub outcome: Outcome,
    /// The text in the log that names the limit or the reason. Empty if nothing is logged about the attack.
    pub log: &'static str,
}

/// What the client must get.
#[derive(Debug)]
pub enum Outcome {
    Status(u16),
    /// 200 and this body.
    Text(&'static str),
    /// 200 and a body of at most this many bytes.
    AtMost(usize),
    /// Nothing that looks whole: a 500 if the host saw the failure before it sent a byte, or the end of the connection.
    Cut,
}

/// The attack fails with a status, and the log says why.
pub const fn fails(target: &'static str, status: u16, log: &'static str) -> Attack {
    Attack {
        target,
        outcome: Outcome::Status(status),
        log,
    }
}

/// The attack gets no further than a usual response.
pub const fn answers(target: &'static str, text: &'static str) -> Attack {
    Attack {
        target,
        outcome: Outcome::Text(text),
        log: "",
    }
}

/// The attack grows something, and answers with as many bytes as it got units.
pub const fn grows(target: &'static str, most: usize) -> Attack {
    Attack {
        target,
        outcome: Outcome::AtMost(most),
        log: "",
    }
}

/// The response may begin, but never looks whole.
pub const fn is_cut(target: &'static str, log: &'static str) -> Attack {
    Attack {
        target,
        outcome: Outcome::Cut,
        log,
    }
}

/// Runs the attacks against the server, each alone and in a crowd.
pub fn withstands(server: &Server, attacks: &[Attack]) {
    let before = Footprint::of(server);
    for attack in attacks {
        let logged = server.log().len();
        attack.run(server, 1);
        attack.run(server, CROWD);
        attack.wait_for_log(server, logged);
        server.assert_alive(attack.target);
        before.assert_regained(server, attack.target);
    }
}

impl Attack {
    /// Waits until the log names the target and the reason behind its first `before` bytes. They are in two lines if there is
    /// a backtrace between them.
    fn wait_for_log(&self, server: &Server, before: usize) {
        let begin = Instant::now();
        loop {
            let log = server.log();
            let new = &log[before..];
            if new.contains(self.log) && (self.log.is_empty() || new.contains(self.target)) {
                return;
            }
            assert!(
                begin.elapsed() < WAIT_LIMIT,
                "{}: the log never had {:?}:\n{new}",
                self.target,
                self.log
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends the request on as many connections at once.
    fn run(&self, server: &Server, connections: usize) {
        let mut clients: Vec<Client> = (0..connections).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(head("GET", self.target, &[]));
        }
        for client in &mut clients {
            let response = client.try_response(false);
            assert!(
                self.outcome.is(&response),
                "{}: not {:?} but {:?}; log:\n{}",
                self.target,
                self.outcome,
                response.map(|response| (response.status, response.text())),
                server.log()
            );
        }
    }
}

impl Outcome {
    fn is(&self, response: &Result<Response, Broken>) -> bool {
        match (self, response) {
            (Outcome::Status(status), Ok(response)) => response.status == *status,
            (Outcome::Text(text), Ok(response)) => {
                response.status == 200 && response.text() == *text
            }
            (Outcome::AtMost(most), Ok(response)) => {
                response.status == 200 && response.body.len() <= *most
            }
            (Outcome::Cut, Ok(response)) => response.status == 500,
            (Outcome::Cut, Err(broken)) => matches!(broken, Broken::CutShort { .. }),
            _ => false,
        }
    }
}

/// More than there are processors, and few enough for a slow machine.
const CROWD: usize = 4;
