//! RFC 6121 §3 and Appendix A: presence subscriptions. The tables are tested beside the code; here
//! is what both sides see.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, condition};

/// `type` and `from` of the presence that comes next.
async fn presence(client: &Client) -> (String, String) {
    let presence = client.receive().await;
    assert!(presence.is(ns::CLIENT, "presence"), "{}", presence.to_xml());
    assert_eq!(presence.attr("to"), Some(client.bare()));
    let text = |name| presence.attr(name).unwrap_or_default().to_owned();
    (text("type"), text("from"))
}

/// The item of the roster push that comes next.
async fn pushed(client: &Client) -> Element {
    let push = client.receive().await;
    let query = push.child(ns::ROSTER, "query").unwrap_or_else(|| panic!("{}", push.to_xml()));
    query.children().next().unwrap().clone()
}

/// `subscription`, `ask`, `approved` of the roster push that comes next.
async fn pushed_state(client: &Client, contact: &Client) -> (String, bool, bool) {
    let item = pushed(client).await;
    assert_eq!(item.attr("jid"), Some(contact.bare()));
    state(&item)
}

fn state(item: &Element) -> (String, bool, bool) {
    let subscription = item.attr("subscription").unwrap().to_owned();
    (subscription, item.attr("ask") == Some("subscribe"), item.attr("approved") == Some("true"))
}

/// The states of all contacts.
async fn roster(client: &Client) -> Vec<(String, bool, bool)> {
    let result = client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
    result.child(ns::ROSTER, "query").unwrap().children().map(state).collect()
}

fn is(subscription: &str) -> (String, bool, bool) {
    (subscription.to_owned(), false, false)
}

fn asked(subscription: &str) -> (String, bool, bool) {
    (subscription.to_owned(), true, false)
}

fn approved(subscription: &str) -> (String, bool, bool) {
    (subscription.to_owned(), false, true)
}

fn from(kind: &str, jid: &str) -> (String, String) {
    (kind.to_owned(), jid.to_owned())
}

async fn say(client: &Client, kind: &str, to: &Client) {
    client.send(format!("<presence to='{}' type='{kind}'/>", to.bare())).await;
    client.fence().await;
}

/// Both online; romeo sees juliet, and she does not see him.
async fn one_way(cloister: &Cloister) -> (Client, Client) {
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&romeo, "subscribe", &juliet).await;
    say(&juliet, "subscribed", &romeo).await;
    juliet.drain().await;
    romeo.drain().await;
    (juliet, romeo)
}

async fn friends(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

#[tokio::test]
async fn s3_1_2_a_request_goes_from_bare_to_bare_address_and_shows_in_the_own_roster() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let extra = "<nick xmlns='http://jabber.org/protocol/nick'>Romeo</nick>";
    let to = format!("to='{}' id='xk3h1v69' type='subscribe'", juliet.jid());
    romeo.send(format!("<presence {to}>{extra}</presence>")).await;
    let request = juliet.receive().await;
    assert_eq!(request.attr("from"), Some(romeo.bare()));
    assert_eq!(request.attr("to"), Some(juliet.bare()));
    assert_eq!(request.attr("id"), Some("xk3h1v69"));
    assert!(request.has_child(ns::NICK, "nick"));
    assert_eq!(pushed_state(&romeo, &juliet).await, asked("none"));
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_1_3_who_asks_is_not_in_the_roster_before_the_answer() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&romeo, "subscribe", &juliet).await;
    assert!(roster(&juliet).await.is_empty());
}

#[tokio::test]
async fn s3_1_3_a_request_goes_to_available_resources_and_pushes_to_interested_ones() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let interested = cloister.login("juliet", "balcony").await;
    let romeo = cloister.login("romeo", "orchard").await;
    juliet.send("<presence/>").await;
    roster(&interested).await;
    juliet.drain().await;
    say(&romeo, "subscribe", &juliet).await;
    assert_eq!(presence(&juliet).await, from("subscribe", romeo.bare()));
    interested.expect_silence().await;
    say(&juliet, "subscribe", &romeo).await;
    assert_eq!(pushed(&interested).await.attr("ask"), Some("subscribe"));
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_1_3_a_request_waits_and_comes_at_each_login_until_it_is_answered() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let first = "<status>first</status><x xmlns='urn:example:extension'>kept</x>";
    romeo
        .send(format!("<presence to='juliet@localhost' type='subscribe'>{first}</presence>"))
        .await;
    romeo.send("<presence to='juliet@localhost' type='subscribe'/>").await;
    romeo.fence().await;
    drop(romeo);
    let cloister = cloister.restart().await;
    for _ in 0..2 {
        let juliet = cloister.online("juliet", "balcony").await;
        let request = juliet.receive().await;
        assert_eq!(request.attr("type"), Some("subscribe"));
        assert_eq!(request.attr("from"), Some("romeo@localhost"));
        assert_eq!(request.child("urn:example:extension", "x").unwrap().text(), "kept");
        juliet.send("<presence><show>away</show></presence>").await;
        juliet.receive().await;
        juliet.expect_silence().await;
        juliet.close().await;
    }
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.receive().await;
    juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>").await;
    juliet.close().await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
}

