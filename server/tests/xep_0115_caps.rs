//! XEP-0115: Entity Capabilities. The verification strings of §5.2 and §5.3 are tested beside the
//! code that makes them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::Cloister;

const CONTACT: &str =
    "[[host]]\ndomain = 'localhost'\ncontact.abuse = ['mailto:abuse@localhost']\n";

#[tokio::test]
async fn s6_3_the_features_after_login_name_the_server_by_its_hash() {
    let cloister = Cloister::with(CONTACT).await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    let caps = features.child(ns::CAPS, "c").expect("caps are offered");
    let juliet = cloister.login("juliet", "balcony").await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let answer = juliet.iq_ok("get", Some("localhost"), query).await;
    assert_eq!(caps.attr("hash"), Some("sha-1"));
    assert_eq!(caps.attr("ver"), Some(&*hash(answer.child(ns::DISCO_INFO, "query").unwrap())));
}

#[tokio::test]
async fn s6_2_the_advertised_node_is_answered_with_its_name() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    let caps = features.child(ns::CAPS, "c").expect("caps are offered");
    let node = format!("{}#{}", caps.attr("node").unwrap(), caps.attr("ver").unwrap());
    let juliet = cloister.login("juliet", "balcony").await;
    let query = format!("<query xmlns='{}' node='{node}'/>", ns::DISCO_INFO);
    let answer = juliet.iq_ok("get", Some("localhost"), &query).await;
    let info = answer.child(ns::DISCO_INFO, "query").unwrap();
    assert_eq!(info.attr("node"), Some(&*node));
    assert!(info.has_child(ns::DISCO_INFO, "identity"));
}

#[tokio::test]
async fn another_hash_under_the_same_node_is_not_found() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.authenticated("juliet", "balcony").await;
    let caps = features.child(ns::CAPS, "c").expect("caps are offered");
    let juliet = cloister.login("juliet", "balcony").await;
    let node = caps.attr("node").unwrap();
    let query = format!("<query xmlns='{}' node='{node}#AAAA'/>", ns::DISCO_INFO);
    assert_eq!(juliet.iq_error("get", Some("localhost"), &query).await, "item-not-found");
}

#[tokio::test]
async fn domains_with_other_forms_have_other_hashes() {
    let cloister = Cloister::with(&format!("{CONTACT}[[host]]\ndomain = 'verona.example'\n")).await;
    let (_, here) = cloister.authenticated("juliet", "balcony").await;
    let (_, there) = cloister.authenticated("juliet@verona.example", "balcony").await;
    let ver =
        |features: &Element| features.child(ns::CAPS, "c").unwrap().attr("ver").unwrap().to_owned();
    assert_ne!(ver(&here), ver(&there));
}

#[tokio::test]
async fn strangers_are_told_no_capabilities() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    assert!(!features.has_child(ns::CAPS, "c"));
}

/// §5.1, in other words than the server's: everything that the server sends is sorted already.
fn hash(info: &Element) -> String {
    let mut text = String::new();
    for child in info.children() {
        let attr = |name| child.attr(name).unwrap_or_default();
        match child.name() {
            "identity" => {
                text += &format!("{}/{}//{}<", attr("category"), attr("type"), attr("name"));
            }
            "feature" => text += &format!("{}<", attr("var")),
            _ => text += &of_form(child),
        }
    }
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn of_form(form: &Element) -> String {
    let mut text = String::new();
    for field in form.children() {
        if field.attr("var") != Some("FORM_TYPE") {
            text += &format!("{}<", field.attr("var").unwrap());
        }
        for value in field.children() {
            text += &format!("{}<", value.text());
        }
    }
    text
}
