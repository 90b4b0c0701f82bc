//! From the path of a request to the path of a file, which is decoded once and never leaves the root.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// A path within the site.
#[derive(Debug, PartialEq, Eq)]
pub struct SitePath<'a> {
    /// Decoded and relative to the root, without dot segments, empty segments, and leading or trailing slashes. Empty for
    /// the root itself.
    pub relative: Cow<'a, str>,
    /// The path ends in a slash, or in a dot segment, which means the same (RFC 3986, section 5.2.4).
    pub is_directory: bool,
    /// A segment begins with a dot. `.well-known` at the root is public (RFC 8615).
    pub is_hidden: bool,
}

/// Why a path cannot name a file of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has a `%` without two hexadecimal digits, a NUL, or bytes that are not UTF-8 once decoded.
    Malformed,
    /// It has an encoded slash, which is data within a segment (RFC 3986, section 2.2); no file name contains one.
    EncodedSlash,
    /// It has more `..` than segments before them. Browsers never send such paths.
    AboveRoot,
}

impl<'a> SitePath<'a> {
    /// Parses the percent-encoded path of a request target.
    pub fn parse(path: &'a str) -> Result<SitePath<'a>, Refusal> {
        let rest = path.strip_prefix('/').ok_or(Refusal::Malformed)?;
        if !is_plain(path) {
            return SitePath::decode(rest);
        }
        let (relative, is_directory) = match rest.strip_suffix('/') {
            Some(directory) => (directory, true),
            None => (rest, rest.is_empty()),
        };
        Ok(SitePath {
            relative: Cow::Borrowed(relative),
            is_directory,
            is_hidden: false,
        })
    }

    fn decode(path: &str) -> Result<SitePath<'static>, Refusal> {
        let mut relative = String::with_capacity(path.len());
        let mut is_directory = true;
        for segment in path.split('/') {
            is_directory = true;
            match Dots::of(segment) {
                Some(Dots::Here) => {}
                Some(Dots::Up) if relative.is_empty() => return Err(Refusal::AboveRoot),
                Some(Dots::Up) => relative.truncate(relative.rfind('/').unwrap_or(0)),
                None if segment.is_empty() => {}
                None => {
                    if !relative.is_empty() {
                        relative.push('/');
                    }
                    relative.push_str(&decode_segment(segment)?);
                    is_directory = false;
                }
            }
        }
        let is_hidden = is_hidden(&relative);
        Ok(SitePath {
            relative: Cow::Owned(relative),
            is_directory,
            is_hidden,
        })
    }
}

/// Removes dot segments and empty segments from a path that stays percent-encoded. The result has a leading slash and no
/// trailing one.
pub fn shortest(path: &str) -> String {
    let mut short = String::with_capacity(path.len() + 1);
    for segment in path.split('/') {
        match Dots::of(segment) {
            Some(Dots::Here) => {}
            Some(Dots::Up) => short.truncate(short.rfind('/').unwrap_or(0)),
            None if segment.is_empty() => {}
            None => {
                short.push('/');
                short.push_str(segment);
            }
        }
    }
    short
}

/// Whether a file of this name is hidden.
pub fn is_dotfile(name: &str) -> bool {
    // On a host that separates folders with backslashes, `a\.git` is hidden too.
    name.starts_with('.') || name.contains("\\.")
}

/// Whether the path has nothing to decode or resolve, like that of nearly every request.
fn is_plain(path: &str) -> bool {
    let mut previous = 0;
    path.bytes().all(|byte| {
        let plain = match byte {
            b'%' | b'\\' | 0 => false,
            b'/' | b'.' => previous != b'/',
            _ => true,
        };
        previous = byte;
        plain
    })
}

fn is_hidden(relative: &str) -> bool {
    let rest = match relative.strip_prefix(".well-known") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => relative,
    };
    rest.split('/').any(is_dotfile)
}

fn decode_segment(segment: &str) -> Result<Cow<'_, str>, Refusal> {
    if !segment.bytes().any(|byte| matches!(byte, b'%' | 0)) {
        return Ok(Cow::Borrowed(segment));
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => hex_digit(bytes.next())? << 4 | hex_digit(bytes.next())?,
            byte => byte,
        };
        match byte {
            0 => return Err(Refusal::Malformed),
            b'/' => return Err(Refusal::EncodedSlash),
            byte => decoded.push(byte),
        }
    }
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| Refusal::Malformed)
}

