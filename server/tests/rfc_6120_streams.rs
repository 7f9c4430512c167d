//! RFC 6120 §4: XML Streams, their headers, their errors and their end.

use std::collections::HashSet;
use std::time::Duration;

use cloister::ns;

use crate::kit::{Cloister, Hash, Incoming, RawClient, Scram, elapse, header};

const STREAM: &str = "http://etherx.jabber.org/streams";

/// The condition that the server answers with to a stream header, in clear.
async fn refusal(header: &str) -> String {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.send(header).await;
    raw.error().await
}

/// A header with these attributes besides its namespaces.
fn header_of(attributes: &str) -> String {
    format!("<stream:stream xmlns='jabber:client' xmlns:stream='{STREAM}' {attributes}>")
}

#[tokio::test]
async fn s4_7_2_a_header_without_to_is_for_no_host() {
    assert_eq!(refusal(&header_of("version='1.0'")).await, "host-unknown");
}

#[tokio::test]
async fn s4_9_3_6_a_domain_that_is_not_served_is_unknown() {
    assert_eq!(refusal(&header("capulet.example", "")).await, "host-unknown");
}

#[tokio::test]
async fn s4_9_3_6_what_cannot_be_a_domain_is_unknown() {
    assert_eq!(refusal(&header("romeo@localhost/orchard", "")).await, "host-unknown");
}

#[tokio::test]
async fn s4_9_3_6_a_stream_inside_tls_must_be_to_a_served_domain_too() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.secured("localhost").await;
    raw.send(header("capulet.example", "")).await;
    assert_eq!(raw.error().await, "host-unknown");
}

#[tokio::test]
async fn s4_9_3_6_the_stream_after_the_login_is_to_the_domain_of_the_login() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    let (mut raw, _) = cloister.opened("localhost").await;
    login(&cloister, &mut raw).await;
    raw.send(header("capulet.example", "")).await;
    assert_eq!(raw.error().await, "host-unknown");
}

#[tokio::test]
async fn s4_7_1_a_stream_of_somebody_else_after_the_login_is_refused() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.opened("localhost").await;
    login(&cloister, &mut raw).await;
    raw.send(header("localhost", "from='romeo@localhost'")).await;
    assert_eq!(raw.error().await, "invalid-from");
}

#[tokio::test]
async fn s4_7_2_a_client_that_says_who_it_is_is_addressed() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.secured("localhost").await;
    let (header, _) = raw.open_with(&header("localhost", "from='juliet@localhost'")).await;
    assert_eq!(header.attr("to"), Some("juliet@localhost"));
}

#[tokio::test]
async fn s4_7_1_a_from_that_is_no_address_is_invalid() {
    assert_eq!(refusal(&header("localhost", "from='@'")).await, "invalid-from");
}

#[tokio::test]
async fn s4_8_1_another_stream_namespace_is_invalid() {
    let header = header("localhost", "").replace(STREAM, "urn:example:streams");
    assert_eq!(refusal(&header).await, "invalid-namespace");
}

#[tokio::test]
async fn s4_8_2_a_content_namespace_that_is_not_the_clients_is_invalid() {
    for namespace in ["jabber:server", "jabber:component:accept", ""] {
        let header = header("localhost", "").replace("jabber:client", namespace);
        assert_eq!(refusal(&header).await, "invalid-namespace", "{namespace:?}");
    }
}

#[tokio::test]
async fn s4_8_5_any_prefix_may_stand_for_the_stream_namespace() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    let header =
        format!("<s:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:s='{STREAM}'>");
    let (_, features) = raw.open_with(&header).await;
    assert!(features.has_child(ns::TLS, "starttls"));
}

#[tokio::test]
async fn s4_9_3_2_a_stream_prefix_that_is_not_declared_is_bad() {
    let header = "<stream:stream to='localhost' version='1.0' xmlns='jabber:client'>";
    assert_eq!(refusal(header).await, "bad-namespace-prefix");
}

#[tokio::test]
async fn s4_9_3_1_another_root_element_is_bad_format() {
    let header = header("localhost", "").replace("<stream:stream", "<stream:flow");
    assert_eq!(refusal(&header).await, "bad-format");
}

