//! Time: the deadline that every step shares, and the only place that reads a clock or sleeps.
//!
//! A [`Deadline`] is a point in time on the monotonic clock. It is copied down to every function that waits, and only
//! ever shrinks: nothing below can wait longer than the remaining time, however often it waits. Dates are for display
//! and for `Retry-After`; nothing whose correctness matters depends on the wall clock.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long an operation may still take, as a fixed point in time on the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    end: Option<Instant>,
}

impl Deadline {
    /// No deadline.
    pub(crate) const UNLIMITED: Deadline = Deadline { end: None };

    /// Ends `limit` from now.
    pub(crate) fn after(limit: Duration) -> Deadline {
        Deadline {
            end: Instant::now().checked_add(limit),
        }
    }

    /// The earlier of this deadline and `limit` from now.
    pub(crate) fn at_most(self, limit: Duration) -> Deadline {
        match (self.end, Instant::now().checked_add(limit)) {
            (Some(end), Some(cap)) => Deadline {
                end: Some(end.min(cap)),
            },
            (end, cap) => Deadline { end: end.or(cap) },
        }
    }

    /// The remaining time: zero once it is over, [`Duration::MAX`] if there is no deadline.
    pub(crate) fn left(self) -> Duration {
        self.end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        })
    }

    /// Whether no time is left.
    pub(crate) fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

/// Time and randomness for the delivery loop, so that its tests need neither.
pub(crate) trait Clock {
    /// The time since this clock was started.
    fn elapsed(&self) -> Duration;
    /// Seconds since 1970, by the wall clock.
    fn unix(&self) -> u64;
    /// Waits.
    fn sleep(&self, time: Duration);
    /// A random number in the range [0, 1).
    fn chance(&self) -> f64;
}

