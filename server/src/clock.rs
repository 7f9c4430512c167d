//! Time, injected so that tests of expiry need not wait, and the ids made of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment as microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
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
}

/// Year, month and day of a day number since 1970, in the proleptic Gregorian calendar.
///
/// Years are counted from March, so that the leap day is a year's last; 146,097 days make 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
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
    fn ids_go_up_when_the_clock_goes_back() {
        let ids = Ids::default();
        let first = ids.next(Timestamp(1000));
        let second = ids.next(Timestamp(10));
        assert!(second > first);
        assert_eq!(ids.next(Timestamp(5000)), 5000);
    }
}
