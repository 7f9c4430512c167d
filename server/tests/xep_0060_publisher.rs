//! XEP-0060 §7.1.1 and §7.1.2: publishing an item, and who is told.
//!
//! Not here, as there is nothing to prove: identifiers of subscriptions (§7.1.2.4).

use std::collections::BTreeSet;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    affiliate, can, cloister, create, create_ok, error_of, event, events, ids, inner, is_ok, item,
    items, payload, publish, publish_ok, pubsub, services, services_with, stored, subscribe,
    subscribe_ok, told,
};
use crate::kit::{Client, element};
use crate::xep_0313_mam::query;

const OPEN: (&str, &str) = ("access_model", "open");
const MANY: (&str, &str) = ("max_items", "100");

#[tokio::test]
async fn s7_1_2_a_publisher_is_told_of_the_success() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        let answer = publish(&juliet, to, "letters", &item("one", "O")).await;
        is_ok(&answer);
        assert_eq!(answer.attr("from"), to);
        let publish = inner(&answer, "publish");
        assert_eq!(publish.attr("node"), Some("letters"));
        // Only an id that was made must be said; that of the request may be.
        assert!(ids(publish).iter().all(|id| id == "one"), "{}", answer.to_xml());
        assert_eq!(stored(&juliet, to, "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s7_1_2_an_item_without_an_id_gets_one_and_the_publisher_is_told() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        let mut made = Vec::new();
        for _ in 0..3 {
            let anonymous = format!("<item>{}</item>", payload("O"));
            let answer = publish(&juliet, to, "letters", &anonymous).await;
            is_ok(&answer);
            let items = inner(&answer, "publish");
            assert_eq!(ids(items).len(), 1, "{}", answer.to_xml());
            assert!(items.children().all(Element::has_no_children));
            made.extend(ids(items));
        }
        assert!(made.iter().all(|id| !id.is_empty()));
        assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 3, "{made:?}");
        assert_eq!(stored(&juliet, to, "letters").await, made);
    }
}

#[tokio::test]
async fn s7_1_1_a_request_without_a_node_or_with_two_items_is_bad() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        let one = item("one", "O");
        let nodeless = juliet.iq("set", to, &pubsub(&format!("<publish>{one}</publish>"))).await;
        assert_eq!(error_of(&nodeless).0, "bad-request", "{}", nodeless.to_xml());
        // The note in §7.1.1: no more than one since 1.13. The text does not name the error.
        let two = publish(&juliet, to, "letters", &(one + &item("two", "O"))).await;
        error_of(&two);
        assert!(stored(&juliet, to, "letters").await.is_empty());
    }
}

#[tokio::test]
async fn s7_1_2_an_item_with_the_id_of_another_takes_its_place_and_is_announced() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        publish_ok(&juliet, to, "letters", "one", "old").await;
        publish_ok(&juliet, to, "letters", "two", "O").await;
        subscribe_ok(&romeo, to, "letters").await;
        publish_ok(&juliet, to, "letters", "one", "new").await;
        let came = events(&romeo).await;
        assert_eq!(came.len(), 1);
        assert_eq!(anonymous(only_item(&came[0])), in_event(&item("one", "new")));
        let answer = items(&juliet, to, "letters", "", "").await;
        let items: Vec<_> = inner(&answer, "items").children().collect();
        assert_eq!(ids(inner(&answer, "items")), ["two", "one"]);
        assert_eq!(items[1].children().next(), Some(&element(&payload("new"))));
    }
}

#[tokio::test]
async fn s7_1_2_each_subscriber_gets_one_event_and_nobody_else_gets_any() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let nurse = cloister.online("nurse", "chamber").await;
    let tybalt = cloister.online("tybalt", "square").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        create_ok(&juliet, to, "dreams", &[OPEN, MANY]).await;
        for client in [&romeo, &nurse] {
            subscribe_ok(client, to, "letters").await;
        }
        subscribe_ok(&tybalt, to, "dreams").await;
        publish_ok(&juliet, to, "letters", "one", "O").await;
        tybalt.expect_silence().await;
        for client in [&romeo, &nurse] {
            let came = client.drain().await;
            assert_eq!(came.len(), 1, "{}", client.jid());
            let message = &came[0];
            assert_eq!(message.attr("from"), to);
            assert_eq!(message.attr("type"), Some("headline"));
            is_to(message, client);
        }
    }
}

