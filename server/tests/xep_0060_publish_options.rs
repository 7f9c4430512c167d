//! XEP-0060 §7.1.3.3, §7.1.4 and §7.1.5: nodes that publishing makes, and preconditions.

use cloister::xml::Element;

use crate::kit::Client;
use crate::kit::pubsub::{
    NODE_CONFIG, PUBLISH_OPTIONS, SERVICE, can, cloister, create_ok, error_of, events, form, info,
    inner, is_error, is_ok, item, items, owner, publish, publish_ok, publish_with, pubsub,
    services, stored, subscribe_ok, values,
};

const OPEN: (&str, &str) = ("access_model", "open");
const MANY: (&str, &str) = ("max_items", "100");

#[tokio::test]
async fn s7_1_4_publishing_makes_a_node_where_that_is_announced() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    // XEP-0163 §3: an account must do it.
    assert!(can(&juliet, Some(juliet.bare()), "auto-create").await);
    for service in services(&juliet) {
        let to = Some(&*service);
        let answer = publish(&juliet, to, "letters", &item("one", "O")).await;
        if can(&juliet, to, "auto-create").await {
            is_ok(&answer);
            assert_eq!(stored(&juliet, to, "letters").await, ["one"]);
        } else {
            is_error(&answer, "item-not-found", "cancel", "");
            is_error(&info(&juliet, to, Some("letters")).await, "item-not-found", "cancel", "");
        }
    }
}

#[tokio::test]
async fn s7_1_4_a_node_that_publishing_made_has_the_defaults() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        if !can(&juliet, to, "auto-create").await {
            continue;
        }
        publish_ok(&juliet, to, "letters", "one", "O").await;
        create_ok(&juliet, to, "dreams", &[]).await;
        let made = config(&juliet, to, "letters").await;
        let default = config(&juliet, to, "dreams").await;
        for name in ["access_model", "publish_model", "max_items", "persist_items"] {
            assert_eq!(values(&made, name), values(&default, name), "{name}");
        }
    }
}

#[tokio::test]
async fn s7_1_4_the_own_account_is_the_service_where_none_is_named() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    is_ok(&publish(&juliet, None, "letters", &item("one", "O")).await);
    assert_eq!(stored(&juliet, None, "letters").await, ["one"]);
    assert_eq!(stored(&juliet, Some(juliet.bare()), "letters").await, ["one"]);
    let answer = items(&juliet, Some(SERVICE), "letters", "", "").await;
    is_error(&answer, "item-not-found", "cancel", "");
}

#[tokio::test]
async fn s7_1_4_somebody_else_makes_no_node_at_an_account() {
    let cloister = cloister().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    let to = Some(juliet.bare());
    let answer = publish(&romeo, to, "letters", &item("one", "O")).await;
    let (condition, ..) = error_of(&answer);
    assert!(["forbidden", "item-not-found"].contains(&&*condition), "{}", answer.to_xml());
    let options = [OPEN, ("publish_model", "open")];
    error_of(&publish_with(&romeo, to, "letters", &item("one", "O"), &options).await);
    is_error(&items(&juliet, to, "letters", "", "").await, "item-not-found", "cancel", "");
}

#[tokio::test]
async fn s7_1_5_a_request_that_matches_the_node_is_done() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let options = [OPEN, ("persist_items", "true"), ("max_items", "3"), ("title", "Letters")];
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &options).await;
        is_ok(&publish_with(&juliet, to, "letters", &item("one", "O"), &options).await);
        // XEP-0004: what is true can be written in two ways.
        let other = [("persist_items", "1")];
        is_ok(&publish_with(&juliet, to, "letters", &item("two", "O"), &other).await);
        // A form with no condition in it.
        is_ok(&publish_with(&juliet, to, "letters", &item("three", "O"), &[]).await);
        assert_eq!(stored(&juliet, to, "letters").await, ["one", "two", "three"]);
    }
}

#[tokio::test]
async fn s7_1_5_publish_options_that_do_not_match_are_refused() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, ("max_items", "3")]).await;
        subscribe_ok(&romeo, to, "letters").await;
        for options in [
            &[("access_model", "whitelist")][..],
            &[("max_items", "4")],
            &[("persist_items", "0")],
            // One that holds does not make up for one that does not.
            &[OPEN, ("publish_model", "open")],
        ] {
            let answer = publish_with(&juliet, to, "letters", &item("one", "O"), options).await;
            is_error(&answer, "conflict", "cancel", "precondition-not-met");
        }
        romeo.expect_silence().await;
        assert!(stored(&juliet, to, "letters").await.is_empty());
        // They are conditions: the node stays as it was.
        let config = config(&juliet, to, "letters").await;
        assert_eq!(values(&config, "access_model").unwrap(), ["open"]);
    }
}

