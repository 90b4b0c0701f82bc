//! `wasi:http/service@0.3`: `handler.handle` is an async function from a request to a response, whose tasks go on
//! while the body is on its way.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::Request as GuestRequest;
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error, FieldMap, WasiBody, WasiHttpView};

use super::outgoing::Outgoing;
use super::{Early, request};
use crate::failure::Failure;
use crate::runtime::shared_instance::Crew;
use crate::wasi::host_state::State;
use belljar_http::{Request, Response};

/// A request on its way into an instance, and the ways out of it.
pub(crate) struct Job {
    request: Request,
    response: oneshot::Sender<Result<hyper::Response<WasiBody>, ErrorCode>>,
    transmitted: oneshot::Receiver<()>,
    over: oneshot::Sender<()>,
}

/// The other end of a [`Job`].
pub(crate) struct Answered {
    response: oneshot::Receiver<Result<hyper::Response<WasiBody>, ErrorCode>>,
    transmitted: oneshot::Sender<()>,
    over: oneshot::Receiver<()>,
    head_only: bool,
}

impl Job {
    pub fn new(request: Request) -> (Self, Answered) {
        let head_only = request.head.method() == "HEAD";
        let (sender, response) = oneshot::channel();
        let (told, transmitted) = oneshot::channel();
        let (end, over) = oneshot::channel();
        let job = Self {
            request,
            response: sender,
            transmitted,
            over: end,
        };
        let answered = Answered {
            response,
            transmitted: told,
            over,
            head_only,
        };
        (job, answered)
    }
}

impl Answered {
    /// The response, made in an instance that `crew` shares.
    pub async fn relay(self, crew: Arc<Crew>, early: Early) -> Result<Option<Response>, Failure> {
        let outgoing = Outgoing {
            run: async { self.over.await.map_err(|_| Failure::NoResponse) },
            response: self.response,
            transmitted: Some(self.transmitted),
            head_only: self.head_only,
        };
        match outgoing.relay(early).await {
            Err(Failure::NoResponse) => Err(crew.failure().await),
            outcome => outcome,
        }
    }
}

/// Has an instance answer one request.
pub(super) async fn answer(
    store: &mut Store<State>,
    exports: &Service,
    request: Request,
    early: Early,
) -> Result<Option<Response>, Failure> {
    let (job, answered) = Job::new(request);
    let run = async {
        let run = store.run_concurrent(async |accessor: &Accessor<State>| {
            serve(accessor, exports, job).await?;
            poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
            Ok(())
        });
        run.await.flatten().map_err(Failure::Trap)
    };
    let outgoing = Outgoing {
        run,
        response: answered.response,
        transmitted: Some(answered.transmitted),
        head_only: answered.head_only,
    };
    outgoing.relay(early).await
}

/// Has an instance answer the requests of a crew, until there are none. Whether it can be used again.
pub(super) async fn answer_all(
    store: &mut Store<State>,
    exports: &Service,
    crew: &Crew,
    patience: Duration,
) -> Result<bool, Failure> {
    let run = store.run_concurrent(async |accessor: &Accessor<State>| {
        let mut serving = FuturesUnordered::new();
        let mut sound = true;
        poll_fn(|context| {
            loop {
                while let Some(job) = crew.next(context) {
                    serving.push(serve(accessor, exports, job));
                }
                match serving.poll_next_unpin(context) {
                    Poll::Ready(Some(Ok(answered))) => {
                        sound &= answered;
                        crew.done(!answered);
                    }
                    Poll::Ready(Some(Err(trap))) => return Poll::Ready(Err(trap)),
                    Poll::Ready(None) if crew.close_if_idle() => return Poll::Ready(Ok(())),
                    Poll::Ready(None) => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await?;
        if sound {
            let rest = poll_fn(|context| accessor.poll_no_interesting_tasks(context));
            sound = tokio::time::timeout(patience, rest).await.is_ok();
        }
        Ok(sound)
    });
    run.await.flatten().map_err(Failure::Trap)
}

/// One request within the event loop of its instance. Whether it was not given up before its end.
async fn serve(accessor: &Accessor<State>, exports: &Service, job: Job) -> wasmtime::Result<bool> {
    let Job {
        request,
        response: mut sender,
        transmitted,
        over,
    } = job;
    let request = accessor.with(|mut store| guest_request(store.data_mut(), request));
    let answer = {
        let mut handling = pin!(exports.handle(accessor, request));
        poll_fn(|context| match handling.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => sender.poll_closed(context).map(|()| None),
        })
        .await
    };
    let response = match answer {
        None => return Ok(false),
        Some(answer) => answer?,
    };
    let answered = match response {
        Err(code) => sender.send(Err(code)).is_ok(),
        Ok(response) => {
            let (seen, arrived) = oneshot::channel();
            let arrived = async { arrived.await.map_err(|_| Error::ConnectionTerminated) };
            let response = accessor.with(|store| response.into_http(store, arrived))?;
            let _ = sender.send(Ok(response));
            // The guest's tasks go on, and the body with them, while this waits.
            let transmitted = transmitted.await.is_ok();
            if transmitted {
                let _ = seen.send(());
            }
            transmitted
        }
    };
    let _ = over.send(());
    Ok(answered)
}

fn guest_request(state: &mut State, request: Request) -> GuestRequest {
    let (parts, content) = request::convert(request).into_parts();
    let authority = parts.headers.get(hyper::header::HOST);
    let authority = authority.and_then(|host| host.as_bytes().try_into().ok());
    let path_with_query = parts.uri.path_and_query().cloned();
    let headers = FieldMap::new_immutable(state.http().hooks, parts.headers);
    let scheme = Some(hyper::http::uri::Scheme::HTTP);
    let (request, _processed) = GuestRequest::new(
        parts.method,
        scheme,
        authority,
        path_with_query,
        headers,
        None,
        content,
    );
    request
}
