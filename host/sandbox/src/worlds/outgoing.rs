//! A response as the host side of wasi:http has it, on its way from the guest that still makes it.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body as _;
use hyper::Response as HyperResponse;
use hyper::header::HeaderMap;
use tokio::sync::{mpsc, oneshot};
use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::PollSender;
use wasmtime_wasi_http::{Error, WasiBody};

use super::Early;
use crate::failure::Failure;
use belljar_http::{Body, Frame, Response, Trailers};

/// The run of a guest, and the response that comes out of it.
///
/// A response whose body is there by the time that the guest first waits for something is sent as a whole. Of others
/// the head goes ahead, and the body follows in frames: the guest makes no more of them than the client takes.
pub(super) struct Outgoing<R, E> {
    /// To be polled for as long as the guest has anything to do.
    pub run: R,
    pub response: oneshot::Receiver<Result<HyperResponse<WasiBody>, E>>,
    /// Told when all of the body was handed over, or nobody wants the rest.
    pub transmitted: Option<oneshot::Sender<()>>,
    /// Whether it answers HEAD, so that its body is not sent.
    pub head_only: bool,
}

impl<R, E> Outgoing<R, E>
where
    R: Future<Output = Result<(), Failure>>,
    E: Debug,
{
    /// Runs the guest to its end. None where the response went ahead of that by way of `early`.
    ///
    /// # Errors
    ///
    /// Why there is no response, or why the stream of frames closed without an end, for which the connection is cut.
    pub async fn relay(self, early: Early) -> Result<Option<Response>, Failure> {
        // Where a guest that is over has left nothing to take, nothing will come. tokio's channels would seem to be empty,
        // too, once the task has used up its share: the guest's is measured by the epoch, and the rest by the client.
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
                    // The run will tell why.
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
            begin(&mut run, body).await?
        };
        let response = Response::new(status, fields(&head.headers), body)
            .map_err(|error| Failure::InvalidResponse(error.to_string()))?;
        if rest.is_none() {
            tell(&mut transmitted);
            // Most have nothing more to do, and need not be left to a task of their own.
            poll_fn(|context| Poll::Ready((0..IDLE).try_for_each(|_| run.poll(context)))).await?;
            if run.over {
                return Ok(Some(response));
            }
        }

        // From here on the guest runs beside the sending of its response, unless all that is left of it is the body.
        if early.response.send(response).is_err() {
            return Err(Failure::NoResponse);
        }
        let mut patience: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|context| {
            run.poll(context)?;
            if let Some(sending) = &mut rest {
                ready!(sending.poll(&mut run, context))?;
                rest = None;
                tell(&mut transmitted);
                run.poll(context)?;
            }
            if run.over {
                return Poll::Ready(Ok(None));
            }
            let patience = patience.get_or_insert_with(|| Box::pin(sleep(early.timeout)));
            let expired = patience.as_mut().poll(context);
            expired.map(|()| Err(Failure::Timeout(early.timeout)))
        })
        .await
    }
}

fn tell(transmitted: &mut Option<oneshot::Sender<()>>) {
    if let Some(transmitted) = transmitted.take() {
        // Nobody listens where the guest is over.
        let _ = transmitted.send(());
    }
}

/// A guest's run, which may be polled beyond its end.
struct Run<'a, R> {
    future: Pin<&'a mut R>,
    over: bool,
}

impl<R: Future<Output = Result<(), Failure>>> Run<'_, R> {
    /// Lets the guest go on until it waits for something, or to its end.
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

/// A body as far as it is there at once, and what is to follow it.
async fn begin<R>(run: &mut Run<'_, R>, mut body: WasiBody) -> Result<(Body, Option<Rest>), Failure>
where
    R: Future<Output = Result<(), Failure>>,
{
    let (gathered, content) = gather(run, &mut body).await?;
    let content = Bytes::from(content);
    match gathered {
        Gathered::Whole if content.is_empty() => return Ok((Body::Empty, None)),
        Gathered::Whole => return Ok((Body::Bytes(content), None)),
        // Of one that is longer than what is gathered the rest may be there.
        Gathered::Part if run.over && content.len() < GATHERED => return Err(unfinished()),
        Gathered::Part | Gathered::Trailers(_) => {}
    }
    let (sender, frames) = mpsc::channel(FRAMES);
    // There is room for two.
    if !content.is_empty() {
        let _ = sender.try_send(Frame::Data(content));
    }
    let rest = if let Gathered::Trailers(trailers) = gathered {
        let _ = sender.try_send(Frame::Trailers(trailers));
        None
    } else {
        let frames = PollSender::new(sender);
        Some(Rest { body, frames })
    };
    let length = None;
    Ok((Body::Stream { frames, length }, rest))
}

/// What stands for a body that is not sent. Whatever is wrong with it, nobody will know; but where it is there at
/// once, the answer to a HEAD tells its length.
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

/// How much of a body is there.
enum Gathered {
    Part,
    Whole,
    Trailers(Trailers),
}

/// Takes what there is of a body while the guest does not wait for anything else, up to a bound.
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
            // Also at the end, which is none where the guest has failed meanwhile.
            let was_over = run.over;
            run.poll(context)?;
            // What it left when it came to its end just now is still to be taken.
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

/// What is still to come of a body, and where to.
struct Rest {
    body: WasiBody,
    frames: PollSender<Frame>,
}

impl Rest {
    /// Moves what there is, as far as the client takes it. Ready at the end, or when nobody wants the rest.
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
                // Whoever could have finished it is gone.
                Poll::Pending if run.over => return Poll::Ready(Err(unfinished())),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => Frame::End,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(broken(&error))),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => Frame::Data(data),
                    Err(frame) => Frame::Trailers(trailers(frame)),
                },
            };
            let is_end = !matches!(frame, Frame::Data(_));
            if is_end {
                // It is none where the guest has failed meanwhile.
                run.poll(context)?;
            }
            // A place was reserved.
            if self.frames.send_item(frame).is_err() || is_end {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

fn broken(error: &Error) -> Failure {
    match error {
        // What wasmtime-wasi-http makes of a body that the guest dropped.
        Error::HttpProtocolError | Error::HttpResponseBodySize(_) => unfinished(),
        error => Failure::Body(error.to_string()),
    }
}

fn unfinished() -> Failure {
    Failure::Body("it was not finished, or has other than its length of bytes".into())
}

fn trailers(frame: http_body::Frame<Bytes>) -> Vec<(String, Vec<u8>)> {
    fields(&frame.into_trailers().unwrap_or_default())
}

fn fields(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// How often a run is polled in vain before its guest is taken to wait: one with tasks may have more to do although it
/// has just waited.
const IDLE: u32 = 2;

/// Bytes of a body that are taken before the head goes ahead, and some more.
const GATHERED: usize = 64 << 10;

/// Frames on their way from a guest to its client.
const FRAMES: usize = 2;
