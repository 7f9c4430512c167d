//! XEP-0215: External Service Discovery.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::ns;
use cloister::xml::Element;
use tempfile::TempDir;

use crate::kit::{Client, Cloister, condition};

const SERVICES: &str = "<services xmlns='urn:xmpp:extdisco:2'/>";
const SECRET: &str = "what-coturn-knows-too";
const HOST: Option<&str> = Some("localhost");

/// A TURN server's secret, on disk.
struct Shared(TempDir);

impl Shared {
    fn new() -> Self {
        let shared = Shared(tempfile::tempdir().unwrap());
        shared.write(SECRET);
        shared
    }

    fn write(&self, secret: &str) {
        let path = self.0.path().join("secret");
        fs::write(&path, format!("{secret}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The configuration, with more lines of the table.
    fn turn(&self, more: &str) -> String {
        let path = self.0.path().join("secret").display().to_string();
        format!("[turn]\ndomain = 'turn.example.org'\nsecret_file = '{path}'\n{more}\n")
    }
}

async fn site(more: &str) -> (Cloister, Client, Shared) {
    let shared = Shared::new();
    let server = Cloister::with(&shared.turn(more)).await;
    let juliet = server.login("juliet", "balcony").await;
    (server, juliet, shared)
}

/// What is answered, as type, transport and port of each service.
async fn told(client: &Client, payload: &str) -> Vec<(String, String, String)> {
    let services = asked(client, payload).await;
    let attr = |service: &Element, name| service.attr(name).unwrap().to_owned();
    let row = |service: &Element| {
        assert_eq!(service.attr("host"), Some("turn.example.org"));
        (attr(service, "type"), attr(service, "transport"), attr(service, "port"))
    };
    services.iter().map(row).collect()
}

async fn asked(client: &Client, payload: &str) -> Vec<Element> {
    let answer = client.iq_ok("get", HOST, payload).await;
    let wrapper = answer.children().next().unwrap();
    assert_eq!((wrapper.ns(), wrapper.name()), (ns::EXT_DISCO, name_of(payload)));
    wrapper.children().cloned().collect()
}

fn name_of(payload: &str) -> &str {
    payload[1..].split([' ', '>']).next().unwrap()
}

fn rows(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    rows.iter().map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())).collect()
}

fn credentials(attributes: &str) -> String {
    format!("<credentials xmlns='urn:xmpp:extdisco:2'><service {attributes}/></credentials>")
}

async fn username(client: &Client) -> String {
    let services = asked(client, SERVICES).await;
    services[1].attr("username").unwrap().to_owned()
}

/// RFC 2104 §2, by its letter.
fn hmac_sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let pad = |with: u8| -> Vec<u8> {
        (0..64).map(|index| key.get(index).copied().unwrap_or(0) ^ with).collect()
    };
    let sha1 = |parts: [&[u8]; 2]| digest(&SHA1_FOR_LEGACY_USE_ONLY, &parts.concat());
    sha1([&pad(0x5c), sha1([&pad(0x36), text]).as_ref()]).as_ref().to_vec()
}

fn expected_password(secret: &str, service: &Element) -> String {
    let username = service.attr("username").unwrap();
    STANDARD.encode(hmac_sha1(secret.as_bytes(), username.as_bytes()))
}

async fn is_announced(client: &Client) -> bool {
    let info = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let info = client.iq_ok("get", HOST, info).await;
    let query = info.child(ns::DISCO_INFO, "query").unwrap();
    query.children().any(|child| child.attr("var") == Some(ns::EXT_DISCO))
}

#[tokio::test]
async fn s2_without_a_turn_server_the_protocol_is_not_supported() {
    let server = Cloister::start().await;
    let juliet = server.login("juliet", "balcony").await;
    for payload in [SERVICES, &credentials("host='turn.example.org' type='turn'")] {
        assert_eq!(juliet.iq_error("get", HOST, payload).await, "service-unavailable");
    }
    assert!(!is_announced(&juliet).await);
}

#[tokio::test]
async fn s5_the_feature_is_announced_as_long_as_there_is_a_turn_server() {
    let (server, juliet, shared) = site("").await;
    assert!(is_announced(&juliet).await);
    server.reload("");
    assert!(!is_announced(&juliet).await);
    server.reload(&shared.turn(""));
    assert!(is_announced(&juliet).await);
}

