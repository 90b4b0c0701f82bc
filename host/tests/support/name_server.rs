//! A name server (RFC 1035) whose answers the test decides, and a network for it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use super::isolated::run;

/// A name server at 127.0.0.1, which runs as long as the test.
pub struct NameServer {
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    /// Starts a server that asks `answer` for the IPv4 addresses of a name. The number counts the questions about this name
    /// before. None is no answer at all.
    pub fn start(
        answer: impl Fn(&str, usize) -> Option<Vec<Ipv4Addr>> + Send + 'static,
    ) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:53").expect("the port of name servers is free");
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = asked.clone();
        thread::spawn(move || {
            let mut message = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut message) {
                let Some((name, wants_ipv4, end)) = question(&message[..length]) else {
                    continue;
                };
                let mut addresses = Some(Vec::new());
                if wants_ipv4 {
                    let mut seen = seen.lock().expect("no thread panicked");
                    let before = seen.iter().filter(|other| **other == name).count();
                    addresses = answer(&name, before);
                    seen.push(name);
                }
                if let Some(addresses) = addresses {
                    let reply = reply(&message[..end], &addresses);
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        NameServer { asked }
    }

    /// The names that were asked for, each once.
    pub fn asked(&self) -> BTreeSet<String> {
        let asked = self.asked.lock().expect("no thread panicked");
        asked.iter().cloned().collect()
    }
}

/// Makes 127.0.0.1 and `others` addresses of this network, and 127.0.0.1 its name server. Only in a test that runs [isolated](super::run_isolated).
pub fn set_up_network(others: &[Ipv4Addr], scratch: &Path) {
    run("ip link set lo up");
    for address in others {
        run(&format!("ip address add {address}/32 dev lo"));
    }
    let settings = scratch.join("resolv.conf");
    std::fs::write(
        &settings,
        "nameserver 127.0.0.1\noptions attempts:1 timeout:30\n",
    )
    .expect("the file can be written");
    run(&format!(
        "mount --bind {} /etc/resolv.conf",
        settings.display()
    ));
}

/// The name that a query asks for, whether it asks for IPv4 addresses, and where the question ends.
fn question(query: &[u8]) -> Option<(String, bool, usize)> {
    let mut at = HEADER;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = query.get(at..at + 4)?;
    Some((labels.join("."), kind == [0, A, 0, INTERNET], at + 4))
}

fn reply(query: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let mut reply = query.to_vec();
    // A response, recursion desired and available, no error; one question and these answers.
    reply[2..4].copy_from_slice(&[0x81, 0x80]);
    reply[4..HEADER].copy_from_slice(&[0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
    for address in addresses {
        // The name of the question, and a time to live of no seconds.
        reply.extend([0xc0, HEADER as u8, 0, A, 0, INTERNET, 0, 0, 0, 0, 0, 4]);
        reply.extend(address.octets());
    }
    reply
}

/// The length of a message's header.
const HEADER: usize = 12;
const A: u8 = 1;
const INTERNET: u8 = 1;
