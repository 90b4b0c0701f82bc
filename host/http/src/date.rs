//! The value of the Date field.

use std::cell::Cell;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The current time in the format of the Date field, such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
///
/// Each thread formats it once a second.
pub fn now() -> [u8; LENGTH] {
    let second = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let (cached, text) = CACHE.get();
    if cached == second {
        return text;
    }
    let text = format(second);
    CACHE.set((second, text));
    text
}

fn format(second: u64) -> [u8; LENGTH] {
    // The format has no years after 9999, and a clock set past it must not cause a panic.
    let time = UNIX_EPOCH + Duration::from_secs(second.min(END_OF_9999));
    let mut text = String::with_capacity(LENGTH);
    let _ = write!(text, "{}", httpdate::HttpDate::from(time));
    text.as_bytes().try_into().unwrap_or(*EPOCH)
}

/// The length of `Sun, 06 Nov 1994 08:49:37 GMT`.
const LENGTH: usize = 29;
const EPOCH: &[u8; LENGTH] = b"Thu, 01 Jan 1970 00:00:00 GMT";
const END_OF_9999: u64 = 253_402_300_799;

thread_local! {
    static CACHE: Cell<(u64, [u8; LENGTH])> = const { Cell::new((0, *EPOCH)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_dates_as_in_rfc_9110() {
        for (second, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (END_OF_9999, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(str::from_utf8(&format(second)), Ok(expected));
        }
    }

    #[test]
    fn returns_the_current_time() {
        let before = SystemTime::now();
        let text = now();
        let parsed = httpdate::parse_http_date(str::from_utf8(&text).unwrap()).unwrap();
        assert!(parsed + Duration::from_secs(1) > before && parsed <= SystemTime::now());
        assert_eq!(CACHE.get().1, text);
    }
}
