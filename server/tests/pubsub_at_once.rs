//! XEP-0060 and XEP-0163 where several things happen at once, or much of something: who is told
//! what by strangers, in which order, and what is left behind.

use std::fmt::Write;
use std::time::Duration;

use cloister::admin::{Answer, Request, execute};
use cloister::jid::BareJid;
use cloister::ns;

use crate::kit::pubsub::{
    NODE_CONFIG, SERVICE, affiliate, cloister, configure, create_ok, delete, error_of, events,
    form, ids, inner, is_ok, item, limited, owner, publish_ok, pubsub, purge, retract, stored,
    subscribe, subscribe_ok, told, unsubscribe,
};
use crate::kit::{Client, Cloister};
use crate::xep_0163_pep::OPEN;

const NODE: &str = "princely_musings";
const NOTIFY: &str = "princely_musings+notify";

/// Makes somebody a subscriber without asking.
async fn enlist(client: &Client, node: &str, jid: &str) {
    let entry = format!("<subscription jid='{jid}' subscription='subscribed'/>");
    let request = owner(&format!("<subscriptions node='{node}'>{entry}</subscriptions>"));
    client.iq_ok("set", None, &request).await;
}

/// Publishes so many items, with their numbers as ids.
async fn publish_many(client: &Client, node: &str, count: usize) {
    for first in (0..count).step_by(100) {
        let mut requests = String::new();
        for n in first..count.min(first + 100) {
            let publish = format!("<publish node='{node}'>{}</publish>", item(&n.to_string(), "x"));
            write!(requests, "<iq type='set' id='p{n}'>{}</iq>", pubsub(&publish)).unwrap();
        }
        client.send(requests).await;
        client.drain().await;
    }
}

// Strangers

#[tokio::test]
async fn xep_0191_s3_3_who_has_blocked_an_owner_is_not_told_what_he_makes_of_them() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let tybalt = cloister.online("tybalt", "sword").await;
    create_ok(&tybalt, None, NODE, OPEN).await;
    let item = "<item jid='tybalt@localhost'/>";
    let block = format!("<block xmlns='{}'>{item}</block>", ns::BLOCKING);
    juliet.iq_ok("set", None, &block).await;
    juliet.drain().await;
    affiliate(&tybalt, None, NODE, juliet.bare(), "member").await;
    enlist(&tybalt, NODE, juliet.bare()).await;
    assert_eq!(juliet.drain().await, []);
}

#[tokio::test]
async fn a_stranger_cannot_have_a_stream_closed_by_what_it_is_told_when_it_comes() {
    let cloister = Cloister::with("[limits]\noutbox_bytes = '256 KiB'\n").await;
    let juliet = cloister.online("juliet", "balcony").await;
    juliet.close().await;
    cloister.gone("juliet").await;
    let tybalt = cloister.online("tybalt", "sword").await;
    for n in 0..20 {
        let node = format!("n{n}");
        create_ok(&tybalt, None, &node, OPEN).await;
        publish_ok(&tybalt, None, &node, "i", &"x".repeat(150_000)).await;
        enlist(&tybalt, &node, "juliet@localhost").await;
    }
    let juliet = cloister.online("juliet", "balcony").await;
    let came = events(&juliet).await;
    assert!(!came.is_empty() && came.len() < 20, "{}", came.len());
    // Nor does it stand between the client and what it has asked for.
    publish_ok(&juliet, None, NODE, "own", "x").await;
}

// Order

#[tokio::test]
async fn s4_3_4_a_last_item_does_not_come_after_a_newer_one() {
    let cloister = Cloister::start().await;
    let balcony = cloister.online("juliet/balcony", "balcony").await;
    create_ok(&balcony, None, "a", OPEN).await;
    let nodes: Vec<_> = (0..120).map(|n| format!("b{n}")).collect();
    for node in &nodes {
        publish_ok(&balcony, None, node, "i", "x").await;
    }
    let features: Vec<_> = nodes.iter().map(|node| format!("{node}+notify")).collect();
    let features: Vec<&str> = features.iter().map(String::as_str).chain(["a+notify"]).collect();
    let mut number = 100;
    for _ in 0..4 {
        let coming = cloister.online_with("juliet/chamber", "balcony", &features);
        let publishing = async {
            for _ in 0..40 {
                publish_ok(&balcony, None, "a", &number.to_string(), "x").await;
                number += 1;
            }
        };
        let (chamber, ()) = tokio::join!(coming, publishing);
        let came = events(&chamber).await;
        let items = came.iter().map(|message| told(message, "items"));
        let of_node = items.filter(|items| items.attr("node") == Some("a"));
        let came: Vec<_> = of_node.flat_map(ids).collect();
        assert!(came.is_sorted(), "{came:?}");
        chamber.close().await;
    }
}

