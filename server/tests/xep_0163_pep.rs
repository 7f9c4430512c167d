//! XEP-0163: Personal Eventing Protocol, what is published (§3) and who is notified (§4).

use cloister::ns;
use cloister::xml::Element;

use crate::kit::interest::Capabilities;
use crate::kit::pubsub::{
    configure, create, create_ok, error_of, events, ids, inner, is_error, is_ok, item, items,
    notified, owner, payload, publish, publish_ok, publish_with, stored, subscribe, subscribe_ok,
    told, values,
};
use crate::kit::{Client, Cloister};

pub(crate) const TUNE: &str = "http://jabber.org/protocol/tune";
pub(crate) const GEOLOC: &str = "http://jabber.org/protocol/geoloc";
pub(crate) const TUNE_NOTIFY: &str = "http://jabber.org/protocol/tune+notify";
pub(crate) const GEOLOC_NOTIFY: &str = "http://jabber.org/protocol/geoloc+notify";
pub(crate) const JULIET: Option<&str> = Some("juliet@localhost");
pub(crate) const OPEN: &[(&str, &str)] = &[("access_model", "open")];

/// Juliet, and romeo who is interested in her tunes; they see each other.
pub(crate) async fn lovers(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online_with("juliet/balcony", "balcony", &[]).await;
    let mut romeo = cloister.online_with("romeo/orchard", "orchard", &[TUNE_NOTIFY]).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

/// Which items of which nodes the events brought: `node item`, in order.
pub(crate) async fn heard(client: &Client) -> Vec<String> {
    let mut heard = Vec::new();
    for message in events(client).await {
        let items = told(&message, "items");
        for id in ids(items) {
            heard.push(format!("{} {id}", items.attr("node").unwrap()));
        }
    }
    heard
}

pub(crate) async fn play(juliet: &Client, id: &str) {
    publish_ok(juliet, None, TUNE, id, "x").await;
}

pub(crate) fn tune(id: &str) -> Vec<String> {
    vec![format!("{TUNE} {id}")]
}

pub(crate) async fn option(client: &Client, node: &str, name: &str) -> String {
    let answer = client.iq("get", None, &owner(&format!("<configure node='{node}'/>"))).await;
    is_ok(&answer);
    values(inner(&answer, "configure"), name).unwrap_or_default().concat()
}

/// Who is subscribed to juliet's node, as she sees it.
pub(crate) async fn subscribers(juliet: &Client, node: &str) -> Vec<String> {
    let answer = juliet.iq("get", None, &owner(&format!("<subscriptions node='{node}'/>"))).await;
    is_ok(&answer);
    let all = inner(&answer, "subscriptions").children();
    all.map(|subscription| subscription.attr("jid").unwrap().to_owned()).collect()
}

pub(crate) async fn group(juliet: &Client, jid: &str, groups: &[&str]) {
    let groups: String = groups.iter().map(|name| format!("<group>{name}</group>")).collect();
    let item = format!("<item jid='{jid}'>{groups}</item>");
    juliet.iq_ok("set", None, &format!("<query xmlns='{}'>{item}</query>", ns::ROSTER)).await;
}

pub(crate) fn reply_to(message: &Element) -> Option<&str> {
    let mut addresses = message.child(ns::ADDRESS, "addresses")?.children();
    addresses.find(|address| address.attr("type") == Some("replyto"))?.attr("jid")
}

pub(crate) fn is_delayed(message: &Element) -> bool {
    message.has_child(ns::DELAY, "delay")
}

// §3 Publishing events

#[tokio::test]
async fn s3_what_is_published_makes_its_node() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    play(&juliet, "i").await;
    assert_eq!(stored(&juliet, None, TUNE).await, ["i"]);
    assert_eq!(stored(&juliet, JULIET, TUNE).await, ["i"]);
    // §2.2
    let answer = juliet.iq("get", None, &owner(&format!("<affiliations node='{TUNE}'/>"))).await;
    let owners: Vec<_> = inner(&answer, "affiliations").children().collect();
    assert_eq!(owners.len(), 1);
    assert_eq!(owners[0].attr("jid"), JULIET);
    assert_eq!(owners[0].attr("affiliation"), Some("owner"));
}

