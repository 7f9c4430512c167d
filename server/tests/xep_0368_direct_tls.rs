//! XEP-0368: SRV records for XMPP over TLS; the server's part of it is TLS from the first byte.

use std::time::Duration;

use cloister::ns;

use crate::kit::{Cloister, Hash, RawClient, Scram, elapse, header};

#[tokio::test]
async fn s3_a_client_logs_in_over_direct_tls() {
    let cloister = Cloister::start().await;
    cloister.account("juliet", "balcony").await;
    let mut raw = cloister.direct("localhost").await;
    let features = raw.open("localhost").await;
    assert!(!features.has_child(ns::TLS, "starttls"));
    let exporter = raw.exporter();
    let scram = Scram::bound(Hash::Sha256, "juliet", "balcony", "tls-exporter", exporter);
    raw.scram(&scram).await.unwrap();
    raw.open("localhost").await;
    assert_eq!(raw.bind(Some("balcony")).await.unwrap(), "juliet@localhost/balcony");
}

#[tokio::test]
async fn s3_the_application_protocol_is_xmpp_client() {
    let cloister = Cloister::start().await;
    let mut config = cloister.authority().client();
    config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    let raw = RawClient::connect(cloister.tls_addresses()[0]).await;
    let raw = raw.handshake(config, "localhost").await.unwrap();
    assert_eq!(raw.tls().alpn_protocol(), Some(&b"xmpp-client"[..]));
}

#[tokio::test]
async fn s3_a_client_without_alpn_is_served() {
    let cloister = Cloister::start().await;
    let mut raw = cloister.direct("localhost").await;
    assert_eq!(raw.tls().alpn_protocol(), None);
    assert!(raw.open("localhost").await.has_child(ns::SASL, "mechanisms"));
}

#[tokio::test]
async fn rfc_7301_s3_2_another_application_protocol_is_refused() {
    let cloister = Cloister::start().await;
    for protocol in ["h2", "xmpp-server"] {
        let mut config = cloister.authority().client();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let raw = RawClient::connect(cloister.tls_addresses()[0]).await;
        let refused = match raw.handshake(config, "localhost").await {
            // TLS 1.3: the client is done before it hears of the alert.
            Ok(mut raw) => raw.next_bytes().await.is_empty(),
            Err(_) => true,
        };
        assert!(refused, "{protocol}");
    }
}

#[tokio::test]
async fn s3_sni_chooses_the_certificate() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    for domain in ["localhost", "capulet.example"] {
        let mut raw = cloister.direct(domain).await;
        assert!(raw.open(domain).await.has_child(ns::SASL, "mechanisms"));
    }
}

#[tokio::test]
async fn without_sni_the_first_domain_is_served() {
    let cloister = Cloister::with("[[host]]\ndomain = 'capulet.example'").await;
    let mut config = cloister.authority().client();
    config.enable_sni = false;
    let raw = RawClient::connect(cloister.tls_addresses()[0]).await;
    assert!(raw.handshake(config, "localhost").await.is_ok());
}

#[tokio::test]
async fn clear_text_is_not_understood() {
    let cloister = Cloister::start().await;
    let mut raw = RawClient::connect(cloister.tls_addresses()[0]).await;
    raw.send(header("localhost", "")).await;
    assert!(!matches!(raw.next_bytes().await.as_slice(), [b'<', ..]), "clear text is answered");
}

#[tokio::test]
async fn a_client_that_does_not_begin_is_given_up() {
    let cloister = Cloister::with("[timeouts]\ntls = '5s'").await;
    let mut raw = RawClient::connect(cloister.tls_addresses()[0]).await;
    // Another connection of the same listener: by then the first was accepted.
    cloister.direct("localhost").await;
    elapse(Duration::from_secs(6)).await;
    raw.gone().await;
}

#[tokio::test]
async fn both_ip_versions_are_listened_to_where_there_are_both() {
    let cloister = Cloister::start().await;
    for address in cloister.tls_addresses() {
        let raw = RawClient::connect(*address).await;
        let raw = raw.handshake(cloister.authority().client(), "localhost").await;
        assert!(raw.is_ok(), "{address}");
    }
}
