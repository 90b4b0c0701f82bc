//! Attacks by output: bodies, headers and lines of the log.

use std::io::Write;

use crate::query::Query;
use crate::{Body, Response, no_such_attack, text};

pub fn run(attack: &str, query: &Query) -> Response {
    let n = query.number("n", 100_000) as usize;
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let _ = match attack {
        "endless-lines" => loop {
            let _ = out.write_all(b"line\n");
        },
        "endless-line" => loop {
            let _ = err.write_all(b"no end in sight, ");
        },
        "empty-lines" => out.write_all(&vec![b'\n'; n]),
        "carriage-returns" => out.write_all(&b"\r".repeat(n)),
        "single-bytes" => (0..n).try_for_each(|_| out.write_all(b"x").and_then(|()| out.flush())),
        "control-bytes" => out.write_all(&(0..=255).collect::<Vec<u8>>()),
        "escape-sequences" => err.write_all(b"\x1b[2J\x1b]0;title\x07\x1b[31m\xc2\x9b31m\n"),
        // Characters that change the direction of text, end a line in some programs, or are invisible.
        "strange-characters" => {
            err.write_all("\u{202e}desrever\u{2028}\u{85}\u{feff}\u{200b}\n".as_bytes())
        }
        "cut-characters" => out
            .write_all(b"\xf0\x9f")
            .and_then(|()| out.write_all(b"\x98\n\xff\n")),
        "forged-lines" => out.write_all(
            b"x\n127.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET /forged HTTP/1.1\" 200 1\n\
              \r2026-01-01T00:00:00Z ERROR forged\n",
        ),
        "both-streams" => (0..n).try_for_each(|_| {
            out.write_all(b"out\n")
                .and_then(|()| err.write_all(b"err\n"))
        }),
        "long-panic" => panic!("{}", "a long story\n".repeat(n)),
        "headers" => return with_headers((0..n).map(|n| (format!("x-{n}"), b"v".to_vec()))),
        "large-header" => return with_headers([("x".into(), vec![b'x'; n])]),
        "empty-headers" => return with_headers((0..n).map(|_| ("x".into(), Vec::new()))),
        "large-body" => return text(vec![b'x'; n]),
        _ => return no_such_attack(),
    };
    text("printed\n")
}

fn with_headers(headers: impl IntoIterator<Item = (String, Vec<u8>)>) -> Response {
    Response {
        status: 200,
        headers: headers.into_iter().collect(),
        body: Body::Empty,
    }
}
