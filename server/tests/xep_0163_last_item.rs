//! XEP-0163: Personal Eventing Protocol, who is told when, the last item above all (§4.3.3, §4.3.4).

use std::time::Duration;

use cloister::ns;

use crate::kit::Cloister;
use crate::kit::pubsub::{
    create, create_ok, error_of, events, ids, is_ok, items, owner, publish_ok, pubsub, subscribe,
    subscribe_ok, told,
};
use crate::xep_0163_pep::{
    GEOLOC, GEOLOC_NOTIFY, JULIET, OPEN, TUNE, TUNE_NOTIFY, heard, is_delayed, lovers, play, tune,
};

#[tokio::test]
async fn s4_3_3_a_resource_that_comes_gets_the_last_item_with_its_time() {
    let cloister = Cloister::start().await;
    let (juliet, orchard) = lovers(&cloister).await;
    is_ok(&create(&juliet, None, TUNE, &[("max_items", "10")]).await);
    play(&juliet, "first").await;
    cloister.advance(Duration::from_secs(60));
    play(&juliet, "last").await;
    cloister.advance(Duration::from_secs(3600));
    orchard.drain().await;
    for (name, password) in [("romeo/street", "orchard"), ("juliet/chamber", "balcony")] {
        let client = cloister.online_with(name, password, &[TUNE_NOTIFY]).await;
        let came = events(&client).await;
        assert_eq!(came.len(), 1, "{name}");
        assert_eq!(ids(told(&came[0], "items")), ["last"], "{name}");
        assert_eq!(came[0].attr("to"), Some(client.jid()), "{name}");
        assert_eq!(came[0].attr("from"), JULIET, "{name}");
        assert_eq!(came[0].attr("type"), Some("headline"), "{name}");
        let delay = came[0].child(ns::DELAY, "delay").expect("a delay");
        let stamp = delay.attr("stamp").unwrap();
        assert!(stamp.starts_with("2026-01-01T00:01:00"), "{name}: {stamp}");
    }
    assert!(events(&orchard).await.is_empty());
}

#[tokio::test]
async fn s4_3_3_a_resource_that_comes_gets_the_last_items_of_what_it_is_interested_in() {
    let cloister = Cloister::start().await;
    let (juliet, _orchard) = lovers(&cloister).await;
    play(&juliet, "t").await;
    publish_ok(&juliet, None, GEOLOC, "g", "x").await;
    publish_ok(&juliet, None, "urn:example:other", "o", "x").await;
    let interest = [TUNE_NOTIFY, GEOLOC_NOTIFY];
    let street = cloister.online_with("romeo/street", "orchard", &interest).await;
    let mut came = heard(&street).await;
    came.sort();
    assert_eq!(came, [format!("{GEOLOC} g"), format!("{TUNE} t")]);
    let quiet = cloister.online("romeo/quiet", "orchard").await;
    assert!(events(&quiet).await.is_empty());
    let tybalt = cloister.online_with("tybalt", "sword", &interest).await;
    assert!(events(&tybalt).await.is_empty());
}

#[tokio::test]
async fn s4_3_3_only_the_first_presence_brings_the_last_item() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    play(&juliet, "i").await;
    romeo.drain().await;
    romeo.appear_with("<show>away</show>", &[TUNE_NOTIFY]).await;
    assert!(heard(&romeo).await.is_empty());
    romeo.send("<presence type='unavailable'/>").await;
    romeo.fence().await;
    romeo.drain().await;
    romeo.appear_with("", &[TUNE_NOTIFY]).await;
    assert_eq!(heard(&romeo).await, tune("i"));
}

#[tokio::test]
async fn s4_3_3_the_presence_of_one_resource_brings_nothing_to_another() {
    let cloister = Cloister::start().await;
    let (juliet, orchard) = lovers(&cloister).await;
    play(&juliet, "i").await;
    orchard.drain().await;
    let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    assert_eq!(heard(&street).await, tune("i"));
    assert!(heard(&orchard).await.is_empty());
    assert!(heard(&juliet).await.is_empty());
}

#[tokio::test]
async fn s4_3_3_who_is_blocked_is_not_notified() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    create_ok(&juliet, None, TUNE, OPEN).await;
    subscribe_ok(&romeo, JULIET, TUNE).await;
    let block = "<block xmlns='urn:xmpp:blocking'><item jid='romeo@localhost'/></block>";
    juliet.iq_ok("set", None, block).await;
    romeo.drain().await;
    play(&juliet, "i").await;
    assert!(heard(&romeo).await.is_empty());
    let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    assert!(heard(&street).await.is_empty());
    for answer in [
        items(&romeo, JULIET, TUNE, "", "").await,
        subscribe(&street, JULIET, TUNE, street.bare()).await,
    ] {
        assert_eq!(error_of(&answer).0, "service-unavailable");
    }
}

