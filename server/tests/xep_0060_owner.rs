//! XEP-0060: Publish-Subscribe, what the owner of a node makes and configures (§8.1 to
//! §8.3).
//!
//! Everything is asked of two services: an account (XEP-0163), and the service of a domain.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    NODE_CONFIG, SERVICE, cloister, configure, create, create_ok, error_of, events, features, form,
    info, inner, is_error, is_ok, notified, owner, publish_ok, pubsub, services, stored,
    subscribe_ok, told, values,
};
use crate::kit::{Client, Cloister};

pub(crate) const NODE: &str = "princely_musings";
pub(crate) const INTEREST: &[&str] = &["princely_musings+notify"];
/// What makes a node that anybody may subscribe to, and that says everything it can say.
pub(crate) const TALKATIVE: &[(&str, &str)] = &[
    ("access_model", "open"),
    ("persist_items", "1"),
    ("max_items", "10"),
    ("notify_config", "1"),
    ("notify_delete", "1"),
    ("notify_retract", "1"),
];

/// Juliet, who owns what there is, and romeo; they see each other.
pub(crate) async fn lovers(cloister: &Cloister) -> (Client, Client) {
    let mut juliet = cloister.online_with("juliet/balcony", "balcony", &[]).await;
    let mut romeo = cloister.online_with("romeo/orchard", "orchard", INTEREST).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (juliet, romeo)
}

/// A node that romeo is subscribed to at that service.
pub(crate) async fn subscribed(
    juliet: &Client,
    romeo: &Client,
    service: &str,
    options: &[(&str, &str)],
) {
    create_ok(juliet, Some(service), NODE, options).await;
    subscribe_ok(romeo, Some(service), NODE).await;
    juliet.drain().await;
}

/// The values that an owner reads in the configuration.
pub(crate) async fn configured(client: &Client, service: &str, name: &str) -> Option<Vec<String>> {
    let answer = configuration(client, service).await;
    is_ok(&answer);
    values(inner(&answer, "configure"), name)
}

pub(crate) async fn configuration(client: &Client, service: &str) -> Element {
    client.iq("get", Some(service), &owner(&format!("<configure node='{NODE}'/>"))).await
}

/// Who is on an owner's list: address and what he is.
pub(crate) async fn list(client: &Client, service: &str, name: &str) -> Vec<(String, String)> {
    let answer = client.iq("get", Some(service), &owner(&format!("<{name} node='{NODE}'/>"))).await;
    is_ok(&answer);
    entries(inner(&answer, name))
}

pub(crate) fn entries(list: &Element) -> Vec<(String, String)> {
    let what = list.name().trim_end_matches('s');
    let of = |entry: &Element, name| entry.attr(name).unwrap_or_default().to_owned();
    let mut entries: Vec<_> =
        list.children().map(|entry| (of(entry, "jid"), of(entry, what))).collect();
    entries.sort();
    entries
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

/// A change of several entries of a list.
pub(crate) async fn change(
    client: &Client,
    service: &str,
    name: &str,
    changes: &[(&str, &str)],
) -> Element {
    let what = name.trim_end_matches('s');
    let entries: String = changes
        .iter()
        .map(|(jid, value)| format!("<{what} jid='{jid}' {what}='{value}'/>"))
        .collect();
    let request = owner(&format!("<{name} node='{NODE}'>{entries}</{name}>"));
    client.iq("set", Some(service), &request).await
}

/// The node is not there.
pub(crate) async fn is_absent(client: &Client, service: &str) {
    is_error(&configuration(client, service).await, "item-not-found", "cancel", "");
}

// §8.1

#[tokio::test]
async fn s8_1_2_a_node_that_is_created_belongs_to_its_creator() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        let all = list(&juliet, &service, "affiliations").await;
        assert_eq!(all, pairs(&[("juliet@localhost", "owner")]), "{service}");
    }
}

