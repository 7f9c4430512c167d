//! XEP-0060: Publish-Subscribe, whom the owner subscribes (§8.8) and affiliates (§8.9).

use cloister::xml::Element;

use crate::kit::Cloister;
use crate::kit::pubsub::{
    SERVICE, affiliate, cloister, create_ok, error_of, event, events, inner, is_error, is_ok, item,
    owner, publish, publish_ok, services, stored, told,
};
use crate::xep_0060_owner::{
    INTEREST, NODE, TALKATIVE, change, configuration, entries, list, lovers, pairs, subscribed,
};

// §8.8

#[tokio::test]
async fn s8_8_1_the_owner_sees_who_is_subscribed() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        let all = list(&juliet, &service, "subscriptions").await;
        assert_eq!(all, pairs(&[("romeo@localhost", "subscribed")]), "{service}");
    }
}

#[tokio::test]
async fn s8_8_nobody_else_manages_subscriptions_and_the_node_is_there() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, TALKATIVE).await;
        for affiliation in ["none", "member", "publisher"] {
            affiliate(&juliet, Some(&service), NODE, romeo.bare(), affiliation).await;
            let ask = owner(&format!("<subscriptions node='{NODE}'/>"));
            let answer = romeo.iq("get", Some(&service), &ask).await;
            is_error(&answer, "forbidden", "auth", "");
            let changes = [("romeo@localhost", "subscribed")];
            let answer = change(&romeo, &service, "subscriptions", &changes).await;
            is_error(&answer, "forbidden", "auth", "");
        }
        let ask = owner("<subscriptions node='other'/>");
        let answer = juliet.iq("get", Some(&service), &ask).await;
        is_error(&answer, "item-not-found", "cancel", "");
        let set = owner(
            "<subscriptions node='other'><subscription jid='romeo@localhost' \
             subscription='subscribed'/></subscriptions>",
        );
        let answer = juliet.iq("set", Some(&service), &set).await;
        is_error(&answer, "item-not-found", "cancel", "");
        assert!(list(&juliet, &service, "subscriptions").await.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn s8_8_2_who_is_subscribed_by_the_owner_is_told_and_gets_events() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, TALKATIVE).await;
        let changes = [("romeo@localhost", "subscribed")];
        is_ok(&change(&juliet, &service, "subscriptions", &changes).await);
        // §8.8.4, §12.13
        let came = romeo.drain().await;
        let message = came.iter().find(|stanza| event(stanza).is_some());
        let message = message.unwrap_or_else(|| panic!("no event at {service}: {came:?}"));
        let subscription = told(message, "subscription");
        assert_eq!(subscription.attr("node"), Some(NODE));
        assert_eq!(subscription.attr("jid"), Some("romeo@localhost"));
        assert_eq!(subscription.attr("subscription"), Some("subscribed"));
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        assert_eq!(events(&romeo).await.len(), 1, "{service}");
    }
}

#[tokio::test]
async fn s8_8_3_who_is_unsubscribed_by_the_owner_is_told_and_gets_no_more() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online_with("romeo", "orchard", INTEREST).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        is_ok(&change(&juliet, &service, "subscriptions", &[("romeo@localhost", "none")]).await);
        let came = romeo.drain().await;
        let message = came.iter().find(|stanza| event(stanza).is_some());
        let message = message.unwrap_or_else(|| panic!("no event at {service}: {came:?}"));
        let subscription = told(message, "subscription");
        assert_eq!(subscription.attr("node"), Some(NODE));
        assert_eq!(subscription.attr("subscription"), Some("none"), "{service}");
        assert!(list(&juliet, &service, "subscriptions").await.is_empty(), "{service}");
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        assert!(events(&romeo).await.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn s8_8_2_1_a_subscription_without_a_state_is_not_changed() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        for jid in ["romeo@localhost", "tybalt@localhost"] {
            let entry = format!("<subscription jid='{jid}'/>");
            let set = format!("<subscriptions node='{NODE}'>{entry}</subscriptions>");
            juliet.iq("set", Some(&service), &owner(&set)).await;
        }
        let all = list(&juliet, &service, "subscriptions").await;
        assert_eq!(all, pairs(&[("romeo@localhost", "subscribed")]), "{service}");
    }
}

#[tokio::test]
async fn s8_8_2_4_of_several_subscriptions_those_that_fail_come_back_as_they_are() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for name in ["nurse", "paris"] {
        cloister.account(name, "secret").await;
    }
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        let changes = [
            ("nurse@localhost", "subscribed"),
            ("romeo@localhost", "nonsense"),
            ("paris@localhost", "subscribed"),
        ];
        let answer = change(&juliet, &service, "subscriptions", &changes).await;
        let after = list(&juliet, &service, "subscriptions").await;
        fails_as_told(&answer, "subscriptions", &changes, &after, &service);
        assert!(after.contains(&("romeo@localhost".to_owned(), "subscribed".to_owned())));
    }
}

