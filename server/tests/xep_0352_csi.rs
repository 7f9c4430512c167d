//! XEP-0352: Client State Indication.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, body};

const INACTIVE: &str = "<inactive xmlns='urn:xmpp:csi:0'/>";
const ACTIVE: &str = "<active xmlns='urn:xmpp:csi:0'/>";
const TYPING: &str = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";

/// Juliet's phone, which nobody looks at, and romeo, whom she knows.
async fn asleep() -> (Cloister, Client, Client) {
    let cloister = Cloister::start().await;
    let mut phone = cloister.online("juliet/phone", "balcony").await;
    let mut romeo = cloister.online("romeo/orchard", "orchard").await;
    cloister.befriend(&mut phone, &mut romeo).await;
    phone.send(INACTIVE).await;
    phone.drain().await;
    (cloister, phone, romeo)
}

async fn show(client: &Client, what: &str) {
    client.send(format!("<presence><show>{what}</show></presence>")).await;
    client.fence().await;
}

async fn say(from: &Client, inside: &str) {
    from.send(format!("<message to='juliet@localhost' type='chat'>{inside}</message>")).await;
    from.fence().await;
}

fn shown(stanza: &Element) -> String {
    assert_eq!(stanza.name(), "presence", "{}", stanza.to_xml());
    let show = stanza.child(ns::CLIENT, "show").map(|show| show.text().into_owned());
    show.or_else(|| stanza.attr("type").map(str::to_owned)).unwrap_or_default()
}

#[tokio::test]
async fn s4_1_it_is_offered_after_the_login() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (_raw, features) = cloister.authenticated("juliet", "balcony").await;
    assert!(features.has_child(ns::CSI, "csi"), "{}", features.to_xml());
    let (_raw, features) = cloister.opened("localhost").await;
    assert!(!features.has_child(ns::CSI, "csi"), "{}", features.to_xml());
}

#[tokio::test]
async fn s4_2_nothing_answers_either_element() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for element in [ACTIVE, INACTIVE, INACTIVE, ACTIVE, ACTIVE] {
        juliet.send(element).await;
    }
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s5_everybody_is_active_at_first() {
    let (_cloister, phone, romeo) = asleep().await;
    phone.send(ACTIVE).await;
    phone.drain().await;
    for what in ["away", "dnd"] {
        show(&romeo, what).await;
    }
    assert_eq!(phone.drain().await.iter().map(shown).collect::<Vec<_>>(), ["away", "dnd"]);
}

#[tokio::test]
async fn s3_2_only_the_latest_presence_of_each_is_told_on_waking() {
    let (_cloister, phone, romeo) = asleep().await;
    for what in ["away", "xa", "dnd"] {
        show(&romeo, what).await;
    }
    phone.send(ACTIVE).await;
    assert_eq!(phone.drain().await.iter().map(shown).collect::<Vec<_>>(), ["dnd"]);
}

#[tokio::test]
async fn s3_2_whoever_has_gone_meanwhile_is_seen_to_be_gone() {
    let (_cloister, phone, romeo) = asleep().await;
    show(&romeo, "away").await;
    romeo.send("<presence type='unavailable'/>").await;
    romeo.fence().await;
    phone.send(ACTIVE).await;
    assert_eq!(phone.drain().await.iter().map(shown).collect::<Vec<_>>(), ["unavailable"]);
}

#[tokio::test]
async fn a_message_comes_at_once_and_brings_what_was_held_before_it() {
    let (_cloister, phone, romeo) = asleep().await;
    for what in ["away", "dnd"] {
        show(&romeo, what).await;
    }
    say(&romeo, "<body>hi</body>").await;
    assert_eq!(shown(&phone.receive().await), "dnd");
    assert_eq!(body(&phone.receive().await), "hi");
    // Still asleep.
    for what in ["away", "xa"] {
        show(&romeo, what).await;
    }
    assert_eq!(phone.drain().await.iter().map(shown).collect::<Vec<_>>(), ["xa"]);
}

#[tokio::test]
async fn of_somebody_who_types_only_the_last_state_is_told() {
    let (_cloister, phone, romeo) = asleep().await;
    for _ in 0..5 {
        say(&romeo, TYPING).await;
    }
    say(&romeo, "<paused xmlns='http://jabber.org/protocol/chatstates'/>").await;
    phone.send(ACTIVE).await;
    let came = phone.drain().await;
    assert_eq!(came.len(), 1);
    assert!(came[0].has_child(ns::CHAT_STATES, "paused"), "{}", came[0].to_xml());
}

#[tokio::test]
async fn messages_are_never_replaced_in_whatever_form() {
    let (_cloister, phone, romeo) = asleep().await;
    for inside in [
        "<body>hi</body>",
        "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
        "<received xmlns='urn:xmpp:receipts' id='1'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
        "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>",
    ] {
        for _ in 0..2 {
            say(&romeo, inside).await;
            phone.receive().await;
        }
    }
    phone.expect_silence().await;
}

#[tokio::test]
async fn a_subscription_request_comes_at_once() {
    let (cloister, phone, _romeo) = asleep().await;
    let nurse = cloister.online("nurse", "nurse").await;
    nurse.send("<presence to='juliet@localhost' type='subscribe'/>").await;
    assert_eq!(phone.receive().await.attr("type"), Some("subscribe"));
}

#[tokio::test]
async fn s5_1_what_was_held_goes_out_before_what_the_client_asks_next() {
    let (cloister, _phone, romeo) = asleep().await;
    let (mut raw, jid) = cloister.bound("juliet/second", "balcony").await;
    raw.send("<presence/>").await;
    while raw.element().await.attr("from") != Some("romeo@localhost/orchard") {}
    raw.send(INACTIVE).await;
    raw.send("<iq id='f' type='get'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    while raw.element().await.attr("id") != Some("f") {}
    show(&romeo, "dnd").await;
    raw.send(format!("{ACTIVE}<iq id='p' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")).await;
    let first = raw.element().await;
    assert_eq!(shown(&first), "dnd", "{jid} got {}", first.to_xml());
    assert_eq!(raw.element().await.attr("id"), Some("p"));
}

#[tokio::test]
async fn s5_the_state_has_nothing_to_do_with_presence() {
    let (_cloister, phone, romeo) = asleep().await;
    phone.send(ACTIVE).await;
    phone.send(INACTIVE).await;
    phone.fence().await;
    // §7: nobody is told.
    romeo.expect_silence().await;
}

#[tokio::test]
async fn what_is_replaced_takes_no_room() {
    let (_cloister, phone, romeo) = asleep().await;
    let large = "x".repeat(8000);
    for _ in 0..80 {
        romeo.send(format!("<presence><status>{large}</status></presence>")).await;
        let inside = format!("{TYPING}<thread>{large}</thread>");
        romeo.send(format!("<message to='{}' type='chat'>{inside}</message>", phone.jid())).await;
    }
    romeo.fence().await;
    phone.send(ACTIVE).await;
    assert_eq!(phone.drain().await.len(), 2);
}
