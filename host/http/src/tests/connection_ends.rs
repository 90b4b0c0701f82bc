//! Tests of how connections end: with clients that disconnect, are slow, or do not read.

use tokio::time::Instant;

use super::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Sends `request` and then nothing more. Returns a summary of the responses, and the seconds until the server closes
/// the connection.
async fn silent_after(request: &str) -> (String, u64) {
    let (mut client, server) = start();
    let start = Instant::now();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(HANGING, client.read_to_end(&mut answer))
        .await
        .expect("the server hangs")
        .unwrap();
    let seconds = start.elapsed().as_secs();
    drop(client);
    server.await.unwrap();
    (summarise(&parse_all(&answer, request)), seconds)
}

#[tokio::test(start_paused = true)]
async fn closes_when_a_client_falls_silent() {
    for (request, expected, seconds) in [
        ("", "", 60),
        ("\r\n", "", 60),
        ("G", "408 close", 10),
        ("GET / HTTP/1.1\r\nHost: h\r\n", "408 close", 10),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "200", 60),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\nG", "200, 408 close", 10),
        (
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            "200 close",
            0,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx",
            "408 close",
            30,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx",
            "408 close",
            30,
        ),
        (
            "POST /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx",
            "200",
            3,
        ),
        ("GET x HTTP/1.1\r\n\r\n", "400 close", 0),
    ] {
        assert_eq!(
            silent_after(request).await,
            (expected.into(), seconds),
            "{request:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn times_out_a_client_that_sends_single_bytes() {
    for (start_of_request, seconds) in [
        ("GET / HTTP/1.1\r\nx: ", 10),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n",
            30,
        ),
        (
            "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
            30,
        ),
    ] {
        let (client, server) = start();
        let start = Instant::now();
        let (mut reader, mut writer) = tokio::io::split(client);
        let trickle = tokio::spawn(async move {
            writer.write_all(start_of_request.as_bytes()).await.unwrap();
            while writer.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(300)).await;
            }
        });
        let mut answer = vec![0; 12];
        timeout(HANGING, reader.read_exact(&mut answer))
            .await
            .expect("the server hangs")
            .unwrap();
        assert_eq!(answer, b"HTTP/1.1 408");
        assert_eq!(start.elapsed().as_secs(), seconds, "{start_of_request:?}");
        timeout(HANGING, server)
            .await
            .expect("the server hangs")
            .unwrap();
        trickle.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn reads_a_slow_but_steady_body_to_its_end() {
    let (client, server) = start();
    let (mut reader, mut writer) = tokio::io::split(client);
    writer
        .write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 204800\r\n\r\n")
        .await
        .unwrap();
    for _ in 0..100 {
        sleep(Duration::from_secs(1)).await;
        writer.write_all(&[b'x'; 2048]).await.unwrap();
    }
    let mut answer = vec![0; 12];
    reader.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 200");
    drop((reader, writer));
    server.await.unwrap();
}

