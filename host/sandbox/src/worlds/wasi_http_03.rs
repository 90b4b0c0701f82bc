//! `wasi:http/service@0.3`: an async function from a request to a response. The tasks of the guest go on while the body of
//! the response is sent.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::{Accessor, InstancePre};
use wasmtime_wasi_http::p3::Request as GuestRequest;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{Error, FieldMap, WasiBody, WasiHttpView};

use super::adapter::WorldAdapter;
use super::outgoing::{Early, Outgoing};
use super::request;
use crate::failure::Failure;
use crate::runtime::shared_instance::SharedInstance;
use crate::wasi::host_state::HostState;
use belljar_http::{Request, Response};

/// `wasi:http/service@0.3`.
pub(crate) struct WasiHttp03;

impl WorldAdapter for WasiHttp03 {
    type Linked = ServicePre<HostState>;
    type Exports = Service;

    const NAME: &'static str = "wasi:http/service@0.3";
    const STREAMS: bool = true;

    fn is_export(name: &str) -> bool {
        name.starts_with("wasi:http/handler@0.3.")
    }

    fn provides(_: &str) -> bool {
        false
    }

    fn link(component: InstancePre<HostState>) -> wasmtime::Result<Self::Linked> {
        ServicePre::new(component)
    }

    async fn instantiate(
        component: &Self::Linked,
        store: &mut Store<HostState>,
    ) -> wasmtime::Result<Service> {
        component.instantiate_async(store).await
    }

    async fn answer(
        store: &mut Store<HostState>,
        exports: &Service,
        request: Request,
        client: &str,
        early: Option<Early>,
    ) -> Result<Option<Response>, Failure> {
        let early = early.ok_or(Failure::NoResponse)?;
        // Boxed, because the future is large, and the futures of all worlds take the room of the largest.
        Box::pin(answer(store, exports, request, client, early)).await
    }
}

/// A request for an instance, and the channels that its outcome goes to.
pub(crate) struct Job {
    request: Request,
    client: Arc<str>,
    response: oneshot::Sender<Result<hyper::Response<WasiBody>, ErrorCode>>,
    transmitted: oneshot::Receiver<()>,
    over: oneshot::Sender<()>,
}

/// The receiving ends of the channels of a [`Job`].
pub(crate) struct Answered {
    response: oneshot::Receiver<Result<hyper::Response<WasiBody>, ErrorCode>>,
    transmitted: oneshot::Sender<()>,
    over: oneshot::Receiver<()>,
    head_only: bool,
}

impl Job {
    pub fn new(request: Request, client: Arc<str>) -> (Self, Answered) {
        let head_only = request.head.method() == "HEAD";
        let (sender, response) = oneshot::channel();
        let (sent, transmitted) = oneshot::channel();
        let (end, over) = oneshot::channel();
        let job = Self {
            request,
            client,
            response: sender,
            transmitted,
            over: end,
        };
        let answered = Answered {
            response,
            transmitted: sent,
            over,
            head_only,
        };
        (job, answered)
    }
}

impl Answered {
    /// The response, which an instance shared with other requests makes.
    pub async fn relay(
        self,
        shared: Arc<SharedInstance<Job>>,
        early: Early,
    ) -> Result<Option<Response>, Failure> {
        let outgoing = Outgoing {
            run: async { self.over.await.map_err(|_| Failure::NoResponse) },
            response: self.response,
            transmitted: Some(self.transmitted),
            head_only: self.head_only,
        };
        match outgoing.relay(early).await {
            Err(Failure::NoResponse) => Err(shared.failure().await),
            outcome => outcome,
        }
    }
}

async fn answer(
    store: &mut Store<HostState>,
    exports: &Service,
    request: Request,
    client: &str,
    early: Early,
) -> Result<Option<Response>, Failure> {
    let (job, answered) = Job::new(request, client.into());
    let run = async {
        let run = store.run_concurrent(async |accessor: &Accessor<HostState>| {
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

/// Answers the requests of a shared instance until it has none left. Returns whether the instance can be used again.
pub(super) async fn answer_all(
    store: &mut Store<HostState>,
    exports: &Service,
    shared: &SharedInstance<Job>,
    timeout: Duration,
) -> Result<bool, Failure> {
    let run = store.run_concurrent(async |accessor: &Accessor<HostState>| {
        let mut serving = FuturesUnordered::new();
        let mut sound = true;
        poll_fn(|context| {
            loop {
                while let Some(job) = shared.next(context) {
                    serving.push(serve(accessor, exports, job));
                }
                match serving.poll_next_unpin(context) {
                    Poll::Ready(Some(Ok(answered))) => {
                        sound &= answered;
                        shared.done(!answered);
                    }
                    Poll::Ready(Some(Err(trap))) => return Poll::Ready(Err(trap)),
                    Poll::Ready(None) if shared.close_if_idle() => return Poll::Ready(Ok(())),
                    Poll::Ready(None) => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await?;
        if sound {
            let rest = poll_fn(|context| accessor.poll_no_interesting_tasks(context));
            sound = tokio::time::timeout(timeout, rest).await.is_ok();
        }
        Ok(sound)
    });
    run.await.flatten().map_err(Failure::Trap)
}

/// Answers one request within the event loop of its instance. Returns false if the request was cancelled.
async fn serve(
    accessor: &Accessor<HostState>,
    exports: &Service,
    job: Job,
) -> wasmtime::Result<bool> {
    let Job {
        request,
        client,
        response: mut sender,
        transmitted,
        over,
    } = job;
    let request = accessor.with(|mut store| guest_request(store.data_mut(), request, &client));
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
            // Meanwhile the tasks of the guest go on, which write the body.
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

fn guest_request(state: &mut HostState, request: Request, client: &str) -> GuestRequest {
    let (parts, content) = request::convert(request, client).into_parts();
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