#[tokio::test]
async fn s3_1_3_a_request_is_not_delivered_twice_in_a_session() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&romeo, "subscribe", &juliet).await;
    say(&romeo, "subscribe", &juliet).await;
    assert_eq!(presence(&juliet).await.0, "subscribe");
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_1_3_a_request_that_is_too_large_to_be_kept_is_refused() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let status = format!("<status>{}</status>", "x".repeat(9000));
    romeo
        .send(format!("<presence to='juliet@localhost' type='subscribe'>{status}</presence>"))
        .await;
    assert_eq!(condition(&romeo.receive().await), "policy-violation");
    juliet.expect_silence().await;
    assert!(roster(&romeo).await.is_empty());
}

#[tokio::test]
async fn s3_1_5_an_approval_is_told_then_pushed_then_presence_follows() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    juliet.send("<presence id='p1'><show>away</show></presence>").await;
    say(&romeo, "subscribe", &juliet).await;
    juliet.drain().await;
    romeo.drain().await;
    say(&juliet, "subscribed", &romeo).await;
    assert_eq!(pushed_state(&juliet, &romeo).await, is("from"));
    assert_eq!(presence(&romeo).await, from("subscribed", juliet.bare()));
    assert_eq!(pushed_state(&romeo, &juliet).await, is("to"));
    let current = romeo.receive().await;
    assert_eq!((current.attr("id"), current.attr("from")), (Some("p1"), Some(juliet.jid())));
    assert!(current.has_child(ns::CLIENT, "show"));
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_1_6_an_approval_without_a_request_changes_nothing_for_the_other() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    say(&juliet, "subscribed", &romeo).await;
    juliet.expect_silence().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn a_subscription_in_both_directions_is_both() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = one_way(&cloister).await;
    say(&juliet, "subscribe", &romeo).await;
    assert_eq!(pushed_state(&juliet, &romeo).await, asked("from"));
    assert_eq!(presence(&romeo).await, from("subscribe", juliet.bare()));
    say(&romeo, "subscribed", &juliet).await;
    assert_eq!(pushed_state(&romeo, &juliet).await, is("both"));
    assert_eq!(presence(&juliet).await, from("subscribed", romeo.bare()));
    assert_eq!(pushed_state(&juliet, &romeo).await, is("both"));
    assert_eq!(presence(&juliet).await, from("", romeo.jid()));
}

