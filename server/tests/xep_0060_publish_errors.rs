//! XEP-0060 §7.1.3: what cannot be published.
//!
//! Not here, as there is nothing to prove: nodes to which nothing can be published by their type
//! (§7.1.3.2). What is published to a node that is not there is beside the preconditions.

use cloister::xml::Element;

use crate::kit::pubsub::{
    affiliate, can, cloister, create, create_ok, error_of, events, is_error, is_ok, item, limited,
    payload, publish, publish_ok, services, stored, subscribe, subscribe_ok, told,
};

const OPEN: (&str, &str) = ("access_model", "open");
const MANY: (&str, &str) = ("max_items", "100");

#[tokio::test]
async fn s7_1_3_1_only_owners_and_publishers_publish_by_default() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for options in [&[OPEN, MANY][..], &[OPEN, MANY, ("publish_model", "publishers")]] {
            let node = format!("letters{}", options.len());
            create_ok(&juliet, to, &node, options).await;
            subscribe_ok(&romeo, to, &node).await;
            let refused = async || publish(&romeo, to, &node, &item("bad", "O")).await;
            is_error(&refused().await, "forbidden", "auth", "");
            affiliate(&juliet, to, &node, romeo.bare(), "member").await;
            is_error(&refused().await, "forbidden", "auth", "");
            affiliate(&juliet, to, &node, romeo.bare(), "publisher").await;
            publish_ok(&romeo, to, &node, "one", "O").await;
            affiliate(&juliet, to, &node, romeo.bare(), "owner").await;
            publish_ok(&romeo, to, &node, "two", "O").await;
            affiliate(&juliet, to, &node, romeo.bare(), "outcast").await;
            is_error(&refused().await, "forbidden", "auth", "");
            assert_eq!(stored(&juliet, to, &node).await, ["one", "two"]);
        }
    }
}

#[tokio::test]
async fn s4_1_who_may_only_publish_publishes() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        if !can(&juliet, to, "publish-only-affiliation").await {
            continue;
        }
        create_ok(&juliet, to, "letters", &[MANY]).await;
        affiliate(&juliet, to, "letters", romeo.bare(), "publish-only").await;
        publish_ok(&romeo, to, "letters", "one", "O").await;
        assert_eq!(stored(&juliet, to, "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s16_4_4_subscribers_or_everybody_may_publish_where_the_node_says_so() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let nurse = cloister.online("nurse", "chamber").await;
    let outcast = cloister.online("tybalt", "square").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for model in ["subscribers", "open"] {
            create_ok(&juliet, to, model, &[OPEN, MANY, ("publish_model", model)]).await;
            is_ok(&subscribe(&romeo, to, model, romeo.bare()).await);
            affiliate(&juliet, to, model, outcast.bare(), "outcast").await;
            publish_ok(&romeo, to, model, "one", "O").await;
            is_error(&publish(&outcast, to, model, &item("x", "O")).await, "forbidden", "auth", "");
        }
        let answer = publish(&nurse, to, "subscribers", &item("two", "O")).await;
        is_error(&answer, "forbidden", "auth", "");
        publish_ok(&nurse, to, "open", "two", "O").await;
    }
}

#[tokio::test]
async fn s7_1_3_4_a_full_node_may_refuse_what_is_new() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let options = [("max_items", "2"), ("publish_node_full", "reject")];
    for service in services(&juliet) {
        let to = Some(&*service);
        let created = create(&juliet, to, "letters", &options).await;
        // §10: optional, but who can do it announces it.
        assert_eq!(can(&juliet, to, "publish-node-full").await, error_free(&created), "{service}");
        if !error_free(&created) {
            continue;
        }
        for id in ["a", "b"] {
            publish_ok(&juliet, to, "letters", id, "O").await;
        }
        let answer = publish(&juliet, to, "letters", &item("c", "O")).await;
        is_error(&answer, "conflict", "cancel", "node-full");
        // The note in §7.1.3: what is there already must not fail.
        publish_ok(&juliet, to, "letters", "a", "new").await;
        assert_eq!(stored(&juliet, to, "letters").await, ["b", "a"]);
    }
}

