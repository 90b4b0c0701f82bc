//! Requests that a handler sends to other servers: which are allowed, and how they end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;

use crate::support::{Peer, Server, Site, WAIT_LIMIT, head, run};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Peer: yes\r\n\r\nhello";

fn server(flags: &str) -> Server {
    Server::options().handler("test_grants").args(flags).start()
}

/// Lets the handler send a request. `query` has the URL and options. Returns the handler's report of the response.
fn fetch(server: &Server, query: &str) -> String {
    server.get(&format!("/fetch?url={query}")).text()
}

#[test]
fn the_handler_gets_the_response_unchanged() {
    let peer = Peer::of(OK);
    let server = server(&format!("--allow-outbound {}", peer.url()));
    let text = fetch(&server, &format!("{}/path", peer.url()));
    assert_eq!(text, "200\ncontent-length: 5\nx-peer: yes\n\nhello");

    let trailers = Peer::of(
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nX: 1\r\nX: 2\r\n\r\n\
         3\r\nabc\r\n3\r\ndef\r\n0\r\nLate: yes\r\n\r\n",
    );
    let server = self::server(&format!("--allow-outbound {}", trailers.url()));
    let text = fetch(&server, &trailers.url());
    assert_eq!(text, "404\nx: 1\nx: 2\n\nabcdef");
}

#[test]
fn the_peer_gets_the_request_unchanged() {
    let (bodies, received) = mpsc::channel();
    let peer = Peer::start(move |stream| {
        let mut body = [0; 16];
        let read = stream.read(&mut body).expect("the request has a body");
        bodies.send(body[..read].to_vec()).expect("the test waits");
        let _ = stream.get_mut().write_all(OK.as_bytes());
    });
    let server = server(&format!("--allow-outbound {}", peer.url()));
    let query = format!(
        "{}/a/b?c&method=PUT&body=word&header=x-name:value",
        peer.url()
    );
    assert!(fetch(&server, &query).starts_with("200\n"));
    let heads = peer.heads();
    let [request] = &heads[..] else {
        panic!("one request was sent: {heads:?}");
    };
    let host = format!("host: {}\r\n", peer.address);
    for part in [
        "PUT /a/b?c HTTP/1.1\r\n",
        &host,
        "x-name: value\r\n",
        "transfer-encoding: chunked\r\n",
    ] {
        assert!(request.contains(part), "{part:?} is missing: {request}");
    }
    let body = received
        .recv_timeout(WAIT_LIMIT)
        .expect("the peer got the body");
    assert_eq!(body, b"4\r\nword\r\n0\r\n\r\n");

    // The handler cannot set the fields of the connection.
    for field in [
        "host:example.com",
        "connection:close",
        "transfer-encoding:chunked",
        "upgrade:x",
    ] {
        let query = format!("{}&header={field}", peer.url());
        assert_eq!(
            fetch(&server, &query),
            "HeaderError::Forbidden\n",
            "{field}"
        );
    }
}

#[test]
fn only_allowed_origins_are_reached() {
    let (peer, other) = (Peer::of(OK), Peer::of(OK));
    let server = server(&format!("--allow-outbound {}", peer.url()));
    let port = peer.address.port();
    let denied = "ErrorCode::HttpRequestDenied\n";
    let invalid = "ErrorCode::HttpRequestUriInvalid\n";
    for (query, expected) in [
        (peer.url(), "200\n"),
        (format!("{}/path?query", peer.url()), "200\n"),
        (other.url(), denied),
        (format!("https://127.0.0.1:{port}"), denied),
        (format!("http://localhost:{port}"), denied),
        (format!("http://127.0.0.2:{port}"), denied),
        (format!("http://[::ffff:127.0.0.1]:{port}"), denied),
        ("http://127.0.0.1".into(), denied),
        (format!("http://user@127.0.0.1:{port}"), invalid),
        (format!("http://2130706433:{port}"), invalid),
        (format!("http://127.1:{port}"), invalid),
        (format!("http://0x7f.0.0.1:{port}"), invalid),
        (
            format!("{}&method=CONNECT", peer.url()),
            "ErrorCode::HttpRequestMethodInvalid\n",
        ),
    ] {
        let text = fetch(&server, &query);
        assert!(text.starts_with(expected), "{query}: {text}");
    }
    assert_eq!(other.heads(), Vec::<String>::new());
    let grant = format!("--allow-outbound {}", other.url());
    server.wait_for_log("the flag that would allow it", |line| line.contains(&grant));
}

