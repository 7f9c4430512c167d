//! XEP-0060 §5: what any entity may ask an account or the service of a domain.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    CONFIG, META_DATA, SERVICE, affiliate, cloister, create_ok, error_of, features, info, inner,
    is_error, is_ok, models, publish_ok, pubsub, services, services_with, subscribe, subscribe_ok,
    values,
};
use crate::kit::{Client, Cloister, condition};

/// All feature names of §10, behind `http://jabber.org/protocol/pubsub#`; `rsm` is of §6.5.4,
/// `pubsub-on-a-jid` of §9, and `config-node-max` of the registrar's list.
const REGISTERED: &[&str] = &[
    "access-authorize",
    "access-open",
    "access-presence",
    "access-roster",
    "access-whitelist",
    "auto-create",
    "auto-subscribe",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "filtered-notifications",
    "get-pending",
    "instant-nodes",
    "item-ids",
    "last-published",
    "leased-subscription",
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-items",
    "multi-subscribe",
    "outcast-affiliation",
    "persistent-items",
    "presence-notifications",
    "presence-subscribe",
    "publish",
    "publish-options",
    "publish-only-affiliation",
    "publisher-affiliation",
    "publish-node-full",
    "pubsub-on-a-jid",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-default-sub",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
    "subscription-options",
    "subscription-notifications",
];

#[tokio::test]
async fn s5_1_a_service_says_that_it_is_one() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let answer = info(&juliet, Some(SERVICE), None).await;
    assert!(identities(&answer).contains(&("pubsub", "service")), "{}", answer.to_xml());
    // §5.1: recommended, although nobody should depend on it.
    for feature in [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PUBSUB] {
        assert!(features(&answer).contains(&feature), "{feature}: {}", answer.to_xml());
    }
}

#[tokio::test]
async fn s5_1_an_account_says_that_it_is_a_service() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for (client, to) in
        [(&juliet, None), (&juliet, Some(juliet.bare())), (&romeo, Some(juliet.bare()))]
    {
        let answer = info(client, to, None).await;
        assert!(identities(&answer).contains(&("pubsub", "pep")), "{}", answer.to_xml());
        assert!(identities(&answer).contains(&("account", "registered")), "{}", answer.to_xml());
        // §9; in its text the address has one slash too few.
        let on_a_jid = format!("{}#pubsub-on-a-jid", ns::PUBSUB);
        assert!(features(&answer).contains(&&*on_a_jid), "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s5_1_the_features_that_are_announced_are_registered_and_each_stands_once() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let answer = info(&juliet, Some(&service), None).await;
        let prefix = format!("{}#", ns::PUBSUB);
        let mut names: Vec<_> =
            features(&answer).into_iter().filter_map(|name| name.strip_prefix(&*prefix)).collect();
        for name in &names {
            assert!(REGISTERED.contains(name), "{service} announces {name}");
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s10_what_is_recommended_and_done_here_is_announced() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let answer = info(&juliet, Some(&service), None).await;
        for name in [
            "config-node",
            "create-and-configure",
            "create-nodes",
            "delete-items",
            "delete-nodes",
            "instant-nodes",
            "item-ids",
            "member-affiliation",
            "outcast-affiliation",
            "persistent-items",
            "publish",
            "publisher-affiliation",
            "retrieve-affiliations",
            "retrieve-default",
            "retrieve-items",
            "retrieve-subscriptions",
            "subscribe",
            // Not only recommended: §6.5.4 and §7.1.5 say that who does it announces it.
            "rsm",
            "publish-options",
        ] {
            let feature = format!("{}#{name}", ns::PUBSUB);
            assert!(features(&answer).contains(&&*feature), "{service} does not announce {name}");
        }
    }
}

#[tokio::test]
async fn s5_1_the_domain_lists_its_service() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let answer = disco(&juliet, "localhost", None).await;
    assert!(listed(&answer).iter().any(|item| item.0 == SERVICE), "{}", answer.to_xml());
}

