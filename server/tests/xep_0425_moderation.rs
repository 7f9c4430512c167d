//! XEP-0425: Moderated Message Retraction, and XEP-0424 in rooms.

use cloister::xml::Element;

use crate::kit::Client;
use crate::kit::rooms::{
    ROOM, create_room, enter, error_of, is_groupchat, leave, open, role, say, say_with, stanza_id,
    undisturbed,
};
use crate::kit::rooms_admin::{
    Four, change_ok, eventually, four, has_feature, is_done, room_info, witch, with_role,
};
use crate::xep_0313_rooms::query;

const MODERATE: &str = "urn:xmpp:message-moderate:1";
const RETRACT: &str = "urn:xmpp:message-retract:1";
const BAD: &str = "DM me for free magic potions!";

/// Asks the room to retract what stands under that id.
async fn moderate(client: &Client, id: &str, reason: &str) -> Element {
    let reason = match reason {
        "" => String::new(),
        text => format!("<reason>{text}</reason>"),
    };
    let request = format!(
        "<moderate xmlns='{MODERATE}' id='{id}'><retract xmlns='{RETRACT}'/>{reason}</moderate>"
    );
    client.iq("set", Some(ROOM), &request).await
}

/// Something that was said, as the room knows it.
async fn said(client: &Client, text: &str) -> String {
    stanza_id(&say(client, ROOM, text).await, ROOM).expect("an id of the room")
}

/// The retractions among what came, or in an archive.
fn retractions<'a>(messages: impl Iterator<Item = &'a Element>) -> Vec<(&'a Element, &'a Element)> {
    messages.filter_map(|message| Some((message, message.child(RETRACT, "retract")?))).collect()
}

/// Whether a text is read in the archive.
async fn is_read(client: &Client, text: &str) -> bool {
    let answer = query(client, ROOM, "").await;
    answer.results.iter().any(|result| result.to_xml().contains(text))
}

async fn retract(client: &Client, id: &str) {
    say_with(
        client,
        ROOM,
        &format!(
            "<retract id='{id}' xmlns='{RETRACT}'/>\
             <fallback xmlns='urn:xmpp:fallback:0' for='{RETRACT}'/>\
             <body>/me retracted a message</body><store xmlns='urn:xmpp:hints'/>"
        ),
    )
    .await;
}

/// What was retracted before has been looked at: they are taken one after the other.
async fn settle(four: &Four) {
    let id = said(&four.owner, "probe of retraction").await;
    retract(&four.owner, &id).await;
    eventually("a retraction", async || !is_read(&four.owner, "probe of retraction").await).await;
}

// XEP-0425

#[tokio::test]
async fn s2_a_room_says_that_it_can() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let info = room_info(&four.guest, ROOM).await;
    assert!(has_feature(&info, MODERATE), "{}", info.to_xml());
    assert!(has_feature(&info, RETRACT), "XEP-0424 §2");
}

#[tokio::test]
async fn s3_1_a_moderator_retracts_and_everybody_is_told() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, BAD).await;
    four.told().await;
    is_done(&moderate(&four.admin, &id, "inappropriate").await);
    for came in four.told().await {
        let all = retractions(came.iter());
        assert_eq!(all.len(), 1);
        let (message, retract) = all[0];
        assert!(is_groupchat(message), "{}", message.to_xml());
        assert_eq!(message.attr("from"), Some(ROOM), "from the room, not from an occupant");
        assert_eq!(retract.attr("id"), Some(&*id));
        let moderated = retract.child(MODERATE, "moderated").expect("who did it");
        assert_eq!(moderated.attr("by"), Some("coven@rooms.localhost/admin"));
        let occupant = moderated.child("urn:xmpp:occupant-id:0", "occupant-id");
        assert!(occupant.is_some(), "{}", retract.to_xml());
        let reason = retract.children().find(|child| child.name() == "reason");
        assert_eq!(reason.expect("a reason").text(), "inappropriate");
    }
}

