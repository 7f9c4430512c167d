//! XEP-0060 §7.2: deleting an item.
//!
//! Not here, as there is nothing to prove: identifiers of subscriptions (§7.2.2.2), and services
//! that delete nothing (§7.2.3.6).

use crate::kit::pubsub::{
    affiliate, can, cloister, create_ok, error_of, event, events, is_error, is_ok, items,
    publish_ok, pubsub, retract, services, stored, subscribe_ok, told,
};

const OPEN: (&str, &str) = ("access_model", "open");
const MANY: (&str, &str) = ("max_items", "100");

#[tokio::test]
async fn s7_2_2_an_item_that_is_deleted_is_gone() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        for id in ["a", "b", "c"] {
            publish_ok(&juliet, to, "letters", id, "O").await;
        }
        is_ok(&retract(&juliet, to, "letters", "b", None).await);
        assert_eq!(stored(&juliet, to, "letters").await, ["a", "c"]);
        let answer = items(&juliet, to, "letters", "", "<item id='b'/>").await;
        assert!(!answer.to_xml().contains("entry"), "{}", answer.to_xml());
        // What is gone can be published again, and is new then.
        publish_ok(&juliet, to, "letters", "b", "O").await;
        assert_eq!(stored(&juliet, to, "letters").await, ["a", "c", "b"]);
    }
}

#[tokio::test]
async fn s7_2_2_1_subscribers_are_told_of_it_where_that_is_asked_for() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        // Whoever deletes has the last word, whatever the node says.
        for config in ["0", "1"] {
            let node = format!("letters{config}");
            create_ok(&juliet, to, &node, &[OPEN, MANY, ("notify_retract", config)]).await;
            for id in ["a", "b"] {
                publish_ok(&juliet, to, &node, id, "O").await;
            }
            subscribe_ok(&romeo, to, &node).await;
            for (notify, id) in [("true", "a"), ("1", "b")] {
                is_ok(&retract(&juliet, to, &node, id, Some(notify)).await);
                let came = events(&romeo).await;
                assert_eq!(came.len(), 1, "{service} {config} {notify}");
                assert_eq!(came[0].attr("from"), to);
                assert_eq!(event(&came[0]).unwrap().children().count(), 1);
                let items = told(&came[0], "items");
                assert_eq!(items.attr("node"), Some(&*node));
                let inside: Vec<_> = items.children().collect();
                assert_eq!((inside.len(), inside[0].name()), (1, "retract"));
                assert_eq!(inside[0].attr("id"), Some(id));
                assert!(inside[0].has_no_children());
            }
        }
    }
}

#[tokio::test]
async fn s7_2_2_1_nobody_is_told_where_neither_the_node_nor_the_request_wants_it() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY, ("notify_retract", "0")]).await;
        for id in ["a", "b", "c"] {
            publish_ok(&juliet, to, "letters", id, "O").await;
        }
        subscribe_ok(&romeo, to, "letters").await;
        for (notify, id) in [(None, "a"), (Some("false"), "b"), (Some("0"), "c")] {
            is_ok(&retract(&juliet, to, "letters", id, notify).await);
        }
        romeo.expect_silence().await;
        assert!(stored(&juliet, to, "letters").await.is_empty());
    }
}

#[tokio::test]
async fn s7_2_2_1_a_node_may_tell_of_every_deletion() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        // §16.4.4, notify_retract.
        create_ok(&juliet, to, "letters", &[OPEN, MANY, ("notify_retract", "1")]).await;
        publish_ok(&juliet, to, "letters", "a", "O").await;
        subscribe_ok(&romeo, to, "letters").await;
        is_ok(&retract(&juliet, to, "letters", "a", None).await);
        assert_eq!(events(&romeo).await.len(), 1, "{service}");
    }
}

#[tokio::test]
async fn s7_2_3_1_who_may_not_publish_may_not_delete() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        publish_ok(&juliet, to, "letters", "a", "O").await;
        subscribe_ok(&romeo, to, "letters").await;
        for affiliation in ["none", "member", "outcast"] {
            affiliate(&juliet, to, "letters", romeo.bare(), affiliation).await;
            let answer = retract(&romeo, to, "letters", "a", Some("1")).await;
            is_error(&answer, "forbidden", "auth", "");
        }
        assert!(events(&romeo).await.iter().all(|message| !message.to_xml().contains("retract")));
        assert_eq!(stored(&juliet, to, "letters").await, ["a"]);
    }
}

