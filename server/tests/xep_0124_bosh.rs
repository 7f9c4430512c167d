//! XEP-0124: BOSH, on the wire. What follows from the order of requests and from time has its tests in
//! `c2s/bosh/session/tests.rs`.

use std::collections::HashSet;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use cloister::jid::Domain;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::bosh::{Asked, Bosh, FIRST, PATH, body as wrapper, ended, read, wish};
use crate::kit::exchange::Exchange;
use crate::kit::{Cloister, body, elapse};

/// The condition that ends the session before it begins, and the status of the answer.
async fn refusal(xml: &str) -> (Option<String>, u16) {
    let cloister = Cloister::start().await;
    let response = cloister.post(xml).await;
    (ended(&read(&response)).map(str::to_owned), response.status)
}

fn is(condition: &str) -> (Option<String>, u16) {
    (Some(condition.to_owned()), 200)
}

fn message(to: &str, text: &str) -> String {
    format!("<message xmlns='jabber:client' type='chat' to='{to}'><body>{text}</body></message>")
}

/// A session one of whose requests is known to wait.
async fn waiting(cloister: &Cloister) -> (Bosh, Asked) {
    cloister.account("juliet", "balcony").await;
    let (mut juliet, _) = cloister.bosh("hold='2'").await;
    juliet.scram("juliet", "balcony").await.unwrap();
    juliet.restart().await;
    juliet.bind("balcony").await;
    let first = juliet.next("", "");
    let first = juliet.ask(&first).await;
    let ping = "<iq xmlns='jabber:client' type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>";
    let second = juliet.next("", ping);
    let second = juliet.ask(&second).await;
    // What the second asked is told to the first.
    let answer = juliet.answer(first).await;
    assert_eq!(inside(&answer)[0].attr("id"), Some("a"), "{}", answer.to_xml());
    (juliet, second)
}

/// The elements of an answer.
fn inside(answer: &Element) -> Vec<&Element> {
    answer.children().collect()
}

#[tokio::test]
async fn s7_2_a_session_is_made_and_says_what_holds() {
    let cloister = Cloister::start().await;
    let (bosh, answer) = cloister.bosh("ack='1'").await;
    let said = |name: &str| answer.attr(name).unwrap_or_else(|| panic!("{}", answer.to_xml()));
    assert!(said("wait").parse::<u32>().unwrap() <= 60, "no longer than was wished");
    assert_eq!((said("hold"), said("requests"), said("ver")), ("1", "2", "1.6"));
    assert_eq!((said("from"), said("ack")), ("localhost", FIRST.to_string().as_str()));
    for seconds in ["polling", "inactivity", "maxpause"] {
        assert!(said(seconds).parse::<u32>().unwrap() > 0, "{seconds}");
    }
    assert_eq!(answer.attr("stream"), None, "§16.2: one stream to a session");
    assert!(bosh.sid.len() >= 22, "128 bits");
}

#[tokio::test]
async fn s18_3_no_session_is_named_as_another() {
    let cloister = Cloister::start().await;
    let mut names = HashSet::new();
    for _ in 0..20 {
        assert!(names.insert(cloister.bosh("").await.0.sid));
    }
}

#[tokio::test]
async fn s7_1_answers_are_text_xml_unless_the_client_wants_another_type() {
    let cloister = Cloister::start().await;
    let response = cloister.post(&wish("localhost", "")).await;
    assert_eq!(response.header("content-type"), Some("text/xml; charset=utf-8"));
    let response = cloister.post(&wish("localhost", "content='text/html'")).await;
    assert_eq!(response.header("content-type"), Some("text/html"));
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
}

#[tokio::test]
async fn s17_2_a_session_is_to_a_domain() {
    let without = wish("localhost", "").replace("to='localhost'", "");
    assert_eq!(refusal(&without).await, is("improper-addressing"));
    assert_eq!(refusal(&wish("", "")).await, is("improper-addressing"));
}

