//! Trailers: fields that follow the content of a message.

/// The fields after a chunked body: names and values (RFC 9110, section 6.5).
pub type Trailers = Vec<(String, Vec<u8>)>;

/// Whether a field may be a trailer (RFC 9110, section 6.5.1). Fields are forbidden if they frame the message, route
/// it, authenticate it or describe content that was processed before they arrive.
pub(crate) fn is_allowed(name: &str) -> bool {
    !FORBIDDEN
        .iter()
        .any(|field| field.eq_ignore_ascii_case(name))
}

/// The size of the field lines in bytes, as they are sent.
pub(crate) fn size(fields: &[(String, Vec<u8>)]) -> usize {
    let lines = fields
        .iter()
        .map(|(name, value)| name.len() + value.len() + 4);
    lines.sum()
}

const FORBIDDEN: [&str; 38] = [
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "server",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "warning",
    "www-authenticate",
    "x-forwarded-for",
];
