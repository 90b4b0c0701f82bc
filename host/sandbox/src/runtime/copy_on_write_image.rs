//! What the memories of a component hold at first.

use std::io;

use wasmtime::component::Component;

/// Lays out what its memories hold at first, of which each instance writes to copies.
///
/// wasmtime would do it for the first instance. Here it can be tried again: Linux does not seal such an image while
/// something else holds a page of it, the reclaim of memory for one (`memfd_wait_for_pins` in mm/memfd.c).
///
/// # Errors
///
/// Where there is no memory for it, or no file descriptor.
pub(crate) fn lay_out(component: &Component) -> wasmtime::Result<()> {
    while_busy(|| component.initialize_copy_on_write_image())
}

fn while_busy(mut attempt: impl FnMut() -> wasmtime::Result<()>) -> wasmtime::Result<()> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if is_busy(&error) => {}
            outcome => return outcome,
        }
    }
    attempt()
}

fn is_busy(error: &wasmtime::Error) -> bool {
    error
        .root_cause()
        .downcast_ref::<io::Error>()
        .is_some_and(|cause| cause.kind() == io::ErrorKind::ResourceBusy)
}

/// Linux waits itself, about 0.15 s each time.
const ATTEMPTS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_busy_is_tried_again_but_not_for_ever() {
        let busy = || {
            wasmtime::Error::new(io::Error::from(io::ErrorKind::ResourceBusy)).context("sealing")
        };
        let other = || wasmtime::Error::new(io::Error::from(io::ErrorKind::OutOfMemory));
        // The outcomes of the attempts, the last of them for ever; how many are made, and whether they succeed.
        for (outcomes, made, succeeds) in [
            (&["fine"][..], 1, true),
            (&["busy", "fine"], 2, true),
            (&["busy", "busy", "other"], 3, false),
            (&["other", "fine"], 1, false),
            (&["busy"], ATTEMPTS, false),
        ] {
            let mut attempts = 0;
            let outcome = while_busy(|| {
                let which = outcomes.get(attempts).or(outcomes.last());
                attempts += 1;
                match which {
                    Some(&"busy") => Err(busy()),
                    Some(&"other") => Err(other()),
                    _ => Ok(()),
                }
            });
            assert_eq!(
                (attempts, outcome.is_ok()),
                (made, succeeds),
                "{outcomes:?}"
            );
        }
    }
}
