//! What a component is made for, and what it takes to run it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::account::limits::Limits;
use crate::failure::LoadError;
use crate::handler::{Grants, Handler, look_at, provides};
use crate::runtime::engine::Engine;
use crate::worlds::Contract;

/// What was found out about a component.
#[derive(Debug)]
pub struct Inspection {
    /// The contract that it follows, if any that is known.
    pub contract: Option<Contract>,
    pub imports: Vec<Import>,
    pub exports: Vec<String>,
    /// How long it took to compile; none where the compiled component was in the cache, or nothing was compiled.
    pub compiled_in: Option<Duration>,
    /// Whether it would run with these grants.
    pub outcome: Result<(), LoadError>,
}

/// An interface that a component imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// As the component has it: `wasi:io/streams@0.2.12`.
    pub name: String,
    pub provision: Provision,
}

/// How far an import is there for the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provision {
    Provided,
    /// It can be called, and gives nothing: not without this flag, or not at all.
    Empty {
        effect: &'static str,
        flag: Option<&'static str>,
    },
    /// Nothing provides it. The component cannot run.
    Missing,
}

impl Inspection {
    /// Loads a component as the server would.
    pub fn of(engine: Arc<Engine>, bytes: &[u8], grants: Grants, limits: Limits) -> Self {
        let outside = look_at(bytes).unwrap_or_default();
        let contract = Contract::of(&outside);
        let imports = outside
            .imports
            .into_iter()
            .map(|name| Import {
                provision: provision(contract, &name, &grants),
                name,
            })
            .collect();
        let found_before = engine.found_compiled();
        let began = Instant::now();
        let outcome = Handler::load(engine.clone(), bytes, grants, limits).map(drop);
        let loaded_in = began.elapsed();
        let found = engine.found_compiled() > found_before;
        let refused = matches!(
            outcome,
            Err(LoadError::CoreModule | LoadError::NotAComponent(_))
        );
        Self {
            contract,
            imports,
            exports: outside.exports,
            compiled_in: (!found && !refused).then_some(loaded_in),
            outcome,
        }
    }
}

fn provision(contract: Option<Contract>, import: &str, grants: &Grants) -> Provision {
    if !provides(contract, import) {
        return Provision::Missing;
    }
    let interface = import.split('@').next().unwrap_or_default();
    let granted = |granted: bool, effect, flag| match granted {
        true => Provision::Provided,
        false => Provision::Empty {
            effect,
            flag: Some(flag),
        },
    };
    match interface {
        "wasi:cli/environment" => granted(
            !grants.environment.is_empty(),
            "no variables",
            "--env NAME=VALUE",
        ),
        "wasi:filesystem/preopens" => granted(
            !grants.filesystem.is_empty(),
            "no folders",
            "--dir HOST::GUEST",
        ),
        "wasi:http/outgoing-handler" | "wasi:http/client" => granted(
            !grants.outbound.settings.origins.is_empty(),
            "every request is denied",
            "--allow-outbound URL",
        ),
        "wasi:config/store" => granted(grants.has_config, "no values", "--set NAME=VALUE"),
        "wasi:keyvalue/store" => {
            granted(grants.has_store, "no bucket can be opened", "--store FILE")
        }
        "wasi:sockets/ip-name-lookup" => Provision::Empty {
            effect: "no name is looked up",
            flag: None,
        },
        _ if interface.starts_with("wasi:sockets/") => granted(
            !grants.tcp.is_empty(),
            "every address is refused",
            "--allow-tcp ADDRESS:PORT",
        ),
        _ => Provision::Provided,
    }
}
