//! The reference and the example file, printed from the declarations.

use super::declare::{Bound, Field, Kind, Presence, Section, Side};
use super::options::File;
use super::table::header_below;

/// What the reference says before the options.
const INTRODUCTION: &str = "\
# Configuration

<!-- Made from server/src/config/options.rs; a test compares. Change it there. -->

Cloister reads one TOML file, `/etc/cloister/cloister.toml` unless `--config` or `CLOISTER_CONFIG`
names another. `cloister check-config FILE` prints every mistake in it with its line, and a server
does not start with any. Unknown keys are mistakes.

- A **size** is a whole number and a unit: `\"64 KiB\"`. `KiB`, `MiB`, `GiB` and `TiB` count in 1024,
  `kB`, `MB`, `GB` and `TB` in 1000; `B` is a byte. A number without a unit is a mistake.
- A **duration** is one or more whole numbers with units, the largest first: `\"300s\"`, `\"1h 30m\"`,
  `\"30d\"`. The units are `w`, `d`, `h`, `m` (minutes), `s` and `ms`. A number without a unit is a
  mistake.
- A **path** begins with `/`. That of a secret or of a certificate may begin with
  `$CREDENTIALS_DIRECTORY/` instead, with the name of a credential behind it: a file that systemd passes to the
  service (`LoadCredential=` in the unit, see systemd.exec(5)). Commands that read such a file themselves need
  the variable, too: `CREDENTIALS_DIRECTORY=/run/credentials/cloister.service`, as root, while the
  server runs. `cloister check-config --syntax-only` does not.
- A **secret** is never written into this file, only the path of a file that holds it. That file
  must not lie in `/nix/store` and must not be readable by every user of the machine
  (`chmod o-r FILE`); its group may read it.
";

/// What the example says before the options.
const HEADING: &str = "\
# Cloister reads this file from /etc/cloister/cloister.toml. Check it with:
#
#     cloister check-config FILE
#
# What is commented out as `#name = value` shows the default, or an example where it says so.
# docs/configuration.md tells what sizes, durations and paths may be.
";

/// The reference of all options, in Markdown.
pub fn reference() -> String {
    let mut out = INTRODUCTION.to_owned();
    out.push_str("\n## At the top of the file\n");
    describe(&File::SECTION, "", &mut out);
    out
}

/// A commented configuration file with all options. It is valid, and everything in it that is
/// optional has its default.
pub fn example() -> String {
    let mut out = HEADING.to_owned();
    exemplify(&File::SECTION, "", &mut out);
    out
}

fn describe(section: &Section, header: &str, out: &mut String) {
    let name = header.trim_matches(['[', ']']);
    let dot = if name.is_empty() { "" } else { "." };
    for field in plain(section) {
        let facts = facts(field);
        let doc = paragraph(field.doc);
        out.push_str(&format!("\n### `{name}{dot}{}`\n\n{facts}\n\n{doc}\n", field.name));
    }
    for (field, inner) in tables(section) {
        let header = header_below(header, field);
        out.push_str(&format!("\n## `{header}`\n\n{}\n", paragraph(field.doc)));
        describe(inner, &header, out);
    }
}

fn exemplify(section: &Section, header: &str, out: &mut String) {
    for field in plain(section) {
        out.push('\n');
        out.push_str(&commented(field.doc));
        let (note, mark) = match field.presence {
            Presence::Default(_) => ("", "#"),
            Presence::Required(_) => ("", ""),
            Presence::Optional(_) => ("# Not set unless you set it; an example:\n", "#"),
        };
        let (name, sample) = (field.name, toml(field.presence.sample()));
        out.push_str(&format!("{note}{mark}{name} = {sample}\n"));
    }
    for (field, inner) in tables(section) {
        let header = header_below(header, field);
        out.push_str(&format!("\n\n{}{header}\n", commented(field.doc)));
        exemplify(inner, &header, out);
    }
}

/// The options that are not tables. TOML has them before the tables.
fn plain(section: &Section) -> impl Iterator<Item = &'static Field> {
    section.fields.iter().filter(|field| field.kind.section().is_none())
}

fn tables(section: &Section) -> impl Iterator<Item = (&'static Field, &'static Section)> {
    section.fields.iter().filter_map(|field| Some((field, field.kind.section()?)))
}

/// One line: what it is, its default, its bounds.
fn facts(field: &Field) -> String {
    let what = match field.kind {
        Kind::List { noun, .. } => format!("A list, each {noun}"),
        Kind::Scalar { noun, .. } => capital(noun),
        Kind::Table(_) | Kind::Tables(_) => String::new(),
    };
    let sample = toml(field.presence.sample());
    let presence = match field.presence {
        Presence::Default(_) => format!("default `{sample}`"),
        Presence::Required(_) => format!("**required**, for example `{sample}`"),
        Presence::Optional(_) => format!("not set unless you set it, for example `{sample}`"),
    };
    let bounds: String = field.bounds.iter().map(bound).collect();
    format!("{what}; {presence}{bounds}.")
}

fn bound(bound: &Bound) -> String {
    let side = match bound.side {
        Side::Least => "at least",
        Side::Advised => "advised at least",
        Side::Most => "at most",
    };
    format!("; {side} `{}`", toml(bound.value))
}

/// A Rust literal as an operator would write it: numbers without `_`.
fn toml(literal: &str) -> String {
    let number = literal.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if number { literal.replace('_', "") } else { literal.to_owned() }
}

/// Lines of a doc comment begin with the space behind `///`.
fn lines(doc: &[&'static str]) -> impl Iterator<Item = &'static str> {
    doc.iter().map(|line| line.strip_prefix(' ').unwrap_or(line))
}

fn paragraph(doc: &[&'static str]) -> String {
    lines(doc).collect::<Vec<_>>().join("\n")
}

fn commented(doc: &[&'static str]) -> String {
    lines(doc).map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}

fn capital(noun: &str) -> String {
    let mut chars = noun.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
