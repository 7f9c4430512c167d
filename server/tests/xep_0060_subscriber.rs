//! XEP-0060 §6.1 and §6.2: subscribing and unsubscribing.
//!
//! Not here, as there is nothing to prove: payment (§6.1.3.5), anonymous users (§6.1.3.6), nodes
//! that have moved (§6.1.3.11), and subscriptions that wait for an owner (§6.1.3.7).

use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    CONFIG, SERVICE, affiliate, can, cloister, create, create_ok, error_of, events, group, ids,
    inner, is_error, is_ok, limited, models, owner, publish_ok, pubsub, services, services_with,
    subscribe, subscribe_ok, told, unsubscribe, values,
};

const OPEN: &[(&str, &str)] = &[("access_model", "open")];

#[tokio::test]
async fn s6_1_2_who_subscribes_is_subscribed() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        for jid in [romeo.bare(), romeo.jid()] {
            let answer = subscribe(&romeo, to, "letters", jid).await;
            is_ok(&answer);
            assert_eq!(answer.attr("from"), to);
            let subscription = inner(&answer, "subscription");
            assert_eq!(subscription.attr("node"), Some("letters"));
            assert_eq!(subscription.attr("jid"), Some(jid));
            assert_eq!(subscription.attr("subscription"), Some("subscribed"));
            // §6.1.6: no multiple subscriptions here, so no identifiers.
            assert_eq!(subscription.attr("subid"), None);
        }
    }
}

#[tokio::test]
async fn s6_1_2_an_owner_and_a_publisher_may_subscribe_to_any_node() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for model in models(&juliet, &service).await {
            create_ok(&juliet, to, model, &[("access_model", model)]).await;
            affiliate(&juliet, to, model, romeo.bare(), "publisher").await;
            // §12, on auto-subscribing: a service must allow both.
            subscribe_ok(&juliet, to, model).await;
            subscribe_ok(&romeo, to, model).await;
        }
    }
}

#[tokio::test]
async fn s6_1_1_a_request_without_an_address_or_with_two_subscriptions_is_bad() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        create_ok(&juliet, to, "dreams", OPEN).await;
        let jid = juliet.bare();
        for request in [
            "<subscribe node='letters'/>".to_owned(),
            format!(
                "<subscribe node='letters' jid='{jid}'/><subscribe node='dreams' jid='{jid}'/>"
            ),
        ] {
            let answer = juliet.iq("set", to, &pubsub(&request)).await;
            let (condition, kind, _) = error_of(&answer);
            assert_eq!((&*condition, &*kind), ("bad-request", "modify"), "{}", answer.to_xml());
        }
        let answer = juliet.iq_ok("get", to, &pubsub("<subscriptions/>")).await;
        assert!(inner(&answer, "subscriptions").has_no_children(), "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s6_1_1_a_service_has_no_root_to_subscribe_to() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let request = pubsub(&format!("<subscribe jid='{}'/>", juliet.bare()));
        let answer = juliet.iq("set", Some(&service), &request).await;
        // Without a node it would be the root collection (XEP-0248), and there is none: the text
        // leaves open how that is said.
        error_of(&answer);
    }
}

#[tokio::test]
async fn s6_1_3_1_nobody_subscribes_somebody_else() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        // Not even the owner, this way.
        for (client, jid) in [
            (&romeo, juliet.bare()),
            (&romeo, "nurse@localhost/chamber"),
            (&romeo, "localhost"),
            (&juliet, romeo.bare()),
        ] {
            let answer = subscribe(client, to, "letters", jid).await;
            is_error(&answer, "bad-request", "modify", "invalid-jid");
        }
    }
}

#[tokio::test]
async fn s6_1_3_2_a_stranger_needs_a_presence_subscription() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    let nurse = cloister.online("nurse", "chamber").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for service in services_with(&juliet, "presence").await {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[("access_model", "presence")]).await;
        let answer = subscribe(&nurse, to, "letters", nurse.bare()).await;
        is_error(&answer, "not-authorized", "auth", "presence-subscription-required");
        subscribe_ok(&romeo, to, "letters").await;
    }
}

#[tokio::test]
async fn s6_1_3_2_who_only_shows_the_own_presence_is_a_stranger() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    juliet.send("<presence to='romeo@localhost' type='unsubscribed'/>").await;
    juliet.fence().await;
    for service in services_with(&juliet, "presence").await {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[("access_model", "presence")]).await;
        let answer = subscribe(&romeo, to, "letters", romeo.bare()).await;
        is_error(&answer, "not-authorized", "auth", "presence-subscription-required");
    }
}

