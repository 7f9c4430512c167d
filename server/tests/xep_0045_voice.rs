//! XEP-0045: Multi-User Chat, asking for voice (§7.13, §8.6).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, ROOM_REQUEST, affiliate, coven_with, enter, forget, form_of, heard, item, open,
    presence_of, role, say, say_error, undisturbed, values, wicca,
};
use crate::kit::{Client, Cloister, body};

const BODY: &str = "<body>boil</body>";

/// A moderated room: `hag` is its owner, `crone` a visitor.
async fn moderated(cloister: &Cloister) -> (Client, Client) {
    coven_with(cloister, &[("moderatedroom", "1")]).await
}

async fn ask(client: &Client) {
    let form = form_of(&[("FORM_TYPE", ROOM_REQUEST), ("muc#role", "participant")]);
    client.send(format!("<message id='voice' to='{ROOM}'>{form}</message>")).await;
}

async fn asked(moderator: &Client) -> Element {
    let is_form =
        |stanza: &Element| stanza.name() == "message" && stanza.has_child(ns::DATA_FORMS, "x");
    moderator.receive_where("a request for voice", is_form).await
}

async fn decide(client: &Client, nick: &str, jid: &str, allow: &str) {
    let form = form_of(&[
        ("FORM_TYPE", ROOM_REQUEST),
        ("muc#role", "participant"),
        ("muc#jid", jid),
        ("muc#roomnick", nick),
        ("muc#request_allow", allow),
    ]);
    client.send(format!("<message id='approve' to='{ROOM}'>{form}</message>")).await;
}

#[tokio::test]
async fn s7_13_s8_6_moderators_get_a_form_that_says_who_asks() {
    let cloister = open().await;
    let (hag, crone) = moderated(&cloister).await;
    ask(&crone).await;
    let request = asked(&hag).await;
    assert_eq!(request.attr("from"), Some(ROOM));
    assert_eq!(request.child(ns::DATA_FORMS, "x").unwrap().attr("type"), Some("form"));
    let value = |name: &str| values(&request, name).unwrap_or_default().join(",");
    assert_eq!(value("FORM_TYPE"), ROOM_REQUEST);
    assert_eq!(value("muc#role"), "participant");
    assert_eq!(value("muc#jid"), crone.jid());
    assert_eq!(value("muc#roomnick"), "secondwitch");
    assert!(["false", "0"].contains(&&*value("muc#request_allow")));
}

#[tokio::test]
async fn s8_6_who_is_approved_gets_voice_and_all_see_it() {
    let cloister = open().await;
    let (hag, crone) = moderated(&cloister).await;
    ask(&crone).await;
    asked(&hag).await;
    decide(&hag, "secondwitch", crone.jid(), "true").await;
    for client in [&hag, &crone] {
        assert_eq!(item(&presence_of(client, ROOM, "secondwitch").await).1, "participant");
    }
    say(&crone, ROOM, "at last").await;
    assert_eq!(body(&heard(&hag).await), "at last");
}

#[tokio::test]
async fn s8_6_who_is_not_approved_stays_a_visitor() {
    let cloister = open().await;
    let (hag, crone) = moderated(&cloister).await;
    ask(&crone).await;
    asked(&hag).await;
    decide(&hag, "secondwitch", crone.jid(), "0").await;
    hag.fence().await;
    assert_eq!(say_error(&crone, ROOM, BODY).await.0, "forbidden");
}

#[tokio::test]
async fn s8_6_those_who_are_no_moderators_are_not_asked() {
    let cloister = open().await;
    let (hag, crone) = moderated(&cloister).await;
    affiliate(&hag, ROOM, "wiccarocks@localhost", "member").await;
    let wicca = wicca(&cloister).await;
    wicca.drain().await;
    enter(&wicca, ROOM, "thirdwitch").await;
    for client in [&hag, &crone] {
        forget(client, ROOM).await;
    }
    ask(&crone).await;
    asked(&hag).await;
    undisturbed(&hag, ROOM, &[&wicca, &crone]).await;
}

#[tokio::test]
async fn s8_6_nobody_approves_himself() {
    let cloister = open().await;
    let (hag, crone) = moderated(&cloister).await;
    ask(&crone).await;
    asked(&hag).await;
    decide(&crone, "secondwitch", crone.jid(), "true").await;
    crone.fence().await;
    assert_eq!(say_error(&crone, ROOM, BODY).await.0, "forbidden");
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s8_6_who_is_not_in_the_room_approves_nobody() {
    let cloister = open().await;
    let (hag, crone) = moderated(&cloister).await;
    let wicca = wicca(&cloister).await;
    ask(&crone).await;
    asked(&hag).await;
    decide(&wicca, "secondwitch", crone.jid(), "true").await;
    wicca.fence().await;
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s7_13_who_is_not_in_the_room_does_not_ask() {
    let cloister = open().await;
    let (hag, _crone) = moderated(&cloister).await;
    let wicca = wicca(&cloister).await;
    ask(&wicca).await;
    wicca.fence().await;
    undisturbed(&hag, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s8_6_an_approval_makes_no_moderator() {
    let cloister = open().await;
    let (hag, crone) = moderated(&cloister).await;
    let form = form_of(&[("FORM_TYPE", ROOM_REQUEST), ("muc#role", "moderator")]);
    crone.send(format!("<message to='{ROOM}'>{form}</message>")).await;
    crone.fence().await;
    let came = hag.drain().await;
    let promised = came.iter().filter(|stanza| stanza.has_child(ns::DATA_FORMS, "x"));
    for request in promised {
        assert_eq!(values(request, "muc#role").unwrap(), ["participant"]);
    }
}

#[tokio::test]
async fn s8_6_one_who_has_voice_already_keeps_it() {
    let cloister = open().await;
    let (hag, crone) = moderated(&cloister).await;
    role(&hag, ROOM, "secondwitch", "participant").await;
    ask(&crone).await;
    crone.fence().await;
    say(&crone, ROOM, "still").await;
    assert_eq!(body(&heard(&hag).await), "still");
}
