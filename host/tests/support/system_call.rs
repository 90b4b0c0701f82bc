//! System calls that the standard library does not have, for tests that try what a process may not do.

use std::io;

/// Makes a system call whose arguments are numbers, or addresses of memory that the kernel may only read or that is null.
pub fn system_call(number: libc::c_long, arguments: [usize; 5]) -> io::Result<()> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: The callers pass numbers and null pointers, so the kernel changes no memory of this process.
    let outcome = unsafe { libc::syscall(number, a, b, c, d, e) };
    match outcome {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
