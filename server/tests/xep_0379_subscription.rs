//! XEP-0379: Pre-Authenticated Roster Subscription, approved by the server.

use std::time::Duration;

use cloister::features::invite::Wish;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::invite::{invitation_of, invitation_with, name};
use crate::kit::{Client, Cloister};

async fn ask(client: &Client, to: &str, token: &str) {
    let preauth = format!("<preauth xmlns='urn:xmpp:pars:0' token='{token}'/>");
    client.send(format!("<presence to='{to}' type='subscribe'>{preauth}</presence>")).await;
    client.fence().await;
}

/// The contacts of a client with their subscriptions.
async fn roster(client: &Client) -> Vec<String> {
    let result = client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
    let items = result.child(ns::ROSTER, "query").unwrap().children();
    let text = |item: &Element| {
        let [jid, subscription, ask] = ["jid", "subscription", "ask"]
            .map(|name| item.attr(name).unwrap_or_default().to_owned());
        format!("{jid} {subscription}{ask}")
    };
    items.map(text).collect()
}

/// What came, in short.
fn gist(stanzas: &[Element]) -> Vec<String> {
    let one = |stanza: &Element| {
        let from = stanza.attr("from").unwrap_or_default();
        let push = stanza.child(ns::ROSTER, "query").and_then(|query| query.children().next());
        match push {
            Some(item) => {
                let [jid, is] = ["jid", "subscription"].map(|name| item.attr(name).unwrap());
                format!("push {jid} {is}")
            }
            None => format!("{} {from}", stanza.attr("type").unwrap_or("available")),
        }
    };
    stanzas.iter().map(one).collect()
}

#[tokio::test]
async fn s3_5_both_are_contacts_of_each_other_at_once_and_see_each_other() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    let juliet = cloister.online("juliet/balcony", "balcony").await;
    let token = invitation_of(&cloister, "romeo@localhost").await.token;
    ask(&juliet, "romeo@localhost", &token).await;
    assert_eq!(
        gist(&juliet.drain().await),
        [
            "subscribed romeo@localhost",
            "push romeo@localhost both",
            "available romeo@localhost/orchard"
        ]
    );
    assert_eq!(
        gist(&romeo.drain().await),
        [
            "subscribed juliet@localhost",
            "push juliet@localhost both",
            "available juliet@localhost/balcony"
        ]
    );
    assert_eq!(roster(&juliet).await, ["romeo@localhost both"]);
    assert_eq!(roster(&romeo).await, ["juliet@localhost both"]);
}

#[tokio::test]
async fn s3_5_the_inviter_need_not_be_online() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let token = invitation_of(&cloister, "romeo@localhost").await.token;
    ask(&juliet, "romeo@localhost", &token).await;
    let romeo = cloister.online("romeo", "orchard").await;
    assert_eq!(roster(&romeo).await, ["juliet@localhost both"]);
}

/// The request goes to romeo as any other.
async fn is_manual(juliet: &Client, romeo: &Client) {
    let came = romeo.drain().await;
    assert_eq!(gist(&came), [format!("subscribe {}", juliet.bare())]);
    assert_eq!(roster(romeo).await, [""; 0]);
    assert_eq!(roster(juliet).await, ["romeo@localhost nonesubscribe"]);
}

#[tokio::test]
async fn s4_1_an_unknown_token_is_ignored_and_goes_on_to_the_contacts_client() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    ask(&juliet, "romeo@localhost", "1tMFqYDdKhfe2pwp").await;
    let request = romeo.receive().await;
    assert!(request.has_child(ns::PRE_AUTH, "preauth"), "{}", request.to_xml());
    romeo.put_back(vec![request]).await;
    is_manual(&juliet, &romeo).await;
}

#[tokio::test]
async fn s5_2_a_token_is_good_once() {
    let cloister = Cloister::start().await;
    cloister.account("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let paris = cloister.online("paris", "tomb").await;
    let token = invitation_of(&cloister, "romeo@localhost").await.token;
    ask(&paris, "romeo@localhost", &token).await;
    ask(&juliet, "romeo@localhost", &token).await;
    assert_eq!(roster(&paris).await, ["romeo@localhost both"]);
    assert_eq!(roster(&juliet).await, ["romeo@localhost nonesubscribe"]);
}

#[tokio::test]
async fn s5_2_an_expired_token_is_none() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let token = invitation_of(&cloister, "romeo@localhost").await.token;
    cloister.advance(Duration::from_secs(8 * 24 * 3600));
    ask(&juliet, "romeo@localhost", &token).await;
    is_manual(&juliet, &romeo).await;
}

#[tokio::test]
async fn a_token_is_good_for_its_inviter_alone() {
    let cloister = Cloister::start().await;
    cloister.account("paris", "tomb").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let token = invitation_of(&cloister, "paris@localhost").await.token;
    ask(&juliet, "romeo@localhost", &token).await;
    is_manual(&juliet, &romeo).await;
}

#[tokio::test]
async fn a_token_for_an_account_makes_no_contacts() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let contact = Some("romeo@localhost".parse().unwrap());
    let token = invitation_with(&cloister, |wish| Wish { contact, ..wish }).await.token;
    ask(&juliet, "romeo@localhost", &token).await;
    is_manual(&juliet, &romeo).await;
}

#[tokio::test]
async fn s5_2_a_token_for_somebody_is_nobody_elses() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let invitation = invitation_with(&cloister, |wish| Wish {
        kind: cloister::features::invite::Kind::Contact,
        contact: Some("romeo@localhost".parse().unwrap()),
        name: name("rosaline"),
        ..wish
    })
    .await;
    ask(&juliet, "romeo@localhost", &invitation.token).await;
    is_manual(&juliet, &romeo).await;
}

#[tokio::test]
async fn a_token_of_an_inviter_who_was_disabled_is_none() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let token = invitation_of(&cloister, "romeo@localhost").await.token;
    let account = "romeo@localhost".parse().unwrap();
    cloister.server().accounts.set_disabled(&account, true).await.unwrap();
    ask(&juliet, "romeo@localhost", &token).await;
    is_manual(&juliet, &romeo).await;
}

#[tokio::test]
async fn whom_the_inviter_blocks_does_not_come_in_by_a_token() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let block = "<block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></block>";
    romeo.iq_ok("set", None, block).await;
    let token = invitation_of(&cloister, "romeo@localhost").await.token;
    ask(&juliet, "romeo@localhost", &token).await;
    assert_eq!(roster(&romeo).await, [""; 0]);
    assert_eq!(roster(&juliet).await, ["romeo@localhost nonesubscribe"]);
}

#[tokio::test]
async fn a_request_that_waited_is_answered_by_it() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    let juliet = cloister.online("juliet/balcony", "balcony").await;
    juliet.send("<presence to='romeo@localhost' type='subscribe'/>").await;
    juliet.fence().await;
    let token = invitation_of(&cloister, "romeo@localhost").await.token;
    ask(&juliet, "romeo@localhost", &token).await;
    assert_eq!(roster(&romeo).await, ["juliet@localhost both"]);
    romeo.close().await;
    let romeo = cloister.online("romeo/orchard", "orchard").await;
    let came = gist(&romeo.drain().await);
    assert_eq!(came, ["available juliet@localhost/balcony"], "no request waits");
}
