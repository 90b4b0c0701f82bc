//! One client connection: reads its requests, one after another, and has each of them answered.

use std::net::SocketAddr;
use std::sync::Arc;

use belljar_http::{Connection, Transport};

use super::answer::answer;
use super::exchange::Exchange;
use super::open_connections::OpenConnection;
use super::send_response::reject;
use super::shared::Shared;

/// Serves a connection until it closes.
pub(super) async fn serve<S: Transport>(
    stream: S,
    peer: SocketAddr,
    open: &OpenConnection,
    shared: &Shared,
) {
    let mut connection = Connection::new(stream, shared.http.clone());
    let client: Arc<str> = peer.to_string().into();
    loop {
        let another = tokio::select! {
            biased;
            another = connection.idle() => another,
            () = shared.stop.cancelled() => false,
            () = open.idle() => false,
        };
        if !another || !open.begin_request() {
            break;
        }
        let mut exchange = Exchange::new(&shared.log, &client);
        match connection.next_request().await {
            Ok(Some(request)) => {
                exchange.request(&request.head);
                answer(&mut connection, request, &client, shared, &mut exchange).await;
            }
            Ok(None) => break,
            Err(reason) => {
                if let Some(head) = connection.refused_head() {
                    exchange.request(head);
                }
                reject(&mut connection, &reason, &mut exchange).await;
            }
        }
        if !connection.is_persistent() {
            break;
        }
    }
    // A client whose last request is being discarded has its response already, so its place may go to another client.
    tokio::select! {
        biased;
        () = connection.close() => {}
        () = open.idle() => {}
    }
}
