//! PostgreSQL through the crate tokio-postgres. A handler is one thread, so its connection runs beside its queries.

use std::future::Future;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error, NoTls};

/// Writes and reads a table in the database at `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
pub fn run(url: &str) -> Result<String, String> {
    let config: Config = url.parse().map_err(shown)?;
    let (Some(Host::Tcp(host)), Some(port)) =
        (config.get_hosts().first(), config.get_ports().first())
    else {
        return Err("the URL has no host and port".into());
    };
    let stream = TcpStream::connect((host.as_str(), *port)).map_err(|error| error.to_string())?;
    stream
        .set_nonblocking(true)
        .map_err(|error| error.to_string())?;
    block_on(async {
        let (client, connection) = config
            .connect_raw(Transport(stream), NoTls)
            .await
            .map_err(shown)?;
        let mut connection = pin!(connection);
        let mut queries = pin!(queries(&client));
        let outcome = std::future::poll_fn(|context| {
            // The connection sends what the queries ask for, and gives them the answers.
            let ended = connection.as_mut().poll(context);
            match (queries.as_mut().poll(context), ended) {
                (Poll::Ready(outcome), _) => Poll::Ready(outcome),
                (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
                _ => Poll::Pending,
            }
        });
        outcome.await.map_err(shown)
    })
}

async fn queries(client: &Client) -> Result<String, Error> {
    client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS visits (id serial PRIMARY KEY, name text NOT NULL)",
        )
        .await?;
    client
        .execute("INSERT INTO visits (name) VALUES ($1)", &[&"Zoë's"])
        .await?;
    let row = client
        .query_one(
            "SELECT count(*), min(name) FROM visits WHERE id >= $1",
            &[&1],
        )
        .await?;
    let (count, name): (i64, String) = (row.get(0), row.get(1));
    let wrong = client.query("SELECT 1 / 0", &[]).await.is_err();
    Ok(format!(
        "{count} rows, the first is {name}, an error is an error: {wrong}"
    ))
}

fn shown(error: Error) -> String {
    match error.as_db_error() {
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}

/// Runs a future to its end. Between two tries the handler sleeps, which costs no CPU time.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A socket that does not block, as the driver wants it.
struct Transport(TcpStream);

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.0.read(buffer.initialize_unfilled()) {
            Ok(read) => {
                buffer.advance(read);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
            outcome => Poll::Ready(outcome),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.0.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
