//! XEP-0199: XMPP Ping.

use cloister::ns;

use crate::kit::Cloister;

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";

#[tokio::test]
async fn s4_2_the_server_answers_a_ping() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for to in [None, Some("localhost"), Some(juliet.bare())] {
        assert!(juliet.iq_ok("get", to, PING).await.has_no_children());
    }
}

#[tokio::test]
async fn s4_2_the_answer_comes_from_where_the_ping_went() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let answer = juliet.iq_ok("get", Some("localhost"), PING).await;
    assert_eq!(answer.attr("from"), Some("localhost"));
    assert_eq!(answer.attr("to"), Some(juliet.jid()));
}

#[tokio::test]
async fn a_ping_to_an_account_does_not_tell_whether_it_exists() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    cloister.account("romeo", "orchard").await;
    for to in ["romeo@localhost", "nobody@localhost"] {
        assert_eq!(juliet.iq_error("get", Some(to), PING).await, "service-unavailable");
    }
}

#[tokio::test]
async fn s4_4_a_ping_between_contacts_is_relayed() {
    let cloister = Cloister::start().await;
    let mut juliet = cloister.online("juliet", "balcony").await;
    let mut romeo = cloister.online("romeo", "orchard").await;
    cloister.befriend(&mut juliet, &mut romeo).await;
    juliet.send(format!("<iq id='p' type='get' to='{}'>{PING}</iq>", romeo.jid())).await;
    let ping = romeo.receive().await;
    assert!(ping.has_child(ns::PING, "ping"));
    assert_eq!(ping.attr("from"), Some(juliet.jid()));
    romeo.send(format!("<iq id='p' type='result' to='{}'/>", juliet.jid())).await;
    assert_eq!(juliet.receive().await.attr("type"), Some("result"));
}
