//! Which characters and names XML 1.0 allows (fifth edition, §2.2, §2.3; Namespaces §3, §4).

use memchr::memchr_iter;

use super::XmlError;

/// Whether `byte` is XML §2.3 `S`.
pub(super) fn is_whitespace(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// `text` without the white space before it.
pub(super) fn trim_start(text: &str) -> &str {
    let blank = text.bytes().take_while(|&byte| is_whitespace(byte)).count();
    text.get(blank..).unwrap_or_default()
}

/// `text` without the white space behind it.
pub(super) fn trim_end(text: &str) -> &str {
    let blank = text.bytes().rev().take_while(|&byte| is_whitespace(byte));
    text.get(..text.len() - blank.count()).unwrap_or_default()
}

/// `bytes` as text in which every literal character is allowed.
///
/// # Errors
/// `UnsupportedEncoding` when it is not UTF-8, `NotWellFormed` when it holds U+0000 and its like.
pub(super) fn text(bytes: &[u8]) -> Result<&str, XmlError> {
    // RFC 6120 §4.9.3.22: violating the rules of UTF-8 is an unsupported encoding, too.
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::UnsupportedEncoding)?;
    if has_control(bytes) || has_noncharacter(bytes) {
        return Err(XmlError::NotWellFormed);
    }
    Ok(text)
}

/// XML §2.2 `Char`, as a character reference may name it.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Whether `byte` is a control character that XML §2.2 forbids.
pub(super) fn is_forbidden_control(byte: u8) -> bool {
    // Without short circuits: this compiles to vector instructions where it is used in a loop.
    (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')
}

/// Namespaces §4 `NCName`: a name without a colon.
pub(super) fn is_ncname(name: &str) -> bool {
    let mut bytes = name.bytes();
    let ascii = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    // Nearly all names are ASCII: looking at bytes is enough for them.
    if bytes.all(ascii) {
        return name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    }
    let mut chars = name.chars();
    chars.next().is_some_and(is_name_start) && chars.all(is_name_char)
}

/// A qualified name as (prefix or "", local name).
///
/// # Errors
/// `NotWellFormed` unless both are names without a colon.
pub(super) fn split_qname(name: &str) -> Result<(&str, &str), XmlError> {
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) if is_ncname(prefix) => (prefix, local),
        Some(_) => return Err(XmlError::NotWellFormed),
        None => ("", name),
    };
    if !is_ncname(local) {
        return Err(XmlError::NotWellFormed);
    }
    Ok((prefix, local))
}

fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, &byte| found | is_forbidden_control(byte))
}

/// U+FFFE and U+FFFF, whose UTF-8 is EF BF BE and EF BF BF.
fn has_noncharacter(bytes: &[u8]) -> bool {
    memchr_iter(0xEF, bytes).any(|at| matches!(bytes.get(at..), Some([_, 0xBF, 0xBE | 0xBF, ..])))
}

/// XML §2.3 `NameStartChar` without the colon.
fn is_name_start(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic() || c == '_';
    }
    matches!(c,
        '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}'
        | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// XML §2.3 `NameChar` without the colon.
fn is_name_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    }
    is_name_start(c) || matches!(c, '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_is_an_unsupported_encoding() {
        // A lone continuation byte, an overlong slash, a surrogate, a lead byte cut off.
        for bytes in [&b"\x80"[..], b"\xC0\xAF", b"\xED\xA0\x80", b"\xE2\x82"] {
            assert_eq!(text(bytes), Err(XmlError::UnsupportedEncoding));
        }
    }

    #[test]
    fn control_characters_and_noncharacters_are_not_well_formed() {
        for bad in ["\u{0}", "\u{1}", "\u{B}", "\u{1F}", "a\u{FFFE}", "\u{FFFF}b"] {
            assert_eq!(text(bad.as_bytes()), Err(XmlError::NotWellFormed));
        }
    }

    #[test]
    fn tab_newline_del_and_the_zero_width_no_break_space_are_characters() {
        let fine = "\t\r\n \u{7F}\u{85}\u{FEFF}\u{FFFD}\u{1F600}";
        assert_eq!(text(fine.as_bytes()), Ok(fine));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", "1a", "-a", "a b", "a\u{1}", "a/b", "\u{D7}", "a\u{37E}"] {
            assert!(!is_ncname(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_name_may_use_other_scripts() {
        assert!(
            is_ncname("straße")
                && is_ncname("名前")
                && is_ncname("ﾅﾏｴ")
                && is_ncname("_a-b.c\u{B7}")
        );
    }

    #[test]
    fn a_qualified_name_has_at_most_one_colon_and_two_names() {
        assert_eq!(split_qname("a:b"), Ok(("a", "b")));
        assert_eq!(split_qname("b"), Ok(("", "b")));
        for bad in ["a:b:c", ":b", "a:", ":", "1:b", "a:1", ""] {
            assert_eq!(split_qname(bad), Err(XmlError::NotWellFormed), "{bad}");
        }
    }
}
