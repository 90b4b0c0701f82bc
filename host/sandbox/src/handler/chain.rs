//! A chain: the component of a handler, and the middleware in front of it.
//!
//! A middleware exports the interface of a handler and imports the same interface, so that it answers a request itself or
//! passes it on. All parts together become one component, which the process that compiles it composes. Here only the
//! names at the top level of each part are read, as for a single component.

use super::load_error::LoadError;
use super::names::imports_and_exports;
use crate::runtime::engine_config::Tasks;
use crate::runtime::engines::EngineKind;
use crate::runtime::instance_size::{InstanceSize, instance_size};
use crate::runtime::pool_size::{MEMORIES, TABLES};
use crate::wasi::linker;
use crate::worlds::{ImportsAndExports, World};

/// The component of a handler, and the middleware in front of it.
#[derive(Clone)]
pub struct Chain<'a> {
    /// Outermost first.
    middleware: Vec<Middleware<'a>>,
    handler: &'a [u8],
}

#[derive(Clone)]
struct Middleware<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

/// How a middleware is reached, and how it reaches what is behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLink {
    /// The export of the middleware by which it is reached.
    pub export: String,
    /// The imports of the middleware that may be the one for the next part: it is the first that has a function and the type of
    /// the export. Which these are shows only in the whole component.
    pub imports: Vec<String>,
    /// The export of the next part that becomes the import.
    pub next: String,
}

/// What the parts of a chain tell about the component that they become.
pub(super) struct ChainNames {
    /// Its imports, and its exports. Those of a chain are only the handler of its first middleware.
    pub names: ImportsAndExports,
    /// One for each middleware.
    pub links: Vec<ChainLink>,
}

impl<'a> Chain<'a> {
    /// A component without middleware.
    pub fn of(handler: &'a [u8]) -> Self {
        Self {
            middleware: Vec::new(),
            handler,
        }
    }

    /// Adds a middleware between the handler and those that were added before. `name` is for messages.
    pub fn with_middleware(mut self, name: &'a str, bytes: &'a [u8]) -> Self {
        self.middleware.push(Middleware { name, bytes });
        self
    }

    /// The components, outermost first. The last one is the handler's.
    pub fn parts(&self) -> impl Iterator<Item = &'a [u8]> {
        let middleware = self.middleware().map(|(_, bytes)| bytes);
        middleware.chain([self.handler])
    }

    /// The middleware, outermost first: the name and the component of each.
    pub fn middleware(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.middleware.iter().map(|one| (one.name, one.bytes))
    }

    /// The component of the handler.
    pub fn handler(&self) -> &'a [u8] {
        self.handler
    }

    /// Bytes of all parts.
    pub fn size(&self) -> usize {
        self.parts().map(<[u8]>::len).sum()
    }

    /// How each middleware reaches the next part, outermost first.
    ///
    /// # Errors
    ///
    /// If a part is not a component, or has no place in this chain.
    pub fn links(&self) -> Result<Vec<ChainLink>, LoadError> {
        Ok(self.names()?.links)
    }

    /// The imports and exports of the component that the parts become.
    ///
    /// # Errors
    ///
    /// As for [`links`](Self::links).
    pub(super) fn names(&self) -> Result<ChainNames, LoadError> {
        let mut names = imports_and_exports(self.handler)?;
        let mut links = Vec::new();
        let mut imports = names.imports.iter();
        if let Some(import) = imports.find(|import| is_handler(import)) {
            return Err(LoadError::IsMiddleware(import.clone()));
        }
        self.check_repetitions()?;
        for middleware in self.middleware.iter().rev() {
            let refused = |error| middleware.refused(error);
            let own = imports_and_exports(middleware.bytes).map_err(refused)?;
            let world =
                World::of(&names).ok_or_else(|| LoadError::NoHandler(names.exports.clone()))?;
            let link = link(&own, &names, world).map_err(refused)?;
            for import in own.imports {
                if !link.imports.contains(&import) && !names.imports.contains(&import) {
                    names.imports.push(import);
                }
            }
            names.types.extend(own.types);
            names.exports = vec![link.export.clone()];
            links.insert(0, link);
        }
        Ok(ChainNames { names, links })
    }

    /// The wasmtime engine that the component needs.
    ///
    /// # Errors
    ///
    /// If a part does not fit into a pool. A chain of several parts that do needs none.
    pub(super) fn engine(&self, names: &ImportsAndExports) -> Result<EngineKind, LoadError> {
        let tasks = match names.is_concurrent() {
            true => Tasks::Many,
            false => Tasks::One,
        };
        if self.middleware.is_empty() {
            return Ok(EngineKind::new(tasks, true));
        }
        let mut whole = InstanceSize::default();
        for part in self.parts() {
            let size =
                instance_size(part).map_err(|error| LoadError::NotAComponent(error.into()))?;
            if !fits(size) {
                return Err(LoadError::DoesNotFit(wasmtime::format_err!(
                    "a part of its chain has {} memories and {} tables",
                    size.memories,
                    size.tables
                )));
            }
            whole = whole.and(size);
        }
        Ok(EngineKind::new(tasks, fits(whole)))
    }

    /// Checks that no middleware is in the chain twice, and that there are not too many.
    fn check_repetitions(&self) -> Result<(), LoadError> {
        let mut rest = &self.middleware[..];
        if rest.len() > MAX_MIDDLEWARE {
            return Err(LoadError::LongChain(MAX_MIDDLEWARE));
        }
        while let [middleware, behind @ ..] = rest {
            if let Some(same) = behind.iter().find(|other| other.bytes == middleware.bytes) {
                return Err(middleware.refused(LoadError::Twice(same.name.into())));
            }
            rest = behind;
        }
        Ok(())
    }
}

