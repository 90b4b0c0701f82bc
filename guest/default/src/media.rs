//! Media types by a file name's extension (RFC 9110, section 8.3).

/// A media type and its properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// The value of Content-Type. Text is assumed to be UTF-8 and has a charset. Formats that name their own encoding (XML)
    /// or have only one (JSON: RFC 8259, section 8.1) have no charset.
    pub name: &'static str,
    /// False for formats that are compressed already.
    pub is_compressible: bool,
}

impl Media {
    /// The type of a file, `application/octet-stream` if its extension is unknown.
    pub fn of(path: &str) -> Media {
        Media::known(path).unwrap_or(Media {
            name: "application/octet-stream",
            is_compressible: true,
        })
    }

    /// The type of a file; None if its extension is unknown.
    pub fn known(path: &str) -> Option<Media> {
        let extension = extension(path)?.as_bytes();
        let mut lower = [0; LONGEST];
        let lower = lower.get_mut(..extension.len())?;
        lower.copy_from_slice(extension);
        lower.make_ascii_lowercase();
        let index = TYPES
            .binary_search_by(|(known, ..)| known.as_bytes().cmp(lower))
            .ok()?;
        let (_, name, packed) = TYPES.get(index)?;
        Some(Media {
            name,
            is_compressible: !packed,
        })
    }
}

/// The text after the last dot of a file name. A name whose only dot is the first character has no extension.
fn extension(path: &str) -> Option<&str> {
    let name = path.rsplit('/').next()?;
    match name.rsplit_once('.')? {
        ("", _) | (_, "") => None,
        (_, extension) => Some(extension),
    }
}

/// The longest extension of the table, in bytes.
const LONGEST: usize = 11;

/// The format is compressed already.
const PACKED: bool = true;
const LOOSE: bool = false;