#[tokio::test]
async fn s5_1_a_service_that_is_not_configured_is_not_there() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let answer = disco(&juliet, "localhost", None).await;
    assert!(!listed(&answer).iter().any(|item| item.0 == SERVICE), "{}", answer.to_xml());
    let answer = info(&juliet, Some(SERVICE), None).await;
    assert_eq!(answer.attr("type"), Some("error"), "{}", answer.to_xml());
}

#[tokio::test]
async fn s5_1_each_domain_has_its_own_service() {
    let cloister = Cloister::with(
        "[[host]]\ndomain = 'localhost'\npubsub = 'pubsub.localhost'\n\
         [[host]]\ndomain = 'capulet.example'\npubsub = 'pubsub.capulet.example'\n",
    )
    .await;
    let juliet = cloister.online("juliet@capulet.example", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    create_ok(&juliet, Some("pubsub.capulet.example"), "letters", &[]).await;
    create_ok(&romeo, Some(SERVICE), "letters", &[]).await;
    publish_ok(&romeo, Some(SERVICE), "letters", "one", "of romeo").await;
    let answer = disco(&juliet, "capulet.example", None).await;
    let services: Vec<_> = listed(&answer).into_iter().map(|item| item.0).collect();
    assert!(services.contains(&"pubsub.capulet.example".to_owned()), "{services:?}");
    assert!(!services.contains(&SERVICE.to_owned()), "{services:?}");
    let answer = disco(&juliet, "pubsub.capulet.example", Some("letters")).await;
    assert!(listed(&answer).is_empty(), "{}", answer.to_xml());
}

#[tokio::test]
async fn s5_2_nodes_are_listed_with_the_address_of_the_service_and_their_title() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[("title", "Letters to my Beloved")]).await;
        create_ok(&juliet, to, "dreams", &[]).await;
        publish_ok(&juliet, to, "letters", "one", "O").await;
        let answer = disco(&juliet, &service, None).await;
        let listed = listed(&answer);
        let letters = listed.iter().find(|item| item.1.as_deref() == Some("letters"));
        let (jid, _, name) = letters.unwrap_or_else(|| panic!("{}", answer.to_xml()));
        assert_eq!((&**jid, name.as_deref()), (&*service, Some("Letters to my Beloved")));
        assert!(listed.iter().any(|item| item.1.as_deref() == Some("dreams")));
    }
}

#[tokio::test]
async fn s5_2_who_may_not_see_a_node_does_not_find_it() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        let mut all = models(&juliet, &service).await;
        for model in &all {
            create_ok(&juliet, to, model, &[("access_model", model)]).await;
        }
        create_ok(&juliet, to, "banned", &[("access_model", "open")]).await;
        affiliate(&juliet, to, "banned", romeo.bare(), "outcast").await;
        let found = nodes(&romeo, &service).await;
        affiliate(&juliet, to, "whitelist", romeo.bare(), "member").await;
        let found_as_member = nodes(&romeo, &service).await;
        // "Subject to local policies": XEP-0030 §8 has an account show nothing to strangers.
        if service == SERVICE || !found.is_empty() {
            assert_eq!(found, ["open"], "{service}");
            assert_eq!(found_as_member, ["open", "whitelist"], "{service}");
        }
        all.push("banned");
        all.sort_unstable();
        assert_eq!(nodes(&juliet, &service).await, all, "{service}");
    }
}

#[tokio::test]
async fn s5_2_who_sees_the_presence_of_the_owner_finds_the_nodes_for_contacts() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    for service in services_with(&juliet, "presence").await {
        for model in ["presence", "whitelist"] {
            create_ok(&juliet, Some(&service), model, &[("access_model", model)]).await;
        }
        assert_eq!(nodes(&romeo, &service).await, ["presence"], "{service}");
    }
}

#[tokio::test]
async fn s5_3_a_node_is_a_leaf() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[]).await;
        let answer = info(&juliet, Some(&service), Some("letters")).await;
        is_ok(&answer);
        assert_eq!(identities(&answer), [("pubsub", "leaf")], "{}", answer.to_xml());
        let query = answer.child(ns::DISCO_INFO, "query").unwrap();
        assert_eq!(query.attr("node"), Some("letters"));
    }
}

