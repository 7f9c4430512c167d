//! How long messages are kept: "30d", "12h", "0" or "forever".

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::quantity::{parse_duration, show_duration};
use super::value::Text;

/// How long messages are kept.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum Retention {
    /// Only until they are delivered.
    Nothing,
    /// As long as this.
    For(Duration),
    /// Never deleted.
    Forever,
}

impl TryFrom<String> for Retention {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Retention> for String {
    fn from(retention: Retention) -> Self {
        retention.to_string()
    }
}

impl FromStr for Retention {
    type Err = String;

    /// Reads "30d", "0" or "forever". The error says what is wrong with the text and what to write.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "forever" => Ok(Self::Forever),
            "0" => Ok(Self::Nothing),
            other => match parse_duration(other) {
                Ok(Duration::ZERO) => Ok(Self::Nothing),
                Ok(duration) => Ok(Self::For(duration)),
                Err(why) => Err(format!("{why}; \"0\" keeps nothing, \"forever\" all")),
            },
        }
    }
}

/// As it would be written, without spaces: the archive names directories with it.
impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("0"),
            Self::For(duration) => f.write_str(&show_duration(*duration).replace(' ', "")),
            Self::Forever => f.write_str("forever"),
        }
    }
}

impl Text for Retention {
    const NOUN: &'static str = "a duration, `0` or `forever`";
    const SAMPLE: &'static str = "\"30d\"";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_retention_is_a_duration_or_nothing_or_for_ever() {
        for (text, retention) in [
            ("30d", Retention::For(30 * DAY)),
            ("2w", Retention::For(14 * DAY)),
            ("36h", Retention::For(DAY + DAY / 2)),
            ("0", Retention::Nothing),
            ("0d", Retention::Nothing),
            ("forever", Retention::Forever),
        ] {
            assert_eq!(text.parse(), Ok(retention), "{text}");
        }
    }

    #[test]
    fn what_is_no_retention_is_refused() {
        for text in ["", "30", "ever", "-1d", "1y", "Forever", "30d forever"] {
            assert!(text.parse::<Retention>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_retention_is_shown_in_one_word_that_reads_back() {
        for text in ["30d", "0", "forever", "1d12h", "1h30m"] {
            assert_eq!(text.parse::<Retention>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn longer_is_greater() {
        let all = ["0", "1h", "30d", "60d", "forever"].map(|text| text.parse().unwrap());
        assert!(all.is_sorted_by(|a: &Retention, b| a < b));
    }
}
