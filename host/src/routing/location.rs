//! The target of a redirect.

use super::escape::{encoded, is_segment_byte};
use super::path_pattern::PathPattern;

/// A path or URL in which `{name}` stands for the value of the route's parameter `name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Pieces of text, each with the name of the parameter that follows it.
    parts: Vec<(String, Option<String>)>,
    /// Whether the location is a path. A parameter must not turn its beginning into a host.
    is_path: bool,
}

impl Location {
    /// # Errors
    ///
    /// If `to` is not a location, or uses a parameter that the route does not have.
    pub fn parse(to: &str, route: &PathPattern) -> Result<Self, String> {
        if let Some(wrong) = to.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(format!(
                "a location must be visible ASCII: percent-encode {wrong:?}"
            ));
        }
        let is_path = to.starts_with('/') && !to.starts_with("//");
        let authority = ["http://", "https://"]
            .iter()
            .find_map(|scheme| to.strip_prefix(scheme))
            .map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        match authority {
            None if is_path => {}
            Some("") | None => {
                return Err(
                    "a location is a path that begins with one `/`, or an http(s) URL".into(),
                );
            }
            Some(authority) if authority.contains('{') => {
                return Err(
                    "the host of a location cannot contain a parameter: clients could then choose the host"
                        .into(),
                );
            }
            Some(_) => {}
        }
        let mut parts = Vec::new();
        let mut rest = to;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("a `{` has no matching `}`")?;
            if !route.parameters().any(|known| known == name) {
                return Err(format!("the path {route} has no parameter `{name}`"));
            }
            parts.push((text.to_owned(), Some(name.to_owned())));
            rest = after;
        }
        parts.push((rest.to_owned(), None));
        Ok(Self { parts, is_path })
    }

    /// The location for a request. `parameter` returns values percent-encoded, as sent. The query is kept.
    pub fn of<'p>(
        &self,
        parameter: impl Fn(&str) -> Option<&'p str>,
        query: Option<&str>,
    ) -> String {
        let mut location = String::new();
        for (text, name) in &self.parts {
            location.push_str(text);
            let value = name.as_deref().and_then(&parameter).unwrap_or_default();
            location.push_str(&encoded(value, |byte| {
                is_segment_byte(byte) || b"%/".contains(&byte)
            }));
        }
        if self.is_path {
            // Two slashes would start a host.
            let beyond = location.trim_start_matches('/').len();
            location.replace_range(..location.len() - beyond, "/");
        }
        if let Some(query) = query {
            let fragment = location.find('#').map(|at| location.split_off(at));
            location.push(if location.contains('?') { '&' } else { '?' });
            location.push_str(query);
            location.extend(fragment);
        }
        location
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_parameters_and_query() {
        for (to, rest, query, expected) in [
            ("/new", "a", None, "/new"),
            ("/new", "a", Some("b=c"), "/new?b=c"),
            ("/new/{rest}", "a/b", None, "/new/a/b"),
            ("/new/{rest}?x=1#y", "a", Some("b"), "/new/a?x=1&b#y"),
            (
                "https://example.com/{rest}",
                "a%20b",
                Some(""),
                "https://example.com/a%20b?",
            ),
            ("/{rest}", "/example.org", None, "/example.org"),
            ("/{rest}", "///example.org", None, "/example.org"),
            ("/{rest}", "\\example.org", None, "/%5Cexample.org"),
            ("/{rest}", "", None, "/"),
            ("/a{rest}", "\"<>", None, "/a%22%3C%3E"),
        ] {
            let route = "/old/*".parse().unwrap();
            let location = Location::parse(to, &route).unwrap();
            assert_eq!(location.of(|_| Some(rest), query), expected, "{to} {rest}");
        }
    }

    #[test]
    fn rejects_malformed_locations() {
        for (to, why) in [
            ("", "begins with one `/`"),
            ("new", "begins with one `/`"),
            ("{rest}", "begins with one `/`"),
            ("//example.org", "begins with one `/`"),
            ("ftp://example.org/", "begins with one `/`"),
            ("https://", "begins with one `/`"),
            ("https://{rest}.example.org/", "cannot contain a parameter"),
            ("/a b", "visible ASCII"),
            ("/a\r\nSet-Cookie: b", "visible ASCII"),
            ("/{id}", "no parameter `id`"),
            ("/{rest", "no matching"),
        ] {
            let error = Location::parse(to, &"/old/*".parse().unwrap()).unwrap_err();
            assert!(error.contains(why), "{to}: {error}");
        }
    }
}
