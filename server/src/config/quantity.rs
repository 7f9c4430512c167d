//! Sizes and durations with their units, as an operator writes them: "64 KiB", "10m", "1h 30m".
//!
//! A bare number is refused: 300 may be seconds to one reader and milliseconds to the next.

use std::fmt;
use std::time::Duration;

/// Units of size. `kB` is 1000 and `KiB` is 1024 (IEC 80000-13), so nobody has to guess.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Units of time, in milliseconds, the largest first. There is no month and no year: their length
/// varies.
const DURATION_UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// A size of so many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// In bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// In bytes, for lengths in memory; as much as the machine can address where it is more.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// Reads "64 KiB". The error says what is wrong with the text and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (number, unit, rest) = quantity(text, "64 KiB")?;
        if !rest.is_empty() {
            return Err(format!("\"{text}\" is more than one size; write one, as in \"64 KiB\""));
        }
        let Some((_, factor)) = SIZE_UNITS.iter().find(|(name, _)| *name == unit) else {
            return Err(unknown_size_unit(text, unit));
        };
        number.checked_mul(*factor).map(Self).ok_or_else(|| format!("\"{text}\" is too large"))
    }
}

/// In the largest binary unit that is exact: "64 KiB", "10000 bytes".
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        let binary = SIZE_UNITS.iter().filter(|(name, _)| name.contains('i'));
        match binary.rev().find(exact) {
            Some((name, factor)) => write!(f, "{} {name}", self.0 / factor),
            None if self.0 == 1 => write!(f, "1 byte"),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// Reads "300s" or "1h 30m".
///
/// # Errors
/// What is wrong with the text and what to write.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut smallest = u64::MAX;
    loop {
        let (number, unit, after) = quantity(rest, "10m")?;
        let factor = duration_unit(text, unit)?;
        if factor >= smallest {
            return Err(format!("\"{text}\" is out of order; write it as in \"1h 30m\""));
        }
        smallest = factor;
        let part = number.checked_mul(factor);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(|| format!("\"{text}\" is too long"))?;
        rest = after;
        if rest.is_empty() {
            return Ok(Duration::from_millis(total));
        }
    }
}

/// The duration as one would write it: "1h 30m", "0s".
pub(super) fn show_duration(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    // Weeks are read and not written: "30d" should come back as "30d".
    for (name, factor) in DURATION_UNITS.iter().skip(1) {
        if left >= *factor {
            parts.push(format!("{}{name}", left / factor));
            left %= factor;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Cuts the first number and its unit from `text`; answers them and what follows.
fn quantity<'t>(text: &'t str, sample: &str) -> Result<(u64, &'t str, &'t str), String> {
    let text = text.trim();
    let (digits, after) = cut(text, |c| c.is_ascii_digit());
    if digits.is_empty() {
        return Err(format!(
            "\"{text}\" does not begin with a whole number; write it as in \"{sample}\""
        ));
    }
    let number = digits.parse().map_err(|_| format!("\"{text}\" is too large"))?;
    let (unit, after) = cut(after.trim_start(), |c| c.is_alphabetic());
    if unit.is_empty() && after.trim().is_empty() {
        return Err(format!("\"{text}\" has no unit; write it as in \"{sample}\""));
    }
    if unit.is_empty() {
        return Err(format!(
            "\"{text}\" is not a whole number and a unit; write it as in \"{sample}\""
        ));
    }
    Ok((number, unit, after.trim()))
}

/// Splits where `belongs` first fails.
fn cut(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn unknown_size_unit(text: &str, unit: &str) -> String {
    let meant = SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    match meant {
        // "KB" and "Mb" have been used for 1000, for 1024 and for bits.
        Some((name, _)) => format!("\"{text}\": the unit \"{unit}\" is written \"{name}\""),
        None => format!(
            "\"{text}\": there is no unit \"{unit}\"; use B, KiB, MiB, GiB, TiB (1024) or kB, MB, GB, TB (1000)"
        ),
    }
}

fn duration_unit(text: &str, unit: &str) -> Result<u64, String> {
    let found = DURATION_UNITS.iter().find(|(name, _)| *name == unit);
    found.map(|(_, factor)| *factor).ok_or_else(|| {
        format!("\"{text}\": there is no unit \"{unit}\"; use w, d, h, m (minutes), s or ms")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        for (text, bytes) in [
            ("512 MiB", 512 << 20),
            ("64KiB", 65_536),
            ("10 kB", 10_000),
            (" 1 B ", 1),
            ("0 B", 0),
            ("2 TiB", 2 << 40),
        ] {
            assert_eq!(Size::parse(text).unwrap().as_u64(), bytes, "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_in_the_largest_exact_binary_unit() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (10_000, "10000 bytes"),
            (5120, "5 KiB"),
            (1 << 20, "1 MiB"),
        ] {
            assert_eq!(Size::from_bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn a_size_that_is_no_size_is_refused() {
        for text in ["", "64", "KiB", "-1 KiB", "1.5 MiB", "1 KiB 2 B", "64 Kb", "99999999999 TiB"]
        {
            assert!(Size::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_unit_in_the_wrong_case_is_named_in_the_right_one() {
        let error = Size::parse("64 KB").unwrap_err();
        assert_eq!(error, "\"64 KB\": the unit \"KB\" is written \"kB\"");
    }

    #[test]
    fn a_duration_is_a_sum_of_numbers_with_units() {
        for (text, seconds) in [
            ("30d", 30 * 86_400),
            ("12h", 43_200),
            ("300s", 300),
            ("10 m", 600),
            ("1 h 30 m", 5400),
            ("1h30m", 5400),
            ("2w", 14 * 86_400),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn a_duration_that_is_no_duration_is_refused() {
        for text in
            ["", "300", "s", "1.5h", "-5s", "1y", "30m 1h", "1h 1h", "1h,30m", "99999999999999w"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_would_be_written() {
        for text in ["30d", "1h 30m", "300ms", "0s", "5m", "1s 500ms"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
    }
}