#[test]
fn private_addresses_need_a_grant() {
    let peer = Peer::of(OK);
    let port = peer.address.port();
    let denied = "ErrorCode::HttpRequestDenied\n";
    let prohibited = "ErrorCode::DestinationIpProhibited\n";
    for (flags, host, expected) in [
        ("", "localhost", denied),
        ("--allow-outbound http://*:*", "localhost", prohibited),
        ("--allow-outbound http://*:*", "127.0.0.1", prohibited),
        ("--allow-outbound http://*:*", "0.0.0.0", prohibited),
        (
            "--allow-outbound http://*:*",
            "[::ffff:127.0.0.1]",
            prohibited,
        ),
        (
            "--allow-outbound http://*:* --allow-private 10.0.0.0/8",
            "localhost",
            prohibited,
        ),
        (
            "--allow-outbound http://*:* --allow-private 127.0.0.0/8",
            "localhost",
            "200\n",
        ),
        (
            "--allow-outbound http://*:* --allow-private 127.0.0.1",
            "127.0.0.1",
            "200\n",
        ),
        ("--allow-private 127.0.0.1", "127.0.0.1", denied),
        ("--allow-outbound http://localhost:*", "localhost", "200\n"),
        ("--allow-outbound http://LOCALHOST:*", "LocalHost.", "200\n"),
        ("--allow-outbound http://localhost:*", "127.0.0.1", denied),
        ("--allow-outbound http://127.0.0.1:*", "localhost", denied),
        ("--allow-outbound http://127.0.0.1:*", "127.0.0.1", "200\n"),
    ] {
        let server = server(flags);
        let text = fetch(&server, &format!("http://{host}:{port}"));
        assert!(text.starts_with(expected), "{flags} {host}: {text}");
        if expected == prohibited {
            server.wait_for_log("the flag that would allow it", |line| {
                line.contains("--allow-private")
            });
        }
    }
}

#[test]
fn redirects_are_not_followed() {
    let target = Peer::of(OK);
    let location = format!(
        "HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        target.url()
    );
    let peer = Peer::of(location);
    let server = server(&format!(
        "--allow-outbound {} --allow-outbound {}",
        peer.url(),
        target.url()
    ));
    let text = fetch(&server, &peer.url());
    assert!(text.starts_with("302\n"), "{text}");
    assert_eq!(target.heads(), Vec::<String>::new());
}

#[test]
fn reports_broken_responses_as_errors() {
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(200));
    for (answer, expected) in [
        ("", "ErrorCode::HttpResponseIncomplete\n"),
        (
            "HTTP/1.1 200 OK\r\nContent-",
            "ErrorCode::HttpResponseIncomplete\n",
        ),
        ("nonsense\r\n\r\n", "ErrorCode::HttpProtocolError\n"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "ErrorCode::HttpProtocolError\n",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "ErrorCode::HttpProtocolError\n",
        ),
        (
            &huge,
            "ErrorCode::HttpResponseHeaderSectionSize(Some(32768))\n",
        ),
        (
            &many,
            "ErrorCode::HttpResponseHeaderSectionSize(Some(32768))\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
            "after 5 bytes: Some(ErrorCode::HttpResponseIncomplete)\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nx",
            "after 5 bytes: ",
        ),
    ] {
        let peer = Peer::of(answer);
        let server = server(&format!("--allow-outbound {}", peer.url()));
        let text = fetch(&server, &peer.url());
        assert!(
            text.starts_with(expected),
            "{}: {text}",
            crate::support::shown(answer.as_bytes())
        );
    }

    let closed = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = closed.local_addr().expect("the listener has an address");
    drop(closed);
    let plain = Peer::of(OK);
    let server = server(&format!(
        "--allow-outbound http://{address} --allow-outbound https://{}",
        plain.address
    ));
    assert_eq!(
        fetch(&server, &format!("http://{address}")),
        "ErrorCode::ConnectionRefused\n"
    );
    drop(plain);
}