#[tokio::test]
async fn s17_2_a_domain_that_is_not_served_is_unknown() {
    assert_eq!(refusal(&wish("capulet.example", "")).await, is("host-unknown"));
    assert_eq!(refusal(&wish("romeo@localhost/x", "")).await, is("host-unknown"));
}

#[tokio::test]
async fn s17_2_what_cannot_be_read_is_a_bad_request() {
    for xml in ["", "rid=1", "<body/>", "<body", &wish("localhost", "").replace("rid=", "id=")] {
        assert_eq!(refusal(xml).await, is("bad-request"), "{xml}");
    }
}

#[tokio::test]
async fn s17_2_a_session_that_is_none_is_not_found() {
    let xml = wrapper("rid='7' sid='AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'", "");
    assert_eq!(refusal(&xml).await, is("item-not-found"));
}

#[tokio::test]
async fn s17_1_a_client_without_ver_is_told_by_the_status_of_http() {
    let cloister = Cloister::start().await;
    let asked = wish("localhost", "").replace("ver='1.6'", "");
    let sid = read(&cloister.post(&asked).await).attr("sid").unwrap().to_owned();
    let response = cloister.post(&wrapper(&format!("rid='7' sid='{sid}'"), "")).await;
    assert_eq!(response.status, 404);
}

#[tokio::test]
async fn s8_a_request_waits_for_something_to_be_told() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut juliet, jid) = cloister.bosh_bound("juliet", "balcony").await;
    let request = juliet.next("", "");
    let asked = juliet.ask(&request).await;
    romeo.send(message(&jid, "Hist!")).await;
    let answer = juliet.answer(asked).await;
    assert_eq!(body(inside(&answer)[0]), "Hist!");
}

#[tokio::test]
async fn s8_a_request_is_answered_with_nothing_when_it_has_waited() {
    let cloister = Cloister::start().await;
    let (mut juliet, waiting) = waiting(&cloister).await;
    elapse(Duration::from_secs(51)).await;
    let answer = juliet.answer(waiting).await;
    assert_eq!((inside(&answer).len(), answer.attr("type")), (0, None));
}

#[tokio::test]
async fn s8_no_more_requests_wait_than_the_client_wants() {
    let cloister = Cloister::start().await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    let first = juliet.next("", "");
    let first = juliet.ask(&first).await;
    let second = juliet.next("", "<presence xmlns='jabber:client' to='nobody@localhost'/>");
    let _second = juliet.ask(&second).await;
    assert_eq!(inside(&juliet.answer(first).await).len(), 0);
}

#[tokio::test]
async fn s14_2_requests_are_done_in_their_order() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    let first = juliet.next("", &message("romeo@localhost", "1"));
    let second = juliet.next("", &message("romeo@localhost", "2"));
    let second = juliet.ask(&second).await;
    let first = juliet.ask(&first).await;
    juliet.answer(first).await;
    assert_eq!(body(&romeo.receive().await), "1");
    assert_eq!(body(&romeo.receive().await), "2");
    romeo.send(message("juliet@localhost", "3")).await;
    drop(second);
}

#[tokio::test]
async fn s14_3_a_request_that_is_repeated_is_answered_again_and_done_once() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    let inside = message("romeo@localhost", "once")
        + "<iq xmlns='jabber:client' type='get' id='a'><ping xmlns='urn:xmpp:ping'/></iq>";
    let request = juliet.next("", &inside);
    let first = juliet.once(&request).await;
    let again = juliet.once(&request).await;
    assert_eq!(first, again);
    assert_eq!(body(&romeo.receive().await), "once");
    juliet.alive().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s14_3_who_lost_a_connection_gets_the_answer_on_another() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut juliet, jid) = cloister.bosh_bound("juliet", "balcony").await;
    let request = juliet.next("", "");
    drop(juliet.ask(&request).await);
    let asked = juliet.ask(&request).await;
    romeo.send(message(&jid, "Hist!")).await;
    let mut answer = juliet.answer(asked).await;
    if answer.attr("type") == Some("error") {
        // §17.3: the lost one came last.
        answer = juliet.once(&request).await;
    }
    assert_eq!(body(inside(&answer)[0]), "Hist!");
}