#[tokio::test]
async fn s3_1_all_services_are_told_and_tls_where_it_is_spoken() {
    let (server, juliet, shared) = site("").await;
    let in_clear = [("stun", "udp", "3478"), ("turn", "udp", "3478"), ("turn", "tcp", "3478")];
    assert_eq!(told(&juliet, SERVICES).await, rows(&in_clear));
    server.reload(&shared.turn("port = 3479\ntls_port = 443"));
    let all = [
        ("stun", "udp", "3479"),
        ("turn", "udp", "3479"),
        ("turn", "tcp", "3479"),
        ("turns", "tcp", "443"),
    ];
    assert_eq!(told(&juliet, SERVICES).await, rows(&all));
}

#[tokio::test]
async fn s2_what_needs_a_login_is_restricted_and_stun_is_not() {
    let (_server, juliet, _shared) = site("tls_port = 5349").await;
    for service in asked(&juliet, SERVICES).await {
        let is_restricted = service.attr("type") != Some("stun");
        assert_eq!(service.attr("restricted"), is_restricted.then_some("true"));
        for name in ["username", "password", "expires"] {
            assert_eq!(service.attr(name).is_some(), is_restricted, "{}", service.to_xml());
        }
    }
}

#[tokio::test]
async fn s3_3_the_login_is_that_of_the_turn_rest_convention() {
    let (server, juliet, _shared) = site("lifetime = '2h'").await;
    let now = server.server().clock.now().seconds();
    for service in asked(&juliet, SERVICES).await.iter().skip(1) {
        let (expires, _) = service.attr("username").unwrap().split_once(':').unwrap();
        assert_eq!(expires, (now + 7200).to_string());
        assert_eq!(service.attr("expires"), Some("2026-01-01T02:00:00.000Z"));
        assert_eq!(service.attr("password"), Some(&*expected_password(SECRET, service)));
    }
}

#[tokio::test]
async fn the_turn_server_learns_no_address_and_follows_nobody_for_more_than_a_day() {
    let (server, juliet, _shared) = site("").await;
    let tablet = server.login("juliet/tablet", "balcony").await;
    let romeo = server.login("romeo", "orchard").await;
    let first = username(&juliet).await;
    assert!(!first.contains("juliet") && !first.contains("localhost"), "{first}");
    assert_eq!(username(&tablet).await, first);
    assert_ne!(username(&romeo).await, first);
    server.advance(Duration::from_secs(86_400));
    let pseudonym = |username: &str| username.split_once(':').unwrap().1.to_owned();
    assert_ne!(pseudonym(&username(&juliet).await), pseudonym(&first));
}

#[tokio::test]
async fn s3_2_one_type_alone_can_be_asked_for() {
    let (_server, juliet, _shared) = site("tls_port = 5349").await;
    let of = |kind: &str| format!("<services xmlns='urn:xmpp:extdisco:2' type='{kind}'/>");
    let turn = [("turn", "udp", "3478"), ("turn", "tcp", "3478")];
    assert_eq!(told(&juliet, &of("turn")).await, rows(&turn));
    assert_eq!(told(&juliet, &of("stun")).await, rows(&[("stun", "udp", "3478")]));
    assert_eq!(told(&juliet, &of("turns")).await, rows(&[("turns", "tcp", "5349")]));
    assert_eq!(told(&juliet, &of("ftp")).await, rows(&[]));
    let answer = juliet.iq_ok("get", HOST, &of("turn")).await;
    assert_eq!(answer.child(ns::EXT_DISCO, "services").unwrap().attr("type"), Some("turn"));
}

#[tokio::test]
async fn s3_3_credentials_are_given_for_the_services_that_are_meant() {
    let (_server, juliet, _shared) = site("tls_port = 5349").await;
    let both = [("turn", "udp", "3478"), ("turn", "tcp", "3478")];
    for (attributes, expected) in [
        ("host='turn.example.org' type='turn'", &both[..]),
        ("host='TURN.example.org' type='turn' port='3478'", &both),
        ("host='turn.example.org' type='turn' transport='tcp'", &both[1..]),
        ("host='turn.example.org' type='turns' port='5349'", &[("turns", "tcp", "5349")]),
    ] {
        let payload = credentials(attributes);
        assert_eq!(told(&juliet, &payload).await, rows(expected), "{attributes}");
        for service in asked(&juliet, &payload).await {
            assert_eq!(service.attr("password"), Some(&*expected_password(SECRET, &service)));
        }
    }
}

