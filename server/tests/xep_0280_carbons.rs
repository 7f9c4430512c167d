//! XEP-0280: Message Carbons.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, body, condition};

const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
const ENABLE: &str = "<enable xmlns='urn:xmpp:carbons:2'/>";
const DISABLE: &str = "<disable xmlns='urn:xmpp:carbons:2'/>";

/// Juliet at her desk and with her phone, both with carbons, and romeo with none.
struct Stage {
    cloister: Cloister,
    desk: Client,
    phone: Client,
    romeo: Client,
}

async fn stage() -> Stage {
    let cloister = Cloister::start().await;
    let desk = cloister.online("juliet/desk", "balcony").await;
    let phone = cloister.online("juliet/phone", "balcony").await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    for client in [&desk, &phone] {
        client.iq_ok("set", None, ENABLE).await;
        client.drain().await;
    }
    Stage { cloister, desk, phone, romeo }
}

fn message(to: &str, kind: &str, inside: &str) -> String {
    format!("<message to='{to}' type='{kind}'>{inside}</message>")
}

/// The message inside a copy, after a look at the copy.
fn copied<'a>(copy: &'a Element, direction: &str, for_whom: &Client) -> &'a Element {
    let text = copy.to_xml();
    assert_eq!(copy.attr("from"), Some(for_whom.bare()), "{text}");
    assert_eq!(copy.attr("to"), Some(for_whom.jid()), "{text}");
    let wrapper = copy.child(ns::CARBONS, direction).unwrap_or_else(|| panic!("{text}"));
    let forwarded = wrapper.child(ns::FORWARD, "forwarded").unwrap_or_else(|| panic!("{text}"));
    let message = forwarded.child(ns::CLIENT, "message").unwrap_or_else(|| panic!("{text}"));
    let kind = |message: &Element| message.attr("type").unwrap_or("normal").to_owned();
    assert_eq!(kind(copy), kind(message), "{text}");
    message
}

/// The stanza id that juliet's archive gave a message.
fn id(message: &Element) -> &str {
    let of_juliet = |id: &&Element| {
        id.is(ns::STANZA_ID, "stanza-id") && id.attr("by") == Some("juliet@localhost")
    };
    message.children().find(of_juliet).and_then(|id| id.attr("id")).expect("a stanza id")
}

#[tokio::test]
async fn s3_the_server_announces_it_and_its_rules() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let info = juliet.iq_ok("get", Some("localhost"), INFO).await.to_xml();
    assert!(info.contains("'urn:xmpp:carbons:2'"), "{info}");
    assert!(info.contains("'urn:xmpp:carbons:rules:0'"), "{info}");
}

#[tokio::test]
async fn s4_nobody_gets_copies_without_asking_for_them() {
    let Stage { cloister, desk, romeo, .. } = stage().await;
    let old = cloister.online("juliet/old", "balcony").await;
    old.drain().await;
    romeo.send(message(desk.jid(), "chat", "<body>hi</body>")).await;
    old.expect_silence().await;
}

#[tokio::test]
async fn s5_who_no_longer_wants_copies_gets_none() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    phone.iq_ok("set", None, DISABLE).await;
    romeo.send(message(desk.jid(), "chat", "<body>hi</body>")).await;
    desk.send(message(romeo.jid(), "chat", "<body>ho</body>")).await;
    phone.expect_silence().await;
}

#[tokio::test]
async fn s10_1_asking_twice_is_no_error_and_brings_no_second_copy() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    phone.iq_ok("set", None, ENABLE).await;
    phone.iq_ok("set", Some("juliet@localhost"), ENABLE).await;
    romeo.send(message(desk.jid(), "chat", "<body>hi</body>")).await;
    assert_eq!(phone.drain().await.len(), 1);
    phone.iq_ok("set", None, DISABLE).await;
    phone.iq_ok("set", None, DISABLE).await;
    phone.iq_ok("set", None, ENABLE).await;
    romeo.send(message(desk.jid(), "chat", "<body>hi</body>")).await;
    assert_eq!(phone.drain().await.len(), 1);
}

