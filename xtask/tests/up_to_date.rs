//! Files of the repository that are generated from other files of it.

use std::fs;
use std::path::PathBuf;

use xtask::{digest, section, site, workspace};

#[test]
fn the_embedded_guest_was_built_from_its_sources() {
    let root = workspace::root();
    let component = fs::read(root.join("guest/default/guest.wasm")).unwrap_or_default();
    let built_from = section::find(&component, digest::SECTION).map(String::from_utf8_lossy);
    let sources = digest::of_sources(root).expect("the guest's sources can be read");
    assert_eq!(
        built_from.as_deref(),
        Some(&*sources),
        "guest/default/guest.wasm is older than its sources; run cargo xtask guest"
    );
}

#[test]
fn the_compressed_copies_of_the_example_site_are_up_to_date() {
    let site = workspace::root().join("examples/site");
    let stale = site::stale(&site).expect("the site can be read");
    let copies: Vec<PathBuf> = stale.into_iter().map(|(_, copy, _)| copy).collect();
    assert!(
        copies.is_empty(),
        "these copies differ from their originals; run cargo xtask site: {copies:?}"
    );
    let orphans = site::orphans(&site).expect("the site can be read");
    assert!(
        orphans.is_empty(),
        "these copies have no original; remove them: {orphans:?}"
    );
}
