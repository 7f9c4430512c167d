//! RFC 8264 §8: which code points a PRECIS string class allows, with the context rules of
//! RFC 5892 appendix A.
//!
//! The properties come from the same ICU4X tables that the `idna` crate reads, so that localparts,
//! resourceparts and domains follow one version of Unicode. (The `precis-core` crate classifies by
//! Unicode 6.3 and so refuses every emoji and letter assigned after 2013.)

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, GeneralCategory, HangulSyllableType,
    JoiningType, NoncharacterCodePoint, Script,
};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
};

const CATEGORY: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();
const COMBINING: CodePointMapDataBorrowed<'static, CanonicalCombiningClass> =
    CodePointMapData::new();
const HANGUL: CodePointMapDataBorrowed<'static, HangulSyllableType> = CodePointMapData::new();
const JOINING: CodePointMapDataBorrowed<'static, JoiningType> = CodePointMapData::new();
const SCRIPT: CodePointMapDataBorrowed<'static, Script> = CodePointMapData::new();
const IGNORABLE: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<DefaultIgnorableCodePoint>();
const NONCHARACTER: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<NoncharacterCodePoint>();
const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();

/// The two string classes of RFC 8264 §4.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// §4.2: letters, digits and printable ASCII.
    Identifier,
    /// §4.3: also spaces, symbols, punctuation and compatibility characters.
    Freeform,
}

impl Class {
    /// Whether every code point of `text` is allowed, in its context. Time is linear in `text`.
    pub(super) fn allows(self, text: &str) -> bool {
        let mut scripts = None;
        text.char_indices().all(|(at, c)| match property(c) {
            Property::Valid => true,
            Property::FreeformOnly => self == Self::Freeform,
            Property::Contextual => {
                let scripts = scripts.get_or_insert_with(|| Present::of(text));
                in_context(c, before(text, at), after(text, at, c), scripts)
            }
            Property::Disallowed => false,
        })
    }
}

/// The derived property of RFC 8264 §8; UNASSIGNED and DISALLOWED are one here.
enum Property {
    Valid,
    FreeformOnly,
    Contextual,
    Disallowed,
}

/// RFC 8264 §8: the order of these questions MUST NOT change. `BackwardCompatible` is empty.
fn property(c: char) -> Property {
    if let Some(exception) = exception(c) {
        return exception;
    }
    let category = CATEGORY.get(c);
    if category == GeneralCategory::Unassigned && !NONCHARACTER.contains(c) {
        return Property::Disallowed;
    }
    if matches!(c, '\u{21}'..='\u{7E}') {
        return Property::Valid;
    }
    if matches!(c, '\u{200C}' | '\u{200D}') {
        return Property::Contextual;
    }
    if old_hangul_jamo(c) || IGNORABLE.contains(c) || NONCHARACTER.contains(c) {
        return Property::Disallowed;
    }
    if category == GeneralCategory::Control {
        return Property::Disallowed;
    }
    if has_compat(c) {
        return Property::FreeformOnly;
    }
    by_category(category)
}

/// RFC 5892 §2.6, by reference from RFC 8264 §9.6.
fn exception(c: char) -> Option<Property> {
    match c {
        '\u{DF}' | '\u{3C2}' | '\u{6FD}' | '\u{6FE}' | '\u{F0B}' | '\u{3007}' => {
            Some(Property::Valid)
        }
        '\u{B7}' | '\u{375}' | '\u{5F3}' | '\u{5F4}' | '\u{30FB}' => Some(Property::Contextual),
        '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}' => Some(Property::Contextual),
        '\u{640}' | '\u{7FA}' | '\u{302E}' | '\u{302F}' => Some(Property::Disallowed),
        '\u{3031}'..='\u{3035}' | '\u{303B}' => Some(Property::Disallowed),
        _ => None,
    }
}

/// RFC 8264 §9.1 and §9.14 to §9.18.
fn by_category(category: GeneralCategory) -> Property {
    use GeneralCategory as Gc;
    match category {
        Gc::LowercaseLetter | Gc::UppercaseLetter | Gc::OtherLetter | Gc::ModifierLetter => {
            Property::Valid
        }
        Gc::DecimalNumber | Gc::NonspacingMark | Gc::SpacingMark => Property::Valid,
        Gc::TitlecaseLetter | Gc::LetterNumber | Gc::OtherNumber | Gc::EnclosingMark => {
            Property::FreeformOnly
        }
        Gc::SpaceSeparator => Property::FreeformOnly,
        Gc::MathSymbol | Gc::CurrencySymbol | Gc::ModifierSymbol | Gc::OtherSymbol => {
            Property::FreeformOnly
        }
        Gc::ConnectorPunctuation
        | Gc::DashPunctuation
        | Gc::OpenPunctuation
        | Gc::ClosePunctuation
        | Gc::InitialPunctuation
        | Gc::FinalPunctuation
        | Gc::OtherPunctuation => Property::FreeformOnly,
        _ => Property::Disallowed,
    }
}

fn old_hangul_jamo(c: char) -> bool {
    matches!(
        HANGUL.get(c),
        HangulSyllableType::LeadingJamo
            | HangulSyllableType::VowelJamo
            | HangulSyllableType::TrailingJamo
    )
}