#[tokio::test]
async fn s4_2_an_owner_who_is_subscribed_is_told() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        // XEP-0163 §4.3.2 leaves a choice for bare addresses, and none for full ones.
        is_ok(&subscribe(&juliet, to, "letters", juliet.jid()).await);
        juliet.drain().await;
        publish_ok(&juliet, to, "letters", "one", "O").await;
        assert_eq!(events(&juliet).await.len(), 1, "{service}");
    }
}

#[tokio::test]
async fn s7_1_2_every_event_has_an_id_of_its_own() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[OPEN, MANY]).await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
        for _ in 0..2 {
            publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
        }
        let came = events(&romeo).await;
        let ids: BTreeSet<_> = came.iter().filter_map(|message| message.attr("id")).collect();
        assert_eq!(ids.len(), 2, "{ids:?}");
    }
}

#[tokio::test]
async fn s7_1_2_a_bare_address_is_told_at_each_resource_that_is_available() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let orchard = cloister.online("romeo/orchard", "orchard").await;
    let street = cloister.online("romeo/street", "orchard").await;
    let silent = cloister.login("romeo/silent", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[OPEN, MANY]).await;
        subscribe_ok(&orchard, Some(&service), "letters").await;
        street.drain().await;
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
        for client in [&orchard, &street] {
            let came = events(client).await;
            assert_eq!(came.len(), 1, "{}", client.jid());
            is_to(&came[0], client);
        }
        silent.expect_silence().await;
    }
}

#[tokio::test]
async fn s7_1_2_what_a_subscriber_missed_is_not_kept_for_later() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [OPEN, MANY, ("send_last_published_item", "never")];
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &options).await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
    }
    romeo.close().await;
    for service in services(&juliet) {
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
    }
    // §12, on offline storage: headlines are not for it.
    let romeo = cloister.online("romeo", "orchard").await;
    assert!(events(&romeo).await.is_empty());
    for service in services(&juliet) {
        publish_ok(&juliet, Some(&service), "letters", "two", "O").await;
    }
    assert_eq!(events(&romeo).await.len(), 2);
}

#[tokio::test]
async fn s7_1_2_who_has_lost_the_access_hears_no_more() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    let nurse = cloister.online("nurse", "chamber").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "dreams", &[OPEN, MANY]).await;
        subscribe_ok(&nurse, to, "dreams").await;
        affiliate(&juliet, to, "dreams", nurse.bare(), "outcast").await;
    }
    let with_presence = services_with(&juliet, "presence").await;
    for service in &with_presence {
        let options = [("access_model", "presence"), MANY];
        create_ok(&juliet, Some(service), "letters", &options).await;
        subscribe_ok(&romeo, Some(service), "letters").await;
    }
    juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>").await;
    juliet.fence().await;
    for client in [&romeo, &nurse] {
        client.drain().await;
    }
    for service in services(&juliet) {
        publish_ok(&juliet, Some(&service), "dreams", "one", "O").await;
    }
    for service in &with_presence {
        publish_ok(&juliet, Some(service), "letters", "one", "O").await;
    }
    romeo.expect_silence().await;
    nurse.expect_silence().await;
}

#[tokio::test]
async fn s7_1_2_1_an_event_has_the_payload() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        for (node, options) in
            [("default", &[OPEN][..]), ("explicit", &[OPEN, ("deliver_payloads", "true")])]
        {
            create_ok(&juliet, Some(&service), node, options).await;
            subscribe_ok(&romeo, Some(&service), node).await;
            publish_ok(&juliet, Some(&service), node, "one", "O &lt; that").await;
            let came = events(&romeo).await;
            assert_eq!(told(&came[0], "items").attr("node"), Some(node));
            assert_eq!(anonymous(only_item(&came[0])), in_event(&item("one", "O &lt; that")));
            // §12, on bodies: none where nobody knows what the payload means.
            assert!(!came[0].has_child(ns::CLIENT, "body"));
        }
    }
}

