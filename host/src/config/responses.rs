//! Reads redirects and fixed responses, which need no handler.

use super::document::At;
use super::file::{RedirectTable, ResponseTable, Short};
use super::model::{Redirect, StaticResponse};
use super::reader::Reader;
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
        // A location can only be checked against a path that is valid itself.
        if let Some(Err(reason)) = path.map(|path| Location::parse(to, path)) {
            self.report(at, format!("{to:?}: {reason}"));
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
        let has_type = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !has_type && !body.is_empty() {
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
            self.report(at, format!("the response cannot be sent: {error}"));
        }
        Some(StaticResponse {
            status,
            headers,
            body: body.into_bytes(),
        })
    }
}

/// A permanent redirect that keeps the method (RFC 9110, section 15.4.9).
const PERMANENT: u16 = 308;
