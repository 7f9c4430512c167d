//! XEP-0030: Service Discovery.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister};

const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
const ITEMS: &str = "<query xmlns='http://jabber.org/protocol/disco#items'/>";
const INFO_OF_NODE: &str = "<query xmlns='http://jabber.org/protocol/disco#info' node='nowhere'/>";
const ITEMS_OF_NODE: &str =
    "<query xmlns='http://jabber.org/protocol/disco#items' node='nowhere'/>";

#[tokio::test]
async fn s3_1_the_host_says_that_it_is_an_instant_messaging_server() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let info = info(&juliet, Some("localhost")).await;
    assert_eq!(identities(&info), [("server", "im")]);
    for feature in [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::VCARD, ns::LAST, ns::CAPS] {
        assert!(features(&info).contains(&feature), "{feature} is not announced");
    }
}

#[tokio::test]
async fn s3_1_no_feature_is_announced_twice() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some("localhost")] {
        let info = info(&juliet, to).await;
        let mut once = features(&info);
        once.dedup();
        assert_eq!(once, features(&info));
    }
}

#[tokio::test]
async fn s3_1_the_own_account_is_a_registered_account() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some(juliet.bare())] {
        let info = info(&juliet, to).await;
        assert!(identities(&info).contains(&("account", "registered")));
        assert!(features(&info).contains(&ns::DISCO_INFO));
    }
}

#[tokio::test]
async fn s7_a_node_that_is_not_there_is_not_found() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some(juliet.bare()), Some("localhost")] {
        assert_eq!(juliet.iq_error("get", to, INFO_OF_NODE).await, "item-not-found");
        assert_eq!(juliet.iq_error("get", to, ITEMS_OF_NODE).await, "item-not-found");
    }
}

#[tokio::test]
async fn s8_a_stranger_is_not_told_what_an_account_can_do() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for to in [romeo.bare(), "nobody@localhost"] {
        for query in [INFO, INFO_OF_NODE] {
            assert_eq!(juliet.iq_error("get", Some(to), query).await, "service-unavailable");
        }
    }
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s8_a_stranger_sees_no_items_of_an_account() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for query in [ITEMS, ITEMS_OF_NODE] {
        let answer = juliet.iq_ok("get", Some(romeo.bare()), query).await;
        assert!(answer.child(ns::DISCO_ITEMS, "query").unwrap().has_no_children());
    }
}

#[tokio::test]
async fn s8_a_contact_who_sees_the_presence_is_told_the_features() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    let info = info(&juliet, Some(romeo.bare())).await;
    assert!(identities(&info).contains(&("account", "registered")));
    assert_eq!(juliet.iq_error("get", Some(romeo.bare()), INFO_OF_NODE).await, "item-not-found");
}

#[tokio::test]
async fn s8_who_only_shows_the_own_presence_is_told_nothing() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    romeo.send(format!("<presence to='{}' type='unsubscribed'/>", juliet.bare())).await;
    romeo.fence().await;
    assert_eq!(juliet.iq_error("get", Some(romeo.bare()), INFO).await, "service-unavailable");
    info(&romeo, Some(juliet.bare())).await;
}

#[tokio::test]
async fn the_host_and_the_own_account_answer_a_request_for_items() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some("localhost")] {
        let answer = juliet.iq_ok("get", to, ITEMS).await;
        assert!(answer.has_child(ns::DISCO_ITEMS, "query"));
    }
}

async fn info(client: &Client, to: Option<&str>) -> Element {
    let answer = client.iq_ok("get", to, INFO).await;
    answer.child(ns::DISCO_INFO, "query").unwrap().clone()
}

fn identities(info: &Element) -> Vec<(&str, &str)> {
    let identities = info.children().filter(|child| child.name() == "identity");
    identities.map(|i| (i.attr("category").unwrap(), i.attr("type").unwrap())).collect()
}

fn features(info: &Element) -> Vec<&str> {
    let features = info.children().filter(|child| child.name() == "feature");
    features.map(|feature| feature.attr("var").unwrap()).collect()
}
