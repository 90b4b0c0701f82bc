//! What is kept in the repository though it is made from other files in it.

use std::fs;
use std::path::PathBuf;

use xtask::{digest, section, site, workspace};

#[test]
fn the_embedded_guest_was_made_from_its_sources() {
    let root = workspace::root();
    let component = fs::read(root.join("guest/default/guest.wasm")).unwrap_or_default();
    let built_from = section::find(&component, digest::SECTION).map(String::from_utf8_lossy);
    let sources = digest::of_sources(root).expect("the guest's sources can be read");
    assert_eq!(
        built_from.as_deref(),
        Some(&*sources),
        "guest/default/guest.wasm is older than its sources: run cargo xtask guest"
    );
}

#[test]
fn the_example_sites_twins_unpack_to_their_originals() {
    let site = workspace::root().join("examples/site");
    let stale = site::stale(&site).expect("the site can be read");
    let twins: Vec<PathBuf> = stale.into_iter().map(|(_, twin, _)| twin).collect();
    assert!(
        twins.is_empty(),
        "not what their originals are, so run cargo xtask site: {twins:?}"
    );
    let orphans = site::orphans(&site).expect("the site can be read");
    assert!(
        orphans.is_empty(),
        "twins without an original, to be removed: {orphans:?}"
    );
}