#[tokio::test]
async fn s5_a_node_that_was_made_so_has_the_recommended_defaults() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    play(&juliet, "i").await;
    assert_eq!(option(&juliet, TUNE, "access_model").await, "presence");
    assert_eq!(option(&juliet, TUNE, "send_last_published_item").await, "on_sub_and_presence");
    for name in ["deliver_notifications", "deliver_payloads"] {
        assert!(["1", "true"].contains(&&*option(&juliet, TUNE, name).await), "{name}");
    }
}

#[tokio::test]
async fn s3_publish_options_configure_a_node_that_is_made() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let options = [("access_model", "whitelist"), ("max_items", "5")];
    is_ok(&publish_with(&juliet, None, TUNE, &item("i", "x"), &options).await);
    assert_eq!(option(&juliet, TUNE, "access_model").await, "whitelist");
    assert_eq!(option(&juliet, TUNE, "max_items").await, "5");
    is_ok(&publish_with(&juliet, None, TUNE, &item("j", "x"), &options).await);
}

#[tokio::test]
async fn s3_nobody_publishes_to_the_account_of_another() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    // Of a node that is not there XEP-0060 §7.1.3 says both.
    let answer = publish(&romeo, JULIET, TUNE, &item("i", "x")).await;
    assert!(["forbidden", "item-not-found"].contains(&&*error_of(&answer).0));
    play(&juliet, "mine").await;
    let answer = publish(&romeo, JULIET, TUNE, &item("i", "x")).await;
    is_error(&answer, "forbidden", "auth", "");
    assert_eq!(stored(&juliet, None, TUNE).await, ["mine"]);
}

#[tokio::test]
async fn s3_events_do_not_need_the_presence_of_their_publisher() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    juliet.send("<presence type='unavailable'/>").await;
    juliet.fence().await;
    romeo.drain().await;
    play(&juliet, "i").await;
    assert_eq!(heard(&romeo).await, tune("i"));
    juliet.close().await;
    // Nor does the last item.
    let orchard = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    assert_eq!(heard(&orchard).await, tune("i"));
}

// §4 Receiving event notifications

#[tokio::test]
async fn s4_the_owner_is_notified_at_all_resources_that_are_there_and_interested() {
    let cloister = Cloister::start().await;
    let balcony = cloister.online_with("juliet/balcony", "balcony", &[TUNE_NOTIFY]).await;
    let chamber = cloister.online_with("juliet/chamber", "balcony", &[TUNE_NOTIFY]).await;
    let garden = cloister.online_with("juliet/garden", "balcony", &[GEOLOC_NOTIFY]).await;
    let hidden = cloister.login("juliet/hidden", "balcony").await;
    for client in [&balcony, &chamber, &garden, &hidden] {
        client.drain().await;
    }
    play(&balcony, "i").await;
    assert_eq!(heard(&balcony).await, tune("i"));
    assert_eq!(heard(&chamber).await, tune("i"));
    garden.expect_silence().await;
    hidden.expect_silence().await;
}

#[tokio::test]
async fn s4_1_a_contact_who_sees_the_owner_is_notified_and_a_stranger_is_not() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let tybalt = cloister.online_with("tybalt", "sword", &[TUNE_NOTIFY]).await;
    play(&juliet, "i").await;
    assert_eq!(heard(&romeo).await, tune("i"));
    tybalt.expect_silence().await;
}

#[tokio::test]
async fn s4_1_a_contact_whom_the_owner_sees_and_who_does_not_see_her_is_not_notified() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online_with("juliet", "balcony", &[]).await;
    let romeo = cloister.online_with("romeo", "orchard", &[TUNE_NOTIFY]).await;
    juliet.send("<presence to='romeo@localhost' type='subscribe'/>").await;
    juliet.fence().await;
    romeo.send("<presence to='juliet@localhost' type='subscribed'/>").await;
    romeo.drain().await;
    play(&juliet, "i").await;
    assert!(heard(&romeo).await.is_empty());
}