#[tokio::test]
async fn s7_1_3_5_a_payload_may_be_too_big() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[("max_payload_size", "1000")]).await;
        publish_ok(&juliet, to, "letters", "one", &"x".repeat(900)).await;
        let answer = publish(&juliet, to, "letters", &item("two", &"x".repeat(1000))).await;
        is_error(&answer, "not-acceptable", "modify", "payload-too-big");
        assert_eq!(stored(&juliet, to, "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s7_1_3_5_a_payload_may_be_too_big_to_be_announced() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [OPEN, ("persist_items", "0"), ("max_payload_size", "1000")];
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &options).await;
        subscribe_ok(&romeo, to, "letters").await;
        let answer = publish(&juliet, to, "letters", &item("one", &"x".repeat(1000))).await;
        is_error(&answer, "not-acceptable", "modify", "payload-too-big");
        romeo.expect_silence().await;
    }
}

#[tokio::test]
async fn s7_1_3_5_a_payload_may_be_too_big_for_the_service() {
    let cloister = limited("pubsub_item_bytes = '8 KiB'").await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        publish_ok(&juliet, to, "letters", "one", &"x".repeat(7_000)).await;
        let answer = publish(&juliet, to, "letters", &item("two", &"x".repeat(9_000))).await;
        is_error(&answer, "not-acceptable", "modify", "payload-too-big");
        assert_eq!(stored(&juliet, to, "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s7_1_3_6_an_item_has_one_payload() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        let two = format!("<item id='one'>{}{}</item>", payload("O"), payload("O"));
        let answer = publish(&juliet, to, "letters", &two).await;
        is_error(&answer, "bad-request", "modify", "invalid-payload");
        // Text is no element; that there is none may be said as §7.1.3.7 says it.
        let answer = publish(&juliet, to, "letters", "<item id='one'>O</item>").await;
        let (condition, _, specific) = error_of(&answer);
        assert_eq!(condition, "bad-request", "{}", answer.to_xml());
        assert!(["invalid-payload", "payload-required"].contains(&&*specific), "{specific}");
        assert!(stored(&juliet, to, "letters").await.is_empty());
    }
}

#[tokio::test]
async fn s7_1_3_6_a_payload_is_of_the_namespace_of_the_node() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY, ("type", "urn:example:entry")]).await;
        publish_ok(&juliet, to, "letters", "one", "O").await;
        let other = "<item id='two'><entry xmlns='urn:example:other'/></item>";
        let answer = publish(&juliet, to, "letters", other).await;
        is_error(&answer, "bad-request", "modify", "invalid-payload");
        assert_eq!(stored(&juliet, to, "letters").await, ["one"]);
    }
}

#[tokio::test]
async fn s7_1_3_7_a_node_that_keeps_items_needs_one() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for payloads in ["0", "1"] {
            let options = [("persist_items", "1"), ("deliver_payloads", payloads), MANY];
            let node = format!("letters{payloads}");
            create_ok(&juliet, to, &node, &options).await;
            let answer = publish(&juliet, to, &node, "").await;
            is_error(&answer, "bad-request", "modify", "item-required");
        }
        // §4.3: without payloads in the events, an item may be empty.
        is_ok(&publish(&juliet, to, "letters0", "<item id='one'/>").await);
        assert_eq!(stored(&juliet, to, "letters0").await, ["one"]);
    }
}

#[tokio::test]
async fn s7_1_3_7_a_node_that_announces_payloads_needs_one() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for keeps in ["0", "1"] {
            let options = [("persist_items", keeps), ("deliver_payloads", "1")];
            let node = format!("letters{keeps}");
            create_ok(&juliet, to, &node, &options).await;
            let answer = publish(&juliet, to, &node, "<item id='one'/>").await;
            is_error(&answer, "bad-request", "modify", "payload-required");
        }
    }
}

#[tokio::test]
async fn s7_1_3_7_a_node_that_neither_keeps_nor_announces_items_takes_none() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [OPEN, ("persist_items", "0"), ("deliver_payloads", "0")];
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "doorbell", &options).await;
        subscribe_ok(&romeo, to, "doorbell").await;
        for some in ["<item/>".to_owned(), item("one", "O")] {
            let answer = publish(&juliet, to, "doorbell", &some).await;
            is_error(&answer, "bad-request", "modify", "item-forbidden");
        }
        romeo.expect_silence().await;
        is_ok(&publish(&juliet, to, "doorbell", "").await);
        let came = events(&romeo).await;
        assert_eq!(came.len(), 1);
        let items = told(&came[0], "items");
        assert_eq!(items.attr("node"), Some("doorbell"));
        // §4.3: an empty `<items/>`.
        assert!(items.has_no_children(), "{}", came[0].to_xml());
    }
}

fn error_free(answer: &Element) -> bool {
    answer.attr("type") == Some("result")
}
