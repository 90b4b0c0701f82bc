//! Header fields (RFC 9110, section 5).

use alloc::string::String;
use alloc::vec::{self, Vec};

/// Header fields in their order. Names are compared case-insensitively, and a name may occur several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// No fields.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// The value of the first field with this name; None if there is no such field, or if the value is not UTF-8.
    pub fn get(&self, name: &str) -> Option<&str> {
        core::str::from_utf8(self.get_all(name).next()?).ok()
    }

    /// The values of all fields with this name. They may contain bytes of 0x80 and above.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Replaces all fields with this name by one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        let name = name.into();
        self.remove(&name);
        self.append(name, value);
    }

    /// Adds a field.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    /// Removes all fields with this name.
    pub fn remove(&mut self, name: &str) {
        self.0
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

impl From<Vec<(String, Vec<u8>)>> for Headers {
    fn from(fields: Vec<(String, Vec<u8>)>) -> Headers {
        Headers(fields)
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
    fn compares_names_case_insensitively() {
        let mut headers = Headers::new();
        headers.append("Accept", "text/html");
        headers.append("accept", "*/*");
        headers.append("X-Bytes", [0xff]);
        assert_eq!(headers.get("ACCEPT"), Some("text/html"));
        assert_eq!(headers.get_all("accept").count(), 2);
        assert_eq!(headers.get("x-bytes"), None);
        assert_eq!(headers.get_all("x-bytes").next(), Some(&[0xff][..]));

        headers.set("ACCEPT", "text/plain");
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["X-Bytes", "ACCEPT"]);
        headers.remove("x-BYTES");
        assert_eq!(headers.get_all("x-bytes").count(), 0);
    }
}