/// What came back in an error is as it came back, and all else was changed.
fn fails_as_told(
    answer: &Element,
    name: &str,
    changes: &[(&str, &str)],
    after: &[(String, String)],
    service: &str,
) {
    assert_eq!(error_of(answer).0, "not-acceptable", "{service}: {}", answer.to_xml());
    let failed = entries(inner(answer, name));
    let is_now = |jid: &str| {
        let found = after.iter().find(|(other, _)| other == jid);
        found.map_or("none", |(_, what)| what.as_str()).to_owned()
    };
    assert!(!failed.is_empty(), "{service}");
    for (jid, what) in &failed {
        assert_eq!(*what, is_now(jid), "{jid} at {service} comes back as it is");
    }
    for (jid, what) in changes {
        if !failed.iter().any(|(other, _)| other == jid) {
            assert_eq!(*what, is_now(jid), "{jid} at {service} did not come back");
        }
    }
}

// §8.9

#[tokio::test]
async fn s8_9_1_the_owner_sees_all_affiliations_but_none() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        let changes = [
            ("nurse@localhost", "member"),
            ("paris@localhost", "outcast"),
            ("romeo@localhost", "publisher"),
        ];
        is_ok(&change(&juliet, &service, "affiliations", &changes).await);
        let mut all = pairs(&changes);
        all.insert(0, ("juliet@localhost".to_owned(), "owner".to_owned()));
        assert_eq!(list(&juliet, &service, "affiliations").await, all, "{service}");
        // §8.9.3
        is_ok(&change(&juliet, &service, "affiliations", &[("paris@localhost", "none")]).await);
        all.remove(2);
        assert_eq!(list(&juliet, &service, "affiliations").await, all, "{service}");
    }
}

#[tokio::test]
async fn s8_9_nobody_else_manages_affiliations_and_the_node_is_there() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, TALKATIVE).await;
        for affiliation in ["none", "member", "publisher"] {
            affiliate(&juliet, Some(&service), NODE, romeo.bare(), affiliation).await;
            let ask = owner(&format!("<affiliations node='{NODE}'/>"));
            let answer = romeo.iq("get", Some(&service), &ask).await;
            is_error(&answer, "forbidden", "auth", "");
            let changes = [("romeo@localhost", "owner")];
            let answer = change(&romeo, &service, "affiliations", &changes).await;
            is_error(&answer, "forbidden", "auth", "");
        }
        let ask = owner("<affiliations node='other'/>");
        let answer = juliet.iq("get", Some(&service), &ask).await;
        is_error(&answer, "item-not-found", "cancel", "");
        let set = owner(
            "<affiliations node='other'><affiliation jid='romeo@localhost' \
             affiliation='member'/></affiliations>",
        );
        let answer = juliet.iq("set", Some(&service), &set).await;
        is_error(&answer, "item-not-found", "cancel", "");
    }
}

#[tokio::test]
async fn s8_9_2_a_publisher_publishes_and_stops_when_he_is_none_any_more() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, TALKATIVE).await;
        affiliate(&juliet, Some(&service), NODE, romeo.bare(), "publisher").await;
        publish_ok(&romeo, Some(&service), NODE, "mine", "x").await;
        affiliate(&juliet, Some(&service), NODE, romeo.bare(), "none").await;
        let answer = publish(&romeo, Some(&service), NODE, &item("other", "x")).await;
        is_error(&answer, "forbidden", "auth", "");
        assert_eq!(stored(&juliet, Some(&service), NODE).await, ["mine"], "{service}");
    }
}

#[tokio::test]
async fn s8_9_2_4_the_last_owner_stays() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        for less in ["none", "member", "publisher", "outcast"] {
            let changes = [
                ("juliet@localhost", less),
                ("paris@localhost", "none"),
                ("romeo@localhost", "publisher"),
            ];
            let answer = change(&juliet, &service, "affiliations", &changes).await;
            let after = list(&juliet, &service, "affiliations").await;
            fails_as_told(&answer, "affiliations", &changes, &after, &service);
            let owner = ("juliet@localhost".to_owned(), "owner".to_owned());
            assert!(after.contains(&owner), "{less} at {service}");
        }
    }
}

#[tokio::test]
async fn s8_9_2_4_two_owners_do_not_both_resign_in_one_request() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        affiliate(&juliet, Some(&service), NODE, "romeo@localhost", "owner").await;
        let changes = [("romeo@localhost", "none"), ("juliet@localhost", "none")];
        change(&juliet, &service, "affiliations", &changes).await;
        let ask = owner(&format!("<affiliations node='{NODE}'/>"));
        let romeo = cloister.login("romeo", "orchard").await;
        let mut owners = 0;
        for client in [&juliet, &romeo] {
            let answer = client.iq("get", Some(&service), &ask).await;
            owners += usize::from(answer.attr("type") == Some("result"));
        }
        assert!(owners > 0, "{service} has a node that nobody owns");
    }
}

