//! XEP-0206: XMPP over BOSH.

use cloister::ns;

use crate::kit::bosh::{ended, read, wish};
use crate::kit::exchange::Exchange;
use crate::kit::{Cloister, body, condition};

#[tokio::test]
async fn s4_the_answer_has_the_version_the_features_and_the_prefix() {
    let cloister = Cloister::start().await;
    let response = cloister.post(&wish("localhost", "")).await;
    let text = response.text();
    let (tag, _) = text.split_once('>').unwrap();
    assert!(tag.contains("xmlns:stream='http://etherx.jabber.org/streams'"), "§2: {tag}");
    assert!(tag.contains("xmlns:xmpp='urn:xmpp:xbosh'"), "{tag}");
    assert!(text.contains("<stream:features"), "with that prefix: {text}");
    let answer = read(&response);
    assert_eq!(answer.attr_ns(ns::XBOSH, "version"), Some("1.0"));
    assert_eq!(answer.attr_ns(ns::XBOSH, "restartlogic"), Some("true"));
    assert!(answer.attr("authid").is_some_and(|id| !id.is_empty()), "{text}");
    let features = answer.child(ns::STREAMS, "features").unwrap();
    assert!(features.has_child(ns::SASL, "mechanisms"), "{text}");
    assert!(!features.has_child(ns::TLS, "starttls"), "§4: {text}");
    assert!(!text.contains("-PLUS") && !text.contains(ns::SASL_CHANNEL_BINDING), "{text}");
}

#[tokio::test]
async fn s5_a_client_logs_in_restarts_and_binds() {
    let cloister = Cloister::start().await;
    let (mut juliet, features) = cloister.bosh_authenticated("juliet", "balcony").await;
    assert!(features.has_child(ns::BIND, "bind"), "{}", features.to_xml());
    assert_eq!(juliet.bind("balcony").await, "juliet@localhost/balcony");
    juliet.alive().await;
}

#[tokio::test]
async fn s5_a_wrong_password_is_refused() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut bosh, _) = cloister.bosh("").await;
    assert_eq!(bosh.scram("juliet", "orchard").await, Err("not-authorized".to_owned()));
}

#[tokio::test]
async fn s5_what_is_inside_a_restart_is_ignored() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut bosh, _) = cloister.bosh("").await;
    bosh.scram("juliet", "balcony").await.unwrap();
    let restart = "to='localhost' xmpp:restart='true'";
    let answer = bosh.request(restart, "<presence xmlns='jabber:client'/>").await;
    bosh.note(&answer);
    assert!(bosh.features().await.has_child(ns::BIND, "bind"));
    bosh.bind("balcony").await;
    bosh.alive().await;
}

#[tokio::test]
async fn s5_a_restart_need_not_say_where() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut bosh, _) = cloister.bosh("").await;
    bosh.scram("juliet", "balcony").await.unwrap();
    let answer = bosh.request("xmpp:restart='1'", "").await;
    bosh.note(&answer);
    assert!(bosh.features().await.has_child(ns::BIND, "bind"));
}

#[tokio::test]
async fn xep_0388_a_login_binds_at_once() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let (mut bosh, _) = cloister.bosh("").await;
    let bind = format!("<bind xmlns='{}'><tag>web</tag></bind>", ns::BIND2);
    let success = bosh.scram2("juliet", "balcony", &bind).await.unwrap();
    assert!(success.has_child(ns::BIND2, "bound"), "{}", success.to_xml());
    bosh.features().await;
    bosh.alive().await;
}

#[tokio::test]
async fn s2_stanzas_without_a_namespace_are_stanzas() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    let both = "<message to='romeo@localhost' type='chat'><body>1</body></message>\
                <message to='romeo@localhost' type='chat'><body>2</body></message>";
    juliet.say(both).await;
    assert_eq!(body(&romeo.receive().await), "1");
    assert_eq!(body(&romeo.receive().await), "2");
}

#[tokio::test]
async fn s2_a_client_is_told_several_stanzas_at_once() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut juliet, jid) = cloister.bosh_bound("juliet", "balcony").await;
    for text in ["1", "2", "3"] {
        romeo.send(format!("<message to='{jid}' type='chat'><body>{text}</body></message>")).await;
    }
    romeo.fence().await;
    for text in ["1", "2", "3"] {
        assert_eq!(body(&juliet.receive().await), text);
    }
}

#[tokio::test]
async fn s6_an_error_of_the_stream_is_inside_the_last_answer() {
    let cloister = Cloister::start().await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    let request = juliet.next("", "<presence/><nonsense xmlns='urn:example'/>");
    let asked = juliet.ask(&request).await;
    let response = juliet.response(asked).await;
    let mut answer = read(&response);
    if answer.attr("type").is_none() {
        // The presence came back first.
        answer = juliet.request("", "").await;
    }
    assert_eq!(ended(&answer), Some("remote-stream-error"));
    let error = answer.children().last().unwrap();
    assert!(error.is(ns::STREAMS, "error"), "{}", answer.to_xml());
    assert_eq!(condition(error), "unsupported-stanza-type");
}

#[tokio::test]
async fn the_stream_is_opened_and_closed_by_attributes_alone() {
    let cloister = Cloister::start().await;
    for forged in ["<open to='localhost' version='1.0'", "<close"] {
        let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
        let request = juliet.next("", &format!("{forged} xmlns='{}'/>", ns::FRAMING));
        assert_eq!(ended(&juliet.once(&request).await), Some("bad-request"));
    }
}

#[tokio::test]
async fn xep_0198_a_stream_goes_on_over_a_websocket_that_began_over_bosh() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut juliet, jid) = cloister.bosh_bound("juliet", "balcony").await;
    juliet.say(&format!("<enable xmlns='{}' resume='true'/>", ns::SM)).await;
    let enabled = juliet.receive().await;
    let id = enabled.attr("id").unwrap_or_else(|| panic!("{}", enabled.to_xml())).to_owned();
    romeo.send(format!("<message to='{jid}' type='chat'><body>Hist!</body></message>")).await;
    romeo.fence().await;
    let (mut socket, _) = cloister.web_authenticated("juliet", "balcony").await;
    socket.send(&format!("<resume xmlns='{}' previd='{id}' h='0'/>", ns::SM)).await;
    assert!(socket.element().await.is(ns::SM, "resumed"));
    let message = loop {
        let element = socket.element().await;
        if element.is(ns::CLIENT, "message") {
            break element;
        }
    };
    assert_eq!(body(&message), "Hist!");
    // What was on its way to the old session may still be told there, before its end.
    let mut answer = juliet.request("", "").await;
    if answer.attr("type").is_none() {
        answer = juliet.request("", "").await;
    }
    assert_eq!(answer.attr("type"), Some("terminate"), "{}", answer.to_xml());
}

#[tokio::test]
async fn a_session_that_is_abused_from_outside_can_be_resumed() {
    let cloister = Cloister::start().await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    juliet.say(&format!("<enable xmlns='{}' resume='true'/>", ns::SM)).await;
    let id = juliet.receive().await.attr("id").unwrap().to_owned();
    let far = juliet.numbered(juliet.rid + 100, "", "");
    assert_eq!(ended(&juliet.once(&far).await), Some("item-not-found"));
    let (mut socket, _) = cloister.web_authenticated("juliet", "balcony").await;
    socket.send(&format!("<resume xmlns='{}' previd='{id}' h='0'/>", ns::SM)).await;
    assert!(socket.element().await.is(ns::SM, "resumed"));
}
