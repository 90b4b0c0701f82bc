//! Redirects and responses as a file has them: what is answered without a handler.

use super::document::At;
use super::file::{RedirectTable, ResponseTable, Short};
use super::reader::Reader;
use super::{Redirect, StaticResponse};
use crate::routing::{Location, PathPattern};
use belljar_http::{Body, Response};

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
        // Of a path that is wrong itself no more can be said.
        if let Some(Err(wrong)) = path.map(|path| Location::parse(to, path)) {
            self.tell(at, format!("{to:?}: {wrong}"));
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

/// Permanent, and keeps the method (RFC 9110, section 15.4.9).
const PERMANENT: u16 = 308;