#[tokio::test]
async fn s4_2_resources_get_what_each_of_them_is_interested_in() {
    let cloister = Cloister::start().await;
    let (juliet, orchard) = lovers(&cloister).await;
    let both = [TUNE_NOTIFY, GEOLOC_NOTIFY];
    let street = cloister.online_with("romeo/street", "orchard", &both).await;
    let tavern = cloister.online_with("romeo/tavern", "orchard", &[TUNE, GEOLOC]).await;
    let quiet = cloister.online("romeo/quiet", "orchard").await;
    // §9.2 of XEP-0060: nor do copies get where nobody asked for them.
    quiet.iq_ok("set", None, "<enable xmlns='urn:xmpp:carbons:2'/>").await;
    for client in [&orchard, &street, &tavern, &quiet] {
        client.drain().await;
    }
    publish_ok(&juliet, None, GEOLOC, "g", "x").await;
    play(&juliet, "t").await;
    assert_eq!(heard(&orchard).await, tune("t"));
    assert_eq!(heard(&street).await, [format!("{GEOLOC} g"), format!("{TUNE} t")]);
    tavern.expect_silence().await;
    quiet.expect_silence().await;
}

#[tokio::test]
async fn s4_2_who_changes_his_capabilities_changes_what_he_gets() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    romeo.appear_with("", &[GEOLOC_NOTIFY]).await;
    romeo.drain().await;
    play(&juliet, "i").await;
    romeo.expect_silence().await;
    romeo.appear_with("", &[TUNE_NOTIFY]).await;
    romeo.drain().await;
    play(&juliet, "j").await;
    assert_eq!(heard(&romeo).await, tune("j"));
}

#[tokio::test]
async fn s4_2_a_hash_that_does_not_fit_its_features_brings_nothing() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    // XEP-0115 §5.4: the hash of one client, the features of another.
    let liar = cloister.login("romeo/liar", "orchard").await;
    let lie = Capabilities {
        info: Capabilities::of(&[TUNE_NOTIFY]).info,
        ..Capabilities::of(&["urn:example:poisoned"])
    };
    liar.declare(Some(lie.clone()));
    liar.send(format!("<presence>{}</presence>", lie.element())).await;
    liar.fence().await;
    liar.fence().await;
    let honest = cloister.online_with("romeo/honest", "orchard", &["urn:example:poisoned"]).await;
    honest.drain().await;
    romeo.drain().await;
    play(&juliet, "i").await;
    assert_eq!(heard(&romeo).await, tune("i"));
    assert!(heard(&honest).await.is_empty(), "what another has said of the same hash counts");
}

#[tokio::test]
async fn s4_3_1_an_event_is_a_headline_from_the_bare_address_to_the_full_one() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    play(&juliet, "i").await;
    let message = notified(&romeo).await;
    assert_eq!(message.attr("from"), JULIET);
    assert_eq!(message.attr("to"), Some(romeo.jid()));
    assert_eq!(message.attr("type"), Some("headline"));
    assert!(message.attr("id").is_some_and(|id| !id.is_empty()));
    assert!(!is_delayed(&message));
    let items = told(&message, "items");
    assert_eq!(items.attr("node"), Some(TUNE));
    let item = items.children().next().expect("an item");
    assert_eq!(item.attr("id"), Some("i"));
    assert_eq!(item.children().next(), Some(&crate::kit::element(&payload("x"))));
    // XEP-0060 §12.5: ids tell events apart.
    play(&juliet, "j").await;
    assert_ne!(notified(&romeo).await.attr("id"), message.attr("id"));
}

#[tokio::test]
async fn s4_3_1_contacts_learn_which_resource_has_published() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    play(&juliet, "i").await;
    assert_eq!(reply_to(&notified(&romeo).await), Some(juliet.jid()));
}

#[tokio::test]
async fn s4_3_1_those_who_do_not_see_the_owner_do_not_learn_it() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let tybalt = cloister.online_with("tybalt", "sword", &[TUNE_NOTIFY]).await;
    create_ok(&juliet, None, TUNE, OPEN).await;
    play(&juliet, "first").await;
    let answer = subscribe(&tybalt, JULIET, TUNE, "tybalt@localhost").await;
    is_ok(&answer);
    play(&juliet, "second").await;
    let came = events(&tybalt).await;
    assert!(!came.is_empty());
    for message in came {
        let text = message.to_xml();
        assert!(!text.contains("balcony"), "{text}");
    }
    let retrieved = items(&tybalt, JULIET, TUNE, "", "").await;
    assert!(!retrieved.to_xml().contains("balcony"), "{}", retrieved.to_xml());
    romeo.drain().await;
}

