//! The values of settings as texts: the same in flags, in files and in messages.

use std::time::Duration;

use belljar_http::Rate;
use belljar_http::settings::{Kind, Value};
use bytesize::ByteSize;

/// Reads the value of a setting.
///
/// # Errors
///
/// The text is not a value of this kind, or out of its range. The message says how to write it.
pub fn parse(kind: Kind, text: &str) -> Result<Value, String> {
    match kind {
        Kind::Time { least } => match duration(text)? {
            time if time < least => {
                Err("it has to be more than 0s; write 365days for nearly no limit".into())
            }
            time => Ok(Value::Time(time)),
        },
        Kind::Size { least, most } => match size(text)? {
            size if (least..=most).contains(&size) => Ok(Value::Number(size)),
            _ => Err(out_of(kind)),
        },
        Kind::Count { least, most } => match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Value::Number(number)),
            _ => Err(out_of(kind)),
        },
        Kind::Rate => rate(text).map(Value::Rate),
    }
}

/// Writes a value as [`parse`] reads it.
pub fn show(kind: Kind, value: Value) -> String {
    match (kind, value) {
        (_, Value::Unset | Value::Number(u64::MAX)) => "no limit".into(),
        (_, Value::Time(time)) => show_time(time),
        (_, Value::Rate(rate)) => rate.to_string(),
        (Kind::Size { .. }, Value::Number(size)) => show_size(size),
        (_, Value::Number(number)) => number.to_string(),
    }
}

/// Writes a number of bytes with the largest unit that keeps it exact.
pub fn show_size(size: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let exact = |shift: u32| size > 0 && size.trailing_zeros() >= shift;
    match units.into_iter().find(|(_, shift)| exact(*shift)) {
        Some((unit, shift)) => format!("{}{unit}", size >> shift),
        None => format!("{size}B"),
    }
}

/// The range of a size or a count in words, such as `1 to 1024` or `64KiB or more`. None: every value is in range.
pub fn range(kind: Kind) -> Option<String> {
    let (Kind::Size { least, most } | Kind::Count { least, most }) = kind else {
        return None;
    };
    let [low, high] = [least, most].map(|bound| show(kind, Value::Number(bound)));
    match (least, most) {
        (0, u64::MAX) => None,
        (_, u64::MAX) => Some(format!("{low} or more")),
        _ => Some(format!("{low} to {high}")),
    }
}

/// The error for a value that is in the range of its setting, but too large for an integer of this machine.
pub const TOO_LARGE: &str = "the value is too large for this machine";

fn out_of(kind: Kind) -> String {
    let range = range(kind).unwrap_or_else(|| "a whole number".into());
    format!("it has to be {range}")
}

/// Reads a time such as `30s`, `500ms` or `2min`.
///
/// # Errors
///
/// The text is not a time, or longer than 365 days.
pub fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time <= LONGEST => Ok(time),
        Ok(_) => Err("it has to be 365 days or less".into()),
        Err(error) => Err(format!("{error}; write it as 30s, 500ms or 2min")),
    }
}

fn show_time(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{}s", time.as_secs()),
        nanos if nanos % 1_000_000 == 0 => format!("{}ms", time.as_millis()),
        _ => format!("{}ns", time.as_nanos()),
    }
}

/// Reads a size such as `64MiB`, `1GB` or `4096`.
fn size(text: &str) -> Result<u64, String> {
    text.parse::<ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|error| format!("{error}; write it as 64MiB, 1GB or 4096"))
}

/// Reads a rate such as `100/s`, `10/min`, `1000/h` or `100/s burst 500`. Without a burst as many requests may arrive at
/// once as the number before the slash.
fn rate(text: &str) -> Result<Rate, String> {
    let advice = "write it as 100/s, 10/min or 1000/h, or with a burst as 100/s burst 500";
    let number = |digits: &str| match digits.parse::<u32>() {
        Ok(number @ 1..) => Ok(number),
        _ => Err(format!(
            "{digits:?} is not a number of requests from 1 to {}; {advice}",
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
        _ => return Err(format!("{unit:?} is not a unit of a rate; {advice}")),
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

/// Timers do not accept longer times.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_times() {
        for (text, milliseconds, shown) in [
            ("30s", 30_000, "30s"),
            ("500ms", 500, "500ms"),
            ("2min", 120_000, "120s"),
            ("1m 30s", 90_000, "90s"),
            ("0s", 0, "0s"),
        ] {
            let time = Value::Time(Duration::from_millis(milliseconds));
            assert_eq!(parse(Kind::TIME_OR_ZERO, text), Ok(time), "{text}");
            assert_eq!(show(Kind::TIME, time), shown, "{text}");
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
            assert!(parse(Kind::TIME_OR_ZERO, text).is_err(), "{text}");
        }
        assert!(parse(Kind::TIME, "0s").is_err());
        let odd = Value::Time(Duration::from_nanos(1_000_001));
        assert_eq!(parse(Kind::TIME, &show(Kind::TIME, odd)), Ok(odd));
    }

    #[test]
    fn reads_and_writes_sizes() {
        for (text, size, shown) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("1GB", 1_000_000_000, "1000000000B"),
            ("4096", 4096, "4KiB"),
            ("0", 0, "0B"),
            ("2048GiB", 2 << 40, "2048GiB"),
        ] {
            let value = Value::Number(size);
            assert_eq!(parse(Kind::SIZE, text), Ok(value), "{text}");
            assert_eq!(parse(Kind::SIZE, shown), Ok(value), "{text}");
            assert_eq!(show(Kind::SIZE, value), shown, "{text}");
        }
        for text in ["", "MiB", "-1", "1XB", "lots"] {
            assert!(parse(Kind::SIZE, text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_the_range_of_a_value_outside_it() {
        let size = |least, most| Kind::Size { least, most };
        let count = |least, most| Kind::Count { least, most };
        for (kind, text, told) in [
            (size(256, 1 << 20), "255", "it has to be 256B to 1MiB"),
            (size(256, 1 << 20), "2MiB", "it has to be 256B to 1MiB"),
            (size(64 << 10, u64::MAX), "1", "it has to be 64KiB or more"),
            (count(1, 1024), "0", "it has to be 1 to 1024"),
            (count(1, 1024), "four", "it has to be 1 to 1024"),
        ] {
            assert_eq!(parse(kind, text), Err(told.into()), "{text}");
        }
        assert_eq!(parse(count(0, 9), "0"), Ok(Value::Number(0)));
    }

    #[test]
    fn reads_and_writes_rates() {
        for (text, requests, seconds, burst, shown) in [
            ("100/s", 100, 1, 100, "100/s"),
            ("10/min", 10, 60, 10, "10/min"),
            ("1000/h burst 1", 1000, 3600, 1, "1000/h burst 1"),
            (" 100/s  burst 500 ", 100, 1, 500, "100/s burst 500"),
        ] {
            let rate = rate(text).unwrap();
            assert_eq!(
                (rate.requests, rate.per.as_secs(), rate.burst),
                (requests, seconds, burst),
                "{text}"
            );
            assert_eq!(show(Kind::Rate, Value::Rate(rate)), shown);
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
