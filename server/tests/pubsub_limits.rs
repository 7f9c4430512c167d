//! XEP-0060 and XEP-0163: how much there may be of everything, what becomes of it with time and
//! restarts, and the service of a domain.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    SERVICE, affiliate, cloister, create, create_ok, delete, error_of, events, ids, info, inner,
    is_error, is_ok, item, items, owner, page, publish, publish_ok, pubsub, purge, retract,
    services, stored, subscribe, subscribe_ok, unsubscribe,
};
use crate::kit::{Client, Cloister};
use crate::pubsub_hostile::{NODE, WITH_SERVICE, inner_set, is_refused, limited, shown};

#[tokio::test]
async fn nodes_have_a_limit_and_a_deleted_one_makes_room() {
    let cloister = limited("pubsub_nodes = 50").await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for n in 0..50 {
            create_ok(&juliet, to, &format!("n{n}"), &[]).await;
        }
        for _ in 0..2 {
            for answer in [
                create(&juliet, to, "more", &[]).await,
                juliet.iq("set", to, &pubsub("<create/>")).await,
                create(&juliet, to, "more", &[("title", "x")]).await,
            ] {
                assert_eq!(error_of(&answer).2, "max-nodes-exceeded", "{}", answer.to_xml());
            }
        }
        if service != SERVICE {
            let answer = publish(&juliet, to, "more", &item("i", "x")).await;
            assert_eq!(error_of(&answer).2, "max-nodes-exceeded", "{}", answer.to_xml());
        }
        publish_ok(&juliet, to, "n0", "i", "x").await;
        is_ok(&delete(&juliet, to, "n1").await);
        create_ok(&juliet, to, "more", &[]).await;
        let answer = create(&juliet, to, "n1", &[]).await;
        assert_eq!(error_of(&answer).2, "max-nodes-exceeded", "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn the_limit_of_nodes_is_one_thousand_unless_it_is_set() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let mut made = 0;
    let refused = loop {
        let answer = publish(&juliet, None, &format!("n{made}"), &item("i", "x")).await;
        if answer.attr("type") == Some("error") || made > 1000 {
            break answer;
        }
        made += 1;
    };
    assert_eq!(made, 1000);
    assert_eq!(error_of(&refused).2, "max-nodes-exceeded", "{}", refused.to_xml());
    publish_ok(&juliet, None, "n999", "j", "x").await;
}

#[tokio::test]
async fn a_node_keeps_as_many_items_as_the_limit_allows_and_no_more() {
    let cloister = limited("pubsub_items = 10").await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for (node, max) in [("max", "max"), ("ten", "10")] {
            create_ok(&juliet, to, node, &[("max_items", max)]).await;
            for n in 0..15 {
                publish_ok(&juliet, to, node, &format!("i{n:02}"), "x").await;
            }
            let right: Vec<_> = (5..15).map(|n| format!("i{n:02}")).collect();
            assert_eq!(stored(&juliet, to, node).await, right, "{max} at {service}");
        }
        let answer = create(&juliet, to, "more", &[("max_items", "11")]).await;
        if answer.attr("type") == Some("result") {
            for n in 0..15 {
                publish_ok(&juliet, to, "more", &format!("i{n:02}"), "x").await;
            }
            assert!(stored(&juliet, to, "more").await.len() <= 10, "{service}");
        }
    }
}