#[tokio::test]
async fn s7_2_3_1_a_publisher_deletes_the_own_items() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        affiliate(&juliet, to, "letters", romeo.bare(), "publisher").await;
        publish_ok(&juliet, to, "letters", "hers", "O").await;
        publish_ok(&romeo, to, "letters", "his", "O").await;
        is_ok(&retract(&romeo, to, "letters", "his", None).await);
        // §4.1: a service may allow any publisher to delete any item.
        let answer = retract(&romeo, to, "letters", "hers", None).await;
        if answer.attr("type") == Some("error") {
            is_error(&answer, "forbidden", "auth", "");
            assert_eq!(stored(&juliet, to, "letters").await, ["hers"]);
        } else {
            assert!(stored(&juliet, to, "letters").await.is_empty());
        }
    }
}

#[tokio::test]
async fn s7_2_3_1_an_owner_deletes_the_items_of_publishers() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        affiliate(&juliet, to, "letters", romeo.bare(), "publisher").await;
        publish_ok(&romeo, to, "letters", "his", "O").await;
        is_ok(&retract(&juliet, to, "letters", "his", None).await);
        assert!(stored(&juliet, to, "letters").await.is_empty());
    }
}

#[tokio::test]
async fn s4_1_who_may_only_publish_deletes_only_the_own_items() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        if !can(&juliet, to, "publish-only-affiliation").await {
            continue;
        }
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        affiliate(&juliet, to, "letters", romeo.bare(), "publish-only").await;
        publish_ok(&juliet, to, "letters", "hers", "O").await;
        publish_ok(&romeo, to, "letters", "his", "O").await;
        let answer = retract(&romeo, to, "letters", "hers", None).await;
        is_error(&answer, "forbidden", "auth", "");
        is_ok(&retract(&romeo, to, "letters", "his", None).await);
        assert_eq!(stored(&juliet, to, "letters").await, ["hers"]);
    }
}

#[tokio::test]
async fn s7_2_3_1_where_anybody_may_publish_not_everybody_may_delete() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY, ("publish_model", "open")]).await;
        publish_ok(&juliet, to, "letters", "hers", "O").await;
        // §4.1: without an affiliation nothing is deleted.
        let answer = retract(&romeo, to, "letters", "hers", None).await;
        is_error(&answer, "forbidden", "auth", "");
        assert_eq!(stored(&juliet, to, "letters").await, ["hers"]);
    }
}

#[tokio::test]
async fn s7_2_3_2_a_node_or_an_item_that_is_not_there_is_not_found() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        publish_ok(&juliet, to, "letters", "a", "O").await;
        subscribe_ok(&romeo, to, "letters").await;
        for (node, id) in [("letters", "x"), ("nowhere", "a")] {
            let answer = retract(&juliet, to, node, id, Some("1")).await;
            is_error(&answer, "item-not-found", "cancel", "");
        }
        romeo.expect_silence().await;
    }
}

#[tokio::test]
async fn s7_2_3_3_and_4_a_deletion_names_a_node_and_one_item() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        for id in ["a", "b"] {
            publish_ok(&juliet, to, "letters", id, "O").await;
        }
        for (request, specific) in [
            ("<retract><item id='a'/></retract>", "nodeid-required"),
            ("<retract node='letters'/>", "item-required"),
            ("<retract node='letters'><item/></retract>", "item-required"),
        ] {
            let answer = juliet.iq("set", to, &pubsub(request)).await;
            is_error(&answer, "bad-request", "modify", specific);
        }
        // §7.2.1: one item; the text has no error for two.
        let two = "<retract node='letters'><item id='a'/><item id='b'/></retract>";
        error_of(&juliet.iq("set", to, &pubsub(two)).await);
        assert_eq!(stored(&juliet, to, "letters").await, ["a", "b"]);
    }
}

#[tokio::test]
async fn s7_2_3_5_a_node_that_keeps_nothing_deletes_nothing() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, ("persist_items", "0")]).await;
        publish_ok(&juliet, to, "letters", "a", "O").await;
        let answer = retract(&juliet, to, "letters", "a", None).await;
        let unsupported = "unsupported persistent-items";
        is_error(&answer, "feature-not-implemented", "cancel", unsupported);
    }
}

#[tokio::test]
async fn an_item_of_one_node_is_not_deleted_from_another() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for node in ["letters", "dreams"] {
            create_ok(&juliet, to, node, &[MANY]).await;
            publish_ok(&juliet, to, node, "a", "O").await;
        }
    }
    is_ok(&retract(&juliet, Some(juliet.bare()), "letters", "a", None).await);
    for (service, node, expected) in [
        (juliet.bare(), "letters", &[][..]),
        (juliet.bare(), "dreams", &["a"]),
        ("pubsub.localhost", "letters", &["a"]),
        ("pubsub.localhost", "dreams", &["a"]),
    ] {
        assert_eq!(stored(&juliet, Some(service), node).await, *expected, "{service} {node}");
    }
}
