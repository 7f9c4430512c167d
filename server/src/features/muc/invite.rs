//! XEP-0045 §7.8.2: invitations through the room, and what is answered to them.
//!
//! Our choices: an invitation is written to the account, so that one who is away finds it later. All
//! invitations of a message are sent, or none. In a room for members it makes a member of whom the
//! room did not know (§9.5): otherwise he would be invited to a closed door. Somebody who is banned is
//! not invited. The inviter is named by his account, in a semi-anonymous room by his nickname. Who
//! declines reaches those only who are in the room or belong to it, and is not told whether he did.

use std::sync::Arc;

use super::affiliation::Affiliation;
use super::change::{self, Actor, Wanted, What};
use super::pair::{self, addressed};
use super::room::{Room, State};
use super::{follow_up, item, letter, privileges, rooms};
use crate::feature::Ctx;
use crate::features::blocking;
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::Session;
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// Accounts that one message invites: as many as a conversation may have that goes on in a room.
const INVITED_MAX: usize = 50;

/// Bytes of a reason.
const REASON_MAX: usize = 1024;

/// Bytes of the id of a conversation that goes on; clients make theirs of random numbers.
const THREAD_MAX: usize = 256;

/// What a message to the room wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// §7.8.2: somebody is to be invited.
    Invite(Vec<Invitation>),
    /// §7.8.2: somebody who was invited does not come.
    Decline {
        /// Who had invited him.
        to: Jid,
        /// Why he does not come.
        reason: Option<String>,
    },
}

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Who is invited.
    pub to: BareJid,
    /// What is said to him.
    pub reason: Option<String>,
    /// §7.9: the conversation that goes on in the room; empty if it has no id.
    pub thread: Option<String>,
}

/// What a message to the room wants; nothing if it is about something else.
///
/// # Errors
/// `bad-request` or `jid-malformed`: it does not say whom; `policy-violation`: it is too large.
pub fn read(message: &Element) -> Result<Option<Errand>, StanzaError> {
    let Some(x) = message.child(ns::MUC_USER, "x") else { return Ok(None) };
    let invites = x.children().filter(|child| child.is(ns::MUC_USER, "invite"));
    let invites: Vec<_> = invites.map(read_invite).collect::<Result<_, _>>()?;
    if invites.len() > INVITED_MAX {
        return Err(too_large("An invitation may name 50 people; send several."));
    }
    if !invites.is_empty() {
        return Ok(Some(Errand::Invite(invites)));
    }
    let Some(decline) = x.child(ns::MUC_USER, "decline") else { return Ok(None) };
    Ok(Some(Errand::Decline { to: address(decline)?, reason: read_reason(decline)? }))
}

/// Does that for the context's session.
///
/// # Errors
/// §7.8.2: `not-acceptable` for who is not in the room, `forbidden` for who may not invite,
/// `item-not-found` for an account that is not there.
pub async fn run(
    cx: &Ctx,
    room: &Arc<Room>,
    message: &Element,
    errand: Errand,
) -> Result<(), StanzaError> {
    let Some(session) = &cx.session else { return Ok(()) };
    match errand {
        Errand::Invite(all) => invite(cx, room, session, message, &all).await,
        Errand::Decline { to, reason } => {
            decline(cx, room, session, message, &to, reason.as_deref()).await
        }
    }
}

/// Writes an invitation to an account, which has to be able to come.
///
/// # Errors
/// As [`letter::send`].
pub async fn send(
    cx: &Ctx,
    room: &Room,
    from: &Jid,
    invitation: &Invitation,
    of: Option<&Element>,
) -> Result<(), StanzaError> {
    let Invitation { to, reason, thread } = invitation;
    let invite = item::invite(from.as_str(), reason.as_deref(), thread.as_deref());
    let password = room.state().config().password.as_deref().map(item::password);
    let inside = item::user().with_child(invite).with_children(password);
    letter::send(cx, room.jid(), to, of, inside).await
}

