//! Where bytes become code that this process runs.

use belljar_sandbox::Artefact;

/// `bytes` are the whole output of a compiler process that succeeded, or an artefact that the cache returned.
pub(super) fn artefact(bytes: Vec<u8>) -> Artefact {
    // SAFETY: The bytes come from `CompileTarget::compile` in a process that this program started from its own file. They
    // came through a pipe that no other process has, or lay in a file that only this user can write, whose digest the cache
    // has checked. Whoever can change them otherwise could also change this program or its memory.
    unsafe { Artefact::trusted(bytes) }
}
