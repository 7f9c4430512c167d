//! XEP-0060: Publish-Subscribe, nodes that are deleted (§8.4) or emptied (§8.5), and requests that
//! wait for nobody here (§8.6, §8.7).

use cloister::ns;

use crate::kit::pubsub::{
    affiliate, cloister, create_ok, delete, error_of, event, events, form, inner, is_error, is_ok,
    items, notified, owner, page, publish_ok, purge, services, stored, told,
};
use crate::xep_0060_owner::{
    NODE, TALKATIVE, configuration, is_absent, list, lovers, pairs, subscribed,
};

// §8.4

#[tokio::test]
async fn s8_4_2_a_node_that_is_deleted_is_gone_and_its_subscribers_are_told() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, &[("access_model", "open")]).await;
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        romeo.drain().await;
        is_ok(&delete(&juliet, Some(&service), NODE).await);
        let message = notified(&romeo).await;
        assert_eq!(message.attr("from"), Some(&*service));
        assert_eq!(told(&message, "delete").attr("node"), Some(NODE));
        assert!(events(&romeo).await.is_empty(), "{service}: once");
        is_absent(&juliet, &service).await;
        let answer = items(&juliet, Some(&service), NODE, "", "").await;
        is_error(&answer, "item-not-found", "cancel", "");
    }
}

#[tokio::test]
async fn s8_4_1_where_a_node_has_moved_is_told() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let uri = "xmpp:juliet@localhost?;node=blog";
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        let redirect = format!("<delete node='{NODE}'><redirect uri='{uri}'/></delete>");
        juliet.iq_ok("set", Some(&service), &owner(&redirect)).await;
        let message = notified(&romeo).await;
        let redirect = told(&message, "delete").child(ns::PUBSUB_EVENT, "redirect");
        let found = redirect.and_then(|redirect| redirect.attr("uri"));
        assert_eq!(found, Some(uri), "{service}: {}", message.to_xml());
    }
}

#[tokio::test]
async fn s8_4_a_node_made_again_has_nothing_of_the_one_before() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let quiet = [("access_model", "whitelist"), ("title", "Musings")];
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, &[("access_model", "open")]).await;
        affiliate(&juliet, Some(&service), NODE, romeo.bare(), "publisher").await;
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        is_ok(&delete(&juliet, Some(&service), NODE).await);
        create_ok(&juliet, Some(&service), NODE, &quiet).await;
        romeo.drain().await;
        assert!(stored(&juliet, Some(&service), NODE).await.is_empty(), "{service}");
        let owner = pairs(&[("juliet@localhost", "owner")]);
        assert_eq!(list(&juliet, &service, "affiliations").await, owner, "{service}");
        assert!(list(&juliet, &service, "subscriptions").await.is_empty(), "{service}");
        publish_ok(&juliet, Some(&service), NODE, "j", "x").await;
        assert!(events(&romeo).await.is_empty(), "{service}");
        is_ok(&delete(&juliet, Some(&service), NODE).await);
    }
}

#[tokio::test]
async fn s8_4_3_only_the_owner_deletes_what_is_there() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, TALKATIVE).await;
        for affiliation in ["none", "member", "publisher"] {
            affiliate(&juliet, Some(&service), NODE, romeo.bare(), affiliation).await;
            let answer = delete(&romeo, Some(&service), NODE).await;
            is_error(&answer, "forbidden", "auth", "");
        }
        let answer = delete(&juliet, Some(&service), "other").await;
        is_error(&answer, "item-not-found", "cancel", "");
        let answer = juliet.iq("set", Some(&service), &owner("<delete/>")).await;
        assert_eq!(error_of(&answer).0, "bad-request", "{service}");
        is_ok(&configuration(&juliet, &service).await);
    }
}

// §8.5

