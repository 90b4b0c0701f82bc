//! Configuration values by name: `wasi:config`, and the variables of Spin.

use std::collections::BTreeMap;

use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, ComponentType, Lift, Linker, Lower};

/// The granted values by name.
pub(crate) type Values = BTreeMap<String, String>;

/// The interfaces of `wasi:config`, from the draft of 2024 on. They differ only in their names.
pub(crate) const STORES: [&str; 4] = [
    "wasi:config/runtime@0.2.0-draft",
    "wasi:config/store@0.2.0-draft",
    "wasi:config/store@0.2.0-draft-2024-09-27",
    "wasi:config/store@0.2.0-rc.1",
];

/// The variant `error` of `wasi:config/store`. The values are in the memory of the server, so that no error occurs.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StoreError {
    #[component(name = "upstream")]
    Upstream(String),
    #[component(name = "io")]
    Io(String),
}

/// The variant `error` of Spin's `variables`.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum VariableError {
    #[component(name = "invalid-name")]
    InvalidName(String),
    #[component(name = "undefined")]
    Undefined(String),
    #[component(name = "provider")]
    Provider(String),
    #[component(name = "other")]
    Other(String),
}

/// Links all [`STORES`].
pub(crate) fn link_stores<T: 'static>(
    linker: &mut Linker<T>,
    values: fn(&T) -> &Values,
) -> wasmtime::Result<()> {
    for name in STORES {
        let mut store = linker.instance(name)?;
        store.func_wrap(
            "get",
            move |store: StoreContextMut<'_, T>, (name,): (String,)| {
                let value = values(store.data()).get(&name).cloned();
                Ok((Ok::<_, StoreError>(value),))
            },
        )?;
        store.func_wrap("get-all", move |store: StoreContextMut<'_, T>, (): ()| {
            let all: Vec<(String, String)> = values(store.data()).clone().into_iter().collect();
            Ok((Ok::<_, StoreError>(all),))
        })?;
    }
    Ok(())
}

/// Links `fermyon:spin/variables@2.0.0`, of Spin 2 and 3.
pub(crate) fn link_spin2<T: 'static>(
    linker: &mut Linker<T>,
    values: fn(&T) -> &Values,
) -> wasmtime::Result<()> {
    linker.instance("fermyon:spin/variables@2.0.0")?.func_wrap(
        "get",
        move |store: StoreContextMut<'_, T>, (name,): (String,)| {
            Ok((variable(values(store.data()), &name),))
        },
    )
}

/// Links `spin:variables/variables@3.0.0`, of Spin 4. Its function is asynchronous, as in WASI 0.3.
pub(crate) fn link_spin3<T: Send + 'static>(
    linker: &mut Linker<T>,
    values: fn(&T) -> &Values,
) -> wasmtime::Result<()> {
    let mut variables = linker.instance("spin:variables/variables@3.0.0")?;
    variables.func_wrap_concurrent("get", move |accessor: &Accessor<T>, (name,): (String,)| {
        Box::pin(async move {
            let value = accessor.with(|mut store| variable(values(store.data_mut()), &name));
            Ok((value,))
        })
    })
}

fn variable(values: &Values, name: &str) -> Result<String, VariableError> {
    let undefined = || {
        VariableError::Undefined(format!(
            "no variable `{name}` is granted; add --set {name}=VALUE"
        ))
    };
    values.get(name).cloned().ok_or_else(undefined)
}
