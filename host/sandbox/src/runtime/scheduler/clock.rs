//! The clock that meters a guest.

use std::time::{Duration, Instant};

use crate::thread::cpu_time;

/// How long a poll has taken: by the CPU clock of the thread if that was read, else by the wall clock.
///
/// Reading the CPU clock is a system call. The fast lane does without it until the first tick; most polls end before.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub wall: Instant,
    pub cpu: Option<Duration>,
}

impl Clock {
    pub fn start(with_cpu: bool) -> Self {
        Self {
            wall: Instant::now(),
            cpu: if with_cpu { cpu_time() } else { None },
        }
    }

    pub fn elapsed(self) -> Duration {
        match (self.cpu, self.cpu.and_then(|_| cpu_time())) {
            (Some(start), Some(now)) => now.saturating_sub(start),
            _ => self.wall.elapsed(),
        }
    }
}