#[tokio::test]
async fn s5_3_a_node_that_is_not_there_is_not_found() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let answer = info(&juliet, Some(&service), Some("letters")).await;
        is_error(&answer, "item-not-found", "cancel", "");
        let answer = disco(&juliet, &service, Some("letters")).await;
        is_error(&answer, "item-not-found", "cancel", "");
    }
}

#[tokio::test]
async fn s5_4_what_a_node_is_about_stands_in_a_form() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [
        ("title", "Letters"),
        ("description", "to my Beloved"),
        ("access_model", "open"),
        ("publish_model", "publishers"),
        ("max_items", "7"),
        ("type", "urn:example:entry"),
    ];
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &options).await;
        affiliate(&juliet, to, "letters", "nurse@localhost", "publisher").await;
        subscribe_ok(&romeo, to, "letters").await;
        let answer = info(&romeo, to, Some("letters")).await;
        is_ok(&answer);
        let query = answer.child(ns::DISCO_INFO, "query").unwrap();
        // §10: the form is optional, but who announces it has it.
        let service = info(&juliet, to, None).await;
        if !features(&service).contains(&"http://jabber.org/protocol/pubsub#meta-data") {
            assert!(!query.has_child(ns::DATA_FORMS, "x"), "{}", answer.to_xml());
            continue;
        }
        let form = query.child(ns::DATA_FORMS, "x").expect("a form");
        assert_eq!(form.attr("type"), Some("result"));
        assert_eq!(values(query, "FORM_TYPE").unwrap(), [META_DATA]);
        for (name, value) in options {
            assert_eq!(values(query, name).unwrap_or_default(), [value], "{}", answer.to_xml());
        }
        assert_eq!(values(query, "owner").unwrap_or_default(), [juliet.bare()]);
        assert_eq!(values(query, "creator").unwrap_or_default(), [juliet.bare()]);
        let made = values(query, "creation_date").unwrap_or_default();
        assert!(made[0].starts_with("2026-01-01T00:00:00"), "{made:?}");
        // What the text calls "automatic" may be left out, and must be true where it is not.
        if let Some(count) = values(query, "num_subscribers") {
            assert_eq!(count, ["1"]);
        }
        if let Some(publishers) = values(query, "publisher") {
            assert!(publishers.contains(&"nurse@localhost".to_owned()), "{publishers:?}");
        }
    }
}

#[tokio::test]
async fn s5_5_items_are_listed_by_name_and_are_no_nodes() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let options = [("max_items", "10")];
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &options).await;
        let answer = disco(&juliet, &service, Some("letters")).await;
        is_ok(&answer);
        assert!(listed(&answer).is_empty());
        for id in ["one", "two", "three"] {
            publish_ok(&juliet, to, "letters", id, "O").await;
        }
        let answer = disco(&juliet, &service, Some("letters")).await;
        let query = answer.child(ns::DISCO_ITEMS, "query").unwrap();
        assert_eq!(query.attr("node"), Some("letters"));
        let name = |id: &str| (service.clone(), None, Some(id.to_owned()));
        let mut listed = listed(&answer);
        let mut all = [name("one"), name("two"), name("three")];
        // The text says nothing of their order.
        listed.sort();
        all.sort();
        assert_eq!(listed, all);
    }
}

#[tokio::test]
async fn s5_5_who_may_not_have_the_items_does_not_learn_their_names() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        let models = models(&juliet, &service).await;
        for model in &models {
            create_ok(&juliet, to, model, &[("access_model", model)]).await;
            publish_ok(&juliet, to, model, "secret", "O").await;
        }
        affiliate(&juliet, to, "open", romeo.bare(), "outcast").await;
        for node in &models {
            let answer = disco(&romeo, &service, Some(node)).await;
            assert!(!answer.to_xml().contains("secret"), "{}", answer.to_xml());
        }
    }
}