#[tokio::test]
async fn s8_1_2_the_default_access_model_is_open_at_a_service_and_presence_at_an_account() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for (service, model) in [(juliet.bare(), "presence"), (SERVICE, "open")] {
        create_ok(&juliet, Some(service), NODE, &[]).await;
        let found = configured(&juliet, service, "access_model").await;
        assert_eq!(found, Some(vec![model.to_owned()]), "{service}");
    }
}

#[tokio::test]
async fn s8_1_1_an_instant_node_gets_a_name_that_no_other_has() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let mut names = Vec::new();
        for _ in 0..2 {
            let answer = juliet.iq("set", Some(&service), &pubsub("<create/>")).await;
            is_ok(&answer);
            names.push(inner(&answer, "create").attr("node").expect("a name").to_owned());
        }
        assert_ne!(names[0], names[1], "{service}");
        for name in names {
            publish_ok(&juliet, Some(&service), &name, "i", "x").await;
            assert_eq!(stored(&juliet, Some(&service), &name).await, ["i"], "{service}");
        }
    }
}

#[tokio::test]
async fn s8_1_1_a_name_that_is_taken_is_a_conflict_and_the_node_stays_as_it_is() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("title", "Musings")]).await;
        publish_ok(&juliet, Some(&service), NODE, "i", "x").await;
        for options in [&[][..], &[("title", "Other")][..]] {
            let answer = create(&juliet, Some(&service), NODE, options).await;
            is_error(&answer, "conflict", "cancel", "");
        }
        let title = configured(&juliet, &service, "title").await;
        assert_eq!(title, Some(vec!["Musings".to_owned()]), "{service}");
        assert_eq!(stored(&juliet, Some(&service), NODE).await, ["i"], "{service}");
    }
}

#[tokio::test]
async fn s8_1_1_nobody_creates_nodes_at_the_account_of_another() {
    let cloister = Cloister::start().await;
    let (juliet, romeo) = lovers(&cloister).await;
    let answer = create(&romeo, Some(juliet.bare()), NODE, &[]).await;
    is_error(&answer, "forbidden", "auth", "");
    is_absent(&juliet, juliet.bare()).await;
}

#[tokio::test]
async fn s8_1_1_what_another_has_made_at_the_service_is_a_conflict_too() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    create_ok(&juliet, Some(SERVICE), NODE, &[("access_model", "whitelist")]).await;
    let answer = create(&romeo, Some(SERVICE), NODE, &[]).await;
    is_error(&answer, "conflict", "cancel", "");
}

#[tokio::test]
async fn s8_1_2_an_access_model_that_is_not_supported_makes_no_node() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        for model in ["authorize", "nonsense", ""] {
            let options = [("access_model", model)];
            let answer = create(&juliet, Some(&service), NODE, &options).await;
            is_error(&answer, "not-acceptable", "modify", "unsupported-access-model");
            is_absent(&juliet, &service).await;
        }
    }
}

#[tokio::test]
async fn s8_1_3_a_node_is_created_and_configured_at_once() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let options = [
        ("title", "Princely Musings (Atom)"),
        ("deliver_notifications", "1"),
        ("deliver_payloads", "0"),
        ("persist_items", "1"),
        ("max_items", "7"),
        ("item_expire", "604800"),
        ("access_model", "whitelist"),
        ("publish_model", "subscribers"),
        ("send_last_published_item", "never"),
        ("notify_config", "1"),
        ("notify_delete", "1"),
        ("notify_retract", "1"),
        ("max_payload_size", "1028"),
        ("type", "urn:example:e2ee:bundle"),
    ];
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &options).await;
        for (name, value) in options {
            let found = configured(&juliet, &service, name).await;
            let found =
                found.map(|values| values.concat().replace("true", "1").replace("false", "0"));
            assert_eq!(found.as_deref(), Some(value), "{name} at {service}");
        }
    }
}

#[tokio::test]
async fn s8_1_3_the_configuration_follows_the_creation_and_names_no_node() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let form = form(NODE_CONFIG, &[("title", "x")]);
    for service in services(&juliet) {
        for wrong in [
            format!("<configure>{form}</configure><create node='{NODE}'/>"),
            format!("<create node='{NODE}'/><configure node='{NODE}'>{form}</configure>"),
        ] {
            let answer = juliet.iq("set", Some(&service), &pubsub(&wrong)).await;
            assert_eq!(error_of(&answer).0, "bad-request", "{service}: {wrong}");
            is_absent(&juliet, &service).await;
        }
    }
}