// Many

#[tokio::test]
async fn s16_4_4_a_node_that_is_told_to_keep_nothing_has_nothing() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, NODE, &[("max_items", "max")]).await;
    publish_many(&juliet, NODE, 300).await;
    for persist in ["0", "1"] {
        is_ok(&configure(&juliet, None, NODE, &[("persist_items", persist)]).await);
    }
    assert!(stored(&juliet, None, NODE).await.is_empty());
}

#[tokio::test]
async fn s8_2_what_a_smaller_node_does_not_keep_goes_in_silence() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet/balcony", "balcony").await;
    create_ok(&juliet, None, NODE, &[("max_items", "max"), ("notify_retract", "1")]).await;
    publish_many(&juliet, NODE, 300).await;
    let chamber = cloister.online_with("juliet/chamber", "balcony", &[NOTIFY]).await;
    is_ok(&configure(&juliet, None, NODE, &[("max_items", "10")]).await);
    chamber.drain().await;
    assert_eq!(stored(&juliet, None, NODE).await.len(), 10);
    // From then on it is as in every full node: one comes and one goes.
    publish_ok(&juliet, None, NODE, "new", "x").await;
    assert_eq!(events(&chamber).await.len(), 2);
    assert_eq!(stored(&juliet, None, NODE).await.len(), 10);
}

#[tokio::test]
async fn s8_9_2_an_owner_who_is_the_last_stays_however_many_come_before_him() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, Some(SERVICE), NODE, &[]).await;
    let request =
        |entries: &str| owner(&format!("<affiliations node='{NODE}'>{entries}</affiliations>"));
    for hundred in 0..21 {
        let mut entries = String::new();
        for n in hundred * 100..hundred * 100 + 100 {
            write!(entries, "<affiliation jid='a{n}@localhost' affiliation='member'/>").unwrap();
        }
        juliet.iq_ok("set", Some(SERVICE), &request(&entries)).await;
    }
    let entry = "<affiliation jid='juliet@localhost' affiliation='none'/>";
    let answer = juliet.iq("set", Some(SERVICE), &request(entry)).await;
    assert_eq!(error_of(&answer).0, "not-acceptable");
    let form = form(NODE_CONFIG, &[("title", "hers")]);
    let request = owner(&format!("<configure node='{NODE}'>{form}</configure>"));
    juliet.iq_ok("set", Some(SERVICE), &request).await;
}

#[tokio::test]
async fn a_list_of_subscriptions_is_no_longer_than_an_answer_may_be() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, NODE, OPEN).await;
    let (long, mut added) = ("x".repeat(1000), 0);
    while added < 800 {
        let mut entries = String::new();
        for n in added..added + 100 {
            let jid = format!("a{n}@localhost/{long}");
            write!(entries, "<subscription jid='{jid}' subscription='subscribed'/>").unwrap();
        }
        let all = format!("<subscriptions node='{NODE}'>{entries}</subscriptions>");
        juliet.iq_ok("set", None, &owner(&all)).await;
        added += 100;
    }
    let all = owner(&format!("<subscriptions node='{NODE}'/>"));
    let answer = juliet.iq_ok("get", None, &all).await;
    assert!(inner(&answer, "subscriptions").children().count() > 100);
    assert!(answer.to_xml().len() < 640 * 1024, "{}", answer.to_xml().len());
}

// Gone

#[tokio::test]
async fn s5_5_an_item_whose_time_is_over_is_not_in_disco() {
    let cloister = limited("pubsub_items = 10").await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, NODE, &[("item_expire", "60"), ("max_items", "10")]).await;
    publish_ok(&juliet, None, NODE, "old", "x").await;
    cloister.advance(Duration::from_secs(40));
    publish_ok(&juliet, None, NODE, "new", "x").await;
    cloister.advance(Duration::from_secs(40));
    let query = format!("<query xmlns='{}' node='{NODE}'/>", ns::DISCO_ITEMS);
    let answer = juliet.iq_ok("get", Some(juliet.bare()), &query).await;
    let items = answer.child(ns::DISCO_ITEMS, "query").unwrap().children();
    assert_eq!(items.map(|item| item.attr("name").unwrap()).collect::<Vec<_>>(), ["new"]);
}

