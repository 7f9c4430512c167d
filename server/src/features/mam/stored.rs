//! Messages as the archive has them: text that this server wrote, whose start tag is
//! `<message from='…' …>` in the default namespace `jabber:client`. Pages are made of it without
//! parsing; here is what little has to be known.

use crate::jid::Jid;
use crate::xml::escape_attr;

const NAME: &[u8] = b"<message";

/// What follows the name of the element.
pub fn behind_name(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(NAME).filter(|rest| matches!(rest.first(), Some(b' ' | b'>' | b'/')))
}

/// Whether it is to or from exactly that address.
pub fn is_with(text: &[u8], jid: &Jid) -> bool {
    let jid = written(jid.as_str());
    attributes(text).any(|(name, value)| matches!(name, b"from" | b"to") && value == jid)
}

/// Whether an attribute has that value.
pub fn has(text: &[u8], name: &[u8], value: &str) -> bool {
    let value = written(value);
    attributes(text).any(|attribute| attribute == (name, &*value))
}

/// A value as it is written.
pub fn written(value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    escape_attr(&mut out, value);
    out
}

/// Names and written values in the start tag. Our writer puts one space before each attribute,
/// apostrophes around its value, and escapes both and `>` inside.
fn attributes(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let rest = behind_name(text).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == b'>').unwrap_or(rest.len());
    let mut parts = rest.get(..end).unwrap_or_default().split(|byte| *byte == b'\'');
    std::iter::from_fn(move || {
        let name = parts.next()?.trim_ascii_start().strip_suffix(b"=")?;
        Some((name, parts.next()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ns;
    use crate::xml::{Element, Scope};

    fn text(from: &str, to: &str) -> Vec<u8> {
        let body = Element::new(ns::CLIENT, "body").with_text("from='nurse@localhost' x");
        let message = Element::new(ns::CLIENT, "message")
            .with_attr("from", from)
            .with_attr("id", "a'>b from='nurse@localhost'")
            .with_attr("to", to)
            .with_child(body);
        let mut text = Vec::new();
        message.write_into(&mut text, Scope::STREAM);
        text
    }

    #[test]
    fn addresses_are_found_in_the_start_tag_only() {
        let text = text("romeo@localhost/it's", "juliet@localhost");
        let is_with = |jid| is_with(&text, &Jid::parse(jid).unwrap());
        assert!(is_with("romeo@localhost/it's") && is_with("juliet@localhost"));
        assert!(!is_with("romeo@localhost") && !is_with("romeo@localhost/it"));
        assert!(!is_with("juliet@localhost/balcony"));
        assert!(!is_with("romeo@local") && !is_with("nurse@localhost"));
        assert!(has(&text, b"id", "a'>b from='nurse@localhost'") && !has(&text, b"id", "a"));
    }

    #[test]
    fn what_is_no_message_has_no_attributes() {
        for text in ["", "<message", "<messages from='a@b'/>", "<iq from='a@b'/>", "from='a@b'"] {
            assert!(!is_with(text.as_bytes(), &Jid::parse("a@b").unwrap()), "{text}");
        }
        assert!(is_with(b"<message from='a@b'/>", &Jid::parse("a@b").unwrap()));
    }
}
