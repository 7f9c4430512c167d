//! XEP-0012: Last Activity.

use std::time::Duration;

use cloister::ns;
use cloister::xml::Element;

use crate::kit::{Client, Cloister};

const QUERY: &str = "<query xmlns='jabber:iq:last'/>";
const QUARTER: Duration = Duration::from_secs(903);

#[tokio::test]
async fn s5_the_server_tells_how_long_it_has_been_up() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    cloister.advance(QUARTER);
    assert_eq!(last(&juliet, Some("localhost")).await, ("903".to_owned(), String::new()));
}

#[tokio::test]
async fn s3_a_contact_is_told_when_somebody_left_and_the_last_words() {
    let (cloister, juliet, romeo) = friends().await;
    juliet.send("<presence type='unavailable'><status>Heading Home</status></presence>").await;
    let bare = juliet.bare().to_owned();
    juliet.close().await;
    cloister.advance(QUARTER);
    let expected = ("903".to_owned(), "Heading Home".to_owned());
    assert_eq!(last(&romeo, Some(&bare)).await, expected);
}

#[tokio::test]
async fn s3_a_lost_connection_is_a_departure_without_words() {
    let (cloister, juliet, romeo) = friends().await;
    let bare = juliet.bare().to_owned();
    juliet.drop_link();
    cloister.gone("juliet").await;
    let gone = |stanza: &Element| stanza.attr("type") == Some("unavailable");
    romeo.receive_where("juliet's departure", gone).await;
    cloister.advance(QUARTER);
    assert_eq!(last(&romeo, Some(&bare)).await, ("903".to_owned(), String::new()));
}

#[tokio::test]
async fn s3_somebody_online_was_last_active_now() {
    let (cloister, juliet, romeo) = friends().await;
    cloister.advance(QUARTER);
    assert_eq!(last(&romeo, Some(juliet.bare())).await, ("0".to_owned(), String::new()));
}

#[tokio::test]
async fn a_client_that_is_not_available_does_not_make_its_owner_seem_online() {
    let (cloister, juliet, romeo) = friends().await;
    juliet.send("<presence type='unavailable'/>").await;
    juliet.fence().await;
    cloister.advance(QUARTER);
    assert_eq!(last(&romeo, Some(juliet.bare())).await, ("903".to_owned(), String::new()));
}

#[tokio::test]
async fn a_client_that_never_was_available_leaves_no_trace() {
    let (cloister, juliet, romeo) = friends().await;
    let bare = juliet.bare().to_owned();
    juliet.close().await;
    cloister.advance(QUARTER);
    cloister.login("juliet", "balcony").await.close().await;
    assert_eq!(last(&romeo, Some(&bare)).await.0, "903");
}

#[tokio::test]
async fn the_own_account_was_last_active_now() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some(juliet.bare())] {
        assert_eq!(last(&juliet, to).await, ("0".to_owned(), String::new()));
    }
}

#[tokio::test]
async fn s3_a_stranger_is_forbidden_to_ask() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    assert_eq!(romeo.iq_error("get", Some(juliet.bare()), QUERY).await, "forbidden");
}

#[tokio::test]
async fn s4_a_strangers_question_does_not_reach_a_client() {
    let cloister = Cloister::start().await;
    let juliet = cloister.online("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    assert_eq!(romeo.iq_error("get", Some(juliet.jid()), QUERY).await, "forbidden");
    let absent = "nobody@localhost/balcony";
    assert_eq!(romeo.iq_error("get", Some(absent), QUERY).await, "forbidden");
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s4_a_contacts_question_is_answered_by_the_client() {
    let (_cloister, juliet, romeo) = friends().await;
    romeo.send(format!("<iq id='l' type='get' to='{}'>{QUERY}</iq>", juliet.jid())).await;
    let question = juliet.receive().await;
    assert!(question.has_child(ns::LAST, "query"));
    let answer = "<query xmlns='jabber:iq:last' seconds='123'/>";
    juliet.send(format!("<iq id='l' type='result' to='{}'>{answer}</iq>", romeo.jid())).await;
    let answer = romeo.receive().await;
    assert_eq!(answer.child(ns::LAST, "query").unwrap().attr("seconds"), Some("123"));
}

#[tokio::test]
async fn the_last_activity_outlives_a_restart() {
    let (cloister, juliet, romeo) = friends().await;
    let bare = juliet.bare().to_owned();
    juliet.close().await;
    romeo.close().await;
    let cloister = cloister.restart().await;
    cloister.advance(QUARTER);
    let romeo = cloister.login("romeo", "orchard").await;
    assert_eq!(last(&romeo, Some(&bare)).await.0, "903");
}

async fn friends() -> (Cloister, Client, Client) {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    (cloister, juliet, romeo)
}

/// The seconds, and what was said.
async fn last(client: &Client, to: Option<&str>) -> (String, String) {
    let answer = client.iq_ok("get", to, QUERY).await;
    let query = answer.child(ns::LAST, "query").unwrap();
    (query.attr("seconds").unwrap().to_owned(), query.text().into_owned())
}
