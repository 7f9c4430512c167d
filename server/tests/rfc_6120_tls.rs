//! RFC 6120 §5: STARTTLS, and TLS itself.

use std::time::Duration;

use cloister::ns;
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::kit::{Cloister, Incoming, RawClient, condition, elapse, header};

const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

#[tokio::test]
async fn s5_3_1_starttls_is_required_and_nothing_else_is_offered() {
    let cloister = Cloister::start().await;
    let features = cloister.clear().await.open("localhost").await;
    assert_eq!(features.children().count(), 1);
    let starttls = features.child(ns::TLS, "starttls").expect("starttls");
    assert!(starttls.has_child(ns::TLS, "required"));
}

#[tokio::test]
async fn s5_4_3_3_inside_tls_starttls_is_not_offered_again() {
    let cloister = Cloister::start().await;
    let (_, features) = cloister.opened("localhost").await;
    assert!(!features.has_child(ns::TLS, "starttls"));
}

#[tokio::test]
async fn s6_5_4_a_login_in_clear_is_told_that_encryption_is_required() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    let failure = raw.auth("SCRAM-SHA-256", Some("n,,n=juliet,r=abc")).await;
    assert!(failure.is(ns::SASL, "failure"));
    assert_eq!(condition(&failure), "encryption-required");
}

#[tokio::test]
async fn s5_3_1_after_a_refused_login_tls_can_still_begin() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    raw.auth("PLAIN", Some("\0juliet\0balcony")).await;
    raw.send(STARTTLS).await;
    assert!(raw.element().await.is(ns::TLS, "proceed"));
}

#[tokio::test]
async fn s4_9_3_12_a_stanza_in_clear_is_not_authorized() {
    let cloister = Cloister::start().await;
    for stanza in [
        "<message to='romeo@localhost'><body>hi</body></message>",
        "<presence/>",
        "<iq id='1' type='get'><query xmlns='jabber:iq:auth'/></iq>",
        "<iq id='1' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    ] {
        let mut raw = cloister.clear().await;
        raw.open("localhost").await;
        raw.send(stanza).await;
        assert_eq!(raw.error().await, "not-authorized", "{stanza}");
    }
}

#[tokio::test]
async fn xep_0138_compression_is_not_negotiated() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    raw.send(
        "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
    )
    .await;
    assert_eq!(raw.error().await, "not-authorized");
}

#[tokio::test]
async fn s5_4_3_3_bytes_behind_starttls_end_the_stream() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    raw.send(format!("{STARTTLS}{}", header("localhost", ""))).await;
    assert_eq!(raw.error().await, "policy-violation");
}

#[tokio::test]
async fn s5_4_3_3_a_stanza_behind_starttls_is_never_delivered() {
    let cloister = Cloister::start().await;
    let romeo = cloister.online("romeo", "orchard").await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    raw.send(format!("{STARTTLS}<message to='romeo@localhost'><body>hi</body></message>")).await;
    raw.error().await;
    romeo.expect_silence().await;
}

#[tokio::test]
async fn s5_4_2_1_bytes_that_come_late_in_clear_are_no_handshake() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    raw.send(STARTTLS).await;
    raw.element().await;
    raw.send(header("localhost", "")).await;
    assert!(!matches!(raw.next_bytes().await.as_slice(), [b'<', ..]), "clear text is answered");
}

