use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn jid(text: &str) -> Jid {
    text.parse().unwrap()
}

#[test]
fn the_legal_addresses_of_rfc_7622_table_1_are_read() {
    for (text, local, domain, resource) in [
        ("juliet@example.com", Some("juliet"), "example.com", None),
        ("juliet@example.com/foo", Some("juliet"), "example.com", Some("foo")),
        ("juliet@example.com/foo bar", Some("juliet"), "example.com", Some("foo bar")),
        ("juliet@example.com/foo@bar", Some("juliet"), "example.com", Some("foo@bar")),
        ("foo\\20bar@example.com", Some("foo\\20bar"), "example.com", None),
        ("fussball@example.com", Some("fussball"), "example.com", None),
        ("fu\u{DF}ball@example.com", Some("fu\u{DF}ball"), "example.com", None),
        ("\u{3C0}@example.com", Some("\u{3C0}"), "example.com", None),
        ("\u{3A3}@example.com/foo", Some("\u{3C3}"), "example.com", Some("foo")),
        ("\u{3C3}@example.com/foo", Some("\u{3C3}"), "example.com", Some("foo")),
        ("\u{3C2}@example.com/foo", Some("\u{3C2}"), "example.com", Some("foo")),
        ("king@example.com/\u{265A}", Some("king"), "example.com", Some("\u{265A}")),
        ("example.com", None, "example.com", None),
        ("example.com/foobar", None, "example.com", Some("foobar")),
        ("a.example.com/b@example.net", None, "a.example.com", Some("b@example.net")),
    ] {
        let jid = jid(text);
        assert_eq!(
            (jid.local(), jid.domain(), jid.resource()),
            (local, domain, resource),
            "{text}"
        );
    }
}

#[test]
fn the_illegal_addresses_of_rfc_7622_table_2_are_refused() {
    use JidError::{Empty, Invalid};
    for (text, error) in [
        ("\"juliet\"@example.com", Invalid(Part::Local)),
        ("foo bar@example.com", Invalid(Part::Local)),
        ("juliet@example.com/ foo", Invalid(Part::Resource)),
        ("@example.com/", Empty(Part::Local)),
        ("henry\u{2163}@example.com", Invalid(Part::Local)),
        ("\u{265A}@example.com", Invalid(Part::Local)),
        ("juliet@", Empty(Part::Domain)),
        ("/foobar", Empty(Part::Domain)),
    ] {
        assert_eq!(Jid::parse(text), Err(error), "{text}");
    }
}