#[tokio::test]
async fn s6_1_3_9_the_accounts_that_subscribe_to_a_node_have_a_limit() {
    let cloister = limited("pubsub_subscriptions = 10").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let mut clients = Vec::new();
    for n in 0..11 {
        clients.push(cloister.online(&format!("romeo{n}"), "orchard").await);
    }
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, NODE, &[("access_model", "open")]).await;
        let subscribing =
            async |n: usize| subscribe(&clients[n], to, NODE, clients[n].bare()).await;
        // At a service its owner has to do with the node as well.
        let mut subscribed = 0;
        let refused = loop {
            let answer = subscribing(subscribed).await;
            if answer.attr("type") == Some("error") {
                break answer;
            }
            subscribed += 1;
        };
        assert!((9..=10).contains(&subscribed), "{service}: {subscribed}");
        is_error(&refused, "policy-violation", "wait", "too-many-subscriptions");
        // Who is subscribed already takes no room (§6.1.6).
        is_ok(&subscribing(5).await);
        for (name, what) in [("subscription", "subscribed"), ("affiliation", "member")] {
            let entry = format!("<{name} jid='tybalt@localhost' {name}='{what}'/>");
            let set = owner(&format!("<{name}s node='{NODE}'>{entry}</{name}s>"));
            let answer = juliet.iq("set", to, &set).await;
            assert_eq!(answer.attr("type"), Some("error"), "{service}: {}", answer.to_xml());
        }
        is_ok(&unsubscribe(&clients[3], to, NODE, clients[3].bare()).await);
        is_ok(&subscribing(subscribed).await);
    }
}

#[tokio::test]
async fn s6_1_3_9_the_resources_that_an_account_subscribes_have_a_limit() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, NODE, &[("access_model", "open")]).await;
        let subscribing =
            async |n: usize| subscribe(&romeo, to, NODE, &format!("romeo@localhost/{n}")).await;
        let mut subscribed = 0;
        let refused = loop {
            let answer = subscribing(subscribed).await;
            if answer.attr("type") == Some("error") || subscribed > 1000 {
                break answer;
            }
            subscribed += 1;
        };
        is_error(&refused, "policy-violation", "wait", "too-many-subscriptions");
        is_ok(&unsubscribe(&romeo, to, NODE, "romeo@localhost/3").await);
        is_ok(&subscribing(subscribed).await);
    }
}

#[tokio::test]
async fn what_an_account_publishes_has_a_limit_in_bytes_and_what_bursts_it_is_not_there() {
    let limits = "pubsub_bytes = '1 MiB'\npubsub_service_bytes = '1 MiB'";
    let cloister = limited(limits).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let large = "x".repeat(200 * 1024);
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, NODE, &[("max_items", "max")]).await;
        create_ok(&juliet, to, "other", &[("max_items", "max")]).await;
        for n in 0..5 {
            publish_ok(&juliet, to, NODE, &format!("i{n}"), &large).await;
        }
        let full: Vec<_> = (0..5).map(|n| format!("i{n}")).collect();
        for node in [NODE, "other"] {
            let answer = publish(&juliet, to, node, &item("i5", &large)).await;
            let right =
                ["policy-violation", "resource-constraint", "not-allowed", "not-acceptable"];
            is_refused(&answer, &right, &service);
        }
        assert_eq!(all_ids(&juliet, to, NODE).await, full, "{service}");
        assert!(stored(&juliet, to, "other").await.is_empty(), "{service}");
        // What takes the place of as much fits.
        publish_ok(&juliet, to, NODE, "i4", &large).await;
        is_ok(&retract(&juliet, to, NODE, "i0", None).await);
        publish_ok(&juliet, to, "other", "i5", &large).await;
        is_ok(&purge(&juliet, to, NODE).await);
        for n in 0..4 {
            publish_ok(&juliet, to, "other", &format!("j{n}"), &large).await;
        }
        is_ok(&delete(&juliet, to, "other").await);
        for n in 0..5 {
            publish_ok(&juliet, to, NODE, &format!("k{n}"), &large).await;
        }
    }
}

/// All ids, page by page.
async fn all_ids(client: &Client, to: Option<&str>, node: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().map(|id| format!("<after>{id}</after>")).unwrap_or_default();
        let answer = page(client, to, node, &format!("<max>100</max>{after}")).await;
        is_ok(&answer);
        let found = ids(inner(&answer, "items"));
        if found.is_empty() {
            return all;
        }
        all.extend(found);
    }
}

