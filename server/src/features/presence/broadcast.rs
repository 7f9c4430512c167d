//! RFC 6121 §4.2, §4.4, §4.5: a session's presence for everybody who is subscribed.
//!
//! All of it happens under the account's lock, so that stanzas leave in the order of the changes
//! they tell of: what a replaced session leaves behind cannot come after what its successor says.

use std::sync::Arc;

use super::announce::{admits, audience, available, unavailable};
use super::{check_priority, directed, is_current};
use crate::feature::{Ctx, Effects};
use crate::features::roster::{self, Item};
use crate::features::subscription;
use crate::jid::{BareJid, Jid};
use crate::router::{self, Addressed, Envelope, Seen, Session, broadcast, stamp};
use crate::stanza::{Presence, PresenceKind, StanzaError};
use crate::xml::Element;

type Contacts = [(Jid, Item)];

pub(super) async fn handle(cx: &Ctx, presence: Presence) -> Result<Effects, StanzaError> {
    let Some(session) = &cx.session else { return Ok(Effects::none()) };
    match presence.kind {
        PresenceKind::Available => come(cx, session, presence).await,
        _ => go(cx, session, presence).await,
    }
}

/// §4.2.2, §4.4.2
async fn come(
    cx: &Ctx,
    session: &Arc<Session>,
    presence: Presence,
) -> Result<Effects, StanzaError> {
    let priority = check_priority(&presence)?;
    let held = cx.server.locks.lock(session.account()).await;
    if !is_current(cx, session) {
        return Ok(Effects::none());
    }
    let before = session.priority();
    let contacts = roster::contacts(&cx.server, session.account()).await?;
    let waiting = match before {
        None => subscription::waiting(cx, session).await?,
        Some(_) => Vec::new(),
    };
    let presence = Arc::new(stamp(cx, presence).await);
    session.set_available(Arc::clone(&presence), priority);
    let mut out = tell(cx, session, presence.element(), presence.kind, &contacts).await;
    if before.is_none() {
        out.extend(own(cx, session));
        out.extend(gather(cx, session, &contacts).await);
        out.extend(waiting);
    }
    if session.is_arriving() {
        for step in cx.server.features.session_available_steps() {
            out.extend(step(cx, Arc::clone(session)).await.envelopes);
        }
    }
    Ok(Effects::send(out).holding(held))
}

/// §4.5.2, said by the client.
async fn go(cx: &Ctx, session: &Arc<Session>, presence: Presence) -> Result<Effects, StanzaError> {
    let held = cx.server.locks.lock(session.account()).await;
    if !is_current(cx, session) {
        return Ok(Effects::none());
    }
    let contacts = roster::contacts(&cx.server, session.account()).await?;
    let was_available = session.set_unavailable();
    let mut out = Vec::new();
    if was_available {
        let now = cx.server.clock.now();
        let echo = Addressed::new(presence.element(), now).to(session.account());
        out = tell(cx, session, presence.element(), presence.kind, &contacts).await;
        out.push(Envelope::of(Arc::clone(session), echo));
    }
    out.extend(take_back(cx, session, presence.element(), &contacts, was_available).await);
    Ok(Effects::send(out).holding(held))
}

/// §4.5.2, when the session is over.
pub(super) async fn end(cx: &Ctx, session: Arc<Session>) -> Effects {
    if session.priority().is_none() && directed::is_empty(&session) {
        return Effects::none();
    }
    let held = cx.server.locks.lock(session.account()).await;
    let contacts = contacts(cx, session.account()).await;
    let was_available = session.set_unavailable();
    let gone = unavailable(session.jid());
    let mut out = Vec::new();
    // A connection of the same address that is available already has taken its place.
    if was_available && !is_continued(cx, &session) {
        out = tell(cx, &session, &gone, PresenceKind::Unavailable, &contacts).await;
    }
    out.extend(take_back(cx, &session, &gone, &contacts, was_available).await);
    Effects::send(out).holding(held)
}

/// Broadcasts what sessions of an account have said last once more, as the server says it now:
/// `change` returns nothing where nothing changes. The account is locked.
pub(crate) async fn repeat(
    cx: &Ctx,
    account: &BareJid,
    change: impl Fn(&Session, &Presence) -> Option<Presence> + Send,
) -> Vec<Envelope> {
    let contacts = contacts(cx, account).await;
    let mut out = Vec::new();
    for session in available(&cx.server, account) {
        let said = session.priority().zip(session.presence());
        let Some((priority, presence)) =
            said.and_then(|(priority, said)| Some((priority, change(&session, &said)?)))
        else {
            continue;
        };
        let presence = Arc::new(presence);
        session.set_available(Arc::clone(&presence), priority);
        out.extend(tell(cx, &session, presence.element(), presence.kind, &contacts).await);
    }
    out
}

/// What the session may have missed of others. They have not: nobody is told that it was away.
pub(super) async fn refresh(cx: &Ctx, session: Arc<Session>) -> Effects {
    if session.priority().is_none() {
        return Effects::none();
    }
    let contacts = contacts(cx, session.account()).await;
    for (contact, _) in contacts.iter().filter(|(_, item)| item.subscription.is_to()) {
        router::apply(anew(cx, &session, &contact.bare()).await);
    }
    let held = cx.server.locks.lock(session.account()).await;
    if !is_current(cx, &session) {
        return Effects::none();
    }
    let mut out = own(cx, &session);
    out.extend(subscription::waiting(cx, &session).await.unwrap_or_else(|error| {
        drop(StanzaError::from(error));
        Vec::new()
    }));
    Effects::send(out).holding(held)
}

