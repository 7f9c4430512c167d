//! Where a stanza goes by its address, RFC 6120 §10.3 to §10.5.

use std::sync::Arc;

use super::delivery::{deliver_again, deliver_iq, exists};
use super::envelope::Envelope;
use super::parcel::{Copies, Parcel, ParcelKind};
use super::registry::Session;
use super::requests;
use super::service;
use super::streams::Counted;
use super::underway::deliver_to_account;
use crate::feature::{
    ContactChange, Ctx, Effects, Flow, Phase, PresenceRole, Reply, Scope, Side, Verdict,
};
use crate::jid::Jid;
use crate::ns;
use crate::stanza::{
    Condition, Iq, Message, Presence, PresenceKind, Stanza, StanzaError, error_answer,
    result_answer,
};
use crate::xml::{Element, Parser};

/// Takes a stanza from a client all the way.
///
/// What comes back is for the sender: the answer to a request, or an error. A message may be on
/// its way still; on a managed stream it is stored together with its place on that stream.
pub async fn route(cx: &Ctx, stanza: Stanza, counted: Option<Counted>) -> Option<Element> {
    // Kept for the error only: a stanza's children are not needed for it.
    let head = Head::of(&stanza);
    match dispatch(cx, stanza, counted).await {
        Ok(answer) => answer,
        Err(error) => {
            if head.0.name() == "iq" {
                cx.server.metrics.iq_errors.count(error.condition().as_str());
            }
            head.error(&error)
        }
    }
}

/// Delivers what a handler returned, in order.
pub fn apply(effects: Effects) {
    for envelope in effects.envelopes {
        deliver(envelope);
    }
    drop(effects.guard);
}

/// As [`apply`], for what may have changed rosters: features are told of contacts who may see more or
/// less than before.
pub async fn carry_out(cx: &Ctx, mut effects: Effects) {
    let changes = std::mem::take(&mut effects.contacts);
    apply(effects);
    contacts_changed(cx, changes).await;
}

/// Tells all features that a session is over. It must have left the registry.
pub async fn end_session(cx: &Ctx, session: &Arc<Session>) {
    for step in cx.server.features.session_ended_steps() {
        apply(step(cx, Arc::clone(session)).await);
    }
}

/// Tells all features which kept parcels the client of the context's session is known to have.
pub async fn confirm(cx: &Ctx, numbers: Vec<u64>) {
    for step in cx.server.features.delivered_steps() {
        apply(step(cx, numbers.clone()).await);
    }
}

/// Tells all features which nodes a client newly wants to be notified of.
pub async fn interested(cx: &Ctx, session: &Arc<Session>, nodes: Vec<String>) {
    for step in cx.server.features.interests_steps() {
        apply(step(cx, (Arc::clone(session), nodes.clone())).await);
    }
}

/// Finds another way for what a connection took and never wrote: messages go back to the account
/// unless they are still there, requests are answered with an error (RFC 6121 §8.5.3.2.3), the
/// rest meant only that connection.
pub async fn return_undelivered(cx: &Ctx, parcels: impl IntoIterator<Item = Parcel>) {
    let lost = |parcel: &Parcel| {
        matches!(parcel.kind, ParcelKind::Message | ParcelKind::Iq)
            && !parcel.is_queued
            && parcel.copies.as_ref().is_none_or(Copies::lose)
    };
    for parcel in parcels.into_iter().filter(lost) {
        // Our own serialization parses; if it did not, there would be nothing to give back.
        let Ok(element) = Parser::within(ns::CLIENT).parse(&parcel.xml.whole()) else { continue };
        if parcel.kind == ParcelKind::Message {
            if let Some(message) = Message::from_element(element) {
                redeliver(cx, message, parcel).await;
            }
        } else if let Some(answer) = error_answer(&element, &Condition::ServiceUnavailable.into()) {
            answer_to(cx, &answer);
        }
    }
}

/// The addresses, id and type of a stanza: all that an error answer needs.
struct Head(Element);

impl Head {
    fn of(stanza: &Stanza) -> Self {
        Head(stanza.element().without_children())
    }

    fn error(&self, error: &StanzaError) -> Option<Element> {
        error_answer(&self.0, error)
    }
}

