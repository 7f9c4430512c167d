//! Time, injected so that tests of expiry need not wait, and the ids made of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment as microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long ago `earlier` was; zero if it lies ahead, as after a clock was set back.
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// XEP-0082 DateTime in UTC with milliseconds: `2026-11-22T16:13:00.123Z`.
    pub fn to_rfc3339(self) -> String {
        let (days, in_day) = (self.seconds() / 86_400, self.seconds() % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
        let millis = self.0 / 1000 % 1000;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }

    /// Reads an XEP-0082 DateTime, with any number of digits behind the second, of which six
    /// count. What was before 1970 is 1970; nothing for what is no such text.
    pub fn from_rfc3339(text: &str) -> Option<Timestamp> {
        let (date, time) = text.split_once('T')?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let (time, ahead) = split_zone(time)?;
        let (time, micros) = match time.split_once('.') {
            Some((time, fraction)) => (time, micros(fraction)?),
            None => (time, 0),
        };
        let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
        let is_moment = (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && (hour < 24 && minute < 60 && second < 60);
        if !is_moment {
            return None;
        }
        let seconds = day_number(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        let micros = (seconds - ahead) * 1_000_000 + micros;
        Some(Timestamp(u64::try_from(micros).unwrap_or_default()))
    }
}

/// Numbers of so many digits each.
fn numbers<const N: usize>(text: &str, between: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut numbers = [0; N];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits && is_digits(part))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Cuts the zone off, which must be there, and says by how many seconds it is ahead of UTC.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let (time, zone) = time.split_at_checked(time.rfind(['+', '-'])?)?;
    let (sign, zone) = zone.split_at_checked(1)?;
    let [hours, minutes] = numbers(zone, ':', [2, 2])?;
    // XML Schema 1.1 §3.3.7: up to 14 hours.
    let is_zone = minutes < 60 && hours * 60 + minutes <= 14 * 60;
    let ahead = hours * 3600 + minutes * 60;
    is_zone.then_some((time, if sign == "-" { -ahead } else { ahead }))
}

/// A fraction of a second.
fn micros(fraction: &str) -> Option<i64> {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let value = digits.fold(0, |value, digit| value * 10 + i64::from(digit.wrapping_sub(b'0')));
    is_digits(fraction).then_some(value)
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The reverse of [`civil`]; days before 1970 are negative.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a day number since 1970, in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is a year's last; 146,097 days make 400 years.
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Where the time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// Microseconds that a test moves by hand.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        Timestamp(match self {
            // A clock before 1970 reads as 1970: ids stay monotonic whatever it says.
            Clock::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX)),
            Clock::Manual(micros) => micros.load(Ordering::Relaxed),
        })
    }
}

/// Unique, strictly increasing 64-bit numbers that are the time in microseconds, or one more than
/// the last where the clock stands still or was set back.
#[derive(Debug, Default)]
pub struct Ids(AtomicU64);

impl Ids {
    /// Numbers greater than `last`, the greatest one that was stored.
    pub fn after(last: u64) -> Self {
        Ids(AtomicU64::new(last))
    }

    /// The next number.
    pub fn next(&self, now: Timestamp) -> u64 {
        let step = |last: u64| Some(now.0.max(last.saturating_add(1)));
        let last = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        now.0.max(last.unwrap_or_default().saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        let at = |seconds: u64| Timestamp(seconds * 1_000_000).to_rfc3339();
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(1_795_363_980), "2026-11-22T16:13:00.000Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59.000Z");
    }

    #[test]
    fn a_date_reads_back() {
        for micros in [0, 951_782_400_000_000, 1_795_363_980_123_000, 4_107_542_399_999_000] {
            let text = Timestamp(micros).to_rfc3339();
            assert_eq!(Timestamp::from_rfc3339(&text), Some(Timestamp(micros)), "{text}");
        }
    }

    #[test]
    fn dates_have_zones_and_fractions_of_any_length() {
        let read = |text: &str| Timestamp::from_rfc3339(text).map(|at| at.0);
        assert_eq!(read("1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(read("1970-01-01T00:00:01.5Z"), Some(1_500_000));
        assert_eq!(read("1970-01-01T00:00:01.1234567891Z"), Some(1_123_456));
        assert_eq!(read("1970-01-01T02:00:00+02:00"), Some(0));
        assert_eq!(read("1969-12-31T19:00:00-05:00"), Some(0));
        assert_eq!(read("1969-12-31T23:59:59Z"), Some(0));
        assert_eq!(read("0000-01-01T00:00:00Z"), Some(0));
        assert!(read("9999-12-31T23:59:59Z").is_some());
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "T",
            "2026-11-22",
            "2026-11-22T16:13:00",
            "20261122T16:13:00Z",
            "2026-11-22T16:13:00.Z",
            "2026-11-22T16:13:00.1x9Z",
            "2026-11-22 16:13:00Z",
            "2026-13-22T16:13:00Z",
            "2026-00-22T16:13:00Z",
            "2026-02-29T16:13:00Z",
            "2026-11-31T16:13:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T16:60:00Z",
            "2026-11-22T16:13:60Z",
            "2026-11-22T16:13:00+15:00",
            "2026-11-22T16:13:00+2:00",
            "2026-11-22T16:13:00\u{661}Z",
            "+026-11-22T16:13:00Z",
            "-2026-11-22T16:13:00Z",
            "99999999999999999999-11-22T16:13:00Z",
            "2026-11-22T16:13:00Z ",
        ] {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn ids_go_up_when_the_clock_goes_back() {
        let ids = Ids::default();
        let first = ids.next(Timestamp(1000));
        let second = ids.next(Timestamp(10));
        assert!(second > first);
        assert_eq!(ids.next(Timestamp(5000)), 5000);
    }
}
