//! Where HTTP meets the sandbox: one connection, request by request.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use super::Shared;
use super::access_log::Exchange;
use super::error_page;
use super::route_target::{Run, Way};
use super::write_batching as turn;
use belljar_http::{Connection, Reject, Request, Response, SendError, Sent, Transport};
use belljar_sandbox::{Answer, Failed, Lease};

/// Serves a connection to its end.
pub(super) async fn serve<S: Transport>(stream: S, peer: SocketAddr, shared: &Shared) {
    let mut connection = Connection::new(stream, shared.http.clone());
    let client: Arc<str> = peer.to_string().into();
    loop {
        let another = tokio::select! {
            biased;
            another = connection.idle() => another,
            () = shared.stop.cancelled() => false,
            () = shared.eviction.asked() => false,
        };
        if !another {
            break;
        }
        let mut exchange = Exchange::new(&shared.log, &client);
        match connection.next_request().await {
            Ok(Some(request)) => {
                exchange.request(&request.head);
                answer(&mut connection, request, &client, shared, &mut exchange).await;
            }
            Ok(None) => break,
            Err(reason) => reject(&mut connection, &reason, &mut exchange).await,
        }
        if !connection.is_persistent() {
            break;
        }
    }
    connection.close().await;
}

async fn answer<S: Transport>(
    connection: &mut Connection<S>,
    mut request: Request,
    client: &Arc<str>,
    shared: &Shared,
    exchange: &mut Exchange<'_>,
) {
    let way = match request.host_answer() {
        Some(response) => Way::Answered(response),
        None => Way::of(&mut request, &shared.routes.load()),
    };
    let (response, made) = match way {
        Way::Answered(response) => (response, None),
        Way::Missing(missing) => {
            exchange.missing(&missing);
            (error_page::missing(&missing, exchange.line()), None)
        }
        Way::Run(run) => {
            turn::give_way().await;
            let call = run.handler.call(request, client.clone());
            let outcome = connection.drive(call).await;
            if let Some(reason) = connection.body_failure() {
                return reject(connection, &reason, exchange).await;
            }
            match outcome {
                Ok(Ok(Answer { response, lease })) => (response, Some((lease, run))),
                Ok(Err(failure)) => (failed(&failure, &run, exchange), None),
                Err(gone) => return exchange.gone(&gone),
            }
        }
    };
    if shared.stop.is_cancelled() {
        connection.finish();
    }
    send(connection, response, made, exchange).await
}

/// The answer that a guest's failure gets; why it failed goes to the log, and to developers.
fn failed(failed: &Failed, run: &Run, exchange: &Exchange<'_>) -> Response {
    exchange.failed(&failed.failure, run);
    error_page::failed(failed, run, exchange.line())
}

/// `made` holds the lease and the route of the response if a handler made it.
async fn send<S: Transport>(
    connection: &mut Connection<S>,
    response: Response,
    mut made: Option<(Lease, Arc<Run>)>,
    exchange: &mut Exchange<'_>,
) {
    if made.as_ref().is_some_and(|(lease, _)| lease.is_over()) && turn::is_busy() {
        // The next guest finds the memory of this one still at hand.
        made = None;
        turn::end().await;
    }
    // Else the answer leaves before its instance is taken down. But where it has to wait for its client, it must not
    // hold an instance's place, unless the guest is still making what is to be sent.
    let sent = {
        let mut sending = pin!(connection.respond(response));
        poll_fn(|context| {
            let sent = sending.as_mut().poll(context);
            if sent.is_pending()
                && let Some((lease, _)) = &mut made
            {
                lease.poll_release(context);
            }
            sent
        })
        .await
    };
    let sent = match (sent, made) {
        (Ok(sent), made) => {
            if let Some((lease, _)) = made {
                lease.finish();
            }
            Ok(sent)
        }
        (Err(error), Some((lease, run))) if error.is_unfinished() => {
            let failure = lease.failure().await;
            match (error.nothing_sent(), failure) {
                (true, Some(failure)) => connection.respond(failed(&failure, &run, exchange)).await,
                (true, None) => unsendable(connection, &error, exchange).await,
                (false, failure) => {
                    failure
                        .iter()
                        .for_each(|failed| exchange.failed(&failed.failure, &run));
                    Err(error)
                }
            }
        }
        // The guest is cancelled, and the client can still be told.
        (Err(error), made) if error.nothing_sent() => {
            drop(made);
            unsendable(connection, &error, exchange).await
        }
        (Err(error), _) => Err(error),
    };
    match sent {
        Ok(sent) => exchange.sent(&sent, connection.sent_head()),
        Err(error) => exchange.cut(&error, connection.sent_head()),
    }
}

async fn unsendable<S: Transport>(
    connection: &mut Connection<S>,
    error: &SendError,
    exchange: &Exchange<'_>,
) -> Result<Sent, SendError> {
    exchange.unsendable(error);
    connection.respond(Response::error(500)).await
}

async fn reject<S: Transport>(
    connection: &mut Connection<S>,
    reason: &Reject,
    exchange: &mut Exchange<'_>,
) {
    exchange.rejected(reason);
    match connection.reject(reason).await {
        Ok(sent) => exchange.sent(&sent, connection.sent_head()),
        Err(error) => exchange.cut(&error, connection.sent_head()),
    }
}