#[tokio::test]
async fn s4_7_5_a_version_below_1_0_is_not_supported() {
    for version in ["", "version='0.9'", "version='1'", "version='one.0'"] {
        let header = header_of(&format!("to='localhost' {version}"));
        assert_eq!(refusal(&header).await, "unsupported-version", "{version:?}");
    }
}

#[tokio::test]
async fn s4_7_5_a_higher_version_is_answered_with_ours() {
    let cloister = Cloister::start().await;
    for version in ["1.1", "1.10", "2.0"] {
        let mut raw = cloister.clear().await;
        let header = header_of(&format!("to='localhost' version='{version}'"));
        let (header, _) = raw.open_with(&header).await;
        assert_eq!(header.attr("version"), Some("1.0"));
    }
}

#[tokio::test]
async fn s4_7_the_server_says_who_it_is_and_in_what_language() {
    let cloister = Cloister::start().await;
    let (header, _) = cloister.clear().await.open_with(&header("localhost", "")).await;
    assert_eq!(header.attr("from"), Some("localhost"));
    assert_eq!(header.attr("version"), Some("1.0"));
    assert_eq!(header.lang(), Some("en"));
    assert!(header.is(ns::STREAMS, "stream"));
}

#[tokio::test]
async fn s4_7_2_a_domain_is_recognized_in_any_case() {
    let cloister = Cloister::start().await;
    let (header, _) = cloister.clear().await.open_with(&header("LocalHost", "")).await;
    assert_eq!(header.attr("from"), Some("localhost"));
}

#[tokio::test]
async fn s4_7_3_no_two_streams_have_the_same_id() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let mut ids = HashSet::new();
    for _ in 0..4 {
        let mut raw = cloister.clear().await;
        ids.insert(id(&mut raw).await);
        raw.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
        raw.element().await;
        let mut raw = raw.handshake(cloister.authority().client(), "localhost").await.unwrap();
        ids.insert(id(&mut raw).await);
        login(&cloister, &mut raw).await;
        ids.insert(id(&mut raw).await);
    }
    assert_eq!(ids.len(), 12);
}

#[tokio::test]
async fn s4_7_3_an_id_has_enough_letters_to_be_unpredictable() {
    let cloister = Cloister::start().await;
    let first = id(&mut cloister.clear().await).await;
    let second = id(&mut cloister.clear().await).await;
    assert!(first.len() >= 16, "{first}");
    let same = first.bytes().zip(second.bytes()).filter(|(a, b)| a == b).count();
    assert!(same < 8, "{first} and {second} differ too little");
}

#[tokio::test]
async fn s4_9_1_2_an_error_about_the_header_stands_inside_a_stream() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.send(header("capulet.example", "")).await;
    let header = raw.header().await;
    assert!(header.attr("id").is_some_and(|id| !id.is_empty()));
    assert_eq!(raw.error().await, "host-unknown");
}

#[tokio::test]
async fn s4_4_a_stream_that_is_closed_is_closed_by_the_server_too() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    raw.send("</stream:stream>").await;
    raw.end().await;
}

#[tokio::test]
async fn s4_4_a_session_that_is_closed_is_closed_by_the_server_too() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.bound("juliet", "balcony").await;
    raw.send("</stream:stream>").await;
    raw.end().await;
}

#[tokio::test]
async fn s4_4_what_was_sent_before_the_end_is_answered_before_the_end() {
    let cloister = Cloister::start().await;
    let (mut raw, _) = cloister.bound("juliet", "balcony").await;
    raw.send(
        "<iq id='1' type='get' to='localhost'><x xmlns='urn:example:x'/></iq></stream:stream>",
    )
    .await;
    assert_eq!(raw.element().await.attr("id"), Some("1"));
    raw.end().await;
}

#[tokio::test]
async fn s4_6_1_white_space_between_stanzas_keeps_the_stream_alive() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    for space in [" ", "\n", "\r\n\t ", "          "] {
        juliet.send(space).await;
        juliet.fence().await;
    }
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s4_9_3_1_text_between_stanzas_is_bad_format() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.send("wherefore art thou").await;
    assert_eq!(juliet.stream_error().await, "bad-format");
}

