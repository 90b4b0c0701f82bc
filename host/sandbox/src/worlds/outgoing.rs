//! The response of a wasi:http guest, on its way to the client while the guest may still be writing it.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use hyper::Response as HyperResponse;
use hyper::header::HeaderMap;
use tokio::sync::{mpsc, oneshot};
use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::PollSender;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::account::held_bytes::held;
use crate::account::ledger::Account;
use crate::failure::Failure;
use belljar_http::{Body, Frame, Response, Trailers};

/// A running guest, and its response.
///
/// If the whole body is there when the guest first waits for something, the response is sent as a whole. Otherwise the head goes
/// ahead and the body follows in frames. The guest makes no more frames than the client takes.
pub(super) struct Outgoing<R, E> {
    /// The run of the guest, polled until the guest has nothing left to do.
    pub run: R,
    pub response: oneshot::Receiver<Result<HyperResponse<WasiBody>, E>>,
    /// Notified when the whole body has been handed over, or the client does not want the rest.
    pub transmitted: Option<oneshot::Sender<()>>,
    /// Whether the request was HEAD, so that the body is not sent.
    pub head_only: bool,
}

/// The channel for a response that goes ahead of the end of its guest.
pub(crate) struct Early {
    pub response: oneshot::Sender<Response>,
    /// Charged with the bytes of the response while they wait for the client.
    pub account: Arc<Account>,
    /// How long the guest may go on after the end of its response.
    pub timeout: Duration,
}

impl<R, E> Outgoing<R, E>
where
    R: Future<Output = Result<(), Failure>>,
    E: Debug,
{
    /// Runs the guest to its end. None if the response went ahead through `early`.
    ///
    /// # Errors
    ///
    /// Why there is no response, or why the stream of frames closed without an end; the connection is cut then.
    pub async fn relay(self, early: Early) -> Result<Option<Response>, Failure> {
        // When a guest has ended and left nothing in the channel, nothing more comes. A task that has used up tokio's
        // cooperative budget would see its channels empty too, so this one runs without that budget: epochs bound the guest,
        // and the client bounds the rest.
        unconstrained(self.pass_on(early)).await
    }

    async fn pass_on(self, early: Early) -> Result<Option<Response>, Failure> {
        let Self {
            run,
            mut response,
            mut transmitted,
            head_only,
        } = self;
        let mut run = Run {
            future: pin!(run),
            over: false,
        };
        let mut lost = false;
        let answered = poll_fn(|context| {
            run.poll(context)?;
            if !lost {
                match Pin::new(&mut response).poll(context) {
                    Poll::Ready(Ok(response)) => return Poll::Ready(Ok(response)),
                    // The outcome of the run gives the reason.
                    Poll::Ready(Err(_)) => lost = true,
                    Poll::Pending => {}
                }
            }
            match run.over {
                true => Poll::Ready(Err(Failure::NoResponse)),
                false => Poll::Pending,
            }
        });
        let (head, body) = match answered.await? {
            Ok(response) => response.into_parts(),
            Err(code) => return Err(Failure::ErrorCode(format!("{code:?}"))),
        };
        let status = head.status.as_u16();
        let (body, mut rest) = if head_only || matches!(status, 204 | 304) {
            (without_body(head_only, &mut run, body).await?, None)
        } else {
            begin(&mut run, body, &early.account).await?
        };
        let response = Response::new(status, fields(&head.headers), body)
            .map_err(|error| Failure::InvalidResponse(error.to_string()))?;
        if rest.is_none() {
            notify(&mut transmitted);
            // Most guests have nothing more to do, so their runs need no task of their own.
            poll_fn(|context| Poll::Ready((0..IDLE).try_for_each(|_| run.poll(context)))).await?;
            if run.over {
                return Ok(Some(response));
            }
        }

        // From here on the guest runs while its response is being sent.
        if early.response.send(response).is_err() {
            return Err(Failure::NoResponse);
        }
        let mut expiry: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|context| {
            run.poll(context)?;
            if let Some(sending) = &mut rest {
                ready!(sending.poll(&mut run, context))?;
                rest = None;
                notify(&mut transmitted);
                run.poll(context)?;
            }
            if run.over {
                return Poll::Ready(Ok(None));
            }
            let expiry = expiry.get_or_insert_with(|| Box::pin(sleep(early.timeout)));
            let expired = expiry.as_mut().poll(context);
            expired.map(|()| Err(Failure::Timeout(early.timeout)))
        })
        .await
    }
}

fn notify(transmitted: &mut Option<oneshot::Sender<()>>) {
    if let Some(transmitted) = transmitted.take() {
        // The receiver is gone if the guest has ended.
        let _ = transmitted.send(());
    }
}

/// The run of a guest. Polling it after its end does nothing.
struct Run<'a, R> {
    future: Pin<&'a mut R>,
    over: bool,
}

impl<R: Future<Output = Result<(), Failure>>> Run<'_, R> {
    /// Runs the guest until it waits for something or ends.
    fn poll(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        if !self.over
            && let Poll::Ready(outcome) = self.future.as_mut().poll(context)
        {
            outcome?;
            self.over = true;
        }
        Ok(())
    }
}

