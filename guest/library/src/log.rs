//! Lines for the server's log, which takes what a handler writes to standard error.

use core::fmt::Display;

#[cfg(any(not(target_family = "wasm"), feature = "std"))]
pub fn write(line: &dyn Display) {
    eprintln!("{line}");
}

/// Writes as much as the server takes. The log is no reason to fail a request.
#[cfg(all(target_family = "wasm", not(feature = "std")))]
pub fn write(line: &dyn Display) {
    let line = alloc::format!("{line}\n");
    let stream = bindings::wasi::cli::stderr::get_stderr();
    for part in line.as_bytes().chunks(WRITE_SIZE) {
        if stream.blocking_write_and_flush(part).is_err() {
            return;
        }
    }
}

/// Bindings of their own, so that only a handler that writes to the log imports these functions.
#[cfg(all(target_family = "wasm", not(feature = "std")))]
#[allow(unsafe_code)]
mod bindings {
    wit_bindgen::generate!({
        inline: "
            package belljar:guest-log;

            package wasi:cli@0.2.12 {
                interface stderr {
                    use wasi:io/streams@0.2.12.{output-stream};
                    get-stderr: func() -> output-stream;
                }
            }

            world log {
                import wasi:cli/stderr@0.2.12;
            }
        ",
        path: "wit",
        world: "belljar:guest-log/log",
        generate_all,
        type_section_suffix: "log",
    });
}

/// The most that one call may write, in bytes.
#[cfg(all(target_family = "wasm", not(feature = "std")))]
const WRITE_SIZE: usize = 4096;
