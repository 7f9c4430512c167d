//! XEP-0045: Multi-User Chat, the subject of a room (§7.2.15, §7.3, §8.1).

use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, answer, coven, coven_with, enter, error, error_of, is_groupchat, message, nick, open,
    say_error, say_with, subject, undisturbed, wicca,
};
use crate::kit::{Client, body};

const SUBJECT: &str = "<subject>Fire Burn and Cauldron Bubble!</subject>";

fn text(message: &Element) -> String {
    message.child(ns::CLIENT, "subject").unwrap().text().into_owned()
}

/// The subject that somebody who enters is told.
async fn told(client: &Client) -> Element {
    enter(client, ROOM, "thirdwitch").await.subject
}

#[tokio::test]
async fn s7_2_15_without_a_subject_an_empty_one_is_told() {
    let cloister = open().await;
    let (_hag, _crone) = coven(&cloister).await;
    let told = told(&wicca(&cloister).await).await;
    assert_eq!(text(&told), "");
    assert!(is_groupchat(&told));
}

#[tokio::test]
async fn s7_2_15_the_subject_comes_with_the_time_at_which_it_was_set() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    cloister.advance(Duration::from_secs(60));
    say_with(&hag, ROOM, SUBJECT).await;
    cloister.advance(Duration::from_secs(600));
    let told = told(&wicca(&cloister).await).await;
    assert_eq!(text(&told), "Fire Burn and Cauldron Bubble!");
    assert!(["", "firstwitch"].contains(&nick(&told)), "{}", told.to_xml());
    if let Some(delay) = told.child(ns::DELAY, "delay") {
        assert_eq!(delay.attr("from"), Some(ROOM));
        assert!(delay.attr("stamp").unwrap().starts_with("2026-01-01T00:01:00"));
    }
}

#[tokio::test]
async fn s8_1_a_moderator_sets_the_subject_and_all_are_told() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let reflected = say_with(&hag, ROOM, SUBJECT).await;
    assert_eq!(text(&reflected), "Fire Burn and Cauldron Bubble!");
    let told = subject(&crone).await;
    assert_eq!(text(&told), "Fire Burn and Cauldron Bubble!");
    assert!(["", "firstwitch"].contains(&nick(&told)));
    assert_eq!(body(&told), "");
}

#[tokio::test]
async fn s7_3_s8_1_who_may_not_set_the_subject_is_told_so() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("changesubject", "0")]).await;
    crone.send(message(ROOM, "s", SUBJECT)).await;
    let refused = answer(&crone, "s").await;
    assert_eq!(error_of(&refused), error("forbidden", "auth"));
    assert_eq!(refused.attr("from").map(|from| from.split('/').next()), Some(Some(ROOM)));
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
    assert_eq!(text(&told(&wicca(&cloister).await).await), "");
}

#[tokio::test]
async fn s7_3_a_room_may_let_participants_set_the_subject() {
    let cloister = open().await;
    let (hag, crone) = coven_with(&cloister, &[("changesubject", "1")]).await;
    say_with(&crone, ROOM, SUBJECT).await;
    assert_eq!(text(&subject(&hag).await), "Fire Burn and Cauldron Bubble!");
}

#[tokio::test]
async fn s8_1_by_default_only_moderators_set_the_subject() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    assert_eq!(say_error_of(&crone).await.0, "forbidden");
}

async fn say_error_of(client: &Client) -> (String, String) {
    client.send(message(ROOM, "s", SUBJECT)).await;
    error_of(&answer(client, "s").await)
}

#[tokio::test]
async fn s8_1_an_empty_subject_clears_it() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    say_with(&hag, ROOM, SUBJECT).await;
    subject(&crone).await;
    say_with(&hag, ROOM, "<subject/>").await;
    assert_eq!(text(&subject(&crone).await), "");
    assert_eq!(text(&told(&wicca(&cloister).await).await), "");
}

#[tokio::test]
async fn s7_2_15_s8_1_a_subject_with_a_body_or_a_thread_is_a_message() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    say_with(&hag, ROOM, SUBJECT).await;
    subject(&crone).await;
    say_with(&hag, ROOM, "<subject>no</subject><body>toil</body>").await;
    say_with(&hag, ROOM, "<subject>no</subject><thread>t</thread>").await;
    // Also one who may not set the subject may say that.
    say_with(&crone, ROOM, "<subject>no</subject><body>trouble</body>").await;
    assert_eq!(text(&told(&wicca(&cloister).await).await), "Fire Burn and Cauldron Bubble!");
}

#[tokio::test]
async fn s8_1_who_is_not_in_the_room_does_not_set_its_subject() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    assert_eq!(say_error(&wicca, ROOM, SUBJECT).await.0, "not-acceptable");
    undisturbed(&hag, ROOM, &[&hag, &crone]).await;
}

#[tokio::test]
async fn s7_2_15_the_newest_subject_is_told() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    for number in 0..5 {
        say_with(&hag, ROOM, &format!("<subject>{number}</subject>")).await;
    }
    assert_eq!(text(&told(&wicca(&cloister).await).await), "4");
}
