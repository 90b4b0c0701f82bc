//! Rates: how many requests may arrive in a period.

use std::fmt;
use std::time::Duration;

/// How many requests may arrive in a period: a bucket of `burst` tokens that refills evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests in each period. At least 1.
    pub requests: u32,
    /// The period.
    pub per: Duration,
    /// Requests that may arrive at once after a pause. At least 1.
    pub burst: u32,
}

impl fmt::Display for Rate {
    /// Writes the rate as in `belljar.toml`: `100/s`, or `100/s burst 500` if the burst is another number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.requests)?;
        match PERIODS.iter().find(|(_, per)| *per == self.per) {
            Some((unit, _)) => f.write_str(unit)?,
            None => write!(f, "{:?}", self.per)?,
        }
        match self.burst == self.requests {
            true => Ok(()),
            false => write!(f, " burst {}", self.burst),
        }
    }
}

/// The units of a rate's period.
const PERIODS: [(&str, Duration); 3] = [
    ("s", Duration::from_secs(1)),
    ("min", Duration::from_secs(60)),
    ("h", Duration::from_secs(60 * 60)),
];
