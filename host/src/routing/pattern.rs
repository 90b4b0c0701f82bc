//! Hosts and paths as a configuration names them.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use super::escape::{encoded, escaped, is_segment_byte, normalized};

/// `example.com`, or `*.example.com` for all names below it. In lower case, without a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern(String);

/// A path such as `/about`, `/users/:id`, `/files/*rest`, `/api/*`: segments between slashes, each a text, a
/// `:parameter` for one segment, or as the last one `*` or `*name` for all that follows, if anything does.
///
/// Dot segments of a request are segments like any other: its path is compared, and given to handlers, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// What a path has between two slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text, percent-encoded as far as it must be; the empty one only at a path's end.
    Literal(String),
    /// Any one segment that is not empty, by this name.
    Parameter(String),
    /// All that follows, if anything does, by this name; without one it is called `rest`.
    Rest(Option<String>),
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let address = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if let Some(address) = address
            && address.parse::<Ipv6Addr>().is_ok()
            && name == host
        {
            return Ok(Self(host));
        }
        if name.is_empty() || name.len() > MAX_HOST {
            return Err(format!(
                "a host has 1 to {MAX_HOST} characters, such as example.com"
            ));
        }
        if name.contains('*') {
            return Err("`*.` may only begin a host, and stands for all names below it".into());
        }
        if name.contains(':') {
            return Err("a host is written without a port: it is the same at all of them".into());
        }
        if !name.is_ascii() {
            return Err(
                "a host is ASCII; write an international name as it is sent, such as \
                 xn--bcher-kva.example"
                    .into(),
            );
        }
        let sound = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        match name.split('.').all(sound) {
            true => Ok(Self(host)),
            false => Err("a host is labels of letters, digits and hyphens between dots".into()),
        }
    }
}

impl HostPattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PathPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_prefix('/').ok_or("a path begins with `/`")?;
        let segments = path.split('/').map(Segment::parse);
        Self::new(segments.collect::<Result<_, _>>()?)
    }
}

impl PathPattern {
    /// # Errors
    ///
    /// Where no path can have these segments, or a name is there twice.
    pub fn new(segments: Vec<Segment>) -> Result<Self, String> {
        let mut text = String::new();
        let mut names: Vec<&str> = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            let is_last = index + 1 == segments.len();
            text.push('/');
            match segment {
                Segment::Literal(literal) if literal.is_empty() && !is_last => {
                    return Err("a path has no empty segment but at its end".into());
                }
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Parameter(name) => {
                    text.push(':');
                    text.push_str(name);
                    names.push(name);
                }
                Segment::Rest(_) if !is_last => {
                    return Err("`*` is all that follows, and comes last".into());
                }
                Segment::Rest(name) => {
                    text.push('*');
                    text.push_str(name.as_deref().unwrap_or_default());
                    names.push(name.as_deref().unwrap_or(REST));
                }
            }
        }
        if segments.is_empty() || text.len() > MAX_PATH {
            return Err(format!("a path has 1 to {MAX_PATH} bytes"));
        }
        if names.len() > MAX_PARAMETERS {
            return Err(format!("a path has at most {MAX_PARAMETERS} parameters"));
        }
        for (index, name) in names.iter().enumerate() {
            if names.iter().take(index).any(|earlier| earlier == name) {
                return Err(format!("the parameter `{name}` is there twice"));
            }
        }
        Ok(Self { text, segments })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The names of its parameters, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Rest(name) => Some(name.as_deref().unwrap_or(REST)),
        })
    }

    /// Whether both stand for the same paths, whatever their parameters are called. Of other patterns that a path
    /// fits the more specific one has it.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let same = |(one, other): (&Segment, &Segment)| match (one, other) {
            (Segment::Literal(one), Segment::Literal(other)) => one == other,
            (Segment::Parameter(_), Segment::Parameter(_)) => true,
            (Segment::Rest(_), Segment::Rest(_)) => true,
            _ => false,
        };
        self.segments.len() == other.segments.len()
            && self.segments.iter().zip(&other.segments).all(same)
    }

    /// Whether it is `/*`: every path, with nothing to tell about it.
    pub fn is_everything(&self) -> bool {
        self.text == "/*"
    }
}

impl Segment {
    /// A segment of exactly this text, whatever is in it.
    pub fn literal(text: &str) -> Self {
        Self::Literal(encoded(text, is_segment_byte))
    }

    /// # Errors
    ///
    /// Where the name is none that a request field could have at its end.
    pub fn parameter(name: &str) -> Result<Self, String> {
        Ok(Self::Parameter(named(name)?))
    }

    fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix(':') {
            return Self::parameter(name);
        }
        match text.strip_prefix('*') {
            Some("") => return Ok(Self::Rest(None)),
            Some(name) => return Ok(Self::Rest(Some(named(name)?))),
            None => {}
        }
        if let Some(wrong) = text.chars().find(|c| "?#*".contains(*c)) {
            return Err(match wrong {
                '*' => "`*` stands alone in its segment or before a name".into(),
                _ => format!("a path has no `{wrong}`: routes are chosen by the path alone"),
            });
        }
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('%') {
            let (_, after) = escaped(after)
                .ok_or("`%` begins an escape of two hexadecimal digits; write `%25` for itself")?;
            rest = after;
        }
        let literal = encoded(text, |byte| byte == b'%' || is_segment_byte(byte));
        let literal = normalized(&literal).into_owned();
        match literal.as_str() {
            "." | ".." => Err("a path has no dot segments".into()),
            _ => Ok(Self::Literal(literal)),
        }
    }
}

fn named(name: &str) -> Result<String, String> {
    let follows = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match name.as_bytes() {
        [first, rest @ ..] if first.is_ascii_lowercase() && rest.iter().copied().all(follows) => {
            Ok(name.into())
        }
        _ => Err(format!(
            "the parameter `{name}` is named by lower-case letters, digits and hyphens, the first a letter"
        )),
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How the rest of a path is called where it has no name.
const REST: &str = "rest";

/// Bytes of a name in the DNS (RFC 1035, section 2.3.4, without the last dot).
const MAX_HOST: usize = 253;

/// Bytes of a path's pattern.
const MAX_PATH: usize = 255;

/// Parameters of a pattern: each is a field of the request.
pub(super) const MAX_PARAMETERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (text, shown, names) in [
            ("/", "/", &[][..]),
            ("/about", "/about", &[]),
            ("/about/", "/about/", &[]),
            ("/users/:id", "/users/:id", &["id"]),
            ("/a/:b/c/:d-2", "/a/:b/c/:d-2", &["b", "d-2"]),
            ("/*", "/*", &["rest"]),
            ("/x/*rest", "/x/*rest", &["rest"]),
            ("/x/*path", "/x/*path", &["path"]),
            ("/%75sers", "/users", &[]),
            ("/a%2fb", "/a%2Fb", &[]),
            ("/\u{fc}ber uns", "/%C3%BCber%20uns", &[]),
            ("/v1:batch", "/v1:batch", &[]),
        ] {
            let pattern: PathPattern = text.parse().unwrap();
            assert_eq!(pattern.as_str(), shown, "{text}");
            assert_eq!(pattern.parameters().collect::<Vec<_>>(), names, "{text}");
        }
        let long = format!("/{}", "a".repeat(255));
        let many: String = (0..17).map(|n| format!("/:p{n}")).collect();
        for (text, why) in [
            ("", "begins with `/`"),
            ("about", "begins with `/`"),
            ("//", "no empty segment"),
            ("/a//b", "no empty segment"),
            ("/a/*/b", "comes last"),
            ("/a*", "stands alone"),
            ("/a?b", "no `?`"),
            ("/a#b", "no `#`"),
            ("/:", "named by"),
            ("/:Id", "named by"),
            ("/:1a", "named by"),
            ("/:a_b", "named by"),
            ("/:a/:a", "twice"),
            ("/:a/*a", "twice"),
            ("/a/../b", "dot segments"),
            ("/%2e", "dot segments"),
            ("/100%", "two hexadecimal digits"),
            (&long, "1 to 255 bytes"),
            (&many, "at most 16"),
        ] {
            let error = text.parse::<PathPattern>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn patterns_of_the_same_paths() {
        for (one, other, expected) in [
            ("/a/:b", "/a/:c", true),
            ("/a/*", "/a/*all", true),
            ("/a", "/a/", false),
            ("/a/*", "/a", false),
            ("/a/:b", "/a/*", false),
            ("/%61", "/a", true),
        ] {
            let parsed = |text: &str| text.parse::<PathPattern>().unwrap();
            assert_eq!(
                parsed(one).is_same_as(&parsed(other)),
                expected,
                "{one} {other}"
            );
        }
    }

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com.", "example.com"),
            ("*.Example.com", "*.example.com"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("my_host", "my_host"),
        ] {
            assert_eq!(
                text.parse::<HostPattern>().unwrap().as_str(),
                expected,
                "{text}"
            );
        }
        for (text, why) in [
            ("", "1 to 253"),
            ("*", "`*.`"),
            ("*.", "`*.`"),
            ("a.*.b", "`*.`"),
            ("example.com:80", "without a port"),
            ("::1", "without a port"),
            ("b\u{fc}cher.example", "xn--"),
            ("a..b", "labels"),
            ("a b", "labels"),
            ("http://a", "without a port"),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