#[tokio::test]
async fn s6_1_3_3_who_is_not_in_the_roster_group_may_not_subscribe() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    let mut nurse = cloister.online("nurse", "chamber").await;
    let tybalt = cloister.online("tybalt", "square").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    cloister.befriend(&mut juliet, &mut nurse).await;
    group(&juliet, romeo.bare(), "Lovers").await;
    group(&juliet, nurse.bare(), "Servants").await;
    // In the group, and without a presence subscription: §2 wants both.
    group(&juliet, tybalt.bare(), "Lovers").await;
    let options = [
        ("access_model", "roster"),
        ("roster_groups_allowed", "Lovers"),
        ("roster_groups_allowed", "Dreamers"),
    ];
    for service in services_with(&juliet, "roster").await {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &options).await;
        let answer = subscribe(&nurse, to, "letters", nurse.bare()).await;
        is_error(&answer, "not-authorized", "auth", "not-in-roster-group");
        let answer = subscribe(&tybalt, to, "letters", tybalt.bare()).await;
        let (condition, kind, specific) = error_of(&answer);
        assert_eq!((&*condition, &*kind), ("not-authorized", "auth"), "{}", answer.to_xml());
        assert!(
            ["not-in-roster-group", "presence-subscription-required"].contains(&&*specific),
            "{specific}"
        );
        subscribe_ok(&romeo, to, "letters").await;
    }
}

#[tokio::test]
async fn s6_1_3_4_who_is_not_on_the_whitelist_may_not_subscribe() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[("access_model", "whitelist")]).await;
        let answer = subscribe(&romeo, to, "letters", romeo.bare()).await;
        is_error(&answer, "not-allowed", "cancel", "closed-node");
        affiliate(&juliet, to, "letters", romeo.bare(), "member").await;
        subscribe_ok(&romeo, to, "letters").await;
    }
}

#[tokio::test]
async fn s6_1_3_8_an_outcast_may_not_subscribe() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for model in models(&juliet, &service).await {
            create_ok(&juliet, to, model, &[("access_model", model)]).await;
            affiliate(&juliet, to, model, romeo.bare(), "outcast").await;
            let answer = subscribe(&romeo, to, model, romeo.bare()).await;
            is_error(&answer, "forbidden", "auth", "");
        }
    }
}

#[tokio::test]
async fn s4_1_who_may_only_publish_may_not_subscribe() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        if !can(&juliet, to, "publish-only-affiliation").await {
            continue;
        }
        create_ok(&juliet, to, "letters", OPEN).await;
        affiliate(&juliet, to, "letters", romeo.bare(), "publish-only").await;
        let answer = subscribe(&romeo, to, "letters", romeo.bare()).await;
        assert_eq!(error_of(&answer).0, "forbidden", "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s6_1_3_9_an_account_has_so_many_subscriptions_and_no_more() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        let jid = |n: u32| format!("{}/r{n}", romeo.bare());
        // How many is for the service to say.
        let mut count = 0;
        let answer = loop {
            let answer = subscribe(&romeo, to, "letters", &jid(count)).await;
            if answer.attr("type") == Some("error") {
                break answer;
            }
            count += 1;
            assert!(count < 1000, "an account has any number of subscriptions");
        };
        is_error(&answer, "policy-violation", "wait", "too-many-subscriptions");
        // Who is subscribed already takes no more room, and who leaves makes some.
        is_ok(&subscribe(&romeo, to, "letters", &jid(3)).await);
        is_ok(&unsubscribe(&romeo, to, "letters", &jid(3)).await);
        is_ok(&subscribe(&romeo, to, "letters", &jid(count)).await);
    }
}

#[tokio::test]
async fn s6_1_3_9_a_node_has_so_many_subscribers_and_no_more() {
    let cloister = limited("pubsub_subscriptions = 10").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let mut others = Vec::new();
    for n in 0..11 {
        others.push(cloister.login(&format!("servant{n}"), "livery").await);
    }
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        let mut refused = Vec::new();
        for servant in &others {
            let answer = subscribe(servant, to, "letters", servant.bare()).await;
            if answer.attr("type") == Some("error") {
                is_error(&answer, "policy-violation", "wait", "too-many-subscriptions");
                refused.push(servant);
            }
        }
        // Whether its owner counts is not for the text to say.
        assert!([1, 2].contains(&refused.len()), "{} are refused", refused.len());
        is_ok(&unsubscribe(&others[0], to, "letters", others[0].bare()).await);
        is_ok(&subscribe(refused[0], to, "letters", refused[0].bare()).await);
    }
}

#[tokio::test]
async fn s6_1_3_10_a_node_may_allow_no_subscriptions() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        let options = [("access_model", "open"), ("subscribe", "0")];
        create_ok(&juliet, to, "letters", &options).await;
        let answer = subscribe(&romeo, to, "letters", romeo.bare()).await;
        is_error(&answer, "feature-not-implemented", "cancel", "unsupported subscribe");
    }
}

