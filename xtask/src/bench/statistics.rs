//! Medians and percentiles, and figures formatted for people.

/// `None` if there are no figures.
pub fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures.len().checked_sub(1)? / 2, figures.len() / 2);
    Some((figures[low] + figures[high]) / 2.0)
}

/// The smallest figure that is not exceeded by `part` (0 to 1) of all figures; 0 if there are no figures.
pub fn percentile(figures: &[f64], part: f64) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let rank = (part * figures.len() as f64).ceil() as usize;
    figures.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// A whole number, such as `12,345`.
pub fn whole(figure: f64) -> String {
    let digits = format!("{:.0}", figure.round());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time given in microseconds, such as `85 us`, `1.24 ms` or `3.01 s`.
pub fn time(micros: f64) -> String {
    match micros {
        _ if micros < 10.0 => format!("{micros:.1} us"),
        _ if micros < 1_000.0 => format!("{micros:.0} us"),
        _ if micros < 10_000.0 => format!("{:.2} ms", micros / 1e3),
        _ if micros < 1e6 => format!("{:.0} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::{median, percentile, time, whole};

    #[test]
    fn finds_the_median_of_odd_and_even_numbers_of_figures() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn percentiles_are_measured_figures() {
        let figures: Vec<f64> = (1..=1000).map(f64::from).collect();
        for (part, wanted) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            assert_eq!(percentile(&figures, part), wanted);
        }
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn groups_digits_and_scales_times() {
        for (figure, wanted) in [
            (0.4, "0"),
            (999.6, "1,000"),
            (123.0, "123"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(whole(figure), wanted);
        }
        for (micros, wanted) in [
            (5.25, "5.2 us"),
            (850.0, "850 us"),
            (1_240.0, "1.24 ms"),
            (3_010_000.0, "3.01 s"),
        ] {
            assert_eq!(time(micros), wanted);
        }
    }
}
