//! Sends a response, and releases the instance that made it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use belljar_http::{Connection, Reject, Response, SendError, Sent, Transport};
use belljar_sandbox::{Failed, Lease};

use super::exchange::Exchange;
use super::route_target::ActiveHandler;
use super::{failure_response, write_batching};

/// The instance that made a response, and its handler.
pub(super) struct Producer {
    pub lease: Lease,
    pub active: Arc<ActiveHandler>,
}

/// Sends `response`. `producer` is none if no handler made it.
pub(super) async fn send<S: Transport>(
    connection: &mut Connection<S>,
    response: Response,
    mut producer: Option<Producer>,
    exchange: &Exchange<'_>,
) {
    if producer
        .as_ref()
        .is_some_and(|producer| producer.lease.is_over())
        && write_batching::is_busy()
    {
        // The instance ends before the wait, so that the next one can reuse its memory at once.
        producer = None;
        write_batching::wait_for_batch().await;
    }
    // Otherwise the response leaves before its instance ends. If the client is slow to take it, the instance gives its
    // permit back, unless the handler is still producing the body.
    let sent = {
        let mut sending = pin!(connection.respond(response));
        poll_fn(|context| {
            let sent = sending.as_mut().poll(context);
            if sent.is_pending()
                && let Some(producer) = &mut producer
            {
                producer.lease.poll_release(context);
            }
            sent
        })
        .await
    };
    let sent = match (sent, producer) {
        (Ok(sent), producer) => {
            if let Some(producer) = producer {
                producer.lease.finish();
            }
            Ok(sent)
        }
        (Err(error), Some(Producer { lease, active })) if error.is_unfinished() => {
            let failure = lease.failure().await;
            if let Some(failed) = &failure {
                exchange.log_failure(&failed.failure, &active);
            }
            match (error.nothing_sent(), failure) {
                (true, Some(failed)) => replace(connection, &failed, &active, exchange).await,
                (true, None) => replace_unsendable(connection, &error, exchange).await,
                (false, _) => Err(error),
            }
        }
        // Dropping the producer cancels the handler. The client can still be sent an error response.
        (Err(error), producer) if error.nothing_sent() => {
            drop(producer);
            replace_unsendable(connection, &error, exchange).await
        }
        (Err(error), _) => Err(error),
    };
    match sent {
        Ok(sent) => exchange.sent(&sent, connection.sent_head()),
        Err(error) => exchange.cut(&error, connection.sent_head()),
    }
}

/// Answers a request that the server refuses. The connection closes afterwards.
pub(super) async fn reject<S: Transport>(
    connection: &mut Connection<S>,
    reason: &Reject,
    exchange: &mut Exchange<'_>,
) {
    exchange.refused(*reason);
    match connection.reject(reason).await {
        Ok(sent) => exchange.sent(&sent, connection.sent_head()),
        Err(error) => exchange.cut(&error, connection.sent_head()),
    }
}

/// Sends the error response of a handler that failed before any byte of its own response was sent.
async fn replace<S: Transport>(
    connection: &mut Connection<S>,
    failed: &Failed,
    active: &ActiveHandler,
    exchange: &Exchange<'_>,
) -> Result<Sent, SendError> {
    let response = failure_response::of(failed, active, exchange.line());
    connection.respond(response).await
}

/// Sends 500 in place of a response that cannot be sent.
async fn replace_unsendable<S: Transport>(
    connection: &mut Connection<S>,
    error: &SendError,
    exchange: &Exchange<'_>,
) -> Result<Sent, SendError> {
    exchange.log_unsendable(error);
    connection.respond(Response::error(500)).await
}