/// A head of exactly the limit passes.
#[test]
fn bounds_the_head_of_a_response() {
    let answer = |size: usize| {
        let (begin, end) = ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ", "\r\n\r\n");
        format!("{begin}{}{end}", "x".repeat(size - begin.len() - end.len()))
    };
    for (size, expected) in [
        (1000, "200\n"),
        (
            1001,
            "ErrorCode::HttpResponseHeaderSectionSize(Some(1000))\n",
        ),
        (
            20_000,
            "ErrorCode::HttpResponseHeaderSectionSize(Some(1000))\n",
        ),
    ] {
        let peer = Peer::of(answer(size));
        let server = server(&format!(
            "--outbound-max-head 1000B --allow-outbound {}",
            peer.url()
        ));
        let text = fetch(&server, &peer.url());
        assert!(text.starts_with(expected), "{size}: {text}");
    }
}

/// A body of exactly the limit passes, with and without a Content-Length.
#[test]
fn bounds_the_body_of_a_response() {
    for (size, expected) in [
        (1000, "1000 bytes\n"),
        (1001, "body size exceeds limit: 1000 bytes\")))\n"),
        (200_000, "body size exceeds limit: 1000 bytes\")))\n"),
    ] {
        let body = "x".repeat(size);
        for answer in [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n{body}"),
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n"
            ),
        ] {
            let peer = Peer::of(answer);
            let server = server(&format!(
                "--outbound-max-body 1000B --allow-outbound {}",
                peer.url()
            ));
            let answer = server.get(&format!("/count?url={}/", peer.url()));
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(text.ends_with(expected), "{size}: {text}");
        }
    }
}

/// Reads until the other end closes.
fn wait_for_end(stream: &mut BufReader<TcpStream>) {
    let _ = std::io::copy(stream, &mut std::io::sink());
}

#[test]
fn gives_up_on_slow_servers() {
    let silent = Peer::start(wait_for_end);
    let stalls = Peer::start(|stream| {
        let _ = stream
            .get_mut()
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        wait_for_end(stream);
    });
    // This server accepts connections and sends nothing, so a TLS handshake does not end.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let mute = (
        mute.local_addr().expect("the listener has an address"),
        mute,
    )
        .0;
    let (silent, stalls, mute) = (silent.url(), stalls.url(), format!("https://{mute}"));
    let allowed =
        format!("--allow-outbound {silent} --allow-outbound {stalls} --allow-outbound {mute}");
    let late = "ErrorCode::ConnectionReadTimeout\n";
    let midway = "after 4 bytes: Some(ErrorCode::ConnectionReadTimeout)\n";
    for (flags, query, expected) in [
        ("", format!("{silent}&first=100"), late),
        ("", format!("{stalls}&between=100"), midway),
        // The operator's limit applies whatever timeout the handler sets.
        (
            "--outbound-first-byte-timeout 100ms",
            format!("{silent}&first=60000"),
            late,
        ),
        (
            "--outbound-first-byte-timeout 100ms",
            format!("{silent}&method=POST&body=word"),
            late,
        ),
        (
            "--outbound-between-bytes-timeout 100ms",
            format!("{stalls}&between=60000"),
            midway,
        ),
    ] {
        let server = server(&format!("{allowed} {flags}"));
        assert_eq!(fetch(&server, &query), expected, "{flags} {query}");
    }
    let _ = mute;
}

#[test]
fn gives_up_on_an_endless_handshake() {
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!(
        "https://{}",
        mute.local_addr().expect("the listener has an address")
    );
    let server = server(&format!(
        "--allow-outbound {url} --outbound-connect-timeout 100ms"
    ));
    assert_eq!(fetch(&server, &url), "ErrorCode::ConnectionTimeout\n");
}

#[test]
fn https_to_a_server_without_tls_fails() {
    let peer = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!(
        "https://{}",
        peer.local_addr().expect("the listener has an address")
    );
    thread::spawn(move || {
        while let Ok((mut stream, _)) = peer.accept() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            wait_for_end(&mut BufReader::new(stream));
        }
    });
    let server = server(&format!("--allow-outbound {url}"));
    assert_eq!(fetch(&server, &url), "ErrorCode::TlsProtocolError\n");
}