/// RFC 8264 §9.17: NFKC makes something else of it.
fn has_compat(c: char) -> bool {
    !NFKC.is_normalized(c.encode_utf8(&mut [0; 4]))
}

/// General category Zs without U+0020 (RFC 8265 §4.2.2).
pub(super) fn is_non_ascii_space(c: char) -> bool {
    !c.is_ascii() && CATEGORY.get(c) == GeneralCategory::SpaceSeparator
}

/// What the whole-label rules of RFC 5892 A.7 to A.9 ask, gathered once per string.
struct Present {
    japanese: bool,
    arabic_digit: bool,
    extended_digit: bool,
}

impl Present {
    fn of(text: &str) -> Self {
        let any = |test: fn(char) -> bool| text.chars().any(test);
        Self {
            japanese: any(|c| {
                matches!(SCRIPT.get(c), Script::Hiragana | Script::Katakana | Script::Han)
            }),
            arabic_digit: any(|c| matches!(c, '\u{660}'..='\u{669}')),
            extended_digit: any(|c| matches!(c, '\u{6F0}'..='\u{6F9}')),
        }
    }
}

/// RFC 5892 appendix A; an undefined result forbids (RFC 8264 §8).
fn in_context(c: char, before: &str, after: &str, present: &Present) -> bool {
    let previous = before.chars().next_back();
    let next = after.chars().next();
    match c {
        '\u{200C}' => previous.is_some_and(is_virama) || joins(before, after),
        '\u{200D}' => previous.is_some_and(is_virama),
        '\u{B7}' => previous == Some('l') && next == Some('l'),
        '\u{375}' => next.is_some_and(|c| SCRIPT.get(c) == Script::Greek),
        '\u{5F3}' | '\u{5F4}' => previous.is_some_and(|c| SCRIPT.get(c) == Script::Hebrew),
        '\u{30FB}' => present.japanese,
        '\u{660}'..='\u{669}' => !present.extended_digit,
        '\u{6F0}'..='\u{6F9}' => !present.arabic_digit,
        _ => false,
    }
}

fn is_virama(c: char) -> bool {
    COMBINING.get(c) == CanonicalCombiningClass::Virama
}

/// RFC 5892 A.1: `[LD] T* ZWNJ T* [RD]`. Each scan ends at the next joiner, which is not
/// transparent, so that many of them in one string still take linear time.
fn joins(before: &str, after: &str) -> bool {
    let solid = |c: &char| JOINING.get(*c) != JoiningType::Transparent;
    let left = before.chars().rev().find(solid).map(|c| JOINING.get(c));
    let right = after.chars().find(solid).map(|c| JOINING.get(c));
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

fn before(text: &str, at: usize) -> &str {
    text.get(..at).unwrap_or_default()
}

fn after(text: &str, at: usize, c: char) -> &str {
    text.get(at + c.len_utf8()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> (bool, bool) {
        (Class::Identifier.allows(text), Class::Freeform.allows(text))
    }

    #[test]
    fn letters_and_digits_are_in_both_classes() {
        for text in ["juliet", "\u{DF}", "\u{3C0}", "\u{AC00}", "\u{3007}", "a~!"] {
            assert_eq!(both(text), (true, true), "{text:?}");
        }
    }

    #[test]
    fn symbols_spaces_and_compatibility_characters_are_freeform_only() {
        for text in ["a b", "\u{265A}", "\u{2163}", "\u{FB01}", "\u{1F973}", "\u{20BF}", "\u{1680}"]
        {
            assert_eq!(both(text), (false, true), "{text:?}");
        }
    }

    #[test]
    fn invisible_private_and_unassigned_code_points_are_in_neither() {
        for c in [
            '\0',
            '\t',
            '\u{7F}',
            '\u{85}',
            '\u{AD}',
            '\u{200B}',
            '\u{202E}',
            '\u{2066}',
            '\u{2028}',
            '\u{FEFF}',
            '\u{FE0F}',
            '\u{E000}',
            '\u{FDD0}',
            '\u{10FFFF}',
            '\u{378}',
            '\u{E0041}',
            '\u{1100}',
            '\u{640}',
            '\u{3164}',
        ] {
            assert_eq!(both(c.encode_utf8(&mut [0; 4])), (false, false), "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn context_rules_of_rfc_5892_appendix_a_hold() {
        for text in [
            "l\u{B7}l",
            "\u{375}\u{3B1}",
            "\u{5D0}\u{5F3}",
            "\u{30A2}\u{30FB}",
            "\u{661}",
            "\u{6F1}",
            "\u{915}\u{94D}\u{200D}\u{937}",
            "\u{915}\u{94D}\u{200C}\u{937}",
            "\u{628}\u{64E}\u{200C}\u{64E}\u{628}",
        ] {
            assert_eq!(both(text), (true, true), "{text:?}");
        }
        for text in [
            "a\u{B7}l",
            "l\u{B7}",
            "\u{B7}",
            "\u{375}a",
            "\u{375}",
            "\u{5F3}\u{5D0}",
            "a\u{5F4}",
            "a\u{30FB}b",
            "\u{661}\u{6F1}",
            "a\u{200D}b",
            "\u{200C}",
            "a\u{200C}b",
            "\u{628}\u{200C}",
            "\u{1F468}\u{200D}\u{1F469}",
        ] {
            assert_eq!(both(text), (false, false), "{text:?}");
        }
    }
}
