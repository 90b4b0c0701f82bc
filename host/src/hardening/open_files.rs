//! Closes files that a process inherited.

/// Closes all files but standard input, output and error. Call this first, before the process opens files itself.
pub(super) fn close_all_but_standard() {
    // SAFETY: The caller has opened no files, so nothing in this process owns or uses the numbers that are closed. An old
    // kernel without close_range (before 5.9) closes nothing, and the standard library has opened nothing that is
    // inherited.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
}
