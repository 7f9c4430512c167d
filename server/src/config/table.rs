//! One TOML table: takes each option with its own reader, and refuses what nobody declared.

use toml::de::{DeTable, DeValue};

use super::declare::{Bound, Field, Kind, Section, Side};
use super::report::Report;
use super::suggest::nearest;
use super::value::{Value, Written, wrong_type};

/// A table that is being read.
pub(super) struct Table<'a> {
    /// The dotted name; empty for the file itself.
    key: String,
    at: usize,
    entries: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    /// Takes a value as a table of these options, and reports what is in it beside them.
    pub(super) fn open<T: Value>(
        written: &Written<'a>,
        section: &Section,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let DeValue::Table(entries) = written.value else {
            wrong_type::<T>(written, report);
            return None;
        };
        let table = Self { key: written.key.clone(), at: written.at, entries };
        table.refuse_unknown(section, report);
        Some(table)
    }

    /// An option with a default, which also stands in for a mistaken value.
    pub(super) fn default<T: Value>(&self, field: &Field, report: &mut Report<'_>) -> T {
        self.optional(field, report).unwrap_or_else(|| read_default(field))
    }

    /// An option that must be there. `None` has been reported.
    pub(super) fn required<T: Value>(&self, field: &Field, report: &mut Report<'_>) -> Option<T> {
        if self.find(field).is_none() {
            let sample = field.presence.sample();
            let text = format!("is missing; write it as in: {} = {sample}", field.name);
            report.mistake(self.at, &self.dotted(field.name), text);
        }
        self.optional(field, report)
    }

    /// An option that may be left out. `None` is "left out", or has been reported.
    pub(super) fn optional<T: Value>(&self, field: &Field, report: &mut Report<'_>) -> Option<T> {
        let written = self.find(field)?;
        report.wrote(&written.key, written.at);
        let value = T::read(&written, report)?;
        within_bounds(&value, field, &written, report).then_some(value)
    }

    fn find(&self, field: &Field) -> Option<Written<'a>> {
        let value = self.entries.get(field.name)?;
        let key = self.dotted(field.name);
        Some(Written { key, at: value.span().start, value: value.get_ref() })
    }

    fn dotted(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    fn refuse_unknown(&self, section: &Section, report: &mut Report<'_>) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if section.fields.iter().all(|field| field.name != name) {
                let text = unknown(name, &self.key, section, report.kind());
                report.mistake(key.span().start, &self.dotted(name), text);
            }
        }
    }
}

/// The default as a value. The text of a default is ours.
#[expect(clippy::expect_used, reason = "a test reads every default that is declared")]
fn read_default<T: Value>(field: &Field) -> T {
    let read = read_sample(field.presence.sample());
    read.expect("a declared default can be read and has the type of its option")
}

/// Reads a default, an example or a bound.
pub(super) fn read_sample<T: Value>(text: &str) -> Option<T> {
    let value = DeValue::parse(text).ok()?;
    let written = Written { key: String::new(), at: 0, value: value.get_ref() };
    T::read(&written, &mut Report::new("", text))
}

/// Reports a value below the least or above the most that is allowed; `false` is "refused".
fn within_bounds<T: Value>(
    value: &T,
    field: &Field,
    written: &Written<'_>,
    report: &mut Report<'_>,
) -> bool {
    let mut within = true;
    for bound in field.bounds {
        let Some(text) = outside(value, bound) else {
            continue;
        };
        if bound.side == Side::Advised {
            report.warning(written.at, &written.key, text);
        } else {
            report.mistake(written.at, &written.key, text);
            within = false;
        }
    }
    within
}

/// What to say of a value on the wrong side of a bound.
fn outside<T: Value>(value: &T, bound: &Bound) -> Option<String> {
    let limit: T = read_sample(bound.value)?;
    let order = value.compare(&limit)?;
    let (broken, relation, remedy) = match bound.side {
        Side::Least | Side::Advised => (order.is_lt(), "below", "raise it"),
        Side::Most => (order.is_gt(), "above", "lower it"),
    };
    let why = if bound.why.is_empty() { "the limit of this option" } else { bound.why };
    broken.then(|| format!("{} is {relation} {}, {why}; {remedy}", value.show(), limit.show()))
}

/// What to say of a key that is no option of `section`.
fn unknown(
    name: &str,
    table: &str,
    section: &Section,
    (file, described): (&Section, &str),
) -> String {
    let in_a_file = format!("{name}_file");
    if section.fields.iter().any(|field| field.name == in_a_file) {
        return format!(
            "a secret is not written here; write it to a file (mode 0600), and name that with {in_a_file}"
        );
    }
    if let Some(meant) = nearest(name, section.fields.iter().map(|field| field.name)) {
        return format!("there is no such option; did you mean \"{meant}\"?");
    }
    match home(name, "", file) {
        // TOML: what follows a [table] is in that table, to the operator's surprise.
        Some(home) if home.is_empty() => format!(
            "there is no such option in [{table}]; \"{name}\" belongs at the top of the file, above the first [table]"
        ),
        Some(home) => format!("there is no such option here; \"{name}\" belongs in {home}"),
        None => format!("there is no such option; remove it, or look it up in {described}"),
    }
}

/// The header of the table that has an option of this name; empty for the file itself.
fn home(name: &str, header: &str, section: &Section) -> Option<String> {
    if section.fields.iter().any(|field| field.name == name) {
        return Some(header.to_owned());
    }
    section.fields.iter().find_map(|field| {
        let inner = field.kind.section()?;
        home(name, &header_below(header, field), inner)
    })
}

/// `[tls]`, `[[host]]`, `[host.contact]`.
pub(super) fn header_below(outer: &str, field: &Field) -> String {
    let outer = outer.trim_matches(['[', ']']);
    let dot = if outer.is_empty() { "" } else { "." };
    match field.kind {
        Kind::Tables(_) => format!("[[{outer}{dot}{}]]", field.name),
        _ => format!("[{outer}{dot}{}]", field.name),
    }
}
