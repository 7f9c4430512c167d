//! XEP-0045: Multi-User Chat, what goes from one occupant to another: messages (§7.5) and requests
//! (§6.6, §17.4).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, answer, coven, coven_with, create_room, enter, error, error_of, exists, forget,
    from_room, leave, nick, open, undisturbed, wicca,
};
use crate::kit::{Client, body, condition};

const FIRST: &str = "coven@rooms.localhost/firstwitch";
const SECOND: &str = "coven@rooms.localhost/secondwitch";
const VERSION: &str = "<query xmlns='jabber:iq:version'/>";

fn private(to: &str, kind: &str, id: &str) -> String {
    format!("<message id='{id}' to='{to}' type='{kind}'><body>a wind</body></message>")
}

/// What somebody is told who sends a private message.
async fn told(client: &Client, to: &str, kind: &str) -> (String, String) {
    client.send(private(to, kind, "pm")).await;
    error_of(&answer(client, "pm").await)
}

fn is_marked(message: &Element) -> bool {
    message.children().filter(|child| child.is(ns::MUC_USER, "x")).count() == 1
}

#[tokio::test]
async fn s7_5_a_private_message_goes_to_one_occupant_from_the_nick_of_the_other() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    forget(&hag, ROOM).await;
    forget(&crone, ROOM).await;
    crone.send(private(FIRST, "chat", "hgn27af1")).await;
    let got = from_room(&hag, ROOM).await;
    assert_eq!((got.attr("from"), got.attr("to")), (Some(SECOND), Some(hag.jid())));
    assert_eq!((got.attr("type"), got.attr("id")), (Some("chat"), Some("hgn27af1")));
    assert_eq!(body(&got), "a wind");
    undisturbed(&hag, ROOM, &[&wicca, &crone]).await;
}

#[tokio::test]
async fn s7_5_the_room_marks_private_messages_once() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.send(private(FIRST, "chat", "a")).await;
    assert!(is_marked(&from_room(&hag, ROOM).await));
    let x = "<x xmlns='http://jabber.org/protocol/muc#user'/>";
    crone.send(format!("<message to='{FIRST}' type='chat'><body>b</body>{x}</message>")).await;
    let got = from_room(&hag, ROOM).await;
    assert!(is_marked(&got), "{}", got.to_xml());
}

#[tokio::test]
async fn s7_5_a_private_message_may_be_without_a_type() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.send(format!("<message to='{FIRST}'><body>a wind</body></message>")).await;
    let got = from_room(&hag, ROOM).await;
    assert!(matches!(got.attr("type"), None | Some("normal")), "{}", got.to_xml());
    assert_eq!((nick(&got), &*body(&got)), ("secondwitch", "a wind"));
}

#[tokio::test]
async fn s7_5_private_messages_do_not_tell_the_address_in_a_semi_anonymous_room() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("whois", "moderators")]).await;
    hag.send(private(SECOND, "chat", "pm")).await;
    let got = from_room(&crone, ROOM).await;
    assert!(!got.to_xml().contains("hag@"), "{}", got.to_xml());
}

#[tokio::test]
async fn s7_5_a_message_to_all_is_not_sent_to_one() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    assert_eq!(told(&crone, FIRST, "groupchat").await, error("bad-request", "modify"));
    undisturbed(&crone, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s7_5_a_private_message_to_nobody_comes_back() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let nobody = format!("{ROOM}/nobody");
    assert_eq!(told(&crone, &nobody, "chat").await, error("item-not-found", "cancel"));
    crone.send(private(&nobody, "chat", "again")).await;
    assert_eq!(answer(&crone, "again").await.attr("from"), Some(&*nobody));
}

#[tokio::test]
async fn s7_5_who_is_not_in_the_room_reaches_nobody_in_it() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let refused = told(&wicca, FIRST, "chat").await;
    assert_eq!(refused.0, "not-acceptable");
    // Nor does he learn who is there (XEP-0410 §6).
    assert_eq!(told(&wicca, &format!("{ROOM}/nobody"), "chat").await, refused);
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_5_who_has_left_is_reached_no_more() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    leave(&crone, ROOM, "secondwitch").await;
    assert_eq!(told(&hag, SECOND, "chat").await.0, "item-not-found");
    crone.expect_silence().await;
}

#[tokio::test]
async fn s7_5_a_room_may_forbid_private_messages() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("allowpm", "none")]).await;
    crone.send(private(FIRST, "chat", "pm")).await;
    let refused = condition(&answer(&crone, "pm").await);
    assert!(["forbidden", "not-allowed", "not-acceptable"].contains(&&*refused), "{refused}");
    undisturbed(&crone, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s7_5_private_messages_stay_in_their_room() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let heath = "heath@rooms.localhost";
    let wicca = wicca(&cloister).await;
    create_room(&wicca, heath, "thirdwitch", &[]).await;
    assert_eq!(told(&hag, &format!("{heath}/thirdwitch"), "chat").await.0, "not-acceptable");
}