#[test]
fn bounds_the_connections_of_an_instance() {
    // More than the buffers hold, so the connection stays open until the response is read.
    let large = Peer::start(|stream| {
        let _ = stream
            .get_mut()
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n");
        let _ = stream.get_mut().write_all(&vec![b'x'; 8 << 20]);
    });
    let small = Peer::of(OK);
    let allowed = format!(
        "--allow-outbound {} --allow-outbound {}",
        large.url(),
        small.url()
    );
    for (flags, url, expected) in [
        ("", large.url(), "4 answers, errors: []\n"),
        (
            "--outbound-connections 2 --outbound-connect-timeout 500ms",
            large.url(),
            "2 answers, errors: [\"ErrorCode::ConnectionLimitReached\\n\"]\n",
        ),
        // Connections that end make room for requests that wait.
        (
            "--outbound-connections 1",
            small.url(),
            "4 answers, errors: []\n",
        ),
    ] {
        let server = server(&format!("{allowed} {flags}"));
        let text = server.get(&format!("/fetch-many?url={url}&count=4")).text();
        assert_eq!(text, expected, "{flags}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn passes_a_large_response_in_constant_memory() {
    const LENGTH: u64 = 256 << 20;
    let peer = Peer::start(|stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
        let _ = stream.get_mut().write_all(head.as_bytes());
        let part = vec![b'x'; 1 << 20];
        for _ in 0..LENGTH >> 20 {
            let _ = stream.get_mut().write_all(&part);
        }
    });
    let server = server(&format!("--allow-outbound {}", peer.url()));
    let before = server.memory();
    let text = server.get(&format!("/count?url={}", peer.url())).text();
    assert_eq!(text, format!("{LENGTH} bytes\n"));
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes");
}

/// An outbound connection ends with the instance: after the response, and when the client goes away.
#[test]
fn an_outbound_request_ends_with_its_instance() {
    let (ended, ends) = mpsc::channel();
    let peer = Peer::start(move |stream| {
        wait_for_end(stream);
        let _ = ended.send(());
    });
    let server = server(&format!("--allow-outbound {}", peer.url()));
    let answer = server.get(&format!("/leave?url={}", peer.url())).text();
    assert_eq!(answer, "left\n");
    if !peer.heads().is_empty() {
        ends.recv_timeout(WAIT_LIMIT)
            .expect("the connection ends with the answer");
    }

    let seen = peer.heads().len();
    let mut client = server.connect();
    client.send(head("GET", &format!("/fetch?url={}", peer.url()), &[]));
    while peer.heads().len() == seen {
        thread::yield_now();
    }
    drop(client);
    ends.recv_timeout(WAIT_LIMIT)
        .expect("the connection ends with the client");
}

#[test]
fn bounds_the_log_of_denied_requests() {
    let server = server("");
    let text = server
        .get("/fetch-many?url=http://127.0.0.1:1&count=100")
        .text();
    assert_eq!(
        text,
        "0 answers, errors: [\"ErrorCode::HttpRequestDenied\\n\"]\n"
    );
    // The line of the access log comes after the other lines of the request.
    server.wait_for_log("the request", |line| line.contains("/fetch-many"));
    let log = server.log();
    assert_eq!(log.matches("was denied").count(), 8, "{log}");
}

/// Starts a TLS server for these names, with a certificate of its own authority. Returns its address and the authority as
/// PEM.
fn tls_server(names: &[&str]) -> (SocketAddr, String) {
    let authority = KeyPair::generate().expect("a key can be generated");
    let mut params = CertificateParams::new([]).expect("a certificate may have no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params
        .self_signed(&authority)
        .expect("the certificate can be signed");
    let issuer = Issuer::new(params, authority);
    let key = KeyPair::generate().expect("a key can be generated");
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let params = CertificateParams::new(names).expect("the names are valid");
    let signed = params
        .signed_by(&key, &issuer)
        .expect("the certificate can be signed");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("rustls knows the kind of key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the versions are supported")
        .with_no_client_auth()
        .with_single_cert(vec![signed.der().clone()], key)
        .expect("the certificate fits the key");
    let config = Arc::new(config);

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the listener has an address");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection =
                ServerConnection::new(config.clone()).expect("the configuration is valid");
            thread::spawn(move || {
                let mut stream = BufReader::new(StreamOwned::new(connection, stream));
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if !stream.read_line(&mut head).is_ok_and(|read| read > 0) {
                        return;
                    }
                }
                let _ = stream.get_mut().write_all(OK.as_bytes());
            });
        }
    });
    (address, certificate.pem())
}

