//! Checks the bytes that a client received: each response is complete, and answers its request.

use belljar_http::Reject;

type Fields = Vec<(String, String)>;

/// The response that a request must get.
pub struct Reply {
    /// The request was a HEAD.
    pub head_only: bool,
    /// The number in the response's body.
    pub number: usize,
}

/// The body of a response.
pub fn text(number: usize) -> String {
    format!("response {number}")
}

/// Panics unless `received` consists of exactly these responses. None stands for a response of the server itself.
pub fn check(mut received: &[u8], replies: &[Option<Reply>], reject: Option<&Reject>) {
    let all = received;
    let fail = |why: &str| -> ! { panic!("{why}: {}", all.escape_ascii()) };
    let expected = replies.len() + usize::from(reject.is_some());
    let mut count = 0;
    while !received.is_empty() {
        let Some((status, fields, rest)) = head(received) else {
            fail("the head of a response is malformed or cut")
        };
        received = rest;
        if status == 100 {
            continue;
        }
        let reply = replies.get(count).and_then(Option::as_ref);
        count += 1;
        if count > expected {
            fail("there are more responses than requests");
        }
        let is_rejected = count > replies.len();
        if is_rejected && Some(status) != reject.map(Reject::status) {
            fail("a refused request has another status");
        }
        let length = fields.iter().find(|(name, _)| name == "content-length");
        let chunked = fields.iter().any(|(name, _)| name == "transfer-encoding");
        // A refused HEAD gets no body.
        let is_bodiless = reply.is_some_and(|reply| reply.head_only)
            || status == 204
            || (is_rejected && received.is_empty());
        let (body, rest) = match (length, chunked) {
            _ if is_bodiless => (vec![], received),
            (Some((_, length)), false) => match length.parse() {
                Ok(length) if length <= received.len() => {
                    let (body, rest) = received.split_at(length);
                    (body.to_vec(), rest)
                }
                _ => fail("a body is cut"),
            },
            (None, true) => match content_of_chunks(received) {
                Some(content) => content,
                None => fail("the chunks are malformed or cut"),
            },
            // The response ends with the connection.
            (None, false) => (received.to_vec(), &[][..]),
            (Some(_), true) => fail("a response has two lengths"),
        };
        received = rest;
        if let Some(reply) = reply
            && !reply.head_only
            && body != text(reply.number).into_bytes()
        {
            fail("a response answers another request");
        }
    }
    if count != expected {
        fail("a response is missing");
    }
}

/// Status and fields of the first response, and the bytes after its head.
fn head(bytes: &[u8]) -> Option<(u16, Fields, &[u8])> {
    let mut fields = [httparse::EMPTY_HEADER; 256];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = response.parse(bytes).ok()? else {
        return None;
    };
    let fields = response.headers.iter().map(|field| {
        let value = String::from_utf8_lossy(field.value).into_owned();
        (field.name.to_ascii_lowercase(), value)
    });
    Some((response.code?, fields.collect(), bytes.get(length..)?))
}

/// The content of a chunked body, and the bytes after it. The server sends neither extensions nor trailers here.
fn content_of_chunks(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut content = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        let rest = bytes.get(end + 2..)?;
        let (chunk, rest) = rest.split_at_checked(size)?;
        content.extend_from_slice(chunk);
        bytes = rest.strip_prefix(b"\r\n")?;
        if size == 0 {
            return Some((content, bytes));
        }
    }
}
