//! Answers one request: finds its route, calls the handler and sends the response.

use std::sync::Arc;

use belljar_http::{Connection, Request, Transport};
use belljar_sandbox::Answer;

use super::dispatch::Dispatch;
use super::exchange::Exchange;
use super::live_reload::{Build, LiveReload, OpenedPage};
use super::send_response::{Producer, reject, send};
use super::shared::Shared;
use super::{failure_response, write_batching};

/// Answers `request` and reports the outcome to `exchange`.
pub(super) async fn answer<S: Transport>(
    connection: &mut Connection<S>,
    mut request: Request,
    client: &Arc<str>,
    shared: &Shared,
    exchange: &mut Exchange<'_>,
) {
    let live_reload = shared.live_reload.as_deref();
    // Before the route is found: a page that is older than its version says would not be loaded again.
    let mut page = OpenedPage::of(live_reload, &mut request);
    let own = || live_reload?.own_response(&request, &shared.stop);
    let mut dispatch = match request.host_answer().or_else(own) {
        Some(response) => Dispatch::Answered(response),
        None => Dispatch::of(&mut request, &shared.routes.load()),
    };
    if let (Dispatch::Missing(_), Some(live_reload)) = (&dispatch, live_reload) {
        let built = Box::pin(async {
            tokio::select! {
                () = live_reload.first_build() => {}
                () = shared.stop.cancelled() => {}
            }
        });
        if let Err(gone) = connection.drive(built).await {
            return exchange.client_gone(&gone);
        }
        page = OpenedPage::of(Some(live_reload), &mut request);
        dispatch = Dispatch::of(&mut request, &shared.routes.load());
    }
    let (response, producer) = match dispatch {
        Dispatch::Answered(response) => (page.with_script(response), None),
        Dispatch::Missing(missing) => {
            let build = live_reload.map(LiveReload::newest_build);
            if build != Some(Build::Running) {
                exchange.log_missing_handler(&missing);
            }
            let response = failure_response::of_missing(&missing, exchange.line(), build.as_ref());
            (page.with_script_of_error(response), None)
        }
        Dispatch::Handler(active) => {
            write_batching::yield_to_overdue().await;
            let call = active.handler.call(request, client.clone());
            let outcome = connection.drive(call).await;
            if let Some(reason) = connection.body_failure() {
                return reject(connection, &reason, exchange).await;
            }
            match outcome {
                Ok(Ok(Answer { response, lease })) => {
                    let response = page.with_script(response);
                    (response, Some(Producer { lease, active }))
                }
                Ok(Err(failed)) => {
                    exchange.log_failure(&failed.failure, &active);
                    let response = failure_response::of(&failed, &active, exchange.line());
                    (page.with_script_of_error(response), None)
                }
                Err(gone) => return exchange.client_gone(&gone),
            }
        }
    };
    if shared.stop.is_cancelled() {
        connection.finish();
    }
    send(connection, response, producer, exchange).await
}
