//! The HTTP below BOSH, XEP-0124 §4: requests in, answers out, and what browsers want to know first.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body as HttpBody, to_bytes};
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::body::{Body, Head, LONGEST_TAG};
use super::carry::Carriage;
use super::session::{Request, Session};
use super::table::{Arrival, Sessions};
use super::terms::{CONTENT, Terms};
use super::{Answer, Condition, Draft};
use crate::c2s::{Arrival as Arriving, serve};
use crate::features::host_meta;
use crate::http::Visitor;
use crate::jid::Domain;
use crate::net::Slots;
use crate::ns;
use crate::server::Server;
use crate::stream::carried;
use crate::xml::{Element, Limits};

/// For a request to come in whole.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a browser may remember that it may ask, in seconds.
const REMEMBERED: &str = "86400";

/// An answer is not shown as a page, even if a client wants it to look like one (§7.1).
const SANDBOX: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

const PAGE: &str =
    "This is where XMPP clients connect by BOSH (XEP-0124). There is nothing to see.\n";

/// The routes. Sessions are of one listener, or of several that share these.
pub fn routes(server: &Server) -> Router<Arc<Server>> {
    let limits = &server.config().limits;
    let slots = Slots::new(limits.connections, limits.connections_per_address);
    let ask = post(ask).options(preflight).get(|| async { PAGE });
    Router::new().route(host_meta::BOSH, ask).layer(Extension(Arc::new(Sessions::new(slots))))
}

type Refusal = (StatusCode, &'static str);

/// What an answer is sent as.
type Reply = (Answer, Arc<str>);

/// A browser asks whether a page of another origin may ask.
async fn preflight(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response<HttpBody> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    match admit(&server, &headers) {
        Ok(origin) => allow(&mut response, origin),
        Err(refusal) => response = refusal.into_response(),
    }
    response
}

async fn ask(
    State(server): State<Arc<Server>>,
    Extension(visitor): Extension<Visitor>,
    Extension(sessions): Extension<Arc<Sessions>>,
    headers: HeaderMap,
    body: HttpBody,
) -> Response<HttpBody> {
    let origin = match admit(&server, &headers) {
        Ok(origin) => origin,
        Err(refusal) => return refusal.into_response(),
    };
    let (answer, content) = match read(&server, body).await {
        Ok(body) => Asking { server, visitor, sessions }.answer(&body).await,
        Err(condition) => refused(condition),
    };
    let mut response = sent(answer, &content);
    allow(&mut response, origin);
    response
}

/// The origin of the page that asks, if a page does, which must be one that may.
fn admit(server: &Server, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(None) };
    if origin.to_str().is_ok_and(|origin| server.allows_origin(origin)) {
        return Ok(Some(origin.clone()));
    }
    Err((StatusCode::FORBIDDEN, "Pages of that origin may not connect here.\n"))
}

fn allow(response: &mut Response<HttpBody>, origin: Option<HeaderValue>) {
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::VARY, "Origin");
    if let Some(origin) = origin {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS");
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type");
        set(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

/// The bytes of a request: as many as a stanza may have, and its wrapper.
async fn read(server: &Server, body: HttpBody) -> Result<Bytes, Condition> {
    let most = server.limits_after_login().max_bytes.saturating_add(LONGEST_TAG);
    match timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Condition::PolicyViolation),
        Err(_) => Err(Condition::BadRequest),
    }
}

fn sent(answer: Answer, content: &str) -> Response<HttpBody> {
    let content = HeaderValue::from_str(content);
    let headers = [
        (header::CONTENT_TYPE, content.unwrap_or(HeaderValue::from_static(CONTENT))),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX)),
    ];
    let status = StatusCode::from_u16(answer.status).unwrap_or_default();
    (status, headers, answer.xml).into_response()
}

/// The answer to a request that belongs to no session.
fn refused(condition: Condition) -> Reply {
    (Draft::terminate(Some(condition)).finish(false), CONTENT.into())
}

/// One request, and what it needs.
struct Asking {
    server: Arc<Server>,
    visitor: Visitor,
    sessions: Arc<Sessions>,
}