/// The part of a body that is there at once, and the source of the rest.
async fn begin<R>(
    run: &mut Run<'_, R>,
    mut body: WasiBody,
    account: &Arc<Account>,
) -> Result<(Body, Option<Rest>), Failure>
where
    R: Future<Output = Result<(), Failure>>,
{
    let (gathered, content) = gather(run, &mut body).await?;
    let content = held(content.into(), account).map_err(Failure::no_memory)?;
    match gathered {
        Gathered::Whole if content.is_empty() => return Ok((Body::Empty, None)),
        Gathered::Whole => return Ok((Body::Bytes(content), None)),
        // A body longer than what was gathered may still be whole.
        Gathered::Part if run.over && content.len() < GATHERED => return Err(unfinished()),
        Gathered::Part | Gathered::Trailers(_) => {}
    }
    let (sender, frames) = mpsc::channel(FRAMES);
    // The channel has room for two frames.
    if !content.is_empty() {
        let _ = sender.try_send(Frame::Data(content));
    }
    let rest = if let Gathered::Trailers(trailers) = gathered {
        let _ = sender.try_send(Frame::Trailers(trailers));
        None
    } else {
        Some(Rest {
            body,
            frames: PollSender::new(sender),
            account: account.clone(),
        })
    };
    let length = None;
    Ok((Body::Stream { frames, length }, rest))
}

/// The substitute for a body that is not sent. Errors in such a body do not matter. If the whole body is there at once, the
/// answer to HEAD states its length.
async fn without_body<R>(
    head_only: bool,
    run: &mut Run<'_, R>,
    mut body: WasiBody,
) -> Result<Body, Failure>
where
    R: Future<Output = Result<(), Failure>>,
{
    match gather(run, &mut body).await {
        Ok((Gathered::Whole, content)) if head_only && !content.is_empty() => {
            Ok(Body::Bytes(content.into()))
        }
        Ok(_) | Err(Failure::Body(_)) => Ok(Body::Empty),
        Err(failure) => Err(failure),
    }
}

/// How much of a body was gathered.
enum Gathered {
    Part,
    Whole,
    Trailers(Trailers),
}

/// Takes the body until the guest waits for something else, up to [`GATHERED`] bytes.
async fn gather<R>(
    run: &mut Run<'_, R>,
    body: &mut WasiBody,
) -> Result<(Gathered, Vec<u8>), Failure>
where
    R: Future<Output = Result<(), Failure>>,
{
    let mut content = Vec::new();
    let gathered = poll_fn(|context| {
        let mut idle = 0;
        loop {
            let before = content.len();
            let gathered = take(Pin::new(body), &mut content, context);
            idle = if content.len() == before { idle + 1 } else { 0 };
            let is_part = matches!(gathered, Ok(Gathered::Part));
            // The guest runs at the end of the body too: if it fails now, the end does not count.
            let was_over = run.over;
            run.poll(context)?;
            // If the guest has just ended, the frames that it left are still to be taken.
            let waits = idle >= IDLE && !run.over;
            if !is_part || was_over || waits || content.len() >= GATHERED {
                return Poll::Ready(gathered);
            }
        }
    });
    let gathered = gathered.await?;
    Ok((gathered, content))
}

fn take(
    mut body: Pin<&mut WasiBody>,
    content: &mut Vec<u8>,
    context: &mut Context<'_>,
) -> Result<Gathered, Failure> {
    while content.len() < GATHERED {
        match body.as_mut().poll_frame(context) {
            Poll::Pending => break,
            Poll::Ready(None) => return Ok(Gathered::Whole),
            Poll::Ready(Some(Err(error))) => return Err(broken(&error)),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => content.extend_from_slice(&data),
                Err(frame) => return Ok(Gathered::Trailers(trailers(frame))),
            },
        }
    }
    Ok(Gathered::Part)
}

/// The rest of a body, and the channel that takes it.
struct Rest {
    body: WasiBody,
    frames: PollSender<Frame>,
    account: Arc<Account>,
}

impl Rest {
    /// Moves available frames, as far as the client takes them. Ready at the end, or when the client does not want the rest.
    fn poll<R>(
        &mut self,
        run: &mut Run<'_, R>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>>
    where
        R: Future<Output = Result<(), Failure>>,
    {
        loop {
            if ready!(self.frames.poll_reserve(context)).is_err() {
                return Poll::Ready(Ok(()));
            }
            let frame = match Pin::new(&mut self.body).poll_frame(context) {
                // The guest has ended, so the body stays unfinished.
                Poll::Pending if run.over => return Poll::Ready(Err(unfinished())),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => Frame::End,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(broken(&error))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => match held(data, &self.account) {
                        Ok(data) => Frame::Data(data),
                        Err(exceeded) => return Poll::Ready(Err(Failure::no_memory(exceeded))),
                    },
                    Err(frame) => Frame::Trailers(trailers(frame)),
                },
            };
            let is_end = !matches!(frame, Frame::Data(_));
            if is_end {
                // If the guest fails now, the end does not count.
                run.poll(context)?;
            }
            // The room for this frame was reserved above.
            if self.frames.send_item(frame).is_err() || is_end {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

fn broken(error: &Error) -> Failure {
    match error {
        // wasmtime-wasi-http reports these when the guest drops a body.
        Error::HttpProtocolError | Error::HttpResponseBodySize(_) => unfinished(),
        error => Failure::Body(error.to_string()),
    }
}

fn unfinished() -> Failure {
    Failure::Body("it was not finished, or its length differs from its Content-Length".into())
}

fn trailers(frame: http_body::Frame<Bytes>) -> Vec<(String, Vec<u8>)> {
    fields(&frame.into_trailers().unwrap_or_default())
}

fn fields(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// A guest counts as waiting after so many polls without progress: a guest with several tasks may have more to do although
/// one task has just waited.
const IDLE: u32 = 2;

/// Bytes of a body that are gathered before the head goes ahead; the last frame may exceed it.
const GATHERED: usize = 64 << 10;

/// Frames of a body in flight between a guest and its client.
const FRAMES: usize = 2;