#[tokio::test]
async fn s4_3_3_a_second_header_ends_a_session() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.send(header("localhost", "")).await;
    // XML §2.8: its declaration can only stand at the beginning.
    assert_eq!(juliet.stream_error().await, "restricted-xml");
}

#[tokio::test]
async fn s4_9_3_24_a_stream_inside_a_stream_is_not_supported() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.send("<stream:stream to='localhost' version='1.0'></stream:stream>").await;
    assert_eq!(juliet.stream_error().await, "unsupported-stanza-type");
}

#[tokio::test]
async fn s4_9_3_20_a_server_that_stops_says_so() {
    let cloister = Cloister::start().await;
    let juliet = cloister.login("juliet", "balcony").await;
    let (error, ()) = tokio::join!(juliet.stream_error(), cloister.stop());
    assert_eq!(error, "system-shutdown");
}

#[tokio::test]
async fn s4_9_1_1_after_an_error_nothing_is_processed() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let (mut raw, _) = cloister.bound("juliet", "balcony").await;
    raw.send("<bogus/><message to='romeo@localhost' type='chat'><body>hi</body></message>").await;
    assert_eq!(raw.error().await, "unsupported-stanza-type");
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s4_2_nothing_comes_before_the_client_opens_the_stream() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.send(header("localhost", "")).await;
    // The first thing of all is the header, and not something that was sent unasked.
    assert!(matches!(raw.next().await, Incoming::Header(_)));
}

async fn id(raw: &mut RawClient) -> String {
    let (header, _) = raw.open_with(&header("localhost", "")).await;
    header.attr("id").expect("a stream has an id").to_owned()
}

async fn login(cloister: &Cloister, raw: &mut RawClient) {
    cloister.account("juliet", "balcony").await;
    raw.scram(&Scram::new(Hash::Sha256, "juliet", "balcony")).await.unwrap();
    raw.restart();
}

#[tokio::test]
async fn s4_6_3_a_quiet_client_is_asked_whether_it_is_there() {
    let cloister = Cloister::with("[timeouts]\nidle = '30s'").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.fence().await;
    elapse(Duration::from_secs(31)).await;
    let ping = juliet.receive().await;
    assert!(ping.has_child(ns::PING, "ping"), "{}", ping.to_xml());
    assert_eq!(ping.attr("from"), Some("localhost"));
    assert_eq!(ping.attr("to"), Some(juliet.jid()));
}

#[tokio::test]
async fn s4_6_1_a_quiet_client_is_sent_a_space() {
    let cloister = Cloister::with("[timeouts]\nkeepalive = \"1m\"\n").await;
    let (mut raw, _) = cloister.bound("juliet", "balcony").await;
    elapse(Duration::from_secs(61)).await;
    assert_eq!(raw.next_bytes().await, b" ");
}

#[tokio::test]
async fn s4_6_3_a_client_that_answers_stays() {
    let cloister = Cloister::with("[timeouts]\nidle = '30s'\nping = '5s'").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.fence().await;
    for _ in 0..3 {
        elapse(Duration::from_secs(31)).await;
        let ping = juliet.receive().await;
        let id = ping.attr("id").expect("an id");
        juliet.send(format!("<iq type='result' to='localhost' id='{id}'/>")).await;
        juliet.fence().await;
    }
    juliet.expect_silence().await;
}

#[tokio::test]
async fn s4_9_3_4_a_client_that_does_not_answer_is_given_up() {
    let cloister = Cloister::with("[timeouts]\nidle = '30s'").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.fence().await;
    elapse(Duration::from_secs(31)).await;
    juliet.receive().await;
    elapse(Duration::from_secs(301)).await;
    assert_eq!(juliet.stream_error().await, "connection-timeout");
}

#[tokio::test]
async fn s4_6_2_white_space_is_a_sign_of_life() {
    let cloister = Cloister::with("[timeouts]\nidle = '30s'").await;
    let juliet = cloister.login("juliet", "balcony").await;
    juliet.fence().await;
    elapse(Duration::from_secs(20)).await;
    juliet.send(" ").await;
    juliet.fence().await;
    elapse(Duration::from_secs(20)).await;
    juliet.expect_silence().await;
}
