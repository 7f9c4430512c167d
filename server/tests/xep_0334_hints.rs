//! XEP-0334: Message Processing Hints, where they decide about offline messages.

use crate::kit::{Cloister, body, condition};

async fn kept(message: &str) -> Vec<String> {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.send(message).await;
    romeo.fence().await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.drain().await.iter().map(body).collect()
}

#[tokio::test]
async fn s4_1_no_permanent_store_still_waits_for_delivery() {
    let message = "<message to='juliet@localhost' type='chat'><body>off the record</body>\
        <no-permanent-store xmlns='urn:xmpp:hints'/></message>";
    assert_eq!(kept(message).await, ["off the record"]);
}

#[tokio::test]
async fn s4_2_no_store_is_not_kept_and_the_sender_knows_it() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo
        .send(
            "<message id='m' to='juliet@localhost' type='chat'><body>now or never</body>\
             <no-store xmlns='urn:xmpp:hints'/></message>",
        )
        .await;
    let error = romeo.receive().await;
    assert_eq!((error.attr("id"), &*condition(&error)), (Some("m"), "service-unavailable"));
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn s4_2_no_store_is_delivered_to_who_is_there() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo
        .send(
            "<message to='juliet@localhost' type='chat'><body>now</body>\
             <no-store xmlns='urn:xmpp:hints'/></message>",
        )
        .await;
    assert_eq!(body(&juliet.receive().await), "now");
}

#[tokio::test]
async fn s4_4_store_keeps_what_would_not_be_kept() {
    let message = "<message to='juliet@localhost' type='chat'>\
        <active xmlns='http://jabber.org/protocol/chatstates'/>\
        <store xmlns='urn:xmpp:hints'/></message>";
    assert_eq!(kept(message).await, [""]);
}

#[tokio::test]
async fn of_two_hints_that_exclude_each_other_privacy_counts() {
    let message = "<message to='juliet@localhost' type='chat'><body>hi</body>\
        <store xmlns='urn:xmpp:hints'/><no-store xmlns='urn:xmpp:hints'/></message>";
    assert!(kept(message).await.is_empty());
}
