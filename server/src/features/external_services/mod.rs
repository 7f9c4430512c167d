//! XEP-0215: External Service Discovery: where clients find the STUN and TURN server that gets calls
//! past routers, and what they log in with there.
//!
//! Our choices: there is one such server, which the operator names (`[turn]`); without it the server does
//! not support the protocol. Only accounts of a domain ask it. Nothing is pushed: what clients log in with
//! says when it expires, and they ask again.

mod username;

use crate::clock::Timestamp;
use crate::config::{Turn, TurnSecret};
use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::ns;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::xml::Element;
use username::Pseudonyms;

const SERVICES: (&str, &str) = (ns::EXT_DISCO, "services");
const CREDENTIALS: (&str, &str) = (ns::EXT_DISCO, "credentials");

/// The longest type that is repeated in an answer; those that there are have five letters.
const TYPE_BYTES: usize = 64;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0215",
        name: "External Service Discovery",
        version: "1.0.0",
        status: Status::Complete,
        note: "with `[turn]`: STUN and TURN",
    });
    // §"Determining Support"
    on.disco_while(&[Scope::Host], ns::EXT_DISCO, |server| server.turn().is_some());
    on.iq(IqKind::Get, &[Scope::Host], SERVICES, services);
    on.iq(IqKind::Get, &[Scope::Host], CREDENTIALS, credentials);
    on.state(Pseudonyms::new());
}

/// A way to the TURN server, by the words of the specification.
#[derive(Clone, Copy)]
struct Service {
    kind: &'static str,
    transport: &'static str,
    port: u16,
    /// Whether one has to log in.
    restricted: bool,
}

/// What a client logs in with.
struct Login {
    username: String,
    password: String,
    expires: Timestamp,
}

/// §"Requesting All Services" and §"Requesting Selected Services".
async fn services(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let (turn, secret) = offered(cx, &iq)?;
    let kind = iq.payload().and_then(|services| services.attr("type"));
    if kind.is_some_and(|kind| !is_type(kind)) {
        return Err(Condition::BadRequest.into());
    }
    let login = login(cx, &iq, &turn, &secret)?;
    let wanted = offers(&turn).filter(|service| kind.is_none_or(|kind| kind == service.kind));
    let answer = Element::new(SERVICES.0, SERVICES.1).with_attr_opt("type", kind);
    Ok(Reply::with(answer.with_children(wanted.map(|service| written(service, &turn, &login)))))
}

/// §"Requesting Credentials", of one service. One that needs none is one that has none.
async fn credentials(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let (turn, secret) = offered(cx, &iq)?;
    let wanted = Wanted::of(&iq).ok_or(Condition::BadRequest)?;
    let found: Vec<_> = offers(&turn).filter(|service| wanted.is(service, &turn)).collect();
    if found.is_empty() {
        return Err(Condition::ItemNotFound.into());
    }
    let login = login(cx, &iq, &turn, &secret)?;
    let found = found.into_iter().map(|service| written(service, &turn, &login));
    Ok(Reply::with(Element::new(CREDENTIALS.0, CREDENTIALS.1).with_children(found)))
}

/// What the sender may know of. §"Protocol" has the errors.
fn offered(cx: &Ctx, iq: &Iq) -> Result<(Turn, std::sync::Arc<TurnSecret>), StanzaError> {
    let turn = cx.server.turn().ok_or(Condition::ServiceUnavailable)?;
    let is_own = iq.to.as_ref().is_some_and(|to| to.domain() == iq.from.domain());
    if is_own { Ok(turn) } else { Err(Condition::Forbidden.into()) }
}

/// The services of the TURN server.
fn offers(turn: &Turn) -> impl Iterator<Item = Service> {
    let service = |kind, transport, port| Service { kind, transport, port, restricted: true };
    let in_clear = [
        Service { restricted: false, ..service("stun", "udp", turn.port) },
        service("turn", "udp", turn.port),
        service("turn", "tcp", turn.port),
    ];
    in_clear.into_iter().chain(turn.tls_port.map(|port| service("turns", "tcp", port)))
}

fn written(service: Service, turn: &Turn, login: &Login) -> Element {
    let element = Element::new(ns::EXT_DISCO, "service")
        .with_attr("type", service.kind)
        .with_attr("host", turn.host.as_str())
        .with_attr("port", service.port.to_string())
        .with_attr("transport", service.transport);
    if !service.restricted {
        return element;
    }
    element
        .with_attr("restricted", "true")
        .with_attr("username", &*login.username)
        .with_attr("password", &*login.password)
        .with_attr("expires", login.expires.to_rfc3339())
}

/// draft-uberti-behave-turn-rest-00 §2.2
fn login(cx: &Ctx, iq: &Iq, turn: &Turn, secret: &TurnSecret) -> Result<Login, StanzaError> {
    let seconds = cx.server.clock.now().seconds().saturating_add(turn.lifetime.as_secs());
    let expires = Timestamp(seconds.saturating_mul(1_000_000));
    let pseudonym = cx.state::<Pseudonyms>().of(&iq.from.bare(), expires);
    let username = format!("{seconds}:{}", pseudonym.ok_or(Condition::InternalServerError)?);
    Ok(Login { password: secret.password(&username), username, expires })
}

/// The service that somebody wants to log in at.
struct Wanted<'a> {
    host: &'a str,
    kind: &'a str,
    port: Option<u16>,
    transport: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Nothing of what is not exactly one service, with at least its host and its type.
    fn of(iq: &'a Iq) -> Option<Self> {
        let mut children = iq.payload()?.children();
        let service = children.next().filter(|child| child.is(ns::EXT_DISCO, "service"))?;
        if children.next().is_some() {
            return None;
        }
        let port = service.attr("port").map(str::parse).transpose().ok()?;
        let (host, kind) = (service.attr("host")?, service.attr("type")?);
        Some(Wanted { host, kind, port, transport: service.attr("transport") })
    }

    fn is(&self, service: &Service, turn: &Turn) -> bool {
        service.restricted
            && self.kind == service.kind
            && self.host.eq_ignore_ascii_case(turn.host.as_str())
            && self.port.is_none_or(|port| port == service.port)
            && self.transport.is_none_or(|transport| transport == service.transport)
    }
}

/// §"XML Schema": an NCName; all that are registered are plain words.
fn is_type(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=TYPE_BYTES).contains(&text.len())
        && text.bytes().all(is_word)
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}