#[tokio::test]
async fn s6_1_3_12_a_node_that_is_not_there_has_no_subscribers() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let answer = subscribe(&juliet, Some(&service), "letters", juliet.bare()).await;
        is_error(&answer, "item-not-found", "cancel", "");
    }
}

#[tokio::test]
async fn s6_1_4_no_node_waits_for_the_approval_of_its_owner() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        // §8.1.2: nor has a node any other model that the service does not announce.
        let models = models(&juliet, &service).await;
        let others = ["authorize", "presence", "roster", "everybody"];
        for model in others.into_iter().filter(|model| !models.contains(model)) {
            let options = [("access_model", model)];
            let answer = create(&juliet, Some(&service), "letters", &options).await;
            is_error(&answer, "not-acceptable", "modify", "unsupported-access-model");
        }
    }
}

#[tokio::test]
async fn s6_1_6_who_subscribes_again_is_told_the_state_and_notified_once() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        subscribe_ok(&romeo, to, "letters").await;
        subscribe_ok(&romeo, to, "letters").await;
        let answer = romeo.iq_ok("get", to, &pubsub("<subscriptions/>")).await;
        assert_eq!(inner(&answer, "subscriptions").children().count(), 1);
        publish_ok(&juliet, to, "letters", "one", "O").await;
        assert_eq!(events(&romeo).await.len(), 1);
    }
}

#[tokio::test]
async fn s6_1_6_full_addresses_are_subscribers_of_their_own() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let orchard = cloister.online("romeo/orchard", "orchard").await;
    let street = cloister.online("romeo/street", "orchard").await;
    let mantua = cloister.online("romeo/mantua", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        for client in [&orchard, &street] {
            is_ok(&subscribe(client, to, "letters", client.jid()).await);
        }
        publish_ok(&juliet, to, "letters", "one", "O").await;
        for client in [&orchard, &street] {
            let came = events(client).await;
            assert_eq!(came.len(), 1, "{}", client.jid());
            assert_eq!(came[0].attr("to"), Some(client.jid()));
        }
        assert!(events(&mantua).await.is_empty());
        is_ok(&unsubscribe(&orchard, to, "letters", orchard.jid()).await);
        publish_ok(&juliet, to, "letters", "two", "O").await;
        assert!(events(&orchard).await.is_empty());
        assert_eq!(events(&street).await.len(), 1);
    }
}

#[tokio::test]
async fn s6_1_7_a_new_subscriber_gets_the_last_item_as_it_was_announced() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        let is_default = can(&juliet, to, "last-published").await;
        for (node, sends) in [
            ("default", is_default),
            ("never", false),
            ("on_sub", true),
            ("on_sub_and_presence", true),
        ] {
            let when = [("send_last_published_item", node)];
            let options = if node == "default" { OPEN } else { &[OPEN[0], when[0]] };
            create_ok(&juliet, to, node, options).await;
            publish_ok(&juliet, to, node, "one", "O").await;
            publish_ok(&juliet, to, node, "two", "O").await;
            is_ok(&subscribe(&romeo, to, node, romeo.bare()).await);
            let came = events(&romeo).await;
            assert_eq!(came.len(), usize::from(sends), "{service} {node}");
            let Some(message) = came.first() else { continue };
            assert_eq!(message.attr("from"), to);
            let items = told(message, "items");
            assert_eq!(items.attr("node"), Some(node));
            assert_eq!(ids(items), ["two"]);
        }
    }
}

#[tokio::test]
async fn s6_1_7_the_last_item_says_when_it_was_published() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [OPEN[0], ("send_last_published_item", "on_sub")];
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &options).await;
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
    }
    cloister.advance(Duration::from_secs(3600));
    for service in services(&juliet) {
        is_ok(&subscribe(&romeo, Some(&service), "letters", romeo.bare()).await);
        let came = events(&romeo).await;
        let delay = came[0].child(ns::DELAY, "delay").expect("a delay");
        let stamp = delay.attr("stamp").unwrap();
        assert!(stamp.starts_with("2026-01-01T00:00:0"), "{stamp}");
    }
}

#[tokio::test]
async fn s6_1_7_a_node_without_items_sends_nothing() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", OPEN).await;
        is_ok(&subscribe(&romeo, Some(&service), "letters", romeo.bare()).await);
        romeo.expect_silence().await;
    }
}

