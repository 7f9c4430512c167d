//! XEP-0410: MUC Self-Ping (Schrödinger's Chat).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, SERVICE, closed, coven, create_room, enter, enter_error, error_of, from_room, info,
    leave, open, presence_of, role, undisturbed, wicca,
};
use crate::kit::{Client, condition};

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
const OPTIMIZED: &str = "http://jabber.org/protocol/muc#self-ping-optimization";

async fn ping(client: &Client, nick: &str) -> Element {
    client.iq("get", Some(&format!("{ROOM}/{nick}")), PING).await
}

/// The room must say that this client is not in it.
async fn is_out(client: &Client, nick: &str) {
    let answer = ping(client, nick).await;
    assert_eq!(error_of(&answer), ("not-acceptable".into(), "cancel".into()));
    assert_eq!(answer.attr("from"), Some(&*format!("{ROOM}/{nick}")));
}

/// The room must say that it is.
async fn is_in(client: &Client, nick: &str) {
    let answer = ping(client, nick).await;
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    assert_eq!(answer.attr("from"), Some(&*format!("{ROOM}/{nick}")));
}

#[tokio::test]
async fn s3_3_rooms_announce_that_they_answer_themselves() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let answer = info(&hag, ROOM).await;
    let query = answer.child(ns::DISCO_INFO, "query").unwrap();
    assert!(query.children().any(|one| one.attr("var") == Some(OPTIMIZED)), "{}", answer.to_xml());
}

#[tokio::test]
async fn s3_3_the_room_answers_who_is_in_it_and_asks_no_device() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    is_in(&crone, "secondwitch").await;
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s3_2_who_is_not_in_the_room_is_told_so() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    is_out(&wicca, "thirdwitch").await;
    // Nor does he learn who is (§6).
    is_out(&wicca, "firstwitch").await;
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s3_2_the_room_that_refuses_is_named() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let answer = ping(&wicca(&cloister).await, "thirdwitch").await;
    let error = answer.child(ns::CLIENT, "error").unwrap();
    assert_eq!(error.attr("by"), Some(ROOM), "{}", answer.to_xml());
}

#[tokio::test]
async fn s3_2_who_has_left_is_told_so() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    leave(&crone, ROOM, "secondwitch").await;
    is_out(&crone, "secondwitch").await;
    enter(&crone, ROOM, "secondwitch").await;
    is_in(&crone, "secondwitch").await;
}

#[tokio::test]
async fn s3_2_who_was_kicked_is_told_so() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    role(&hag, ROOM, "secondwitch", "none").await;
    presence_of(&crone, ROOM, "secondwitch").await;
    is_out(&crone, "secondwitch").await;
}

#[tokio::test]
async fn s3_2_in_a_room_that_does_not_exist_nobody_is() {
    let cloister = open().await;
    // Not `item-not-found`, which means that one is in the room under another nick.
    is_out(&wicca(&cloister).await, "thirdwitch").await;
}

#[tokio::test]
async fn s3_2_who_was_refused_is_not_in() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    enter_error(&wicca, ROOM, "firstwitch").await;
    is_out(&wicca, "firstwitch").await;
}

#[tokio::test]
async fn s1_after_a_restart_nobody_is_in_until_he_enters_again() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    create_room(&hag, ROOM, "firstwitch", &[]).await;
    is_in(&hag, "firstwitch").await;
    let cloister = cloister.restart().await;
    let hag = cloister.online("hag/pda", "h").await;
    is_out(&hag, "firstwitch").await;
    enter(&hag, ROOM, "firstwitch").await;
    is_in(&hag, "firstwitch").await;
}

#[tokio::test]
async fn s3_3_each_device_is_answered_for_itself() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let phone = cloister.online("crone/phone", "c").await;
    is_out(&phone, "secondwitch").await;
    enter(&phone, ROOM, "secondwitch").await;
    is_in(&phone, "secondwitch").await;
    leave(&crone, ROOM, "secondwitch").await;
    is_out(&crone, "secondwitch").await;
    is_in(&phone, "secondwitch").await;
}

#[tokio::test]
async fn s3_2_after_another_nick_the_old_one_is_not_there_and_the_new_one_is() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    crone.send(format!("<presence to='{ROOM}/oldhag'/>")).await;
    is_in(&crone, "oldhag").await;
    // §3.2 takes this for "joined, but under another name".
    let answer = ping(&crone, "secondwitch").await;
    assert_eq!(condition(&answer), "item-not-found");
}

#[tokio::test]
async fn s3_1_a_ping_of_another_occupant_is_relayed() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    crone.send(format!("<iq id='p' type='get' to='{ROOM}/firstwitch'>{PING}</iq>")).await;
    let asked = from_room(&hag, ROOM).await;
    assert!(asked.has_child(ns::PING, "ping"), "{}", asked.to_xml());
    let (id, from) = (asked.attr("id").unwrap(), asked.attr("from").unwrap());
    hag.send(format!("<iq id='{id}' type='result' to='{from}'/>")).await;
    let answer = from_room(&crone, ROOM).await;
    assert_eq!((answer.attr("id"), answer.attr("type")), (Some("p"), Some("result")));
}

#[tokio::test]
async fn the_service_and_the_room_themselves_may_be_pinged() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    for to in [SERVICE, ROOM] {
        let answer = crone.iq("get", Some(to), PING).await;
        assert_eq!(answer.attr("from"), Some(to));
    }
    assert_eq!(crone.iq("get", Some(SERVICE), PING).await.attr("type"), Some("result"));
}
