//! The decoder of the chunked transfer coding.

use std::fmt;

use bytes::{Buf, BytesMut};
use memchr::memchr;

use super::chunk_extensions;
use crate::syntax::{is_token_byte, is_value_byte, trim};
use crate::trailers::{self, Trailers};

/// Decodes the chunked coding of a body (RFC 9112, section 7.1).
///
/// The decoder is as strict as the grammar, and stricter where leniency has been used for request smuggling. Sizes
/// consist of hexadecimal digits, lines end in CRLF, and the length of extensions and trailers is limited. Extensions
/// are ignored.
#[derive(Debug, Default)]
pub struct ChunkedDecoder {
    state: DecoderState,
    /// The total length of extensions so far. A limit on it keeps a body from consisting of extensions.
    extensions: usize,
    /// The total length of trailer lines so far.
    trailers_length: usize,
    trailers: Trailers,
}

/// The part of the coding that the decoder expects next.
#[derive(Debug, Default, Clone, Copy)]
enum DecoderState {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    End,
}

/// Why a chunked body is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkError {
    /// The size is not `1*HEXDIG`, or does not fit 64 bits.
    Size,
    /// An extension is not `;name` or `;name=value`.
    Extension,
    /// The extensions are too long.
    ExtensionTooLong,
    /// A line or a chunk does not end in CRLF.
    LineEnd,
    /// A trailer is not a field line.
    Trailer,
    /// The trailers are too long.
    TrailersTooLong,
}

impl ChunkedDecoder {
    /// Moves the content in `input` to `content`. Returns whether the body is complete. If it is not, more input is
    /// needed, and `input` holds part of a line at most.
    pub fn decode(
        &mut self,
        input: &mut BytesMut,
        content: &mut BytesMut,
    ) -> Result<bool, ChunkError> {
        loop {
            match self.state {
                DecoderState::Size => {
                    let Some(line) = line(input, MAX_SIZE_LINE, ChunkError::ExtensionTooLong)?
                    else {
                        return Ok(false);
                    };
                    let (size, extensions) = parse_size(line)?;
                    self.extensions += extensions;
                    if self.extensions > MAX_EXTENSIONS {
                        return Err(ChunkError::ExtensionTooLong);
                    }
                    let length = line.len() + CRLF;
                    input.advance(length);
                    self.state = if size == 0 {
                        DecoderState::Trailers
                    } else {
                        DecoderState::Data(size)
                    };
                }
                DecoderState::Data(rest) => {
                    let length = usize::try_from(rest).unwrap_or(usize::MAX).min(input.len());
                    if length == 0 {
                        return Ok(false);
                    }
                    content.extend_from_slice(&input[..length]);
                    input.advance(length);
                    let rest = rest - length as u64;
                    self.state = if rest == 0 {
                        DecoderState::DataEnd
                    } else {
                        DecoderState::Data(rest)
                    };
                }
                DecoderState::DataEnd => match &input[..] {
                    [] | [b'\r'] => return Ok(false),
                    [b'\r', b'\n', ..] => {
                        input.advance(CRLF);
                        self.state = DecoderState::Size;
                    }
                    _ => return Err(ChunkError::LineEnd),
                },
                DecoderState::Trailers => {
                    let room = MAX_TRAILERS - self.trailers_length;
                    let Some(line) = line(input, room, ChunkError::TrailersTooLong)? else {
                        return Ok(false);
                    };
                    let length = line.len() + CRLF;
                    if line.is_empty() {
                        self.state = DecoderState::End;
                    } else {
                        let (name, value) = field(line).ok_or(ChunkError::Trailer)?;
                        if trailers::is_allowed(name) {
                            self.trailers
                                .push((name.to_ascii_lowercase(), value.to_vec()));
                        }
                        self.trailers_length += length;
                    }
                    input.advance(length);
                }
                DecoderState::End => return Ok(true),
            }
        }
    }

    /// The trailers of a completely decoded body. Their names are in lower case, and forbidden trailers are left out.
    pub fn take_trailers(&mut self) -> Trailers {
        std::mem::take(&mut self.trailers)
    }
}