#[tokio::test]
async fn s4_3_a_subscriber_who_comes_online_gets_the_last_item_where_the_node_says_so() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let all = ["never", "on_sub", "on_sub_and_presence"];
    for service in services(&juliet) {
        for node in all {
            let options = [OPEN[0], ("send_last_published_item", node)];
            create_ok(&juliet, Some(&service), node, &options).await;
            publish_ok(&juliet, Some(&service), node, "one", "O").await;
            subscribe_ok(&romeo, Some(&service), node).await;
        }
    }
    romeo.close().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let came = events(&romeo).await;
    let from = |service| came.iter().filter(move |it| it.attr("from") == Some(service)).count();
    assert_eq!(from(SERVICE), 1);
    // XEP-0163 §4.3.2: an account need not tell clients that do not say what they want.
    assert!(from(juliet.bare()) <= 1);
    for message in &came {
        assert_eq!(told(message, "items").attr("node"), Some("on_sub_and_presence"));
        assert_eq!(ids(told(message, "items")), ["one"]);
    }
    // Not each time that the presence changes.
    romeo.send("<presence><show>away</show></presence>").await;
    assert!(events(&romeo).await.is_empty());
}

#[tokio::test]
async fn s4_3_where_the_last_item_is_announced_it_is_sent_to_whoever_comes_online() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[]).await;
        let request = owner("<configure node='letters'/>");
        let answer = juliet.iq_ok("get", to, &request).await;
        let when = values(inner(&answer, "configure"), "send_last_published_item");
        let is_sent = when == Some(vec!["on_sub_and_presence".to_owned()]);
        // §4.3: "the value of this option MUST default to" it; §6.1.7: the other way round.
        assert_eq!(can(&juliet, to, "last-published").await, is_sent, "{service}: {when:?}");
    }
}

#[tokio::test]
async fn s6_2_2_who_unsubscribes_hears_no_more() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        subscribe_ok(&romeo, to, "letters").await;
        let answer = unsubscribe(&romeo, to, "letters", romeo.bare()).await;
        is_ok(&answer);
        // The state may stand in the answer.
        if answer.has_child(ns::PUBSUB, "pubsub") {
            assert_eq!(inner(&answer, "subscription").attr("subscription"), Some("none"));
        }
        romeo.drain().await;
        publish_ok(&juliet, to, "letters", "one", "O").await;
        romeo.expect_silence().await;
        let answer = romeo.iq_ok("get", to, &pubsub("<subscriptions/>")).await;
        assert!(inner(&answer, "subscriptions").has_no_children(), "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s6_2_3_2_who_is_not_subscribed_cannot_unsubscribe() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        is_not_subscribed(&unsubscribe(&romeo, to, "letters", romeo.bare()).await);
        // A full address is another subscriber.
        subscribe_ok(&romeo, to, "letters").await;
        is_not_subscribed(&unsubscribe(&romeo, to, "letters", romeo.jid()).await);
    }
}

#[tokio::test]
async fn s6_2_3_3_nobody_unsubscribes_somebody_else() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let nurse = cloister.online("nurse", "chamber").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        subscribe_ok(&romeo, to, "letters").await;
        for jid in [romeo.bare(), romeo.jid()] {
            is_error(&unsubscribe(&nurse, to, "letters", jid).await, "forbidden", "auth", "");
        }
        publish_ok(&juliet, to, "letters", "one", "O").await;
        assert_eq!(events(&romeo).await.len(), 1);
    }
}

#[tokio::test]
async fn s6_2_3_4_a_node_that_is_not_there_cannot_be_left() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let answer = unsubscribe(&juliet, Some(&service), "letters", juliet.bare()).await;
        is_error(&answer, "item-not-found", "cancel", "");
    }
}

#[tokio::test]
async fn s6_2_3_5_an_identifier_where_there_are_none_is_ignored() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        subscribe_ok(&romeo, to, "letters").await;
        let jid = romeo.bare();
        let request = pubsub(&format!("<unsubscribe node='letters' jid='{jid}' subid='x'/>"));
        romeo.iq_ok("set", to, &request).await;
        romeo.drain().await;
        publish_ok(&juliet, to, "letters", "one", "O").await;
        romeo.expect_silence().await;
    }
}

#[tokio::test]
async fn a_subscription_outlives_a_restart() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", OPEN).await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
    }
    let cloister = cloister.restart_with(CONFIG).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.drain().await;
    for service in services(&juliet) {
        publish_ok(&juliet, Some(&service), "letters", "one", "O").await;
        assert_eq!(events(&romeo).await.len(), 1, "{service}");
    }
}

/// What §6.2.3.2 and §6.3.4.2 say; their examples have two different types.
#[track_caller]
pub fn is_not_subscribed(answer: &Element) {
    let (condition, _, specific) = error_of(answer);
    let expected = ("unexpected-request", "not-subscribed");
    assert_eq!((&*condition, &*specific), expected, "{}", answer.to_xml());
}
