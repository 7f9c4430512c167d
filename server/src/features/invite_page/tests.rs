//! The pages without a server: what they say, and that they say it safely.

use std::time::Duration;

use askama::Template;

use super::apps::Device;
use super::form;
use super::view::{Filled, Offer, Reader};
use crate::clock::Timestamp;
use crate::features::invite::Refusal;
use crate::pages::Language;
use crate::pages::sample::{assert_strict, preview};

fn reader(language: &str, device: Device) -> Reader {
    let language = Language::choose(Some(language), None);
    Reader { language, device: Some(device), domain: "chat.example.org".to_owned() }
}

fn offer() -> Offer {
    Offer {
        inviter: Some("romeo".to_owned()),
        contact: Some("romeo".to_owned()),
        room: Some("Balcony".to_owned()),
        until: Timestamp::from_rfc3339("2027-05-03T10:00:00Z"),
        uri: "xmpp:chat.example.org?register;preauth=q1w2e3r4t5z6u7i8o9p0aabb".to_owned(),
        link: "https://chat.example.org/invite/q1w2e3r4t5z6u7i8o9p0aabb".to_owned(),
        least: 8,
        ..Offer::default()
    }
}

fn wrong(reader: &Reader) -> Filled {
    let filled = Filled { name: "juliet".to_owned(), ..Filled::default() };
    form::blamed(reader, filled, Refusal::NameTaken).unwrap()
}

/// Every page, by a name.
fn all(reader: &Reader) -> Vec<(&'static str, String)> {
    let (address, uri) = ("juliet@chat.example.org", "xmpp:juliet@chat.example.org");
    let filled = wrong(reader);
    let mut short = Filled::default();
    short.again_error.clone_from(&reader.texts().error.differ);
    let over = &reader.texts().over;
    [
        ("invite", reader.invite(offer(), Filled::default()).render()),
        ("admin", reader.invite(Offer { admin: true, ..offer() }, Filled::default()).render()),
        ("fixed", {
            let name = Some("juliet".to_owned());
            reader.invite(Offer { name, inviter: None, ..offer() }, short.clone()).render()
        }),
        ("wrong", reader.invite(offer(), filled).render()),
        ("reset", reader.reset(address.to_owned(), 8, Filled::default()).render()),
        ("reset-wrong", reader.reset(address.to_owned(), 8, short).render()),
        ("done", reader.welcome("juliet", address.to_owned(), uri.to_owned(), offer()).render()),
        ("renewed", reader.renewed(address.to_owned(), uri.to_owned()).render()),
        ("used", reader.over(&over.used_title, over.used_text.clone(), true).render()),
        ("expired", reader.over(&over.expired_title, over.expired_text.clone(), false).render()),
    ]
    .map(|(name, html)| (name, html.unwrap()))
    .into()
}

#[test]
fn every_page_is_strict_in_every_language() {
    for language in Language::all() {
        for (device, kind) in [(Device::Android, "phone"), (Device::Computer, "desk")] {
            for (name, html) in all(&reader(language.tag(), device)) {
                preview(&format!("{name}-{}-{kind}", language.tag()), &html);
                assert_strict(&html);
                assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())));
                assert!(html.contains("<h1>") && html.contains("<main id=\"content\""), "{name}");
            }
        }
    }
}

#[test]
fn names_that_people_give_are_text_and_nothing_else() {
    let evil = "<script>alert(1)</script>\"'&".to_owned();
    let offer = Offer {
        inviter: Some(evil.clone()),
        contact: Some(evil.clone()),
        room: Some(evil.clone()),
        ..offer()
    };
    let filled = Filled { name: evil.clone(), ..Filled::default() };
    let reader = reader("en", Device::Android);
    let pages = [
        reader.invite(offer.clone(), filled).render().unwrap(),
        reader
            .invite(Offer { name: Some(evil.clone()), ..offer.clone() }, Filled::default())
            .render()
            .unwrap(),
        reader.welcome(&evil, evil.clone(), "xmpp:x".to_owned(), offer).render().unwrap(),
        reader.reset(evil, 8, Filled::default()).render().unwrap(),
    ];
    for html in pages {
        assert_strict(&html);
        assert!(!html.contains("\"'&"), "{html}");
    }
}

#[test]
fn an_error_stands_beside_its_field_and_is_named_by_it() {
    let reader = reader("de", Device::Android);
    let html = reader.invite(offer(), wrong(&reader)).render().unwrap();
    assert!(html.contains("<title>Fehler: romeo lädt dich zum Chatten ein"), "{html}");
    assert!(html.contains("id=\"name-error\">Diesen Namen hat schon jemand"), "{html}");
    assert!(
        html.contains("aria-describedby=\"name-error name-hint domain\" aria-invalid=\"true\"")
    );
    assert!(html.contains("value=\"juliet\""));
}

#[test]
fn every_input_has_a_label_and_says_what_a_password_store_may_fill_in() {
    let reader = reader("en", Device::Ios);
    for html in [
        reader.invite(offer(), Filled::default()).render().unwrap(),
        reader.reset("juliet@x".to_owned(), 8, Filled::default()).render().unwrap(),
    ] {
        for (field, complete) in
            [("name", "username"), ("password", "new-password"), ("again", "new-password")]
        {
            assert!(html.contains(&format!("<label for=\"{field}\">")), "{field}");
            let input =
                html.split("<input ").find(|part| part.contains(&format!("id=\"{field}\"")));
            let input = input.unwrap().split('>').next().unwrap();
            assert!(input.contains(&format!("autocomplete=\"{complete}\"")), "{input}");
        }
    }
}

#[test]
fn a_date_is_written_as_the_language_does() {
    let html = |tag| reader(tag, Device::Ios).invite(offer(), Filled::default()).render().unwrap();
    assert!(html("en").contains("until 2027-05-03"));
    assert!(html("de").contains("bis 03.05.2027"));
}

#[test]
fn a_refusal_that_is_about_no_field_is_a_page_of_its_own() {
    let reader = reader("en", Device::Ios);
    for (refusal, status) in [
        (Refusal::TokenUnknown, 404),
        (Refusal::WrongKind, 404),
        (Refusal::TokenUsed, 410),
        (Refusal::TokenExpired, 410),
        (Refusal::AccountGone, 410),
        (Refusal::Throttled(Duration::from_secs(90)), 429),
        (Refusal::Failed, 500),
    ] {
        assert_eq!(form::blamed(&reader, Filled::default(), refusal), None);
        assert_eq!(super::answer::over(&reader, refusal).status(), status, "{refusal:?}");
    }
}
