//! Tests of responses: their framing, and the outcome when a body fails.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn sends_framing_and_content() {
    let streamed = format!("a{}c", "b".repeat(20_000));
    for (method, path, status, length, body) in [
        ("GET", "/x", 200, Some("6"), "GET /x"),
        ("HEAD", "/x", 200, Some("7"), ""),
        ("GET", "/nothing", 204, None, ""),
        ("HEAD", "/nothing", 204, None, ""),
        ("GET", "/not-modified", 304, None, ""),
        ("HEAD", "/length-of-head", 200, Some("77"), ""),
        (
            "GET",
            "/length-of-head",
            500,
            Some("26"),
            "500 Internal Server Error\n",
        ),
        (
            "GET",
            "/mismatch",
            500,
            Some("26"),
            "500 Internal Server Error\n",
        ),
        ("HEAD", "/mismatch", 500, Some("26"), ""),
        (
            "GET",
            "/large-fields",
            500,
            Some("26"),
            "500 Internal Server Error\n",
        ),
        ("HEAD", "/many-bytes", 200, Some("300000"), ""),
        ("GET", "/stream", 200, None, &streamed),
        ("HEAD", "/stream", 200, None, ""),
        ("GET", "/stream-nothing", 200, None, ""),
        ("GET", "/stream-known", 200, Some("5"), "hello"),
        ("HEAD", "/stream-known", 200, Some("5"), ""),
    ] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: h\r\n\r\nGET /after HTTP/1.1\r\nHost: h\r\n\r\n"
        );
        let responses = responses(&request).await;
        let [first, second] = &responses[..] else {
            panic!("{request:?}: {responses:?}")
        };
        assert_eq!(
            (first.status, first.field("content-length")),
            (status, length),
            "{request:?}"
        );
        assert_eq!(first.body, body.as_bytes(), "{request:?}");
        let chunked = method == "GET" && path.starts_with("/stream") && length.is_none();
        assert_eq!(
            first.field("transfer-encoding"),
            chunked.then_some("chunked"),
            "{request:?}"
        );
        assert_eq!(second.body, b"GET /after");
    }
    let many = responses("GET /many-bytes HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(many[0].body, vec![b'm'; 300_000]);
    let old = responses("GET /stream HTTP/1.0\r\n\r\n").await;
    assert_eq!(
        (old[0].body.as_slice(), old[0].field("transfer-encoding")),
        (streamed.as_bytes(), None)
    );
}

#[tokio::test(start_paused = true)]
async fn cuts_the_connection_when_a_stream_does_not_end() {
    for (path, version, start) in [
        ("/stream-cut", "1.1", "\r\n\r\n4\r\npart\r\n"),
        ("/stream-cut", "1.0", "\r\n\r\npart"),
        ("/stream-short", "1.1", "\r\n\r\nhello"),
        ("/stream-long", "1.1", "\r\n\r\nhe"),
    ] {
        let request = format!(
            "GET {path} HTTP/{version}\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
        );
        let answer = exchange(request.as_bytes(), 1000, &Limits::default()).await;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.ends_with(start), "{path} {version}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn replaces_a_stream_that_fails_before_anything_was_sent() {
    let (client, server) = duplex(1 << 10);
    let mut connection = Connection::new(server, Arc::new(Limits::default()));
    for source in [
        vec![],
        vec![data("x")],
        vec![data("toolong"), Frame::End],
        vec![data("x"), Frame::End],
    ] {
        let (sender, frames) = mpsc::channel(9);
        source
            .into_iter()
            .for_each(|frame| sender.try_send(frame).unwrap());
        drop(sender);
        let body = Body::Stream {
            frames,
            length: Some(3),
        };
        let outcome = connection
            .respond(Response::new(200, vec![], body).unwrap())
            .await;
        assert!(
            matches!(outcome, Err(SendError::NotStarted(_))),
            "{outcome:?}"
        );
        assert_eq!(connection.sent_head(), b"");
    }
    connection.respond(Response::error(500)).await.unwrap();
    connection.close().await;
    let mut client = client;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert_eq!(summarise(&parse_all(&answer, "")), "500 close");
}

/// A connection that has received a request for a file.
async fn requested<S: Transport>(stream: S) -> Connection<S> {
    let mut connection = Connection::new(stream, Arc::new(Limits::default()));
    assert!(connection.idle().await);
    assert!(connection.next_request().await.unwrap().is_some());
    connection
}

fn temporary(length: usize) -> Arc<File> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("belljar-http-{}-{count}", std::process::id()));
    let mut options = File::options();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let pattern: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
    file.write_all(&pattern).unwrap();
    Arc::new(file)
}

async fn tcp_pair() -> (tokio::net::TcpStream, tokio::net::TcpStream) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(client, listener.accept());
    (client.unwrap(), server.unwrap().0)
}

