//! Imports that are refused when they are called, and not when the component is loaded.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use super::missing_imports::MissingImport;
use crate::wasi::host_state::HostState;
use crate::wasi::other_hosts::why_not;

/// The host side of resources that no function returns.
struct Refused;

/// Links functions that end the request of their caller, with an error that has the name of the function and the reason.
pub(super) fn link(
    linker: &mut Linker<HostState>,
    component: &Component,
    refused: &[MissingImport],
) -> wasmtime::Result<()> {
    let engine = component.engine();
    for (name, import) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else {
            continue;
        };
        if !refused.iter().any(|import| import.name == name) {
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (item, export) in interface.exports(engine) {
            match export.ty {
                ComponentItem::ComponentFunc(function) => {
                    let reason = why_not(name).unwrap_or_default();
                    let message = format!(
                        "the handler calls {item} of {name}, which belljar does not provide ({reason})"
                    );
                    match function.async_() {
                        true => instance.func_new_concurrent(item, move |_, _, _, _| {
                            let error = wasmtime::Error::msg(message.clone());
                            Box::pin(async move { Err(error) })
                        })?,
                        false => instance.func_new(item, move |_, _, _, _| {
                            Err(wasmtime::Error::msg(message.clone()))
                        })?,
                    }
                }
                ComponentItem::Resource(_) => {
                    let ty = ResourceType::host::<Refused>();
                    instance.resource(item, ty, |_, _| Ok(()))?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
