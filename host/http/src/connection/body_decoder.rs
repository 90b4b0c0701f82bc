//! The decoder of a request body, which is delimited by its length or chunked.

use bytes::{Buf, Bytes, BytesMut};

use crate::request::body::BodyError;
use crate::request::chunked_decoder::ChunkedDecoder;
use crate::request::framing::BodyLength;
use crate::trailers::Trailers;

/// Decodes a body as its bytes arrive, and enforces its maximum length.
#[derive(Debug)]
pub(crate) struct BodyDecoder {
    coding: BodyCoding,
    max_length: u64,
    received: u64,
    trailers: Trailers,
}

#[derive(Debug)]
enum BodyCoding {
    /// The number of bytes that have not arrived yet.
    Length(u64),
    Chunked(ChunkedDecoder),
    End,
    Failed,
}

impl BodyDecoder {
    pub(crate) fn new(length: BodyLength, max_length: u64) -> Self {
        Self {
            coding: match length {
                BodyLength::Known(length) => BodyCoding::Length(length),
                BodyLength::Chunked => BodyCoding::Chunked(ChunkedDecoder::default()),
            },
            max_length,
            received: 0,
            trailers: Trailers::new(),
        }
    }

    /// Removes content from `input`. Returns it, and whether the body is complete.
    pub(crate) fn decode(&mut self, input: &mut BytesMut) -> Result<(Bytes, bool), BodyError> {
        let outcome = self.decode_part(input);
        match outcome {
            Ok((_, false)) => {}
            Ok((_, true)) => self.coding = BodyCoding::End,
            Err(_) => self.coding = BodyCoding::Failed,
        }
        outcome
    }

    /// The trailers, once the body is complete.
    pub(crate) fn take_trailers(&mut self) -> Trailers {
        std::mem::take(&mut self.trailers)
    }

    /// The number of bytes decoded so far, without their transfer coding.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    pub(crate) fn is_at_end(&self) -> bool {
        matches!(self.coding, BodyCoding::End)
    }

    /// Whether the body may end within `max` more bytes. It may if its length is unknown.
    pub(crate) fn may_end_within(&self, max: u64) -> bool {
        match &self.coding {
            BodyCoding::Length(rest) => *rest <= max,
            BodyCoding::Chunked(_) | BodyCoding::End => true,
            BodyCoding::Failed => false,
        }
    }

    /// Gives up the body: no more of it will arrive.
    pub(crate) fn fail(&mut self) {
        self.coding = BodyCoding::Failed;
    }

    fn decode_part(&mut self, input: &mut BytesMut) -> Result<(Bytes, bool), BodyError> {
        match &mut self.coding {
            BodyCoding::Length(rest) => {
                let length = usize::try_from(*rest)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                if length == 0 {
                    return Ok((Bytes::new(), *rest == 0));
                }
                *rest -= length as u64;
                self.received += length as u64;
                Ok((take(input, length), *rest == 0))
            }
            BodyCoding::Chunked(chunked) => {
                let mut content = BytesMut::new();
                let end = chunked
                    .decode(input, &mut content)
                    .map_err(BodyError::Malformed)?;
                if end {
                    self.trailers = chunked.take_trailers();
                }
                self.received += content.len() as u64;
                if self.received > self.max_length {
                    return Err(BodyError::TooLarge);
                }
                Ok((content.freeze(), end))
            }
            BodyCoding::End => Ok((Bytes::new(), true)),
            BodyCoding::Failed => Err(BodyError::CutShort),
        }
    }
}

/// Removes the first `length` bytes from `input`. Both never share memory: a reader that keeps a few bytes must not
/// keep the connection's buffer alive, nor the other way round.
fn take(input: &mut BytesMut, length: usize) -> Bytes {
    if length == input.len() && length > COPIED {
        return std::mem::take(input).freeze();
    }
    let content = Bytes::copy_from_slice(input.get(..length).unwrap_or_default());
    input.advance(content.len());
    content
}

/// Up to this many bytes are copied instead of handed over with their buffer.
const COPIED: usize = 4 << 10;
