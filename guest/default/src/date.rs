//! Dates of HTTP (RFC 9110, section 5.6.7), as seconds since 1970-01-01 00:00 UTC.

use crate::text::{self, push_decimal};
use alloc::string::String;

/// An IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn format(seconds: i64) -> String {
    let (days, second) = (
        seconds.div_euclid(86_400),
        seconds.rem_euclid(86_400) as u64,
    );
    let (year, month, day) = civil(days);
    let mut date = String::with_capacity(29);
    // 1970-01-01 was a Thursday.
    date.push_str(WEEKDAYS[(days + 3).rem_euclid(7) as usize].0);
    date.push_str(", ");
    push_two(&mut date, day);
    date.push(' ');
    date.push_str(MONTHS[month as usize - 1]);
    date.push(' ');
    for padding in [1000, 100, 10] {
        if year < padding {
            date.push('0');
        }
    }
    push_decimal(&mut date, year);
    date.push(' ');
    push_two(&mut date, second / 3600);
    date.push(':');
    push_two(&mut date, second / 60 % 60);
    date.push(':');
    push_two(&mut date, second % 60);
    date.push_str(" GMT");
    date
}

/// Parses a date in one of the three formats that a recipient must accept. None if it is in none of them.
///
/// The name of the day must be valid, but it need not fit the date.
pub fn parse(date: &[u8]) -> Option<i64> {
    let (name, rest) =
        date.split_at_checked(date.iter().position(|byte| matches!(byte, b',' | b' '))?)?;
    let short = WEEKDAYS.iter().any(|(short, _)| short.as_bytes() == name);
    let long = WEEKDAYS.iter().any(|(_, long)| long.as_bytes() == name);
    match rest {
        // IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`
        [
            b',',
            b' ',
            d1,
            d2,
            b' ',
            m1,
            m2,
            m3,
            b' ',
            year @ ..,
            b' ',
            _,
            _,
            b':',
            _,
            _,
            b':',
            _,
            _,
            b' ',
            b'G',
            b'M',
            b'T',
        ] if short && year.len() == 4 => {
            seconds(year, &[*m1, *m2, *m3], &[*d1, *d2], time_of(rest, 4))
        }
        // RFC 850: `Sunday, 06-Nov-94 08:49:37 GMT`
        [
            b',',
            b' ',
            d1,
            d2,
            b'-',
            m1,
            m2,
            m3,
            b'-',
            y1,
            y2,
            b' ',
            _,
            _,
            b':',
            _,
            _,
            b':',
            _,
            _,
            b' ',
            b'G',
            b'M',
            b'T',
        ] if long => {
            // A year of two digits is never far in the future. Taking 1970 to 2069 for it needs no clock.
            let century = if *y1 < b'7' { *b"20" } else { *b"19" };
            let [c1, c2] = century;
            seconds(
                &[c1, c2, *y1, *y2],
                &[*m1, *m2, *m3],
                &[*d1, *d2],
                time_of(rest, 4),
            )
        }
        // asctime: `Sun Nov  6 08:49:37 1994`
        [
            b' ',
            m1,
            m2,
            m3,
            b' ',
            d1,
            d2,
            b' ',
            _,
            _,
            b':',
            _,
            _,
            b':',
            _,
            _,
            b' ',
            year @ ..,
        ] if short && year.len() == 4 => {
            let day = [if *d1 == b' ' { b'0' } else { *d1 }, *d2];
            seconds(year, &[*m1, *m2, *m3], &day, time_of(rest, 5))
        }
        _ => None,
    }
}

/// The eight bytes of a time such as `08:49:37`, followed by `behind` bytes.
fn time_of(rest: &[u8], behind: usize) -> Option<&[u8]> {
    let end = rest.len().checked_sub(behind)?;
    rest.get(end.checked_sub(8)?..end)
}

fn seconds(year: &[u8], month: &[u8], day: &[u8], time: Option<&[u8]>) -> Option<i64> {
    let number = |digits| text::decimal(digits).and_then(|number| i64::try_from(number).ok());
    let (year, day) = (number(year)?, number(day)?);
    let month = 1 + MONTHS.iter().position(|name| name.as_bytes() == month)? as i64;
    let time = time?;
    let (hour, minute, second) = (
        number(time.get(0..2)?)?,
        number(time.get(3..5)?)?,
        number(time.get(6..8)?)?,
    );
    // 60 is a leap second.
    if day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. Years begin in March, so that the leap day is the last of
/// its year (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The year, month (1 to 12) and day of `days` since 1970-01-01: the inverse of [`days`].
fn civil(days: i64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year.max(0) as u64, month as u64, day as u64)
}

fn push_two(into: &mut String, number: u64) {
    if number < 10 {
        into.push('0');
    }
    push_decimal(into, number);
}

const WEEKDAYS: [(&str, &str); 7] = [
    ("Mon", "Monday"),
    ("Tue", "Tuesday"),
    ("Wed", "Wednesday"),
    ("Thu", "Thursday"),
    ("Fri", "Friday"),
    ("Sat", "Saturday"),
    ("Sun", "Sunday"),
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_parses_dates() {
        for (seconds, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
            (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        ] {
            assert_eq!(format(seconds), date);
            assert_eq!(parse(date.as_bytes()), Some(seconds), "{date}");
        }
    }

    #[test]
    fn every_day_of_four_centuries() {
        for day in 0..146_097 {
            let (year, month, day_of_month) = civil(day);
            assert_eq!(days(year as i64, month as i64, day_of_month as i64), day);
        }
    }

    #[test]
    fn parses_obsolete_formats() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(date.as_bytes()), Some(784_111_777), "{date}");
        }
        assert_eq!(
            parse(b"Monday, 01-Jan-40 00:00:00 GMT"),
            Some(2_208_988_800)
        );
    }

    #[test]
    fn refuses_invalid_dates() {
        for date in [
            "",
            " ",
            "foo",
            "0",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Xxx, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 29 Feb 1900 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06 Nov 19945 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "1994-11-06T08:49:37Z",
        ] {
            assert_eq!(parse(date.as_bytes()), None, "{date}");
        }
    }
}
