//! What is printed: escaped, and without a panic when nobody reads.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;

/// Standard output was closed: whoever read it has read enough.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output")]
pub(super) struct ClosedOutput;

/// Prints a line, or several, to standard output.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    written(&mut io::stdout().lock(), &format!("{}\n", safe(text, true)))
}

/// Prints what we have drawn ourselves, colours and all.
pub(super) fn say_drawn(drawing: &str) -> anyhow::Result<()> {
    written(&mut io::stdout().lock(), drawing)
}

fn written(out: &mut impl io::Write, text: &str) -> anyhow::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ClosedOutput.into()),
        Err(error) => Err(anyhow::Error::new(error).context("cannot write to standard output")),
        Ok(()) => Ok(()),
    }
}

/// Prints one line to standard error. If nobody reads that either, there is nobody to tell.
pub(super) fn complain(text: &str) {
    writeln!(io::stderr(), "{}", safe(text, false)).unwrap_or_default();
}

/// Prints as JSON, indented.
pub(super) fn say_json(value: &impl Serialize) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?)
}

/// Prints rows below their headings, as wide as they need to be.
pub(super) fn say_table<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
) -> anyhow::Result<()> {
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(safe(cell, false).chars().count());
        }
    }
    say(&line(headings.map(str::to_owned), widths))?;
    rows.iter().try_for_each(|row| say(&line(row.clone(), widths)))
}

fn line<const N: usize>(cells: [String; N], widths: [usize; N]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a String cannot fail.
        write!(line, "{:width$}  ", safe(cell, false)).unwrap_or_default();
    }
    line.truncate(line.trim_end().len());
    line
}

/// The text with everything escaped that a terminal would take for a command, or that would show
/// it in another order than it has. `lines` lets line breaks stand.
fn safe(text: &str, lines: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let directs = matches!(c, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        match c {
            '\n' if lines => out.push(c),
            c if c.is_control() || directs => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(safe("a\u{1b}[31m\u{202E}b\u{9b}", true), "a\\u{1b}[31m\\u{202e}b\\u{9b}");
        assert_eq!(safe("grüße 花", true), "grüße 花");
    }

    #[test]
    fn a_line_break_stands_only_where_lines_are_printed() {
        assert_eq!(safe("a\nb", true), "a\nb");
        assert_eq!(safe("a\nb", false), "a\\nb");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let cells = ["a".to_owned(), "b".to_owned()];
        assert_eq!(line(cells, [3, 1]), "a    b");
    }
}