#[tokio::test]
async fn s8_1_3_what_cannot_be_configured_is_not_created_either() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        for wrong in [
            ("max_items", "many"),
            ("max_items", "-1"),
            ("item_expire", "-1"),
            ("max_payload_size", "-1"),
            ("persist_items", "perhaps"),
            ("publish_model", "nonsense"),
            ("send_last_published_item", "sometimes"),
            ("node_type", "collection"),
        ] {
            let answer = create(&juliet, Some(&service), NODE, &[("title", "x"), wrong]).await;
            let error = error_of(&answer);
            assert!(
                ["bad-request", "not-acceptable", "feature-not-implemented"].contains(&&*error.0),
                "{wrong:?} at {service}: {error:?}"
            );
            is_absent(&juliet, &service).await;
        }
    }
}

#[tokio::test]
async fn s8_1_the_service_announces_what_owners_can_do() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let answer = info(&juliet, Some(&service), None).await;
        let features = features(&answer);
        for name in [
            "create-nodes",
            "create-and-configure",
            "instant-nodes",
            "config-node",
            "retrieve-default",
            "delete-nodes",
            "purge-nodes",
            "manage-subscriptions",
            "modify-affiliations",
            "member-affiliation",
            "outcast-affiliation",
            "publisher-affiliation",
        ] {
            let feature = format!("{}#{name}", ns::PUBSUB);
            assert!(features.contains(&&*feature), "{name} at {service}: {features:?}");
        }
        for name in ["get-pending", "access-authorize", "multi-subscribe", "collections"] {
            let feature = format!("{}#{name}", ns::PUBSUB);
            assert!(!features.contains(&&*feature), "{name} at {service}: {features:?}");
        }
    }
}

// §8.2

#[tokio::test]
async fn s8_2_2_the_owner_gets_a_form_with_what_is_configured() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("title", "Musings"), ("max_items", "7")]).await;
        let answer = configuration(&juliet, &service).await;
        is_ok(&answer);
        let configure = inner(&answer, "configure");
        assert_eq!(configure.ns(), ns::PUBSUB_OWNER);
        assert_eq!(configure.attr("node"), Some(NODE));
        let form = configure.child(ns::DATA_FORMS, "x").expect("a form");
        assert_eq!(form.attr("type"), Some("form"));
        assert_eq!(values(configure, "FORM_TYPE"), Some(vec![NODE_CONFIG.to_owned()]));
        assert_eq!(values(configure, "title"), Some(vec!["Musings".to_owned()]));
        assert_eq!(values(configure, "max_items"), Some(vec!["7".to_owned()]));
    }
}

#[tokio::test]
async fn s8_2_2_a_choice_of_the_form_is_among_its_options() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        let answer = configuration(&juliet, &service).await;
        let form = inner(&answer, "configure").child(ns::DATA_FORMS, "x").expect("a form");
        let lists = form.children().filter(|field| field.attr("type") == Some("list-single"));
        let mut known = 0;
        for field in lists {
            let of = |field: &Element| {
                field.child(ns::DATA_FORMS, "value").map(|v| v.text().into_owned())
            };
            let options: Vec<_> =
                field.children().filter(|child| child.name() == "option").map(of).collect();
            assert!(options.contains(&of(field)), "{service}: {}", field.to_xml());
            assert!(!options.contains(&Some("authorize".to_owned())), "{}", field.to_xml());
            known += 1;
        }
        assert!(known >= 2, "{service}: {}", form.to_xml());
    }
}