async fn dispatch(
    cx: &Ctx,
    stanza: Stanza,
    counted: Option<Counted>,
) -> Result<Option<Element>, StanzaError> {
    match guard(cx, Side::Sender, &stanza).await {
        Verdict::Pass => {}
        Verdict::Drop => return Ok(None),
        Verdict::Reject(error) => return Err(error),
    }
    if let Some(to) = stanza.to()
        && !cx.server.serves(to.domain())
    {
        return service::route(cx, stanza, counted).await;
    }
    match stanza {
        Stanza::Iq(iq) => route_iq(cx, iq).await,
        Stanza::Message(message) => route_message(cx, message, counted).await.map(|()| None),
        Stanza::Presence(presence) => route_presence(cx, presence).await.map(|()| None),
    }
}

/// Asks all guards of one side; for presence its handler does.
pub(crate) async fn guard(cx: &Ctx, side: Side, stanza: &Stanza) -> Verdict {
    for step in cx.server.features.guards(side) {
        match step(cx, stanza).await {
            Verdict::Pass => {}
            verdict => return verdict,
        }
    }
    Verdict::Pass
}

/// Lets features complete the available presence of the context's session, whose account is locked.
pub(crate) async fn stamp(cx: &Ctx, mut presence: Presence) -> Presence {
    if presence.kind == PresenceKind::Available {
        for step in cx.server.features.presence_stamps() {
            presence = step(cx, presence).await;
        }
    }
    presence
}

/// The same while the session's account is not locked: for presence to what is no account, such as
/// a room. The account is locked meanwhile, so whoever calls must not hold what is waited for by
/// somebody who has locked an account.
pub async fn stamped(cx: &Ctx, presence: Presence) -> Presence {
    let Some(session) = &cx.session else { return presence };
    let held = cx.server.locks.lock(session.account()).await;
    let presence = stamp(cx, presence).await;
    drop(held);
    presence
}

async fn route_iq(cx: &Ctx, iq: Iq) -> Result<Option<Element>, StanzaError> {
    let scope = match &iq.to {
        Some(to) if to.resource().is_some() && to.local().is_some() => {
            return deliver_iq(cx, iq).await.map(|()| None);
        }
        // RFC 6120 §10.5.2: example.com/resource is the server itself, to be answered or not.
        Some(to) if to.local().is_none() => Scope::Host,
        to if cx.is_own(to.as_ref(), &iq.from) => Scope::Own,
        _ => Scope::Account,
    };
    if !iq.kind.is_request() {
        if scope == Scope::Own {
            take_answer(cx, iq).await;
        }
        return Ok(None);
    }
    answer(cx, iq, scope).await
}

/// Has a request answered by whoever understands it at such an address.
pub(super) async fn answer(cx: &Ctx, iq: Iq, scope: Scope) -> Result<Option<Element>, StanzaError> {
    match guard(cx, Side::Recipient, &Stanza::Iq(iq.clone())).await {
        Verdict::Pass => {}
        Verdict::Drop => return Ok(None),
        Verdict::Reject(error) => return Err(error),
    }
    if scope == Scope::Account
        && let Some(to) = &iq.to
        && !exists(cx, to).await?
    {
        // RFC 6121 §8.5.1
        return Err(Condition::ServiceUnavailable.into());
    }
    let features = &cx.server.features;
    let handler = iq.payload().and_then(|payload| features.iq_handler(iq.kind, scope, payload));
    // RFC 6120 §8.4, RFC 6121 §8.5.1 and §8.5.2.2.3: nobody understands it.
    let handler = handler.ok_or(Condition::ServiceUnavailable)?;
    let request = iq.element().without_children();
    let mut reply = handler(cx, iq).await?;
    let changes = std::mem::take(&mut reply.effects.contacts);
    let answer = conclude(cx, &request, reply);
    contacts_changed(cx, changes).await;
    Ok(answer)
}

/// An answer to a request of the server. Nobody waits for that to a roster push.
async fn take_answer(cx: &Ctx, answer: Iq) {
    let Some(session) = &cx.session else { return };
    if let Some(then) = requests::answered(session, &answer, cx.server.clock.now()) {
        apply(then(cx, answer).await);
    }
}

/// Answers a request of the context's session with an empty result, before its handler is through:
/// for specifications that have others told of a change only then. The handler returns
/// [`Reply::given`].
pub fn answer_now(cx: &Ctx, request: &Element) {
    if let Some(session) = &cx.session {
        let answer = result_answer(request, None);
        deliver(Envelope::new(Arc::clone(session), &answer, cx.server.clock.now()));
    }
}

