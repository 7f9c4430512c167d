//! XEP-0045 §8.1: what the room is about.

use std::sync::Arc;

use super::affiliation::Role;
use super::edit::Edit;
use super::message::{self, Way};
use super::room::{Room, State};
use super::trees::Subject;
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::features::delay;
use crate::ns;
use crate::router::{Addressed, Counted, Pending, Session};
use crate::stanza::{Condition, Message, StanzaError};
use crate::xml::{Element, Parser};

/// Bytes of a subject: it is told to everybody who enters.
const SUBJECT_MAX: usize = 4096;

/// §8.1: a subject and no body; with a thread it is an ordinary message, too.
pub fn is_change(message: &Element) -> bool {
    message.has_child(ns::CLIENT, "subject")
        && !message.has_child(ns::CLIENT, "body")
        && !message.has_child(ns::CLIENT, "thread")
}

/// Changes the subject, for all and for those who come later.
///
/// # Errors
/// `not-acceptable` for who is no occupant, `forbidden` for who may not change it, `policy-violation`
/// for more than fits.
pub async fn change(
    cx: &Ctx,
    room: &Arc<Room>,
    message: Message,
    counted: Option<Counted>,
) -> Result<(), StanzaError> {
    let Some(session) = &cx.session else { return Ok(()) };
    let head = message.element().without_children();
    let pending = Pending::begin(session).await;
    let place = cx.server.archive.room(SUBJECT_MAX, cx.server.retention(room.jid())).await;
    let turn = room.turn().await;
    judge(&turn.state(), session, message.element())?;
    let mut element = message.into_element();
    // Nothing else is kept for those who come later.
    element.retain_children(|child| child.is(ns::CLIENT, "subject"));
    let message = Message::from_element(element).ok_or(Condition::BadRequest)?;
    let ready = message::reflected(&turn.state(), session, message)?;
    let mut edit = Edit::of(&turn);
    edit.stored().subject =
        Some(Subject { text: ready.element().to_xml(), at: cx.server.clock.now() });
    let way = Way { place, counted, pending: Some(pending), head: Some(head), told: None };
    edit.commit(cx, |_| message::send(cx, room, ready, way)).await
}

fn judge(state: &State, session: &Session, message: &Element) -> Result<(), StanzaError> {
    let occupant = state.at(session).ok_or(Condition::NotAcceptable)?;
    let least = match state.config().subject_change {
        true => Role::Participant,
        false => Role::Moderator,
    };
    if occupant.role < least {
        return Err(StanzaError::new(Condition::Forbidden)
            .with_text("Only moderators may change the subject of this room."));
    }
    let subjects = message.children().filter(|child| child.is(ns::CLIENT, "subject"));
    if subjects.map(|subject| subject.text().len()).sum::<usize>() > SUBJECT_MAX {
        return Err(StanzaError::new(Condition::PolicyViolation)
            .with_text("A subject may have 4096 bytes; say the rest in a message."));
    }
    Ok(())
}

/// §7.2.15: the subject as it is told to somebody who enters; an empty one if there is none.
pub fn for_newcomers(state: &State, now: Timestamp) -> Addressed {
    let set = state.stored.subject.as_ref();
    let read = |subject: &Subject| {
        let mut element = Parser::within(ns::CLIENT).parse(subject.text.as_bytes()).ok()?;
        delay::stamp(&mut element, state.jid.as_str(), subject.at);
        Some(element)
    };
    let element = set.and_then(read).unwrap_or_else(|| {
        Element::new(ns::CLIENT, "message")
            .with_attr("from", state.jid.as_str())
            .with_attr("type", "groupchat")
            .with_child(Element::new(ns::CLIENT, "subject"))
    });
    Addressed::new(&element, now)
}
