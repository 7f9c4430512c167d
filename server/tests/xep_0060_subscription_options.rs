//! XEP-0060 §6.3 and §6.4: the options of a subscription.
//!
//! A service need not have them: then it says so, and nothing else is asked here.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::pubsub::{
    SUBSCRIBE_OPTIONS, can, cloister, create_ok, error_of, events, form, inner, is_error, is_ok,
    publish_ok, pubsub, services, subscribe_ok, values,
};
use crate::xep_0060_subscriber::is_not_subscribed;

const OPEN: &[(&str, &str)] = &[("access_model", "open")];

#[tokio::test]
async fn s6_3_3_the_options_of_a_subscription_are_told() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        subscribe_ok(&romeo, to, "letters").await;
        let answer = romeo.iq("get", to, &options_of("letters", romeo.bare(), "")).await;
        if !can(&juliet, to, "subscription-options").await {
            is_unsupported(&answer, "subscription-options");
            continue;
        }
        is_ok(&answer);
        let options = inner(&answer, "options");
        assert_eq!(options.attr("node"), Some("letters"));
        assert_eq!(options.attr("jid"), Some(romeo.bare()));
        let form = options.child(ns::DATA_FORMS, "x").unwrap();
        assert_eq!(form.attr("type"), Some("form"));
        assert_eq!(values(options, "FORM_TYPE").unwrap(), [SUBSCRIBE_OPTIONS]);
        are_registered(form);
    }
}

#[tokio::test]
async fn s6_3_4_options_are_those_of_a_subscriber_and_told_to_nobody_else() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let nurse = cloister.online("nurse", "chamber").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        if !can(&juliet, to, "subscription-options").await {
            continue;
        }
        create_ok(&juliet, to, "letters", OPEN).await;
        subscribe_ok(&nurse, to, "letters").await;
        let form = form(SUBSCRIBE_OPTIONS, &[("deliver", "0")]);
        for (kind, form) in [("get", ""), ("set", &*form)] {
            let ask = async |node, jid| romeo.iq(kind, to, &options_of(node, jid, form)).await;
            is_error(&ask("letters", nurse.bare()).await, "forbidden", "auth", "");
            is_not_subscribed(&ask("letters", romeo.bare()).await);
            is_error(&ask("nowhere", romeo.bare()).await, "item-not-found", "cancel", "");
            let request = pubsub(&format!("<options node='letters'>{form}</options>"));
            let answer = romeo.iq(kind, to, &request).await;
            is_error(&answer, "bad-request", "modify", "jid-required");
        }
        publish_ok(&juliet, to, "letters", "one", "O").await;
        assert_eq!(events(&nurse).await.len(), 1);
    }
}

#[tokio::test]
async fn s6_3_6_1_who_wants_no_deliveries_gets_none() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        subscribe_ok(&romeo, to, "letters").await;
        let set = async |value| {
            let form = form(SUBSCRIBE_OPTIONS, &[("deliver", value)]);
            romeo.iq("set", to, &options_of("letters", romeo.bare(), &form)).await
        };
        if !can(&juliet, to, "subscription-options").await {
            is_unsupported(&set("0").await, "subscription-options");
            continue;
        }
        for (value, count) in [("0", 0), ("1", 1), ("false", 0), ("true", 1)] {
            is_ok(&set(value).await);
            publish_ok(&juliet, to, "letters", "one", "O").await;
            assert_eq!(events(&romeo).await.len(), count, "{service} {value}");
        }
    }
}

#[tokio::test]
async fn s6_3_6_2_options_that_are_none_are_refused() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        if !can(&juliet, to, "subscription-options").await {
            continue;
        }
        create_ok(&juliet, to, "letters", OPEN).await;
        subscribe_ok(&juliet, to, "letters").await;
        let form = form(SUBSCRIBE_OPTIONS, &[("deliver", "perhaps")]);
        let answer = juliet.iq("set", to, &options_of("letters", juliet.bare(), &form)).await;
        is_error(&answer, "bad-request", "modify", "invalid-options");
    }
}

#[tokio::test]
async fn s6_3_7_who_subscribes_may_give_options_at_once() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let jid = romeo.bare();
    for service in services(&juliet) {
        let to = Some(&*service);
        if !can(&juliet, to, "subscription-options").await {
            continue;
        }
        create_ok(&juliet, to, "letters", OPEN).await;
        let form = form(SUBSCRIBE_OPTIONS, &[("deliver", "0")]);
        let subscribe = format!("<subscribe node='letters' jid='{jid}'/>");
        // The order and the attributes are prescribed, and what breaks that is a bad request.
        for bad in [
            format!("<options>{form}</options>{subscribe}"),
            format!("{subscribe}<options node='letters'>{form}</options>"),
            format!("{subscribe}<options jid='{jid}'>{form}</options>"),
        ] {
            let answer = romeo.iq("set", to, &pubsub(&bad)).await;
            assert_eq!(error_of(&answer).0, "bad-request", "{bad}");
        }
        let request = pubsub(&format!("{subscribe}<options>{form}</options>"));
        let answer = romeo.iq_ok("set", to, &request).await;
        assert_eq!(inner(&answer, "subscription").attr("subscription"), Some("subscribed"));
        publish_ok(&juliet, to, "letters", "one", "O").await;
        romeo.expect_silence().await;
    }
}

#[tokio::test]
async fn s6_4_the_default_options_are_told_or_there_are_none() {
    let cloister = cloister().await;
    let juliet = cloister.online("juliet", "balcony").await;
    for service in services(&juliet) {
        let to = Some(&*service);
        create_ok(&juliet, to, "letters", OPEN).await;
        let has_options = can(&juliet, to, "subscription-options").await;
        let tells = can(&juliet, to, "retrieve-default-sub").await;
        for request in ["<default node='letters'/>", "<default/>"] {
            let answer = juliet.iq("get", to, &pubsub(request)).await;
            if !tells {
                let missing =
                    if has_options { "retrieve-default-sub" } else { "subscription-options" };
                is_unsupported(&answer, missing);
                continue;
            }
            is_ok(&answer);
            let default = inner(&answer, "default");
            assert_eq!(values(default, "FORM_TYPE").unwrap(), [SUBSCRIBE_OPTIONS]);
            are_registered(default.child(ns::DATA_FORMS, "x").unwrap());
        }
    }
}

fn options_of(node: &str, jid: &str, form: &str) -> String {
    pubsub(&format!("<options node='{node}' jid='{jid}'>{form}</options>"))
}

#[track_caller]
fn is_unsupported(answer: &Element, feature: &str) {
    let specific = format!("unsupported {feature}");
    is_error(answer, "feature-not-implemented", "cancel", &specific);
}

/// §6.3.3: the fields are those of the registrar (§16.4.2).
#[track_caller]
fn are_registered(form: &Element) {
    let registered = [
        "FORM_TYPE",
        "pubsub#deliver",
        "pubsub#digest",
        "pubsub#digest_frequency",
        "pubsub#expire",
        "pubsub#include_body",
        "pubsub#show-values",
        "pubsub#subscription_type",
        "pubsub#subscription_depth",
    ];
    for field in form.children().filter(|child| child.name() == "field") {
        let name = field.attr("var").unwrap_or_default();
        assert!(registered.contains(&name), "{name}");
    }
}
