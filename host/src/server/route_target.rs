//! What a route leads to: a handler, a redirect or a fixed response.

use std::sync::Arc;

use belljar_http::{Body, InvalidResponse, Response};
use belljar_sandbox::Handler;
use bytes::Bytes;

use crate::config::{Mounting, Redirect, StaticResponse};
use crate::routing::{Location, PathPattern, Table};

/// The routes of all sites.
pub type Routes = Table<RouteTarget>;

/// What answers the requests of a route.
pub enum RouteTarget {
    /// A handler.
    Handler(Arc<ActiveHandler>),
    /// A handler whose component was refused. It becomes active once a good component is deployed.
    Missing(Arc<MissingHandler>),
    /// A redirect with this status, to a location that may contain parameters of the route.
    Redirect { status: u16, location: Location },
    /// A response without a handler.
    Respond(FixedResponse),
}

/// A handler that answers requests.
pub struct ActiveHandler {
    pub handler: Arc<Handler>,
    pub name: Arc<str>,
    /// Which path the handler sees.
    pub mounting: Mounting,
    /// Why a newer build was refused, if one was. The older build keeps serving.
    pub refused: Option<Arc<str>>,
}

/// A handler of which no build was ever accepted.
pub struct MissingHandler {
    pub name: Arc<str>,
    /// Why the build was refused. None unless clients may see the reason.
    pub reason: Option<Arc<str>>,
}

/// A response that is the same for every request.
pub struct FixedResponse {
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

impl RouteTarget {
    /// # Errors
    ///
    /// If the target of the redirect is not a location, or uses a parameter that the route does not have.
    pub fn redirect(redirect: &Redirect, route: &PathPattern) -> Result<Self, String> {
        Ok(Self::Redirect {
            status: redirect.status,
            location: Location::parse(&redirect.to, route)?,
        })
    }

    /// # Errors
    ///
    /// If the response cannot be sent, for example because of its status.
    pub fn respond(response: &StaticResponse) -> Result<Self, InvalidResponse> {
        let fixed = FixedResponse {
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

impl FixedResponse {
    pub(super) fn response(&self) -> Result<Response, InvalidResponse> {
        let body = match self.body.is_empty() {
            true => Body::Empty,
            false => Body::Bytes(self.body.clone()),
        };
        Response::new(self.status, self.fields.clone(), body)
    }
}