#[tokio::test]
async fn s7_1_5_a_field_that_nobody_knows_is_refused() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let unknown = [("wherefore", "romeo")];
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[MANY]).await;
        for node in ["letters", "nowhere"] {
            error_of(&publish_with(&juliet, to, node, &item("one", "O"), &unknown).await);
        }
        assert!(stored(&juliet, to, "letters").await.is_empty());
        let answer = items(&juliet, to, "nowhere", "", "").await;
        is_error(&answer, "item-not-found", "cancel", "");
    }
}

#[tokio::test]
async fn s7_1_5_the_form_must_be_there_and_of_the_right_type() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[OPEN, MANY]).await;
        let request = |options: &str| {
            let publish = format!("<publish node='letters'>{}</publish>", item("one", "O"));
            pubsub(&format!("{publish}<publish-options>{options}</publish-options>"))
        };
        let whitelist = [("access_model", "whitelist")];
        let right = form(PUBLISH_OPTIONS, &whitelist);
        for options in [
            form(NODE_CONFIG, &whitelist),
            form(NODE_CONFIG, &[OPEN]),
            right.replace("type='submit'", "type='form'"),
            format!("{right}{right}"),
        ] {
            error_of(&juliet.iq("set", to, &request(&options)).await);
        }
        assert!(stored(&juliet, to, "letters").await.is_empty());
        // Without any there is no condition, and the text has no error for it.
        juliet.iq("set", to, &request("")).await;
    }
}

#[tokio::test]
async fn s7_1_5_a_node_that_publishing_makes_is_as_the_options_say() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let options = [OPEN, ("persist_items", "true"), ("max_items", "2")];
    for service in services(&juliet) {
        let to = Some(&*service);
        let answer = publish_with(&juliet, to, "letters", &item("a", "O"), &options).await;
        if !can(&juliet, to, "auto-create").await {
            is_error(&answer, "item-not-found", "cancel", "");
            continue;
        }
        is_ok(&answer);
        for id in ["b", "c"] {
            is_ok(&publish_with(&juliet, to, "letters", &item(id, "O"), &options).await);
        }
        assert_eq!(stored(&romeo, to, "letters").await, ["b", "c"]);
        create_ok(&juliet, to, "dreams", &[]).await;
        let made = config(&juliet, to, "letters").await;
        let default = config(&juliet, to, "dreams").await;
        assert_eq!(values(&made, "publish_model"), values(&default, "publish_model"));
    }
}

#[tokio::test]
async fn s7_1_5_options_that_no_node_can_have_make_none() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let to = Some(juliet.bare());
    for options in [
        [("access_model", "authorize")],
        [("access_model", "everybody")],
        [("max_items", "-1")],
        [("persist_items", "perhaps")],
        [("node_type", "collection")],
    ] {
        error_of(&publish_with(&juliet, to, "letters", &item("one", "O"), &options).await);
        is_error(&items(&juliet, to, "letters", "", "").await, "item-not-found", "cancel", "");
    }
}

#[tokio::test]
async fn s16_as_many_items_as_there_may_be_can_be_asked_for_again_and_again() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let options = [("access_model", "whitelist"), ("max_items", "max"), ("persist_items", "true")];
    let to = Some(juliet.bare());
    if !can(&juliet, to, "config-node-max").await {
        return;
    }
    // Bookmarks are published like this (XEP-0402 §3.2), each time.
    for id in ["a", "b", "c"] {
        is_ok(&publish_with(&juliet, to, "letters", &item(id, "O"), &options).await);
    }
    assert_eq!(stored(&juliet, to, "letters").await, ["a", "b", "c"]);
}

#[tokio::test]
async fn s7_1_5_preconditions_do_not_say_who_may_publish() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", &[("access_model", "whitelist"), MANY]).await;
        // A stranger does not learn how the node is configured, either.
        let mut answers = Vec::new();
        for model in ["whitelist", "open"] {
            let options = [("access_model", model)];
            let answer = publish_with(&romeo, to, "letters", &item("one", "O"), &options).await;
            answers.push(error_of(&answer));
        }
        assert_eq!(answers[0].0, "forbidden");
        assert_eq!(answers[0], answers[1]);
        assert!(events(&juliet).await.is_empty());
    }
}

/// The configuration of a node, as its owner sees it: the parent of the form.
async fn config(client: &Client, to: Option<&str>, node: &str) -> Element {
    let request = owner(&format!("<configure node='{node}'/>"));
    let answer = client.iq_ok("get", to, &request).await;
    inner(&answer, "configure").clone()
}
