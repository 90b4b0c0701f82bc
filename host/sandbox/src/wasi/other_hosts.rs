//! The interfaces that belljar provides beside WASI 0.2 and 0.3, so that handlers made for Spin and wasmCloud run: the one
//! place where they are wired. And those that it does not provide, with the reasons.

use wasmtime::component::Linker;

use super::config;
use super::host_state::HostState;
use super::keyvalue::{draft, draft2, spin2, spin3};
use super::stdio::logging;

type Link = fn(&mut Linker<HostState>) -> wasmtime::Result<()>;

/// Interfaces by name, and the function that links them. Only what a component imports is linked.
const PROVIDED: [(&[&str], Link); 8] = [
    (
        &[
            "wasi:keyvalue/store@0.2.0-draft",
            "wasi:keyvalue/atomics@0.2.0-draft",
            "wasi:keyvalue/batch@0.2.0-draft",
        ],
        |linker| draft::link(linker, HostState::keyvalue),
    ),
    (
        &[
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "wasi:keyvalue/batch@0.2.0-draft2",
        ],
        |linker| draft2::link(linker, HostState::keyvalue),
    ),
    (&["fermyon:spin/key-value@2.0.0"], |linker| {
        spin2::link(linker, HostState::keyvalue)
    }),
    (&["spin:key-value/key-value@3.0.0"], |linker| {
        spin3::link(linker, HostState::keyvalue)
    }),
    (&config::STORES, |linker| {
        config::link_stores(linker, HostState::values)
    }),
    (&["fermyon:spin/variables@2.0.0"], |linker| {
        config::link_spin2(linker, HostState::values)
    }),
    (&["spin:variables/variables@3.0.0"], |linker| {
        config::link_spin3(linker, HostState::values)
    }),
    (&logging::LOGGING, |linker| {
        logging::link(linker, HostState::messages)
    }),
];

/// Links the interfaces that are among `imports`.
pub(super) fn link(linker: &mut Linker<HostState>, imports: &[String]) -> wasmtime::Result<()> {
    for (names, link) in PROVIDED {
        if imports
            .iter()
            .any(|import| names.contains(&import.as_str()))
        {
            link(linker)?;
        }
    }
    Ok(())
}

pub(super) fn provides(import: &str) -> bool {
    PROVIDED.iter().any(|(names, _)| names.contains(&import))
}

/// Whether a component imports every interface that Spin has had since version 2.
pub(crate) fn is_all_of_spin<'a>(imports: impl Iterator<Item = &'a str> + Clone) -> bool {
    let names = [
        "llm",
        "redis",
        "mqtt",
        "postgres",
        "mysql",
        "sqlite",
        "key-value",
        "variables",
    ];
    names.iter().all(|name| {
        let name = format!("fermyon:spin/{name}@2.0.0");
        imports.clone().any(|import| import == name)
    })
}

/// Why belljar does not provide an interface of other hosts, and what to use instead.
pub(crate) fn why_not(import: &str) -> Option<&'static str> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    let is_draft_of_wasi = interface.starts_with("wasi:")
        && (version.starts_with("0.2.0-rc-2023") || version.starts_with("0.3.0-rc-"));
    if is_draft_of_wasi {
        return Some("a draft from before the release of WASI: build with a later SDK");
    }
    if interface.starts_with("fermyon:spin/") && version.is_empty() {
        return Some("an interface of Spin 1: build with an SDK of Spin 3 or later");
    }
    let reason = REASONS
        .iter()
        .find(|(prefix, _)| interface.starts_with(prefix));
    reason.map(|(_, reason)| *reason)
}

/// Beginnings of names. The first that fits counts.
const REASONS: [(&str, &str); 16] = [
    ("fermyon:spin/sqlite", NO_SQLITE),
    ("spin:sqlite/", NO_SQLITE),
    ("fermyon:spin/postgres", NO_CLIENT),
    ("spin:postgres/", NO_CLIENT),
    ("fermyon:spin/mysql", NO_CLIENT),
    ("spin:mysql/", NO_CLIENT),
    ("fermyon:spin/redis", NO_CLIENT),
    ("spin:redis/", NO_CLIENT),
    ("fermyon:spin/mqtt", NO_CLIENT),
    ("spin:mqtt/", NO_CLIENT),
    (
        "fermyon:spin/llm",
        "belljar runs no language models: call one over HTTP, with --allow-outbound",
    ),
    (
        "wasi:blobstore/",
        "belljar has no object store: use a folder, with --dir, or wasi:keyvalue, with --store",
    ),
    ("wasi:messaging/", NO_MESSAGES),
    ("wasmcloud:messaging/", NO_MESSAGES),
    (
        "wasmcloud:",
        "an interface of wasmCloud's own: use the interface of WASI for it",
    ),
    (
        "wasi:otel/",
        "belljar takes no traces from handlers: use wasi:logging",
    ),
];

const NO_SQLITE: &str = "belljar has no SQL database: use wasi:keyvalue, with --store, or a driver of another database over \
                         wasi:sockets, with --allow-tcp";

const NO_CLIENT: &str =
    "belljar has no client for this server: use a driver over wasi:sockets, with --allow-tcp";

const NO_MESSAGES: &str =
    "belljar has no message broker: use HTTP, or a driver over wasi:sockets, with --allow-tcp";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_why_interfaces_of_other_hosts_are_missing() {
        for (import, words) in [
            ("fermyon:spin/sqlite@2.0.0", "SQL"),
            ("spin:sqlite/sqlite@3.1.0", "SQL"),
            ("spin:postgres/postgres@4.2.0", "driver"),
            ("fermyon:spin/redis@2.0.0", "driver"),
            ("fermyon:spin/llm@2.0.0", "language models"),
            ("fermyon:spin/key-value", "Spin 1"),
            ("wasi:blobstore/container@0.2.0-draft", "--dir"),
            ("wasmcloud:messaging/consumer@0.2.0", "broker"),
            ("wasmcloud:bus/lattice@1.0.0", "wasmCloud"),
            ("wasi:http/types@0.2.0-rc-2023-11-10", "a later SDK"),
            ("wasi:cli/stdout@0.3.0-rc-2026-03-15", "a later SDK"),
        ] {
            assert!(!provides(import));
            let reason = why_not(import).unwrap_or_default();
            assert!(reason.contains(words), "{import}: {reason}");
        }
        assert_eq!(why_not("acme:db/sql@1.0.0"), None);
    }
}
