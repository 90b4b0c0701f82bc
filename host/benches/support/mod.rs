//! Runs whole requests through the library without a socket, for the microbenchmark and the count of instructions.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use belljar_http::{self as http, Connection, Transport};
use belljar_sandbox::{Access, Answer, Engine, Grants, Handler, Limits, Preopen};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// A client that repeats a request whenever it has been answered.
pub struct Replay {
    request: &'static [u8],
    waits: bool,
}

impl AsyncRead for Replay {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // No waker is needed: the task that writes the answer reads next.
        if self.waits {
            return Poll::Pending;
        }
        buffer.put_slice(self.request);
        self.waits = true;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.waits = false;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Transport for Replay {}

/// A server without its sockets.
pub struct Bench {
    pub runtime: Runtime,
    pub handler: Arc<Handler>,
    pub client: Arc<str>,
    limits: Arc<http::Limits>,
}

impl Bench {
    /// The component sees a folder with `page.txt`. The pool has `instances`, and each answers `reuse` requests.
    pub fn new(component: &[u8], instances: u32, reuse: u32) -> Self {
        let limits = Limits {
            max_instances: instances,
            ..Limits::default()
        };
        let engine = Engine::new(instances, 1).expect("the engine starts");
        let folder = std::env::temp_dir().join(format!("belljar-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the file");
        std::fs::write(folder.join("page.txt"), [b'x'; 1_000]).expect("the file is written");
        let site = Preopen {
            host: folder,
            guest: "/".into(),
            access: Access::ReadOnly,
        };
        let grants = Grants::new("bench".into(), Vec::new(), &[site]).expect("the folder opens");
        let handler =
            Handler::load(Arc::new(engine), component, grants, limits).expect("the guest loads");
        Self {
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            handler: Arc::new(handler.reuse(reuse).build()),
            client: "192.0.2.7:50112".into(),
            limits: Arc::default(),
        }
    }

    pub fn connection(&self, request: &'static [u8]) -> Connection<Replay> {
        let waits = false;
        Connection::new(Replay { request, waits }, self.limits.clone())
    }
}

/// Answers one request, from its bytes to the bytes of its answer, in the server's order: the instance is torn down
/// last.
pub async fn whole(bench: &Bench, connection: &mut Connection<Replay>) {
    assert!(connection.idle().await);
    let request = connection
        .next_request()
        .await
        .expect("well-formed")
        .expect("a request");
    let call = bench.handler.call(request, bench.client.clone());
    let answer = connection.drive(call).await.expect("the client stays");
    let Answer { response, lease } = answer.expect("the handler answers");
    assert_eq!(response.status(), 200);
    connection.respond(response).await.expect("it is sent");
    drop(lease);
}

/// The component of examples/hello.
pub fn hello() -> Vec<u8> {
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    };
    let file = target.join("wasm32-wasip2/guest/hello.wasm");
    match std::fs::read(&file) {
        Ok(component) => component,
        Err(error) => panic!(
            "{}: {error}; `cargo xtask handlers` builds it",
            file.display()
        ),
    }
}

/// A request of a load generator.
pub const SHORT: &[u8] = b"GET /page.txt HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
