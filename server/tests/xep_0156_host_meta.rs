//! XEP-0156 and XEP-0487: where clients are told how to connect.

use cloister::xml::Parser;
use serde_json::{Value, json};

use crate::kit::Cloister;
use crate::kit::http::Response;

const XRD: &str = "http://docs.oasis-open.org/ns/xri/xrd-1.0";

async fn get(cloister: &Cloister, path: &str, host: &str) -> Response {
    let mut http = cloister.browser().await;
    let response = http.request("GET", path, &[("Host", host)], b"").await;
    assert_eq!(response.status, 200, "{response:?}");
    response
}

async fn json(cloister: &Cloister, host: &str) -> Value {
    let response = get(cloister, "/.well-known/host-meta.json", host).await;
    assert_eq!(response.header("content-type"), Some("application/json"));
    serde_json::from_str(response.text()).unwrap()
}

/// What the links of one kind lead to.
fn hrefs(document: &Value, kind: &str) -> Vec<String> {
    let links = document["links"].as_array().unwrap().iter();
    let rel = format!("urn:xmpp:alt-connections:{kind}");
    let ours = links.filter(|link| link["rel"] == rel.as_str());
    ours.map(|link| link["href"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn s2_3_the_xml_names_websocket_and_bosh() {
    let cloister = Cloister::start().await;
    let response = get(&cloister, "/.well-known/host-meta", "localhost").await;
    assert!(response.header("content-type").unwrap().starts_with("application/xrd+xml"));
    let (_, xml) = response.text().split_once("?>").unwrap();
    let document = Parser::new().parse(xml.trim().as_bytes()).unwrap();
    assert!(document.is(XRD, "XRD"));
    let port = cloister.https().port();
    let links: Vec<_> =
        document.children().map(|link| (link.attr("rel"), link.attr("href"))).collect();
    let websocket = format!("wss://localhost:{port}/xmpp-websocket");
    let bosh = format!("https://localhost:{port}/http-bind");
    assert_eq!(
        links,
        [
            (Some("urn:xmpp:alt-connections:websocket"), Some(websocket.as_str())),
            (Some("urn:xmpp:alt-connections:xbosh"), Some(bosh.as_str())),
        ]
    );
}

#[tokio::test]
async fn s2_3_the_json_says_the_same() {
    let cloister = Cloister::start().await;
    let document = json(&cloister, "localhost").await;
    let port = cloister.https().port();
    assert_eq!(hrefs(&document, "websocket"), [format!("wss://localhost:{port}/xmpp-websocket")]);
    assert_eq!(hrefs(&document, "xbosh"), [format!("https://localhost:{port}/http-bind")]);
}

#[tokio::test]
async fn s2_3_what_is_named_is_there() {
    let cloister = Cloister::start().await;
    let document = json(&cloister, "localhost").await;
    for (kind, status) in [("websocket", 426), ("xbosh", 200)] {
        let href = hrefs(&document, kind).remove(0);
        let response = cloister.browser().await.get(crate::kit::http::target(&href)).await;
        assert_eq!(response.status, status, "{kind}");
    }
}

#[tokio::test]
async fn s3_pages_of_any_origin_may_read_it() {
    let cloister = Cloister::start().await;
    for path in ["/.well-known/host-meta", "/.well-known/host-meta.json"] {
        let mut http = cloister.browser().await;
        let headers = [("Origin", "https://chat.example")];
        for (method, status) in [("GET", 200), ("OPTIONS", 204)] {
            let response = http.request(method, path, &headers, b"").await;
            assert_eq!(response.status, status);
            assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        }
    }
}

#[tokio::test]
async fn each_domain_has_its_own() {
    let options = "[[host]]\ndomain = 'capulet.example'\nweb = 'https://chat.capulet.example'";
    let cloister = Cloister::with(options).await;
    for host in ["capulet.example", "chat.capulet.example"] {
        let document = json(&cloister, host).await;
        let expected = "wss://chat.capulet.example/xmpp-websocket";
        assert_eq!(hrefs(&document, "websocket"), [expected], "{host}");
    }
    let document = json(&cloister, "localhost").await;
    assert!(hrefs(&document, "websocket")[0].starts_with("wss://localhost:"));
}

#[tokio::test]
async fn xep_0487_nothing_of_it_is_said_without_the_addresses_that_it_needs() {
    let cloister = Cloister::start().await;
    let document = json(&cloister, "localhost").await;
    assert_eq!(document.get("xmpp"), None);
    assert!(document["links"].as_array().unwrap().iter().all(|link| link.get("ips").is_none()));
}

#[tokio::test]
async fn xep_0487_s2_1_every_link_says_all_that_it_must() {
    let addresses = json!(["192.0.2.7", "2001:db8::7"]);
    let cloister = Cloister::with("[http]\naddresses = ['192.0.2.7', '2001:db8::7']").await;
    let document = json(&cloister, "localhost").await;
    assert!(document["xmpp"]["ttl"].as_u64().is_some_and(|ttl| ttl > 0 && ttl <= 604_800));
    let links = document["links"].as_array().unwrap();
    for link in links {
        assert_eq!(link["ips"], addresses, "{link}");
        assert_eq!(link["sni"], "localhost", "{link}");
        assert!(link["priority"].is_u64() && link["weight"].is_u64(), "{link}");
    }
    let tls = links.iter().find(|link| link["rel"] == "urn:xmpp:alt-connections:tls").unwrap();
    assert_eq!(tls["port"], cloister.https().port(), "§2.1: ALPN tells XMPP from HTTP there");
    assert_eq!(tls.get("href"), None);
}
