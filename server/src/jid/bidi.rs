//! RFC 5893 §2: the Bidi Rule, for localparts that hold right-to-left code points
//! (RFC 8265 §3.3.1). Domains have theirs checked by UTS 46.

use icu_properties::props::BidiClass;
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed};

const BIDI: CodePointMapDataBorrowed<'static, BidiClass> = CodePointMapData::new();

/// Whether `text` keeps the Bidi Rule, or holds nothing that runs from right to left.
pub(super) fn is_orderly(text: &str) -> bool {
    if !text.chars().any(is_right_to_left) {
        return true;
    }
    match text.chars().next().map(|c| BIDI.get(c)) {
        Some(BidiClass::RightToLeft | BidiClass::ArabicLetter) => rtl_label(text),
        // Conditions 5 and 6: a left-to-right label has no R, AL or AN, and this one has.
        _ => false,
    }
}

fn is_right_to_left(c: char) -> bool {
    matches!(
        BIDI.get(c),
        BidiClass::RightToLeft | BidiClass::ArabicLetter | BidiClass::ArabicNumber
    )
}

/// Conditions 2 to 4.
fn rtl_label(text: &str) -> bool {
    let has = |class| text.chars().any(|c| BIDI.get(c) == class);
    text.chars().all(allowed_in_rtl)
        && ends_rtl(text)
        && !(has(BidiClass::EuropeanNumber) && has(BidiClass::ArabicNumber))
}

fn allowed_in_rtl(c: char) -> bool {
    matches!(
        BIDI.get(c),
        BidiClass::RightToLeft
            | BidiClass::ArabicLetter
            | BidiClass::ArabicNumber
            | BidiClass::EuropeanNumber
            | BidiClass::EuropeanSeparator
            | BidiClass::CommonSeparator
            | BidiClass::EuropeanTerminator
            | BidiClass::OtherNeutral
            | BidiClass::BoundaryNeutral
            | BidiClass::NonspacingMark
    )
}

/// Condition 3: nonspacing marks at the end do not count; inside they are ordinary.
fn ends_rtl(text: &str) -> bool {
    let mut classes = text.chars().rev().map(|c| BIDI.get(c));
    matches!(
        classes.find(|class| *class != BidiClass::NonspacingMark),
        Some(
            BidiClass::RightToLeft
                | BidiClass::ArabicLetter
                | BidiClass::EuropeanNumber
                | BidiClass::ArabicNumber
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_right_to_left_code_points_is_orderly() {
        assert!(is_orderly("juliet1"));
        assert!(is_orderly("1"));
        assert!(is_orderly(""));
    }

    #[test]
    fn hebrew_with_vowel_points_is_orderly() {
        assert!(is_orderly("\u{5E9}\u{5C1}\u{5B8}\u{5DC}\u{5D5}\u{5B9}\u{5DD}"));
        assert!(is_orderly("\u{5D0}\u{5B8}"));
        assert!(is_orderly("\u{627}1\u{628}2"));
    }

    #[test]
    fn a_mixture_of_directions_is_not() {
        for text in ["a\u{5D0}", "\u{5D0}a", "1\u{5D0}", "\u{5D0}-", "\u{5D0}1\u{661}", "a\u{661}"]
        {
            assert!(!is_orderly(text), "{text:?}");
        }
    }
}
