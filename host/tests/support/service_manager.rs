//! What a service manager may do to a process before it starts.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Denies executable memory, as `MemoryDenyWriteExecute=yes` of systemd does. The program does not start if the kernel
/// cannot do that.
pub fn deny_executable_memory(command: &mut Command) {
    let deny = || {
        // SAFETY: The call has only numbers as arguments, and changes only what the process may do later.
        let outcome = unsafe {
            libc::prctl(
                libc::PR_SET_MDWE,
                libc::c_ulong::from(libc::PR_MDWE_REFUSE_EXEC_GAIN),
                0,
                0,
                0,
            )
        };
        match outcome {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: The closure makes one system call, and neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(deny);
    }
}