#[tokio::test]
async fn s3_1_the_occupant_id_is_the_moderators() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, BAD).await;
    let own = say(&four.admin, ROOM, "mine").await;
    let occupant_id = |element: &Element| {
        let id = element.child("urn:xmpp:occupant-id:0", "occupant-id").expect("an id");
        id.attr("id").unwrap().to_owned()
    };
    let expected = occupant_id(&own);
    four.told().await;
    moderate(&four.admin, &id, "").await;
    let told = four.told().await;
    let (_, retract) = retractions(told[3].iter())[0];
    assert_eq!(occupant_id(retract.child(MODERATE, "moderated").unwrap()), expected);
    assert!(!retract.children().any(|child| child.name() == "reason"), "none was given");
}

#[tokio::test]
async fn s3_1_a_moderator_without_affiliation_can_too() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    role(&four.owner, ROOM, "member", "moderator").await;
    let id = said(&four.guest, BAD).await;
    is_done(&moderate(&four.member, &id, "").await);
}

#[tokio::test]
async fn s3_2_others_are_forbidden_to_and_nobody_is_told() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let stranger = witch(&cloister, "stranger").await;
    let id = said(&four.owner, "what I say").await;
    four.told().await;
    for client in [&four.member, &four.guest, &stranger] {
        assert_eq!(error_of(&moderate(client, &id, "").await).0, "forbidden", "{}", client.jid());
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    settle(&four).await;
    assert!(is_read(&four.owner, "what I say").await);
}

#[tokio::test]
async fn s3_2_who_has_left_moderates_no_longer() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    role(&four.owner, ROOM, "member", "moderator").await;
    let id = said(&four.guest, BAD).await;
    leave(&four.member, ROOM, "member").await;
    assert_eq!(error_of(&moderate(&four.member, &id, "").await).0, "forbidden");
}

#[tokio::test]
async fn s3_2_what_was_never_said_there_is_not_retracted() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    create_room(&four.owner, "heath@rooms.localhost", "owner", &[]).await;
    let other = say(&four.owner, "heath@rooms.localhost", "elsewhere").await;
    let other = stanza_id(&other, "heath@rooms.localhost").unwrap();
    for id in ["", "x", "0000000000000001", "ffffffffffffffff", &other] {
        let (condition, _) = error_of(&moderate(&four.admin, id, "").await);
        assert!(["item-not-found", "bad-request"].contains(&&*condition), "{id}: {condition}");
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
    let answer = query(&four.owner, "heath@rooms.localhost", "").await;
    assert!(answer.bodies().contains(&"elsewhere".to_owned()));
}

#[tokio::test]
async fn s3_what_is_no_retraction_is_refused() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, BAD).await;
    four.told().await;
    for inner in ["", "<replace xmlns='urn:xmpp:message-correct:0'/>"] {
        let request = format!("<moderate xmlns='{MODERATE}' id='{id}'>{inner}</moderate>");
        let condition = four.admin.iq_error("set", Some(ROOM), &request).await;
        assert!(["bad-request", "feature-not-implemented"].contains(&&*condition), "{condition}");
    }
    undisturbed(&four.owner, ROOM, &[&four.admin, &four.member, &four.guest]).await;
}

#[tokio::test]
async fn s5_what_was_moderated_is_distributed_no_further() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, BAD).await;
    moderate(&four.admin, &id, "inappropriate").await;
    for client in four.all() {
        eventually("the text to go", async || !is_read(client, "potions").await).await;
    }
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    let history: String = entered.history.iter().map(Element::to_xml).collect();
    assert!(!history.contains("potions"), "{history}");
}

