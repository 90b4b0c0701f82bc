use std::fmt;

use bytes::{Buf, BytesMut};
use memchr::memchr;

use crate::syntax::{is_token_byte, is_value_byte, trim};
use crate::trailers::{self, Trailers};

/// Takes the chunked coding off a body (RFC 9112, section 7.1).
///
/// As strict as the grammar, and stricter where leniency was used to smuggle requests: sizes are hexadecimal
/// digits only, lines end in CRLF only, extensions and trailers are bounded. Extensions are thrown away.
#[derive(Debug, Default)]
pub struct ChunkedDecoder {
    state: DecoderState,
    /// Bytes of extensions so far, so that a body cannot consist of them.
    extensions: usize,
    /// Bytes of trailers so far.
    trailers_length: usize,
    trailers: Trailers,
}

/// What is expected next.
#[derive(Debug, Default, Clone, Copy)]
enum DecoderState {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    End,
}

/// What is wrong with a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkError {
    /// The size is not `1*HEXDIG`, or does not fit 64 bits.
    Size,
    /// The extensions hold a control byte.
    Extension,
    /// The extensions are too long.
    ExtensionTooLong,
    /// A line or a chunk does not end in CRLF.
    LineEnd,
    /// A trailer is no field line.
    Trailer,
    /// The trailers are too long.
    TrailersTooLong,
}

impl ChunkedDecoder {
    /// Moves the content that `input` holds to `content`. Whether the body has come to its end; else `input`
    /// is used up but for a part of a line, and more is needed.
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

    /// The fields after the content, once all of it was decoded: their names are in lower case, and those that may
    /// not come there are left out.
    pub fn take_trailers(&mut self) -> Trailers {
        std::mem::take(&mut self.trailers)
    }
}

/// The first line of `input` without its end, which is CRLF exactly; none while it is not whole. One of more
/// than `max` bytes, its end included, is `too_long`.
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

/// The size that a chunk's first line gives, and how many bytes of extensions follow it.
fn parse_size(line: &[u8]) -> Result<(u64, usize), ChunkError> {
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, extensions) = line.split_at(digits);
    if digits.is_empty() || !matches!(extensions, [] | [b';', ..]) {
        return Err(ChunkError::Size);
    }
    if extensions.iter().any(u8::is_ascii_control) {
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
            Self::Size => "the size of a chunk is no hexadecimal number",
            Self::Extension => "a control byte in a chunk's extensions",
            Self::ExtensionTooLong => "the extensions of the chunks are too long",
            Self::LineEnd => "a line or chunk does not end in CRLF",
            Self::Trailer => "malformed trailer",
            Self::TrailersTooLong => "the trailers are too long",
        })
    }
}

const CRLF: usize = 2;
/// The most bytes of a line with a chunk's size, its end included.
const MAX_SIZE_LINE: usize = 256;
/// The most bytes of extensions in one body.
const MAX_EXTENSIONS: usize = 16 << 10;
/// The most bytes of trailers, the empty line included.
const MAX_TRAILERS: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The content, and what is left after it; none where more is needed.
    type Decoded = Option<(Vec<u8>, Vec<u8>)>;

    /// Feeds `body` in pieces of `step` bytes.
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
    fn the_content_is_the_same_however_it_is_split() {
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
    fn trailers_are_kept_but_for_those_that_may_not_come_there() {
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
    fn malformed_bodies_are_refused_however_they_are_split() {
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
    fn a_body_without_end_needs_more() {
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
