//! XEP-0045 §7.4: what an occupant says to all.
//!
//! Our choices: it is judged and gets its place in the room's archive in one moment, so that what was
//! said before somebody lost his voice is said, and what came after is not. It is told to the others
//! when it is on the disk. What no archive keeps, such as who is typing, keeps its place among the
//! rest.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::affiliation::Role;
use super::occupants::Occupant;
use super::outbox::Said;
use super::retraction::Wish;
use super::room::{Room, State};
use super::stored::{self, Author, Reflected};
use super::{archive, occupant_id, sanitize, slow_mode, subject};
use crate::archive::{Entry, Retention};
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::features::mam::policy;
use crate::jid::BareJid;
use crate::router::{Addressed, Counted, ParcelKind, Pending, Weight, answer_to, weigh};
use crate::stanza::{Condition, Message, StanzaError, error_answer};
use crate::store::StoreError;
use crate::xml::{Element, Step};

/// A message that has been judged: what goes to the archive, and to all.
pub struct Ready {
    /// For the archive, with who said it; without, if nobody keeps it.
    text: Option<Bytes>,
    /// As everybody gets it.
    element: Element,
    weight: Weight,
    /// What its author has unsaid by it.
    wish: Option<(Wish, BareJid)>,
}

impl Ready {
    /// A message in the room's name, or in that of an occupant; it is complete but for its `to`.
    pub fn new(state: &State, element: Element, author: Option<&Author>) -> Self {
        let is_kept = state.config().archive && policy::keeps_groupchat(&element);
        let text = is_kept.then(|| stored::text(element.clone(), author));
        let weight = weigh(&element);
        let wish = author.and_then(|author| Some((Wish::read(&element)?, author.jid.clone())));
        Ready { text, element, weight, wish }
    }

    /// As everybody gets it.
    pub fn element(&self) -> &Element {
        &self.element
    }
}

/// Says something in a room.
///
/// # Errors
/// §7.4: `not-acceptable` for who is no occupant, `forbidden` without voice.
pub async fn say(
    cx: &Ctx,
    room: &Arc<Room>,
    message: Message,
    counted: Option<Counted>,
) -> Result<(), StanzaError> {
    let Some(session) = &cx.session else { return Ok(()) };
    if subject::is_change(message.element()) {
        return subject::change(cx, room, message, counted).await;
    }
    let pending = Pending::begin(session).await;
    let size = size(message.element());
    let place = cx.server.archive.room(size, cx.server.retention(room.jid())).await;
    let head = message.element().without_children();
    let mut state = room.state();
    let now = cx.server.clock.now();
    let occupant = state.at_mut(session).ok_or(Condition::NotAcceptable)?;
    if occupant.role < Role::Participant {
        return Err(StanzaError::new(Condition::Forbidden)
            .with_text("You have no voice in this room; ask a moderator for it."));
    }
    slow_mode::judge(&mut state, session, &message, now)?;
    let ready = reflected(&state, session, message)?;
    let way = Way { place, counted, pending: Some(pending), head: Some(head), told: None };
    send(cx, room, ready, way);
    drop(state);
    Ok(())
}

/// About how many bytes a message takes in the queue of the archive: what is longer than its tags is
/// text and attributes.
fn size(message: &Element) -> usize {
    let step = |step: Step<'_>| match step {
        Step::Text(text) => text.len(),
        Step::Open(element) => {
            let attributes = element.attributes().map(|it| it.name().len() + it.value().len() + 4);
            2 * element.name().len() + element.ns().len() + 16 + attributes.sum::<usize>()
        }
        Step::Close(_) => 0,
    };
    // With what the room adds: who said it, and under which id.
    message.walk().map(step).sum::<usize>() + 512
}

/// The message as the room says it on.
pub fn reflected(
    state: &State,
    session: &crate::router::Session,
    message: Message,
) -> Result<Ready, StanzaError> {
    let occupant = state.at(session).ok_or(Condition::NotAcceptable)?;
    let mut element = message.into_element();
    sanitize::message(&mut element, &state.jid);
    element.remove_attr("to");
    element.set_attr("from", state.address(&occupant.nick).as_str());
    element.push_child(occupant_id::element(&occupant.id));
    Ok(Ready::new(state, element, Some(&author(state, occupant))))
}

/// Who says something.
pub fn author(state: &State, occupant: &Occupant) -> Author {
    Author {
        affiliation: state.affiliation(&occupant.account),
        role: occupant.role,
        jid: occupant.account.clone(),
    }
}

/// How a message goes on its way.
pub struct Way {
    /// Its place in the queue of the archive.
    pub place: crate::archive::Room,
    /// Which stanza of its sender's stream it is.
    pub counted: Option<Counted>,
    /// Its sender waits until it is through.
    pub pending: Option<Pending>,
    /// What of it is needed to tell its sender that it cannot be kept.
    pub head: Option<Element>,
    /// Who is told its number when it is kept, and nothing if it is not.
    pub told: Option<oneshot::Sender<u64>>,
}

/// Gives a message its place, and has it told to all as soon as it is kept. To be called while the
/// state is locked in which it was judged; it does not wait.
pub fn send(cx: &Ctx, room: &Arc<Room>, ready: Ready, way: Way) {
    let Way { place, counted, pending, head, told } = way;
    let (cx, room) = (cx.clone(), Arc::clone(room));
    let server = Arc::clone(&cx.server);
    let retention = server.retention(room.jid());
    let Some(text) = ready.text.filter(|_| retention > Retention::Nothing) else {
        let message = Addressed::groupchat(&ready.element, None, server.clock.now());
        let kept = server.archive.clone();
        kept.pass(move || {
            settle(counted, false);
            room.say(&server, Said { message, number: None, pending, only: None });
        });
        return;
    };
    let handled = counted.as_ref().and_then(Counted::handled);
    let entry = Entry { handled, ..archive::entry(room.jid(), text.clone(), retention) };
    let kept = server.archive.clone();
    let (weight, wish) = (ready.weight, ready.wish);
    kept.append(place, entry, move |done| match done {
        Ok(number) => {
            settle(counted, true);
            let message = live(&room, &text, number, weight);
            room.say(&server, Said { message, number: Some(number), pending, only: None });
            // Whoever asked may have gone.
            if let Some(told) = told {
                told.send(number).unwrap_or_default();
            }
            if let Some((wish, account)) = wish {
                let retract =
                    async move { wish.carry_out(&cx, room.jid(), &account, number).await };
                server.runtime.spawn(retract);
            }
        }
        Err(error) => {
            settle(counted, false);
            refuse(&cx, head, error);
        }
    });
}

/// An archived message as it is told to all.
fn live(room: &Room, text: &Bytes, number: u64, weight: Weight) -> Addressed {
    // What was just written has its parts.
    let tail = Reflected::of(text).map(|it| it.live(room.jid(), number)).unwrap_or_default();
    Addressed::written("message", tail, ParcelKind::Groupchat, weight, Timestamp(number))
        .numbered(Some(number))
}

fn settle(counted: Option<Counted>, is_kept: bool) {
    if let Some(counted) = counted {
        counted.settle(is_kept);
    }
}

/// It could not be kept, so nobody was told.
fn refuse(cx: &Ctx, head: Option<Element>, error: StoreError) {
    let answer = head.and_then(|head| error_answer(&head, &error.into()));
    if let Some(answer) = answer {
        answer_to(cx, &answer);
    }
}