#[tokio::test]
async fn s13_8_tls_1_3_is_spoken() {
    let cloister = Cloister::start().await;
    let raw = cloister.secured("localhost").await;
    assert_eq!(raw.tls().protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn s13_8_key_exchange_is_hybrid_and_post_quantum() {
    let cloister = Cloister::start().await;
    let raw = cloister.secured("localhost").await;
    let group = raw.tls().negotiated_key_exchange_group().expect("a group").name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn tls_1_2_is_refused_unless_the_operator_allows_it() {
    let cloister = Cloister::start().await;
    let config = cloister.authority().client_of(&[&TLS12]);
    assert!(cloister.clear().await.starttls(config, "localhost").await.is_err());
}

#[tokio::test]
async fn tls_1_2_is_spoken_where_the_operator_allows_it() {
    let cloister = Cloister::with("[tls]\nmin_version = '1.2'").await;
    let config = cloister.authority().client_of(&[&TLS12]);
    let mut raw = cloister.clear().await.starttls(config, "localhost").await.unwrap();
    assert_eq!(raw.tls().protocol_version(), Some(ProtocolVersion::TLSv1_2));
    assert!(raw.open("localhost").await.has_child(ns::SASL, "mechanisms"));
}

#[tokio::test]
async fn tls_1_3_is_preferred_where_1_2_is_allowed() {
    let cloister = Cloister::with("[tls]\nmin_version = '1.2'").await;
    let raw = cloister.secured("localhost").await;
    assert_eq!(raw.tls().protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn s13_7_1_each_domain_has_its_own_certificate() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    for domain in ["localhost", "capulet.example"] {
        // The client accepts no certificate of another name.
        let mut raw = cloister.secured(domain).await;
        assert!(raw.open(domain).await.has_child(ns::SASL, "mechanisms"));
    }
}

#[tokio::test]
async fn s13_7_1_without_sni_the_stream_header_chooses_the_certificate() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    let mut config = cloister.authority().client();
    config.enable_sni = false;
    let raw = cloister.clear().await.starttls(config, "capulet.example").await;
    assert!(raw.is_ok(), "the certificate is that of another domain");
}

#[tokio::test]
async fn s13_7_1_a_name_that_is_not_served_gets_no_certificate_for_it() {
    let cloister = Cloister::start().await;
    let raw = cloister.clear().await;
    let config = cloister.authority().client();
    let mut raw = open_and_proceed(raw).await;
    raw.restart();
    assert!(raw.handshake(config, "capulet.example").await.is_err());
}

#[tokio::test]
async fn s5_4_3_1_an_untrusted_certificate_ends_the_connection_and_nothing_else() {
    let cloister = Cloister::start().await;
    let stranger = crate::kit::tls::Authority::new();
    assert!(cloister.clear().await.starttls(stranger.client(), "localhost").await.is_err());
    cloister.login("juliet", "balcony").await.fence().await;
}

#[tokio::test]
async fn a_handshake_that_stalls_is_given_up() {
    let cloister = Cloister::with("[timeouts]\ntls = '5s'").await;
    let mut raw = open_and_proceed(cloister.clear().await).await;
    elapse(Duration::from_secs(6)).await;
    raw.gone().await;
}

#[tokio::test]
async fn a_handshake_of_garbage_ends_the_connection() {
    let cloister = Cloister::start().await;
    let mut raw = open_and_proceed(cloister.clear().await).await;
    raw.send([0xff_u8; 600]).await;
    raw.drained().await;
    cloister.login("juliet", "balcony").await.fence().await;
}

#[tokio::test]
async fn a_stream_in_clear_that_says_nothing_times_out() {
    let cloister = Cloister::with("[timeouts]\nlogin = '5s'").await;
    let mut raw = cloister.clear().await;
    raw.open("localhost").await;
    elapse(Duration::from_secs(6)).await;
    assert_eq!(raw.error().await, "connection-timeout");
}

#[tokio::test]
async fn a_connection_that_opens_no_stream_times_out() {
    let cloister = Cloister::with("[timeouts]\nlogin = '5s'").await;
    let mut raw = cloister.clear().await;
    // What is read proves that the server waits already.
    raw.send("<?xml version='1.0'?><stream:stream to='local").await;
    cloister.login("juliet", "balcony").await.close().await;
    elapse(Duration::from_secs(6)).await;
    assert_eq!(raw.error().await, "connection-timeout");
}

#[tokio::test]
async fn a_client_of_both_versions_cannot_be_talked_into_the_older() {
    let cloister = Cloister::start().await;
    let config = cloister.authority().client_of(&[&TLS12, &TLS13]);
    let raw = cloister.clear().await.starttls(config, "localhost").await.unwrap();
    assert_eq!(raw.tls().protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn s5_4_2_3_the_stream_inside_tls_begins_anew() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.secured("localhost").await;
    raw.send("<presence/>").await;
    assert!(matches!(raw.error().await.as_str(), "bad-format" | "invalid-namespace"));
}

async fn open_and_proceed(mut raw: RawClient) -> RawClient {
    raw.open("localhost").await;
    raw.send(STARTTLS).await;
    assert!(matches!(raw.next().await, Incoming::Element(e) if e.is(ns::TLS, "proceed")));
    raw
}