impl Asking {
    async fn answer(self, bytes: &[u8]) -> Reply {
        let body = match Body::open(bytes) {
            Ok(body) => body,
            Err(condition) => return refused(condition),
        };
        match body.head.sid.clone() {
            None => self.begin(body, bytes.len()).await,
            Some(sid) => self.go_on(&sid, body, bytes.len()).await,
        }
    }

    /// §7: a new session.
    async fn begin(self, body: Body, length: usize) -> Reply {
        let is_legacy = body.head.wish.ver.is_none();
        let refuse =
            |condition| (Draft::terminate(Some(condition)).finish(is_legacy), CONTENT.into());
        let head = Arc::new(body.head.clone());
        let terms = match self.judge(&head) {
            Ok(terms) => terms,
            Err(condition) => return refuse(condition),
        };
        let payloads = match payloads(body, length, self.server.limits_before_login()) {
            Ok(payloads) => payloads,
            Err(condition) => return refuse(condition),
        };
        let content: Arc<str> = terms.content.as_str().into();
        let Asking { server, visitor, sessions } = self;
        let added = sessions.add(visitor.peer, &content, is_legacy);
        let (place, trust, arrivals) = match added {
            Ok(added) => added,
            Err(condition) => return refuse(condition),
        };
        let (stream, messages) = carried();
        // However long the client may be silent, what it has not fetched until then waits.
        let patience = terms.wait + terms.inactivity.max(terms.maxpause);
        let arriving = Arriving::Carried(stream, patience, visitor.peer, place.slot.clone());
        let (ticket, answer) = oneshot::channel();
        let session = Session::begin(&place.sid, terms, &head, ticket, Instant::now());
        let task = visitor.task();
        tokio::spawn(serve(server, arriving, task.clone()));
        let carriage =
            Carriage { session, messages, arrivals, place, trust, head, task, is_closed: false };
        tokio::spawn(carriage.run(payloads));
        told(answer, content, is_legacy).await
    }

    /// Whether there may be such a session, and how.
    fn judge(&self, head: &Head) -> Result<Terms, Condition> {
        let to = head.to.as_deref().filter(|to| !to.is_empty());
        let to = Domain::parse(to.ok_or(Condition::ImproperAddressing)?);
        if !to.is_ok_and(|to| self.server.serves(to.as_str())) {
            return Err(Condition::HostUnknown);
        }
        Terms::settle(&head.wish, head.ack.is_some(), self.server.config().timeouts.ping)
    }

    /// §8: a request of a session.
    async fn go_on(self, sid: &str, body: Body, length: usize) -> Reply {
        let Some(entry) = self.sessions.find(sid) else { return refused(Condition::ItemNotFound) };
        let server = &self.server;
        let limits = entry.limits(server.limits_after_login(), server.limits_before_login());
        let head = body.head.clone();
        let request = Request { head, payloads: payloads(body, length, limits) };
        let (ticket, answer) = oneshot::channel();
        // Whether it takes the request is seen by the answer.
        drop(entry.arrivals.send(Arrival { request, ticket }).await);
        told(answer, entry.content, entry.is_legacy).await
    }
}

/// The elements inside, under limits that hold for all of them together.
fn payloads(body: Body, length: usize, limits: Limits) -> Result<Vec<Element>, Condition> {
    if length > limits.max_bytes.saturating_add(LONGEST_TAG) {
        return Err(Condition::PolicyViolation);
    }
    let payloads = body.payloads(limits)?;
    // What opens and closes the stream is ours to say.
    let is_framing = payloads.iter().any(|payload| payload.ns() == ns::FRAMING);
    if is_framing { Err(Condition::BadRequest) } else { Ok(payloads) }
}

/// Waits for the session to answer; one that is gone does not.
async fn told(answer: oneshot::Receiver<Answer>, content: Arc<str>, is_legacy: bool) -> Reply {
    let gone = |_| Draft::terminate(Some(Condition::ItemNotFound)).finish(is_legacy);
    (answer.await.unwrap_or_else(gone), content)
}