#[tokio::test]
async fn s7_5_an_error_goes_back_to_who_sent_the_private_message() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.send(private(FIRST, "chat", "pm")).await;
    let got = from_room(&hag, ROOM).await;
    let error = "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
                 </error>";
    let id = got.attr("id").unwrap();
    hag.send(format!("<message id='{id}' to='{SECOND}' type='error'>{error}</message>")).await;
    let back = from_room(&crone, ROOM).await;
    assert_eq!((back.attr("type"), nick(&back)), (Some("error"), "firstwitch"));
    // It is an error of a message, not of his being there.
    undisturbed(&crone, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s17_4_a_request_to_an_occupant_is_relayed_and_answered() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.send(format!("<iq id='v1' type='get' to='{FIRST}'>{VERSION}</iq>")).await;
    let asked = from_room(&hag, ROOM).await;
    assert_eq!((asked.name(), asked.attr("type")), ("iq", Some("get")));
    assert_eq!((asked.attr("from"), asked.attr("to")), (Some(SECOND), Some(hag.jid())));
    assert!(asked.has_child(ns::VERSION, "query"));
    let id = asked.attr("id").unwrap();
    let answer = "<query xmlns='jabber:iq:version'><name>broom</name></query>";
    hag.send(format!("<iq id='{id}' type='result' to='{SECOND}'>{answer}</iq>")).await;
    let got = from_room(&crone, ROOM).await;
    assert_eq!((got.attr("id"), got.attr("type")), (Some("v1"), Some("result")));
    assert_eq!((got.attr("from"), got.attr("to")), (Some(FIRST), Some(crone.jid())));
    assert_eq!(got.children().next().unwrap().children().next().unwrap().text(), "broom");
}

#[tokio::test]
async fn s17_4_an_error_of_an_occupant_is_relayed() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.send(format!("<iq id='v2' type='get' to='{FIRST}'>{VERSION}</iq>")).await;
    let asked = from_room(&hag, ROOM).await;
    let id = asked.attr("id").unwrap();
    let error = "<error type='cancel'><service-unavailable \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    hag.send(format!("<iq id='{id}' type='error' to='{SECOND}'>{error}</iq>")).await;
    let got = from_room(&crone, ROOM).await;
    assert_eq!(got.attr("id"), Some("v2"));
    assert_eq!(condition(&got), "service-unavailable");
    // §18.1.2 is about what the room could not deliver: both are still there.
    undisturbed(&crone, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s17_4_two_who_ask_with_the_same_id_get_their_own_answers() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    enter(&wicca, ROOM, "thirdwitch").await;
    forget(&hag, ROOM).await;
    forget(&crone, ROOM).await;
    for client in [&crone, &wicca] {
        client.send(format!("<iq id='same' type='get' to='{FIRST}'>{VERSION}</iq>")).await;
    }
    for _ in 0..2 {
        let asked = from_room(&hag, ROOM).await;
        let (id, from) = (asked.attr("id").unwrap(), asked.attr("from").unwrap());
        let name =
            format!("<query xmlns='jabber:iq:version'><name>{}</name></query>", nick(&asked));
        hag.send(format!("<iq id='{id}' type='result' to='{from}'>{name}</iq>")).await;
    }
    for (client, name) in [(&crone, "secondwitch"), (&wicca, "thirdwitch")] {
        let got = from_room(client, ROOM).await;
        assert_eq!(got.attr("id"), Some("same"));
        assert!(got.to_xml().contains(&format!("<name>{name}</name>")), "{}", got.to_xml());
    }
}

#[tokio::test]
async fn s17_4_neither_side_learns_the_address_in_a_semi_anonymous_room() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("whois", "moderators")]).await;
    hag.send(format!("<iq id='v3' type='get' to='{SECOND}'>{VERSION}</iq>")).await;
    let asked = from_room(&crone, ROOM).await;
    assert!(!asked.to_xml().contains("hag@"), "{}", asked.to_xml());
    let (id, from) = (asked.attr("id").unwrap(), asked.attr("from").unwrap());
    crone.send(format!("<iq id='{id}' type='result' to='{from}'/>")).await;
    let got = from_room(&hag, ROOM).await;
    assert_eq!(got.attr("id"), Some("v3"));
    assert!(!got.to_xml().contains("crone@"), "{}", got.to_xml());
}

#[tokio::test]
async fn s6_6_who_is_not_in_the_room_may_not_ask_an_occupant() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let info = format!("<query xmlns='{}'/>", ns::DISCO_INFO);
    assert_eq!(wicca.iq_error("get", Some(FIRST), &info).await, "bad-request");
    let refused = wicca.iq_error("get", Some(FIRST), VERSION).await;
    assert!(["not-acceptable", "bad-request", "not-allowed"].contains(&&*refused), "{refused}");
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s17_4_a_request_to_nobody_comes_back() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let nobody = format!("{ROOM}/nobody");
    assert_eq!(crone.iq_error("get", Some(&nobody), VERSION).await, "item-not-found");
}

#[tokio::test]
async fn s17_4_a_request_to_the_room_is_not_relayed() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let unknown = "<query xmlns='urn:example:unknown'/>";
    let answer = crone.iq("get", Some(ROOM), unknown).await;
    let condition = condition(&answer);
    assert!(["service-unavailable", "feature-not-implemented"].contains(&&*condition));
    assert_eq!(answer.attr("from"), Some(ROOM));
    assert!(exists(&crone, ROOM).await);
    undisturbed(&crone, ROOM, &[&hag]).await;
}

#[tokio::test]
async fn s17_4_an_answer_that_nobody_asked_for_goes_nowhere() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    for client in [&crone, &wicca] {
        client.send(format!("<iq id='forged' type='result' to='{FIRST}'>{VERSION}</iq>")).await;
        client.fence().await;
    }
    let forged = |stanza: &Element| stanza.name() == "iq" && stanza.attr("type") == Some("result");
    let came = hag.drain().await;
    // An occupant's is relayed or dropped, as the room keeps no list of requests; a stranger's is
    // dropped.
    let from_stranger = |stanza: &&Element| forged(stanza) && nick(stanza) != "secondwitch";
    assert!(came.iter().filter(from_stranger).count() == 0);
}
