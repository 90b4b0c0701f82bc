//! Values in the units that people write.

use std::time::Duration;

use bytesize::ByteSize;

/// `30s`, `500ms`, `2min`.
pub fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err("longer than 365 days".into()),
        Err(error) => Err(format!("{error}; write it as 30s, 500ms or 2min")),
    }
}

/// `64MiB`, `1GB`, `4096`: a number of bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    text.parse::<ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|error| format!("{error}; write it as 64MiB, 1GB or 4096"))
}

/// As [`bytes`], of memory.
pub fn memory(text: &str) -> Result<usize, String> {
    usize::try_from(bytes(text)?).map_err(|_| "more than this machine can address".into())
}

/// Timers take no more.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("2min", 120_000),
            ("1m 30s", 90_000),
            ("0s", 0),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5.2s",
            "forever",
            "9999999999999999999s",
            "400days",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, size) in [
            ("64MiB", 64 << 20),
            ("1GB", 1_000_000_000),
            ("4096", 4096),
            ("0", 0),
            ("32KiB", 32 << 10),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "MiB", "-1", "1XB", "lots"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
