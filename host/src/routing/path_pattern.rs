//! Patterns for paths, as written in a configuration.

use std::fmt;
use std::str::FromStr;

use super::escape::{encoded, escaped, is_segment_byte, normalized};

/// A path such as `/about`, `/users/:id`, `/files/*rest` or `/api/*`.
///
/// Each segment is literal text or a `:parameter` for one segment. The last one may be `*` or `*name`, which matches
/// the rest of the path, even if empty. Dot segments of a request have no special meaning: its path is matched, and
/// passed to handlers, as sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    text: String,
    segments: Vec<Segment>,
}

/// One segment of a pattern, between two slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text, percent-encoded where needed. It is empty only at the end of a path.
    Literal(String),
    /// Any non-empty segment. Its value gets this name.
    Parameter(String),
    /// The rest of the path, even if empty. Its value gets this name, or `rest` without one.
    Rest(Option<String>),
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
    /// If no path can have these segments, or two parameters have the same name.
    pub fn new(segments: Vec<Segment>) -> Result<Self, String> {
        let mut text = String::new();
        let mut names: Vec<&str> = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            let is_last = index + 1 == segments.len();
            text.push('/');
            match segment {
                Segment::Literal(literal) if literal.is_empty() && !is_last => {
                    return Err("only the last segment of a path may be empty".into());
                }
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Parameter(name) => {
                    text.push(':');
                    text.push_str(name);
                    names.push(name);
                }
                Segment::Rest(_) if !is_last => {
                    return Err(
                        "`*` matches the rest of the path, so it must be the last segment".into(),
                    );
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
                return Err(format!("two parameters have the name `{name}`"));
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

    /// The names of the parameters, in the order of the path.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Rest(name) => Some(name.as_deref().unwrap_or(REST)),
        })
    }

    /// Whether both match the same paths, whatever the names of their parameters. Where other patterns overlap, the
    /// more specific one wins.
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

    /// The number of segments before the rest of the path, or before the slash at its end: those of a handler's mount.
    pub fn depth(&self) -> usize {
        let is_end = |segment: &Segment| match segment {
            Segment::Literal(text) => text.is_empty(),
            Segment::Parameter(_) => false,
            Segment::Rest(_) => true,
        };
        self.segments.len() - usize::from(self.segments.last().is_some_and(is_end))
    }

    /// Whether the pattern matches all paths below a path: it ends in `*` or `*name`.
    pub fn has_rest(&self) -> bool {
        matches!(self.segments.last(), Some(Segment::Rest(_)))
    }

    /// The pattern for the path that all paths of this one lie below: `/docs` for `/docs/*`. None for `/*`, and for a
    /// pattern without a rest.
    pub fn above(&self) -> Option<Self> {
        let (Segment::Rest(_), above @ [_, ..]) = self.segments.split_last()? else {
            return None;
        };
        Self::new(above.to_vec()).ok()
    }

    /// Whether the pattern is `/*`, which matches every path.
    pub fn is_everything(&self) -> bool {
        self.text == "/*"
    }
}

impl Segment {
    /// A literal segment. `text` may contain any character.
    pub fn literal(text: &str) -> Self {
        Self::Literal(encoded(text, is_segment_byte))
    }

    /// # Errors
    ///
    /// If the name cannot be part of a request field's name.
    pub fn parameter(name: &str) -> Result<Self, String> {
        Ok(Self::Parameter(parameter_name(name)?))
    }

    fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix(':') {
            return Self::parameter(name);
        }
        match text.strip_prefix('*') {
            Some("") => return Ok(Self::Rest(None)),
            Some(name) => return Ok(Self::Rest(Some(parameter_name(name)?))),
            None => {}
        }
        if let Some(wrong) = text.chars().find(|c| "?#*".contains(*c)) {
            return Err(match wrong {
                '*' => "`*` must stand alone in its segment or before a name".into(),
                _ => format!("a path cannot contain `{wrong}`: only the path selects a route"),
            });
        }
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('%') {
            let (_, after) = escaped(after).ok_or(
                "`%` must be followed by two hexadecimal digits; write `%25` for a percent sign",
            )?;
            rest = after;
        }
        let literal = encoded(text, |byte| byte == b'%' || is_segment_byte(byte));
        let literal = normalized(&literal).into_owned();
        match literal.as_str() {
            "." | ".." => Err("a path cannot contain the segments `.` and `..`".into()),
            _ => Ok(Self::Literal(literal)),
        }
    }
}

fn parameter_name(name: &str) -> Result<String, String> {
    let follows = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match name.as_bytes() {
        [first, rest @ ..] if first.is_ascii_lowercase() && rest.iter().copied().all(follows) => {
            Ok(name.into())
        }
        _ => Err(format!(
            "the parameter name `{name}` is invalid: use lower-case letters, digits and hyphens, with a letter first"
        )),
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The name of the rest of a path if the pattern gives none.
const REST: &str = "rest";

/// The maximum length of a path pattern in bytes.
const MAX_PATH: usize = 255;

/// The maximum number of parameters of a pattern. Each becomes a field of the request.
pub(super) const MAX_PARAMETERS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_paths() {
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
            ("//", "only the last segment"),
            ("/a//b", "only the last segment"),
            ("/a/*/b", "must be the last segment"),
            ("/a*", "must stand alone"),
            ("/a?b", "cannot contain `?`"),
            ("/a#b", "cannot contain `#`"),
            ("/:", "parameter name"),
            ("/:Id", "parameter name"),
            ("/:1a", "parameter name"),
            ("/:a_b", "parameter name"),
            ("/:a/:a", "two parameters"),
            ("/:a/*a", "two parameters"),
            ("/a/../b", "the segments `.` and `..`"),
            ("/%2e", "the segments `.` and `..`"),
            ("/100%", "two hexadecimal digits"),
            (&long, "1 to 255 bytes"),
            (&many, "at most 16"),
        ] {
            let error = text.parse::<PathPattern>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn knows_what_lies_above_the_rest() {
        for (text, depth, above) in [
            ("/", 0, None),
            ("/*", 0, None),
            ("/a", 1, None),
            ("/a/", 1, None),
            ("/a/*", 1, Some("/a")),
            ("/a/:b/*rest", 2, Some("/a/:b")),
            ("/a/:b", 2, None),
        ] {
            let pattern: PathPattern = text.parse().unwrap();
            assert_eq!(pattern.depth(), depth, "{text}");
            let found = pattern.above();
            assert_eq!(found.as_ref().map(PathPattern::as_str), above, "{text}");
        }
    }

    #[test]
    fn compares_patterns_by_the_paths_they_match() {
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
}
