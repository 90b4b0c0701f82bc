//! Refuses forms that pages of other sites send through their visitors' browsers (cross-site request forgery).

use belljar_guest::{Error, Request};

/// A browser names the source of a form in Sec-Fetch-Site (<https://www.w3.org/TR/fetch-metadata/>), an older browser in
/// Origin (RFC 6454, section 7). A client that sends neither is not a browser, and no other site can misuse it.
pub fn check(request: &Request) -> Result<(), Error> {
    let is_own = match (request.header("sec-fetch-site"), request.header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            // The scheme is ignored: it differs behind a proxy that terminates TLS.
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == request.authority.as_deref()
        }
        (None, None) => true,
    };
    if is_own {
        return Ok(());
    }
    Err(Error::new(
        403,
        "this form was sent by a page of another site",
    ))
}