#[test]
fn empty_parts_are_refused() {
    for text in ["", "@", "/", "@/", "a@b/", "b/", "@b", "a@/r", "."] {
        assert!(Jid::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_part_has_at_most_1023_octets() {
    let long = |n| "a".repeat(n);
    assert!(Jid::parse(&format!("{}@example.com/{}", long(1023), long(1023))).is_ok());
    let too_long = Jid::parse(&format!("{}@example.com", long(1024)));
    assert_eq!(too_long, Err(JidError::TooLong(Part::Local)));
    let too_long = Jid::parse(&format!("example.com/{}", long(1024)));
    assert_eq!(too_long, Err(JidError::TooLong(Part::Resource)));
    assert!(Jid::parse(&long(1024)).is_err());
    assert!(Jid::parse(&long(100_000)).is_err());
}

#[test]
fn length_is_counted_after_mapping() {
    let wide = "\u{FF41}".repeat(1023);
    assert_eq!(jid(&format!("{wide}@example.com")).local().unwrap().len(), 1023);
    let lowered = "\u{130}".repeat(512);
    let error = Jid::parse(&format!("{lowered}@example.com"));
    assert_eq!(error, Err(JidError::TooLong(Part::Local)));
}

#[test]
fn separators_that_mapping_would_make_do_not_divide() {
    for text in [
        "a\u{FF20}b@example.com",
        "a\u{FF0F}b@example.com",
        "a@b\u{FF20}c.com",
        "a@b\u{FF0F}c.com",
        "a@\u{2100}.com",
        "a@b@c",
        "a@b:5222",
        "a\u{FF1C}@b",
        "a@b c",
    ] {
        assert!(Jid::parse(text).is_err(), "{text}");
    }
    assert_eq!(jid("a@b/c/d").resource(), Some("c/d"));
    assert_eq!(jid("b/c@d/e").domain(), "b");
}

#[test]
fn unassigned_invisible_and_bidirectional_tricks_are_refused() {
    for text in [
        "a\u{378}@example.com",
        "a\u{200B}@example.com",
        "a\u{5D0}@example.com",
        "a@example.com/\u{202E}b",
        "a@example.com/\u{1B}[2J",
        "a@example.com/\n",
        "a@example.com/\u{FEFF}",
        "a@example.com/\u{3000}b",
        "a@\u{5D0}1a.com",
        "\u{7F}@b",
    ] {
        assert!(Jid::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn one_account_has_one_normal_form() {
    for text in ["Juliet@EXAMPLE.com.", "JULIET@example.com", "\u{FF2A}uliet@Example.Com"] {
        assert_eq!(jid(text), jid("juliet@example.com"));
    }
    assert_eq!(jid("a@xn--bcher-kva.example"), jid("A@B\u{DC}CHER.example"));
    assert_ne!(jid("a@b/C"), jid("a@b/c"));
}

#[test]
fn kinds_of_address_convert_and_compare() {
    let full = jid("a@b.c/d");
    let bare = full.bare();
    assert_eq!((bare.as_str(), bare.local(), bare.domain()), ("a@b.c", Some("a"), "b.c"));
    assert_ne!(bare, full);
    assert_ne!(full, bare);
    assert_eq!(Jid::from(bare.clone()), bare);
    assert_eq!(bare.with_resource(&"d".parse().unwrap()), full);
    assert_eq!(full.with_resource(&"e".parse().unwrap()).as_str(), "a@b.c/e");
    assert_eq!(BareJid::new(Some("A".parse().unwrap()), "b.c".parse().unwrap()), bare);
    assert_eq!(BareJid::from(bare.to_domain()), jid("b.c"));
    assert_eq!(BareJid::parse("a@b/c"), Err(JidError::NotBare));
}

#[test]
fn a_bare_address_is_found_under_its_text() {
    let map = HashMap::from([(jid("a@b.c/d").bare(), 1)]);
    assert_eq!(map.get("a@b.c"), Some(&1));
    assert_eq!(map.get(&BareJid::parse("A@b.c").unwrap()), Some(&1));
}

#[test]
fn an_address_is_small() {
    assert!(size_of::<Jid>() <= 24 && size_of::<BareJid>() <= 24);
}

#[test]
fn addresses_are_strings_in_serde() {
    let jid: Jid = serde_json::from_str(r#""Juliet@Example.com/Balcony""#).unwrap();
    assert_eq!(serde_json::to_string(&jid).unwrap(), r#""juliet@example.com/Balcony""#);
    assert!(serde_json::from_str::<BareJid>(r#""a@b/c""#).is_err());
    assert!(serde_json::from_str::<Domain>(r#""a@b""#).is_err());
}

/// Text that is often an address, of characters that PRECIS and IDNA treat in different ways.
fn address_like() -> impl Strategy<Value = String> {
    let text = "[a-zA-Z0-9@/.\\-\u{DF}\u{130}\u{3A3}\u{FC}u\u{308}\u{5D0}\u{5B8}\u{661}\u{FF21}\u{FF20}\u{FF76}\u{FF9E}\u{AC00}\u{1F973} \u{3000}\u{212A}\u{37E}\u{200D}\u{94D}\u{915}]{0,12}";
    prop_oneof![
        text,
        (text, text, text).prop_map(|(l, d, r)| format!("{l}@{d}/{r}")),
        (text, text).prop_map(|(l, r)| format!("{l}@example.com/{r}")),
        "\\PC{0,20}",
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn parsing_gives_a_fixed_point(text in address_like()) {
        if let Ok(once) = Jid::parse(&text) {
            let twice = Jid::parse(&once.to_string()).unwrap();
            prop_assert_eq!(&twice, &once);
            prop_assert_eq!((twice.local(), twice.domain()), (once.local(), once.domain()));
            prop_assert_eq!(twice.resource(), once.resource());
        }
    }

    #[test]
    fn parts_put_together_are_the_address(text in address_like()) {
        if let Ok(jid) = Jid::parse(&text) {
            let local = jid.local().map(|local| Localpart::parse(local).unwrap());
            let bare = BareJid::new(local, Domain::parse(jid.domain()).unwrap());
            prop_assert_eq!(&bare, &jid.bare());
            match jid.resource() {
                Some(resource) => prop_assert_eq!(
                    bare.with_resource(&Resource::parse(resource).unwrap()), jid),
                None => prop_assert_eq!(Jid::from(bare), jid),
            }
        }
    }
}
