//! The public routes: what features declared, and streams that come by HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{Response, StatusCode, Version, header};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::{Router, http};
use tokio::time::timeout;

use super::headers;
use super::visitor::{Place, Visitor, domain, host, only};
use crate::c2s;
use crate::net::{Peer, Slots};
use crate::server::Server;
use crate::task::Task;

/// A form of ours, which is what is read whole.
const FORM_MAX: usize = 64 * 1024;

/// For a request to be read and answered, where nothing long goes in or out.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything that strangers may ask.
pub(super) fn routes(server: &Arc<Server>) -> Router {
    let mut short = Router::new();
    for routes in server.features.http_routes() {
        short = short.merge(routes());
    }
    let mut long = c2s::web_routes(server);
    for routes in server.features.long_http_routes() {
        long = long.merge(routes());
    }
    short
        .layer(from_fn(within))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .merge(long)
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here.\n") })
        .layer(from_fn(headers::public))
        .with_state(Arc::clone(server))
}

/// Gives up on who sends a form too slowly.
async fn within(request: Request, next: Next) -> http::Response<Body> {
    match timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "That took too long.\n").into_response(),
    }
}

/// How requests of one connection become ours.
#[derive(Clone)]
pub(super) struct Reception {
    pub(super) server: Arc<Server>,
    pub(super) way: Way,
    pub(super) task: Task,
}

/// How a connection came.
#[derive(Clone)]
pub(super) enum Way {
    /// Inside TLS.
    Tls(Peer, Place),
    /// By a web server of this machine.
    Proxied(Slots),
    /// From this machine, to the operator's listener.
    Local(Peer, Place),
}

type Refusal = Box<Response<Body>>;

impl Reception {
    /// Names the visitor, or refuses the request.
    pub(super) fn admit(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Request<Body>, Refusal> {
        let (mut parts, body) = request.into_parts();
        let hosts = parts.headers.get_all(header::HOST).iter().count();
        // RFC 9112 §3.2: exactly one; in HTTP/2 the authority stands for it.
        let is_old = parts.version <= Version::HTTP_11;
        if hosts > 1 || (is_old && hosts != 1) || host(&parts).is_none() {
            return Err(refusal(StatusCode::BAD_REQUEST, "Say once which host you mean.\n"));
        }
        let (peer, place) = match &self.way {
            Way::Tls(peer, place) | Way::Local(peer, place) => (*peer, place.clone()),
            Way::Proxied(slots) => (proxied(&parts)?, Place::Shared(slots.clone())),
        };
        let config = self.server.config();
        let missing = || refusal(StatusCode::MISDIRECTED_REQUEST, "No such host.\n");
        let domain = domain(&config, &parts).ok_or_else(missing)?;
        parts.extensions.insert(Visitor::new(peer, domain, place, self.task.clone()));
        Ok(http::Request::from_parts(parts, body))
    }
}

/// Whom the web server in front speaks for: the last address is the one that it added itself.
fn proxied(parts: &http::request::Parts) -> Result<Peer, Refusal> {
    const PROTOCOL: http::HeaderName = http::HeaderName::from_static("x-forwarded-proto");
    const FOR: http::HeaderName = http::HeaderName::from_static("x-forwarded-for");
    if only(&parts.headers, &PROTOCOL).is_none_or(|it| !it.eq_ignore_ascii_case("https")) {
        let text = "This was not asked by HTTPS. If it was, let the web server in front set \
                    X-Forwarded-Proto.\n";
        return Err(refusal(StatusCode::FORBIDDEN, text));
    }
    let last = parts.headers.get_all(&FOR).iter().next_back();
    let last = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    let address = last.and_then(|text| text.trim().parse().ok());
    let text = "The web server in front has to set X-Forwarded-For.\n";
    address.map(Peer::new).ok_or_else(|| refusal(StatusCode::BAD_REQUEST, text))
}

fn refusal(status: StatusCode, text: &'static str) -> Refusal {
    Box::new(headers::add((status, text).into_response()))
}