#[tokio::test]
async fn s14_2_a_number_out_of_the_window_ends_the_session() {
    let cloister = Cloister::start().await;
    for beyond in [4, 1000] {
        let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
        let request = juliet.numbered(juliet.rid + beyond, "", "");
        assert_eq!(ended(&juliet.once(&request).await), Some("item-not-found"));
        let request = juliet.next("", "");
        assert_eq!(ended(&juliet.once(&request).await), Some("item-not-found"));
    }
}

#[tokio::test]
async fn s10_a_client_that_does_not_ask_is_gone() {
    let cloister = Cloister::start().await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    elapse(Duration::from_secs(130)).await;
    cloister.gone("juliet").await;
    juliet.reconnect();
    let request = juliet.next("", "");
    assert_eq!(ended(&juliet.once(&request).await), Some("item-not-found"));
}

#[tokio::test]
async fn s10_what_was_never_fetched_is_there_for_the_next_session() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut juliet, jid) = cloister.bosh_bound("juliet", "balcony").await;
    let answer = juliet.request("", "<presence xmlns='jabber:client'/>").await;
    juliet.note(&answer);
    juliet.receive().await;
    romeo.send(message(&jid, "Hist!")).await;
    romeo.fence().await;
    elapse(Duration::from_secs(130)).await;
    cloister.gone("juliet").await;
    let juliet = cloister.online("juliet", "balcony").await;
    let late = juliet.receive_where("the message", |it| it.name() == "message").await;
    assert_eq!(body(&late), "Hist!");
}

#[tokio::test]
async fn s10_a_pause_is_answered_at_once() {
    let cloister = Cloister::start().await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    let held = juliet.next("", "");
    let held = juliet.ask(&held).await;
    let pause = juliet.next("pause='30'", "");
    let pause = juliet.ask(&pause).await;
    for asked in [held, pause] {
        let answer = juliet.answer(asked).await;
        assert_eq!((inside(&answer).len(), answer.attr("type")), (0, None));
    }
    juliet.alive().await;
}

#[tokio::test]
async fn s13_a_client_says_goodbye_and_what_it_has_to_say() {
    let cloister = Cloister::start().await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    let romeo = cloister.online("romeo", "orchard").await;
    let request = juliet.next("type='terminate'", &message("romeo@localhost", "Good night"));
    let answer = juliet.once(&request).await;
    assert_eq!(ended(&answer), None);
    assert_eq!(body(&romeo.receive().await), "Good night");
    cloister.gone("juliet").await;
    let request = juliet.next("", "");
    assert_eq!(ended(&juliet.once(&request).await), Some("item-not-found"));
}

