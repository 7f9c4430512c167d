//! Two who are in a room, of whom one turns to the other alone (XEP-0045 §7.5, §17.4).
//!
//! Our choices: who is not in the room is told so whoever he asks for, and so learns nothing of who is
//! there (XEP-0410 §6). Whom somebody has blocked does not reach him through a room either: neither
//! under the address of an occupant that is on the list, nor under one whose owner is, where that is
//! no secret.

use super::nick::{Nick, NickKey};
use super::occupants::Occupant;
use super::room::State;
use crate::feature::Ctx;
use crate::features::blocking;
use crate::jid::{BareJid, Jid};
use crate::router::Session;
use crate::stanza::{Condition, ErrorType, StanzaError};

/// Who turns to whom.
#[derive(Clone, Debug)]
pub struct Pair {
    /// `room@service/nick` of the one.
    pub from: Jid,
    /// The nickname of the other.
    pub to: NickKey,
    /// Whose account the other one is.
    pub account: BareJid,
    /// Who the one is, if the other may know it.
    known_as: Option<Jid>,
}

impl Pair {
    /// Finds both: the one at a session, the other by address.
    ///
    /// # Errors
    /// `not-acceptable` if the first is not in the room; `item-not-found` if the second is not.
    pub fn of(state: &State, session: &Session, to: &Jid) -> Result<Self, StanzaError> {
        let own = state.at(session).ok_or_else(|| stranger(state))?;
        let other = addressed(state, to).ok_or(Condition::ItemNotFound)?;
        let knows = state.knows_addresses(other.role, state.affiliation(&other.account));
        Ok(Pair {
            from: state.address(&own.nick),
            to: other.nick.key().clone(),
            account: other.account.clone(),
            known_as: knows.then(|| session.jid().clone()),
        })
    }

    /// The other one, if he still is who he was.
    pub fn other<'s>(&self, state: &'s State) -> Option<&'s Occupant> {
        state.occupants.get(&self.to).filter(|other| other.account == self.account)
    }

    /// Whether the other one wants to hear of the first.
    ///
    /// # Errors
    /// `service-unavailable`, as XEP-0191 §3.3 has it; the store's.
    pub async fn check_blocked(&self, cx: &Ctx) -> Result<(), StanzaError> {
        for address in std::iter::once(&self.from).chain(&self.known_as) {
            if blocking::has_blocked(cx, &self.account, address).await? {
                return Err(Condition::ServiceUnavailable.into());
            }
        }
        Ok(())
    }
}

/// The occupant of an address.
pub fn addressed<'s>(state: &'s State, to: &Jid) -> Option<&'s Occupant> {
    let nick = Nick::parse(to.resource()?).ok()?;
    state.occupants.get(nick.key())
}

/// What somebody is told who is not in the room. Of one that is not configured yet he learns nothing
/// (§17.2).
pub fn stranger(state: &State) -> StanzaError {
    match state.stored.is_locked {
        true => Condition::ItemNotFound.into(),
        false => not_inside(),
    }
}

/// The same where it does not matter whether there is such a room.
pub fn not_inside() -> StanzaError {
    StanzaError::new(Condition::NotAcceptable)
        .with_type(ErrorType::Cancel)
        .with_text("You are not in the room.")
}
