//! What a compiler process is to do: its limits and its target, as arguments of a command and as a message.

use std::ffi::OsString;

use belljar_sandbox::{Chain, CompileTarget, Effort};

use super::limits::CompileLimits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Task {
    /// Maximum memory in bytes.
    pub memory: u64,
    /// Processor time in seconds, for each processor.
    pub seconds: u64,
    pub target: CompileTarget,
    pub effort: Effort,
    /// The number of middleware in front of the component.
    pub middleware: u64,
}

impl Task {
    pub fn new(
        limits: &CompileLimits,
        target: CompileTarget,
        effort: Effort,
        chain: &Chain<'_>,
    ) -> Self {
        Self {
            memory: limits.memory,
            seconds: limits.timeout.as_secs().max(1),
            target,
            effort,
            middleware: chain.middleware().count() as u64,
        }
    }

    /// The arguments of `belljar`.
    pub fn arguments(self) -> Vec<OsString> {
        let mut arguments = vec![
            "compile".into(),
            "--memory".into(),
            self.memory.to_string().into(),
            "--seconds".into(),
            self.seconds.to_string().into(),
            "--middleware".into(),
            self.middleware.to_string().into(),
        ];
        if self.target == CompileTarget::OnDemand {
            arguments.push("--anywhere".into());
        }
        if self.effort == Effort::Least {
            arguments.push("--quick".into());
        }
        arguments
    }

    pub fn to_message(self) -> [u8; MESSAGE] {
        let mut message = [0; MESSAGE];
        let target = u64::from(self.target == CompileTarget::OnDemand);
        let effort = u64::from(self.effort == Effort::Least);
        let numbers = [self.memory, self.seconds, target, effort, self.middleware];
        for (field, number) in message.chunks_exact_mut(8).zip(numbers) {
            field.copy_from_slice(&number.to_ne_bytes());
        }
        message
    }

    pub fn of_message(message: [u8; MESSAGE]) -> Self {
        let mut fields = message
            .chunks_exact(8)
            .filter_map(|field| Some(u64::from_ne_bytes(field.try_into().ok()?)));
        let mut next = || fields.next().unwrap_or_default();
        Self {
            memory: next(),
            seconds: next(),
            target: match next() {
                0 => CompileTarget::Pool,
                _ => CompileTarget::OnDemand,
            },
            effort: match next() {
                0 => Effort::Full,
                _ => Effort::Least,
            },
            middleware: next(),
        }
    }
}

/// Bytes of a message: five numbers of 64 bits.
pub(super) const MESSAGE: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_the_task() {
        for (target, effort) in [
            (CompileTarget::Pool, Effort::Full),
            (CompileTarget::OnDemand, Effort::Full),
            (CompileTarget::Pool, Effort::Least),
        ] {
            let task = Task {
                memory: 2 << 30,
                seconds: 60,
                target,
                effort,
                middleware: 2,
            };
            assert_eq!(Task::of_message(task.to_message()), task);
        }
    }
}
