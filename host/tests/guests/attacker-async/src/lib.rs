//! Attacks of a handler of wasi:http 0.3. The path chooses one: its first segment is the topic, which is a file here, and
//! the second is the attack.

mod files;
mod handles;
mod responses;
mod tasks;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

struct Attacker;

wasip3::http::service::export!(Attacker);

type Answer = Result<Response, ErrorCode>;

impl Guest for Attacker {
    async fn handle(request: Request) -> Answer {
        let target = request.get_path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        match path[1..].split_once('/').unwrap_or((&path[1..], "")) {
            ("hello", _) => text("hello\n"),
            ("tasks", attack) => tasks::run(attack).await,
            ("handles", attack) => handles::run(attack).await,
            ("responses", attack) => responses::run(attack, request).await,
            ("files", attack) => files::run(attack).await,
            _ => no_such_attack(),
        }
    }
}

/// A response of 200 with text.
fn text(text: impl Into<Vec<u8>>) -> Answer {
    let content = text.into();
    let (mut writer, reader) = wit_stream::new();
    let (end, trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), Some(reader), trailers);
    spawn_local(async move {
        writer.write_all(content).await;
        drop(writer);
        let _ = end.write(Ok(None)).await;
    });
    Ok(response)
}

fn no_such_attack() -> Answer {
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, _) = Response::new(Fields::new(), None, trailers);
    let _ = response.set_status_code(404);
    Ok(response)
}

/// Starts a call of the host, and does not wait for it.
async fn started<F: Future + 'static>(call: F) -> Pin<Box<F>> {
    let mut call = Box::pin(call);
    poll_fn(|context| {
        let _ = call.as_mut().poll(context);
        Poll::Ready(())
    })
    .await;
    call
}

/// In nanoseconds.
const FOR_EVER: u64 = 1 << 60;