#[tokio::test]
async fn an_answer_that_would_be_too_long_is_cut_and_the_rest_can_be_asked_for() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let text = "x".repeat(100 * 1024);
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, NODE, &[("max_items", "max")]).await;
        let right: Vec<_> = (0..30).map(|n| format!("i{n:02}")).collect();
        for id in &right {
            publish_ok(&juliet, to, NODE, id, &text).await;
        }
        assert_eq!(all_ids(&juliet, to, NODE).await, right, "{service}");
        let answer = items(&juliet, to, NODE, "", "").await;
        assert!(answer.to_xml().len() < 2 * 1024 * 1024, "{service}: {}", answer.to_xml().len());
        let count =
            inner_set(&answer).child(ns::RSM, "count").map(|count| count.text().into_owned());
        assert_eq!(count.as_deref(), Some("30"), "{service}");
    }
}

#[tokio::test]
async fn items_expire() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let interest = &["princely_musings+notify"];
    for service in services(&juliet) {
        let to = Some(&*service);
        let options = [("item_expire", "60"), ("max_items", "10"), ("access_model", "open")];
        create_ok(&juliet, to, NODE, &options).await;
        publish_ok(&juliet, to, NODE, "old", "x").await;
        cloister.advance(Duration::from_secs(40));
        publish_ok(&juliet, to, NODE, "new", "x").await;
        assert_eq!(stored(&juliet, to, NODE).await, ["old", "new"], "{service}");
        cloister.advance(Duration::from_secs(30));
        assert_eq!(stored(&juliet, to, NODE).await, ["new"], "{service}");
        let answer = items(&juliet, to, NODE, "", "<item id='old'/>").await;
        assert!(ids(inner(&answer, "items")).is_empty(), "{service}");
        cloister.advance(Duration::from_secs(40));
        assert!(stored(&juliet, to, NODE).await.is_empty(), "{service}");
        // Nor is it the last item.
        let chamber = cloister.online_with("juliet/chamber", "balcony", interest).await;
        is_ok(&subscribe(&chamber, to, NODE, chamber.jid()).await);
        assert!(events(&chamber).await.is_empty(), "{service}");
        chamber.close().await;
    }
}

#[tokio::test]
async fn a_node_of_thousands_is_purged_at_once_and_for_good() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    create_ok(&juliet, None, NODE, &[("max_items", "max")]).await;
    for chunk in 0..30 {
        let mut requests = String::new();
        for n in 0..100 {
            let item = item(&format!("i{chunk}-{n}"), "x");
            let request = pubsub(&format!("<publish node='{NODE}'>{item}</publish>"));
            write!(requests, "<iq type='set' id='p{chunk}-{n}'>{request}</iq>").unwrap();
        }
        juliet.send(requests).await;
        for answer in juliet.drain().await {
            is_ok(&answer);
        }
    }
    assert_eq!(all_ids(&juliet, None, NODE).await.len(), 3000);
    is_ok(&purge(&juliet, None, NODE).await);
    assert!(stored(&juliet, None, NODE).await.is_empty());
    publish_ok(&juliet, None, NODE, "i0-0", "new").await;
    assert_eq!(stored(&juliet, None, NODE).await, ["i0-0"]);
    let cloister = cloister.restart_with(WITH_SERVICE).await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(stored(&juliet, None, NODE).await, ["i0-0"]);
    publish_ok(&juliet, None, NODE, "i0-1", "new").await;
    assert_eq!(stored(&juliet, None, NODE).await, ["i0-0", "i0-1"]);
}

#[tokio::test]
async fn everything_outlives_a_restart() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [("access_model", "open"), ("max_items", "10"), ("title", "Musings")];
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, NODE, &options).await;
        for id in ["c", "b", "a"] {
            publish_ok(&juliet, to, NODE, id, id).await;
        }
        publish_ok(&juliet, to, NODE, "c", "again").await;
        is_ok(&retract(&juliet, to, NODE, "b", None).await);
        subscribe_ok(&romeo, to, NODE).await;
        affiliate(&juliet, to, NODE, "tybalt@localhost", "outcast").await;
    }
    let before = everything(&juliet, &romeo).await;
    let cloister = cloister.restart_with(WITH_SERVICE).await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online_with("romeo", "orchard", &["princely_musings+notify"]).await;
    romeo.drain().await;
    assert_eq!(everything(&juliet, &romeo).await, before);
    for service in services(&juliet) {
        publish_ok(&juliet, Some(&service), NODE, "d", "x").await;
        assert_eq!(events(&romeo).await.len(), 1, "{service}");
    }
}

