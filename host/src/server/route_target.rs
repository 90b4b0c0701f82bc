//! What a route leads to.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::{Redirect, StaticResponse};
use crate::routing::{Found, Location, PathPattern, Table};
use belljar_http::{Body, InvalidResponse, Request, Response};
use belljar_sandbox::Handler;

/// What answers which request.
pub type Routes = Table<Target>;

/// What answers the requests of a route.
pub enum Target {
    Run(Arc<Run>),
    /// A handler that is not there, as long as nobody mends it.
    Missing(Arc<Missing>),
    Redirect {
        status: u16,
        location: Location,
    },
    Respond(Fixed),
}

/// A handler that runs.
pub struct Run {
    pub handler: Arc<Handler>,
    pub name: Arc<str>,
    /// Why a newer build of it is not what runs.
    pub refused: Option<Arc<str>>,
}

/// A handler that was never fit to run.
pub struct Missing {
    pub name: Arc<str>,
    /// Why, where clients may know it.
    pub reason: Option<Arc<str>>,
}

/// An answer that is always the same.
pub struct Fixed {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

/// What is to be done about a request.
pub(super) enum Way {
    Answered(Response),
    Run(Arc<Run>),
    Missing(Arc<Missing>),
}

impl Target {
    /// # Errors
    ///
    /// Where it leads nowhere, or names what the route has not.
    pub fn redirect(redirect: &Redirect, route: &PathPattern) -> Result<Self, String> {
        Ok(Self::Redirect {
            status: redirect.status,
            location: Location::parse(&redirect.to, route)?,
        })
    }

    /// # Errors
    ///
    /// Where it is no response.
    pub fn respond(response: &StaticResponse) -> Result<Self, InvalidResponse> {
        let fixed = Fixed {
            status: response.status,
            fields: response
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
                .collect(),
            body: response.body.clone().into(),
        };
        fixed.response()?;
        Ok(Self::Respond(fixed))
    }
}

impl Fixed {
    fn response(&self) -> Result<Response, InvalidResponse> {
        let body = match self.body.is_empty() {
            true => Body::Empty,
            false => Body::Bytes(self.body.clone()),
        };
        Response::new(self.status, self.fields.clone(), body)
    }
}

impl Way {
    /// Finds the request's route, of which its handler is told by fields of the host's own.
    pub fn of(request: &mut Request, routes: &Routes) -> Self {
        let head = &request.head;
        let Some(found) = routes.find(head.authority(), head.path()) else {
            return Self::Answered(Response::error(404));
        };
        match found.target {
            Target::Run(run) => {
                let (run, added) = (run.clone(), told(&found));
                request.added = added;
                Self::Run(run)
            }
            Target::Missing(missing) => Self::Missing(missing.clone()),
            Target::Redirect { status, location } => {
                let to = location.of(|name| found.parameter(name), head.query());
                let fields = vec![("Location".to_owned(), to.into_bytes())];
                Self::answered(Response::new(*status, fields, Body::Empty))
            }
            Target::Respond(fixed) => Self::answered(fixed.response()),
        }
    }

    fn answered(response: Result<Response, InvalidResponse>) -> Self {
        Self::Answered(response.unwrap_or_else(|_| Response::error(500)))
    }
}

/// The route and its parameters, as fields for the handler. A route for every path has nothing to tell.
fn told(found: &Found<'_, '_, Target>) -> Vec<(String, String)> {
    let route = found.path();
    if route.is_everything() {
        return Vec::new();
    }
    let parameters = found
        .parameters()
        .map(|(name, value)| (format!("belljar-param-{name}"), value.to_owned()));
    std::iter::once(("belljar-route".to_owned(), route.to_string()))
        .chain(parameters)
        .collect()
}
