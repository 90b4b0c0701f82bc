//! Media types by a file name's extension (RFC 9110, section 8.3).

/// The Content-Type of a file with this name.
pub fn of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    TYPES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(extension))
        .map_or("application/octet-stream", |(_, media)| media)
}

/// The types that pages use. A handler sets the type of any other file itself.
const TYPES: [(&str, &str); 24] = [
    ("avif", "image/avif"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("gif", "image/gif"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn chooses_the_type_by_the_extension() {
        for (path, media) in [
            ("/index.html", "text/html; charset=utf-8"),
            ("PHOTO.JPG", "image/jpeg"),
            ("/a.b/c.svg", "image/svg+xml"),
            ("/a.svg/c", "application/octet-stream"),
            ("/png", "application/octet-stream"),
            ("/unknown.kind", "application/octet-stream"),
        ] {
            assert_eq!(of(path), media, "{path}");
        }
    }
}
