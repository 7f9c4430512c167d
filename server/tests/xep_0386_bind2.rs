//! XEP-0386: Bind 2.

use cloister::feature::{Ctx, Registry};
use cloister::ns;
use cloister::xml::Element;

use crate::kit::sasl2::{LAPTOP, PHONE, agent, bind, challenge2, identifier};
use crate::kit::{Cloister, Hash, Scram, condition};

/// What a feature may do when a resource is bound.
fn register(on: &mut Registry) {
    on.bind2("urn:example:echo", echo);
    on.bind2("urn:example:quiet", quiet);
    on.bound(metadata);
}

async fn echo(cx: &Ctx, request: Element) -> Option<Element> {
    let session = cx.session.as_ref().expect("the fresh session");
    let found = cx.server.sessions.find(session.jid()).is_some();
    let said = request.attr("say").unwrap_or_default().to_owned();
    let echo = Element::new("urn:example:echo", "echoed").with_attr("said", said);
    Some(echo.with_attr("reachable", found.to_string()))
}

async fn quiet(_: &Ctx, _: Element) -> Option<Element> {
    None
}

async fn metadata(_: &Ctx, (): ()) -> Option<Element> {
    Some(Element::new(ns::MAM, "metadata"))
}

fn bound(success: &Element) -> &Element {
    success.child(ns::BIND2, "bound").unwrap_or_else(|| panic!("{}", success.to_xml()))
}

fn resource(success: &Element) -> String {
    identifier(success).split_once('/').expect("a full address").1.to_owned()
}

#[tokio::test]
async fn s_discovering_support_each_feature_that_takes_part_is_announced() {
    let cloister = Cloister::and(register).await;
    let (_, features) = cloister.opened("localhost").await;
    let inline = features.child(ns::SASL2, "authentication").unwrap().child(ns::SASL2, "inline");
    let bind = inline.unwrap().child(ns::BIND2, "bind").expect("Bind 2 is announced");
    let inline = bind.child(ns::BIND2, "inline").expect("its features are announced");
    let vars: Vec<_> = inline.children().filter_map(|feature| feature.attr("var")).collect();
    assert!(vars.contains(&"urn:example:echo") && vars.contains(&"urn:example:quiet"), "{vars:?}");
}

#[tokio::test]
async fn s_performing_the_bind_the_success_has_the_full_address_and_what_is_bound() {
    let cloister = Cloister::start().await;
    let (mut raw, success) = cloister.juliet2(&bind("")).await;
    assert!(identifier(&success).starts_with("juliet@localhost/"));
    bound(&success);
    let features = raw.features().await;
    assert!(!features.has_child(ns::BIND, "bind"), "{}", features.to_xml());
    assert!(!features.has_child(ns::SESSION, "session"), "{}", features.to_xml());
    assert!(features.has_child(ns::ROSTER_VERSIONING, "ver"), "{}", features.to_xml());
    raw.answers().await;
}

#[tokio::test]
async fn s_performing_the_bind_nothing_is_bound_when_the_login_fails() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
    let wrong = Scram::new(Hash::Sha256, "juliet", "orchard");
    raw.scram2(&wrong, &bind("")).await.unwrap_err();
    assert_eq!(cloister.server().sessions.count(), 0);
}

#[tokio::test]
async fn s_performing_the_bind_features_answer_in_the_order_of_the_request() {
    let cloister = Cloister::and(register).await;
    let inline = "<quiet xmlns='urn:example:quiet'/><x xmlns='urn:example:unknown'/>\
                  <echo xmlns='urn:example:echo' say='one'/><echo xmlns='urn:example:echo' say='two'/>";
    let (_raw, success) = cloister.juliet2(&bind(inline)).await;
    let echoed: Vec<_> =
        bound(&success).children().filter(|child| child.name() == "echoed").collect();
    assert_eq!(echoed.len(), 1, "what is asked for twice is done once");
    assert_eq!(echoed[0].attr("said"), Some("one"));
    assert_eq!(echoed[0].attr("reachable"), Some("true"));
    assert_eq!(bound(&success).children().last().unwrap().ns(), ns::MAM);
}

#[tokio::test]
async fn s_performing_the_bind_what_nobody_asked_for_is_told_in_every_answer() {
    let cloister = Cloister::and(register).await;
    let (_raw, success) = cloister.juliet2(&bind("")).await;
    assert!(bound(&success).has_child(ns::MAM, "metadata"));
    assert!(!bound(&success).has_child("urn:example:echo", "echoed"));
}

#[tokio::test]
async fn s_performing_the_bind_what_failed_to_resume_is_bound() {
    let cloister = Cloister::start().await;
    let inline = format!("<resume xmlns='urn:xmpp:sm:3' previd='gone' h='1'/>{}", bind(""));
    let (mut raw, success) = cloister.juliet2(&inline).await;
    let failed = success.child(ns::SM, "failed").expect("the failure is told");
    assert!(failed.has_child(ns::STANZAS, "item-not-found"));
    bound(&success);
    raw.features().await;
    raw.answers().await;
}

#[tokio::test]
async fn s_performing_the_bind_the_session_is_known_to_read_the_archive() {
    let cloister = Cloister::start().await;
    let (_raw, success) = cloister.juliet2(&bind("")).await;
    let reads = |jid: &str| {
        let jid = cloister::jid::Jid::parse(jid).unwrap();
        cloister.server().sessions.find(&jid).unwrap().reads_archive()
    };
    assert!(reads(&identifier(&success)));
    let classic = cloister.login("juliet", "balcony").await;
    assert!(!reads(classic.jid()));
}

