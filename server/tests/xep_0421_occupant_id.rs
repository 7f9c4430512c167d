//! XEP-0421: Occupant identifiers for semi-anonymous MUCs.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{
    ROOM, SERVICE, closed, coven, coven_with, create_room, enter, from_room, heard, info, leave,
    of, open, presence_of, say, say_with, subject, wicca,
};

/// The one id of an occupant (§4).
#[track_caller]
fn id(stanza: &Element) -> String {
    let all: Vec<_> = stanza.children().filter(|one| one.name() == "occupant-id").collect();
    assert_eq!(all.len(), 1, "{}", stanza.to_xml());
    assert_eq!(all[0].ns(), ns::OCCUPANT_ID);
    let id = all[0].attr("id").expect("an id").to_owned();
    assert!((1..=128).contains(&id.chars().count()), "{id}");
    id
}

const FORGED: &str = "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/>";

#[tokio::test]
async fn s2_the_room_and_its_service_announce_it() {
    let cloister = open().await;
    let (hag, _crone) = coven(&cloister).await;
    for to in [ROOM, SERVICE] {
        let answer = info(&hag, to).await;
        let query = answer.child(ns::DISCO_INFO, "query").unwrap();
        let announced = query.children().any(|one| one.attr("var") == Some(ns::OCCUPANT_ID));
        assert!(announced, "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s3_presence_and_messages_of_an_occupant_have_the_same_id() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let wicca = wicca(&cloister).await;
    let entered = enter(&wicca, ROOM, "thirdwitch").await;
    let own = id(&entered.own);
    assert_eq!(id(&presence_of(&hag, ROOM, "thirdwitch").await), own);
    assert_eq!(id(&say(&wicca, ROOM, "double").await), own);
    assert_eq!(id(&heard(&hag).await), own);
    let other = id(of(&entered.others, "secondwitch"));
    assert_ne!(other, own);
    say(&crone, ROOM, "toil").await;
    assert_eq!(id(&heard(&wicca).await), other);
}

#[tokio::test]
async fn s4_history_has_the_ids_of_those_who_spoke() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let ids = [id(&say(&hag, ROOM, "1").await), id(&say(&crone, ROOM, "2").await)];
    leave(&crone, ROOM, "secondwitch").await;
    let wicca = wicca(&cloister).await;
    let history = enter(&wicca, ROOM, "secondwitch").await.history;
    assert_eq!(history.iter().map(id).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn s4_private_messages_and_subjects_have_it_too() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let own = id(&say(&hag, ROOM, "who").await);
    heard(&crone).await;
    hag.send(format!("<message to='{ROOM}/secondwitch' type='chat'><body>x</body></message>"))
        .await;
    assert_eq!(id(&from_room(&crone, ROOM).await), own);
    say_with(&hag, ROOM, "<subject>x</subject>").await;
    assert_eq!(id(&subject(&crone).await), own);
}

#[tokio::test]
async fn s4_it_is_in_the_presence_of_who_leaves_or_takes_another_nick() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let own = id(&say(&crone, ROOM, "who").await);
    crone.send(format!("<presence to='{ROOM}/oldhag'/>")).await;
    assert_eq!(id(&presence_of(&hag, ROOM, "secondwitch").await), own);
    assert_eq!(id(&presence_of(&hag, ROOM, "oldhag").await), own);
    leave(&crone, ROOM, "oldhag").await;
    assert_eq!(id(&presence_of(&hag, ROOM, "oldhag").await), own);
}

#[tokio::test]
async fn s4_1_it_is_the_same_whenever_and_with_whatever_one_enters() {
    let cloister = open().await;
    let (_hag, crone) = coven(&cloister).await;
    let before = id(&say(&crone, ROOM, "who").await);
    leave(&crone, ROOM, "secondwitch").await;
    assert_eq!(id(&enter(&crone, ROOM, "crone").await.own), before);
    let phone = cloister.online("crone/phone", "c").await;
    assert_eq!(id(&enter(&phone, ROOM, "another").await.own), before);
}

#[tokio::test]
async fn s4_1_it_is_the_same_after_a_restart() {
    let cloister = closed().await;
    let hag = cloister.online("hag/pda", "h").await;
    let before = id(&create_room(&hag, ROOM, "firstwitch", &[]).await.own);
    let cloister = cloister.restart().await;
    let hag = cloister.online("hag/pda", "h").await;
    assert_eq!(id(&enter(&hag, ROOM, "firstwitch").await.own), before);
}

#[tokio::test]
async fn s4_1_it_differs_from_account_to_account_and_from_room_to_room() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let heath = "heath@rooms.localhost";
    let mut ids = vec![id(&say(&hag, ROOM, "a").await), id(&say(&crone, ROOM, "b").await)];
    ids.push(id(&create_room(&hag, heath, "firstwitch", &[]).await.own));
    ids.push(id(&enter(&crone, heath, "secondwitch").await.own));
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(ids.iter().all(|id| !id.contains("hag") && !id.contains("crone")));
}

