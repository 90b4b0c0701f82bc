//! Middleware for the tests of chains.

use std::fs;

use super::component;

/// The test middleware of wasi:http 0.2 or 0.3 (`test_middleware` or `test_middleware_async`) with a name of at most eight
/// letters, which it knows.
pub fn middleware(component_name: &str, name: &str) -> Vec<u8> {
    let mut bytes = fs::read(component(component_name)).expect("the component can be read");
    let mut places = bytes.windows(PLACEHOLDER.len());
    let place = places.position(|bytes| bytes == PLACEHOLDER);
    let place = place.expect("the component has a place for its name");
    let name = format!("{name:_<8}");
    bytes[place..place + PLACEHOLDER.len()].copy_from_slice(name.as_bytes());
    bytes
}

/// What the test middleware has instead of a name, with as many bytes.
const PLACEHOLDER: &[u8] = b"NAME____";
