//! The chunked decoder: its content does not depend on the split, and hyper does not decode another one.

use crate::connection;

/// The bytes are a chunked body, and perhaps requests after it.
pub fn run(data: &[u8]) {
    connection::run(&[HEAD, data].concat());
}

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
