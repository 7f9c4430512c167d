//! The Markdown of our own reference as a manual page: headings, paragraphs, lists, `code` and
//! **bold**, which is all that it has.

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// Appends a text. Its title and its comments are left out: a page has its own.
pub(super) fn render(text: &str, roff: &mut Roff) {
    for block in text.split("\n\n").map(str::trim) {
        if let Some(heading) = block.strip_prefix("## ") {
            roff.control("SH", [heading.replace('`', "").as_str()]);
        } else if let Some(option) = block.strip_prefix("### ") {
            roff.control("TP", []).text(inlines(option));
        } else if block.starts_with("- ") {
            items(block, roff);
        } else if !block.starts_with("# ") && !block.starts_with("<!--") {
            paragraph(block, roff);
        }
    }
}

fn items(block: &str, roff: &mut Roff) {
    for item in format!("\n{block}").split("\n- ").filter(|item| !item.is_empty()) {
        roff.control("IP", ["\\(bu", "2"]).text(inlines(&joined(item)));
    }
}

/// Each ends with a gap, which holds below an option as well as at the beginning of a section.
fn paragraph(block: &str, roff: &mut Roff) {
    roff.text(inlines(&joined(block))).control("sp", []);
}

fn joined(lines: &str) -> String {
    lines.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Both kinds of emphasis are bold, and neither holds the other.
fn inlines(text: &str) -> Vec<Inline> {
    let text = text.replace("**", "`");
    let parts = text.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.map(|(index, part)| if index % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let mut roff = Roff::new();
        render(text, &mut roff);
        roff.to_roff()
    }

    #[test]
    fn headings_paragraphs_and_lists_become_requests() {
        let text = "# Title\n\n<!-- note -->\n\nOne\ntwo `three`.\n\n## `[host]`\n\n### `a.b`\n\n- **x** is\n  y\n- z\n";
        let expected = "One two \\fBthree\\fR.\n.sp\n.SH [host]\n.TP\n\\fBa.b\\fR\n\
                        .IP \\(bu 2\n\\fBx\\fR is y\n.IP \\(bu 2\nz\n";
        assert_eq!(rendered(text), expected);
    }

    #[test]
    fn a_line_that_looks_like_a_request_is_text() {
        assert_eq!(rendered(".so /etc/passwd"), "\\&.so /etc/passwd\n.sp\n");
    }
}