#[tokio::test]
async fn nothing_of_a_removed_account_is_left_at_those_who_had_to_do_with_its_nodes() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for n in 0..5 {
        let node = format!("n{n}");
        create_ok(&juliet, None, &node, OPEN).await;
        publish_many(&juliet, &node, 5).await;
        subscribe_ok(&romeo, Some(juliet.bare()), &node).await;
        affiliate(&juliet, None, &node, "nobody@localhost", "member").await;
    }
    let account = BareJid::parse("juliet@localhost").unwrap();
    let request = Request::UserRemove { account };
    execute(cloister.server(), request, |_| ()).await.unwrap();
    let Ok(Answer::Checked(left)) = execute(cloister.server(), Request::StoreCheck, |_| ()).await
    else {
        panic!("the store cannot be checked")
    };
    let trees = [
        "nodes",
        "items",
        "item ids",
        "node relations",
        "related nodes",
        "node totals",
        "node garbage",
    ];
    for tree in trees {
        assert_eq!(left.records[tree], 0, "{tree}");
    }
}

async fn remove(cloister: &Cloister, account: &str) {
    let account = BareJid::parse(account).unwrap();
    execute(cloister.server(), Request::UserRemove { account }, |_| ()).await.unwrap();
}

#[tokio::test]
async fn a_node_of_a_service_goes_with_the_last_of_its_owners() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    create_ok(&juliet, Some(SERVICE), "alone", OPEN).await;
    create_ok(&juliet, Some(SERVICE), "shared", OPEN).await;
    affiliate(&juliet, Some(SERVICE), "shared", romeo.bare(), "owner").await;
    subscribe_ok(&romeo, Some(SERVICE), "alone").await;
    romeo.drain().await;
    remove(&cloister, "juliet@localhost").await;
    assert_eq!(told(&events(&romeo).await[0], "delete").attr("node"), Some("alone"));
    publish_ok(&romeo, Some(SERVICE), "shared", "mine", "now").await;
    create_ok(&romeo, Some(SERVICE), "alone", OPEN).await;
}

#[tokio::test]
async fn another_account_of_the_name_does_not_inherit_a_node_of_a_service() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    create_ok(&juliet, Some(SERVICE), NODE, &[("access_model", "presence")]).await;
    affiliate(&juliet, Some(SERVICE), NODE, romeo.bare(), "owner").await;
    remove(&cloister, "juliet@localhost").await;
    let heir = cloister.online("juliet", "balcony").await;
    let answer = subscribe(&heir, Some(SERVICE), NODE, heir.bare()).await;
    assert_eq!(error_of(&answer).2, "presence-subscription-required");
}

#[tokio::test]
async fn those_who_have_to_do_with_a_node_take_room_like_items() {
    let cloister = limited("pubsub_bytes = '1 MiB'").await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, NODE, &[("max_items", "5")]).await;
    for id in ["a", "b", "c", "d", "e"] {
        publish_ok(&juliet, None, NODE, id, &"x".repeat(200_000)).await;
    }
    let member = async |n: usize| {
        let entry = format!("<affiliation jid='nobody{n}@localhost' affiliation='member'/>");
        let list = owner(&format!("<affiliations node='{NODE}'>{entry}</affiliations>"));
        juliet.iq("set", None, &list).await.attr("type") == Some("result")
    };
    let mut members = 0;
    while members < 1000 && member(members).await {
        members += 1;
    }
    assert!((50..500).contains(&members), "{members}");
    is_ok(&delete(&juliet, None, NODE).await);
    create_ok(&juliet, None, NODE, OPEN).await;
    assert!(member(0).await);
}

#[tokio::test]
async fn s16_4_4_a_node_without_notifications_tells_nothing() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [OPEN, &[("deliver_notifications", "0"), ("max_items", "5")]].concat();
    create_ok(&juliet, Some(SERVICE), NODE, &options).await;
    subscribe_ok(&romeo, Some(SERVICE), NODE).await;
    romeo.drain().await;
    publish_ok(&juliet, Some(SERVICE), NODE, "a", "x").await;
    is_ok(&retract(&juliet, Some(SERVICE), NODE, "a", Some("true")).await);
    is_ok(&purge(&juliet, Some(SERVICE), NODE).await);
    is_ok(&delete(&juliet, Some(SERVICE), NODE).await);
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s16_4_4_an_owner_who_wants_it_is_told_who_comes_and_goes() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in [juliet.bare(), SERVICE] {
        let options = [OPEN, &[("notify_sub", "1")]].concat();
        create_ok(&juliet, Some(service), NODE, &options).await;
        subscribe_ok(&romeo, Some(service), NODE).await;
        is_ok(&unsubscribe(&romeo, Some(service), NODE, romeo.bare()).await);
        let heard = events(&juliet).await;
        let states = heard.iter().map(|message| told(message, "subscription"));
        let states = states.map(|it| (it.attr("jid").unwrap(), it.attr("subscription").unwrap()));
        let romeo = romeo.bare();
        assert_eq!(states.collect::<Vec<_>>(), [(romeo, "subscribed"), (romeo, "none")]);
    }
}
