//! Conversions between the types of `wasi:filesystem` 0.3 and those of 0.2.

use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

pub(super) fn follow(flags: p3::PathFlags) -> p2::PathFlags {
    match flags.contains(p3::PathFlags::SYMLINK_FOLLOW) {
        true => p2::PathFlags::SYMLINK_FOLLOW,
        false => p2::PathFlags::empty(),
    }
}

/// Converts flags one by one.
macro_rules! converted {
    ($flags:expr, $type:ident: $($flag:ident)*) => {{
        let mut converted = p2::$type::empty();
        $(if $flags.contains(p3::$type::$flag) {
            converted |= p2::$type::$flag;
        })*
        converted
    }};
}

pub(super) fn open_flags(flags: p3::OpenFlags) -> p2::OpenFlags {
    converted!(flags, OpenFlags: CREATE DIRECTORY EXCLUSIVE TRUNCATE)
}

pub(super) fn flags(flags: p3::DescriptorFlags) -> p2::DescriptorFlags {
    converted!(flags, DescriptorFlags:
        READ WRITE FILE_INTEGRITY_SYNC DATA_INTEGRITY_SYNC REQUESTED_WRITE_SYNC MUTATE_DIRECTORY)
}

/// # Errors
///
/// If the time is before 1970, which 0.2 cannot express.
pub(super) fn time(time: p3::NewTimestamp) -> Result<p2::NewTimestamp, p2::ErrorCode> {
    Ok(match time {
        p3::NewTimestamp::NoChange => p2::NewTimestamp::NoChange,
        p3::NewTimestamp::Now => p2::NewTimestamp::Now,
        p3::NewTimestamp::Timestamp(instant) => p2::NewTimestamp::Timestamp(Datetime {
            seconds: u64::try_from(instant.seconds).map_err(|_| p2::ErrorCode::Overflow)?,
            nanoseconds: instant.nanoseconds,
        }),
    })
}

pub(super) fn advice(advice: p3::Advice) -> p2::Advice {
    match advice {
        p3::Advice::Normal => p2::Advice::Normal,
        p3::Advice::Sequential => p2::Advice::Sequential,
        p3::Advice::Random => p2::Advice::Random,
        p3::Advice::WillNeed => p2::Advice::WillNeed,
        p3::Advice::DontNeed => p2::Advice::DontNeed,
        p3::Advice::NoReuse => p2::Advice::NoReuse,
    }
}

pub(super) fn entry(entry: p2::DirectoryEntry) -> p3::DirectoryEntry {
    use p2::DescriptorType as From;
    use p3::DescriptorType as To;
    p3::DirectoryEntry {
        type_: match entry.type_ {
            From::BlockDevice => To::BlockDevice,
            From::CharacterDevice => To::CharacterDevice,
            From::Directory => To::Directory,
            From::Fifo => To::Fifo,
            From::SymbolicLink => To::SymbolicLink,
            From::RegularFile => To::RegularFile,
            From::Socket => To::Socket,
            From::Unknown => To::Other(None),
        },
        name: entry.name,
    }
}

pub(super) fn code(code: p2::ErrorCode) -> p3::ErrorCode {
    use p2::ErrorCode as From;
    use p3::ErrorCode as To;
    match code {
        From::Access => To::Access,
        From::Already => To::Already,
        From::BadDescriptor => To::BadDescriptor,
        From::Busy => To::Busy,
        From::Deadlock => To::Deadlock,
        From::Quota => To::Quota,
        From::Exist => To::Exist,
        From::FileTooLarge => To::FileTooLarge,
        From::IllegalByteSequence => To::IllegalByteSequence,
        From::InProgress => To::InProgress,
        From::Interrupted => To::Interrupted,
        From::Invalid => To::Invalid,
        From::Io => To::Io,
        From::IsDirectory => To::IsDirectory,
        From::Loop => To::Loop,
        From::TooManyLinks => To::TooManyLinks,
        From::MessageSize => To::MessageSize,
        From::NameTooLong => To::NameTooLong,
        From::NoDevice => To::NoDevice,
        From::NoEntry => To::NoEntry,
        From::NoLock => To::NoLock,
        From::InsufficientMemory => To::InsufficientMemory,
        From::InsufficientSpace => To::InsufficientSpace,
        From::NotDirectory => To::NotDirectory,
        From::NotEmpty => To::NotEmpty,
        From::NotRecoverable => To::NotRecoverable,
        From::Unsupported => To::Unsupported,
        From::NoTty => To::NoTty,
        From::NoSuchDevice => To::NoSuchDevice,
        From::Overflow => To::Overflow,
        From::NotPermitted => To::NotPermitted,
        From::Pipe => To::Pipe,
        From::ReadOnly => To::ReadOnly,
        From::InvalidSeek => To::InvalidSeek,
        From::TextFileBusy => To::TextFileBusy,
        From::CrossDevice => To::CrossDevice,
        From::WouldBlock => To::Other(None),
    }
}
