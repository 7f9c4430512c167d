//! XMPP over WebSocket, RFC 7395: the handshake. What is said then is said by
//! [`Transport`](crate::stream::Transport).
//!
//! Our choices: no channel binding is offered, as browsers know none; a browser's page has to be one
//! that we know (`http.origins`), a client that is no browser names no page.

use std::sync::Arc;

use aws_lc_rs::digest;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{StatusCode, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Arrival, serve};
use crate::features::host_meta;
use crate::http::Visitor;
use crate::server::Server;
use crate::stream::Web;

/// RFC 7395 §3.1
const PROTOCOL: &str = "xmpp";

/// RFC 6455 §4.2.2
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The route.
pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new().route(host_meta::WEBSOCKET, any(upgrade))
}

async fn upgrade(
    State(server): State<Arc<Server>>,
    Extension(visitor): Extension<Visitor>,
    mut request: Request,
) -> Response {
    let accept = match judge(&server, &request) {
        Ok(accept) => accept,
        Err((status, text)) => return refuse(status, text),
    };
    let Some(slot) = visitor.slot() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "There are too many connections.\n");
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let (peer, task) = (visitor.peer, visitor.task());
    tokio::spawn(async move {
        // One that breaks before it has begun is none.
        if let Ok(upgraded) = upgraded.await {
            serve(server, Arrival::WebSocket(Web::new(upgraded), peer, slot), task).await;
        }
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL)),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn refuse(status: StatusCode, text: &'static str) -> Response {
    let mut response = (status, text).into_response();
    if status == StatusCode::UPGRADE_REQUIRED {
        // RFC 9110 §15.5.22, RFC 6455 §4.4
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    response
}

/// RFC 6455 §4.2.1, RFC 7395 §3.1: what our answer to the handshake is, or why there is none.
fn judge(server: &Server, request: &Request) -> Result<HeaderValue, (StatusCode, &'static str)> {
    let headers = request.headers();
    let is_upgrade = request.version() == Version::HTTP_11
        && request.method() == axum::http::Method::GET
        && has(headers, &header::CONNECTION, "upgrade")
        && has(headers, &header::UPGRADE, "websocket")
        && has(headers, &header::SEC_WEBSOCKET_VERSION, "13");
    if !is_upgrade {
        return Err((StatusCode::UPGRADE_REQUIRED, "This is a WebSocket for XMPP (RFC 7395).\n"));
    }
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    if origin.is_some_and(|origin| !server.allows_origin(origin)) {
        return Err((StatusCode::FORBIDDEN, "Pages of that origin may not connect here.\n"));
    }
    if !has(headers, &header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        return Err((StatusCode::BAD_REQUEST, "The subprotocol is xmpp (RFC 7395).\n"));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let key = key.filter(|key| STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16));
    let key = key.ok_or((StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is no key.\n"))?;
    let accept = HeaderValue::try_from(accept(key));
    accept.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, ""))
}

/// Whether a list of words has one, in whatever case.
fn has(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
}

/// RFC 6455 §4.2.2: shows that we speak the protocol, and nothing else.
fn accept(key: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat());
    STANDARD.encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6455_s1_3_the_key_of_the_example_is_accepted_as_there() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
