//! Forms of other sites are refused: a page elsewhere must not write in this book by its visitors' browsers.

use belljar_guest::{Error, Request};

/// A browser says where a form comes from: by Sec-Fetch-Site (<https://www.w3.org/TR/fetch-metadata/>), an older one by
/// Origin (RFC 6454, section 7). What says neither is no browser, and acts for nobody but itself.
pub fn check(request: &Request) -> Result<(), Error> {
    let is_own = match (request.header("sec-fetch-site"), request.header("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            // The scheme is left out: behind a proxy that ends TLS the two differ.
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