/// Sorted by extension. Names are those of the IANA registry if it has one.
const TYPES: &[(&str, &str, bool)] = &[
    ("7z", "application/x-7z-compressed", PACKED),
    ("aac", "audio/aac", PACKED),
    ("apk", "application/vnd.android.package-archive", PACKED),
    ("apng", "image/apng", PACKED),
    ("atom", "application/atom+xml", LOOSE),
    ("avif", "image/avif", PACKED),
    ("bmp", "image/bmp", LOOSE),
    ("br", "application/x-brotli", PACKED),
    ("bz2", "application/x-bzip2", PACKED),
    ("cjs", "text/javascript; charset=utf-8", LOOSE),
    ("css", "text/css; charset=utf-8", LOOSE),
    ("csv", "text/csv; charset=utf-8", LOOSE),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        PACKED,
    ),
    ("eot", "application/vnd.ms-fontobject", LOOSE),
    ("epub", "application/epub+zip", PACKED),
    ("flac", "audio/flac", PACKED),
    ("geojson", "application/geo+json", LOOSE),
    ("gif", "image/gif", PACKED),
    ("gz", "application/gzip", PACKED),
    ("heic", "image/heic", PACKED),
    ("htm", "text/html; charset=utf-8", LOOSE),
    ("html", "text/html; charset=utf-8", LOOSE),
    ("ico", "image/vnd.microsoft.icon", LOOSE),
    ("ics", "text/calendar; charset=utf-8", LOOSE),
    ("jar", "application/java-archive", PACKED),
    ("jpeg", "image/jpeg", PACKED),
    ("jpg", "image/jpeg", PACKED),
    ("js", "text/javascript; charset=utf-8", LOOSE),
    ("json", "application/json", LOOSE),
    ("jsonld", "application/ld+json", LOOSE),
    ("jxl", "image/jxl", PACKED),
    ("log", "text/plain; charset=utf-8", LOOSE),
    ("m3u8", "application/vnd.apple.mpegurl", LOOSE),
    ("m4a", "audio/mp4", PACKED),
    ("m4v", "video/mp4", PACKED),
    ("map", "application/json", LOOSE),
    ("markdown", "text/markdown; charset=utf-8", LOOSE),
    ("md", "text/markdown; charset=utf-8", LOOSE),
    ("mjs", "text/javascript; charset=utf-8", LOOSE),
    ("mkv", "video/matroska", PACKED),
    ("mov", "video/quicktime", PACKED),
    ("mp3", "audio/mpeg", PACKED),
    ("mp4", "video/mp4", PACKED),
    ("mpd", "application/dash+xml", LOOSE),
    ("mpeg", "video/mpeg", PACKED),
    ("oga", "audio/ogg", PACKED),
    ("ogg", "audio/ogg", PACKED),
    ("ogv", "video/ogg", PACKED),
    ("opus", "audio/ogg", PACKED),
    ("otf", "font/otf", LOOSE),
    ("pdf", "application/pdf", PACKED),
    ("png", "image/png", PACKED),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        PACKED,
    ),
    ("rss", "application/rss+xml", LOOSE),
    ("rtf", "application/rtf", LOOSE),
    ("svg", "image/svg+xml", LOOSE),
    ("svgz", "image/svg+xml", PACKED),
    ("tar", "application/x-tar", LOOSE),
    ("tgz", "application/gzip", PACKED),
    ("tif", "image/tiff", LOOSE),
    ("tiff", "image/tiff", LOOSE),
    ("toml", "application/toml", LOOSE),
    ("tsv", "text/tab-separated-values; charset=utf-8", LOOSE),
    ("ttf", "font/ttf", LOOSE),
    ("txt", "text/plain; charset=utf-8", LOOSE),
    ("vcf", "text/vcard; charset=utf-8", LOOSE),
    ("vtt", "text/vtt; charset=utf-8", LOOSE),
    ("wasm", "application/wasm", LOOSE),
    ("wav", "audio/wav", LOOSE),
    ("weba", "audio/webm", PACKED),
    ("webm", "video/webm", PACKED),
    ("webmanifest", "application/manifest+json", LOOSE),
    ("webp", "image/webp", PACKED),
    ("woff", "font/woff", PACKED),
    ("woff2", "font/woff2", PACKED),
    ("xhtml", "application/xhtml+xml", LOOSE),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        PACKED,
    ),
    ("xml", "application/xml", LOOSE),
    ("xsl", "application/xslt+xml", LOOSE),
    ("xz", "application/x-xz", PACKED),
    ("yaml", "application/yaml", LOOSE),
    ("yml", "application/yaml", LOOSE),
    ("zip", "application/zip", PACKED),
    ("zst", "application/zstd", PACKED),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_lower_case() {
        assert!(TYPES.is_sorted_by(|(before, ..), (after, ..)| before < after));
        for (extension, name, _) in TYPES {
            assert_eq!(*extension, extension.to_ascii_lowercase());
            assert_eq!(
                name.starts_with("text/"),
                name.ends_with("; charset=utf-8"),
                "{name}"
            );
        }
        assert_eq!(
            TYPES.iter().map(|(extension, ..)| extension.len()).max(),
            Some(LONGEST)
        );
    }

    #[test]
    fn chooses_the_type_by_the_extension() {
        for (path, name, is_compressible) in [
            ("index.html", "text/html; charset=utf-8", true),
            ("a/b.c/INDEX.HTML", "text/html; charset=utf-8", true),
            ("app.min.js", "text/javascript; charset=utf-8", true),
            ("site.webmanifest", "application/manifest+json", true),
            ("data.json", "application/json", true),
            ("photo.JPG", "image/jpeg", false),
            ("font.woff2", "font/woff2", false),
            ("page.html.gz", "application/gzip", false),
            ("LICENSE", "application/octet-stream", true),
            ("a.html/README", "application/octet-stream", true),
            (".html", "application/octet-stream", true),
            ("name.", "application/octet-stream", true),
            (
                "name.averyveryverylongextension",
                "application/octet-stream",
                true,
            ),
            ("", "application/octet-stream", true),
        ] {
            assert_eq!(
                Media::of(path),
                Media {
                    name,
                    is_compressible
                },
                "{path}"
            );
        }
    }
}
