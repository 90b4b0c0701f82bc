//! Handles: streams, futures and resources of the host without end.

use std::mem::forget;

use wasip3::http::types::{Fields, Request, Response};
use wasip3::sockets::types::{IpAddressFamily, TcpSocket, UdpSocket};
use wasip3::{wit_future, wit_stream};

use crate::{Answer, no_such_attack, started, text};

pub async fn run(attack: &str) -> Answer {
    match attack {
        "streams" => loop {
            forget(wit_stream::new::<u8>());
        },
        // Each write waits for a reader that never reads.
        "unread-writes" => loop {
            let (mut writer, reader) = wit_stream::new::<u8>();
            forget(reader);
            forget(started(async move { writer.write_all(vec![b'x'; 100]).await }).await);
        },
        "futures" => loop {
            forget(wit_future::new::<Result<Option<Fields>, _>>(|| Ok(None)));
        },
        "fields" => loop {
            forget(Fields::new());
        },
        "fields-of-much-text" => {
            let value = vec![b'x'; 60_000];
            loop {
                let fields = Fields::new();
                let _ = fields.append("x", &value);
                forget(fields);
            }
        }
        "requests" => loop {
            let (_, trailers) = wit_future::new(|| Ok(None));
            forget(Request::new(Fields::new(), None, trailers, None));
        },
        "responses" => loop {
            let (_, trailers) = wit_future::new(|| Ok(None));
            forget(Response::new(Fields::new(), None, trailers));
        },
        "sockets" => loop {
            forget(TcpSocket::create(IpAddressFamily::Ipv4));
            forget(UdpSocket::create(IpAddressFamily::Ipv4));
        },
        "short-streams" => loop {
            drop(wit_stream::new::<u8>());
        },
        _ => return no_such_attack(),
    }
    #[expect(
        unreachable_code,
        reason = "each attack is a loop that only the host ends"
    )]
    text("")
}