#[tokio::test]
async fn s3_3_there_are_no_credentials_for_other_services_nor_for_stun() {
    let (_server, juliet, _shared) = site("").await;
    for attributes in [
        "host='turn.example.net' type='turn'",
        "host='turn.example.org' type='turns'",
        "host='turn.example.org' type='turn' port='3479'",
        "host='turn.example.org' type='stun'",
        "host='' type=''",
    ] {
        let error = juliet.iq_error("get", HOST, &credentials(attributes)).await;
        assert_eq!(error, "item-not-found", "{attributes}");
    }
}

#[tokio::test]
async fn s3_what_makes_no_sense_is_a_bad_request() {
    let (_server, juliet, _shared) = site("").await;
    let one = "<service host='turn.example.org' type='turn'/>";
    let many = one.repeat(1000);
    let long = format!("<services xmlns='urn:xmpp:extdisco:2' type='{}'/>", "x".repeat(65));
    let of =
        |inner: &str| format!("<credentials xmlns='urn:xmpp:extdisco:2'>{inner}</credentials>");
    for payload in [
        of(""),
        of(&many),
        of("<service xmlns='urn:example' host='turn.example.org' type='turn'/>"),
        of("<item host='turn.example.org' type='turn'/>"),
        credentials("type='turn'"),
        credentials("host='turn.example.org'"),
        credentials("host='turn.example.org' type='turn' port='65536'"),
        credentials("host='turn.example.org' type='turn' port='-1'"),
        credentials("host='turn.example.org' type='turn' port=''"),
        long,
        "<services xmlns='urn:xmpp:extdisco:2' type=''/>".to_owned(),
        "<services xmlns='urn:xmpp:extdisco:2' type='a b'/>".to_owned(),
        "<services xmlns='urn:xmpp:extdisco:2' type='&lt;x/&gt;'/>".to_owned(),
    ] {
        assert_eq!(juliet.iq_error("get", HOST, &payload).await, "bad-request", "{payload}");
    }
    assert_eq!(told(&juliet, SERVICES).await.len(), 3);
}

#[tokio::test]
async fn s2_a_domain_tells_its_own_accounts_alone() {
    let shared = Shared::new();
    let other = "[[host]]\ndomain = 'capulet.example'\n";
    let server = Cloister::with(&format!("{}{other}", shared.turn(""))).await;
    let juliet = server.login("juliet@capulet.example", "balcony").await;
    let payloads = [SERVICES, &credentials("host='turn.example.org' type='turn'")];
    for payload in payloads {
        assert_eq!(juliet.iq_error("get", HOST, payload).await, "forbidden");
        juliet.iq_ok("get", Some("capulet.example"), payload).await;
    }
    // Nothing else than a domain tells anything, nor does it take what others know.
    for to in ["juliet@capulet.example", "rooms.capulet.example", "upload.capulet.example"] {
        let answer = juliet.iq("get", Some(to), SERVICES).await;
        assert_eq!(answer.attr("type"), Some("error"), "{to}");
    }
    let push = juliet.iq("set", Some("capulet.example"), SERVICES).await;
    assert_eq!(condition(&push), "service-unavailable");
}

#[tokio::test]
async fn a_reload_takes_up_another_secret() {
    let (server, juliet, shared) = site("").await;
    shared.write("what-coturn-knows-now");
    let turn = &asked(&juliet, SERVICES).await[1];
    assert_eq!(turn.attr("password"), Some(&*expected_password(SECRET, turn)));
    server.reload(&shared.turn(""));
    let turn = &asked(&juliet, SERVICES).await[1];
    assert_eq!(turn.attr("password"), Some(&*expected_password("what-coturn-knows-now", turn)));
}

#[tokio::test]
async fn nothing_that_is_printed_of_a_server_has_the_secret() {
    let (server, _juliet, _shared) = site("").await;
    let printed = format!("{:?} {:?}", server.server(), server.server().turn());
    assert!(printed.contains("turn.example.org") && printed.contains("TurnSecret"), "{printed}");
    assert!(!printed.contains(SECRET));
}
