//! The PROXY protocol (versions 1 and 2 of its text): who is believed, and what counts for whom.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cloister::ns;

use crate::kit::{Cloister, Hash, RawClient, Scram, elapse, header};

/// Version 1, §2.1.
fn line(client: &str) -> Vec<u8> {
    let address: IpAddr = client.parse().unwrap();
    match address {
        IpAddr::V4(_) => format!("PROXY TCP4 {client} 198.51.100.7 51234 5222\r\n").into_bytes(),
        IpAddr::V6(_) => format!("PROXY TCP6 {client} 2001:db8:7::7 51234 5222\r\n").into_bytes(),
    }
}

/// Version 2, §2.2, with an addition (§2.2.7) behind the addresses.
fn block(client: &str) -> Vec<u8> {
    let (family, addresses) = match client.parse().unwrap() {
        IpAddr::V4(v4) => (0x11, [&v4.octets()[..], &[198, 51, 100, 7]].concat()),
        IpAddr::V6(v6) => (0x21, [v6.octets(), [0x20; 16]].concat()),
    };
    let rest = [&addresses[..], &[200, 34, 20, 102], &[0xe0, 0, 3, 1, 2, 3]].concat();
    raw_block(0x21, family, u16::try_from(rest.len()).unwrap(), &rest)
}

fn raw_block(command: u8, family: u8, length: u16, rest: &[u8]) -> Vec<u8> {
    let head = [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length.to_be_bytes()].concat();
    [head, rest.to_vec()].concat()
}

/// A server that takes this machine for a proxy.
async fn behind_a_proxy(options: &str) -> Cloister {
    Cloister::with(&format!("listen.proxies = ['127.0.0.0/8']\n{options}")).await
}

/// A connection that begins with those bytes.
async fn through(address: SocketAddr, first: &[u8]) -> RawClient {
    let mut raw = RawClient::connect(address).await;
    raw.send(first).await;
    raw
}

async fn login(cloister: &Cloister, mut raw: RawClient) {
    cloister.account("juliet", "balcony").await;
    raw.open("localhost").await;
    let exporter = raw.exporter();
    let scram = Scram::bound(Hash::Sha256, "juliet", "balcony", "tls-exporter", exporter);
    raw.scram(&scram).await.unwrap();
}

/// Whether a client from there is let in, and its connection.
async fn enters(cloister: &Cloister, client: &str) -> Option<RawClient> {
    let mut raw = through(cloister.addresses()[0], &line(client)).await;
    // It may be closed before the last byte is sent.
    raw.try_send(header("localhost", "")).await.unwrap_or_default();
    let came = raw.next_bytes().await;
    (!came.is_empty()).then_some(raw)
}

#[tokio::test]
async fn both_versions_lead_to_a_login_on_both_kinds_of_listener() {
    let cloister = behind_a_proxy("").await;
    let tls = || cloister.authority().client();
    for client in ["192.0.2.1", "2001:db8::1"] {
        for first in [line(client), block(client)] {
            let raw = through(cloister.addresses()[0], &first).await;
            login(&cloister, raw.starttls(tls(), "localhost").await.unwrap()).await;
            let raw = through(cloister.tls_addresses()[0], &first).await;
            login(&cloister, raw.handshake(tls(), "localhost").await.unwrap()).await;
        }
    }
}

