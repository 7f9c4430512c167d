//! RFC 7622 §3.2: the domainpart, by IDNA (RFC 5890 to 5893) with the mappings of UTS 46.
//!
//! The normal form is lower case, in U-labels, without a final dot. IPv4 addresses pass as they
//! are written, IPv6 addresses stand in brackets and are written by RFC 5952. We refuse zone
//! identifiers (RFC 6874), which mean something on one machine only, and `IPvFuture`.
//! UTS 46 lets symbols pass that IDNA2008 does not know: labels are checked for that as well.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::class::Class;

/// RFC 1034 §3.1, upheld by RFC 7622 §3.2: octets of a label, and of a name without its final dot.
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 253;

/// The normal form of a domainpart, borrowed when `text` is already that; `None` if it is none.
pub(super) fn normal(text: &str) -> Option<Cow<'_, str>> {
    // §3.2: the final dot is stripped before anything else. UTS 46 knows three more of them.
    let text = text.strip_suffix(['.', '\u{3002}', '\u{FF0E}', '\u{FF61}']).unwrap_or(text);
    if is_plain(text) {
        return Some(Cow::Borrowed(text));
    }
    match text.strip_prefix('[') {
        Some(rest) => ip_literal(rest).map(Cow::Owned),
        None => unicode(text).map(Cow::Owned),
    }
}

/// A lower-case ASCII name without A-labels, which is its own normal form.
fn is_plain(text: &str) -> bool {
    text.len() <= MAX_NAME && text.split('.').all(is_plain_label)
}

/// RFC 5890 §2.3.1: an NR-LDH label.
fn is_plain_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    matches!(bytes.len(), 1..=MAX_LABEL)
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !label.starts_with('-')
        && !label.ends_with('-')
        && bytes.get(2..4) != Some(b"--")
}

fn ip_literal(rest: &str) -> Option<String> {
    let address: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
    Some(format!("[{address}]"))
}

fn unicode(text: &str) -> Option<String> {
    let mapped = to_unicode(text)?;
    // RFC 5890 §2.3.2.1: what maps to a U-label must be the normal form of itself.
    let stable = to_unicode(&mapped).is_some_and(|again| again == mapped);
    (stable && mapped.split('.').all(is_label) && fits_dns(&mapped)).then_some(mapped)
}

fn to_unicode(text: &str) -> Option<String> {
    let (mapped, result) =
        Uts46::new().to_unicode(text.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    result.ok().map(|()| mapped.into_owned())
}

/// RFC 5892 §3: a code point of a U-label is a letter or digit, or valid in its context. That is
/// the PRECIS IdentifierClass, less three blocks; ASCII was checked by UTS 46.
fn is_label(label: &str) -> bool {
    !label.is_empty() && Class::Identifier.allows(label) && !label.chars().any(in_ignorable_block)
}

/// RFC 5892 §2.4.
fn in_ignorable_block(c: char) -> bool {
    matches!(c, '\u{20D0}'..='\u{20FF}' | '\u{1D100}'..='\u{1D1FF}' | '\u{1D200}'..='\u{1D24F}')
}

fn fits_dns(name: &str) -> bool {
    Uts46::new()
        .to_ascii(name.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn form(text: &str) -> Option<String> {
        normal(text).map(Cow::into_owned)
    }

    #[test]
    fn a_plain_name_is_borrowed() {
        for text in ["example.com", "localhost", "a", "127.0.0.1", "1.2", "a-b.c--d.net"] {
            assert!(matches!(normal(text), Some(Cow::Borrowed(same)) if same == text), "{text}");
        }
    }

    #[test]
    fn case_width_dots_and_a_labels_lead_to_one_form() {
        for text in [
            "b\u{FC}cher.example",
            "B\u{DC}CHER.Example",
            "xn--bcher-kva.example",
            "XN--BCHER-KVA.EXAMPLE",
            "bu\u{308}cher.example",
            "b\u{FC}cher\u{3002}example",
            "\u{FF42}\u{FC}cher.example.",
            "b\u{FC}cher.example\u{FF61}",
        ] {
            assert_eq!(form(text).as_deref(), Some("b\u{FC}cher.example"), "{text}");
        }
        assert_eq!(form("fa\u{DF}.de").as_deref(), Some("fa\u{DF}.de"));
        assert_eq!(form("xn--fa-hia.de").as_deref(), Some("fa\u{DF}.de"));
    }

    #[test]
    fn ipv6_addresses_have_one_form() {
        assert_eq!(form("[2001:DB8:0:0::1]").as_deref(), Some("[2001:db8::1]"));
        assert_eq!(form("[::1]").as_deref(), Some("[::1]"));
        for text in ["[", "[]", "[::1", "::1]", "::1", "[1.2.3.4]", "[fe80::1%25eth0]", "[v1.a]"] {
            assert_eq!(form(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_host_name_is_refused() {
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "-a",
            "a-",
            "ab--cd",
            "a_b",
            "a b",
            "a:1",
            "a%41",
            "xn--",
            "xn--a",
            "xn--example-",
            "xn--\u{FC}",
            "a\u{2F}b",
            "a\u{FF0F}b",
            "a\u{FF20}b",
            "\u{2100}.com",
            "a\0b",
            "\u{200B}",
            "\u{AD}",
            "\u{202E}a.com",
        ] {
            assert_eq!(form(text), None, "{text:?}");
        }
    }

    #[test]
    fn idna2008_refuses_symbols_that_uts_46_lets_pass() {
        for text in ["i\u{2665}.ws", "\u{1F4A9}.la", "xn--ls8h.la", "\u{1D165}.a", "a\u{B7}l.com"] {
            assert_eq!(form(text), None, "{text}");
        }
        assert!(form("l\u{B7}l.com").is_some());
    }

    #[test]
    fn labels_and_names_keep_the_limits_of_dns() {
        assert!(form(&"a".repeat(63)).is_some());
        assert!(form(&"a".repeat(64)).is_none());
        assert!(form(&vec!["a".repeat(49); 5].join(".")).is_some());
        assert!(form(&vec!["a".repeat(50); 5].join(".")).is_none());
        assert!(form(&format!("{}.example", "\u{FC}".repeat(63))).is_none());
    }

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_long_way(text in "[a-z0-9.-]{1,20}") {
            let long = unicode(text.strip_suffix('.').unwrap_or(&text));
            prop_assert_eq!(form(&text), long);
        }

        #[test]
        fn a_normal_form_is_its_own(text in "\\PC{0,12}(\\.\\PC{1,6})?") {
            if let Some(once) = form(&text) {
                prop_assert_eq!(form(&once), Some(once));
            }
        }
    }
}
