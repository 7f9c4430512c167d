//! XEP-0156: Discovering Alternative XMPP Connection Methods, and XEP-0487: Host Meta 2.
//!
//! `/.well-known/host-meta` for whoever reads XML, `host-meta.json` for the others. Our choice: what
//! XEP-0487 adds is said only if the operator has named the addresses that it must contain
//! (`http.addresses`), as nobody can see from inside how a server is reached from outside.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use axum::{Extension, Router, body::Body};
use serde::Serialize;

use crate::feature::{Registry, Spec, Status};
use crate::http::Visitor;
use crate::server::Server;
use crate::xml::escape_attr;

/// Where XMPP over WebSocket is (RFC 7395); the name that other servers have for it, too.
pub const WEBSOCKET: &str = "/xmpp-websocket";

/// Where XMPP over BOSH is (XEP-0206); the name that other servers have for it, too.
pub const BOSH: &str = "/http-bind";

/// How long it may be believed, in seconds: addresses change, and not within the hour.
const TTL: u32 = 3600;

const XRD: &str = "application/xrd+xml; charset=utf-8";

const JRD: &str = "application/json";

/// Declares what belongs to the specifications.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0156",
        name: "Discovering Alternative XMPP Connection Methods",
        version: "1.4.0",
        status: Status::Complete,
        note: "",
    });
    on.implements(Spec {
        id: "XEP-0487",
        name: "Host Meta 2 - One Method To Rule Them All",
        version: "0.1.0",
        status: Status::Partial,
        note: "with `http.addresses`; no pinned keys and no ECH",
    });
    on.http(routes);
}

fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/.well-known/host-meta", shared(get(xrd)))
        .route("/.well-known/host-meta.json", shared(get(jrd)))
}

/// For pages of any origin (XEP-0156 §4), which may ask before they do.
fn shared(route: MethodRouter<Arc<Server>>) -> MethodRouter<Arc<Server>> {
    route.options(|| async { sent(StatusCode::NO_CONTENT, "text/plain", "") })
}

async fn xrd(
    State(server): State<Arc<Server>>,
    Extension(visitor): Extension<Visitor>,
) -> Response<Body> {
    sent(StatusCode::OK, XRD, as_xml(&links(&server, &visitor)))
}

async fn jrd(
    State(server): State<Arc<Server>>,
    Extension(visitor): Extension<Visitor>,
) -> Response<Body> {
    let document = document(&server, &visitor);
    match serde_json::to_string_pretty(&document) {
        Ok(json) => sent(StatusCode::OK, JRD, json + "\n"),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn sent(status: StatusCode, content: &'static str, text: impl IntoResponse) -> Response<Body> {
    let headers = [
        (header::CONTENT_TYPE, content),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, OPTIONS"),
    ];
    (status, headers, text).into_response()
}

/// The JSON representation, RFC 6415 appendix A.
#[derive(Debug, Serialize)]
struct Document {
    /// XEP-0487 §2.1; whoever finds it looks for nothing else, and least of all in the DNS.
    #[serde(skip_serializing_if = "Option::is_none")]
    xmpp: Option<Believed>,
    links: Vec<Link>,
}

#[derive(Debug, Serialize)]
struct Believed {
    ttl: u32,
}

/// One way to connect.
#[derive(Debug, Serialize)]
struct Link {
    rel: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    href: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(flatten)]
    more: Option<More>,
}

/// What XEP-0487 adds to a link.
#[derive(Clone, Debug, Serialize)]
struct More {
    ips: Vec<IpAddr>,
    priority: u16,
    weight: u16,
    sni: String,
}

/// The two that there are by HTTP.
fn links(server: &Server, visitor: &Visitor) -> Vec<Link> {
    let web = server.web(&visitor.domain);
    let socket = web.strip_prefix("https://").map(|rest| format!("wss://{rest}{WEBSOCKET}"));
    let link = |rel, href| Link { rel, href, port: None, more: None };
    vec![
        link("urn:xmpp:alt-connections:websocket", socket),
        link("urn:xmpp:alt-connections:xbosh", Some(format!("{web}{BOSH}"))),
    ]
}

fn document(server: &Server, visitor: &Visitor) -> Document {
    let config = server.config();
    let mut links = links(server, visitor);
    if config.http.addresses.is_empty() {
        return Document { xmpp: None, links };
    }
    let ips = &config.http.addresses;
    let more = |priority, sni: &str| {
        Some(More { ips: ips.clone(), priority, weight: 50, sni: sni.to_owned() })
    };
    let web = server.web(&visitor.domain);
    // A connection of its own is what costs both sides least; BOSH costs most.
    for (link, priority) in links.iter_mut().zip([20, 30]) {
        link.more = more(priority, host(&web));
    }
    let https = server.addresses.get().map(|it| it.https.as_slice()).unwrap_or_default();
    for port in tls_ports(&config.listen.c2s_tls, https) {
        links.push(Link {
            rel: "urn:xmpp:alt-connections:tls",
            href: None,
            port: Some(port),
            more: more(10, visitor.domain.as_str()),
        });
    }
    Document { xmpp: Some(Believed { ttl: TTL }), links }
}

/// Ports with XMPP inside TLS (XEP-0368): its own, and those that it shares with HTTPS by ALPN.
fn tls_ports(own: &[SocketAddr], shared: &[SocketAddr]) -> Vec<u16> {
    let mut ports = Vec::new();
    for port in own.iter().chain(shared).map(SocketAddr::port) {
        // One that the system chooses is not known here.
        if port != 0 && !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// The host in `https://host:port`.
fn host(web: &str) -> &str {
    let authority = web.strip_prefix("https://").unwrap_or(web);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The XML representation, RFC 6415 §3.
fn as_xml(links: &[Link]) -> Vec<u8> {
    let mut xml = Vec::with_capacity(512);
    xml.extend_from_slice(b"<?xml version='1.0' encoding='utf-8'?>\n");
    xml.extend_from_slice(b"<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n");
    for link in links {
        xml.extend_from_slice(b"  <Link rel='");
        escape_attr(&mut xml, link.rel);
        xml.extend_from_slice(b"' href='");
        escape_attr(&mut xml, link.href.as_deref().unwrap_or_default());
        xml.extend_from_slice(b"'/>\n");
    }
    xml.extend_from_slice(b"</XRD>\n");
    xml
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_named_once_and_only_if_it_is_known() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(tls_ports(&[at(5223), at(0)], &[at(443), at(5223)]), [5223, 443]);
    }

    #[test]
    fn the_host_of_an_address_has_no_port() {
        assert_eq!(host("https://chat.example.org:8443"), "chat.example.org");
        assert_eq!(host("https://chat.example.org"), "chat.example.org");
        assert_eq!(host("https://[::1]:8443"), "[::1]");
    }
}
