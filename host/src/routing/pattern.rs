//! Hosts and paths as a configuration names them.

use std::fmt;
use std::str::FromStr;

/// `example.com`, or `*.example.com` for all names below it. In lower case, without a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPattern(String);

/// A path such as `/about`, `/users/:id`, `/files/*rest`, `/api/*`: segments between slashes, each a text, a
/// `:parameter` for one segment, or as the last one `*` or `*name` for all that follows, if anything does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PathPattern(String);

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl FromStr for PathPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.starts_with('/') {
            true => Ok(Self(text.into())),
            false => Err("a path begins with `/`".into()),
        }
    }
}

impl HostPattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PathPattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
