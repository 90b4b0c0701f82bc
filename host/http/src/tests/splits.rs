//! Properties: however the bytes of a client are split, the outcome is the same.

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::request::chunked_decoder::{ChunkError, ChunkedDecoder};
use crate::request::head_scanner::HeadScanner;

/// Words of HTTP, arbitrary bytes between them, in any order.
fn bytes_of(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
    let word = select(words).prop_map(|word| word.as_bytes().to_vec());
    let piece = prop_oneof![9 => word, 1 => vec(any::<u8>(), 0..4)];
    vec(piece, 0..most).prop_map(|pieces| pieces.concat())
}

/// Places to split at.
fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

/// Splits `bytes` at these places. Some pieces may be empty.
fn split(bytes: &[u8], cuts: &[Index]) -> Vec<Bytes> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut start = 0;
    let mut pieces = Vec::new();
    for end in ends {
        pieces.push(Bytes::copy_from_slice(&bytes[start..end]));
        start = end;
    }
    pieces
}

/// Finds the end of a head, and parses it.
fn read_head(pieces: &[Bytes]) -> Result<Option<(usize, String)>, Reject> {
    let mut scanner = HeadScanner::default();
    let mut received = Vec::new();
    for piece in pieces {
        received.extend_from_slice(piece);
        if let Some(end) = scanner.find_end(&received, MAX_HEAD)? {
            let (head, framing) = Head::parse(&received[..end])?;
            return Ok(Some((end, format!("{head:?} {framing:?}"))));
        }
    }
    Ok(None)
}

type Decoded = (Vec<u8>, Trailers, Option<Vec<u8>>);

/// Decodes a chunked body: its content and trailers, and the bytes after it if it is complete.
fn decode(pieces: &[Bytes]) -> Result<Decoded, ChunkError> {
    let (mut decoder, mut input, mut content) =
        (ChunkedDecoder::default(), BytesMut::new(), BytesMut::new());
    let mut rest = pieces.iter();
    let mut is_complete = false;
    while !is_complete && let Some(piece) = rest.next() {
        input.extend_from_slice(piece);
        is_complete = decoder.decode(&mut input, &mut content)?;
    }
    rest.for_each(|piece| input.extend_from_slice(piece));
    let after = is_complete.then(|| input.to_vec());
    Ok((content.to_vec(), decoder.take_trailers(), after))
}

/// Requests one after another, most of them well-formed.
fn requests() -> impl Strategy<Value = Vec<u8>> {
    let path = select(&["/", "/echo", "/ignore", "/stream", "/nothing"][..]);
    let fields = select(
        &[
            "",
            "Expect: 100-continue\r\n",
            "Connection: keep-alive\r\n",
            "X: y\r\n",
        ][..],
    );
    let chunks = vec(vec(any::<u8>(), 1..20), 0..4);
    let request = (path, fields, chunks, any::<bool>(), 0..20u8).prop_map(
        |(path, fields, chunks, is_chunked, damage)| {
            let mut request = format!("POST {path} HTTP/1.1\r\nHost: h\r\n{fields}").into_bytes();
            if is_chunked {
                request.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in &chunks {
                    request.extend_from_slice(format!("{:x};a=b\r\n", chunk.len()).as_bytes());
                    request.extend_from_slice(chunk);
                    request.extend_from_slice(b"\r\n");
                }
                request.extend_from_slice(b"0\r\nt: u\r\n\r\n");
            } else {
                let body = chunks.concat();
                request.extend_from_slice(
                    format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes(),
                );
                request.extend_from_slice(&body);
            }
            // One request in ten lacks a byte somewhere.
            if damage < 2 {
                request.remove(request.len() / 10 * usize::from(damage + 1));
            }
            request
        },
    );
    vec(request, 1..5).prop_map(|requests| requests.concat())
}

/// The responses to bytes that arrive in these pieces.
fn answers(bytes: &[u8], pieces: Vec<Bytes>) -> Vec<Received> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let request = String::from_utf8_lossy(bytes);
    let limits = Limits::default();
    parse_all(
        &runtime.block_on(exchange_pieces(pieces, &limits)),
        &request,
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_head_is_the_same_however_it_is_split(bytes in bytes_of(HEAD_WORDS, 12), cuts in cuts()) {
        prop_assert_eq!(read_head(&split(&bytes, &cuts)), read_head(&split(&bytes, &[])));
    }

    #[test]
    fn a_chunked_body_is_the_same_however_it_is_split(
        bytes in bytes_of(CHUNK_WORDS, 12),
        cuts in cuts(),
    ) {
        prop_assert_eq!(decode(&split(&bytes, &cuts)), decode(&split(&bytes, &[])));
    }

    #[test]
    fn responses_are_the_same_however_their_requests_are_split(
        bytes in requests(),
        cuts in cuts(),
    ) {
        let split = answers(&bytes, split(&bytes, &cuts));
        prop_assert_eq!(split, answers(&bytes, vec![Bytes::from(bytes.clone())]));
    }
}

const HEAD_WORDS: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "GET http://h/a?b HTTP/1.0\r\n",
    "Host: h\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "x: y\r\n",
    "\r\n",
    "\r",
    "\n",
    " ",
    ":",
    "0123456789abcdef0123456789abcdef",
];

const CHUNK_WORDS: &[&str] = &[
    "5\r\nhello\r\n",
    "1;a=b\r\nx\r\n",
    "0\r\n",
    "0\r\n\r\n",
    "a: b\r\n",
    "host: b\r\n",
    "\r\n",
    "\r",
    "\n",
    ";",
    "f",
];

/// Small, so that heads exceed it.
const MAX_HEAD: usize = 128;
