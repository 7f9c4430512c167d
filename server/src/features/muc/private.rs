//! XEP-0045 §7.5: what an occupant says to another one alone.
//!
//! Our choices: every device of the other one gets it, at its place among what the first says to all;
//! no archive has it. Somebody's words must not be lost, so it travels as a message and not as what
//! a room tells, which may be left out: if all of these devices lose it before it was written, it is
//! for the account, as other messages are, and its next client shows whom it is from. Until then they
//! share one count, so that nobody gets it twice.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::outbox::Said;
use super::pair::Pair;
use super::privileges::{self, RolePrivilege};
use super::removal;
use super::room::{Room, State};
use super::{occupant_id, sanitize};
use crate::feature::Ctx;
use crate::jid::Jid;
use crate::ns;
use crate::router::{
    Addressed, Copies, Counted, Handed, Parcel, Pending, Session, answer_to, hand_over,
};
use crate::stanza::{Condition, Message, MessageKind, StanzaError, error_answer};
use crate::xml::Element;

/// For whom alone something is that was said, and who has to know if it does not arrive.
#[derive(Debug)]
pub struct Private {
    cx: Ctx,
    pair: Pair,
    /// Addresses, id and type as they were sent.
    head: Element,
}

/// Says something to one occupant.
///
/// # Errors
/// §7.5: `bad-request` for what is meant for all, `not-acceptable` for who is no occupant,
/// `item-not-found` if nobody has the nickname; `forbidden` if the room does not allow it.
pub async fn say(
    cx: &Ctx,
    room: &Arc<Room>,
    message: Message,
    counted: Option<Counted>,
) -> Result<(), StanzaError> {
    let (Some(session), Some(to)) = (&cx.session, message.to.clone()) else { return Ok(()) };
    let pair = judge(&room.state(), session, &to, message.kind)?;
    pair.check_blocked(cx).await?;
    let pending = Pending::begin(session).await;
    let head = message.element().without_children();
    let state = room.state();
    // Once more: somebody may have gone meanwhile.
    let pair = judge(&state, session, &to, message.kind)?;
    let message = reflected(&state, session, message, cx.server.clock.now())?;
    let only = Some(Private { cx: cx.clone(), pair, head });
    let said = Said { message, number: None, pending: Some(pending), only };
    let (room, server) = (Arc::clone(room), Arc::clone(&cx.server));
    // It must not overtake what is being stored.
    cx.server.archive.pass(move || {
        if let Some(counted) = counted {
            counted.settle(false);
        }
        room.say(&server, said);
    });
    drop(state);
    Ok(())
}

fn judge(
    state: &State,
    session: &Session,
    to: &Jid,
    kind: MessageKind,
) -> Result<Pair, StanzaError> {
    let pair = Pair::of(state, session, to)?;
    if kind == MessageKind::Groupchat {
        return Err(Condition::BadRequest.into());
    }
    let role = state.at(session).map(|own| own.role).unwrap_or_default();
    match privileges::may(role, RolePrivilege::SendPrivateMessages, state.config()) {
        true => Ok(pair),
        false => Err(StanzaError::new(Condition::Forbidden)
            .with_text("This room does not let you send private messages.")),
    }
}

/// The message as the other one gets it.
fn reflected(
    state: &State,
    session: &Session,
    message: Message,
    now: crate::clock::Timestamp,
) -> Result<Addressed, StanzaError> {
    let own = state.at(session).ok_or(Condition::NotAcceptable)?;
    let mut element = message.into_element();
    sanitize::message(&mut element, &state.jid);
    element.set_attr("from", state.address(&own.nick).as_str());
    element.push_child(Element::new(ns::MUC_USER, "x"));
    element.push_child(occupant_id::element(&own.id));
    Ok(Addressed::new(&element, now))
}

impl Private {
    /// Hands it to all devices of the one whom it is for.
    pub fn hand_over(&self, state: &State, message: &Addressed) {
        let other = self.pair.other(state);
        let devices = other.map_or(&[][..], |other| &other.devices);
        let copies = Copies::new(devices.len());
        let mut is_lost = devices.is_empty();
        for device in devices {
            let parcel = Parcel { copies: Some(copies.clone()), ..device.message(message) };
            self.note(&device.session);
            if hand_over(&device.session, [parcel]) == Handed::Gone {
                is_lost = copies.lose();
            }
        }
        if is_lost && let Some(answer) = error_answer(&self.head, &Condition::ItemNotFound.into()) {
            answer_to(&self.cx, &answer);
        }
    }

