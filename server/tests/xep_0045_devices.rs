//! XEP-0045: Multi-User Chat, several devices of an account under one nick (§7.2.8).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, codes, coven, enter, enter_error, error, forget, from_room, heard, is_presence, item,
    leave, message, nick, nicks, of, open, presence_of, say, undisturbed, wicca,
};
use crate::kit::{Client, Cloister, body};

/// The coven, and a second device of `crone` under the same nick; all that came at that is
/// swallowed.
async fn phones(cloister: &Cloister) -> (Client, Client, Client) {
    let (hag, crone) = coven(cloister).await;
    let phone = cloister.online("crone/phone", "c").await;
    enter(&phone, ROOM, "secondwitch").await;
    for client in [&hag, &crone, &phone] {
        forget(client, ROOM).await;
    }
    (hag, crone, phone)
}

#[tokio::test]
async fn s7_2_8_a_second_device_enters_under_the_same_nick() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let phone = cloister.online("crone/phone", "c").await;
    let entered = enter(&phone, ROOM, "secondwitch").await;
    assert_eq!(nicks(&entered.others), ["firstwitch"]);
    assert_eq!(nick(&entered.own), "secondwitch");
    assert_eq!(entered.own.attr("to"), Some(phone.jid()));
    assert!(!codes(&entered.own).contains(&201));
}

#[tokio::test]
async fn s7_2_8_others_see_one_occupant() {
    let cloister = open().await;
    let (_hag, _crone, _phone) = phones(&cloister).await;
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(nicks(&entered.others), ["firstwitch", "secondwitch"]);
}

#[tokio::test]
async fn s7_2_8_every_device_gets_what_is_said_once() {
    let cloister = open().await;
    let (hag, crone, phone) = phones(&cloister).await;
    say(&hag, ROOM, "double").await;
    say(&hag, ROOM, "toil").await;
    for client in [&crone, &phone] {
        for expected in ["double", "toil"] {
            let message = heard(client).await;
            assert_eq!(body(&message), expected);
            assert_eq!(message.attr("to"), Some(client.jid()));
        }
    }
    undisturbed(&hag, ROOM, &[&crone, &phone]).await;
}

#[tokio::test]
async fn s7_2_8_every_device_may_speak_and_hears_the_other() {
    let cloister = open().await;
    let (hag, crone, phone) = phones(&cloister).await;
    say(&phone, ROOM, "from the phone").await;
    say(&crone, ROOM, "from the desk").await;
    let from = "coven@rooms.localhost/secondwitch";
    for text in ["from the phone", "from the desk"] {
        let message = heard(&hag).await;
        assert_eq!((&*body(&message), message.attr("from")), (text, Some(from)));
    }
    assert_eq!(body(&heard(&crone).await), "from the phone");
    assert_eq!(body(&heard(&phone).await), "from the desk");
}

#[tokio::test]
async fn s7_2_8_an_occupant_stays_until_his_last_device_has_left() {
    let cloister = open().await;
    let (hag, crone, phone) = phones(&cloister).await;
    let left = leave(&phone, ROOM, "secondwitch").await;
    assert_eq!(item(&left).1, "none");
    // Presence may be shown anew, as that of the device that is left.
    say(&crone, ROOM, "still here").await;
    loop {
        let next = from_room(&hag, ROOM).await;
        assert!(!is_presence(&next, Some("unavailable")), "{}", next.to_xml());
        if body(&next) == "still here" {
            break;
        }
    }
    let of_room = |stanza: &cloister::xml::Element| {
        stanza.attr("from").is_some_and(|from| from.starts_with(ROOM))
    };
    assert!(!phone.drain().await.iter().any(of_room));
    leave(&crone, ROOM, "secondwitch").await;
    let gone = presence_of(&hag, ROOM, "secondwitch").await;
    assert!(is_presence(&gone, Some("unavailable")));
}

#[tokio::test]
async fn s7_2_8_a_device_whose_stream_ends_takes_no_other_with_it() {
    let cloister = open().await;
    let (hag, crone, phone) = phones(&cloister).await;
    phone.close().await;
    say(&hag, ROOM, "who is here").await;
    assert_eq!(body(&heard(&crone).await), "who is here");
    say(&crone, ROOM, "me").await;
    loop {
        let next = from_room(&hag, ROOM).await;
        assert!(!is_presence(&next, Some("unavailable")), "{}", next.to_xml());
        if body(&next) == "me" {
            break;
        }
    }
}

#[tokio::test]
async fn s7_2_8_private_messages_reach_every_device() {
    let cloister = open().await;
    let (hag, crone, phone) = phones(&cloister).await;
    hag.send(format!("<message to='{ROOM}/secondwitch' type='chat'><body>psst</body></message>"))
        .await;
    for client in [&crone, &phone] {
        let private = from_room(client, ROOM).await;
        assert_eq!((&*body(&private), private.attr("to")), ("psst", Some(client.jid())));
    }
}

#[tokio::test]
async fn s7_2_8_an_account_may_have_two_nicks() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let phone = cloister.online("crone/phone", "c").await;
    let entered = enter(&phone, ROOM, "crone").await;
    assert_eq!(nicks(&entered.others), ["firstwitch", "secondwitch"]);
    assert!(!codes(of(&entered.others, "secondwitch")).contains(&110));
    let seen = presence_of(&crone, ROOM, "crone").await;
    assert!(!codes(&seen).contains(&110), "{}", seen.to_xml());
    presence_of(&hag, ROOM, "crone").await;
    assert_eq!(nick(&say(&phone, ROOM, "two").await), "crone");
    assert_eq!(nick(&say(&crone, ROOM, "one").await), "secondwitch");
}

#[tokio::test]
async fn s7_2_8_the_presence_of_the_newest_device_is_shown() {
    let cloister = open().await;
    let (hag, _crone, phone) = phones(&cloister).await;
    phone.send(format!("<presence to='{ROOM}/secondwitch'><show>dnd</show></presence>")).await;
    let show = |presence: &Element| {
        presence.child(ns::CLIENT, "show").map(|show| show.text().into_owned()).unwrap_or_default()
    };
    assert_eq!(show(&presence_of(&hag, ROOM, "secondwitch").await), "dnd");
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    assert_eq!(show(of(&entered.others, "secondwitch")), "dnd");
}

#[tokio::test]
async fn s7_2_8_another_account_is_refused_while_any_device_holds_the_nick() {
    let cloister = open().await;
    let (_hag, crone, phone) = phones(&cloister).await;
    let wicca = wicca(&cloister).await;
    let conflict = error("conflict", "cancel");
    assert_eq!(enter_error(&wicca, ROOM, "secondwitch").await, conflict);
    leave(&crone, ROOM, "secondwitch").await;
    assert_eq!(enter_error(&wicca, ROOM, "secondwitch").await, conflict);
    leave(&phone, ROOM, "secondwitch").await;
    enter(&wicca, ROOM, "secondwitch").await;
}

#[tokio::test]
async fn s7_2_8_a_device_that_did_not_enter_is_not_in_the_room() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    let phone = cloister.online("crone/phone", "c").await;
    say(&hag, ROOM, "double").await;
    phone.send(message(ROOM, "m", "<body>me too</body>")).await;
    let error = from_room(&phone, ROOM).await;
    assert_eq!(crate::kit::condition(&error), "not-acceptable");
}