#[tokio::test]
async fn s_performing_the_bind_an_earlier_session_of_the_same_client_ends() {
    let cloister = Cloister::start().await;
    let one = format!("{}<bind xmlns='{}'><tag>one</tag></bind>", agent(PHONE), ns::BIND2);
    let (mut earlier, _) = cloister.juliet2(&one).await;
    earlier.features().await;
    let other = format!("{}<bind xmlns='{}'><tag>other</tag></bind>", agent(PHONE), ns::BIND2);
    let (mut later, _) = cloister.juliet2(&other).await;
    assert_eq!(earlier.error().await, "conflict");
    later.features().await;
    later.answers().await;
}

#[tokio::test]
async fn s_performing_the_bind_another_client_of_the_account_stays() {
    let cloister = Cloister::start().await;
    let (mut phone, one) = cloister.juliet2(&format!("{}{}", agent(PHONE), bind(""))).await;
    phone.features().await;
    let (mut laptop, other) = cloister.juliet2(&format!("{}{}", agent(LAPTOP), bind(""))).await;
    laptop.features().await;
    phone.answers().await;
    laptop.answers().await;
    assert_ne!(identifier(&one), identifier(&other));
}

#[tokio::test]
async fn s_performing_the_bind_a_client_of_somebody_else_with_the_same_id_stays() {
    let cloister = Cloister::start().await;
    let (mut juliet, _) = cloister.juliet2(&format!("{}{}", agent(PHONE), bind(""))).await;
    juliet.features().await;
    cloister.account("romeo", "orchard").await;
    let (mut romeo, _) = cloister.opened_from("romeo@localhost").await;
    let scram = Scram::new(Hash::Sha256, "romeo", "orchard");
    romeo.scram2(&scram, &format!("{}{}", agent(PHONE), bind(""))).await.unwrap();
    juliet.answers().await;
}

#[tokio::test]
async fn s_resource_identifier_the_tag_comes_first() {
    let cloister = Cloister::start().await;
    let (_raw, success) = cloister.juliet2(&bind("")).await;
    let own = resource(&success).strip_prefix("AwesomeXMPP/").map(str::len);
    assert!(own.is_some_and(|length| length >= 16), "{}", resource(&success));
}

#[tokio::test]
async fn s_resource_identifier_a_tag_that_cannot_be_in_an_address_is_left_out() {
    let cloister = Cloister::start().await;
    for tag in ["", "\u{202E}phone", &"x".repeat(1020)] {
        let request = format!("<bind xmlns='{}'><tag>{tag}</tag></bind>", ns::BIND2);
        let (_raw, success) = cloister.juliet2(&request).await;
        assert!(!resource(&success).contains('/'), "{tag:?}: {}", resource(&success));
    }
}

#[tokio::test]
async fn s_resource_identifier_it_is_the_same_for_the_same_client_and_tag() {
    let cloister = Cloister::start().await;
    let inline = format!("{}{}", agent(PHONE), bind(""));
    let (_first, first) = cloister.juliet2(&inline).await;
    let cloister = cloister.restart().await;
    let (_second, second) = cloister.juliet2(&inline).await;
    assert_eq!(resource(&first), resource(&second));
    let other = format!("{}<bind xmlns='{}'><tag>other</tag></bind>", agent(PHONE), ns::BIND2);
    let (_third, third) = cloister.juliet2(&other).await;
    let own = |resource: String| resource.split_once('/').unwrap().1.to_owned();
    assert_ne!(own(resource(&first)), own(resource(&third)));
}

#[tokio::test]
async fn s_resource_identifier_it_does_not_show_the_id_of_the_client() {
    let cloister = Cloister::start().await;
    let (_raw, success) = cloister.juliet2(&format!("{}{}", agent(PHONE), bind(""))).await;
    let resource = resource(&success).replace('-', "");
    assert!(PHONE.split('-').all(|part| !resource.contains(part)), "{resource}");
}

#[tokio::test]
async fn s_resource_identifier_without_an_id_it_is_another_one_each_time() {
    let cloister = Cloister::start().await;
    let (_one, one) = cloister.juliet2(&bind("")).await;
    let (_other, other) = cloister.juliet2(&bind("")).await;
    assert_ne!(identifier(&one), identifier(&other));
}

#[tokio::test]
async fn rfc_6120_s7_7_2_2_a_client_that_comes_back_replaces_itself() {
    let cloister = Cloister::with("[limits]\nresources_per_account = 1").await;
    let inline = format!("{}{}", agent(PHONE), bind(""));
    let (mut ghost, _) = cloister.juliet2(&inline).await;
    ghost.features().await;
    let (mut back, _) = cloister.juliet2(&inline).await;
    assert_eq!(ghost.error().await, "conflict");
    back.features().await;
    back.answers().await;
}

#[tokio::test]
async fn rfc_6120_s7_6_2_1_too_many_clients_end_the_stream_without_a_failure() {
    let cloister = Cloister::with("[limits]\nresources_per_account = 1").await;
    let (_first, _) = cloister.juliet2(&bind("")).await;
    let (mut raw, _) = cloister.opened_from("juliet@localhost").await;
    let scram = Scram::new(Hash::Sha256, "juliet", "balcony");
    let answer = raw.authenticate("SCRAM-SHA-256", Some(&scram.first()), &bind("")).await;
    let last = scram.answer(&challenge2(&answer).unwrap());
    let error = raw.respond2(&last.text).await;
    assert!(error.is(ns::STREAMS, "error"), "{}", error.to_xml());
    assert_eq!(condition(&error), "resource-constraint");
}