#[test]
fn https_needs_a_trusted_certificate() {
    let site = Site::new(&[]);
    let (server_of_both, pem) = tls_server(&["localhost", "127.0.0.1"]);
    let authority = site.write("authority.pem", pem.as_bytes());
    let (impostor, pem) = tls_server(&["example.com"]);
    let other = site.write("other.pem", pem.as_bytes());
    let refused = "ErrorCode::TlsCertificateError\n";
    let port = server_of_both.port();
    for (authority, url, expected) in [
        (
            Some(&authority),
            format!("https://localhost:{port}"),
            "200\n",
        ),
        (
            Some(&authority),
            format!("https://127.0.0.1:{port}"),
            "200\n",
        ),
        (Some(&other), format!("https://localhost:{port}"), refused),
        (Some(&other), format!("https://{impostor}"), refused),
        (None, format!("https://localhost:{port}"), refused),
    ] {
        let mut options = Server::options()
            .handler("test_grants")
            .arg("--allow-outbound")
            .arg(&url);
        if let Some(authority) = authority {
            options = options.arg("--outbound-ca").arg(authority);
        }
        let text = fetch(&options.start(), &url);
        assert!(text.starts_with(expected), "{authority:?} {url}: {text}");
    }
    for (content, expected) in [
        ("", "contains no PEM certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate in the file is invalid",
        ),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "is damaged"),
    ] {
        let file = site
            .write("bad.pem", content.as_bytes())
            .display()
            .to_string();
        let ended = run(["serve", "--outbound-ca", &file]);
        assert_eq!(ended.code, Some(2), "{content}: {ended:?}");
        assert!(
            ended.stderr.contains(expected) && ended.stderr.contains(&file),
            "{content}: {ended:?}"
        );
    }
}

/// A handler of wasi:http 0.3 can pass a response on while it arrives.
#[test]
fn a_handler_of_0_3_forwards_responses() {
    let peer = Peer::start(|stream| {
        let _ = stream
            .get_mut()
            .write_all(b"HTTP/1.1 203 Fine\r\nX-Peer: yes\r\nContent-Length: 1048576\r\n\r\n");
        let _ = stream.get_mut().write_all(&vec![b'x'; 1 << 20]);
    });
    let server = Server::options()
        .handler("test_service")
        .args(&format!("--allow-outbound {}", peer.url()))
        .start();
    let answer = server.get(&format!("/forward?to={}", peer.address));
    assert_eq!((answer.status, answer.body.len()), (203, 1 << 20));
    assert_eq!(answer.need("x-peer"), "yes");
    let denied = server.get("/forward?to=127.0.0.1:1");
    assert_ne!(denied.status, 200);
    server.wait_for_log("the flag that would allow it", |line| {
        line.contains("--allow-outbound http://127.0.0.1:1")
    });
}

#[test]
fn tcp_reaches_only_granted_addresses() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port is free"));
    let [granted, other] = [0, 1].map(|index| {
        listeners[index]
            .local_addr()
            .expect("the listener has an address")
    });
    let greeter = thread::spawn(move || {
        let (mut stream, _) = listeners[0].accept().expect("the handler connects");
        stream.write_all(b"welcome").expect("the handler reads");
        listeners
    });
    let server = server(&format!("--allow-tcp {granted}"));
    for (address, expected) in [
        (granted, (200, "welcome")),
        (other, (502, "permission denied")),
        // The same port at another address.
        (
            SocketAddr::from(([127, 0, 0, 2], granted.port())),
            (502, "permission denied"),
        ),
    ] {
        let answer = server.get(&format!("/tcp?to={address}"));
        assert_eq!((answer.status, &*answer.text()), expected, "{address}");
        if expected.0 != 200 {
            server.wait_for_log("the flag that would allow it", |line| {
                line.contains(&format!("--allow-tcp {address}"))
            });
        }
    }
    greeter.join().expect("the handler was greeted");
}
