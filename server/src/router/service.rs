//! Stanzas for a service of a domain and for what is behind it: `pubsub.example.org`,
//! `room@rooms.example.org/nick`.
//!
//! Our choices: a service is for the accounts of its own domain, rooms for those that the operator
//! says. Whoever else comes is told `forbidden`, whatever it asks for, so that the answer tells
//! nothing of what is there. A service itself reads requests only, and neither it nor what is behind
//! it subscribes to anybody's presence.
//!
//! What is said to a room leaves the sender's account as what is said to an account does, so that it
//! passes the sender's guards and its steps of [`Phase::Stamp`]: they take off what is forged in our
//! name, and what is the sender's own business. There is no account to receive it: of its guards
//! those for messages and for requests to the room itself are asked, which hold the rules of a
//! domain; what an occupant is asked is the room's to judge.

use super::route::{answer, guard, pass};
use super::streams::Counted;
use crate::config::{Host, ServiceKind};
use crate::feature::{Ctx, EntityStep, Phase, Scope, Side, Verdict};
use crate::ns;
use crate::stanza::{
    Condition, Iq, Message, MessageKind, Presence, PresenceKind, Stanza, StanzaError,
};
use crate::xml::Element;

/// Takes a stanza to the service that it is addressed to, or to what is behind that.
///
/// # Errors
/// What the sender is told; `remote-server-not-found` if there is no such service.
pub(super) async fn route(
    cx: &Ctx,
    stanza: Stanza,
    counted: Option<Counted>,
) -> Result<Option<Element>, StanzaError> {
    let config = cx.server.config();
    let service = stanza.to().and_then(|to| config.service(to.domain()));
    // RFC 6120 §10.4: there is no way to another domain, and none is tried.
    let (kind, host) = service.ok_or(Condition::RemoteServerNotFound)?;
    let is_presence = matches!(stanza, Stanza::Presence(_));
    let room = stanza.to().filter(|_| is_presence).map(|to| to.bare_str().to_owned());
    let done = route_to(cx, (kind, host), stanza, counted).await;
    match kind {
        ServiceKind::Rooms if is_presence => done.map_err(|error| of_room(error, room.as_deref())),
        _ => done,
    }
}

async fn route_to(
    cx: &Ctx,
    (kind, host): (ServiceKind, &Host),
    stanza: Stanza,
    counted: Option<Counted>,
) -> Result<Option<Element>, StanzaError> {
    let is_behind = stanza.to().is_some_and(|to| to.local().is_some());
    let entity = cx.server.features.entity(kind).filter(|_| is_behind);
    if !host.admits(kind, stanza.from().domain()) {
        let is_entered = is_behind && kind == ServiceKind::Rooms;
        return refuse(stanza, Condition::Forbidden, is_entered);
    }
    match (entity, stanza) {
        (Some(entity), stanza) => route_behind(cx, entity, stanza, counted).await,
        (None, Stanza::Iq(iq)) if iq.kind.is_request() && !is_behind => {
            answer(cx, iq, Scope::from(kind)).await
        }
        // RFC 6120 §10.5.3.1: there is nobody behind the service's address.
        (None, stanza) => {
            let wants_in = kind == ServiceKind::Rooms && stanza.element().has_child(ns::MUC, "x");
            refuse(stanza, Condition::ServiceUnavailable, wants_in)
        }
    }
}

/// Takes a stanza to `room@service` or `room@service/nick`.
async fn route_behind(
    cx: &Ctx,
    entity: &EntityStep,
    stanza: Stanza,
    counted: Option<Counted>,
) -> Result<Option<Element>, StanzaError> {
    let stanza = match stanza {
        Stanza::Iq(iq) if !is_to_bare(&iq) => Stanza::Iq(iq),
        Stanza::Iq(iq) if iq.kind.is_request() => return answer(cx, iq, Scope::Room).await,
        // A room asks nobody.
        Stanza::Iq(_) => return Ok(None),
        Stanza::Presence(presence) if presence.kind.is_subscription() => return Ok(None),
        Stanza::Presence(presence) => Stanza::Presence(presence),
        Stanza::Message(message) => match leave_account(cx, message).await? {
            Some(message) => Stanza::Message(message),
            None => return Ok(None),
        },
    };
    entity(cx, (stanza, counted)).await
}

/// A message as it may leave the sender's account and come to somebody's domain.
async fn leave_account(cx: &Ctx, message: Message) -> Result<Option<Message>, StanzaError> {
    let Some(message) = pass(cx, Side::Sender, Phase::Stamp, message).await? else {
        return Ok(None);
    };
    let stanza = Stanza::Message(message);
    match (guard(cx, Side::Recipient, &stanza).await, stanza) {
        (Verdict::Pass, Stanza::Message(message)) => Ok(Some(message)),
        (Verdict::Reject(error), _) => Err(error),
        _ => Ok(None),
    }
}

/// What becomes of what nobody takes: the sender is told if it has asked for something. Presence
/// asks to come in, where there is something to come into.
fn refuse(
    stanza: Stanza,
    why: Condition,
    is_entered: bool,
) -> Result<Option<Element>, StanzaError> {
    let is_answered = match &stanza {
        Stanza::Iq(iq) => iq.kind.is_request(),
        Stanza::Message(message) => !is_answerless(message),
        // It is shown to nobody, and a request to see somebody's is none that is ever granted.
        Stanza::Presence(Presence { kind, .. }) => is_entered && *kind == PresenceKind::Available,
    };
    match is_answered {
        true => Err(why.into()),
        false => Ok(None),
    }
}

/// XEP-0045 §7.2: clients know by it that the error is about a room that they wanted to enter.
fn of_room(error: StanzaError, room: Option<&str>) -> StanzaError {
    // §7.2.17: the room says so, and not the occupant to whose address it was sent.
    let error = match room {
        Some(room) => error.with_by(room),
        None => error,
    };
    match error.payload() {
        None => error.with_payload(Element::new(ns::MUC, "x")),
        Some(_) => error,
    }
}

fn is_to_bare(iq: &Iq) -> bool {
    iq.to.as_ref().is_some_and(|to| to.resource().is_none())
}

/// RFC 6120 §8.3.1, RFC 6121 §5.2.2: neither an error nor a headline asks for anything.
fn is_answerless(message: &Message) -> bool {
    matches!(message.kind, MessageKind::Error | MessageKind::Headline)
}