#[tokio::test]
async fn s3_2_a_denial_tells_nothing_of_resources() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&romeo, "subscribe", &juliet).await;
    juliet.drain().await;
    romeo.drain().await;
    say(&juliet, "unsubscribed", &romeo).await;
    assert_eq!(presence(&romeo).await, from("unsubscribed", juliet.bare()));
    assert_eq!(pushed_state(&romeo, &juliet).await, is("none"));
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_2_2_a_cancellation_sends_unavailable_first() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = one_way(&cloister).await;
    say(&juliet, "unsubscribed", &romeo).await;
    assert_eq!(presence(&romeo).await, from("unavailable", juliet.jid()));
    assert_eq!(presence(&romeo).await, from("unsubscribed", juliet.bare()));
    assert_eq!(pushed_state(&romeo, &juliet).await, is("none"));
    assert_eq!(pushed_state(&juliet, &romeo).await, is("none"));
    juliet.send("<presence><show>away</show></presence>").await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s3_2_2_a_cancellation_of_nothing_is_not_routed() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&juliet, "unsubscribed", &romeo).await;
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_2_a_cancellation_leaves_the_other_direction() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    say(&juliet, "unsubscribed", &romeo).await;
    assert_eq!(pushed_state(&juliet, &romeo).await, is("to"));
    romeo.drain().await;
    romeo.send("<presence><show>away</show></presence>").await;
    assert_eq!(presence(&juliet).await, from("", romeo.jid()));
    juliet.send("<presence><show>away</show></presence>").await;
    romeo.drain().await;
    juliet.send("<presence><show>xa</show></presence>").await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s3_3_3_who_unsubscribes_is_sent_unavailable_presence() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = one_way(&cloister).await;
    say(&romeo, "unsubscribe", &juliet).await;
    assert_eq!(presence(&juliet).await, from("unsubscribe", romeo.bare()));
    assert_eq!(pushed_state(&juliet, &romeo).await, is("none"));
    assert_eq!(pushed_state(&romeo, &juliet).await, is("none"));
    assert_eq!(presence(&romeo).await, from("unavailable", juliet.jid()));
    romeo.expect_silence().await;
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_3_3_a_request_that_is_taken_back_is_forgotten() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.send("<presence to='juliet@localhost' type='subscribe'/>").await;
    romeo.send("<presence to='juliet@localhost' type='unsubscribe'/>").await;
    romeo.fence().await;
    cloister.online("juliet", "balcony").await.expect_silence().await;
    assert_eq!(roster(&romeo).await, [is("none")]);
}

#[tokio::test]
async fn s3_3_3_unsubscribing_from_nothing_is_not_delivered() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&romeo, "unsubscribe", &juliet).await;
    juliet.expect_silence().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s3_4_a_pre_approved_request_is_granted_without_asking() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&juliet, "subscribed", &romeo).await;
    assert_eq!(pushed_state(&juliet, &romeo).await, approved("none"));
    romeo.expect_silence().await;
    say(&romeo, "subscribe", &juliet).await;
    assert_eq!(pushed_state(&juliet, &romeo).await, is("from"));
    assert_eq!(presence(&romeo).await, from("subscribed", juliet.bare()));
    assert_eq!(pushed_state(&romeo, &juliet).await, is("to"));
    assert_eq!(presence(&romeo).await, from("", juliet.jid()));
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s3_4_a_pre_approval_can_be_taken_back() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    say(&juliet, "subscribed", &romeo).await;
    pushed(&juliet).await;
    say(&juliet, "unsubscribed", &romeo).await;
    assert_eq!(pushed_state(&juliet, &romeo).await, is("none"));
    romeo.expect_silence().await;
    say(&romeo, "subscribe", &juliet).await;
    assert_eq!(presence(&juliet).await, from("subscribe", romeo.bare()));
}

#[tokio::test]
async fn s8_5_1_a_request_to_nobody_looks_like_one_that_is_not_answered() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.send("<presence to='nobody@localhost' type='subscribe'/>").await;
    assert_eq!(state(&pushed(&romeo).await), asked("none"));
    romeo.expect_silence().await;
    assert_eq!(roster(&romeo).await, [asked("none")]);
}

#[tokio::test]
async fn nobody_subscribes_to_themselves() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for kind in ["subscribe", "subscribed", "unsubscribe", "unsubscribed"] {
        say(&juliet, kind, &juliet).await;
    }
    juliet.expect_silence().await;
    assert!(roster(&juliet).await.is_empty());
}

#[tokio::test]
async fn accounts_of_two_domains_of_this_server_can_subscribe() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'\n").await;
    let mut juliet = cloister.online("juliet@capulet.example", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    juliet.send("<presence><show>away</show></presence>").await;
    assert_eq!(presence(&romeo).await, from("", juliet.jid()));
}

#[tokio::test]
async fn s8_3_there_is_no_way_to_other_servers() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.send("<presence to='juliet@elsewhere.example' type='subscribe'/>").await;
    assert_eq!(condition(&romeo.receive().await), "remote-server-not-found");
    assert!(roster(&romeo).await.is_empty());
}

#[tokio::test]
async fn s4_7_1_presence_that_manages_a_subscription_needs_an_address() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    for kind in ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"] {
        romeo.send(format!("<presence type='{kind}'/>")).await;
        assert_eq!(condition(&romeo.receive().await), "bad-request", "{kind}");
    }
}