async fn invite(
    cx: &Ctx,
    room: &Room,
    session: &Session,
    message: &Element,
    all: &[Invitation],
) -> Result<(), StanzaError> {
    let inviter = judge(&room.state(), session, all)?;
    for one in all {
        check_guest(cx, room.jid(), session.jid(), &one.to).await?;
    }
    if room.state().config().members_only {
        make_members(cx, room.jid(), session, all).await?;
    }
    for one in all {
        send(cx, room, &inviter, one, Some(message)).await?;
    }
    Ok(())
}

/// Whether somebody may invite these; under which address he does.
fn judge(state: &State, session: &Session, all: &[Invitation]) -> Result<Jid, StanzaError> {
    let own = state.at(session).ok_or_else(|| pair::stranger(state))?;
    let affiliation = state.affiliation(&own.account);
    if !privileges::may_invite(affiliation, own.role, state.config()) {
        return Err(StanzaError::new(Condition::Forbidden)
            .with_text("You may not invite others to this room; ask who owns it."));
    }
    if all.iter().any(|one| state.affiliation(&one.to) == Affiliation::Outcast) {
        return Err(StanzaError::new(Condition::NotAllowed)
            .with_text("Somebody who is banned from this room cannot be invited to it."));
    }
    Ok(match state.config().anonymous {
        true => state.address(&own.nick),
        false => Jid::from(own.account.clone()),
    })
}

/// Whether an account is there, may come, and wants to hear of who invites it.
async fn check_guest(
    cx: &Ctx,
    room: &BareJid,
    inviter: &Jid,
    to: &BareJid,
) -> Result<(), StanzaError> {
    if cx.server.serves(to.domain()) && !cx.server.may_use_rooms(room.domain(), to.domain()) {
        return Err(StanzaError::new(Condition::Forbidden)
            .with_text("Accounts of that domain may not use these rooms."));
    }
    let exists = to.local().is_some()
        && cx.server.serves(to.domain())
        && cx.server.accounts.exists(to).await?
        // XEP-0191 §3.3: he meets what he would meet if there was no such account.
        && !blocking::has_blocked(cx, to, inviter).await?;
    match exists {
        true => Ok(()),
        false => Err(StanzaError::new(Condition::ItemNotFound)
            .with_text("There is no such account; check the address.")),
    }
}

/// §9.5: whom the room does not know is a member from now on.
async fn make_members(
    cx: &Ctx,
    room: &BareJid,
    session: &Session,
    all: &[Invitation],
) -> Result<(), StanzaError> {
    let turn = rooms::turn(cx, room).await?.ok_or(Condition::ItemNotFound)?;
    // Something may have changed while nobody had the turn.
    judge(&turn.state(), session, all)?;
    let actor = Actor::of(&turn.state(), session.account());
    // He may invite; that is what makes the member.
    let actor = Actor { affiliation: actor.affiliation.max(Affiliation::Admin), ..actor };
    let is_new = |one: &&Invitation| turn.state().affiliation(&one.to) == Affiliation::None;
    let new: Vec<_> = all.iter().filter(is_new).map(|one| one.to.clone()).collect();
    let wanted = |account: BareJid| Wanted {
        what: What::Affiliation(account, Affiliation::Member, None),
        reason: None,
    };
    if !new.is_empty() {
        let wanted = new.into_iter().map(wanted).collect();
        let changed = change::apply(cx, &turn, &actor, wanted).await?;
        // They are invited by somebody already.
        follow_up::affiliations(cx, &turn, None, &changed).await;
    }
    Ok(())
}

async fn decline(
    cx: &Ctx,
    room: &Room,
    session: &Session,
    message: &Element,
    to: &Jid,
    reason: Option<&str>,
) -> Result<(), StanzaError> {
    if room.state().affiliation(session.account()) == Affiliation::Outcast {
        return Err(Condition::Forbidden.into());
    }
    let Some(inviter) = inviter(&room.state(), to) else { return Ok(()) };
    if blocking::has_blocked(cx, &inviter, session.jid()).await? {
        return Ok(());
    }
    let inside = item::user().with_child(item::decline(session.account().as_str(), reason));
    // Whoever declines is done with it, whether anybody learns of that or not.
    match letter::send(cx, room.jid(), &inviter, Some(message), inside).await {
        Err(error) if error.condition() == Condition::InternalServerError => Err(error),
        _ => Ok(()),
    }
}

