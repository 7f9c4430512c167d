//! XEP-0045: Multi-User Chat, what one occupant sends to another beyond what the text shows: order,
//! lost connections, blocked addresses, vCards; and how somebody is let into a room for members
//! (§9.9).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, ROOM_REGISTER, answer, closed, coven, coven_with, create_room, enter, enter_error,
    form_of, from_room, is_error, open, values, wicca,
};
use crate::kit::{Client, Cloister, body, condition};

const FIRST: &str = "coven@rooms.localhost/firstwitch";
const SECOND: &str = "coven@rooms.localhost/secondwitch";
const VERSION: &str = "<query xmlns='jabber:iq:version'/>";
const VCARD: &str = "<vCard xmlns='vcard-temp'/>";

fn private(to: &str, id: &str, text: &str) -> String {
    format!("<message id='{id}' to='{to}' type='chat'><body>{text}</body></message>")
}

async fn block(client: &Client, address: &str) {
    let item = format!("<block xmlns='{}'><item jid='{address}'/></block>", ns::BLOCKING);
    client.iq_ok("set", None, &item).await;
    client.drain().await;
}

#[tokio::test]
async fn s7_5_what_is_said_to_one_keeps_its_place_among_what_is_said_to_all() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let mut all = String::new();
    for number in 0..40 {
        all += &match number % 2 {
            0 => format!("<message to='{ROOM}' type='groupchat'><body>{number}</body></message>"),
            _ => private(FIRST, "pm", &number.to_string()),
        };
    }
    crone.send(all).await;
    for number in 0..40 {
        assert_eq!(body(&from_room(&hag, ROOM).await), number.to_string());
    }
}

#[tokio::test]
async fn s7_5_a_blocked_occupant_and_a_blocked_account_are_not_heard() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    for blocked in [SECOND, "crone@localhost"] {
        block(&hag, blocked).await;
        crone.send(private(FIRST, "pm", "boo")).await;
        assert_eq!(condition(&answer(&crone, "pm").await), "service-unavailable");
        assert_eq!(crone.iq_error("get", Some(FIRST), VERSION).await, "service-unavailable");
        hag.expect_silence().await;
        let all = format!("<unblock xmlns='{}'/>", ns::BLOCKING);
        hag.iq_ok("set", None, &all).await;
        hag.drain().await;
    }
    crone.send(private(FIRST, "pm", "hello")).await;
    assert_eq!(body(&from_room(&hag, ROOM).await), "hello");
}

#[tokio::test]
async fn s7_5_an_error_without_a_private_message_before_it_goes_nowhere() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let error = "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                 </error>";
    hag.send(format!("<message id='x' to='{SECOND}' type='error'>{error}</message>")).await;
    hag.fence().await;
    crone.expect_silence().await;
}

#[tokio::test]
async fn s17_4_whoever_waits_for_one_who_has_gone_is_told() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.send(format!("<iq id='v1' type='get' to='{FIRST}'>{VERSION}</iq>")).await;
    from_room(&hag, ROOM).await;
    hag.close().await;
    let is_answer = |stanza: &Element| stanza.attr("id") == Some("v1");
    let error = crone.receive_where("the answer", is_answer).await;
    is_error(&error, "service-unavailable", "cancel");
    assert_eq!(error.attr("from"), Some(FIRST));
}

#[tokio::test]
async fn s17_4_the_room_answers_for_the_vcard_of_an_occupant() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("whois", "moderators")]).await;
    let vcard = "<vCard xmlns='vcard-temp'><FN>Witch</FN><JABBERID>x@localhost</JABBERID></vCard>";
    for client in [&hag, &crone] {
        client.iq_ok("set", None, vcard).await;
        client.drain().await;
    }
    let seen = crone.iq_ok("get", Some(FIRST), VCARD).await;
    assert_eq!(seen.attr("from"), Some(FIRST));
    assert!(seen.to_xml().contains("<FN>Witch</FN>"), "{}", seen.to_xml());
    assert!(!seen.to_xml().contains("JABBERID"), "{}", seen.to_xml());
    let seen = hag.iq_ok("get", Some(SECOND), VCARD).await;
    assert!(seen.to_xml().contains("JABBERID"), "{}", seen.to_xml());
    hag.expect_silence().await;
}

/// A room for members with an owner who is not there, and one who wants to be let in.
async fn asked(cloister: &Cloister) -> (Client, Client, Element) {
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    let wicca = wicca(cloister).await;
    let form = form_of(&[("FORM_TYPE", ROOM_REGISTER), ("muc#register_roomnick", "thirdwitch")]);
    let query = format!("<query xmlns='jabber:iq:register'>{form}</query>");
    wicca.iq_ok("set", Some(ROOM), &query).await;
    let has_form = |stanza: &Element| stanza.has_child(ns::DATA_FORMS, "x");
    let request = hag.receive_where("a request", has_form).await;
    // Once is enough.
    wicca.iq_ok("set", Some(ROOM), &query).await;
    hag.expect_silence().await;
    (hag, wicca, request)
}

async fn decide(client: &Client, allow: &str) {
    let form = form_of(&[
        ("FORM_TYPE", ROOM_REGISTER),
        ("muc#jid", "wiccarocks@localhost"),
        ("muc#register_roomnick", "thirdwitch"),
        ("muc#register_allow", allow),
    ]);
    client.send(format!("<message id='approve' to='{ROOM}'>{form}</message>")).await;
    client.fence().await;
}

#[tokio::test]
async fn s9_9_an_admin_lets_somebody_in_who_asked() {
    let cloister = closed().await;
    let (hag, wicca, request) = asked(&cloister).await;
    assert_eq!(request.attr("from"), Some(ROOM));
    assert_eq!(values(&request, "muc#register_roomnick").unwrap(), ["thirdwitch"]);
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await.0, "registration-required");
    decide(&hag, "0").await;
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await.0, "registration-required");
    decide(&hag, "1").await;
    wicca.drain().await;
    enter(&wicca, ROOM, "thirdwitch").await;
}

#[tokio::test]
async fn s9_9_nobody_lets_himself_in() {
    let cloister = closed().await;
    let (_hag, wicca, _) = asked(&cloister).await;
    decide(&wicca, "1").await;
    assert_eq!(condition(&answer(&wicca, "approve").await), "forbidden");
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await.0, "registration-required");
}

#[tokio::test]
async fn s7_10_who_takes_his_registration_back_is_no_member_any_more() {
    let cloister = closed().await;
    let (hag, wicca, _) = asked(&cloister).await;
    decide(&hag, "1").await;
    wicca.drain().await;
    let remove = "<query xmlns='jabber:iq:register'><remove/></query>";
    wicca.iq_ok("set", Some(ROOM), remove).await;
    wicca.drain().await;
    assert_eq!(enter_error(&wicca, ROOM, "thirdwitch").await.0, "registration-required");
    assert_eq!(wicca.iq_error("set", Some(ROOM), remove).await, "registration-required");
}

#[tokio::test]
async fn s7_8_2_who_has_blocked_the_inviter_is_as_if_he_was_not_there() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let hecate = cloister.online("hecate/broom", "x").await;
    block(&hecate, "hag@localhost").await;
    let x = format!("<x xmlns='{}'><invite to='hecate@localhost'/></x>", ns::MUC_USER);
    hag.send(format!("<message id='inv' to='{ROOM}'>{x}</message>")).await;
    assert_eq!(condition(&answer(&hag, "inv").await), "item-not-found");
    hecate.expect_silence().await;
}
