//! Finds the route of a request and decides what answers it.

use std::sync::Arc;

use belljar_http::{Body, InvalidResponse, Request, Response};

use super::route_fields::{mount_fields, route_fields};
use super::route_target::{ActiveHandler, MissingHandler, RouteTarget, Routes};
use crate::config::Mounting;

/// What answers a request.
pub(super) enum Dispatch {
    /// The server itself: no handler takes part.
    Answered(Response),
    Handler(Arc<ActiveHandler>),
    Missing(Arc<MissingHandler>),
}

impl Dispatch {
    /// Finds the request's route. If a handler answers, adds the route's fields to the request, and removes the handler's
    /// mount from the path.
    pub fn of(request: &mut Request, routes: &Routes) -> Self {
        let head = &request.head;
        let Some(found) = routes.find(head.authority(), head.path()) else {
            return Self::Answered(Response::error(404));
        };
        match found.target {
            RouteTarget::Handler(active) => {
                let (active, mut added) = (active.clone(), route_fields(&found));
                if let (Mounting::AtRoute, path) = (active.mounting, head.path())
                    && let length @ 1.. = found.mount_length(path)
                {
                    added.extend(path.get(..length).into_iter().flat_map(mount_fields));
                    request.head.remove_mount(length);
                }
                request.added = added;
                Self::Handler(active)
            }
            RouteTarget::Missing(missing) => Self::Missing(missing.clone()),
            RouteTarget::Redirect { status, location } => {
                let to = location.of(|name| found.parameter(name), head.query());
                let fields = vec![("Location".to_owned(), to.into_bytes())];
                Self::answered(Response::new(*status, fields, Body::Empty))
            }
            RouteTarget::Respond(fixed) => Self::answered(fixed.response()),
        }
    }

    fn answered(response: Result<Response, InvalidResponse>) -> Self {
        Self::Answered(response.unwrap_or_else(|_| Response::error(500)))
    }
}