#[tokio::test]
async fn subscriptions_are_there_after_a_restart() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    drop((juliet, romeo));
    let cloister = cloister.restart().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    assert_eq!(presence(&juliet).await, from("", romeo.jid()));
    assert_eq!(presence(&romeo).await, from("", juliet.jid()));
    assert_eq!(roster(&juliet).await, [is("both")]);
}

#[tokio::test]
async fn the_two_rosters_agree_whatever_both_do_at_the_same_time() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let kinds = ["subscribe", "subscribed", "unsubscribe", "unsubscribed"];
    for round in 0..16_usize {
        let (one, two) = (kinds[round % 4], kinds[round / 4]);
        for kind in [one, two, "subscribe", two, one] {
            juliet.send(format!("<presence to='{}' type='{kind}'/>", romeo.bare())).await;
            romeo.send(format!("<presence to='{}' type='{kind}'/>", juliet.bare())).await;
        }
        juliet.drain().await;
        romeo.drain().await;
        let (hers, his) = (roster(&juliet).await, roster(&romeo).await);
        let seen = |items: &[(String, bool, bool)]| {
            let subscription = items.first().map_or("none", |item| item.0.as_str()).to_owned();
            (["from", "both"].contains(&&*subscription), ["to", "both"].contains(&&*subscription))
        };
        let ((from, to), (his_from, his_to)) = (seen(&hers), seen(&his));
        assert_eq!((from, to), (his_to, his_from), "{hers:?} {his:?}");
    }
}

#[tokio::test]
async fn a_removed_account_leaves_the_rosters_of_its_contacts() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    let mercutio = cloister.online("mercutio", "queen-mab").await;
    say(&mercutio, "subscribe", &romeo).await;
    mercutio.drain().await;
    drop(romeo);
    cloister.gone("romeo").await;
    juliet.receive_where("unavailable", |stanza| stanza.attr("type") == Some("unavailable")).await;
    remove(&cloister, "romeo@localhost").await;
    assert_eq!(presence(&juliet).await, from("unsubscribe", "romeo@localhost"));
    assert_eq!(presence(&juliet).await, from("unsubscribed", "romeo@localhost"));
    assert_eq!(pushed(&juliet).await.attr("subscription"), Some("remove"));
    assert_eq!(presence(&mercutio).await, from("unsubscribed", "romeo@localhost"));
    assert_eq!(pushed(&mercutio).await.attr("subscription"), Some("remove"));
    assert!(roster(&juliet).await.is_empty());
    assert!(roster(&mercutio).await.is_empty());
}

async fn remove(cloister: &Cloister, account: &str) {
    let account = cloister::jid::BareJid::parse(account).unwrap();
    let server = std::sync::Arc::clone(cloister.server());
    server.accounts.set_leaving(&account).await.unwrap();
    let cx = cloister::feature::Ctx { server: std::sync::Arc::clone(&server), session: None };
    for step in server.features.account_removed_steps() {
        cloister::router::apply(step(&cx, account.clone()).await.unwrap());
    }
}

async fn block(juliet: &Client, action: &str, jid: &str) {
    let item = format!("<{action} xmlns='urn:xmpp:blocking'><item jid='{jid}'/></{action}>");
    juliet.iq_ok("set", None, &item).await;
}

#[tokio::test]
async fn a_request_of_somebody_who_is_blocked_is_not_kept() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    block(&juliet, "block", romeo.bare()).await;
    say(&romeo, "subscribe", &juliet).await;
    romeo.drain().await;
    block(&juliet, "unblock", romeo.bare()).await;
    juliet.send("<presence type='unavailable'/><presence/>").await;
    for stanza in juliet.drain().await {
        assert_ne!(stanza.attr("type"), Some("subscribe"));
    }
    say(&juliet, "subscribed", &romeo).await;
    assert_eq!(pushed_state(&juliet, &romeo).await, approved("none"));
    romeo.expect_silence().await;
}

#[tokio::test]
async fn the_two_rosters_agree_when_one_has_blocked_the_other() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = friends(&cloister).await;
    block(&juliet, "block", romeo.bare()).await;
    say(&romeo, "unsubscribe", &juliet).await;
    let came = juliet.drain().await;
    assert!(!came.iter().any(|stanza| stanza.attr("from") == Some(romeo.bare())));
    assert_eq!(roster(&juliet).await, [is("to")]);
    assert_eq!(roster(&romeo).await, [is("from")]);
}