#[tokio::test]
async fn another_account_s_copies_are_not_for_asking() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    let error = romeo.iq_error("set", Some("juliet@localhost"), ENABLE).await;
    assert!(["service-unavailable", "not-allowed", "forbidden"].contains(&&*error), "{error}");
    desk.send(message(phone.jid(), "chat", "<body>to myself</body>")).await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s7_what_one_client_receives_is_copied_to_the_others_with_the_same_stanza_id() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    romeo.send(message(desk.jid(), "chat", "<body>hi</body><thread>t</thread>")).await;
    let original = desk.receive().await;
    let copy = phone.receive().await;
    let inside = copied(&copy, "received", &phone);
    assert_eq!(body(inside), "hi");
    assert_eq!(inside.attr("from"), Some(romeo.jid()));
    assert_eq!(inside.attr("to"), Some(desk.jid()));
    assert_eq!(id(inside), id(&original));
    desk.expect_silence().await;
    phone.expect_silence().await;
}

#[tokio::test]
async fn s7_who_got_the_message_itself_gets_no_copy() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    romeo.send(message("juliet@localhost", "chat", "<body>hi</body>")).await;
    for client in [&desk, &phone] {
        assert_eq!(body(&client.receive().await), "hi");
        client.expect_silence().await;
    }
}

#[tokio::test]
async fn s7_a_client_of_lower_priority_gets_a_copy_of_what_was_for_the_account() {
    let Stage { cloister, desk, romeo, .. } = stage().await;
    let quiet = cloister.login("juliet/quiet", "balcony").await;
    quiet.send("<presence><priority>-1</priority></presence>").await;
    quiet.iq_ok("set", None, ENABLE).await;
    quiet.drain().await;
    romeo.send(message("juliet@localhost", "chat", "<body>hi</body>")).await;
    assert_eq!(body(copied(&quiet.receive().await, "received", &quiet)), "hi");
    assert_eq!(body(&desk.receive_where("hi", |s| s.name() == "message").await), "hi");
}

#[tokio::test]
async fn s8_what_one_client_sends_is_copied_to_the_others() {
    let Stage { cloister, desk, phone, romeo } = stage().await;
    cloister.account("nurse", "nurse").await;
    for to in [romeo.jid(), romeo.bare(), "nurse@localhost"] {
        desk.send(message(to, "chat", "<body>hi</body>")).await;
        let copy = phone.receive().await;
        let inside = copied(&copy, "sent", &phone);
        assert_eq!(inside.attr("from"), Some(desk.jid()));
        assert_eq!(inside.attr("to"), Some(to));
        assert_eq!(body(inside), "hi");
        assert!(!id(inside).is_empty());
    }
    desk.expect_silence().await;
    phone.expect_silence().await;
}

#[tokio::test]
async fn s8_whether_the_sending_client_wants_copies_does_not_matter() {
    let Stage { cloister, phone, romeo, .. } = stage().await;
    let old = cloister.online("juliet/old", "balcony").await;
    phone.drain().await;
    old.send(message(romeo.jid(), "chat", "<body>hi</body>")).await;
    assert_eq!(body(copied(&phone.receive().await, "sent", &phone)), "hi");
}

#[tokio::test]
async fn a_message_to_another_own_client_comes_once_to_each() {
    let Stage { cloister, desk, phone, .. } = stage().await;
    let third = cloister.online("juliet/third", "balcony").await;
    third.iq_ok("set", None, ENABLE).await;
    for client in [&desk, &phone, &third] {
        client.drain().await;
    }
    desk.send(message(phone.jid(), "chat", "<body>note</body>")).await;
    assert_eq!(body(&phone.receive().await), "note");
    phone.expect_silence().await;
    assert_eq!(third.drain().await.len(), 1);
    desk.expect_silence().await;
}

#[tokio::test]
async fn s6_1_rooms_headlines_and_what_nobody_reads_are_not_copied() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    for (kind, inside) in [
        ("headline", "<body>news</body>"),
        ("groupchat", "<body>all</body>"),
        ("normal", "<subject>none</subject>"),
        ("chat", "<body>pm</body><x xmlns='http://jabber.org/protocol/muc#user'/>"),
    ] {
        romeo.send(message(desk.jid(), kind, inside)).await;
        desk.receive().await;
    }
    phone.expect_silence().await;
}

