//! The head of a request: if belljar accepts it, it has the parts that the grammar of RFC 9112 gives it.

use belljar_http::{Head, Reject, Request};

use crate::readers::{self, Reading, Target};
use crate::split;

/// The bytes are a head, and perhaps a body and further requests.
pub fn run(data: &[u8]) {
    let outcome = readers::with_belljar(split::pieces(data), Reading::Heads);
    let Some(first) = outcome.requests.first() else {
        return;
    };
    let fail = |why: &str| -> ! { panic!("{why}: {}\n{first:?}", data.escape_ascii()) };
    let Some(parts) = Parts::of(data) else {
        fail("the grammar has no such head")
    };
    if first.method.as_bytes() != parts.method || first.version != parts.version {
        fail("another method or version");
    }
    let fields = parts
        .fields
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()));
    let mut fields: Vec<_> = fields.collect();
    fields.sort_by(|(one, _), (other, _)| one.cmp(other));
    if first.fields.len() != fields.len()
        || !first
            .fields
            .iter()
            .zip(&fields)
            .all(|(our, their)| our.0.as_bytes() == their.0 && our.1 == their.1)
    {
        fail("other fields");
    }
    if let Target::Resource { path, query, .. } = &first.target
        && !path_fits(parts.target, path, query.as_deref())
    {
        fail("another path");
    }
    if parts.version == 1 {
        match from_parts(&parts) {
            Ok(head) if head.method() == first.method => {}
            other => fail(&format!("the same parts make no request: {other:?}")),
        }
    }
}

/// The parts of a head, found by splitting it at CRLF, SP and colon.
struct Parts<'a> {
    method: &'a [u8],
    target: &'a [u8],
    version: u8,
    fields: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Parts<'a> {
    fn of(mut data: &'a [u8]) -> Option<Self> {
        // A server may skip empty lines before a request.
        while let Some(rest) = data.strip_prefix(b"\r\n") {
            data = rest;
        }
        let end = data.windows(4).position(|four| four == b"\r\n\r\n")?;
        let mut lines = lines(data.get(..end)?);
        let mut words = lines.next()?.split(|byte| *byte == b' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let version = match version {
            b"HTTP/1.0" => 0,
            b"HTTP/1.1" => 1,
            _ => return None,
        };
        if words.next().is_some() || method.is_empty() || !method.iter().all(is_token) {
            return None;
        }
        if target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let fields: Option<Vec<_>> = lines.map(field).collect();
        Some(Self {
            method,
            target,
            version,
            fields: fields?,
        })
    }
}

/// Splits at each CRLF. A CR or LF alone stays in its line, where no part may contain it.
fn lines(mut head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        match head.windows(2).position(|two| two == b"\r\n") {
            Some(at) => {
                let line = &head[..at];
                head = &head[at + 2..];
                Some(line)
            }
            None => {
                ended = true;
                Some(head)
            }
        }
    })
}

fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_blank(byte));
    let value = match (start, value.iter().rposition(|byte| !is_blank(byte))) {
        (Some(start), Some(end)) => value.get(start..=end)?,
        _ => &[],
    };
    let well_formed = !name.is_empty()
        && name.iter().all(is_token)
        && value
            .iter()
            .all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    well_formed.then_some((name, value))
}

fn is_token(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(byte)
}

fn path_fits(target: &[u8], path: &str, query: Option<&str>) -> bool {
    let rest = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let without_path = rest.strip_prefix('/').unwrap_or(&rest);
    match target.first() {
        Some(b'/') => target == rest.as_bytes(),
        // An absolute target may leave out the path `/`.
        _ => target.ends_with(rest.as_bytes()) || target.ends_with(without_path.as_bytes()),
    }
}

fn from_parts(parts: &Parts<'_>) -> Result<Head, Reject> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    let fields = parts
        .fields
        .iter()
        .map(|(name, value)| (text(name), *value));
    Ok(Request::from_parts(text(parts.method), text(parts.target), fields)?.head)
}
