//! Several ranges in one response: multipart/byteranges (RFC 9110, section 14.6).

use crate::etag::ETag;
use crate::files::{Failure, Files};
use crate::range::Span;
use crate::text::{push_decimal, push_hex};
use alloc::string::String;
use alloc::vec::Vec;

/// The content of a 206 response with several parts.
pub struct Multipart {
    /// The value of Content-Type.
    pub content_type: String,
    pub bytes: Vec<u8>,
}

/// Reads `spans` of a file of `size` bytes and `media`'s type.
pub fn assemble<F: Files>(
    files: &F,
    file: &F::File,
    spans: &[Span],
    size: u64,
    media: &str,
    etag: &ETag,
) -> Result<Multipart, Failure> {
    let boundary = boundary(etag);
    let length: u64 = spans.iter().map(|span| span.length + HEAD_ESTIMATE).sum();
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| Failure::Broken)?);
    let mut head = String::with_capacity(HEAD_ESTIMATE as usize);
    for span in spans {
        head.clear();
        head.push_str(if bytes.is_empty() { "--" } else { "\r\n--" });
        head.push_str(&boundary);
        head.push_str("\r\nContent-Type: ");
        head.push_str(media);
        head.push_str("\r\nContent-Range: ");
        head.push_str(&content_range(*span, size));
        head.push_str("\r\n\r\n");
        bytes.extend_from_slice(head.as_bytes());
        files.read(file, span.offset, span.length, &mut bytes)?;
    }
    bytes.extend_from_slice(b"\r\n--");
    bytes.extend_from_slice(boundary.as_bytes());
    bytes.extend_from_slice(b"--\r\n");
    let mut content_type = String::from("multipart/byteranges; boundary=");
    content_type.push_str(&boundary);
    Ok(Multipart {
        content_type,
        bytes,
    })
}

/// `bytes 0-4/9`
pub fn content_range(span: Span, size: u64) -> String {
    let mut value = String::from("bytes ");
    push_decimal(&mut value, span.offset);
    value.push('-');
    push_decimal(&mut value, span.offset + span.length - 1);
    value.push('/');
    push_decimal(&mut value, size);
    value
}

/// A boundary that no part contains: a hash of the entity tag, which nobody knows before the file is written.
fn boundary(etag: &ETag) -> String {
    // FNV-1a
    let hash = etag
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let mut boundary = String::from("belljar-");
    push_hex(&mut boundary, hash);
    boundary
}

/// The approximate size of a part's head in bytes.
const HEAD_ESTIMATE: u64 = 160;
