//! Values in the units that people write, in flags and in files alike.

use std::time::Duration;

use bytesize::ByteSize;

use belljar_sandbox::Rate;

/// `30s`, `500ms`, `2min`.
pub fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) => Err("longer than 365 days".into()),
        Err(error) => Err(format!("{error}; write it as 30s, 500ms or 2min")),
    }
}

/// As [`duration`], where none at all would leave nothing that could be done in it.
pub fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("no time at all; for hardly any limit write 365days".into()),
        duration => Ok(duration),
    }
}

/// `64MiB`, `1GB`, `4096`: a number of bytes.
pub fn bytes(text: &str) -> Result<u64, String> {
    text.parse::<ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|error| format!("{error}; write it as 64MiB, 1GB or 4096"))
}

/// As [`bytes()`], of memory.
pub fn memory(text: &str) -> Result<usize, String> {
    usize::try_from(bytes(text)?).map_err(|_| "more than this machine can address".into())
}

/// As [`memory`], of an instance: a page of WebAssembly at least.
pub fn instance_memory(text: &str) -> Result<usize, String> {
    match memory(text)? {
        size @ PAGE.. => Ok(size),
        _ => Err("less than a page of 64KiB, in which no handler runs".into()),
    }
}

/// As [`memory`], of a head.
pub fn head(text: &str) -> Result<usize, String> {
    match memory(text)? {
        size @ MIN_HEAD..=MAX_HEAD => Ok(size),
        _ => Err("a head may have 256B to 1MiB".into()),
    }
}

/// `100/s`, `10/min`, `1000/h`: requests in a time, with `burst 500` behind it as many at once after a pause, else as
/// many as the number before the slash.
pub fn rate(text: &str) -> Result<Rate, String> {
    let advice = "write it as 100/s, 10/min or 1000/h, or with a burst as 100/s burst 500";
    let number = |digits: &str| match digits.parse::<u32>() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!(
            "{digits:?} is no number of requests, 1 to {}; {advice}",
            u32::MAX
        )),
    };
    let mut words = text.split_whitespace();
    let Some((requests, unit)) = words.next().and_then(|word| word.split_once('/')) else {
        return Err(advice.into());
    };
    let requests = number(requests)?;
    let seconds = match unit {
        "s" => 1,
        "min" => 60,
        "h" => 60 * 60,
        _ => return Err(format!("{unit:?} is no time of a rate; {advice}")),
    };
    let burst = match (words.next(), words.next(), words.next()) {
        (None, ..) => requests,
        (Some("burst"), Some(burst), None) => number(burst)?,
        _ => return Err(advice.into()),
    };
    Ok(Rate {
        requests,
        per: Duration::from_secs(seconds),
        burst,
    })
}

/// A header's value, such as `max-age=3600`.
pub fn field_value(text: &str) -> Result<String, String> {
    if text
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        Ok(text.into())
    } else {
        Err("a header's value is visible ASCII on one line, such as max-age=3600".into())
    }
}

/// Bytes of a page of WebAssembly.
const PAGE: usize = 64 << 10;

/// Bytes of a head: what the shortest sensible request takes, and what a connection is ready to hold.
const MIN_HEAD: usize = 256;
const MAX_HEAD: usize = 1 << 20;

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

    #[test]
    fn rates() {
        for (text, requests, seconds, burst) in [
            ("100/s", 100, 1, 100),
            ("10/min", 10, 60, 10),
            ("1000/h burst 1", 1000, 3600, 1),
            (" 100/s  burst 500 ", 100, 1, 500),
        ] {
            let rate = rate(text).unwrap();
            assert_eq!(
                (rate.requests, rate.per.as_secs(), rate.burst),
                (requests, seconds, burst),
                "{text}"
            );
        }
        for text in [
            "",
            "100",
            "100/",
            "/s",
            "0/s",
            "-1/s",
            "100/day",
            "100/s burst",
            "100/s burst 0",
            "100/s 500",
            "100/s burst 500 more",
            "9999999999/s",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