#[tokio::test]
async fn s6_1_receipts_states_and_markers_are_copied_whatever_the_type() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    for inside in [
        "<received xmlns='urn:xmpp:receipts' id='1'/>",
        "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
    ] {
        romeo.send(message(desk.jid(), "normal", inside)).await;
        copied(&phone.receive().await, "received", &phone);
    }
}

#[tokio::test]
async fn s6_1_the_error_that_a_client_answers_is_copied() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    desk.send(message(romeo.jid(), "chat", "<body>hi</body>")).await;
    copied(&phone.receive().await, "sent", &phone);
    romeo.receive().await;
    let error = "<error type='cancel'><not-acceptable \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    romeo.send(message(desk.jid(), "error", error)).await;
    assert_eq!(condition(&desk.receive().await), "not-acceptable");
    let copy = phone.receive().await;
    assert_eq!(condition(copied(&copy, "received", &phone)), "not-acceptable");
}

#[tokio::test]
async fn s6_1_of_a_message_that_was_not_accepted_neither_it_nor_the_error_is_copied() {
    let Stage { desk, phone, .. } = stage().await;
    desk.send(message("nobody@localhost", "chat", "<body>hi</body>")).await;
    assert_eq!(condition(&desk.receive().await), "service-unavailable");
    phone.expect_silence().await;
}

#[tokio::test]
async fn s9_a_private_message_is_not_copied_on_either_side_and_stays_private() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    romeo.iq_ok("set", None, ENABLE).await;
    let private = "<body>psst</body><private xmlns='urn:xmpp:carbons:2'/>";
    desk.send(message(romeo.jid(), "chat", private)).await;
    // The recipient's server must see it too; nobody takes it away.
    assert!(romeo.receive().await.has_child(ns::CARBONS, "private"));
    romeo.send(message(desk.jid(), "chat", private)).await;
    assert_eq!(body(&desk.receive().await), "psst");
    phone.expect_silence().await;
}

#[tokio::test]
async fn s9_the_hint_alone_is_enough() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    let hinted = "<body>psst</body><no-copy xmlns='urn:xmpp:hints'/>";
    romeo.send(message(desk.jid(), "chat", hinted)).await;
    desk.send(message(romeo.jid(), "chat", hinted)).await;
    phone.expect_silence().await;
}

#[tokio::test]
async fn s10_3_an_error_about_a_copy_reaches_nobody() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    romeo.send(message(desk.jid(), "chat", "<body>hi</body>")).await;
    phone.receive().await;
    desk.receive().await;
    let error = "<error type='cancel'><service-unavailable \
         xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    phone.send(message("juliet@localhost", "error", error)).await;
    romeo.expect_silence().await;
    desk.expect_silence().await;
}

#[tokio::test]
async fn s11_nobody_can_make_a_message_look_like_a_copy() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    for wrapper in ["sent", "received"] {
        let forged = format!(
            "<{wrapper} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
             <message xmlns='jabber:client' from='nurse@localhost/a' to='juliet@localhost'>\
             <body>forged</body></message></forwarded></{wrapper}><body>look</body>"
        );
        romeo.send(message(desk.jid(), "chat", &forged)).await;
        let came = desk.receive().await;
        assert_eq!(body(&came), "look");
        assert!(!came.to_xml().contains("forged"), "{}", came.to_xml());
        let copy = phone.receive().await;
        assert_eq!(body(copied(&copy, "received", &phone)), "look");
    }
}

#[tokio::test]
async fn copies_come_in_the_order_of_what_they_copy() {
    let Stage { desk, phone, romeo, .. } = stage().await;
    for number in 0..20 {
        romeo.send(message(desk.jid(), "chat", &format!("<body>{number}</body>"))).await;
    }
    for number in 0..20 {
        assert_eq!(body(&desk.receive().await), number.to_string());
        let copy = phone.receive().await;
        assert_eq!(body(copied(&copy, "received", &phone)), number.to_string());
    }
}
