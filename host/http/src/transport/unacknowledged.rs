//! How many sent bytes the other side of a TCP connection has not acknowledged.

use tokio::net::TcpStream;

/// Zero if the system does not tell.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
pub(super) fn of(stream: &TcpStream) -> u64 {
    use rustix::ioctl::{Getter, Opcode, ioctl};

    /// `SIOCOUTQ`, under its older name. The number holds for the processors above.
    const TIOCOUTQ: Opcode = 0x5411;

    // SAFETY: for this opcode the kernel writes one int, which is the type of the getter, and changes nothing else.
    let bytes = unsafe { ioctl(stream, Getter::<TIOCOUTQ, std::ffi::c_int>::new()) };
    bytes
        .ok()
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(0)
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
pub(super) fn of(_: &TcpStream) -> u64 {
    0
}
