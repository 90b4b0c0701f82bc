//! A minimal file server for wasi:http: it opens the file at the path and streams it.
//!
//! It does less than belljar's default guest: no conditions, ranges, codings, dates, index pages or error pages.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, OpenFlags, PathFlags,
};
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::StreamError;

struct Files;

impl Guest for Files {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let found = match request.method() {
            Method::Get => open(path),
            _ => None,
        };
        let Some((file, size)) = found else {
            return ResponseOutparam::set(out, Ok(not_found()));
        };
        let response = OutgoingResponse::new(fields(path, size));
        let body = response.body().unwrap();
        ResponseOutparam::set(out, Ok(response));
        send(&file, size, &body);
        OutgoingBody::finish(body, None).unwrap();
    }
}

wasip2::http::proxy::export!(Files);

/// Opens a regular file in the granted folder; returns it with its size in bytes.
fn open(path: &str) -> Option<(Descriptor, u64)> {
    let name = path.strip_prefix('/')?;
    if name.split('/').any(|segment| segment.starts_with('.')) {
        return None;
    }
    let (root, _) = get_directories().into_iter().next()?;
    let file = root
        .open_at(
            PathFlags::SYMLINK_FOLLOW,
            name,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        )
        .ok()?;
    let stat = file.stat().ok()?;
    (stat.type_ == DescriptorType::RegularFile).then_some((file, stat.size))
}

fn fields(path: &str, size: u64) -> Fields {
    let content_type = match path.rsplit('.').next() {
        Some("txt") => "text/plain; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        _ => "application/octet-stream",
    };
    Fields::from_list(&[
        ("content-type".into(), content_type.into()),
        ("content-length".into(), size.to_string().into_bytes()),
    ])
    .unwrap()
}

/// Splices the file into the body, so that its bytes stay in the host.
fn send(file: &Descriptor, size: u64, body: &OutgoingBody) {
    let Ok(input) = file.read_via_stream(0) else {
        return;
    };
    let output = body.write().unwrap();
    let mut left = size;
    while left > 0 {
        match output.blocking_splice(&input, left) {
            Ok(sent) => left -= sent,
            Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return,
        }
    }
    // The host has accepted all bytes. The flush waits until it has sent them, so that the body can end.
    let _ = output.blocking_flush();
}

fn not_found() -> OutgoingResponse {
    let response = OutgoingResponse::new(Fields::new());
    response.set_status_code(404).unwrap();
    response
}