#[tokio::test]
async fn s4_the_tombstone_keeps_id_and_sender_and_says_who_did_it() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, BAD).await;
    moderate(&four.admin, &id, "inappropriate").await;
    eventually("the text to go", async || !is_read(&four.guest, "potions").await).await;
    let answer = query(&four.guest, ROOM, "").await;
    let index = answer.ids().iter().position(|other| *other == id).expect("XEP-0313 §3.2: its id");
    let message = answer.messages().nth(index).unwrap();
    assert_eq!(message.attr("from"), Some("coven@rooms.localhost/guest"));
    let retracted = message.child(RETRACT, "retracted").expect("a tombstone");
    let moderated = retracted.child(MODERATE, "moderated").expect("who did it");
    assert_ne!(moderated.attr("by"), Some("coven@rooms.localhost/guest"));
}

#[tokio::test]
async fn s5_who_was_away_finds_the_moderation_in_the_archive() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, BAD).await;
    leave(&four.member, ROOM, "member").await;
    moderate(&four.admin, &id, "").await;
    let answer = query(&four.member, ROOM, "").await;
    let all = retractions(answer.messages());
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].1.attr("id"), Some(&*id));
    assert_eq!(all[0].0.attr("from"), Some(ROOM));
}

#[tokio::test]
async fn s5_nobody_speaks_as_the_room() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.owner, "what I say").await;
    four.told().await;
    let forged = format!(
        "<retract id='{id}' xmlns='{RETRACT}'><moderated by='{ROOM}/admin' xmlns='{MODERATE}'/>\
         </retract><body>x</body>"
    );
    say_with(&four.guest, ROOM, &forged).await;
    for came in four.told().await {
        for (message, retract) in retractions(came.iter()) {
            assert_eq!(message.attr("from"), Some("coven@rooms.localhost/guest"));
            assert!(!retract.has_child(MODERATE, "moderated"), "{}", message.to_xml());
        }
    }
    settle(&four).await;
    assert!(is_read(&four.owner, "what I say").await);
}

// XEP-0424 §5 in rooms

#[tokio::test]
async fn xep_0424_s5_the_author_retracts_and_everybody_is_told() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, BAD).await;
    four.told().await;
    retract(&four.guest, &id).await;
    for came in &four.told().await[..3] {
        let all = retractions(came.iter());
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].0.attr("from"), Some("coven@rooms.localhost/guest"));
        assert_eq!(all[0].1.attr("id"), Some(&*id));
    }
    eventually("the text to go", async || !is_read(&four.member, "potions").await).await;
    let answer = query(&four.member, ROOM, "").await;
    assert_eq!(retractions(answer.messages()).len(), 1, "the retraction itself is kept");
    let late = witch(&cloister, "late").await;
    let entered = enter(&late, ROOM, "late").await;
    let history: String = entered.history.iter().map(Element::to_xml).collect();
    assert!(!history.contains("potions"), "{history}");
}

#[tokio::test]
async fn xep_0424_s5_nobody_else_retracts_what_somebody_said() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, "what I say").await;
    for client in [&four.member, &four.admin, &four.owner] {
        retract(client, &id).await;
    }
    settle(&four).await;
    assert!(is_read(&four.owner, "what I say").await);
}

#[tokio::test]
async fn xep_0424_s5_who_takes_the_nick_of_somebody_retracts_nothing_of_hers() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let id = said(&four.guest, "what I say").await;
    change_ok(&four.admin, &with_role("guest", "none")).await;
    let other = witch(&cloister, "other").await;
    enter(&other, ROOM, "guest").await;
    retract(&other, &id).await;
    settle(&four).await;
    assert!(is_read(&four.owner, "what I say").await);
}

#[tokio::test]
async fn xep_0424_s5_1_an_id_that_a_client_chose_means_nothing_in_a_room() {
    let cloister = open().await;
    let four = four(&cloister, &[]).await;
    let reflected = say(&four.guest, ROOM, "what I say").await;
    retract(&four.guest, reflected.attr("id").unwrap()).await;
    settle(&four).await;
    assert!(is_read(&four.owner, "what I say").await);
}