#[tokio::test]
async fn both_versions_lead_to_xmpp_and_to_http_on_the_https_port() {
    let cloister = behind_a_proxy("").await;
    let tls = |protocol: &[u8]| {
        let mut config = cloister.authority().client();
        config.alpn_protocols = vec![protocol.to_vec()];
        config
    };
    for first in [line("192.0.2.1"), block("2001:db8::1")] {
        let raw = through(cloister.https(), &first).await;
        login(&cloister, raw.handshake(tls(b"xmpp-client"), "localhost").await.unwrap()).await;
        let raw = through(cloister.https(), &first).await;
        let mut raw = raw.handshake(tls(b"http/1.1"), "localhost").await.unwrap();
        raw.send("GET /.well-known/host-meta HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(raw.next_bytes().await.starts_with(b"HTTP/1.1 "));
    }
}

#[tokio::test]
async fn what_follows_in_the_same_packet_is_the_clients() {
    let cloister = behind_a_proxy("").await;
    let nobody = raw_block(0x20, 0, 0, &[]);
    let unknown = b"PROXY UNKNOWN\r\n".to_vec();
    for first in [line("192.0.2.1"), block("192.0.2.1"), nobody, unknown] {
        let together = [first, header("localhost", "").into_bytes()].concat();
        let mut raw = through(cloister.addresses()[0], &together).await;
        raw.header().await;
        assert!(raw.element().await.has_child(ns::TLS, "starttls"));
    }
}

#[tokio::test]
async fn a_header_may_come_byte_by_byte() {
    let cloister = behind_a_proxy("").await;
    for first in [line("2001:db8::1"), block("2001:db8::1")] {
        let mut raw = RawClient::connect(cloister.addresses()[0]).await;
        for byte in first {
            raw.send([byte]).await;
            tokio::task::yield_now().await;
        }
        raw.open("localhost").await;
    }
}

#[tokio::test]
async fn s2_whatever_else_a_proxy_begins_with_is_refused_without_a_word() {
    let cloister = behind_a_proxy("").await;
    let long_line = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
    assert_eq!(long_line.len(), 108);
    for first in [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        header("localhost", "").into_bytes(),
        b"PROXY TCP4 192.0.2.1 nobody 51234 5222\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.1\r\n\r\n\r\n".to_vec(),
        long_line.into_bytes(),
        // A length that does not hold the addresses, and one that is more than we read.
        raw_block(0x21, 0x11, 4, &[192, 0, 2, 1, 198, 51, 100, 7, 200, 34, 20, 102]),
        raw_block(0x21, 0x11, 4097, &[1; 4097]),
        raw_block(0x21, 0x11, u16::MAX, &[]),
        raw_block(0x31, 0x11, 12, &[1; 12]),
    ] {
        let mut raw = through(cloister.addresses()[0], &first).await;
        assert!(raw.next_bytes().await.is_empty(), "{}", String::from_utf8_lossy(&first));
    }
}

#[tokio::test]
async fn s2_1_the_longest_line_is_read() {
    let cloister = behind_a_proxy("").await;
    let first = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
    assert_eq!(first.len(), 107);
    through(cloister.addresses()[0], first.as_bytes()).await.open("localhost").await;
}

#[tokio::test]
async fn a_proxys_connection_without_a_header_gets_no_tls() {
    let cloister = behind_a_proxy("").await;
    let raw = RawClient::connect(cloister.tls_addresses()[0]).await;
    assert!(raw.handshake(cloister.authority().client(), "localhost").await.is_err());
    let raw = RawClient::connect(cloister.https()).await;
    assert!(raw.handshake(cloister.authority().client(), "localhost").await.is_err());
}

#[tokio::test]
async fn a_proxy_that_ends_within_its_header_holds_nothing() {
    let cloister =
        behind_a_proxy("limits.connections = 1\nlimits.connections_per_address = 1").await;
    for half in [&b"PRO"[..], b"PROXY TCP4 192.0.2.1", b"\r\n\r\n\0\r\nQUIT\n\x21", b""] {
        through(cloister.addresses()[0], half).await.reset();
    }
    loop {
        // The loss of the last one may not have been seen yet.
        if enters(&cloister, "192.0.2.1").await.is_some() {
            return;
        }
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_introduce_its_client_is_given_up_and_holds_up_nobody() {
    let cloister = behind_a_proxy("").await;
    for half in [&b""[..], b"PROXY TCP4 192.0.2.1 ", &block("192.0.2.1")[..20]] {
        let mut silent = through(cloister.addresses()[0], half).await;
        // Another connection of the same listener: by then the first was accepted.
        assert!(enters(&cloister, "192.0.2.2").await.is_some());
        elapse(Duration::from_secs(6)).await;
        silent.gone().await;
    }
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_an_introduction() {
    let cloister = behind_a_proxy("").await;
    let mut silent = RawClient::connect(cloister.addresses()[0]).await;
    assert!(enters(&cloister, "192.0.2.2").await.is_some());
    cloister.stop().await;
    silent.gone().await;
}

#[tokio::test]
async fn a_header_from_a_stranger_is_not_believed() {
    let cloister = Cloister::with("listen.proxies = ['192.0.2.7', 'fd00::/8']").await;
    for first in [line("192.0.2.1"), block("192.0.2.1")] {
        let mut raw = through(cloister.addresses()[0], &first).await;
        raw.error().await;
        for address in [cloister.tls_addresses()[0], cloister.https()] {
            let raw = through(address, &first).await;
            assert!(raw.handshake(cloister.authority().client(), "localhost").await.is_err());
        }
    }
    // It speaks for itself, as anybody may.
    login(&cloister, cloister.secured("localhost").await).await;
}

#[tokio::test]
async fn connections_count_for_the_clients_address_and_not_for_the_proxys() {
    let cloister = behind_a_proxy("limits.connections_per_address = 2").await;
    let first = enters(&cloister, "192.0.2.1").await.unwrap();
    let _second = enters(&cloister, "192.0.2.1").await.unwrap();
    assert!(enters(&cloister, "192.0.2.1").await.is_none());
    let mut others = Vec::new();
    for client in ["192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::1", "2001:db8::2"] {
        others.push(enters(&cloister, client).await.expect(client));
    }
    assert!(enters(&cloister, "2001:db8::3").await.is_none(), "one /64 is one client");
    drop(first);
    while enters(&cloister, "192.0.2.1").await.is_none() {}
}

#[tokio::test]
async fn connections_through_a_proxy_count_among_all() {
    let cloister =
        behind_a_proxy("limits.connections = 2\nlimits.connections_per_address = 1").await;
    let _first = enters(&cloister, "192.0.2.1").await.unwrap();
    // This one says nothing, and is one of two all the same.
    let _second = RawClient::connect(cloister.addresses()[0]).await;
    assert!(enters(&cloister, "192.0.2.3").await.is_none());
}

#[tokio::test]
async fn guesses_count_for_the_clients_address() {
    let cloister = behind_a_proxy("").await;
    cloister.account("juliet", "balcony").await;
    let attempt = async |client: &str, password: &str| {
        let raw = through(cloister.tls_addresses()[0], &line(client)).await;
        let raw = raw.handshake(cloister.authority().client(), "localhost").await;
        let mut raw = raw.unwrap();
        raw.open("localhost").await;
        let exporter = raw.exporter();
        raw.scram(&Scram::bound(Hash::Sha256, "juliet", password, "tls-exporter", exporter)).await
    };
    for _ in 0..3 {
        assert!(attempt("192.0.2.1", "wrong").await.is_err());
    }
    assert!(attempt("192.0.2.1", "balcony").await.is_err(), "three failures are enough");
    assert_eq!(attempt("192.0.2.2", "balcony").await, Ok(()));
}
