//! Copy-on-write images: the initial content of a component's memories.

use std::io;

use wasmtime::component::Component;

/// Creates the images of a component's memories. Instances write to private copies of their pages.
///
/// wasmtime would create them for the first instance. Creating them here allows retries: Linux does not seal an image while
/// something else, such as memory reclaim, holds a page of it (`memfd_wait_for_pins` in mm/memfd.c).
///
/// # Errors
///
/// If there is no memory or no file descriptor for an image.
pub(crate) fn create(component: &Component) -> wasmtime::Result<()> {
    retry_while_busy(|| component.initialize_copy_on_write_image())
}

fn retry_while_busy(mut attempt: impl FnMut() -> wasmtime::Result<()>) -> wasmtime::Result<()> {
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

/// Each attempt takes about 0.15 s, because Linux itself waits for the page.
const ATTEMPTS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_while_busy_up_to_a_limit() {
        let busy = || {
            wasmtime::Error::new(io::Error::from(io::ErrorKind::ResourceBusy)).context("sealing")
        };
        let other = || wasmtime::Error::new(io::Error::from(io::ErrorKind::OutOfMemory));
        // The outcomes of the attempts, the last one repeated; the number of attempts made, and whether they succeed.
        for (outcomes, made, succeeds) in [
            (&["fine"][..], 1, true),
            (&["busy", "fine"], 2, true),
            (&["busy", "busy", "other"], 3, false),
            (&["other", "fine"], 1, false),
            (&["busy"], ATTEMPTS, false),
        ] {
            let mut attempts = 0;
            let outcome = retry_while_busy(|| {
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
