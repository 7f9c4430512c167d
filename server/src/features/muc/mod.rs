//! XEP-0045: Multi-User Chat.

pub mod access;
mod account;
mod admin;
pub mod affiliation;
pub mod archive;
mod change;
mod change_nick;
pub mod config;
mod create;
mod destroy;
mod discovery;
mod edit;
mod enter;
mod expire;
mod features;
mod follow_up;
mod form;
mod hats;
pub mod history;
mod invite;
mod item;
mod joined;
mod joining;
#[cfg(test)]
mod kit;
mod leave;
mod letter;
pub mod members;
mod message;
pub mod moderation;
mod news;
pub mod nick;
mod occupant_id;
mod occupants;
pub mod operator;
mod outbox;
mod owner;
mod pair;
mod presence;
mod private;
pub mod privileges;
mod register;
mod relay;
mod removal;
mod resume;
pub mod retraction;
mod room;
mod rooms;
mod sanitize;
mod self_ping;
mod shutdown;
mod slow_mode;
mod standing;
mod status;
pub mod stored;
mod subject;
mod tombstone;
mod trees;
mod vcard;
mod voice;
mod welcome;

use std::sync::Arc;

use self::room::Room;
use crate::config::ServiceKind;
use crate::feature::{Ctx, Effects, Registry, Scope, Spec, Status};
use crate::ns;
use crate::router::{Counted, Session};
use crate::stanza::{Condition, IqKind, Message, MessageKind, Stanza, StanzaError};
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0045",
        name: "Multi-User Chat",
        version: "1.35.5",
        status: Status::Complete,
        note: "for the accounts of this server",
    });
    on.implements(Spec {
        id: "XEP-0249",
        name: "Direct MUC Invitations",
        version: "1.2",
        status: Status::Complete,
        note: "the clients' business; they pass",
    });
    trees::register(on);
    archive::register(on);
    discovery::register(on);
    moderation::register(on);
    register::register(on);
    self_ping::register(on);
    occupant_id::register(on);
    slow_mode::register(on);
    resume::register(on);
    account::register(on);
    expire::register(on);
    shutdown::register(on);
    vcard::register(on);
    hats::register(on);
    on.state(rooms::Rooms::default());
    on.entity(ServiceKind::Rooms, handle);
    on.iq(IqKind::Get, &[Scope::Room], (ns::MUC_ADMIN, "query"), admin::get);
    on.iq(IqKind::Set, &[Scope::Room], (ns::MUC_ADMIN, "query"), admin::set);
    on.iq(IqKind::Get, &[Scope::Room], (ns::MUC_OWNER, "query"), owner::get);
    on.iq(IqKind::Set, &[Scope::Room], (ns::MUC_OWNER, "query"), owner::set);
    on.session_ended(ended);
    on.presence_seen(seen);
    on.refresh(refresh);
    on.replay_groupchat(welcome::again);
}

/// A stanza for a room or an occupant.
async fn handle(
    cx: &Ctx,
    (stanza, counted): (Stanza, Option<Counted>),
) -> Result<Option<Element>, StanzaError> {
    match stanza {
        Stanza::Presence(presence) => presence::handle(cx, presence).await.map(|()| None),
        Stanza::Message(message) => handle_message(cx, message, counted).await.map(|()| None),
        Stanza::Iq(iq) => Ok(relay::handle(cx, iq).await),
    }
}

async fn handle_message(
    cx: &Ctx,
    message: Message,
    counted: Option<Counted>,
) -> Result<(), StanzaError> {
    let Some(to) = message.to.clone() else { return Ok(()) };
    if message.kind == MessageKind::Error {
        return private::error(cx, message).await;
    }
    let room = rooms::find(cx, &to.bare()).await?.ok_or(Condition::ItemNotFound)?;
    if !room.state().is_there_for(&message.from.bare()) {
        return Err(Condition::ItemNotFound.into());
    }
    match message.kind {
        MessageKind::Groupchat if to.is_bare() => message::say(cx, &room, message, counted).await,
        _ if !to.is_bare() => private::say(cx, &room, message, counted).await,
        // RFC 6121 §5.2.2: a headline asks for nothing.
        MessageKind::Headline => Ok(()),
        _ => errand(cx, &room, message.element(), counted).await,
    }
}

/// A message that the room itself is to do something about.
async fn errand(
    cx: &Ctx,
    room: &Arc<Room>,
    message: &Element,
    counted: Option<Counted>,
) -> Result<(), StanzaError> {
    if let Some(session) = &cx.session {
        // RFC 6120 §10.1: messages that were sent before are through before this is handled.
        session.inbound().idle().await;
    }
    run_errand(cx, room, message).await?;
    letter::kept(cx).await;
    if let Some(counted) = counted {
        counted.settle(false);
    }
    Ok(())
}

async fn run_errand(cx: &Ctx, room: &Arc<Room>, message: &Element) -> Result<(), StanzaError> {
    if let Some(errand) = invite::read(message)? {
        return invite::run(cx, room, message, errand).await;
    }
    let form = message.child(ns::DATA_FORMS, "x");
    // XEP-0004 §3.1: somebody does not want to answer; it is not said to which form.
    let is_cancelled = form.is_some_and(|form| form.attr("type") == Some("cancel"));
    let is_done = is_cancelled
        || voice::handle(cx, room, message).await?
        || register::decide(cx, room.jid(), message).await?;
    // §17.2: what is meant for all has its type.
    is_done.then_some(()).ok_or_else(|| Condition::BadRequest.into())
}

async fn ended(cx: &Ctx, session: Arc<Session>) -> Effects {
    leave::session_ended(cx, &session).await;
    relay::session_ended(cx, &session);
    Effects::none()
}

/// RFC 6121 §4.6.3: who is not available is in no room.
async fn seen(cx: &Ctx, session: Arc<Session>) -> Effects {
    if session.presence().is_none() {
        leave::session_ended(cx, &session).await;
    }
    Effects::none()
}

async fn refresh(cx: &Ctx, session: Arc<Session>) -> Effects {
    welcome::refresh(cx, &session).await
}