#[tokio::test]
async fn s5_6_somebody_without_subscriptions_has_none() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[("access_model", "open")]).await;
        let answer = ask(&romeo, &service, "<subscriptions/>").await;
        is_ok(&answer);
        assert!(inner(&answer, "subscriptions").has_no_children(), "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s5_6_all_subscriptions_of_the_account_are_listed_and_nobody_elses() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let orchard = cloister.online("romeo/orchard", "orchard").await;
    let street = cloister.online("romeo/street", "orchard").await;
    let nurse = cloister.online("nurse", "chamber").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for node in ["letters", "dreams", "daggers"] {
            create_ok(&juliet, to, node, &[("access_model", "open")]).await;
        }
        subscribe_ok(&orchard, to, "letters").await;
        is_ok(&subscribe(&street, to, "dreams", street.jid()).await);
        subscribe_ok(&nurse, to, "daggers").await;
        let all = [("dreams", street.jid()), ("letters", orchard.bare())];
        for client in [&orchard, &street] {
            let answer = ask(client, &service, "<subscriptions/>").await;
            assert_eq!(subscriptions(&answer), all, "{}", answer.to_xml());
        }
    }
}

#[tokio::test]
async fn s5_6_a_node_filters_the_subscriptions() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for node in ["letters", "dreams", "daggers"] {
            create_ok(&juliet, to, node, &[("access_model", "open")]).await;
        }
        subscribe_ok(&romeo, to, "letters").await;
        subscribe_ok(&romeo, to, "dreams").await;
        let answer = ask(&romeo, &service, "<subscriptions node='letters'/>").await;
        assert_eq!(subscriptions(&answer), [("letters", romeo.bare())], "{}", answer.to_xml());
        assert_eq!(inner(&answer, "subscriptions").attr("node"), Some("letters"));
        let answer = ask(&romeo, &service, "<subscriptions node='daggers'/>").await;
        is_ok(&answer);
        assert!(inner(&answer, "subscriptions").has_no_children(), "{}", answer.to_xml());
        // "This acts as a filter"; that there is no such node may be said as well.
        let answer = ask(&romeo, &service, "<subscriptions node='nowhere'/>").await;
        match answer.attr("type") {
            Some("error") => assert_eq!(condition(&answer), "item-not-found"),
            _ => assert!(inner(&answer, "subscriptions").has_no_children()),
        }
    }
}

#[tokio::test]
async fn s5_7_somebody_without_affiliations_has_none() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[("access_model", "open")]).await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
        let answer = ask(&romeo, &service, "<affiliations/>").await;
        is_ok(&answer);
        assert!(inner(&answer, "affiliations").has_no_children(), "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s5_7_all_own_affiliations_are_listed() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let given = [("a", "member"), ("b", "outcast"), ("c", "owner"), ("d", "publisher")];
    for service in services(&juliet) {
        let to = Some(&*service);
        for (node, affiliation) in given {
            create_ok(&juliet, to, node, &[]).await;
            affiliate(&juliet, to, node, romeo.bare(), affiliation).await;
        }
        create_ok(&juliet, to, "e", &[]).await;
        let answer = ask(&romeo, &service, "<affiliations/>").await;
        assert_eq!(affiliations(&answer), given, "{}", answer.to_xml());
        let answer = ask(&juliet, &service, "<affiliations/>").await;
        let own = ["a", "b", "c", "d", "e"].map(|node| (node, "owner"));
        assert_eq!(affiliations(&answer), own, "{}", answer.to_xml());
        affiliate(&juliet, to, "a", romeo.bare(), "none").await;
        let answer = ask(&romeo, &service, "<affiliations/>").await;
        assert_eq!(affiliations(&answer), given[1..], "{}", answer.to_xml());
    }
}