#[tokio::test]
async fn s8_9_an_owner_resigns_where_there_is_another() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    create_ok(&juliet, Some(SERVICE), NODE, &[]).await;
    affiliate(&juliet, Some(SERVICE), NODE, romeo.bare(), "owner").await;
    let changes = [("juliet@localhost", "none")];
    is_ok(&change(&juliet, SERVICE, "affiliations", &changes).await);
    let all = list(&romeo, SERVICE, "affiliations").await;
    assert_eq!(all, pairs(&[("romeo@localhost", "owner")]));
    is_error(&configuration(&juliet, SERVICE).await, "forbidden", "auth", "");
}

#[tokio::test]
async fn the_nodes_of_an_account_are_its_own_whoever_owns_them_besides() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    create_ok(&juliet, None, NODE, &[]).await;
    affiliate(&juliet, None, NODE, romeo.bare(), "owner").await;
    for what in ["none", "outcast"] {
        let changes = [("juliet@localhost", what)];
        let answer = change(&romeo, juliet.bare(), "affiliations", &changes).await;
        assert_eq!(answer.attr("type"), Some("error"), "{what}: {}", answer.to_xml());
    }
    is_ok(&configuration(&juliet, juliet.bare()).await);
    publish_ok(&juliet, None, NODE, "i", "x").await;
}

#[tokio::test]
async fn s8_9_2_4_nobody_is_named_twice() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        for other in ["romeo@localhost", "ROMEO@localhost", "romeo@localhost/orchard"] {
            let changes = [("romeo@localhost", "member"), (other, "publisher")];
            let answer = change(&juliet, &service, "affiliations", &changes).await;
            assert_eq!(error_of(&answer).0, "bad-request", "{other} at {service}");
            let all = list(&juliet, &service, "affiliations").await;
            assert_eq!(all.len(), 1, "{other} at {service}: {all:?}");
        }
    }
}

#[tokio::test]
async fn s8_9_2_1_an_affiliation_that_is_not_named_is_not_changed() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        affiliate(&juliet, Some(&service), NODE, "romeo@localhost", "member").await;
        let entry = "<affiliation jid='romeo@localhost'/>";
        let set = owner(&format!("<affiliations node='{NODE}'>{entry}</affiliations>"));
        juliet.iq("set", Some(&service), &set).await;
        let all = list(&juliet, &service, "affiliations").await;
        let right = pairs(&[("juliet@localhost", "owner"), ("romeo@localhost", "member")]);
        assert_eq!(all, right, "{service}");
    }
}

#[tokio::test]
async fn s8_9_2_3_an_affiliation_that_is_not_known_is_refused() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        for what in ["king", "", "Owner"] {
            let changes = [("romeo@localhost", what)];
            let answer = change(&juliet, &service, "affiliations", &changes).await;
            let (condition, ..) = error_of(&answer);
            assert!(
                ["not-acceptable", "bad-request", "feature-not-implemented"].contains(&&*condition),
                "{what:?} at {service}: {condition}"
            );
        }
        for jid in ["", "@localhost", "a b@localhost"] {
            let answer = change(&juliet, &service, "affiliations", &[(jid, "member")]).await;
            let (condition, ..) = error_of(&answer);
            assert!(
                ["not-acceptable", "bad-request", "jid-malformed"].contains(&&*condition),
                "{jid:?} at {service}: {condition}"
            );
        }
        assert_eq!(list(&juliet, &service, "affiliations").await.len(), 1, "{service}");
    }
}

#[tokio::test]
async fn s4_1_an_affiliation_is_of_a_bare_address() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        change(&juliet, &service, "affiliations", &[("romeo@localhost/orchard", "member")]).await;
        for (jid, _) in list(&juliet, &service, "affiliations").await {
            assert!(!jid.contains('/'), "{jid} at {service}");
        }
    }
}

#[tokio::test]
async fn s4_1_an_outcast_is_subscribed_no_more() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        affiliate(&juliet, Some(&service), NODE, romeo.bare(), "outcast").await;
        romeo.drain().await;
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        assert!(events(&romeo).await.is_empty(), "{service}");
        assert!(list(&juliet, &service, "subscriptions").await.is_empty(), "{service}");
        // Nor is he when he is no outcast any more, unless he asks again.
        affiliate(&juliet, Some(&service), NODE, romeo.bare(), "none").await;
        assert!(list(&juliet, &service, "subscriptions").await.is_empty(), "{service}");
    }
}