const GET: &[u8] = b"GET /file HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test]
async fn sends_files_from_any_offset() {
    for (size, offset, length) in [
        (10usize, 0usize, 10usize),
        (10, 3, 4),
        (10, 10, 0),
        (200_000, 1, 65_536),
        (200_000, 0, 65_537),
        (3_000_000, 0, 3_000_000),
        (3_000_000, 999_999, 2_000_001),
    ] {
        let file = temporary(size);
        let body = || Body::File {
            file: file.clone(),
            offset: offset as u64,
            length: length as u64,
        };
        let expected: Vec<u8> = (offset..offset + length)
            .map(|index| (index % 251) as u8)
            .collect();
        let response = || Response::new(200, vec![], body()).unwrap();

        let (mut client, server) = tcp_pair().await;
        // The pipe is smaller than a read of the file, so that writes are partial.
        let (mut piped, pipe) = duplex(1 << 14);
        client.write_all(GET).await.unwrap();
        piped.write_all(GET).await.unwrap();
        let by_tcp = async {
            let mut connection = requested(server).await;
            let sent = connection.respond(response()).await.unwrap();
            assert_eq!(sent.body_bytes, length as u64);
            connection.close().await;
        };
        let by_pipe = async {
            let mut connection = requested(pipe).await;
            connection.respond(response()).await.unwrap();
            connection.close().await;
        };
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let outcomes = tokio::join!(
            by_tcp,
            by_pipe,
            client.read_to_end(&mut first),
            piped.read_to_end(&mut second)
        );
        outcomes.2.unwrap();
        outcomes.3.unwrap();
        for answer in [first, second] {
            let (received, rest) = parse_one(&answer, false).expect("the response is complete");
            assert!(
                received.body == expected && rest.is_empty(),
                "{size} {offset} {length}"
            );
        }
    }
}

#[tokio::test]
async fn detects_a_short_file_before_sending_the_head() {
    let cases = [
        (10, 0, 11),
        (10, 10, 1),
        (10, u64::MAX, 5),
        (100_000, 1, 100_000),
    ];
    for ((size, offset, length), method) in cases
        .into_iter()
        .flat_map(|case| ["GET", "HEAD"].map(|method| (case, method)))
    {
        let request = format!("{method} /file HTTP/1.1\r\nHost: h\r\n\r\n");
        let (mut client, server) = duplex(1 << 20);
        client.write_all(request.as_bytes()).await.unwrap();
        let mut connection = requested(server).await;
        let body = Body::File {
            file: temporary(size),
            offset,
            length,
        };
        let outcome = connection
            .respond(Response::new(200, vec![], body).unwrap())
            .await;
        let error = outcome.expect_err("the file is too short");
        assert!(error.nothing_sent(), "{error:?}");
        assert!(connection.is_persistent());
        connection.respond(Response::error(500)).await.unwrap();
        drop(connection);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(summarise(&parse_all(&answer, &request)), "500");
    }
}

#[tokio::test]
async fn cuts_the_connection_when_a_file_shrinks() {
    let size = 20_000_000;
    let file = temporary(size);
    let (mut client, server) = tcp_pair().await;
    client.write_all(GET).await.unwrap();
    let mut connection = requested(server).await;
    let body = Body::File {
        file: file.clone(),
        offset: 0,
        length: size as u64,
    };
    let sending = tokio::spawn(async move {
        let outcome = connection
            .respond(Response::new(200, vec![], body).unwrap())
            .await;
        assert!(!connection.is_persistent());
        connection.close().await;
        outcome
    });
    // The socket's buffers fill up long before the end of the file.
    let mut answer = vec![0; 1000];
    client.read_exact(&mut answer).await.unwrap();
    file.set_len(1000).unwrap();
    let _ = client.read_to_end(&mut answer).await;
    let outcome = sending.await.unwrap();
    assert!(
        matches!(outcome, Err(SendError::Cut(Cut::FileShrank))),
        "{outcome:?}"
    );
    assert!(answer.len() < size);
}

#[tokio::test]
async fn rejects_a_directory_as_body() {
    let (mut client, server) = duplex(1 << 10);
    client.write_all(GET).await.unwrap();
    let mut connection = requested(server).await;
    let file = Arc::new(File::open(std::env::temp_dir()).unwrap());
    let body = Body::File {
        file,
        offset: 0,
        length: 1,
    };
    let outcome = connection
        .respond(Response::new(200, vec![], body).unwrap())
        .await;
    assert!(
        matches!(outcome, Err(SendError::Unreadable(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn resets_the_connection_when_a_response_without_length_is_cut() {
    let (mut client, server) = tcp_pair().await;
    client
        .write_all(b"GET /stream-cut HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let server = tokio::spawn(serve(server, Arc::new(Limits::default())));
    let outcome = client.read_to_end(&mut Vec::new()).await;
    assert_eq!(
        outcome.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::ConnectionReset)
    );
    server.await.unwrap();
}