/// The first line of `input` without its CRLF. None while the line is incomplete. A line that exceeds `max` bytes,
/// including its CRLF, is an error: `too_long`.
fn line(input: &[u8], max: usize, too_long: ChunkError) -> Result<Option<&[u8]>, ChunkError> {
    let window = input.get(..max).unwrap_or(input);
    match memchr(b'\n', window) {
        Some(end) => window[..end]
            .strip_suffix(b"\r")
            .map(Some)
            .ok_or(ChunkError::LineEnd),
        None if window.len() < max => Ok(None),
        None => Err(too_long),
    }
}

/// The size in the first line of a chunk, and the length of the extensions after it.
fn parse_size(line: &[u8]) -> Result<(u64, usize), ChunkError> {
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, extensions) = line.split_at(digits);
    if digits.is_empty() || !matches!(extensions, [] | [b';', ..]) {
        return Err(ChunkError::Size);
    }
    if !chunk_extensions::are_well_formed(extensions) {
        return Err(ChunkError::Extension);
    }
    let size = digits.iter().try_fold(0u64, |size, &digit| {
        let digit = (digit as char).to_digit(16)?;
        Some(size.checked_mul(16)? | u64::from(digit))
    });
    Ok((size.ok_or(ChunkError::Size)?, extensions.len()))
}

fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let (name, value) = line.split_at(memchr(b':', line)?);
    let well_formed = !name.is_empty()
        && name.iter().copied().all(is_token_byte)
        && value.iter().copied().all(is_value_byte);
    let name = str::from_utf8(name).ok().filter(|_| well_formed)?;
    Some((name, trim(value.get(1..)?)))
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "the size of a chunk is not a hexadecimal number",
            Self::Extension => "an extension of a chunk is malformed",
            Self::ExtensionTooLong => "the extensions of the chunks are too long",
            Self::LineEnd => "a line or a chunk does not end in CRLF",
            Self::Trailer => "a trailer is malformed",
            Self::TrailersTooLong => "the trailers are too long",
        })
    }
}

