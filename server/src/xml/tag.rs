//! What stands inside a tag: attributes and the references in their values (XML §3.1, §3.3.3, §4.1).

use memchr::memchr;

use super::chars::{is_char, is_ncname, trim_end, trim_start};
use super::{CompactString, XmlError};

/// The attributes of a tag, as (qualified name, value as written), from what follows its name.
///
/// Refuses a missing space, a missing quote and `<` in a value; names are the caller's to check.
pub(super) struct RawAttributes<'a> {
    rest: &'a str,
}

impl<'a> RawAttributes<'a> {
    pub(super) fn new(after_name: &'a str) -> Self {
        Self { rest: after_name }
    }

    fn cut(&mut self, attribute: &'a str) -> Option<(&'a str, &'a str)> {
        let (name, rest) = split_once(attribute, b'=')?;
        let rest = trim_start(rest);
        let (value, rest) = match rest.strip_prefix('\'') {
            Some(rest) => split_once(rest, b'\'')?,
            None => split_once(rest.strip_prefix('"')?, b'"')?,
        };
        self.rest = rest;
        Some((trim_end(name), value))
    }
}

impl<'a> Iterator for RawAttributes<'a> {
    type Item = Result<(&'a str, &'a str), XmlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let attribute = trim_start(self.rest);
        if attribute.is_empty() {
            return None;
        }
        // XML §3.1 STag: white space before every attribute.
        let spaced = attribute.len() < self.rest.len();
        match self.cut(attribute) {
            // XML §3.1 WFC: no `<` in attribute values.
            Some((name, value)) if spaced && memchr(b'<', value.as_bytes()).is_none() => {
                Some(Ok((name, value)))
            }
            _ => {
                self.rest = "";
                Some(Err(XmlError::NotWellFormed))
            }
        }
    }
}

/// An attribute's value: references replaced, literal white space made spaces (XML §3.3.3).
pub(super) fn attribute_value(raw: &str) -> Result<CompactString, XmlError> {
    let Some(first) = next_special(raw) else {
        return Ok(CompactString::new(raw));
    };
    let (plain, mut rest) = raw.split_at(first);
    let mut value = CompactString::with_capacity(raw.len());
    value.push_str(plain);
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '&' => {
                let (name, after) = split_reference(rest)?;
                value.push(reference(name)?);
                after
            }
            '\t' | '\n' | '\r' => {
                value.push(' ');
                after_whitespace(rest)
            }
            _ => {
                let end = next_special(rest).unwrap_or(rest.len());
                let (plain, after) = rest.split_at(end);
                value.push_str(plain);
                after
            }
        };
    }
    Ok(value)
}

/// The character that `&name;` stands for.
///
/// # Errors
/// `Restricted` for a declared entity (there is none), `NotWellFormed` for what is no reference.
pub(super) fn reference(name: &str) -> Result<char, XmlError> {
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => match name.strip_prefix('#') {
            Some(number) => char_reference(number).ok_or(XmlError::NotWellFormed),
            // RFC 6120 §11.1: entity references other than the predefined are prohibited.
            None if is_ncname(name) => Err(XmlError::Restricted),
            None => Err(XmlError::NotWellFormed),
        },
    }
}

/// XML §4.1 `CharRef`, without `&#` and `;`.
fn char_reference(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() {
        return None;
    }
    let mut code = 0u32;
    for digit in digits.chars() {
        code = code.saturating_mul(radix).saturating_add(digit.to_digit(radix)?);
    }
    char::from_u32(code).filter(|&c| is_char(c))
}

/// Where a reference or literal white space other than a space stands.
fn next_special(value: &str) -> Option<usize> {
    let special = |byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r');
    value.bytes().position(special)
}

/// `text` around the first `separator`, an ASCII character.
fn split_once(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = memchr(separator, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// `&name;rest` as (name, rest).
fn split_reference(text: &str) -> Result<(&str, &str), XmlError> {
    text.strip_prefix('&').and_then(|text| text.split_once(';')).ok_or(XmlError::NotWellFormed)
}

/// XML §2.11: CR LF is one line end.
fn after_whitespace(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    if text.starts_with("\r\n") {
        chars.next();
    }
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(raw: &str) -> Result<Vec<(&str, &str)>, XmlError> {
        RawAttributes::new(raw).collect()
    }

    #[test]
    fn attributes_are_separated_by_white_space() {
        assert_eq!(all(" a='1'\n\tb = \"2\" "), Ok(vec![("a", "1"), ("b", "2")]));
        assert_eq!(all(" a='1'b='2'"), Err(XmlError::NotWellFormed));
        assert_eq!(all("a='1'"), Err(XmlError::NotWellFormed));
    }

    #[test]
    fn an_attribute_needs_a_quoted_value() {
        for bad in [" a", " a=", " a=1", " a='1", " a=\"1'", " a 'b'"] {
            assert_eq!(all(bad), Err(XmlError::NotWellFormed), "{bad}");
        }
    }

    #[test]
    fn a_value_may_not_hold_a_less_than_sign() {
        assert_eq!(all(" a='<'"), Err(XmlError::NotWellFormed));
        assert_eq!(all(" a='>'"), Ok(vec![("a", ">")]));
    }

    #[test]
    fn literal_white_space_in_a_value_becomes_spaces_but_a_reference_does_not() {
        let value = attribute_value("a\r\nb\rc\nd\te&#13;&#xA;&#9;").unwrap();
        assert_eq!(value, "a b c d e\r\n\t");
    }

    #[test]
    fn the_five_predefined_entities_are_replaced() {
        assert_eq!(attribute_value("&lt;&gt;&amp;&apos;&quot;").unwrap(), "<>&'\"");
    }

    #[test]
    fn any_other_entity_is_restricted() {
        assert_eq!(reference("nbsp"), Err(XmlError::Restricted));
        assert_eq!(attribute_value("&lol9;"), Err(XmlError::Restricted));
    }

    #[test]
    fn a_character_reference_names_a_legal_character_in_digits() {
        assert_eq!(reference("#x1F600"), Ok('\u{1F600}'));
        assert_eq!(reference("#0000065"), Ok('A'));
        for bad in [
            "#0",
            "#1",
            "#x",
            "#",
            "#+65",
            "#xD800",
            "#xFFFE",
            "#x110000",
            "#99999999999",
            "#X41",
            "#-1",
            "#6 5",
            "#xg",
        ] {
            assert_eq!(reference(bad), Err(XmlError::NotWellFormed), "{bad}");
        }
    }

    #[test]
    fn an_ampersand_alone_is_not_well_formed() {
        for bad in ["&", "a & b", "&;", "& lt;", "&a b;"] {
            assert_eq!(attribute_value(bad), Err(XmlError::NotWellFormed), "{bad}");
        }
    }
}