fn hex_digit(byte: Option<u8>) -> Result<u8, Refusal> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(Refusal::Malformed),
    }
}

/// A dot segment, with or without percent-encoding.
enum Dots {
    Here,
    Up,
}

impl Dots {
    fn of(segment: &str) -> Option<Dots> {
        let mut rest = segment.as_bytes();
        let mut dots = 0;
        while let [b'.', tail @ ..] | [b'%', b'2', b'e' | b'E', tail @ ..] = rest {
            dots += 1;
            rest = tail;
        }
        match (rest.is_empty(), dots) {
            (true, 1) => Some(Dots::Here),
            (true, 2) => Some(Dots::Up),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_paths() {
        use Refusal::*;
        for (path, expected) in [
            ("/", Ok(("", true))),
            ("/a", Ok(("a", false))),
            ("/a/", Ok(("a", true))),
            ("/a/b.html", Ok(("a/b.html", false))),
            ("/do..ts.txt", Ok(("do..ts.txt", false))),
            ("//", Ok(("", true))),
            ("//a", Ok(("a", false))),
            ("/a//b", Ok(("a/b", false))),
            ("/a//", Ok(("a", true))),
            ("/./a", Ok(("a", false))),
            ("/a/.", Ok(("a", true))),
            ("/a/b/..", Ok(("a", true))),
            ("/a/..", Ok(("", true))),
            ("/a/../b", Ok(("b", false))),
            ("/a//../b", Ok(("b", false))),
            ("/a/%2e%2E/b", Ok(("b", false))),
            ("/a/.%2e/b/%2e", Ok(("b", true))),
            ("/...", Ok(("...", false))),
            ("/some%20thing.txt", Ok(("some thing.txt", false))),
            ("/%E2%98%83", Ok(("\u{2603}", false))),
            ("/%252e%252e/a", Ok(("%2e%2e/a", false))),
            ("/%25", Ok(("%", false))),
            ("/..\\x", Ok(("..\\x", false))),
            ("/%5c", Ok(("\\", false))),
            ("/a%0ab", Ok(("a\nb", false))),
            ("/..", Err(AboveRoot)),
            ("/../a", Err(AboveRoot)),
            ("/a/../../b", Err(AboveRoot)),
            ("/%2e%2e/a", Err(AboveRoot)),
            ("/a%2fb", Err(EncodedSlash)),
            ("/..%2Fa", Err(EncodedSlash)),
            ("/%00", Err(Malformed)),
            ("/a\0", Err(Malformed)),
            ("/%zz", Err(Malformed)),
            ("/%", Err(Malformed)),
            ("/%4", Err(Malformed)),
            ("/%+1", Err(Malformed)),
            ("/some%99thing.txt", Err(Malformed)),
            ("/%c0%ae%c0%ae/a", Err(Malformed)),
            ("", Err(Malformed)),
            ("a", Err(Malformed)),
            ("*", Err(Malformed)),
        ] {
            let parsed = SitePath::parse(path);
            let seen = parsed
                .as_ref()
                .map(|site| (&*site.relative, site.is_directory));
            assert_eq!(
                seen,
                expected
                    .as_ref()
                    .map(|(path, directory)| (*path, *directory)),
                "{path}"
            );
        }
    }

    #[test]
    fn recognizes_hidden_paths() {
        for (path, expected) in [
            ("/a", false),
            ("/a.b", false),
            ("/.env", true),
            ("/%2eenv", true),
            ("/.git/config", true),
            ("/a/.htpasswd.gz", true),
            ("/...", true),
            ("/.git/../a", false),
            ("/.well-known/security.txt", false),
            ("/%2ewell-known/security.txt", false),
            ("/.well-known", false),
            ("/.well-known/.env", true),
            ("/.well-known-not/a", true),
            ("/a/.well-known/b", true),
            ("/a\\.git", true),
            ("/a%5C.git", true),
            ("/a\\b", false),
        ] {
            assert_eq!(
                SitePath::parse(path).map(|site| site.is_hidden),
                Ok(expected),
                "{path}"
            );
        }
    }

    #[test]
    fn removes_dot_segments_and_empty_segments() {
        for (path, expected) in [
            ("/a", "/a"),
            ("//a", "/a"),
            ("//a.example//b/./c", "/a.example/b/c"),
            ("/a/../b%20c", "/b%20c"),
            ("/%2e%2e/%2E/b", "/b"),
            ("/", ""),
        ] {
            assert_eq!(shortest(path), expected, "{path}");
        }
    }
}
