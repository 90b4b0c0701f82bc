//! `wasi:logging/logging`: messages with a level and a context. They are output of the guest, with the same bounds.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use super::log::GuestLog;

/// The names of the interface: before it had a version, and since.
pub(crate) const LOGGING: [&str; 2] = ["wasi:logging/logging", "wasi:logging/logging@0.1.0-draft"];

/// The enum `level`.
#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[expect(dead_code, reason = "values come from guests only")]
#[repr(u8)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

/// Links the interface under all its names.
pub(crate) fn link<T: 'static>(
    linker: &mut Linker<T>,
    log: fn(&mut T) -> &GuestLog,
) -> wasmtime::Result<()> {
    for name in LOGGING {
        type Message = (Level, String, String);
        linker.instance(name)?.func_wrap(
            "log",
            move |mut store: StoreContextMut<'_, T>, (level, context, message): Message| {
                let log = log(store.data_mut());
                log.write(shown(level).as_bytes());
                for part in [
                    &*context,
                    if context.is_empty() { "" } else { ": " },
                    &*message,
                ] {
                    log.write(part.as_bytes());
                }
                log.write(b"\n");
                Ok(())
            },
        )?;
    }
    Ok(())
}

fn shown(level: Level) -> &'static str {
    match level {
        Level::Trace => "TRACE ",
        Level::Debug => "DEBUG ",
        Level::Info => "INFO ",
        Level::Warn => "WARN ",
        Level::Error => "ERROR ",
        Level::Critical => "CRITICAL ",
    }
}