#[tokio::test]
async fn s8_2_2_all_that_the_form_offers_may_be_submitted_as_it_is() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("title", "Musings")]).await;
        let before = configuration(&juliet, &service).await;
        let form = inner(&before, "configure").child(ns::DATA_FORMS, "x").expect("a form");
        let form = form.to_xml().replacen("type='form'", "type='submit'", 1);
        let request = owner(&format!("<configure node='{NODE}'>{form}</configure>"));
        juliet.iq_ok("set", Some(&service), &request).await;
        let after = configuration(&juliet, &service).await;
        assert_eq!(inner(&before, "configure"), inner(&after, "configure"), "{service}");
    }
}

#[tokio::test]
async fn s8_2_3_only_the_owner_configures_and_names_a_node_that_is_there() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, TALKATIVE).await;
        is_error(&configuration(&romeo, &service).await, "forbidden", "auth", "");
        let answer = configure(&romeo, Some(&service), NODE, &[("title", "mine")]).await;
        is_error(&answer, "forbidden", "auth", "");
        let answer = juliet.iq("get", Some(&service), &owner("<configure/>")).await;
        is_error(&answer, "bad-request", "modify", "nodeid-required");
        let answer = configure(&juliet, Some(&service), "other", &[("title", "x")]).await;
        is_error(&answer, "item-not-found", "cancel", "");
    }
}

#[tokio::test]
async fn s8_2_4_what_is_not_submitted_stays_as_it_was() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("title", "Musings"), ("max_items", "7")]).await;
        is_ok(&configure(&juliet, Some(&service), NODE, &[("max_items", "8")]).await);
        let title = configured(&juliet, &service, "title").await;
        assert_eq!(title, Some(vec!["Musings".to_owned()]), "{service}");
        let max = configured(&juliet, &service, "max_items").await;
        assert_eq!(max, Some(vec!["8".to_owned()]), "{service}");
    }
}

#[tokio::test]
async fn s8_2_4_a_configuration_that_is_cancelled_changes_nothing() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        let before = configuration(&juliet, &service).await;
        let cancel = format!("<x xmlns='{}' type='cancel'/>", ns::DATA_FORMS);
        let request = owner(&format!("<configure node='{NODE}'>{cancel}</configure>"));
        juliet.iq_ok("set", Some(&service), &request).await;
        let after = configuration(&juliet, &service).await;
        assert_eq!(inner(&before, "configure"), inner(&after, "configure"), "{service}");
        assert!(events(&romeo).await.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn s8_2_5_2_what_cannot_be_changed_is_not_acceptable_and_nothing_is() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("title", "Musings")]).await;
        for (wrong, condition) in [
            (("access_model", "authorize"), &["not-acceptable"][..]),
            (("max_items", "-1"), &["not-acceptable", "bad-request"]),
            (("max_items", "many"), &["not-acceptable", "bad-request"]),
            (("item_expire", "99999999999999999999999"), &["not-acceptable", "bad-request"]),
        ] {
            let options = [("title", "Other"), wrong];
            let answer = configure(&juliet, Some(&service), NODE, &options).await;
            let error = error_of(&answer);
            assert!(condition.contains(&&*error.0), "{wrong:?} at {service}: {error:?}");
            let title = configured(&juliet, &service, "title").await;
            assert_eq!(title, Some(vec!["Musings".to_owned()]), "{wrong:?} at {service}");
        }
    }
}

#[tokio::test]
async fn s8_2_4_a_form_that_is_about_something_else_configures_nothing() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("title", "Musings")]).await;
        let other = form("http://jabber.org/protocol/muc#roomconfig", &[("title", "Other")]);
        for wrong in [other, String::new()] {
            let request = owner(&format!("<configure node='{NODE}'>{wrong}</configure>"));
            let answer = juliet.iq("set", Some(&service), &request).await;
            assert_eq!(answer.attr("type"), Some("error"), "{service}: {wrong}");
            let title = configured(&juliet, &service, "title").await;
            assert_eq!(title, Some(vec!["Musings".to_owned()]), "{service}");
        }
    }
}