impl Middleware<'_> {
    fn refused(&self, error: LoadError) -> LoadError {
        LoadError::Middleware(self.name.into(), Box::new(error))
    }
}

/// How a middleware with the names `own` is in front of a part with other names, which follows `world`.
fn link(
    own: &ImportsAndExports,
    behind: &ImportsAndExports,
    world: World,
) -> Result<ChainLink, LoadError> {
    let export_of = |names: &ImportsAndExports| {
        let mut exports = names.exports.iter();
        exports.find(|name| world.is_export(name)).cloned()
    };
    if !world.has_middleware() {
        return Err(LoadError::NoMiddleware(world));
    }
    let own_world = World::of(own).filter(|own| own.has_middleware());
    let (Some(export), Some(next)) = (export_of(own), export_of(behind)) else {
        return Err(match own_world {
            Some(own) => LoadError::OtherWorld(own, world),
            None => LoadError::NotMiddleware(own.exports.clone()),
        });
    };
    let is_known = |name: &str| world.provides(name) || linker::provides(name);
    let (mut imports, others): (Vec<_>, Vec<_>) = own
        .imports
        .iter()
        .cloned()
        .partition(|name| world.is_export(name));
    // A middleware may import the handler behind it as an interface of its own.
    imports.extend(others.into_iter().filter(|name| !is_known(name)));
    match imports.is_empty() {
        true => Err(LoadError::NoNext),
        false => Ok(ChainLink {
            export,
            imports,
            next,
        }),
    }
}

/// Whether an import is the interface of a handler.
fn is_handler(import: &str) -> bool {
    let mut worlds = World::ALL.iter().filter(|world| world.has_middleware());
    worlds.any(|world| world.is_export(import))
}

fn fits(size: InstanceSize) -> bool {
    size.memories <= MEMORIES.into() && size.tables <= TABLES.into()
}