/// Delivers an answer between what goes before and after it. It leaves while the guard is held, so
/// that no later change of the account can overtake it: a roster must not follow a newer push.
fn conclude(cx: &Ctx, request: &Element, reply: Reply) -> Option<Element> {
    let answer = result_answer(request, reply.payload);
    let Effects { envelopes, guard, .. } = reply.effects;
    envelopes.into_iter().for_each(deliver);
    let for_nobody = match &cx.session {
        _ if reply.is_given => None,
        Some(session) => {
            deliver(Envelope::new(Arc::clone(session), &answer, cx.server.clock.now()));
            None
        }
        None => Some(answer),
    };
    reply.later.into_iter().for_each(deliver);
    drop(guard);
    for_nobody
}

async fn route_message(
    cx: &Ctx,
    message: Message,
    counted: Option<Counted>,
) -> Result<(), StanzaError> {
    let Some(mut message) = pass(cx, Side::Sender, Phase::Stamp, message).await? else {
        return Ok(());
    };
    // RFC 6120 §10.3.1: no `to` means the own bare JID.
    if message.to.is_none() {
        let own = Jid::from(message.from.bare());
        message.set_to(own);
    }
    deliver_to_account(cx, message, counted).await
}

/// Runs a message through the steps of one phase.
pub(super) async fn pass(
    cx: &Ctx,
    side: Side,
    phase: Phase,
    mut message: Message,
) -> Result<Option<Message>, StanzaError> {
    for step in cx.server.features.message_steps(side, phase) {
        match step(cx, message).await? {
            Flow::Next(next) => message = next,
            Flow::Done => return Ok(None),
        }
    }
    Ok(Some(message))
}

async fn route_presence(cx: &Ctx, presence: Presence) -> Result<(), StanzaError> {
    let role = match (&presence.to, presence.kind) {
        (None, PresenceKind::Available | PresenceKind::Unavailable) => PresenceRole::Broadcast,
        // RFC 6121 §3: a subscription is asked of somebody; §4.3: so is a probe.
        (None, _) => return Err(Condition::BadRequest.into()),
        (Some(_), PresenceKind::Probe) => PresenceRole::Probe,
        (Some(_), kind) if kind.is_subscription() => PresenceRole::Subscription,
        (Some(_), _) => PresenceRole::Directed,
    };
    let Some(handler) = cx.server.features.presence_handler(role) else { return Ok(()) };
    let done = handler(cx, presence).await;
    let changes = done.as_ref().map(|effects| effects.contacts.clone()).unwrap_or_default();
    let done = done.map(apply);
    contacts_changed(cx, changes).await;
    if let Some(session) = &cx.session {
        session.set_arrived();
        if done.is_ok() && role == PresenceRole::Broadcast {
            for step in cx.server.features.presence_seen_steps() {
                apply(step(cx, Arc::clone(session)).await);
            }
        }
    }
    done
}

/// Tells all features of contacts who may see more or less than before.
async fn contacts_changed(cx: &Ctx, changes: Vec<ContactChange>) {
    for change in changes {
        for step in cx.server.features.contact_changed_steps() {
            apply(step(cx, change.clone()).await);
        }
    }
}

async fn redeliver(cx: &Ctx, message: Message, parcel: Parcel) {
    // What was for one resource that is gone is for the account (RFC 6121 §8.5.3.2.1).
    if let Err(error) = deliver_again(cx, &message, parcel).await
        && let Some(answer) = error_answer(&message.element().without_children(), &error)
    {
        answer_to(cx, &answer);
    }
}

/// Tells whoever sent something what became of it, if that session is still there.
pub(crate) fn answer_to(cx: &Ctx, answer: &Element) {
    let sender = answer.attr("to").and_then(|to| Jid::parse(to).ok());
    if let Some(session) = sender.and_then(|to| cx.server.sessions.find(&to)) {
        deliver(Envelope::new(session, answer, cx.server.clock.now()));
    }
}

fn deliver(envelope: Envelope) {
    // Pushes, presence and answers mean something to that connection only: if it is gone, so are
    // they. A connection that does not read has been told to close.
    envelope.deliver().unwrap_or_default();
}
