//! Composes the parts of a chain to one component, in the compiler process.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, anyhow, bail};
use belljar_sandbox::{Chain, LoadError};
use wac_graph::types::{ItemKind, Package};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// The component that the parts of a chain become: each has one instance, whose import for the next part is the export of
/// that part's instance. All other imports are those of the component.
///
/// # Errors
///
/// If a part is not a component, or has no place in this chain.
pub(super) fn compose(chain: &Chain<'_>) -> anyhow::Result<Vec<u8>> {
    // The library was written for components that their user trusts, and panics about some that are odd.
    let composed = catch_unwind(AssertUnwindSafe(|| try_compose(chain)));
    composed.unwrap_or_else(|_| bail!("the parts of the chain cannot be composed"))
}

fn try_compose(chain: &Chain<'_>) -> anyhow::Result<Vec<u8>> {
    let links = chain.links().map_err(|error| anyhow!("{error}"))?;
    let mut graph = CompositionGraph::new();
    let mut next = instantiate(&mut graph, "handler", chain.handler())?;
    let middleware: Vec<_> = chain.middleware().zip(&links).collect();
    for (position, ((name, bytes), link)) in middleware.into_iter().enumerate().rev() {
        let mut add = || {
            let instance = instantiate(&mut graph, &format!("middleware-{position}"), bytes)?;
            let handler = graph.alias_instance_export(next, &link.next)?;
            connect(&mut graph, instance, &link.imports, handler)?;
            anyhow::Ok(instance)
        };
        next = add().with_context(|| format!("the middleware {name}"))?;
    }
    if let Some(link) = links.first() {
        let handler = graph.alias_instance_export(next, &link.export)?;
        graph.export(handler, &link.export)?;
    }
    // The compiler validates the component.
    let options = EncodeOptions {
        validate: false,
        ..EncodeOptions::default()
    };
    Ok(graph.encode(options)?)
}

/// Adds an instance of a component. `name` is for the names of the composed component.
fn instantiate(graph: &mut CompositionGraph, name: &str, bytes: &[u8]) -> anyhow::Result<NodeId> {
    let package = Package::from_bytes(&format!("chain:{name}"), None, bytes, graph.types_mut())?;
    let package = graph.register_package(package)?;
    Ok(graph.instantiate(package))
}

/// Connects the first of the imports that can be the handler behind a middleware.
fn connect(
    graph: &mut CompositionGraph,
    middleware: NodeId,
    imports: &[String],
    handler: NodeId,
) -> anyhow::Result<()> {
    let mut refused = None;
    for import in imports {
        // An interface that has only types is imported for these types.
        if !has_function(graph, middleware, import) {
            continue;
        }
        match graph.set_instantiation_argument(middleware, import, handler) {
            Ok(()) => return Ok(()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(match refused {
        Some(error) => error.into(),
        None => anyhow!("{}", LoadError::NoNext),
    })
}

fn has_function(graph: &CompositionGraph, instance: NodeId, import: &str) -> bool {
    let types = graph.types();
    let package = graph[instance].package().map(|package| &graph[package]);
    let import = package.and_then(|package| types[package.ty()].imports.get(import));
    match import {
        Some(ItemKind::Instance(interface)) => {
            let mut exports = types[*interface].exports.values();
            exports.any(|item| matches!(item, ItemKind::Func(_)))
        }
        _ => false,
    }
}