#[tokio::test]
async fn s4_3_1_an_error_about_an_event_does_not_come_to_the_publishing_client() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    play(&juliet, "i").await;
    let message = notified(&romeo).await;
    juliet.drain().await;
    let id = message.attr("id").unwrap();
    let error = "<error type='cancel'><service-unavailable \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    romeo
        .send(format!("<message type='error' id='{id}' to='juliet@localhost'>{error}</message>"))
        .await;
    juliet.expect_silence().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_3_2_who_subscribed_a_full_address_is_notified_there_only_and_once() {
    let cloister = Cloister::start().await;
    let (juliet, _romeo) = lovers(&cloister).await;
    let street = cloister.online_with("tybalt/street", "sword", &[TUNE_NOTIFY]).await;
    let house = cloister.online_with("tybalt/house", "sword", &[TUNE_NOTIFY]).await;
    create_ok(&juliet, None, TUNE, OPEN).await;
    is_ok(&subscribe(&street, JULIET, TUNE, street.jid()).await);
    street.drain().await;
    house.drain().await;
    play(&juliet, "i").await;
    assert_eq!(heard(&street).await, tune("i"));
    house.expect_silence().await;
}

#[tokio::test]
async fn s4_3_2_who_is_subscribed_in_two_ways_is_notified_once() {
    let cloister = Cloister::start().await;
    let (juliet, orchard) = lovers(&cloister).await;
    let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    create_ok(&juliet, None, TUNE, OPEN).await;
    subscribe_ok(&orchard, JULIET, TUNE).await;
    is_ok(&subscribe(&street, JULIET, TUNE, street.jid()).await);
    for client in [&orchard, &street] {
        client.drain().await;
    }
    play(&juliet, "i").await;
    assert_eq!(heard(&orchard).await, tune("i"));
    assert_eq!(heard(&street).await, tune("i"));
}

#[tokio::test]
async fn s4_3_2_a_negative_priority_is_notified_like_any_other() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    romeo.appear_with("<priority>-1</priority>", &[TUNE_NOTIFY]).await;
    romeo.drain().await;
    play(&juliet, "i").await;
    assert_eq!(heard(&romeo).await, tune("i"));
}

#[tokio::test]
async fn s4_who_has_gone_is_not_notified_any_more() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    romeo.send("<presence type='unavailable'/>").await;
    romeo.fence().await;
    romeo.drain().await;
    play(&juliet, "i").await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_events_do_not_wait_for_those_who_are_not_there() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    is_ok(&create(&juliet, None, TUNE, &[("send_last_published_item", "never")]).await);
    romeo.close().await;
    play(&juliet, "i").await;
    let romeo = cloister.online_with("romeo/orchard", "orchard", &[TUNE_NOTIFY]).await;
    assert!(events(&romeo).await.is_empty());
}

#[tokio::test]
async fn s4_a_whitelist_node_tells_the_owners_own_devices_only() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let chamber = cloister.online_with("juliet/chamber", "balcony", &[TUNE_NOTIFY]).await;
    create_ok(&juliet, None, TUNE, &[("access_model", "whitelist")]).await;
    for client in [&chamber, &romeo] {
        client.drain().await;
    }
    play(&juliet, "i").await;
    assert_eq!(heard(&chamber).await, tune("i"));
    romeo.expect_silence().await;
    let street = cloister.online_with("romeo/street", "orchard", &[TUNE_NOTIFY]).await;
    assert!(heard(&street).await.is_empty());
}

#[tokio::test]
async fn s4_nodes_say_whether_they_notify_and_with_payloads() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    create_ok(&juliet, None, TUNE, &[("deliver_notifications", "0")]).await;
    play(&juliet, "i").await;
    assert!(events(&romeo).await.is_empty());
    let options = [("deliver_notifications", "1"), ("deliver_payloads", "0")];
    is_ok(&configure(&juliet, None, TUNE, &options).await);
    play(&juliet, "j").await;
    let message = notified(&romeo).await;
    let item = told(&message, "items").children().next().expect("an item");
    assert_eq!((item.attr("id"), item.children().count()), (Some("j"), 0));
}