#[tokio::test]
async fn s4_1_it_differs_between_rooms_of_one_name_that_follow_each_other() {
    let cloister = open().await;
    let hag = cloister.online("hag/pda", "h").await;
    let first = id(&create_room(&hag, ROOM, "firstwitch", &[]).await.own);
    leave(&hag, ROOM, "firstwitch").await;
    let second = create_room(&hag, ROOM, "firstwitch", &[]).await.own;
    // The secret is the room's, and this is another room.
    assert_ne!(id(&second), first);
}

#[tokio::test]
async fn s4_what_a_client_forges_in_a_message_is_replaced() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let own = id(&say(&crone, ROOM, "true").await);
    heard(&hag).await;
    say_with(&crone, ROOM, &format!("<body>forged</body>{FORGED}{FORGED}")).await;
    assert_eq!(id(&heard(&hag).await), own);
    let wicca = wicca(&cloister).await;
    let history = enter(&wicca, ROOM, "thirdwitch").await.history;
    assert_eq!(id(history.last().unwrap()), own);
}

#[tokio::test]
async fn s4_what_a_client_forges_in_presence_is_replaced() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let own = id(&say(&crone, ROOM, "true").await);
    crone.send(format!("<presence to='{ROOM}/secondwitch'>{FORGED}</presence>")).await;
    assert_eq!(id(&presence_of(&hag, ROOM, "secondwitch").await), own);
    crone.send(format!("<presence to='{ROOM}/oldhag'>{FORGED}</presence>")).await;
    assert_eq!(id(&presence_of(&hag, ROOM, "oldhag").await), own);
    let leaving = format!("<presence to='{ROOM}/oldhag' type='unavailable'>{FORGED}</presence>");
    crone.send(leaving).await;
    assert_eq!(id(&presence_of(&hag, ROOM, "oldhag").await), own);
}

#[tokio::test]
async fn s4_what_a_client_forges_in_a_private_message_is_replaced() {
    let cloister = open().await;
    let (hag, crone) = coven(&cloister).await;
    let own = id(&say(&crone, ROOM, "true").await);
    heard(&hag).await;
    let inner = format!("<body>x</body>{FORGED}");
    crone.send(format!("<message to='{ROOM}/firstwitch' type='chat'>{inner}</message>")).await;
    assert_eq!(id(&from_room(&hag, ROOM).await), own);
}

#[tokio::test]
async fn s4_what_a_client_forges_when_it_enters_is_replaced() {
    let cloister = open().await;
    let (hag, _crone) = coven_with(&cloister, &[("whois", "moderators")]).await;
    let wicca = wicca(&cloister).await;
    let x = format!("<x xmlns='{}'/>", ns::MUC);
    wicca.send(format!("<presence to='{ROOM}/thirdwitch'>{x}{FORGED}</presence>")).await;
    assert_ne!(id(&presence_of(&hag, ROOM, "thirdwitch").await), "forged");
}