/// The account of somebody who can have invited: it is in the room or belongs to it.
fn inviter(state: &State, to: &Jid) -> Option<BareJid> {
    if to.bare() == state.jid {
        return addressed(state, to).map(|occupant| occupant.account.clone());
    }
    let account = to.bare();
    let is_of_room = state.affiliation(&account) >= Affiliation::Member
        || state.occupants.of(&account).next().is_some();
    is_of_room.then_some(account)
}

fn read_invite(invite: &Element) -> Result<Invitation, StanzaError> {
    let goes_on = invite.child(ns::MUC_USER, "continue");
    let thread = goes_on.map(|it| it.attr("thread").unwrap_or_default().to_owned());
    if thread.as_ref().is_some_and(|thread| thread.len() > THREAD_MAX) {
        return Err(too_large("The id of a conversation may have 256 bytes."));
    }
    Ok(Invitation { to: address(invite)?.bare(), reason: read_reason(invite)?, thread })
}

fn address(of: &Element) -> Result<Jid, StanzaError> {
    Ok(Jid::parse(of.attr("to").ok_or(Condition::BadRequest)?)?)
}

fn read_reason(of: &Element) -> Result<Option<String>, StanzaError> {
    let reason = of.child(ns::MUC_USER, "reason").map(|reason| reason.text().into_owned());
    if reason.as_ref().is_some_and(|reason| reason.len() > REASON_MAX) {
        return Err(too_large("A reason may have 1024 bytes; say it in fewer words."));
    }
    Ok(reason)
}

fn too_large(text: &'static str) -> StanzaError {
    StanzaError::new(Condition::PolicyViolation).with_text(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    fn of(inside: &str) -> Result<Option<Errand>, Condition> {
        let xml = format!("<message><x xmlns='{}'>{inside}</x></message>", ns::MUC_USER);
        let message = Parser::within(ns::CLIENT).parse(xml.as_bytes()).unwrap();
        read(&message).map_err(|error| error.condition())
    }

    fn invitation(to: &str) -> Invitation {
        Invitation { to: BareJid::parse(to).unwrap(), reason: None, thread: None }
    }

    #[test]
    fn s7_9_one_message_may_invite_several() {
        let inside = "<invite to='hecate@localhost/broom'><reason>Hey</reason></invite>\
            <invite to='crone@localhost'><continue thread='e0ff'/></invite>\
            <invite to='hag@localhost'><continue/></invite>";
        let all = vec![
            Invitation { reason: Some("Hey".into()), ..invitation("hecate@localhost") },
            Invitation { thread: Some("e0ff".into()), ..invitation("crone@localhost") },
            Invitation { thread: Some(String::new()), ..invitation("hag@localhost") },
        ];
        assert_eq!(of(inside), Ok(Some(Errand::Invite(all))));
    }

    #[test]
    fn s7_8_2_a_refusal_names_who_invited() {
        let inside = "<decline to='coven@rooms.localhost/a'><reason>busy</reason></decline>";
        let to = Jid::parse("coven@rooms.localhost/a").unwrap();
        let errand = Errand::Decline { to, reason: Some("busy".into()) };
        assert_eq!(of(inside), Ok(Some(errand)));
    }

    #[test]
    fn what_names_nobody_or_is_too_large_is_refused() {
        assert_eq!(of("<invite/>"), Err(Condition::BadRequest));
        assert_eq!(of("<invite to='@'/>"), Err(Condition::JidMalformed));
        assert_eq!(of("<decline/>"), Err(Condition::BadRequest));
        let long = "x".repeat(REASON_MAX + 1);
        let invite = format!("<invite to='a@localhost'><reason>{long}</reason></invite>");
        assert_eq!(of(&invite), Err(Condition::PolicyViolation));
        let many = "<invite to='a@localhost'/>".repeat(INVITED_MAX + 1);
        assert_eq!(of(&many), Err(Condition::PolicyViolation));
    }

    #[test]
    fn a_message_about_something_else_is_no_errand() {
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("<status code='110'/>"), Ok(None));
        assert_eq!(read(&Element::new(ns::CLIENT, "message")), Ok(None));
    }
}