#[tokio::test]
async fn s15_4_a_request_with_the_wrong_key_ends_the_session() {
    let hex = |text: &str| {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let cloister = Cloister::start().await;
    let keys: Vec<String> =
        std::iter::successors(Some(hex("seed")), |key| Some(hex(key))).take(4).collect();
    let (mut bosh, _) = cloister.bosh(&format!("newkey='{}'", keys[3])).await;
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='X'/>";
    let answer = bosh.request(&format!("key='{}'", keys[2]), auth).await;
    assert!(inside(&answer)[0].is(ns::SASL, "failure"), "{}", answer.to_xml());
    let answer = bosh.request(&format!("key='{}'", keys[2]), auth).await;
    assert_eq!(ended(&answer), Some("item-not-found"));
}

#[tokio::test]
async fn s4_a_body_has_its_limit_before_it_is_read() {
    let cloister = Cloister::with("[limits]\nstanza_bytes = '16 KiB'").await;
    let (mut juliet, _) = cloister.bosh_bound("juliet", "balcony").await;
    let long = message("nobody@localhost", &"x".repeat(8000));
    let request = juliet.next("", &long.repeat(2));
    let answer = juliet.once(&request).await;
    juliet.note(&answer);
    let request = juliet.next("", &long.repeat(3));
    assert_eq!(ended(&juliet.once(&request).await), Some("policy-violation"));
}

#[tokio::test]
async fn before_the_login_a_body_is_as_short_as_a_login() {
    let cloister = Cloister::start().await;
    let (mut bosh, _) = cloister.bosh("").await;
    let request = bosh.next("", &format!("<x xmlns='urn:x'>{}</x>", "x".repeat(20_000)));
    assert_eq!(ended(&bosh.once(&request).await), Some("policy-violation"));
}

#[tokio::test]
async fn sessions_of_one_address_have_a_limit() {
    let cloister = Cloister::with("[limits]\nconnections_per_address = 8").await;
    let mut http = cloister.browser().await;
    let mut made = 0;
    let refused = loop {
        let xml = wish("localhost", "");
        let response = http.request("POST", PATH, &[], xml.as_bytes()).await;
        let answer = read(&response);
        if answer.attr("sid").is_none() {
            break answer;
        }
        made += 1;
    };
    assert_eq!(made, 8, "on one connection");
    assert_eq!(ended(&refused), Some("policy-violation"));
}

#[tokio::test]
async fn a_login_has_its_deadline() {
    let cloister = Cloister::start().await;
    let (mut bosh, _) = cloister.bosh("").await;
    elapse(cloister.server().config().timeouts.login + Duration::from_secs(1)).await;
    bosh.reconnect();
    let answer = bosh.request("", "").await;
    assert_eq!(ended(&answer), Some("remote-stream-error"));
    assert_eq!(crate::kit::condition(inside(&answer)[0]), "connection-timeout");
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_ask() {
    let cloister = Cloister::start().await;
    for origin in ["https://capulet.example", "null"] {
        let headers = [("Origin", origin)];
        let mut http = cloister.browser().await;
        for method in ["POST", "OPTIONS"] {
            let xml = wish("localhost", "");
            let response = http.request(method, PATH, &headers, xml.as_bytes()).await;
            assert_eq!(response.status, 403, "{method}");
            assert_eq!(response.header("access-control-allow-origin"), None);
        }
    }
}

#[tokio::test]
async fn our_own_pages_and_those_that_the_operator_names_may_ask() {
    let cloister = Cloister::with("[http]\norigins = ['https://chat.example']").await;
    let own = cloister.server().web(&Domain::parse("localhost").unwrap());
    for origin in [own.as_str(), "https://chat.example"] {
        let mut http = cloister.browser().await;
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        let response = http.request("OPTIONS", PATH, &headers, b"").await;
        assert_eq!(response.status, 204);
        assert_eq!(response.header("access-control-allow-origin"), Some(origin));
        assert!(response.header("access-control-allow-methods").unwrap().contains("POST"));
        assert_eq!(response.header("access-control-allow-headers"), Some("Content-Type"));
        let xml = wish("localhost", "");
        let response = http.request("POST", PATH, &headers[..1], xml.as_bytes()).await;
        assert_eq!(response.header("access-control-allow-origin"), Some(origin));
        assert!(read(&response).attr("sid").is_some());
    }
}

#[tokio::test]
async fn who_looks_at_it_with_a_browser_is_told_what_it_is() {
    let cloister = Cloister::start().await;
    let response = cloister.browser().await.get(PATH).await;
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").unwrap().starts_with("text/plain"));
}

#[tokio::test]
async fn a_server_that_stops_tells_who_waits_and_waits_for_nobody() {
    let cloister = Cloister::start().await;
    let (_silent, _) = cloister.bosh_bound("romeo", "orchard").await;
    let (mut juliet, waiting) = waiting(&cloister).await;
    let stopped = tokio::spawn(cloister.stop());
    let answer = juliet.answer(waiting).await;
    assert_eq!(ended(&answer), Some("remote-stream-error"));
    assert_eq!(crate::kit::condition(inside(&answer)[0]), "system-shutdown");
    stopped.await.unwrap();
}
