//! XEP-0357: Push Notifications.

use std::sync::Arc;

use cloister::feature::Ctx;
use cloister::features::push::Push;

use crate::kit::{Client, Cloister};

const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

/// A server with juliet's phone, which has registered, and romeo.
async fn registered() -> (Cloister, Client, Client) {
    let cloister = Cloister::start().await;
    let phone = cloister.online("juliet/phone", "balcony").await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    phone.iq_ok("set", None, &enable("push.example", "n1", "")).await;
    (cloister, phone, romeo)
}

fn enable(service: &str, node: &str, inside: &str) -> String {
    format!("<enable xmlns='urn:xmpp:push:0' jid='{service}' node='{node}'>{inside}</enable>")
}

fn form(form_type: &str) -> String {
    format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>{form_type}</value>\
         </field><field var='secret'><value>s3cret</value></field></x>"
    )
}

async fn say(from: &Client, inside: &str) {
    from.send(format!("<message to='juliet@localhost' type='chat'>{inside}</message>")).await;
    from.fence().await;
}

/// How many notifications have left for push services so far.
fn handed_over(cloister: &Cloister) -> u64 {
    let cx = Ctx { server: Arc::clone(cloister.server()), session: None };
    cx.state::<Push>().handed_over()
}

/// Waits for so many, and finds no more: notifications leave behind the message's back.
async fn expect_notified(cloister: &Cloister, by: &Client, notified: u64) {
    for _ in 0..1000 {
        if handed_over(cloister) >= notified {
            break;
        }
        by.fence().await;
    }
    by.fence().await;
    assert_eq!(handed_over(cloister), notified, "notifications");
}

/// Takes a client's connection away, and waits until the server knows.
async fn leave(cloister: &Cloister, client: Client) {
    let name = client.jid().to_owned();
    client.close().await;
    cloister.gone(&name).await;
}

#[tokio::test]
async fn s4_1_an_account_announces_it_to_its_owner() {
    let (_cloister, phone, _) = registered().await;
    let info = phone.iq_ok("get", Some("juliet@localhost"), INFO).await.to_xml();
    assert!(info.contains("'urn:xmpp:push:0'"), "{info}");
}

#[tokio::test]
async fn s5_a_service_is_named_by_a_jid() {
    let (_cloister, phone, _) = registered().await;
    let nobody = "<enable xmlns='urn:xmpp:push:0' node='n'/>";
    assert_eq!(phone.iq_error("set", None, nobody).await, "bad-request");
    assert_eq!(phone.iq_error("set", None, &enable("a@@b", "n", "")).await, "jid-malformed");
    let no_node = "<enable xmlns='urn:xmpp:push:0' jid='push.example'/>";
    phone.iq_ok("set", None, no_node).await;
}

#[tokio::test]
async fn s5_a_form_says_what_the_service_wants_to_be_told() {
    let (_cloister, phone, _) = registered().await;
    let options = form("http://jabber.org/protocol/pubsub#publish-options");
    phone.iq_ok("set", None, &enable("push.example", "n", &options)).await;
    let other = form("urn:example:other");
    let error = phone.iq_error("set", None, &enable("push.example", "n", &other)).await;
    assert_eq!(error, "bad-request");
    let long = "x".repeat(5000);
    let long = options.replace("s3cret", &long);
    let error = phone.iq_error("set", None, &enable("push.example", "n", &long)).await;
    assert_eq!(error, "policy-violation");
}

#[tokio::test]
async fn nobody_registers_for_somebody_else() {
    let (cloister, phone, romeo) = registered().await;
    let to = Some("juliet@localhost");
    romeo.iq_error("set", to, &enable("push.example", "spy", "")).await;
    leave(&cloister, phone).await;
    say(&romeo, "<body>hi</body>").await;
    expect_notified(&cloister, &romeo, 1).await;
}

#[tokio::test]
async fn s7_a_message_for_somebody_who_is_away_is_worth_a_notification() {
    let (cloister, phone, romeo) = registered().await;
    leave(&cloister, phone).await;
    say(&romeo, "<body>hi</body>").await;
    expect_notified(&cloister, &romeo, 1).await;
    say(&romeo, "<encrypted xmlns='eu.siacs.conversations.axolotl'/>").await;
    expect_notified(&cloister, &romeo, 2).await;
    say(&romeo, "<composing xmlns='http://jabber.org/protocol/chatstates'/>").await;
    say(&romeo, "<body>ho</body>").await;
    expect_notified(&cloister, &romeo, 3).await;
}

#[tokio::test]
async fn s7_nobody_is_notified_of_what_is_being_looked_at() {
    let (cloister, phone, romeo) = registered().await;
    say(&romeo, "<body>hi</body>").await;
    phone.fence().await;
    expect_notified(&cloister, &romeo, 0).await;
}

#[tokio::test]
async fn s7_a_phone_that_nobody_looks_at_is_notified() {
    let (cloister, phone, romeo) = registered().await;
    phone.send("<inactive xmlns='urn:xmpp:csi:0'/>").await;
    phone.fence().await;
    say(&romeo, "<body>hi</body>").await;
    phone.fence().await;
    expect_notified(&cloister, &romeo, 1).await;
    phone.send("<active xmlns='urn:xmpp:csi:0'/>").await;
    phone.fence().await;
    say(&romeo, "<body>hi</body>").await;
    phone.fence().await;
    expect_notified(&cloister, &romeo, 1).await;
}

#[tokio::test]
async fn s5_the_same_node_counts_once_and_another_one_again() {
    let (cloister, phone, romeo) = registered().await;
    phone.iq_ok("set", None, &enable("push.example", "n1", "")).await;
    phone.iq_ok("set", None, &enable("push.example", "n2", "")).await;
    leave(&cloister, phone).await;
    say(&romeo, "<body>hi</body>").await;
    expect_notified(&cloister, &romeo, 2).await;
}

#[tokio::test]
async fn s6_one_node_or_all_of_a_service_can_be_taken_back() {
    for (disable, left) in [
        ("<disable xmlns='urn:xmpp:push:0' jid='push.example' node='n1'/>", 2),
        ("<disable xmlns='urn:xmpp:push:0' jid='push.example'/>", 1),
        ("<disable xmlns='urn:xmpp:push:0' jid='unknown.example'/>", 3),
    ] {
        let (cloister, phone, romeo) = registered().await;
        phone.iq_ok("set", None, &enable("push.example", "n2", "")).await;
        phone.iq_ok("set", None, &enable("other.example", "n1", "")).await;
        phone.iq_ok("set", None, disable).await;
        leave(&cloister, phone).await;
        say(&romeo, "<body>hi</body>").await;
        expect_notified(&cloister, &romeo, left).await;
    }
}

#[tokio::test]
async fn registrations_outlive_a_restart() {
    let (cloister, phone, romeo) = registered().await;
    leave(&cloister, phone).await;
    drop(romeo);
    let cloister = cloister.restart().await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    say(&romeo, "<body>hi</body>").await;
    expect_notified(&cloister, &romeo, 1).await;
}

#[tokio::test]
async fn an_account_has_room_for_some_and_the_oldest_goes() {
    let (cloister, phone, romeo) = registered().await;
    for number in 0..40 {
        phone.iq_ok("set", None, &enable("push.example", &format!("x{number}"), "")).await;
    }
    leave(&cloister, phone).await;
    say(&romeo, "<body>hi</body>").await;
    expect_notified(&cloister, &romeo, 32).await;
}
