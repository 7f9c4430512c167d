//! XEP-0292: vCard4 Over XMPP.

use cloister::ns;

use crate::kit::pubsub::{
    error_of, features, ids, info, inner, is_ok, items, notified, publish, stored, told,
};
use crate::kit::{Client, Cloister};

const NODE: &str = "urn:xmpp:vcard4";
const CONTACTS: &str = "urn:xmpp:contacts";
const JULIET: Option<&str> = Some("juliet@localhost");

fn vcard(id: &str) -> String {
    format!("<item id='{id}'><vcard xmlns='{}'><fn><text>x</text></fn></vcard></item>", ns::VCARD4)
}

async fn publish_ok(client: &Client, node: &str, id: &str) {
    is_ok(&publish(client, None, node, &vcard(id)).await);
}

#[tokio::test]
async fn s4_1_a_vcard_is_world_readable_and_there_is_one() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let tybalt = cloister.online("tybalt", "sword").await;
    publish_ok(&juliet, NODE, "one").await;
    publish_ok(&juliet, NODE, "two").await;
    let answer = items(&tybalt, JULIET, NODE, "", "").await;
    is_ok(&answer);
    let items = inner(&answer, "items");
    assert_eq!(ids(items), ["two"]);
    assert!(items.children().next().unwrap().has_child(ns::VCARD4, "vcard"));
}

#[tokio::test]
async fn s4_2_2_a_notification_has_no_payload() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online_with("romeo", "orchard", &["urn:xmpp:vcard4+notify"]).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    publish_ok(&juliet, NODE, "one").await;
    let message = notified(&romeo).await;
    let items = told(&message, "items");
    assert_eq!(ids(items), ["one"]);
    assert!(items.children().all(|item| item.has_no_children()));
}

#[tokio::test]
async fn s5_2_vcards_of_contacts_are_for_the_owner_alone_and_there_are_many() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    publish_ok(&juliet, CONTACTS, "romeo@localhost").await;
    publish_ok(&juliet, CONTACTS, "nurse@localhost").await;
    let (condition, ..) = error_of(&items(&romeo, JULIET, CONTACTS, "", "").await);
    assert_eq!(condition, "not-allowed");
    let mut kept = stored(&juliet, None, CONTACTS).await;
    kept.sort();
    assert_eq!(kept, ["nurse@localhost", "romeo@localhost"]);
}

#[tokio::test]
async fn s7_the_server_and_the_account_have_the_feature() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for to in [None, JULIET, Some("localhost")] {
        assert!(features(&info(&juliet, to, None).await).contains(&ns::VCARD4));
    }
}
