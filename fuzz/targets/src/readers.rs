//! Reads the requests of a connection: with belljar, and with hyper as a second opinion.

mod belljar;
mod by_hyper;
mod replies;

use std::future::Future;

use belljar_http::Trailers;
use bytes::Bytes;

pub use self::belljar::{Outcome, Reading};

/// A request as a server understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: Target,
    /// The minor version: 0 or 1.
    pub version: u8,
    /// Names in lower case, sorted by name; lines of the same name stay in their order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content and the trailers. None if the server did not read them.
    pub body: Option<(Vec<u8>, Trailers)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Resource {
        authority: Option<String>,
        path: String,
        query: Option<String>,
    },
    /// `*`, or the target of CONNECT: the server answers such requests itself.
    Other,
}

/// Reads all requests of a connection with belljar, and sends a response to each.
pub fn with_belljar(pieces: Vec<Bytes>, reading: Reading) -> Outcome {
    block_on(belljar::read(pieces, reading))
}

/// Reads all requests of a connection with hyper. Also returns whether it refused none.
pub fn with_hyper(pieces: Vec<Bytes>) -> (Vec<Request>, bool) {
    block_on(by_hyper::read(pieces))
}

/// Panics if belljar and hyper both accept a request, but understand it differently; or if both refuse nothing, but one of them
/// finds more requests.
pub fn compare(data: &[u8], ours: &Outcome, (theirs, is_sound): (Vec<Request>, bool)) {
    let refuses_nothing = is_sound && ours.reject.is_none();
    assert!(
        !refuses_nothing || ours.requests.len() == theirs.len(),
        "another number of requests: {}\nby belljar: {ours:?}\nby hyper: {theirs:?}",
        data.escape_ascii()
    );
    for (our, their) in ours.requests.iter().zip(&theirs) {
        let same_head = our.method == their.method
            && our.version == their.version
            && our.fields == their.fields
            && (our.target == Target::Other || our.target == their.target);
        // belljar leaves out trailers that are not allowed, and hyper leaves them in.
        let same_body = match (&our.body, &their.body) {
            (Some((our, some)), Some((their, all))) => {
                our == their && some.iter().all(|trailer| all.contains(trailer))
            }
            _ => true,
        };
        assert!(
            same_head && same_body,
            "understood differently: {}\nby belljar: {our:?}\nby hyper: {their:?}",
            data.escape_ascii()
        );
    }
}

/// Runs a future that waits for nothing but itself.
pub fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("the runtime starts");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

fn sorted(mut fields: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    fields
}
