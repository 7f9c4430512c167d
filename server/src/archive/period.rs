//! Periods: which stretch of time lies in one directory, and what it is called. All in UTC.

use std::fmt;
use std::time::Duration;

use crate::clock::{Timestamp, civil};
use crate::config::Retention;

const DAY: Duration = Duration::from_secs(86_400);
const DAY_MICROS: u64 = 86_400_000_000;

/// How long the periods of a series are: a fraction of how long its messages are kept, because a
/// directory goes when its newest message may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// `2026-11-22`
    Day,
    /// `2026-w47`, as ISO 8601 counts weeks.
    Week,
    /// `2026-11`
    Month,
}

impl Length {
    pub(super) fn of(series: Retention) -> Self {
        match series {
            Retention::Nothing => Self::Day,
            Retention::For(kept) if kept <= 2 * DAY => Self::Day,
            Retention::For(kept) if kept <= 90 * DAY => Self::Week,
            Retention::For(_) | Retention::Forever => Self::Month,
        }
    }
}

/// One directory's stretch of time, in microseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    length: Length,
    /// The first number inside.
    pub(super) start: u64,
    /// The first number behind it.
    pub(super) end: u64,
}

impl Period {
    /// The one in which a moment lies.
    pub(super) fn at(length: Length, moment: Timestamp) -> Self {
        let day = moment.0 / DAY_MICROS;
        let (first, next) = match length {
            Length::Day => (day, day + 1),
            // Weeks begin on Mondays, and 1970 began on a Thursday: week 0 begins three days before.
            Length::Week => {
                let week = (day + 3) / 7;
                ((week * 7).saturating_sub(3), week * 7 + 4)
            }
            Length::Month => {
                let (year, month, in_month) = civil(day);
                let first = day + 1 - in_month;
                let after = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                (first, day_number(after.0, after.1, 1))
            }
        };
        Self { length, start: micros(first), end: micros(next) }
    }

    /// Reads a name. `None`: it is no period of this length.
    pub(super) fn parse(length: Length, name: &str) -> Option<Self> {
        let (year, rest) = name.split_once('-')?;
        let year = digits(year, 4)?;
        let day = match length {
            Length::Day => {
                let (month, day) = rest.split_once('-')?;
                day_number(year, digits(month, 2)?, digits(day, 2)?)
            }
            // ISO 8601: 4 January is always in week 1.
            Length::Week => {
                let first = (day_number(year, 1, 4) + 3) / 7;
                (first + digits(rest.strip_prefix('w')?, 2)?.checked_sub(1)?) * 7
            }
            Length::Month => day_number(year, digits(rest, 2)?, 1),
        };
        let period = Self::at(length, Timestamp(micros(day)));
        // 30 February, week 0 and month 13 are names of other periods.
        (period.to_string() == name).then_some(period)
    }
}

/// Names are in the order of time until the year 9999.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.start / DAY_MICROS;
        match self.length {
            Length::Day => {
                let (year, month, day) = civil(day);
                write!(f, "{year:04}-{month:02}-{day:02}")
            }
            // ISO 8601: a week belongs to the year in which its Thursday lies.
            Length::Week => {
                let thursday = (day + 3) / 7 * 7;
                let (year, _, _) = civil(thursday);
                let week = (thursday - day_number(year, 1, 1)) / 7 + 1;
                write!(f, "{year:04}-w{week:02}")
            }
            Length::Month => {
                let (year, month, _) = civil(day);
                write!(f, "{year:04}-{month:02}")
            }
        }
    }
}

/// The reverse of [`civil`] from 1970 on; what lies before is day 0.
fn day_number(year: u64, month: u64, day: u64) -> u64 {
    let (year, march_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * march_month + 2) / 5 + day;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    days.saturating_sub(719_469)
}

fn micros(day: u64) -> u64 {
    day.saturating_mul(DAY_MICROS)
}

/// Exactly so many digits; never zero, which is no year, month, day or week.
fn digits(text: &str, count: usize) -> Option<u64> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| plain && *number > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTHS: [Length; 3] = [Length::Day, Length::Week, Length::Month];
    /// 9999-12-27, the end of the last week of that year.
    const LAST: u64 = 253_402_000_000_000_000;

    fn name(length: Length, seconds: u64) -> String {
        Period::at(length, Timestamp(seconds * 1_000_000)).to_string()
    }

    #[test]
    fn names_are_those_of_the_calendar() {
        // 2026-11-22, a Sunday, 16:13:00.
        assert_eq!(name(Length::Day, 1_795_363_980), "2026-11-22");
        assert_eq!(name(Length::Week, 1_795_363_980), "2026-w47");
        assert_eq!(name(Length::Month, 1_795_363_980), "2026-11");
        // 2027-01-01, a Friday: still in the last week of 2026, which has 53.
        assert_eq!(name(Length::Week, 1_798_761_600), "2026-w53");
        // 2024-12-30, a Monday: already in the first week of 2025.
        assert_eq!(name(Length::Week, 1_735_516_800), "2025-w01");
        // 2000-02-29.
        assert_eq!(name(Length::Day, 951_782_400), "2000-02-29");
    }

    #[test]
    fn what_is_no_period_is_not_read() {
        for name in ["", "2026", "2026-w00", "2026-w54", "2025-w53", "2026-w7", "x026-w07"] {
            assert_eq!(Period::parse(Length::Week, name), None, "{name}");
        }
        for name in ["2026-02-30", "2026-13-01", "2026-1-01", "1969-12-31", "2026-11"] {
            assert_eq!(Period::parse(Length::Day, name), None, "{name}");
        }
        assert_eq!(Period::parse(Length::Month, "2026-00"), None);
    }

    #[test]
    fn a_period_is_long_in_relation_to_the_retention() {
        let of = |text: &str| Length::of(text.parse().unwrap());
        assert_eq!(["0", "1h", "2d"].map(of), [Length::Day; 3]);
        assert_eq!(["49h", "30d", "90d"].map(of), [Length::Week; 3]);
        assert_eq!(["91d", "forever"].map(of), [Length::Month; 2]);
    }

    proptest! {
        #[test]
        fn every_moment_lies_in_exactly_one_period(moment in 0..LAST) {
            for length in LENGTHS {
                let period = Period::at(length, Timestamp(moment));
                prop_assert!(period.start <= moment && moment < period.end);
                prop_assert_eq!(Period::at(length, Timestamp(period.start)), period);
                prop_assert_eq!(Period::at(length, Timestamp(period.end - 1)), period);
                let next = Period::at(length, Timestamp(period.end));
                prop_assert_eq!(next.start, period.end);
            }
        }

        #[test]
        fn names_are_in_the_order_of_time_and_read_back(a in 0..LAST, b in 0..LAST) {
            for length in LENGTHS {
                let (a, b) = (Period::at(length, Timestamp(a)), Period::at(length, Timestamp(b)));
                prop_assert_eq!(a.start.cmp(&b.start), a.to_string().cmp(&b.to_string()));
                prop_assert_eq!(Period::parse(length, &a.to_string()), Some(a));
            }
        }
    }
}