#[tokio::test]
async fn s8_2_5_3_a_change_is_told_with_the_configuration_where_payloads_are() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        subscribed(&juliet, &romeo, &service, TALKATIVE).await;
        is_ok(&configure(&juliet, Some(&service), NODE, &[("title", "Other")]).await);
        let message = notified(&romeo).await;
        assert_eq!(message.attr("from"), Some(&*service));
        let told = told(&message, "configuration");
        assert_eq!(told.attr("node"), Some(NODE));
        let form = told.child(ns::DATA_FORMS, "x").expect("a form");
        assert_eq!(form.attr("type"), Some("result"));
        assert_eq!(values(told, "FORM_TYPE"), Some(vec![NODE_CONFIG.to_owned()]));
        assert_eq!(values(told, "title"), Some(vec!["Other".to_owned()]));
        assert!(events(&romeo).await.is_empty(), "{service}: once");
    }
}

#[tokio::test]
async fn s8_2_5_3_a_change_is_told_without_the_configuration_where_no_payloads_are() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        let options = [("access_model", "open"), ("notify_config", "1"), ("deliver_payloads", "0")];
        subscribed(&juliet, &romeo, &service, &options).await;
        is_ok(&configure(&juliet, Some(&service), NODE, &[("title", "Other")]).await);
        let message = notified(&romeo).await;
        let told = told(&message, "configuration");
        assert_eq!(told.attr("node"), Some(NODE));
        assert_eq!(told.children().count(), 0, "{service}: {}", message.to_xml());
    }
}

#[tokio::test]
async fn s8_2_5_3_a_change_is_not_told_unless_the_node_says_so() {
    let cloister = cloister().await;
    let (juliet, romeo) = lovers(&cloister).await;
    for service in services(&juliet) {
        let options = [("access_model", "open"), ("notify_config", "0")];
        subscribed(&juliet, &romeo, &service, &options).await;
        is_ok(&configure(&juliet, Some(&service), NODE, &[("title", "Other")]).await);
        assert!(events(&romeo).await.is_empty(), "{service}");
    }
}

#[tokio::test]
async fn s8_2_fewer_items_than_there_are_leave_the_newest() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, TALKATIVE).await;
        for n in 0..5 {
            publish_ok(&juliet, Some(&service), NODE, &format!("i{n}"), "x").await;
        }
        is_ok(&configure(&juliet, Some(&service), NODE, &[("max_items", "2")]).await);
        assert_eq!(stored(&juliet, Some(&service), NODE).await, ["i3", "i4"], "{service}");
    }
}

#[tokio::test]
async fn s8_2_a_configuration_outlives_a_restart() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let mut before = Vec::new();
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[("title", "Musings"), ("max_items", "7")]).await;
        is_ok(&configure(&juliet, Some(&service), NODE, &[("max_items", "8")]).await);
        before.push(configuration(&juliet, &service).await);
    }
    let options = format!("[[host]]\ndomain = 'localhost'\npubsub = '{SERVICE}'\n");
    let cloister = cloister.restart_with(&options).await;
    let juliet = cloister.online("juliet", "balcony").await;
    for (service, before) in services(&juliet).iter().zip(&before) {
        let after = configuration(&juliet, service).await;
        assert_eq!(inner(before, "configure"), inner(&after, "configure"), "{service}");
    }
}

// §8.3

#[tokio::test]
async fn s8_3_the_defaults_are_those_that_a_new_node_has() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        create_ok(&juliet, Some(&service), NODE, &[]).await;
        for request in ["<default/>", "<default type='leaf'/>"] {
            let answer = juliet.iq("get", Some(&service), &owner(request)).await;
            is_ok(&answer);
            let default = inner(&answer, "default");
            assert_eq!(default.attr("node"), None);
            let form = default.child(ns::DATA_FORMS, "x").expect("a form");
            assert_eq!(form.attr("type"), Some("form"));
            assert_eq!(values(default, "FORM_TYPE"), Some(vec![NODE_CONFIG.to_owned()]));
            for name in ["access_model", "publish_model", "max_items", "persist_items"] {
                let made = configured(&juliet, &service, name).await;
                assert_eq!(values(default, name), made, "{name} at {service}");
                assert!(made.is_some(), "{name} at {service}");
            }
        }
    }
}
