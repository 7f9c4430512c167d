//! XEP-0223: Persistent Storage of Private Data via PubSub.

use crate::kit::Cloister;
use crate::kit::pubsub::{
    can, events, inner, is_error, is_ok, item, items, owner, publish_with, stored, values,
};

const NODE: &str = "urn:example:private";
const OPTIONS: [(&str, &str); 2] = [("persist_items", "true"), ("access_model", "whitelist")];

#[tokio::test]
async fn s3_what_is_published_with_options_is_stored_for_the_owner_alone() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet/balcony", "balcony").await;
    let chamber =
        cloister.online_with("juliet/chamber", "balcony", &["urn:example:private+notify"]).await;
    let mut romeo = cloister.online_with("romeo", "orchard", &["urn:example:private+notify"]).await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    romeo.drain().await;
    is_ok(&publish_with(&juliet, None, NODE, &item("i", "x"), &OPTIONS).await);
    // §1.2: "pushed out to all of your resources".
    assert_eq!(events(&chamber).await.len(), 1);
    romeo.expect_silence().await;
    let answer = items(&romeo, Some(juliet.bare()), NODE, "", "").await;
    assert_eq!(answer.attr("type"), Some("error"));
    let cloister = cloister.restart().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert_eq!(stored(&juliet, None, NODE).await, ["i"]);
}

#[tokio::test]
async fn s3_a_node_that_others_may_see_takes_nothing_that_is_to_be_private() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    crate::kit::pubsub::create_ok(&juliet, None, NODE, &[("access_model", "open")]).await;
    let answer = publish_with(&juliet, None, NODE, &item("i", "x"), &OPTIONS).await;
    is_error(&answer, "conflict", "cancel", "precondition-not-met");
    assert!(stored(&juliet, None, NODE).await.is_empty());
}

#[tokio::test]
async fn s2_the_options_configure_a_node_that_is_made_and_are_announced() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    assert!(can(&juliet, Some(juliet.bare()), "publish-options").await);
    assert!(can(&juliet, Some(juliet.bare()), "auto-create").await);
    is_ok(&publish_with(&juliet, None, NODE, &item("i", "x"), &OPTIONS).await);
    let answer = juliet.iq("get", None, &owner(&format!("<configure node='{NODE}'/>"))).await;
    let option = |name| values(inner(&answer, "configure"), name).unwrap().concat();
    assert_eq!(option("access_model"), "whitelist");
    assert!(["1", "true"].contains(&&*option("persist_items")));
}