#[tokio::test]
async fn s7_1_2_2_an_event_may_be_configured_to_have_no_payload() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY, ("deliver_payloads", "0")]).await;
        subscribe_ok(&romeo, to, "letters").await;
        publish_ok(&juliet, to, "letters", "one", "O").await;
        let came = events(&romeo).await;
        assert_eq!(anonymous(only_item(&came[0])), in_event("<item id='one'/>"));
        // The payload is there for those who ask.
        let answer = items(&romeo, to, "letters", "", "<item id='one'/>").await;
        let item = inner(&answer, "items").children().next().expect("an item");
        assert_eq!(item.children().next(), Some(&element(&payload("O"))));
    }
}

#[tokio::test]
async fn s7_1_2_a_node_may_be_configured_to_announce_nothing() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [OPEN, MANY, ("deliver_notifications", "0")];
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &options).await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
        romeo.expect_silence().await;
        assert_eq!(stored(&romeo, Some(&service), "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s7_1_2_3_nobody_says_that_somebody_else_is_the_publisher() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let forged = format!("<item id='one' publisher='romeo@localhost'>{}</item>", payload("O"));
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        subscribe_ok(&romeo, to, "letters").await;
        is_ok(&publish(&juliet, to, "letters", &forged).await);
        let came = events(&romeo).await;
        let answer = items(&romeo, to, "letters", "", "").await;
        let retrieved = inner(&answer, "items").children().next().expect("an item");
        for item in [only_item(&came[0]), retrieved] {
            let publisher = item.attr("publisher");
            assert!(publisher.is_none_or(|jid| jid.starts_with(juliet.bare())), "{publisher:?}");
        }
    }
}

#[tokio::test]
async fn s7_1_2_3_an_item_names_its_publisher_where_the_node_says_so() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [OPEN, MANY, ("itemreply", "publisher")];
    for service in services(&juliet) {
        let to = Some(&*service);
        // §12, on the generating entity: the option is optional.
        if create(&juliet, to, "letters", &options).await.attr("type") == Some("error") {
            continue;
        }
        affiliate(&juliet, to, "letters", romeo.bare(), "publisher").await;
        subscribe_ok(&romeo, to, "letters").await;
        publish_ok(&romeo, to, "letters", "one", "O").await;
        let came = events(&romeo).await;
        let answer = items(&juliet, to, "letters", "", "").await;
        let retrieved = inner(&answer, "items").children().next().expect("an item");
        let announced = only_item(&came[0]);
        assert_eq!(announced.attr("publisher"), retrieved.attr("publisher"));
        // Either way of writing the address is allowed.
        let publisher = retrieved.attr("publisher");
        assert!([Some(romeo.bare()), Some(romeo.jid())].contains(&publisher), "{publisher:?}");
    }
}

#[tokio::test]
async fn s7_1_2_5_a_full_node_forgets_its_oldest_item() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for full in ["default", "retract-oldest", "discard-oldest"] {
            let options = [("max_items", "2"), ("publish_node_full", full)];
            let options = if full == "default" { &options[..1] } else { &options };
            // "retract-oldest" is done even where it cannot be configured.
            if create(&juliet, to, full, options).await.attr("type") == Some("error") {
                assert_ne!(full, "default");
                assert!(!can(&juliet, to, "publish-node-full").await, "{full}");
                continue;
            }
            for id in ["a", "b", "a", "c"] {
                publish_ok(&juliet, to, full, id, "O").await;
            }
            assert_eq!(stored(&juliet, to, full).await, ["a", "c"], "{full}");
        }
    }
}

