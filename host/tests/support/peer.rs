//! Another server, to which handlers send requests. The test decides what it answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A server that runs as long as the test.
pub struct Peer {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Starts a server on a free port of 127.0.0.1. It reads the head of a request on each connection, calls `answer`, and
    /// closes the connection.
    pub fn start(answer: impl Fn(&mut BufReader<TcpStream>) + Send + Sync + 'static) -> Peer {
        Self::start_at(([127, 0, 0, 1], 0).into(), answer)
    }

    /// Likewise, at an address.
    pub fn start_at(
        address: SocketAddr,
        answer: impl Fn(&mut BufReader<TcpStream>) + Send + Sync + 'static,
    ) -> Peer {
        let listener = TcpListener::bind(address).expect("the address is free");
        let address = listener.local_addr().expect("the port has a number");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (answer, seen) = (Arc::new(answer), heads.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, seen) = (answer.clone(), seen.clone());
                thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    let mut head = String::new();
                    while !head.ends_with("\r\n\r\n") {
                        match stream.read_line(&mut head) {
                            Ok(read) if read > 0 => {}
                            _ => return,
                        }
                    }
                    seen.lock().expect("no thread panicked").push(head);
                    answer(&mut stream);
                });
            }
        });
        Peer { address, heads }
    }

    /// Starts a server that answers every request with these bytes.
    pub fn of(answer: impl Into<Vec<u8>>) -> Peer {
        Self::of_at(([127, 0, 0, 1], 0).into(), answer)
    }

    /// Likewise, at an address.
    pub fn of_at(address: SocketAddr, answer: impl Into<Vec<u8>>) -> Peer {
        let answer = answer.into();
        Peer::start_at(address, move |stream| {
            let _ = stream.get_mut().write_all(&answer);
        })
    }

    /// The server's origin.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no thread panicked").clone()
    }
}