const CRLF: usize = 2;
/// Maximum length of a line with the size of a chunk, including its CRLF.
const MAX_SIZE_LINE: usize = 256;
/// Maximum total length of the extensions of a body.
const MAX_EXTENSIONS: usize = 16 << 10;
/// Maximum total length of the trailers of a body, including the empty line.
const MAX_TRAILERS: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The content and the bytes after it. None if more input is needed.
    type Decoded = Option<(Vec<u8>, Vec<u8>)>;

    /// Decodes `body` in pieces of `step` bytes.
    fn decode(body: &[u8], step: usize) -> Result<Decoded, ChunkError> {
        let (mut decoder, mut input, mut content) =
            (ChunkedDecoder::default(), BytesMut::new(), BytesMut::new());
        let mut pieces = body.chunks(step);
        while let Some(piece) = pieces.next() {
            input.extend_from_slice(piece);
            if decoder.decode(&mut input, &mut content)? {
                input.extend_from_slice(&pieces.collect::<Vec<_>>().concat());
                return Ok(Some((content.to_vec(), input.to_vec())));
            }
        }
        Ok(None)
    }

    #[test]
    fn decodes_the_same_content_however_it_is_split() {
        let trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(1300));
        let long = format!("{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(200));
        for (body, content, rest) in [
            ("0\r\n\r\n", "", ""),
            ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
            (
                "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /",
                "hello world",
                "GET /",
            ),
            ("00a\r\n0123456789\r\n00\r\n\r\n", "0123456789", ""),
            ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""),
            ("1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n", "x", ""),
            ("1\r\n\n\r\n2\r\n\r\n\r\n0\r\n\r\n", "\n\r\n", ""),
            ("0\r\nA: b\r\nc:\td\r\n\r\nx", "", "x"),
            (&trailers, "", ""),
            (&long, "hello", ""),
        ] {
            for step in 1..=body.len().min(40) {
                let outcome = decode(body.as_bytes(), step);
                assert_eq!(
                    outcome,
                    Ok(Some((content.into(), rest.into()))),
                    "{body:?} by {step}"
                );
            }
        }
    }

    #[test]
    fn leaves_out_forbidden_trailers() {
        let body = b"0\r\nX-One: a b \r\nContent-Length: 5\r\nx-two:\r\nHOST: h\r\n\r\n";
        let (mut decoder, mut content) = (ChunkedDecoder::default(), BytesMut::new());
        assert_eq!(
            decoder.decode(&mut BytesMut::from(&body[..]), &mut content),
            Ok(true)
        );
        let expected = [
            ("x-one".to_owned(), b"a b".to_vec()),
            ("x-two".to_owned(), vec![]),
        ];
        assert_eq!(decoder.take_trailers(), expected);
    }

    #[test]
    fn rejects_malformed_bodies_however_they_are_split() {
        let extension = |length| format!("1;{}\r\nx\r\n", "e".repeat(length));
        let many = extension(200).repeat(90);
        let trailers = format!("0\r\n{}\r\n", "a: bcdefgh\r\n".repeat(700));
        let trailer = format!("0\r\na: {}\r\n\r\n", "b".repeat(9000));
        let zeros = "0".repeat(300);
        use ChunkError::*;
        for (body, expected) in [
            ("\r\n", Size),
            (";a\r\n", Size),
            ("g\r\n", Size),
            ("+5\r\nhello\r\n", Size),
            ("-1\r\n", Size),
            ("0x5\r\nhello\r\n", Size),
            ("5_0\r\n", Size),
            (" 5\r\nhello\r\n", Size),
            ("5 \r\nhello\r\n", Size),
            ("5 ;a\r\nhello\r\n", Size),
            ("5\r\r\nhello\r\n", Size),
            ("10000000000000000\r\n", Size),
            ("fffffffffffffffff\r\n", Size),
            ("5\nhello\r\n", LineEnd),
            ("5\r\nhello\n0\r\n\r\n", LineEnd),
            ("5\r\nhello0\r\n\r\n", LineEnd),
            ("5\r\nhello\r0\r\n\r\n", LineEnd),
            ("5\r\nhello!\r\n0\r\n\r\n", LineEnd),
            ("0\r\n\n", LineEnd),
            ("0\r\na: b\n\r\n", LineEnd),
            ("1;a\0b\r\nx\r\n", Extension),
            ("1;a\rb\r\nx\r\n", Extension),
            ("1;\x7f\r\nx\r\n", Extension),
            ("5;\r\nhello\r\n", Extension),
            ("5;a=\r\nhello\r\n", Extension),
            (&extension(300), ExtensionTooLong),
            (&many, ExtensionTooLong),
            (&zeros, ExtensionTooLong),
            ("0\r\nab\r\n\r\n", Trailer),
            ("0\r\n a: b\r\n\r\n", Trailer),
            ("0\r\n: b\r\n\r\n", Trailer),
            ("0\r\na : b\r\n\r\n", Trailer),
            ("0\r\na: b\0\r\n\r\n", Trailer),
            ("0\r\na: b\rc\r\n\r\n", Trailer),
            (&trailers, TrailersTooLong),
            (&trailer, TrailersTooLong),
        ] {
            for step in [1, 2, 3, 7, 1000, body.len()] {
                assert_eq!(
                    decode(body.as_bytes(), step),
                    Err(expected),
                    "{body:?} by {step}"
                );
            }
        }
    }

    #[test]
    fn asks_for_more_until_the_body_ends() {
        for body in [
            "5",
            "5\r",
            "5\r\n",
            "5\r\nhel",
            "5\r\nhello",
            "5\r\nhello\r",
            "0\r\n",
            "0\r\n\r",
            "0\r\na: b\r\n",
        ] {
            assert_eq!(decode(body.as_bytes(), 1), Ok(None), "{body:?}");
        }
        assert_eq!(decode(b"ffffffffffffffff\r\nx", 1), Ok(None));
    }
}
