//! From text to the file that is declared: what is not TOML is reported in the same form as any other mistake.

use toml::de::{DeTable, DeValue, Error};

use super::report::Report;
use super::value::{Value, Written};

/// What the TOML parser says of a key or table that is there twice. It keeps the first and reads
/// on, so this alone does not make the rest a guess.
const DUPLICATE: &str = "duplicate key";

/// Reads the text. `None` is "not TOML", which has been reported.
pub(super) fn read<T: Value>(text: &str, report: &mut Report<'_>) -> Option<T> {
    let (table, errors) = DeTable::parse_recoverable(text);
    report_errors(&errors, report);
    if errors.iter().any(|error| error.message() != DUPLICATE) {
        return None;
    }
    let value = DeValue::Table(table.into_inner());
    T::read(&Written { key: String::new(), at: 0, value: &value }, report)
}

/// One finding for each line: the parser stumbles on behind the first in a line.
fn report_errors(errors: &[Error], report: &mut Report<'_>) {
    let mut places: Vec<(usize, &str)> =
        errors.iter().map(|error| (start(error), error.message())).collect();
    places.sort_by_key(|(at, _)| *at);
    places.dedup_by_key(|(at, _)| report.line(*at));
    for (at, message) in places {
        let text = match message {
            DUPLICATE => "is written for the second time; remove one of the two".to_owned(),
            message => format!("is not TOML: {message}; correct it"),
        };
        report.mistake(at, "", text);
    }
}

fn start(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}