#[tokio::test]
async fn s5_7_the_affiliation_with_one_node_is_told() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        for node in ["letters", "dreams"] {
            create_ok(&juliet, to, node, &[]).await;
        }
        affiliate(&juliet, to, "letters", romeo.bare(), "publisher").await;
        let answer = ask(&romeo, &service, "<affiliations node='letters'/>").await;
        assert_eq!(affiliations(&answer), [("letters", "publisher")], "{}", answer.to_xml());
        // §4.1: "none" is an affiliation; §5.7 lists only what there is. Both say the same.
        let answer = ask(&romeo, &service, "<affiliations node='dreams'/>").await;
        if answer.attr("type") == Some("result") {
            let affiliations = affiliations(&answer);
            assert!(affiliations.iter().all(|it| it == &("dreams", "none")), "{affiliations:?}");
        } else {
            assert_eq!(error_of(&answer).0, "item-not-found");
        }
    }
}

#[tokio::test]
async fn s5_7_affiliations_and_subscriptions_outlive_a_restart() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), "letters", &[("access_model", "open")]).await;
        affiliate(&juliet, Some(&service), "letters", romeo.bare(), "member").await;
        subscribe_ok(&romeo, Some(&service), "letters").await;
    }
    let cloister = cloister.restart_with(CONFIG).await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in ["juliet@localhost", SERVICE] {
        let answer = ask(&romeo, service, "<affiliations/>").await;
        assert_eq!(affiliations(&answer), [("letters", "member")], "{}", answer.to_xml());
        let answer = ask(&romeo, service, "<subscriptions/>").await;
        assert_eq!(subscriptions(&answer), [("letters", romeo.bare())], "{}", answer.to_xml());
    }
}

async fn ask(client: &Client, to: &str, request: &str) -> Element {
    client.iq("get", Some(to), &pubsub(request)).await
}

/// The answer to disco#items.
async fn disco(client: &Client, to: &str, node: Option<&str>) -> Element {
    let node = node.map(|node| format!(" node='{node}'")).unwrap_or_default();
    client.iq("get", Some(to), &format!("<query xmlns='{}'{node}/>", ns::DISCO_ITEMS)).await
}

/// Address, node and name of all that is listed.
fn listed(answer: &Element) -> Vec<(String, Option<String>, Option<String>)> {
    is_ok(answer);
    let query = answer.child(ns::DISCO_ITEMS, "query").unwrap();
    let text = |item: &Element, name: &str| item.attr(name).map(str::to_owned);
    let items = query.children();
    items.map(|it| (text(it, "jid").unwrap(), text(it, "node"), text(it, "name"))).collect()
}

/// The nodes of a service that a client finds, by name.
async fn nodes(client: &Client, service: &str) -> Vec<String> {
    let answer = disco(client, service, None).await;
    let mut nodes: Vec<_> = listed(&answer).into_iter().filter_map(|item| item.1).collect();
    nodes.sort();
    nodes
}

fn identities(answer: &Element) -> Vec<(&str, &str)> {
    is_ok(answer);
    let query = answer.child(ns::DISCO_INFO, "query").unwrap();
    let identities = query.children().filter(|child| child.name() == "identity");
    identities.map(|i| (i.attr("category").unwrap(), i.attr("type").unwrap())).collect()
}

/// Node and address of all subscriptions in an answer, which must be subscribed, by node.
fn subscriptions(answer: &Element) -> Vec<(&str, &str)> {
    is_ok(answer);
    let all = inner(answer, "subscriptions").children();
    let pair = |it: &'_ Element| {
        assert_eq!(it.attr("subscription"), Some("subscribed"), "{}", answer.to_xml());
    };
    let mut all: Vec<_> = all
        .inspect(|it| pair(it))
        .map(|it| (it.attr("node").unwrap(), it.attr("jid").unwrap()))
        .collect();
    all.sort_unstable();
    all
}

/// Node and affiliation of all in an answer, by node.
fn affiliations(answer: &Element) -> Vec<(&str, &str)> {
    is_ok(answer);
    let all = inner(answer, "affiliations").children();
    let mut all: Vec<_> =
        all.map(|it| (it.attr("node").unwrap(), it.attr("affiliation").unwrap())).collect();
    all.sort_unstable();
    all
}
