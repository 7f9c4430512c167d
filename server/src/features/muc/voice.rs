//! XEP-0045 §7.13: a visitor asks for voice; §8.6: a moderator grants it.
//!
//! Our choices: those moderators are asked who are in the room; a request that nobody sees comes back,
//! as by the time somebody found it the visitor would be gone. Whoever has voice, or more, keeps it.

use super::affiliation::{Affiliation, Role};
use super::change::{self, Actor, Wanted, What};
use super::form::request::{self, Voice};
use super::nick::Nick;
use super::pair;
use super::room::{Room, State};
use super::rooms;
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::ns;
use crate::router::{Addressed, Session};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// Takes a request for voice, or what a moderator says to one; says whether the message was one of them.
///
/// # Errors
/// `not-acceptable` for who is not in the room; `forbidden` where nobody may ask, and for who is no
/// moderator; `item-not-found` if whoever asked is gone.
pub async fn handle(cx: &Ctx, room: &Room, message: &Element) -> Result<bool, StanzaError> {
    let Some(voice) = request::submitted(message)? else { return Ok(false) };
    let Some(session) = &cx.session else { return Ok(true) };
    match voice {
        Voice::Requested => ask(cx, &room.state(), session, message.attr("id"))?,
        Voice::Answered { nick, is_granted } => {
            answer(cx, room.jid(), session.account(), nick, is_granted).await?;
        }
    }
    Ok(true)
}

/// §8.6: to all moderators.
fn ask(cx: &Ctx, state: &State, session: &Session, id: Option<&str>) -> Result<(), StanzaError> {
    let own = state.at(session).ok_or_else(|| pair::stranger(state))?;
    if own.role >= Role::Participant {
        return Ok(());
    }
    if !state.config().allow_voice_requests {
        return Err(StanzaError::new(Condition::Forbidden)
            .with_text("Nobody may ask for voice in this room."));
    }
    let form = Element::new(ns::CLIENT, "message")
        .with_attr("from", state.jid.as_str())
        .with_attr_opt("id", id)
        .with_child(request::approval_form(session.jid().as_str(), &own.nick));
    let form = Addressed::event(&form, cx.server.clock.now());
    let mut is_asked = false;
    for (_, device) in state.devices().filter(|(other, _)| other.role == Role::Moderator) {
        device.tell(device.message(&form));
        is_asked = true;
    }
    match is_asked {
        true => Ok(()),
        false => Err(StanzaError::new(Condition::RecipientUnavailable)
            .with_text("There is no moderator in the room; ask again later.")),
    }
}

/// §8.6: what a moderator has decided.
async fn answer(
    cx: &Ctx,
    room: &BareJid,
    account: &BareJid,
    nick: Nick,
    is_granted: bool,
) -> Result<(), StanzaError> {
    let turn = rooms::turn(cx, room).await?.ok_or(Condition::ItemNotFound)?;
    let actor = Actor::of(&turn.state(), account);
    if actor.affiliation < Affiliation::Admin && actor.role < Role::Moderator {
        return Err(Condition::Forbidden.into());
    }
    let role = turn.state().occupants.get(nick.key()).map(|occupant| occupant.role);
    let role = role.ok_or(Condition::ItemNotFound)?;
    if !is_granted || role >= Role::Participant {
        return Ok(());
    }
    let what = What::Role(nick.key().clone(), Role::Participant);
    change::apply(cx, &turn, &actor, vec![Wanted { what, reason: None }]).await.map(drop)
}
