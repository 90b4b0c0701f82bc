//! The parameters of a request's query.

use crate::Request;

/// `name=value` pairs. Values are not percent-decoded.
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn of(request: &Request) -> Query {
        let query = request.query.as_deref().unwrap_or_default();
        let pairs = query.split('&').map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        });
        Query(pairs.collect())
    }

    /// The value of a parameter; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The value of a parameter as a number, or `default`.
    pub fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name).parse().unwrap_or(default)
    }
}
