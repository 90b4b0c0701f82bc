//! Redirects and responses as a file has them: what is answered without a handler.

use super::document::At;
use super::file::{RedirectTable, ResponseTable, Short};
use super::reader::Reader;
use super::{Redirect, StaticResponse};
use crate::http::{Body, Response};
use crate::routing::PathPattern;

impl Reader<'_> {
    pub fn redirect(
        &mut self,
        redirect: &Short<RedirectTable>,
        path: Option<&PathPattern>,
        at: At<'_>,
    ) -> Option<Redirect> {
        let (to, status, at) = match redirect {
            Short::Text(to) => (Some(to), None, at),
            Short::Table(table) => (table.to.as_ref(), table.status, at.key("to")),
        };
        let to = to?;
        if let Err(wrong) = check_target(to, path) {
            self.tell(at, wrong);
        }
        Some(Redirect {
            status: status.unwrap_or(PERMANENT),
            to: to.clone(),
        })
    }

    pub fn response(&mut self, table: &ResponseTable, at: At<'_>) -> Option<StaticResponse> {
        let status = table.status.unwrap_or(200);
        let body = table.body.clone().unwrap_or_default();
        let mut headers: Vec<_> = table
            .headers
            .iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.0.clone()))
            .collect();
        let typed = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !typed && !body.is_empty() {
            headers.push(("Content-Type".into(), "text/plain; charset=utf-8".into()));
        }
        let fields = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()));
        let content = match body.is_empty() {
            true => Body::Empty,
            false => Body::Bytes(body.clone().into()),
        };
        if let Err(error) = Response::new(status, fields.collect(), content) {
            self.tell(at, format!("the response cannot be sent: {error}"));
        }
        Some(StaticResponse {
            status,
            headers,
            body: body.into_bytes(),
        })
    }
}

/// What is wrong with where a redirect leads.
fn check_target(to: &str, path: Option<&PathPattern>) -> Result<(), String> {
    let authority_and_path = match to.split_once("://") {
        Some(("http" | "https", rest)) if !rest.is_empty() && !rest.starts_with('/') => rest,
        None if to.starts_with('/') && !to.starts_with("//") => "",
        _ => {
            return Err(format!(
                "{to:?} is no place to redirect to; write a path such as /new/{{rest}}, or a URL with http:// or https://"
            ));
        }
    };
    let authority = authority_and_path.split(['/', '?']).next();
    if authority.is_some_and(|authority| authority.contains('{')) {
        return Err(format!(
            "{to:?}: a parameter may stand in the path, not in the host, which the client would choose"
        ));
    }
    if !to.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "{to:?} has bytes that must be percent-encoded, such as %20 for a space"
        ));
    }
    let known: Vec<_> = path.map_or(Vec::new(), |path| parameters(path.as_str()).collect());
    let mut rest = to;
    while let Some(start) = rest.find(['{', '}']) {
        let (_, from) = rest.split_at(start);
        let inner = from.strip_prefix('{').and_then(|from| from.split_once('}'));
        let Some((name, after)) = inner else {
            return Err(format!(
                "{to:?} has a brace without its other; a parameter is written {{name}}"
            ));
        };
        if path.is_some() && !known.contains(&name) {
            let advice = match known.is_empty() {
                true => "it has none; write it as :name or *name there".into(),
                false => format!("it has {}", known.join(", ")),
            };
            return Err(format!("the path has no parameter {name:?}: {advice}"));
        }
        rest = after;
    }
    Ok(())
}

/// The names of a pattern's parameters.
fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|segment| segment.strip_prefix([':', '*']))
        .filter(|name| !name.is_empty())
}

/// Permanent, and keeps the method (RFC 9110, section 15.4.9).
const PERMANENT: u16 = 308;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        for (path, to, sound) in [
            ("/old", "/new", true),
            ("/old/*rest", "/new/{rest}", true),
            ("/old/*rest", "/{rest}", true),
            ("/:a/:b", "/{b}/{a}?x={a}", true),
            ("/old", "https://example.com", true),
            ("/:a", "https://example.com/{a}", true),
            ("/:a", "https://{a}/", false),
            ("/:a", "https://{a}", false),
            ("/:a", "https://x?{a}", true),
            ("/old", "//example.com", false),
            ("/old", "new", false),
            ("/old", "", false),
            ("/old", "ftp://example.com", false),
            ("/old", "https:///x", false),
            ("/old", "/{rest}", false),
            ("/old/*", "/{rest}", false),
            ("/old/*rest", "/{rest", false),
            ("/old/*rest", "/rest}", false),
            ("/old", "/a b", false),
            ("/old", "/a\r\nX: y", false),
            ("/old", "/ä", false),
        ] {
            let path: PathPattern = path.parse().unwrap();
            let outcome = check_target(to, Some(&path));
            assert_eq!(outcome.is_ok(), sound, "{path} to {to}: {outcome:?}");
        }
    }
}
