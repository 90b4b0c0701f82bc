//! A whole connection: the requests do not depend on how their bytes are split, hyper does not understand them
//! differently, and each gets its response.

use crate::readers::{Outcome, Reading, compare, with_belljar, with_hyper};
use crate::split;

pub fn run(data: &[u8]) {
    let whole = with_belljar(split::whole(data), Reading::Bodies);
    let split = with_belljar(split::pieces(data), Reading::Bodies);
    assert_eq!(split, whole, "the split matters: {}", data.escape_ascii());
    compare(data, &whole, with_hyper(split::whole(data)));
    ignored_bodies_hide_no_requests(data, &whole);
}

/// A handler that does not read bodies sees the same requests. There may be fewer, because the connection discards long
/// bodies only up to a bound.
fn ignored_bodies_hide_no_requests(data: &[u8], whole: &Outcome) {
    let discarded = with_belljar(split::pieces(data), Reading::Heads);
    for (heads, all) in discarded.requests.iter().zip(&whole.requests) {
        let same =
            heads.method == all.method && heads.target == all.target && heads.fields == all.fields;
        assert!(
            same,
            "an ignored body changes the next request: {}\nread: {all:?}\nignored: {heads:?}",
            data.escape_ascii()
        );
    }
}