/// The machine's clocks.
#[derive(Debug)]
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts now.
    pub(crate) fn start() -> SystemClock {
        SystemClock {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix(&self) -> u64 {
        unix()
    }

    fn sleep(&self, time: Duration) {
        sleep(time);
    }

    fn chance(&self) -> f64 {
        // The upper 53 bits of a keyed hash: an f64's fraction holds no more.
        (RandomState::new().hash_one(0u8) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Seconds since 1970, by the wall clock.
pub(crate) fn unix() -> u64 {
    micros() / 1_000_000
}

/// Microseconds since 1970, by the wall clock: for names that sort by arrival.
pub(crate) fn micros() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// Waits for `time`.
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// `Retry-After` (RFC 9110, section 10.2.3): how long to wait from `now`, in seconds since 1970. A date in the past gives
/// zero; anything but seconds or a date gives `None`.
pub(crate) fn retry_after(text: &str, now: u64) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    Some(Duration::from_secs(
        http_date(text, now)?.saturating_sub(now),
    ))
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// An HTTP date in any of the three forms of RFC 9110, section 5.6.7, in seconds since 1970:
/// `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`.
fn http_date(text: &str, now: u64) -> Option<u64> {
    let words: Vec<_> = text
        .split([' ', '-'])
        .filter(|word| !word.is_empty())
        .collect();
    let (day, month, year, time) = match words[..] {
        [_, day, month, year, time, "GMT"] => (day, month, year, time),
        [_, month, day, time, year] => (day, month, year, time),
        _ => return None,
    };
    let number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse::<u64>().ok())?
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year = match (year.len(), number(year)?) {
        (4, year) => year,
        // A two-digit year is the one that is at most 50 years ahead.
        (2, year) => {
            let this = civil_from_days(now / 86_400).0;
            let year = this - this % 100 + year;
            if year > this + 50 { year - 100 } else { year }
        }
        _ => return None,
    };
    let clock: Vec<_> = time.split(':').map(number).collect::<Option<_>>()?;
    match (&clock[..], number(day)?) {
        ([hour @ 0..24, minute @ 0..60, second @ 0..=60], day @ 1..=31) if year >= 1970 => {
            Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
        }
        _ => None,
    }
}

/// The days from 1970 to a date in the Gregorian calendar, from 1970 on.
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    // Let years begin in March, so that the leap day comes last.
    let year = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`]: year, month and day.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// A time in seconds since 1970, for display: `2026-11-20 03:00:00 UTC`.
pub(crate) fn utc(unix: u64) -> String {
    let (year, month, day) = civil_from_days(unix / 86_400);
    let second = unix % 86_400;
    format!(
        "{year}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The same in the form of RFC 3339: `2026-11-20T03:00:00Z`.
pub(crate) fn rfc3339(unix: u64) -> String {
    let text = utc(unix);
    match text.split_once(' ') {
        Some((date, rest)) => format!("{date}T{}Z", rest.trim_end_matches(" UTC")),
        None => text,
    }
}

/// A time in the past, for display: `2 h ago (2026-11-20 03:00:00 UTC)`.
pub(crate) fn ago(unix: u64, now: u64) -> String {
    let since = Duration::from_secs(now.saturating_sub(unix));
    format!("{} ago ({})", in_words(since), utc(unix))
}

/// A duration for display: `250 ms`, `1.5 s`, `90 s`, `5 min`, `2 h`, `3 d`.
pub(crate) fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{} ms", time.as_millis()),
        1..10 => format!("{} s", decimal(time.as_millis() as u64, 1000)),
        10..300 => format!("{seconds} s"),
        300..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `count / unit` with one decimal, rounded.
pub(crate) fn decimal(count: u64, unit: u64) -> String {
    let tenths = (10 * count + unit / 2) / unit;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Whole seconds for display: as [`in_words`], but never in parts of a second.
pub(crate) fn seconds_in_words(seconds: u64) -> String {
    match seconds {
        0..10 => format!("{seconds} s"),
        _ => in_words(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: u64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT

    #[test]
    fn retry_after_takes_seconds_and_all_three_forms_of_a_date() {
        let seconds = |text| retry_after(text, NOW - 90).map(|wait| wait.as_secs());
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(90));
        assert_eq!(seconds("Sunday, 06-Nov-94 08:49:37 GMT"), Some(90));
        assert_eq!(seconds("Sun Nov  6 08:49:37 1994"), Some(90));
        assert_eq!(
            seconds("Sat, 05 Nov 1994 08:49:37 GMT"),
            Some(0),
            "a date in the past is now"
        );
    }

    #[test]
    fn retry_after_ignores_garbage() {
        for text in [
            "",
            "-1",
            "+1",
            "1.5",
            "soon",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 194 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1969 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(retry_after(text, NOW), None, "{text:?}");
        }
    }

    #[test]
    fn two_digit_years_lie_at_most_fifty_years_ahead() {
        let y2026 = 1_795_000_000;
        let year = |text| civil_from_days(http_date(text, y2026).unwrap() / 86_400).0;
        assert_eq!(year("Sunday, 06-Nov-76 08:49:37 GMT"), 2076);
        assert_eq!(year("Sunday, 06-Nov-77 08:49:37 GMT"), 1977);
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (0..200_000).step_by(13) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
        assert_eq!(utc(NOW), "1994-11-06 08:49:37 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(NOW), "1994-11-06T08:49:37Z");
    }

    #[test]
    fn one_decimal_is_rounded() {
        assert_eq!(in_words(Duration::from_millis(1049)), "1.0 s");
        assert_eq!(in_words(Duration::from_millis(9960)), "10.0 s");
        assert_eq!(decimal(12_350_000, 1_000_000), "12.4");
    }

    #[test]
    fn a_part_of_a_budget_never_outlives_it() {
        let deadline = Deadline::after(Duration::from_millis(10));
        assert!(deadline.at_most(Duration::from_secs(9)).left() <= Duration::from_millis(10));
        assert!(Deadline::UNLIMITED.at_most(Duration::ZERO).is_over());
        assert_eq!(Deadline::UNLIMITED.left(), Duration::MAX);
    }
}
