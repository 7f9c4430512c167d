//! XEP-0045 §17.1, RFC 8266: the nickname of an occupant.
//!
//! Our choices: it is shown as it was chosen, in the normal form of a resourcepart, so that the
//! address of an occupant is the one that he asked for. Two that a reader takes for the same are the
//! same: the comparison of RFC 8266 §2.4, with case folded in both directions, so that the German
//! sharp s is two of them and the final sigma is a sigma. Look-alikes of other scripts are told apart.

use std::sync::Arc;

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};

use crate::jid::{JidError, Resource};
use crate::stanza::{Condition, StanzaError};

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();

/// Bytes of a nickname: it stands in every stanza of its occupant.
pub const NICK_MAX: usize = 256;

/// RFC 8266 §2.3: "apply the rules [...] again" until nothing changes, and else refuse.
const REPEATS: usize = 3;

/// The nickname of an occupant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nick {
    shown: Resource,
    key: NickKey,
}

/// What is equal for nicknames that are the same; it is never shown. Clones share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NickKey(Arc<str>);

impl Nick {
    /// Reads a nickname.
    ///
    /// # Errors
    /// `jid-malformed`: it is missing, is nothing but spaces, or has characters that a resourcepart may
    /// not have. `not-acceptable`: it is longer than [`NICK_MAX`].
    pub fn parse(text: &str) -> Result<Self, StanzaError> {
        Resource::parse(text).map_err(refused).and_then(Nick::of)
    }

    /// The nickname in an occupant's address.
    ///
    /// # Errors
    /// As [`Nick::parse`].
    pub fn of(shown: Resource) -> Result<Self, StanzaError> {
        if shown.as_str().len() > NICK_MAX {
            return Err(too_long());
        }
        let key = comparable(shown.as_str()).ok_or_else(malformed)?;
        Ok(Nick { shown, key: NickKey(key.into()) })
    }

    /// As others see it.
    pub fn as_str(&self) -> &str {
        self.shown.as_str()
    }

    /// The resourcepart of the occupant's address.
    pub fn resource(&self) -> &Resource {
        &self.shown
    }

    /// What is equal for nicknames that are the same; it is never shown.
    pub fn key(&self) -> &NickKey {
        &self.key
    }
}

/// RFC 8266 §2.4. Other spaces than U+0020 are not in a resourcepart any more.
fn comparable(text: &str) -> Option<String> {
    let mut last = folded(text);
    for _ in 0..REPEATS {
        let next = folded(&last);
        if next == last {
            return Some(last).filter(|key| !key.is_empty());
        }
        last = next;
    }
    None
}

/// RFC 8266 §2.1, §2.4: spaces trimmed and collapsed, case folded, NFKC.
fn folded(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if is_blank(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let upper = words.join(" ").to_uppercase();
    // One by one: a final sigma gets no special treatment.
    let lower: String = upper.chars().flat_map(char::to_lowercase).collect();
    NFKC.normalize(&lower).into_owned()
}

/// §17.1: no "invisible Room Nicknames"; the empty Braille pattern is a symbol, and looks like a space.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

fn refused(error: JidError) -> StanzaError {
    match error {
        JidError::TooLong(_) => too_long(),
        _ => malformed(),
    }
}

fn malformed() -> StanzaError {
    StanzaError::new(Condition::JidMalformed).with_text("that is no nickname")
}

fn too_long() -> StanzaError {
    let text = format!("a nickname has at most {NICK_MAX} bytes");
    StanzaError::new(Condition::NotAcceptable).with_text(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> String {
        Nick::parse(text).unwrap().key().0.to_string()
    }

    fn condition(text: &str) -> Condition {
        Nick::parse(text).unwrap_err().condition()
    }

    #[test]
    fn the_nicknames_of_rfc_8266_table_1_compare_as_table_3_says() {
        for (text, compared) in [
            ("Foo", "foo"),
            ("foo", "foo"),
            ("Foo Bar", "foo bar"),
            ("foo bar", "foo bar"),
            ("\u{3A3}", "\u{3C3}"),
            ("\u{3C3}", "\u{3C3}"),
            // Ours: the final sigma as the others.
            ("\u{3C2}", "\u{3C3}"),
            ("\u{265A}", "\u{265A}"),
            ("Richard \u{2163}", "richard iv"),
        ] {
            assert_eq!(key(text), compared);
        }
    }

    #[test]
    fn what_looks_the_same_is_the_same_and_is_shown_as_it_was_chosen() {
        for (one, other) in [
            ("Anna", "ANNA"),
            ("Anna", "anna "),
            ("Anna B", "Anna \u{A0}  B"),
            ("stra\u{DF}e", "STRASSE"),
            ("\u{1E9E}", "ss"),
            ("\u{C5}sa", "A\u{30A}sa"),
            ("\u{FF21}nna", "anna"),
            ("\u{FB01}n", "FIN"),
            ("Anna", "Anna\u{2800}"),
            ("I", "\u{131}"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        assert_eq!(Nick::parse("Anna  B ").unwrap().as_str(), "Anna  B ");
        assert_ne!(key("Anna"), key("Ann a"));
    }

    #[test]
    fn s17_1_a_nickname_is_neither_empty_nor_invisible() {
        for text in
            ["", " ", "  ", "\u{A0}", "\u{2800}", "\u{2800} ", "\u{200B}", "\u{3164}", "a\nb"]
        {
            assert_eq!(condition(text), Condition::JidMalformed, "{text:?}");
        }
    }

    #[test]
    fn a_nickname_that_is_too_long_is_told_so() {
        assert!(Nick::parse(&"x".repeat(NICK_MAX)).is_ok());
        assert_eq!(condition(&"x".repeat(NICK_MAX + 1)), Condition::NotAcceptable);
        assert_eq!(condition(&"x".repeat(100_000)), Condition::NotAcceptable);
    }

    proptest! {
        #[test]
        fn a_key_is_stable_and_so_is_what_is_shown(text in any::<String>()) {
            if let Ok(nick) = Nick::parse(&text) {
                prop_assert_eq!(comparable(&nick.key().0), Some(nick.key().0.to_string()));
                prop_assert!(!nick.key().0.trim().is_empty());
                prop_assert_eq!(Nick::parse(nick.as_str()), Ok(nick));
            }
        }
    }
}
