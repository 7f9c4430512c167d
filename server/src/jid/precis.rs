//! RFC 8265: the PRECIS profiles that XMPP uses. `UsernameCaseMapped` makes the normal form of a
//! localpart, `OpaqueString` that of a resourcepart and of a password.

use std::borrow::Cow;

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};

use super::bidi;
use super::class::{Class, is_non_ascii_space};

const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfc();
const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();

/// RFC 8265 §5: how often the rules may be applied again until the string no longer changes.
const REPEATS: usize = 3;

/// RFC 8265 §3.3: width and case mapped, NFC, orderly in direction, not empty; or `None`.
pub(crate) fn username_case_mapped(text: &str) -> Option<Cow<'_, str>> {
    stable(text, enforce_username)
}

/// RFC 8265 §4.2: spaces mapped to U+0020, NFC, case kept, not empty; or `None`.
pub(crate) fn opaque_string(text: &str) -> Option<Cow<'_, str>> {
    if is_plain_ascii(text) {
        return Some(Cow::Borrowed(text));
    }
    stable(text, enforce_opaque)
}

/// Printable ASCII is its own normal form under `OpaqueString`.
fn is_plain_ascii(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x20..=0x7E))
}

/// RFC 8265 §5: applying a profile once is not always idempotent, so it is repeated.
fn stable(text: &str, enforce: fn(&str) -> Option<String>) -> Option<Cow<'_, str>> {
    let mut last = enforce(text)?;
    if last == text {
        return Some(Cow::Borrowed(text));
    }
    for _ in 0..REPEATS {
        let next = enforce(&last)?;
        if next == last {
            return Some(Cow::Owned(last));
        }
        last = next;
    }
    None
}

fn enforce_username(text: &str) -> Option<String> {
    let narrow: String = map_width(text);
    if !Class::Identifier.allows(&narrow) {
        return None;
    }
    // RFC 7622 §3.5: a final sigma gets no special treatment, so each code point is mapped alone.
    let lower: String = narrow.chars().flat_map(char::to_lowercase).collect();
    let normal = NFC.normalize(&lower).into_owned();
    (!normal.is_empty() && bidi::is_orderly(&normal)).then_some(normal)
}

fn enforce_opaque(text: &str) -> Option<String> {
    if !Class::Freeform.allows(text) {
        return None;
    }
    let spaced: String =
        text.chars().map(|c| if is_non_ascii_space(c) { ' ' } else { c }).collect();
    let normal = NFC.normalize(&spaced).into_owned();
    (!normal.is_empty()).then_some(normal)
}

/// RFC 8265 §3.3.1, rule 1. Decomposition types wide and narrow occur in one block and at U+3000.
///
/// NFKC of one such code point is its decomposition mapping, or goes further where that mapping is
/// itself a compatibility character, which the class then refuses in either form.
fn map_width(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{3000}' | '\u{FF01}'..='\u{FFEE}' => {
                out.push_str(&NFKC.normalize(c.encode_utf8(&mut [0; 4])));
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn username(text: &str) -> Option<String> {
        username_case_mapped(text).map(Cow::into_owned)
    }

    fn opaque(text: &str) -> Option<String> {
        opaque_string(text).map(Cow::into_owned)
    }

    #[test]
    fn the_legal_userparts_of_rfc_8265_table_1_have_these_forms() {
        for (text, normal) in [
            ("juliet@example.com", "juliet@example.com"),
            ("fussball", "fussball"),
            ("fu\u{DF}ball", "fu\u{DF}ball"),
            ("\u{3C0}", "\u{3C0}"),
            ("\u{3A3}", "\u{3C3}"),
            ("\u{3C3}", "\u{3C3}"),
            ("\u{3C2}", "\u{3C2}"),
        ] {
            assert_eq!(username(text).as_deref(), Some(normal));
        }
    }

    #[test]
    fn the_bad_userparts_of_rfc_8265_table_2_are_refused() {
        for text in ["foo bar", "", "henry\u{2163}", "\u{221E}"] {
            assert_eq!(username(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_legal_passwords_of_rfc_8265_table_3_have_these_forms() {
        for (text, normal) in [
            ("correct horse battery staple", "correct horse battery staple"),
            ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
            ("\u{3C0}\u{DF}\u{E5}", "\u{3C0}\u{DF}\u{E5}"),
            ("Jack of \u{2666}s", "Jack of \u{2666}s"),
            ("foo\u{1680}bar", "foo bar"),
        ] {
            assert_eq!(opaque(text).as_deref(), Some(normal));
        }
    }

    #[test]
    fn the_bad_passwords_of_rfc_8265_table_4_are_refused() {
        assert_eq!(opaque(""), None);
        assert_eq!(opaque("my cat is a \tby"), None);
    }

    #[test]
    fn fullwidth_and_halfwidth_forms_are_mapped_in_names_only() {
        assert_eq!(username("\u{FF21}\u{FF42}\u{FF11}").as_deref(), Some("ab1"));
        assert_eq!(username("\u{FF76}\u{FF9E}").as_deref(), Some("\u{30AC}"));
        assert_eq!(opaque("\u{FF21}").as_deref(), Some("\u{FF21}"));
        for text in ["\u{3000}", "\u{FFE3}", "\u{FFA1}", "\u{FFA0}", "\u{FFE9}"] {
            assert_eq!(username(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_are_composed_after_case_mapping() {
        assert_eq!(username("A\u{30A}").as_deref(), Some("\u{E5}"));
        assert_eq!(username("\u{130}").as_deref(), Some("i\u{307}"));
    }

    #[test]
    fn hebrew_with_points_is_a_name_and_mixed_direction_is_not() {
        assert!(username("\u{5E9}\u{5C1}\u{5B8}\u{5DC}\u{5D5}\u{5B9}\u{5DD}").is_some());
        assert_eq!(username("a\u{5D0}"), None);
        assert!(opaque("a\u{5D0}").is_some());
    }
}
