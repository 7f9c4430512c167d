//! XEP-0054: vcard-temp.

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister, element};

const ASK: &str = "<vCard xmlns='vcard-temp'/>";
const CARD: &str = "<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>";

#[tokio::test]
async fn s3_2_a_vcard_that_was_set_comes_back() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.iq_ok("set", None, CARD).await;
    for to in [None, Some(juliet.bare())] {
        assert_eq!(vcard(&juliet, to).await, element(CARD));
    }
}

#[tokio::test]
async fn s3_2_a_vcard_outlives_a_restart() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.iq_ok("set", None, CARD).await;
    let cloister = cloister.restart().await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(vcard(&juliet, None).await, element(CARD));
}

#[tokio::test]
async fn s3_1_somebody_without_a_vcard_has_an_empty_one() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    assert_eq!(vcard(&juliet, None).await, element(ASK));
}

#[tokio::test]
async fn s3_3_everybody_here_may_read_a_vcard() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    romeo.iq_ok("set", None, CARD).await;
    assert_eq!(vcard(&juliet, Some(romeo.bare())).await, element(CARD));
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s3_3_no_vcard_and_no_such_user_look_the_same() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    for to in ["romeo@localhost", "nobody@localhost"] {
        assert_eq!(juliet.iq_error("get", Some(to), ASK).await, "service-unavailable");
    }
}

#[tokio::test]
async fn s3_2_somebody_elses_vcard_cannot_be_set() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let romeo = cloister.login("romeo", "orchard").await;
    assert_eq!(juliet.iq_error("set", Some(romeo.bare()), CARD).await, "forbidden");
    assert_eq!(vcard(&romeo, None).await, element(ASK));
}

#[tokio::test]
async fn an_empty_vcard_takes_it_away() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let romeo = cloister.login("romeo", "orchard").await;
    juliet.iq_ok("set", None, CARD).await;
    juliet.iq_ok("set", None, ASK).await;
    assert_eq!(romeo.iq_error("get", Some(juliet.bare()), ASK).await, "service-unavailable");
}

#[tokio::test]
async fn a_vcard_has_a_limit() {
    let cloister = Cloister::with("[limits]\nvcard_bytes = '8 KiB'\n").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.iq_ok("set", None, CARD).await;
    let picture = "x".repeat(8 * 1024);
    let large =
        format!("<vCard xmlns='vcard-temp'><PHOTO><BINVAL>{picture}</BINVAL></PHOTO></vCard>");
    assert_eq!(juliet.iq_error("set", None, &large).await, "policy-violation");
    assert_eq!(vcard(&juliet, None).await, element(CARD));
}

async fn vcard(client: &Client, to: Option<&str>) -> Element {
    let answer = client.iq_ok("get", to, ASK).await;
    answer.child(ns::VCARD, "vCard").unwrap().clone()
}