#[tokio::test]
async fn s4_3_3_who_has_blocked_the_owner_is_not_notified() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let block = "<block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'/></block>";
    romeo.iq_ok("set", None, block).await;
    romeo.drain().await;
    play(&juliet, "i").await;
    assert!(heard(&romeo).await.is_empty());
    let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    assert!(heard(&street).await.is_empty());
}

#[tokio::test]
async fn s4_3_4_who_is_allowed_to_see_the_owner_gets_the_last_item_then() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online_with("juliet", "balcony", &[]).await;
    let romeo = cloister.online_with("romeo", "orchard", &[TUNE_NOTIFY]).await;
    play(&juliet, "i").await;
    // The owner sees the contact first, so that the subscription is mutual when she allows it.
    for (from, to, kind) in [
        (&juliet, &romeo, "subscribe"),
        (&romeo, &juliet, "subscribed"),
        (&romeo, &juliet, "subscribe"),
    ] {
        from.send(format!("<presence to='{}' type='{kind}'/>", to.bare())).await;
        from.fence().await;
    }
    assert!(heard(&romeo).await.is_empty());
    juliet.send("<presence to='romeo@localhost' type='subscribed'/>").await;
    juliet.fence().await;
    let came = events(&romeo).await;
    assert_eq!(came.len(), 1);
    assert_eq!(ids(told(&came[0], "items")), ["i"]);
    assert!(is_delayed(&came[0]));
}

#[tokio::test]
async fn s4_3_4_who_subscribes_gets_the_last_item() {
    let cloister = Cloister::start().await;
    let (juliet, _romeo) = lovers(&cloister).await;
    let tybalt = cloister.online_with("tybalt", "sword", &[TUNE_NOTIFY]).await;
    create_ok(&juliet, None, TUNE, OPEN).await;
    play(&juliet, "i").await;
    is_ok(&subscribe(&tybalt, JULIET, TUNE, tybalt.bare()).await);
    let came = events(&tybalt).await;
    assert_eq!(came.len(), 1);
    assert_eq!(ids(told(&came[0], "items")), ["i"]);
    assert!(is_delayed(&came[0]));
}

#[tokio::test]
async fn s4_3_4_a_node_that_never_sends_the_last_item_does_not() {
    let cloister = Cloister::start().await;
    let (juliet, _romeo) = lovers(&cloister).await;
    for (when, on_subscribing) in [("never", 0), ("on_sub", 1)] {
        let options = [("access_model", "open"), ("send_last_published_item", when)];
        is_ok(&create(&juliet, None, TUNE, &options).await);
        play(&juliet, "i").await;
        let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
        assert!(heard(&street).await.is_empty(), "{when}: on presence");
        is_ok(&subscribe(&street, JULIET, TUNE, street.bare()).await);
        let came = heard(&street).await;
        assert_eq!(came.len(), on_subscribing, "{when}: on subscribing, {came:?}");
        juliet.iq_ok("set", None, &owner(&format!("<delete node='{TUNE}'/>"))).await;
        street.close().await;
    }
}

#[tokio::test]
async fn s4_3_4_the_last_item_is_the_last_that_is_left() {
    let cloister = Cloister::start().await;
    let (juliet, _orchard) = lovers(&cloister).await;
    create_ok(&juliet, None, TUNE, &[("max_items", "10")]).await;
    for id in ["a", "b", "c"] {
        play(&juliet, id).await;
    }
    // Published again, it is the last one.
    play(&juliet, "a").await;
    let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    assert_eq!(heard(&street).await, tune("a"));
    street.close().await;
    for id in ["a", "c"] {
        let retract = format!("<retract node='{TUNE}'><item id='{id}'/></retract>");
        juliet.iq_ok("set", None, &pubsub(&retract)).await;
    }
    let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    assert_eq!(heard(&street).await, tune("b"));
    street.close().await;
    juliet.iq_ok("set", None, &owner(&format!("<purge node='{TUNE}'/>"))).await;
    let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    assert!(events(&street).await.is_empty());
}

#[tokio::test]
async fn s4_3_4_the_last_item_outlives_a_restart() {
    let cloister = Cloister::start().await;
    let (juliet, _orchard) = lovers(&cloister).await;
    play(&juliet, "i").await;
    let cloister = cloister.restart().await;
    let romeo = cloister.online_with("romeo", "orchard", &[TUNE_NOTIFY]).await;
    assert_eq!(heard(&romeo).await, tune("i"));
}
