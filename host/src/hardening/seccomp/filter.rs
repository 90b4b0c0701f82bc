//! Makes filters of system calls, and installs them.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// System calls, and for each the rules of which one must match. Without rules the call matches with any arguments.
pub(super) type Calls = BTreeMap<c_long, Vec<SeccompRule>>;

/// The fate of a system call.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Allowed,
    /// It fails, as without permission.
    Denied,
    /// It fails, as in a kernel that does not have it.
    Missing,
}

pub(super) fn filter(calls: Calls, fate: Fate, of_others: Fate) -> Result<BpfProgram, Error> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(calls, of_others.into(), fate.into(), architecture)?;
    Ok(filter.try_into()?)
}

/// Calls that match with any arguments.
pub(super) fn any(calls: &[c_long]) -> Calls {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// A rule about arguments, all of which must match: the place of each, how it is compared, and with what.
pub(super) fn rule(arguments: &[(u8, SeccompCmpOp, u64)]) -> Result<SeccompRule, Error> {
    let conditions = arguments.iter().map(|(place, operator, value)| {
        SeccompCondition::new(*place, SeccompCmpArgLen::Qword, operator.clone(), *value)
    });
    Ok(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?)
}

/// Whether a filter could not be installed because the kernel, or what runs this process, has no seccomp.
pub(super) fn is_unsupported(error: &Error) -> bool {
    match error {
        Error::Seccomp(error) | Error::Prctl(error) => [libc::ENOSYS, libc::EINVAL]
            .map(Some)
            .contains(&error.raw_os_error()),
        // This processor is not known to the library.
        Error::Backend(seccompiler::BackendError::InvalidTargetArch(_)) => true,
        _ => false,
    }
}

impl From<Fate> for SeccompAction {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Allowed => Self::Allow,
            Fate::Denied => Self::Errno(libc::EPERM.cast_unsigned()),
            Fate::Missing => Self::Errno(libc::ENOSYS.cast_unsigned()),
        }
    }
}