/// What can be asked of the node at both services, by its owner and by a subscriber.
async fn everything(juliet: &Client, romeo: &Client) -> Vec<Element> {
    let mut all = Vec::new();
    for service in services(juliet) {
        for (client, request) in [
            (juliet, owner(&format!("<configure node='{NODE}'/>"))),
            (juliet, owner(&format!("<affiliations node='{NODE}'/>"))),
            (juliet, owner(&format!("<subscriptions node='{NODE}'/>"))),
            (juliet, pubsub(&format!("<items node='{NODE}'/>"))),
            (romeo, pubsub("<subscriptions/>")),
            (romeo, pubsub(&format!("<items node='{NODE}'/>"))),
        ] {
            let answer = client.iq_ok("get", Some(&service), &request).await;
            all.extend(answer.children().cloned());
        }
    }
    all
}

#[tokio::test]
async fn those_who_publish_at_the_same_time_lose_nothing() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let options = [("access_model", "open"), ("publish_model", "open"), ("max_items", "max")];
    create_ok(&juliet, Some(SERVICE), NODE, &options).await;
    let mut clients = Vec::new();
    for name in ["a", "b", "c", "d"] {
        clients.push(cloister.online(name, "secret").await);
    }
    for client in &clients {
        let mut requests = String::new();
        for n in 0..50 {
            let item = item(&format!("{}-{n}", client.bare()), "x");
            let request = pubsub(&format!("<publish node='{NODE}'>{item}</publish>"));
            write!(requests, "<iq type='set' id='p{n}' to='{SERVICE}'>{request}</iq>").unwrap();
        }
        client.send(requests).await;
    }
    for client in &clients {
        let answers = client.drain().await;
        assert_eq!(answers.len(), 50);
        answers.iter().for_each(is_ok);
    }
    let all = all_ids(&juliet, Some(SERVICE), NODE).await;
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (200, 200));
    // Each one's are in the order in which he published them.
    for client in &clients {
        let own: Vec<_> = all.iter().filter(|id| id.starts_with(client.bare())).cloned().collect();
        let right: Vec<_> = (0..50).map(|n| format!("{}-{n}", client.bare())).collect();
        assert_eq!(own, right);
    }
}

// The service of a domain

#[tokio::test]
async fn a_service_that_is_not_configured_is_not_there() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let to = Some(SERVICE);
    for answer in [
        info(&juliet, to, None).await,
        items(&juliet, to, NODE, "", "").await,
        create(&juliet, to, NODE, &[]).await,
        publish(&juliet, to, NODE, &item("i", "x")).await,
    ] {
        assert_eq!(error_of(&answer).0, "remote-server-not-found", "{}", answer.to_xml());
    }
    let query = format!("<query xmlns='{}'/>", ns::DISCO_ITEMS);
    let answer = juliet.iq_ok("get", Some("localhost"), &query).await;
    assert!(!answer.to_xml().contains(SERVICE));
}

#[tokio::test]
async fn a_service_that_is_configured_is_found_and_its_addresses_below_are_not() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let query = format!("<query xmlns='{}'/>", ns::DISCO_ITEMS);
    let answer = juliet.iq_ok("get", Some("localhost"), &query).await;
    let items_of = answer.child(ns::DISCO_ITEMS, "query").unwrap();
    assert!(items_of.children().any(|item| item.attr("jid") == Some(SERVICE)));
    let answer = info(&juliet, Some(SERVICE), None).await;
    let query = answer.child(ns::DISCO_INFO, "query").unwrap();
    assert!(query.children().any(|child| {
        (child.attr("category"), child.attr("type")) == (Some("pubsub"), Some("service"))
    }));
    for to in ["somebody@pubsub.localhost", "other.localhost"] {
        let answer = create(&juliet, Some(to), NODE, &[]).await;
        assert_eq!(answer.attr("type"), Some("error"), "{to}");
    }
    assert!(shown(&juliet, SERVICE).await.is_empty());
}
