//! The server as its README starts it: one route of its own, one in the sandbox.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Server {
    process: Child,
    address: String,
}

impl Server {
    /// Starts the server with a component that `cargo xtask handlers` has built.
    fn start(component: &str) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_embed"));
        let target = program.ancestors().nth(2).expect("the target directory");
        let component = target.join("wasm32-wasip2/guest").join(component);
        assert!(component.is_file(), "run cargo xtask handlers first");
        let mut process = Command::new(program)
            .arg(component)
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the server prints its address");
        let address = line.trim().strip_prefix("http://").expect("a URL");
        Self {
            address: address.trim_end_matches("/hello").to_owned(),
            process,
        }
    }

    /// The whole response, as text.
    fn request(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("it is text");
        response
    }

    fn get(&self, path: &str) -> String {
        self.request(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn answers_one_route_itself_and_one_in_the_sandbox() {
    let server = Server::start("hello.wasm");
    let own = server.get("/");
    assert!(own.starts_with("HTTP/1.1 200"), "{own}");
    assert!(own.contains("comes from axum"), "{own}");
    let sandboxed = server.get("/hello");
    assert!(sandboxed.starts_with("HTTP/1.1 200"), "{sandboxed}");
    assert!(
        sandboxed.contains("Hello from under the bell jar"),
        "{sandboxed}"
    );
    assert!(server.get("/other").starts_with("HTTP/1.1 404"));
}

/// The handler `test-proxy` follows wasi:http 0.2, and answers every path. It is asked with `/hello` only here.
#[test]
fn runs_handlers_of_wasi_http() {
    let server = Server::start("test_proxy.wasm");
    for _ in 0..3 {
        let answer = server.get("/hello");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("hello"), "{answer}");
    }
}
