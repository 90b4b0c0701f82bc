//! The system calls of a compiler: it computes, reads standard input, and writes standard output and error.

use std::io;

use libc::c_long;
use seccompiler::{Error, SeccompCmpOp, apply_filter_all_threads};

use super::filter::{Calls, Fate, any, filter, is_unsupported, rule};

/// Allows nothing else, in all threads of the process.
///
/// # Errors
///
/// If the kernel has seccomp and does not take the filter.
pub(in crate::hardening) fn restrict_compiler() -> io::Result<()> {
    let install = || apply_filter_all_threads(&filter(calls()?, Fate::Allowed, Fate::Denied)?);
    match install() {
        Err(error) if is_unsupported(&error) => Ok(()),
        outcome => outcome.map_err(io::Error::other),
    }
}

fn calls() -> Result<Calls, Error> {
    let mut calls = any(ANY_ARGUMENTS);
    let file = |number| rule(&[(0, SeccompCmpOp::Eq, number)]);
    calls.insert(libc::SYS_read, vec![file(0)?]);
    for call in [libc::SYS_write, libc::SYS_writev] {
        calls.insert(call, vec![file(1)?, file(2)?]);
    }
    // The compiler makes machine code, and does not run it.
    let executable = libc::PROT_EXEC.cast_unsigned().into();
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let rule = rule(&[(2, SeccompCmpOp::MaskedEq(executable), 0)])?;
        calls.insert(call, vec![rule]);
    }
    Ok(calls)
}

/// Memory, waiting for other threads, clocks, signals to itself, and the end.
const ANY_ARGUMENTS: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_futex,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_close,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];
