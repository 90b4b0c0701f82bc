//! The system calls that a server never makes: to start programs, to look into other processes, to change the system.
//!
//! This is a list of what is denied. What the C library, the resolver and the database call depends on their versions, and
//! a list of what is allowed would break the server with an update of the system.

use libc::c_long;
use seccompiler::{Error, SeccompCmpOp, apply_filter};

use super::filter::{Calls, Fate, any, filter, rule};

/// Denies them to this thread, and to all threads that it starts.
pub(in crate::hardening) fn restrict_server() -> Result<(), String> {
    let install = || -> Result<(), Error> {
        apply_filter(&filter(denied()?, Fate::Denied, Fate::Allowed)?)?;
        // The arguments of clone3 are in memory, where a filter cannot see them. Without it the C library uses clone.
        let clone3 = any(&[libc::SYS_clone3]);
        apply_filter(&filter(clone3, Fate::Missing, Fate::Allowed)?)
    };
    install().map_err(|error| error.to_string())
}

fn denied() -> Result<Calls, Error> {
    let mut calls = any(DENIED);
    #[cfg(target_arch = "x86_64")]
    calls.extend(any(DENIED_ON_X86));
    // A new thread is allowed, a new process is not.
    let thread = libc::CLONE_THREAD.cast_unsigned().into();
    let process = rule(&[(0, SeccompCmpOp::MaskedEq(thread), 0)])?;
    calls.insert(libc::SYS_clone, vec![process]);
    let families = FAMILIES.map(|family| (0, SeccompCmpOp::Ne, u64::from(family.cast_unsigned())));
    calls.insert(libc::SYS_socket, vec![rule(&families)?]);
    #[cfg(target_arch = "x86_64")]
    let calls = with_x32(calls);
    Ok(calls)
}

/// Some kernels have the calls a second time, for programs with short pointers: with a bit in the number, and some of them
/// under a number of their own (arch/x86/entry/syscalls/syscall_64.tbl in Linux).
#[cfg(target_arch = "x86_64")]
fn with_x32(calls: Calls) -> Calls {
    const X32: c_long = 0x4000_0000;
    let own_numbers = 512..=547;
    let again = calls
        .iter()
        .map(|(call, rules)| (call | X32, rules.clone()))
        .chain(own_numbers.map(|call| (call | X32, Vec::new())))
        .collect::<Vec<_>>();
    calls.into_iter().chain(again).collect()
}

/// The kinds of sockets that a server has: TCP and UDP, and those of the resolver.
const FAMILIES: [libc::c_int; 4] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
];

const DENIED: &[c_long] = &[
    // Programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes, and the keys of the user.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // Parts of the kernel that had many errors, and that a server does without.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    // Other views of the file system.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_mknodat,
    // The system as a whole.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
];

#[cfg(target_arch = "x86_64")]
const DENIED_ON_X86: &[c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_mknod,
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
];