    /// So that an error finds back.
    fn note(&self, session: &Session) {
        let id = self.head.attr("id").filter(|id| id.len() <= ID_MAX);
        let (Some(id), Some(sender)) = (id, &self.cx.session) else { return };
        let heard = Heard {
            from: self.pair.from.clone(),
            id: id.into(),
            to: self.head.attr("to").unwrap_or_default().into(),
            sender: Arc::downgrade(sender),
        };
        session.slots().with(|all: &mut AllHeard| all.add(heard));
    }
}

/// What one session remembers of private messages to it: an error follows at once, if it does.
const HEARD_MAX: usize = 16;

/// Bytes of an id that is remembered. Those that clients make have about forty.
const ID_MAX: usize = 128;

/// On a session: private messages that its client got last.
#[derive(Default)]
struct AllHeard(VecDeque<Heard>);

struct Heard {
    /// From which occupant.
    from: Jid,
    /// Under which id.
    id: Box<str>,
    /// To which occupant.
    to: Box<str>,
    /// Who sent it.
    sender: Weak<Session>,
}

impl AllHeard {
    fn add(&mut self, heard: Heard) {
        if self.0.len() >= HEARD_MAX {
            self.0.pop_front();
        }
        self.0.push_back(heard);
    }

    fn take(&mut self, from: &Jid, id: &str) -> Option<Heard> {
        let index = self.0.iter().position(|heard| heard.from == *from && &*heard.id == id)?;
        self.0.remove(index)
    }
}

/// A client answers with an error what it got from the room, or from somebody in it. That goes back
/// to whoever said it to this client alone; what was said to all has nobody who waits for it.
///
/// # Errors
/// The store's.
pub async fn error(cx: &Ctx, message: Message) -> Result<(), StanzaError> {
    let (Some(session), Some(to)) = (&cx.session, message.to.clone()) else { return Ok(()) };
    let is_gone = says_gone(message.element());
    let id = message.element().attr("id").unwrap_or_default();
    if let Some(heard) = session.slots().with(|all: &mut AllHeard| all.take(&to, id)) {
        give_back(cx, message, &heard);
    }
    match is_gone {
        true => removal::after_error(cx, &to.bare(), session).await,
        false => Ok(()),
    }
}

fn give_back(cx: &Ctx, error: Message, heard: &Heard) {
    let Some(sender) = heard.sender.upgrade() else { return };
    let mut element = error.into_element();
    sanitize::message(&mut element, &heard.from.bare());
    element.set_attr("from", &*heard.to);
    element.set_attr("to", sender.jid().as_str());
    if let Some(error) = element.child_mut(ns::CLIENT, "error") {
        // It would be the client's own address.
        error.remove_attr("by");
    }
    // Whoever is gone does not wait for it.
    let _ = hand_over(&sender, [Parcel::new(&element, cx.server.clock.now())]);
}

/// §18.1.2: the errors by which somebody is known to be no more where he entered from.
fn says_gone(error: &Element) -> bool {
    const GONE: [Condition; 6] = [
        Condition::Gone,
        Condition::ItemNotFound,
        Condition::RecipientUnavailable,
        Condition::Redirect,
        Condition::RemoteServerNotFound,
        Condition::RemoteServerTimeout,
    ];
    let error = error.child(ns::CLIENT, "error");
    error.is_some_and(|error| GONE.iter().any(|is| error.has_child(ns::STANZAS, is.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    fn error(condition: &str) -> Element {
        let xml = format!(
            "<message type='error'><error type='cancel'><{condition} \
             xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        );
        Parser::within(ns::CLIENT).parse(xml.as_bytes()).unwrap()
    }

    #[test]
    fn ghosts_are_known_by_the_errors_that_the_text_names() {
        for gone in ["gone", "item-not-found", "recipient-unavailable", "remote-server-timeout"] {
            assert!(says_gone(&error(gone)), "{gone}");
        }
        for not in ["not-allowed", "service-unavailable", "policy-violation", "conflict"] {
            assert!(!says_gone(&error(not)), "{not}");
        }
        assert!(!says_gone(&Element::new(ns::CLIENT, "message")));
    }

    #[test]
    fn the_last_private_messages_are_remembered_and_each_answered_once() {
        let from = Jid::parse("coven@rooms.localhost/firstwitch").unwrap();
        let mut all = AllHeard::default();
        for id in 0..=HEARD_MAX {
            let (id, to) = (id.to_string().into(), "coven@rooms.localhost/b".into());
            all.add(Heard { from: from.clone(), id, to, sender: Weak::new() });
        }
        assert!(all.take(&from, "0").is_none());
        let other = Jid::parse("coven@rooms.localhost/thirdwitch").unwrap();
        assert!(all.take(&other, "1").is_none());
        assert!(all.take(&from, "1").is_some());
        assert!(all.take(&from, "1").is_none());
    }
}