#[tokio::test]
async fn s8_5_2_a_purge_takes_all_items_and_is_told_once() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        for n in 0..5 {
            publish_ok(&juliet, Some(&service), NODE, &format!("i{n}"), "x").await;
        }
        romeo.drain().await;
        is_ok(&purge(&juliet, Some(&service), NODE).await);
        let told_of = events(&romeo).await;
        assert_eq!(told_of.len(), 1, "{service}");
        let purge = told(&told_of[0], "purge");
        assert_eq!((purge.attr("node"), purge.children().count()), (Some(NODE), 0));
        assert_eq!(event(&told_of[0]).unwrap().children().count(), 1);
        assert!(stored(&juliet, Some(&service), NODE).await.is_empty(), "{service}");
        let paged = page(&juliet, Some(&service), NODE, "<max>10</max>").await;
        assert_eq!(inner(&paged, "items").children().count(), 0, "{service}");
    }
}

#[tokio::test]
async fn s8_5_2_a_purge_is_not_told_where_deletions_are_not() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        let options = [("access_model", "open"), ("notify_retract", "0")];
        subscribed(&juliet, &romeo, &service, &options).await;
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        romeo.drain().await;
        is_ok(&purge(&juliet, Some(&service), NODE).await);
        assert!(events(&romeo).await.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn s8_5_a_purged_node_keeps_everything_but_its_items() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        let before = configuration(&juliet, &service).await;
        is_ok(&purge(&juliet, Some(&service), NODE).await);
        romeo.drain().await;
        let after = configuration(&juliet, &service).await;
        assert_eq!(inner(&before, "configure"), inner(&after, "configure"), "{service}");
        publish_ok(&juliet, Some(&service), NODE, "i", "again").await;
        assert_eq!(told(&notified(&romeo).await, "items").attr("node"), Some(NODE));
        assert_eq!(stored(&juliet, Some(&service), NODE).await, ["i"], "{service}");
    }
}

#[tokio::test]
async fn s8_5_3_only_the_owner_purges_and_only_what_keeps_items() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, TALKATIVE).await;
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        is_error(&purge(&romeo, Some(&service), NODE).await, "forbidden", "auth", "");
        let answer = purge(&juliet, Some(&service), "other").await;
        is_error(&answer, "item-not-found", "cancel", "");
        assert_eq!(stored(&juliet, Some(&service), NODE).await, ["i"], "{service}");
        create_ok(&juliet, Some(&service), "fleeting", &[("persist_items", "0")]).await;
        let answer = purge(&juliet, Some(&service), "fleeting").await;
        is_error(&answer, "feature-not-implemented", "cancel", "unsupported persistent-items");
    }
}

// §8.6, §8.7

#[tokio::test]
async fn s8_7_3_pending_requests_are_not_supported() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let command = format!(
        "<command xmlns='{}' node='{}#get-pending' action='execute'/>",
        ns::COMMANDS,
        ns::PUBSUB
    );
    for service in services(&juliet) {
        let answer = juliet.iq("set", Some(&service), &command).await;
        let (condition, kind, specific) = error_of(&answer);
        let found = (&*condition, &*kind, &*specific);
        // §8.7.3.1 without ad-hoc commands, §8.7.3.2 with them.
        let right = [
            ("service-unavailable", "cancel", ""),
            ("feature-not-implemented", "cancel", "unsupported get-pending"),
        ];
        assert!(right.contains(&found), "{service}: {found:?}");
    }
}

#[tokio::test]
async fn s8_6_an_approval_that_nobody_asked_for_approves_nothing() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let allow = form(
        "http://jabber.org/protocol/pubsub#subscribe_authorization",
        &[("node", NODE), ("subscriber_jid", "romeo@localhost"), ("allow", "true")],
    );
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("access_model", "whitelist")]).await;
        for client in [&romeo, &juliet] {
            client.send(format!("<message to='{service}' id='approve1'>{allow}</message>")).await;
            client.fence().await;
        }
        assert!(list(&juliet, &service, "subscriptions").await.is_empty(), "{service}");
        let answer = items(&romeo, Some(&service), NODE, "", "").await;
        is_error(&answer, "not-allowed", "cancel", "closed-node");
        juliet.drain().await;
    }
}
