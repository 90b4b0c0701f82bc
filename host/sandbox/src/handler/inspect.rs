//! Inspection: the world of a component, its imports, and whether it would run.

use std::sync::Arc;
use std::time::Duration;

use super::Handler;
use super::artefact::Compiled;
use super::chain::Chain;
use super::engine::Engine;
use super::load::provides;
use super::load_error::LoadError;
use super::names::imports_and_exports;
use crate::account::limits::Limits;
use crate::wasi::grants::Grants;
use crate::wasi::other_hosts::{is_all_of_spin, why_not};
use crate::worlds::World;

/// The result of an inspection.
#[derive(Debug)]
pub struct Inspection {
    /// The world that the component follows, if belljar knows one.
    pub world: Option<World>,
    pub imports: Vec<Import>,
    pub exports: Vec<String>,
    /// How long the compilation took. None if the component was compiled before, or was not compiled.
    pub compiled_in: Option<Duration>,
    /// Whether the component would run with these grants.
    pub outcome: Result<(), LoadError>,
}

/// An interface that a component imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its name in the component, such as `wasi:io/streams@0.2.12`.
    pub name: String,
    pub provision: Provision,
}

/// How far belljar provides an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provision {
    Provided,
    /// The component can call the interface, but without a grant it gives nothing.
    Empty {
        effect: &'static str,
        /// The flag that grants more, if there is one.
        flag: Option<&'static str>,
    },
    /// belljar does not provide the interface, so the component cannot run.
    Missing,
}

impl Inspection {
    /// Loads a component as the server would. `compile` compiles it, or returns why it cannot be compiled.
    pub fn of(
        engine: Arc<Engine>,
        chain: &Chain<'_>,
        compile: impl FnOnce(&Engine, &Chain<'_>) -> Result<Compiled, String>,
        grants: Grants,
        limits: Limits,
    ) -> Self {
        // What is said about a chain that cannot be composed is said about its handler.
        let names = chain.names().map(|chain| chain.names);
        let names = names.or_else(|_| imports_and_exports(chain.handler()));
        let names = names.unwrap_or_default();
        let world = World::of(&names);
        let mut imports: Vec<_> = names
            .imports
            .into_iter()
            .map(|name| Import {
                provision: provision(world, &name, &grants),
                name,
            })
            .collect();
        imports.extend(names.types.into_iter().map(|name| Import {
            name,
            provision: Provision::Provided,
        }));
        let mut compiled_in = None;
        let outcome = Handler::check(chain).and_then(|()| {
            let compiled = compile(&engine, chain).map_err(LoadError::NotCompiled)?;
            compiled_in = compiled.took;
            Handler::load_artefact(engine, chain, || Ok(compiled.artefact), grants, limits)
                .map(drop)
        });
        note_missing(&mut imports, &outcome);
        Self {
            world,
            imports,
            exports: names.exports,
            compiled_in,
            outcome,
        }
    }
}

/// Corrects the imports by what the component turned out to need: an interface that has only types needs no provider, and
/// an interface that belljar provides may lack a function.
fn note_missing(imports: &mut [Import], outcome: &Result<(), LoadError>) {
    let missing = match outcome {
        Ok(()) => &[][..],
        Err(LoadError::NotGranted(missing)) => missing,
        Err(_) => return,
    };
    let is_all_of_spin = is_all_of_spin(imports.iter().map(|import| &*import.name));
    for import in imports {
        if missing.iter().any(|missing| missing.name == import.name) {
            import.provision = Provision::Missing;
        } else if import.provision == Provision::Missing {
            import.provision = match why_not(&import.name).filter(|_| is_all_of_spin) {
                // Its functions fail when they are called.
                Some(effect) => Provision::Empty { effect, flag: None },
                None => Provision::Provided,
            };
        }
    }
}

fn provision(world: Option<World>, import: &str, grants: &Grants) -> Provision {
    if !provides(world, import) {
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
        "wasi:config/store"
        | "wasi:config/runtime"
        | "fermyon:spin/variables"
        | "spin:variables/variables" => {
            granted(!grants.values.is_empty(), "no values", "--set NAME=VALUE")
        }
        "wasi:keyvalue/store" | "fermyon:spin/key-value" | "spin:key-value/key-value" => {
            granted(grants.has_store, "no bucket can be opened", "--store FILE")
        }
        "wasi:sockets/ip-name-lookup" => granted(
            grants.tcp.connections.has_names(),
            "no name can be looked up",
            "--allow-tcp HOST:PORT",
        ),
        _ if interface.starts_with("wasi:sockets/") => granted(
            !grants.tcp.connections.allowed.is_empty(),
            "every address is refused",
            "--allow-tcp HOST:PORT",
        ),
        _ => Provision::Provided,
    }
}