/// Requests `targets`, one after the other, and then takes `bytes` of the responses each second. Returns how many bytes
/// it got, and the seconds until the server closed the connection.
async fn reading(targets: &[&str], bytes: usize) -> (usize, u64) {
    let (client, server) = duplex(1000);
    let server = tokio::spawn(serve(server, Arc::new(Limits::default())));
    let (mut reader, mut writer) = tokio::io::split(client);
    let start = Instant::now();
    let requests = targets.iter();
    let requests: String = requests
        .map(|target| format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"))
        .collect();
    // The server reads no further request while it cannot send.
    let sender = tokio::spawn(async move {
        let _ = writer.write_all(requests.as_bytes()).await;
        writer
    });
    let mut received = 0;
    while !server.is_finished() {
        sleep(Duration::from_secs(1)).await;
        let mut buffer = vec![0; bytes];
        let mut read = 0;
        while read < bytes {
            match timeout(Duration::from_millis(1), reader.read(&mut buffer[read..])).await {
                Ok(Ok(more @ 1..)) => read += more,
                _ => break,
            }
        }
        received += read;
        assert!(start.elapsed() < HANGING, "the server hangs");
    }
    sender.abort();
    (received, start.elapsed().as_secs())
}

/// Without a bound on the rate, such a client holds its connection and the response for days.
#[tokio::test(start_paused = true)]
async fn cuts_a_client_that_takes_less_than_the_minimum_rate() {
    for (targets, bytes) in [
        (&["/many-bytes"][..], 0),
        (&["/many-bytes"], 1),
        (&["/many-bytes"], 100),
        // Many small responses count as one large response does.
        (&["/"; 100], 10),
    ] {
        let (received, seconds) = reading(targets, bytes).await;
        assert!(received < 3000, "{targets:?} {bytes}: {received}");
        assert!(
            (10..=13).contains(&seconds),
            "{targets:?} {bytes}: {seconds}"
        );
    }
    let (_, seconds) = reading(&["/many-bytes"], 900).await;
    assert!((14..100).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn keeps_a_client_that_takes_the_minimum_rate() {
    let (received, seconds) = reading(&["/many-bytes"], 1100).await;
    assert!(received > 300_000, "{received} in {seconds} s");
}

/// A handler that sends nothing is not the client's fault.
#[tokio::test(start_paused = true)]
async fn counts_only_the_time_in_which_bytes_wait_for_the_client() {
    let (mut client, server) = start();
    client
        .write_all(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    let events = read_until(&mut client, "0\r\n\r\n").await;
    assert_eq!(events.matches("event").count(), 10);
    drop(client);
    server.await.unwrap();
}

/// The time that a fast client did not need is not left for later.
#[tokio::test(start_paused = true)]
async fn times_out_a_body_that_stops_after_a_fast_start() {
    let (client, server) = duplex(1 << 20);
    let server = tokio::spawn(serve(server, Arc::new(Limits::default())));
    let (mut reader, mut writer) = tokio::io::split(client);
    let start = Instant::now();
    writer
        .write_all(b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n")
        .await
        .unwrap();
    writer.write_all(&vec![b'x'; 900_000]).await.unwrap();
    let mut answer = vec![0; 12];
    reader.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
    assert!((30..=60).contains(&start.elapsed().as_secs()));
    drop((reader, writer));
    server.await.unwrap();
}

/// The server discards the rest of a refused request, but not for ever.
#[tokio::test(start_paused = true)]
async fn ends_the_discarding_of_a_refused_request() {
    for (pause, expected) in [(1, 30..=31), (4, 30..=34), (6, 5..=6)] {
        let (client, server) = start();
        let (mut reader, mut writer) = tokio::io::split(client);
        let start = Instant::now();
        let head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n";
        writer.write_all(head.as_bytes()).await.unwrap();
        let sender = tokio::spawn(async move {
            while writer.write_all(&[b'x'; 1000]).await.is_ok() {
                sleep(Duration::from_secs(pause)).await;
            }
        });
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).await.unwrap();
        assert_eq!(summarise(&parse_all(&answer, head)), "413 close");
        timeout(HANGING, server)
            .await
            .expect("the server hangs")
            .unwrap();
        let seconds = start.elapsed().as_secs();
        assert!(expected.contains(&seconds), "{pause}: {seconds}");
        sender.abort();
    }
}

/// Runs a handler for 5 s while the client does `act`. Returns the outcome, and the milliseconds until it.
async fn driven(
    act: impl AsyncFnOnce(DuplexStream) -> Option<DuplexStream>,
) -> (Result<(), ClientGone>, u128) {
    let (mut client, server) = duplex(1 << 20);
    client.write_all(GET).await.unwrap();
    let mut connection = Connection::new(server, Arc::new(Limits::default()));
    assert!(connection.next_request().await.unwrap().is_some());
    let start = Instant::now();
    let answer = Box::pin(sleep(Duration::from_millis(5000)));
    let (client, outcome) = tokio::join!(act(client), connection.drive(answer));
    drop(client);
    (outcome, start.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn stops_driving_when_the_client_is_gone() {
    assert_eq!(driven(async |client| Some(client)).await, (Ok(()), 5000));
    let half_closed = driven(async |mut client: DuplexStream| {
        sleep(Duration::from_millis(100)).await;
        client.shutdown().await.unwrap();
        Some(client)
    });
    assert_eq!(half_closed.await, (Err(ClientGone), 1100));
    let sends_ahead = driven(async |mut client: DuplexStream| {
        client.write_all(GET).await.unwrap();
        client.shutdown().await.unwrap();
        Some(client)
    });
    assert_eq!(sends_ahead.await, (Err(ClientGone), 1000));
    let backlog = driven(async |mut client: DuplexStream| {
        client.write_all(&GET.repeat(5000)).await.unwrap();
        client.shutdown().await.unwrap();
        Some(client)
    });
    assert_eq!(
        backlog.await,
        (Ok(()), 5000),
        "the server cannot notice a close behind a full read buffer"
    );
}

#[tokio::test]
async fn notices_a_reset_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let mut connection = Connection::new(
        listener.accept().await.unwrap().0,
        Arc::new(Limits::default()),
    );
    client.write_all(GET).await.unwrap();
    assert!(connection.next_request().await.unwrap().is_some());
    client.set_zero_linger().unwrap();
    drop(client);
    let outcome = timeout(HANGING, connection.drive(Box::pin(pending::<()>()))).await;
    assert_eq!(outcome.expect("the reset was not noticed"), Err(ClientGone));
    assert!(!connection.is_persistent());
}

#[tokio::test(start_paused = true)]
async fn answers_half_closed_clients() {
    for path in ["/", "/slow", "/stream", "/many-bytes"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").repeat(3);
        assert_eq!(
            summarise(&responses(&request).await),
            "200, 200, 200",
            "{path}"
        );
    }
    assert_eq!(
        summarise(&responses("GET /never HTTP/1.1\r\nHost: h\r\n\r\n").await),
        ""
    );
    for partial in ["", "G", "GET / HTTP/1.1\r\nHost: h\r\n\r"] {
        assert_eq!(summarise(&responses(partial).await), "", "{partial:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn notices_a_disconnect_while_a_stream_is_idle() {
    let (mut client, server) = duplex(1 << 10);
    client.write_all(GET).await.unwrap();
    let mut connection = Connection::new(server, Arc::new(Limits::default()));
    assert!(connection.next_request().await.unwrap().is_some());
    let (_sender, frames) = mpsc::channel(1);
    let body = Body::Stream {
        frames,
        length: None,
    };
    drop(client.shutdown().await);
    let outcome = timeout(
        HANGING,
        connection.respond(Response::new(200, vec![], body).unwrap()),
    )
    .await;
    assert!(
        matches!(outcome, Ok(Err(SendError::Cut(Cut::ClientGone)))),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn idle_is_cancel_safe() {
    let (mut client, server) = duplex(1 << 10);
    let mut connection = Connection::new(server, Arc::new(Limits::default()));
    for byte in GET {
        assert!(
            timeout(Duration::from_millis(1), connection.idle())
                .await
                .is_err()
                || byte != &b'G'
        );
        client.write_all(&[*byte]).await.unwrap();
    }
    assert!(connection.idle().await);
    assert!(connection.next_request().await.unwrap().is_some());
    connection.finish();
    assert!(connection.is_persistent());
    connection.respond(Response::error(404)).await.unwrap();
    assert!(!connection.is_persistent());
    assert!(!connection.idle().await);
    connection.close().await;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(summarise(&parse_all(&answer, "")), "404 close");
}

#[tokio::test]
async fn sends_the_response_while_the_client_is_still_sending() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let server = listener.accept().await.unwrap().0;
    let server = tokio::spawn(serve(server, Arc::new(Limits::default())));
    let length = 4 << 20;
    let head = format!("POST /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    client.write_all(&vec![b'x'; length]).await.unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(summarise(&parse_all(&answer, "POST")), "200 close");
    drop(client);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn idle_connections_hold_little_memory() {
    let (mut client, server) = duplex(1 << 20);
    let mut connection = Connection::new(server, Arc::new(Limits::default()));
    let head = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nx: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    client.write_all(head.as_bytes()).await.unwrap();
    assert!(connection.next_request().await.unwrap().is_some());
    let body = Body::Bytes(vec![b'x'; 5000].into());
    connection
        .respond(Response::new(200, vec![], body).unwrap())
        .await
        .unwrap();
    assert!(
        timeout(Duration::from_secs(1), connection.idle())
            .await
            .is_err()
    );
    assert!(
        !connection
            .read_buffer
            .bytes
            .try_reclaim(crate::connection::read_buffer::IDLE_CAPACITY + 1)
    );
    assert!(connection.write_buffer.capacity() <= crate::connection::read_buffer::IDLE_CAPACITY);
}
