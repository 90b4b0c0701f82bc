//! Field lines (RFC 9110, section 5).

use std::vec;

/// Field lines in their order. Names are compared without regard to case, and a name may occur several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// None at all.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// The value of the first line of that name; None where there is none, or where it is not UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get_all(name).next()?).ok()
    }

    /// The values of all lines of that name, which may hold bytes of 0x80 and more.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// One line with that name in place of all there were.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let name = name.into();
        self.remove(&name);
        self.append(name, value);
    }

    /// One line more.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Takes all lines of that name away.
    pub fn remove(&mut self, name: &str) {
        self.0
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

impl From<Vec<(String, Vec<u8>)>> for Headers {
    fn from(lines: Vec<(String, Vec<u8>)>) -> Headers {
        Headers(lines)
    }
}

impl From<Headers> for Vec<(String, Vec<u8>)> {
    fn from(headers: Headers) -> Self {
        headers.0
    }
}

impl IntoIterator for Headers {
    type Item = (String, Vec<u8>);
    type IntoIter = vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::Headers;

    #[test]
    fn names_are_compared_without_regard_to_case() {
        let mut headers = Headers::new();
        headers.append("Accept", "text/html");
        headers.append("accept", "*/*");
        headers.append("X-Bytes", [0xff]);
        assert_eq!(headers.get("ACCEPT"), Some("text/html"));
        assert_eq!(headers.get_all("accept").count(), 2);
        assert_eq!(headers.get("x-bytes"), None);
        assert_eq!(headers.get_all("x-bytes").next(), Some(&[0xff][..]));

        headers.set("ACCEPT", "text/plain");
        let lines: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(lines, ["X-Bytes", "ACCEPT"]);
        headers.remove("x-BYTES");
        assert_eq!(headers.get_all("x-bytes").count(), 0);
    }
}
