//! Requests to other servers.

use crate::query::Query;
use crate::wasi::http::outgoing_handler::{self, RequestOptions};
use crate::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, Scheme, http_error_code,
};
use crate::wasi::io::streams::StreamError;

/// Requests `url`, optionally with `method`, `body`, `header` (`name:value`), and the timeouts `connect`, `first` and
/// `between` in milliseconds. Returns the status and the head, an empty line, and the body; or the error.
pub fn fetch(query: &Query) -> Result<String, String> {
    let response = answered(send(query)?)?;
    let mut text = format!("{}\n", response.status());
    for (name, value) in response.headers().entries() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(&value));
    }
    let mut body = Vec::new();
    read(response, |part| body.extend(part))?;
    Ok(format!("{text}\n{}", String::from_utf8_lossy(&body)))
}

/// Requests `url` and counts the bytes of the body.
pub fn count(query: &Query) -> Result<String, String> {
    let read = read(answered(send(query)?)?, |_| ())?;
    Ok(format!("{read} bytes\n"))
}

/// Sends `count` requests for `url` at once, keeps all the responses, and only then reads them. Returns the number of
/// each outcome.
pub fn fetch_many(query: &Query) -> Result<String, String> {
    let count = query.number("count").unwrap_or(1);
    let sent: Vec<_> = (0..count).map(|_| send(query)).collect::<Result<_, _>>()?;
    let (mut answers, mut errors) = (Vec::new(), Vec::new());
    for response in sent {
        match answered(response) {
            Ok(response) => answers.push(response),
            Err(error) => errors.push(error),
        }
    }
    errors.dedup();
    let answers = answers
        .into_iter()
        .filter_map(|answer| read(answer, |_| ()).ok());
    Ok(format!("{} answers, errors: {errors:?}\n", answers.count()))
}

/// Sends a request and does not wait for the response.
pub fn leave(query: &Query) -> Result<String, String> {
    let response = send(query)?;
    let _ = response;
    Ok("left\n".into())
}

fn send(query: &Query) -> Result<FutureIncomingResponse, String> {
    let headers = Fields::new();
    if let Some((name, value)) = query.text("header").split_once(':') {
        headers
            .append(name, value.as_bytes())
            .map_err(|error| format!("{error:?}\n"))?;
    }
    let request = OutgoingRequest::new(headers);
    let url = query.text("url");
    let (scheme, rest) = url.split_once("://").ok_or("no URL")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let method = match query.text("method") {
        "" => Method::Get,
        other => Method::Other(other.into()),
    };
    let set = |set: Result<(), ()>, what: &str| set.map_err(|()| format!("invalid {what}\n"));
    set(request.set_method(&method), "method")?;
    set(request.set_scheme(Some(&scheme)), "scheme")?;
    set(request.set_authority(Some(authority)), "authority")?;
    set(request.set_path_with_query(Some(path)), "path")?;

    let options = RequestOptions::new();
    let time = |name: &str| query.number(name).map(|time| time * 1_000_000);
    let _ = options.set_connect_timeout(time("connect"));
    let _ = options.set_first_byte_timeout(time("first"));
    let _ = options.set_between_bytes_timeout(time("between"));

    let body = request.body().expect("the first time it is asked for");
    let response = outgoing_handler::handle(request, Some(options)).map_err(shown)?;
    let stream = body.write().expect("the first time it is asked for");
    let text = query.text("body");
    if !text.is_empty() {
        // A server that answers early may not read it.
        let _ = stream.blocking_write_and_flush(text.as_bytes());
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(shown)?;
    Ok(response)
}

fn answered(response: FutureIncomingResponse) -> Result<IncomingResponse, String> {
    response.subscribe().block();
    let outcome = response.get().expect("it is ready");
    outcome
        .expect("the first time it is asked for")
        .map_err(shown)
}

fn read(response: IncomingResponse, mut take: impl FnMut(Vec<u8>)) -> Result<usize, String> {
    let body = response.consume().expect("the first time it is asked for");
    let stream = body.stream().expect("the first time it is asked for");
    let mut read = 0;
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(part) => {
                read += part.len();
                take(part);
            }
            Err(StreamError::Closed) => return Ok(read),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error);
                return Err(format!("after {read} bytes: {code:?}\n"));
            }
        }
    }
}

fn shown(code: ErrorCode) -> String {
    format!("{code:?}\n")
}