#[tokio::test]
async fn s7_1_2_5_an_item_that_is_discarded_is_not_retracted() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [
        OPEN,
        ("max_items", "1"),
        ("notify_retract", "1"),
        ("publish_node_full", "discard-oldest"),
    ];
    for service in services(&juliet) {
        let to = Some(&*service);
        if create(&juliet, to, "letters", &options).await.attr("type") == Some("error") {
            continue;
        }
        subscribe_ok(&romeo, to, "letters").await;
        for id in ["a", "b"] {
            publish_ok(&juliet, to, "letters", id, "O").await;
        }
        let came = events(&romeo).await;
        assert_eq!(came.len(), 2);
        assert_eq!(ids(told(&came[1], "items")), ["b"]);
        assert!(came.iter().all(|message| !message.to_xml().contains("<retract")));
    }
}

#[tokio::test]
async fn s4_3_a_node_that_keeps_nothing_announces_all() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[OPEN, ("persist_items", "0")]).await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
        let came = events(&romeo).await;
        let item = only_item(&came[0]);
        assert_eq!(item.children().next(), Some(&element(&payload("O"))));
    }
}

#[tokio::test]
async fn who_is_told_of_a_publication_does_not_answer_for_it() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[OPEN, MANY]).await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
        let came = events(&romeo).await;
        // §12, on errors: those of a delivery are for the service, not for who published.
        bounce(&romeo, &came[0]).await;
        juliet.expect_silence().await;
        publish_ok(&juliet, Some(&service), "letters", "two", "O").await;
        romeo.drain().await;
    }
}

#[tokio::test]
async fn a_subscriber_who_is_gone_is_no_error_for_the_publisher() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[OPEN, MANY]).await;
        is_ok(&subscribe(&romeo, Some(&service), "letters", romeo.jid()).await);
    }
    romeo.close().await;
    for service in services(&juliet) {
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
    }
    juliet.expect_silence().await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn an_event_is_neither_archived_nor_copied() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let orchard = cloister.online("romeo/orchard", "orchard").await;
    let street = cloister.online("romeo/street", "orchard").await;
    street.iq_ok("set", None, "<enable xmlns='urn:xmpp:carbons:2'/>").await;
    for client in [&orchard, &street] {
        client.drain().await;
    }
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[OPEN, MANY]).await;
        is_ok(&subscribe(&orchard, Some(&service), "letters", orchard.jid()).await);
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
        assert_eq!(events(&orchard).await.len(), 1, "{service}");
    }
    street.expect_silence().await;
    for client in [&juliet, &orchard] {
        assert!(query(client, "").await.results.is_empty(), "{}", client.jid());
    }
}

async fn bounce(client: &Client, message: &Element) {
    let (id, from) = (message.attr("id").unwrap_or("x"), message.attr("from").unwrap());
    let error =
        format!("<error type='wait'><resource-constraint xmlns='{}'/></error>", ns::STANZAS);
    client.send(format!("<message type='error' id='{id}' to='{from}'>{error}</message>")).await;
    client.expect_silence().await;
}

/// §12, on recipients, wants the address that has subscribed; XEP-0163 §4.3.1 the full one where the
/// presence is known.
#[track_caller]
fn is_to(message: &Element, client: &Client) {
    let to = message.attr("to");
    assert!([Some(client.bare()), Some(client.jid())].contains(&to), "{}", message.to_xml());
}

/// The one item in an event.
#[track_caller]
fn only_item(message: &Element) -> &Element {
    let mut items = told(message, "items").children();
    let item = items.next().unwrap_or_else(|| panic!("no item in {}", message.to_xml()));
    assert!(items.next().is_none() && item.name() == "item", "{}", message.to_xml());
    assert_eq!(event(message).unwrap().children().count(), 1, "{}", message.to_xml());
    item
}

/// §7.1.2.3: whether it says who published it is for the node to choose.
fn anonymous(item: &Element) -> Element {
    let mut item = item.clone();
    item.remove_attr("publisher");
    item
}

/// An item as it stands in an event.
fn in_event(item: &str) -> Element {
    let event = element(&format!("<event xmlns='{}'>{item}</event>", ns::PUBSUB_EVENT));
    event.children().next().unwrap().clone()
}
