//! XEP-0359: Unique and Stable Stanza IDs, and what is forged beside them (XEP-0203 §5).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, body};

fn ids(message: &Element) -> Vec<(&str, &str)> {
    let ids = message.children().filter(|child| child.is(ns::STANZA_ID, "stanza-id"));
    ids.map(|id| (id.attr("by").unwrap_or("-"), id.attr("id").unwrap_or("-"))).collect()
}

async fn couple(cloister: &Cloister) -> (Client, Client) {
    (cloister.online("juliet", "balcony").await, cloister.online("romeo", "orchard").await)
}

/// What juliet gets when romeo sends that inside a message.
async fn received(children: &str) -> Element {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = couple(&cloister).await;
    let to = juliet.bare();
    romeo.send(format!("<message to='{to}' type='chat'><body>hi</body>{children}</message>")).await;
    juliet.receive().await
}

#[tokio::test]
async fn s3_a_message_has_one_id_by_the_recipients_account() {
    let message = received("").await;
    let ids = ids(&message);
    assert_eq!(ids.len(), 1);
    assert_eq!(ids[0].0, "juliet@localhost");
    assert!(ids[0].1.len() == 16 && ids[0].1.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[tokio::test]
async fn s3_forged_ids_are_removed_however_often_and_however_written() {
    let message = received(
        "<stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='JULIET@LOCALHOST' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost/x' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='localhost' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='localhost.' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost ' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='@/@' id='forged'/>\
         <stanza-id xmlns='urn:xmpp:sid:0' id='forged'/>",
    )
    .await;
    assert_eq!(ids(&message).len(), 1);
    assert_ne!(ids(&message)[0].1, "forged");
}

#[tokio::test]
async fn s3_the_id_of_another_entity_stays() {
    let message =
        received("<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example' id='theirs'/>").await;
    assert_eq!(ids(&message)[0], ("room@muc.example", "theirs"));
    assert_eq!(ids(&message).len(), 2);
}

#[tokio::test]
async fn s2_2_the_origin_id_stays() {
    let message = received("<origin-id xmlns='urn:xmpp:sid:0' id='mine'/>").await;
    let origin = message.child(ns::STANZA_ID, "origin-id").unwrap();
    assert_eq!(origin.attr("id"), Some("mine"));
}

#[tokio::test]
async fn ids_are_ordered_as_the_messages_are() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = couple(&cloister).await;
    let mut last = String::new();
    for n in 0..20 {
        romeo.send(format!("<message to='juliet@localhost'><body>{n}</body></message>")).await;
        let message = juliet.receive().await;
        assert_eq!(body(&message), n.to_string());
        let id = ids(&message)[0].1.to_owned();
        assert!(last < id);
        last = id;
    }
}

#[tokio::test]
async fn a_message_to_several_resources_has_the_same_id_at_each() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = couple(&cloister).await;
    let tablet = cloister.online("juliet/tablet", "balcony").await;
    juliet.drain().await;
    tablet.drain().await;
    romeo.send("<message to='juliet@localhost'><body>hi</body></message>").await;
    assert_eq!(ids(&juliet.receive().await), ids(&tablet.receive().await));
}

#[tokio::test]
async fn s4_accounts_announce_it() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = juliet.iq_ok("get", Some(juliet.bare()), query).await;
    assert!(answer.to_xml().contains("urn:xmpp:sid:0"));
}

#[tokio::test]
async fn xep_0203_s5_a_delay_in_the_name_of_somebody_else_here_is_removed() {
    let message = received(
        "<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2002-09-10T23:08:25Z'/>\
         <delay xmlns='urn:xmpp:delay' from='LOCALHOST' stamp='2002-09-10T23:08:25Z'/>\
         <delay xmlns='urn:xmpp:delay' from='juliet@localhost' stamp='2002-09-10T23:08:25Z'/>\
         <delay xmlns='urn:xmpp:delay' from='@' stamp='2002-09-10T23:08:25Z'/>",
    )
    .await;
    assert!(!message.has_child(ns::DELAY, "delay"));
}

#[tokio::test]
async fn xep_0203_s5_a_client_may_say_that_it_kept_a_message_back_itself() {
    let message = received(
        "<delay xmlns='urn:xmpp:delay' from='romeo@localhost/x' stamp='2002-09-10T23:08:25Z'/>",
    )
    .await;
    assert!(message.has_child(ns::DELAY, "delay"));
}