/// The most middleware in front of a handler. Each has its own memories and tables.
const MAX_MIDDLEWARE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP_02: &str = "wasi:http/incoming-handler@0.2.0";
    const HTTP_03: &str = "wasi:http/handler@0.3.0";

    /// A component with these imports and exports.
    fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
        let imports = imports
            .iter()
            .map(|name| format!("(import \"{name}\" (instance (export \"f\" (func))))"));
        let exports = exports
            .iter()
            .map(|name| format!("(export \"{name}\" (instance $i))"));
        let all: String = imports
            .chain(["(instance $i)".into()])
            .chain(exports)
            .collect();
        wat::parse_str(format!("(component {all})")).unwrap()
    }

    #[test]
    fn the_names_of_a_chain_are_those_of_its_parts() {
        let handler = component(&["wasi:cli/environment@0.2.0"], &["other", HTTP_02]);
        let auth = component(
            &[
                "wasi:cli/environment@0.2.0",
                "wasi:http/incoming-handler@0.2.3",
            ],
            &["wasi:http/incoming-handler@0.2.3"],
        );
        let log = component(&["wasi:cli/stdout@0.2.0", "acme:chain/next"], &[HTTP_02]);
        let chain = Chain::of(&handler)
            .with_middleware("auth", &auth)
            .with_middleware("log", &log);
        let ChainNames { names, links } = chain.names().unwrap();
        assert_eq!(
            names.imports,
            ["wasi:cli/environment@0.2.0", "wasi:cli/stdout@0.2.0"]
        );
        assert_eq!(names.exports, ["wasi:http/incoming-handler@0.2.3"]);
        let expected = [
            ("wasi:http/incoming-handler@0.2.3", HTTP_02),
            ("acme:chain/next", HTTP_02),
        ];
        let links: Vec<_> = links
            .iter()
            .map(|link| (&link.imports[..], &*link.next))
            .collect();
        let expected = expected.map(|(import, next)| ([import.to_owned()], next));
        let expected: Vec<_> = expected
            .iter()
            .map(|(import, next)| (&import[..], *next))
            .collect();
        assert_eq!(links, expected);
    }

    #[test]
    fn refuses_chains_that_cannot_be_composed() {
        let handler = component(&[], &[HTTP_02]);
        let passing = component(&[HTTP_02], &[HTTP_02]);
        let of_03 = component(&[HTTP_03], &[HTTP_03]);
        /// A handler, the middleware in front of it, and why they are refused.
        type Case<'a> = (&'a [u8], &'a [&'a [u8]], &'a str);
        let cases: [Case<'_>; 9] = [
            (
                &handler,
                &[&component(&[HTTP_02], &[])],
                "m0: it exports nothing",
            ),
            (
                &handler,
                &[&component(&[HTTP_02], &["other"])],
                "m0: it exports no handler, only other",
            ),
            (&handler, &[&handler[..]], "m0: it imports no handler"),
            (
                &handler,
                &[&component(&["wasi:cli/stdout@0.2.0"], &[HTTP_02])],
                "m0: it imports no handler",
            ),
            (
                &handler,
                &[&passing, &of_03],
                "m1: it is for wasi:http/service@0.3, and the handler behind it is for wasi:http/proxy@0.2",
            ),
            (
                &component(&[], &["handle"]),
                &[&passing],
                "m0: the handler behind it is for belljar:handler/handler@0.1",
            ),
            (
                &handler,
                &[&passing, &of_03, &passing],
                "m0: it is the same component as m2",
            ),
            (
                &passing,
                &[],
                "it is a middleware, which imports wasi:http/incoming-handler@0.2.0",
            ),
            (
                &handler,
                &[b"text"],
                "m0: it is not a WebAssembly component",
            ),
        ];
        for (handler, middleware, expected) in cases {
            let names: Vec<_> = (0..middleware.len())
                .map(|number| format!("m{number}"))
                .collect();
            let chain = names
                .iter()
                .zip(middleware)
                .fold(Chain::of(handler), |chain, (name, bytes)| {
                    chain.with_middleware(name, bytes)
                });
            let error = chain.links().unwrap_err().to_string();
            assert!(error.contains(expected), "{error} instead of {expected}");
        }
    }

    /// Bindings may leave an import of the interface behind whose functions are not used.
    #[test]
    fn a_handler_that_imports_only_types_of_its_interface_is_no_middleware() {
        let handler = wat::parse_str(format!(
            "(component (import \"{HTTP_03}\" (instance)) (instance $i) (export \"{HTTP_03}\" (instance $i)))"
        ));
        assert!(Chain::of(&handler.unwrap()).links().is_ok());
    }

    #[test]
    fn chains_with_more_than_a_pool_holds_are_allocated_on_demand() {
        let module = "(core module $m (memory 1) (table 1 funcref) (table 1 funcref))";
        let part = |instances: usize| {
            let instances = "(core instance (instantiate $m))".repeat(instances);
            wat::parse_str(format!("(component {module} {instances})")).unwrap()
        };
        let (one, two, three) = (part(1), part(2), part(3));
        for (middleware, expected) in [
            (&[&one][..], Some(EngineKind::Synchronous)),
            (&[&one, &one], Some(EngineKind::SynchronousOnDemand)),
            (&[&two, &two], Some(EngineKind::SynchronousOnDemand)),
            (&[&three], None),
        ] {
            let chain = Chain::of(&one);
            let chain = middleware
                .iter()
                .fold(chain, |chain, part| chain.with_middleware("", part));
            let engine = chain.engine(&ImportsAndExports::default());
            assert_eq!(engine.ok(), expected);
        }
    }
}