/// Everything about one contact: that nobody is there, as to a probe (§4.3.2.1), and then who is. So
/// it is forgotten who has gone. The contact is locked, so that nothing comes between.
async fn anew(cx: &Ctx, session: &Arc<Session>, contact: &BareJid) -> Effects {
    let account = session.account();
    let held = cx.server.locks.lock(contact).await;
    if !roster::is_shown_to(&cx.server, contact, account).await.unwrap_or_default() {
        return Effects::none();
    }
    let mut out = Vec::new();
    let bare = Jid::from(contact.clone());
    if admits(cx, PresenceKind::Unavailable, &bare, account).await {
        let nobody = Addressed::new(&unavailable(&bare), cx.server.clock.now()).to(account);
        out.push(Envelope::of(Arc::clone(session), nobody));
    }
    for of in available(&cx.server, contact) {
        out.extend(shown(cx, session, of).await);
    }
    Effects::send(out).holding(held)
}

fn is_continued(cx: &Ctx, session: &Session) -> bool {
    cx.server.sessions.find(session.jid()).is_some_and(|heir| heir.priority().is_some())
}

/// A failure is logged; at least the account's own resources are told then.
async fn contacts(cx: &Ctx, account: &BareJid) -> Vec<(Jid, Item)> {
    roster::contacts(&cx.server, account).await.unwrap_or_else(|error| {
        drop(StanzaError::from(error));
        Vec::new()
    })
}

/// A presence for the account's available resources and those of all who are subscribed.
async fn tell(
    cx: &Ctx,
    session: &Session,
    presence: &Element,
    kind: PresenceKind,
    contacts: &Contacts,
) -> Vec<Envelope> {
    let server = &*cx.server;
    let presence = Addressed::new(presence, server.clock.now());
    let mut out = Vec::new();
    let parcel = presence.to(session.account());
    for own in available(server, session.account()) {
        out.push(Envelope::of(own, parcel.clone()));
    }
    for (contact, _) in contacts.iter().filter(|(_, item)| item.subscription.is_from()) {
        let contact = contact.bare();
        let audience = available(server, &contact);
        if audience.is_empty() || !admits(cx, kind, session.jid(), &contact).await {
            continue;
        }
        if kind == PresenceKind::Unavailable {
            audience.iter().for_each(|other| directed::forget(other, session.jid()));
        }
        let parcel = presence.to(&contact);
        out.extend(audience.into_iter().map(|to| Envelope::of(to, parcel.clone())));
    }
    out
}

/// §4.2.2: what the account's other resources have said last.
fn own(cx: &Ctx, session: &Arc<Session>) -> Vec<Envelope> {
    let others = available(&cx.server, session.account());
    let others = others.iter().filter(|other| other.id() != session.id());
    let presences = others.filter_map(|other| other.presence());
    let now = cx.server.clock.now();
    let parcel =
        |presence: Arc<Presence>| Addressed::new(presence.element(), now).to(session.account());
    presences.map(|presence| Envelope::of(Arc::clone(session), parcel(presence))).collect()
}

/// §4.3.1: what the contacts have said last. Nobody is probed: they are on the same server.
async fn gather(cx: &Ctx, session: &Arc<Session>, contacts: &Contacts) -> Vec<Envelope> {
    let mut out = Vec::new();
    for (contact, _) in contacts.iter().filter(|(_, item)| item.subscription.is_to()) {
        for of in available(&cx.server, &contact.bare()) {
            out.extend(shown(cx, session, of).await);
        }
    }
    out
}

/// What that session of a contact has said last.
async fn shown(cx: &Ctx, to: &Arc<Session>, of: Arc<Session>) -> Option<Envelope> {
    let presence = of.presence()?;
    if !admits(cx, PresenceKind::Available, of.jid(), to.account()).await {
        return None;
    }
    let parcel = Addressed::new(presence.element(), cx.server.clock.now()).to(to.account());
    Some(Envelope::of(Arc::clone(to), parcel).as_seen(Seen { of, presence }))
}

/// §4.6.3 rule 2: who was sent directed presence and is not told anyway.
async fn take_back(
    cx: &Ctx,
    session: &Arc<Session>,
    presence: &Element,
    contacts: &Contacts,
    was_available: bool,
) -> Vec<Envelope> {
    let heir = cx.server.sessions.find(session.jid()).filter(|heir| heir.id() != session.id());
    let mut out = Vec::new();
    for to in directed::take(session) {
        if heir.as_ref().is_some_and(|heir| directed::reaches(heir, &to)) {
            continue;
        }
        if !admits(cx, PresenceKind::Unavailable, session.jid(), &to.bare()).await {
            // Blocked since, and told then.
            continue;
        }
        let is_told = was_available && is_subscribed(session, contacts, &to);
        let mut audience = audience(&cx.server, &to);
        audience.retain(|other| !(is_told && other.priority().is_some()));
        audience.retain(|other| other.id() != session.id());
        let addressed = presence.clone().with_attr("to", to.as_str());
        out.extend(broadcast(audience, &addressed, cx.server.clock.now()));
    }
    out
}

fn is_subscribed(session: &Session, contacts: &Contacts, to: &Jid) -> bool {
    let bare = to.bare();
    let from = |(contact, item): &(Jid, Item)| item.subscription.is_from() && bare == *contact;
    bare == *session.account() || contacts.iter().any(from)
}
