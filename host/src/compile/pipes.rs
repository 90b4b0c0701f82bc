//! The three pipes of a compiler process.

use std::io::{self, PipeReader, PipeWriter, pipe};

/// The ends that the compiler has.
pub(super) struct ChildPipes {
    pub input: PipeReader,
    pub output: PipeWriter,
    pub errors: PipeWriter,
}

/// The other ends.
pub(super) struct OwnPipes {
    pub input: PipeWriter,
    pub output: PipeReader,
    pub errors: PipeReader,
}

/// # Errors
///
/// If this process has too many open files.
pub(super) fn open() -> io::Result<(OwnPipes, ChildPipes)> {
    let (their_input, input) = pipe()?;
    let (output, their_output) = pipe()?;
    let (errors, their_errors) = pipe()?;
    let own = OwnPipes {
        input,
        output,
        errors,
    };
    let child = ChildPipes {
        input: their_input,
        output: their_output,
        errors: their_errors,
    };
    Ok((own, child))
}
