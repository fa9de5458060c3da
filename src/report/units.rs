//! Durations and rates as every report writes them.

use std::time::Duration;

/// As JSON has it.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds to the microsecond, without the unit, as in ping(8): `0.042`.
pub(super) fn milliseconds(ns: u64) -> String {
    format!("{:.3}", ns as f64 / 1e6)
}

/// Seconds to the tenth, for what lasts: `3.1 s`.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Three digits in the unit that fits: `81.5 us`.
pub(super) fn short(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// As [`short`], for chosen values: `250 ms`, not `250.00 ms`.
pub(super) fn round(ns: u64) -> String {
    let text = short(ns);
    let Some((number, unit)) = text.split_once(' ') else {
        return text;
    };
    match number.contains('.') {
        true => format!(
            "{} {unit}",
            number.trim_end_matches('0').trim_end_matches('.')
        ),
        false => text,
    }
}

/// Per second, with three digits: `5.09 M/s`.
pub(super) fn per_second(rate: f64) -> String {
    match rate {
        1e6.. => format!("{} M/s", three_digits(rate / 1e6)),
        1e4.. => format!("{} k/s", three_digits(rate / 1e3)),
        _ => format!("{} /s", three_digits(rate)),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (81_540, "81.5 us"),
            (2_004_000_000, "2.00 s"),
            (3_600_000_000_000, "3600 s"),
        ] {
            assert_eq!(short(ns), text);
        }
    }

    #[test]
    fn a_chosen_duration_has_no_trailing_zeros() {
        for (ns, text) in [
            (100, "100 ns"),
            (1_000_000_000, "1 s"),
            (250_000_000, "250 ms"),
            (1_500_000, "1.5 ms"),
            (60_000_000_000, "60 s"),
        ] {
            assert_eq!(round(ns), text);
        }
    }

    #[test]
    fn seconds_have_one_digit_after_the_point() {
        for (ms, text) in [(0, "0.0 s"), (1_999, "2.0 s"), (3_060, "3.1 s")] {
            assert_eq!(seconds(Duration::from_millis(ms)), text);
        }
    }
}
