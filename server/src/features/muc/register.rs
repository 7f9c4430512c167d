//! XEP-0045 §7.10: registering with a room; §9.9: letting somebody; §7.12: the nickname that one has.
//!
//! Our choices: in a room that is open to all, registering makes a member and reserves a nickname at
//! once. In one for members, with a password or with moderation, who has entry and voice reserves his
//! so; a stranger's wish is written to its admins and owners, of whom one lets him in by sending back the form that he got. It is not kept by the room:
//! the form says all. To take a registration back (XEP-0077 §3.2) is to be no member any more, which
//! is how somebody leaves for good; admins and owners only lose the nickname.

use std::sync::Arc;

use super::admin::{self, address};
use super::affiliation::{Affiliation, Role};
use super::change::{self, Actor, Wanted, What};
use super::form::register::{self, Approval};
use super::nick::Nick;
use super::room::{Room, State, Turn};
use super::{follow_up, leave, letter, rooms};
use crate::feature::{Ctx, Registry, Reply, Scope};
use crate::jid::BareJid;
use crate::ns;
use crate::router::Session;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::xml::Element;

/// §7.12: the node of a room that tells it.
pub const RESERVED: &str = "x-roomuser-item";

/// Admins and owners who get one request: more would not decide faster.
const ASKED_MAX: usize = 20;

/// Rooms whose admins one session may ask. What comes after is refused until it logs in anew.
const WISHES_MAX: usize = 20;

/// Declares what belongs to it.
pub fn register(on: &mut Registry) {
    on.disco(&[Scope::Room], ns::REGISTER);
    on.iq(IqKind::Get, &[Scope::Room], (ns::REGISTER, "query"), get);
    on.iq(IqKind::Set, &[Scope::Room], (ns::REGISTER, "query"), set);
}

/// §7.10: what has to be filled in, or as whom one is registered.
async fn get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let room = rooms::find(cx, &address(&iq)?).await?.ok_or(Condition::ItemNotFound)?;
    let (state, account) = (room.state(), iq.from.bare());
    judge(&state, &account)?;
    let query = Element::new(ns::REGISTER, "query");
    let nick = state.relations.get(&account).and_then(|relation| relation.nick.as_deref());
    if let Some(nick) = nick {
        let name = Element::new(ns::REGISTER, "username").with_text(nick);
        let registered = Element::new(ns::REGISTER, "registered");
        return Ok(Reply::with(query.with_child(registered).with_child(name)));
    }
    let here = state.occupants.of(&account).next().map(|own| own.nick.as_str());
    let text = "Choose the nickname that shall be yours in this room.";
    let text = Element::new(ns::REGISTER, "instructions").with_text(text);
    Ok(Reply::with(query.with_child(text).with_child(register::form(here))))
}

/// §7.10: who may register at all.
fn judge(state: &State, account: &BareJid) -> Result<(), StanzaError> {
    let affiliation = state.affiliation(account);
    if state.stored.is_locked && affiliation < Affiliation::Owner {
        return Err(Condition::ItemNotFound.into());
    }
    match affiliation {
        Affiliation::Outcast => {
            Err(StanzaError::new(Condition::NotAllowed).with_text("You are banned from this room."))
        }
        _ => Ok(()),
    }
}

/// §7.10: somebody registers, or takes that back.
async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let query = iq.payload().ok_or(Condition::BadRequest)?;
    let turn = rooms::turn(cx, &address(&iq)?).await?.ok_or(Condition::ItemNotFound)?;
    let account = iq.from.bare();
    judge(&turn.state(), &account)?;
    if query.has_child(ns::REGISTER, "remove") {
        return remove(cx, turn, account).await;
    }
    let Some(nick) = register::submitted(query)? else { return Ok(Reply::empty()) };
    check_nick(&turn.state(), &account, &nick)?;
    let (affiliation, is_open) = {
        let state = turn.state();
        (state.affiliation(&account), is_open_to(&state, &account))
    };
    if affiliation == Affiliation::None && !is_open {
        let room = Arc::clone(&turn);
        drop(turn);
        return ask(cx, &room, &account, &nick).await;
    }
    let to = affiliation.max(Affiliation::Member);
    become_as(cx, turn, (account, to, Some(nick))).await
}

/// Whether somebody gets nothing by being a member that the room would not give him anyway: neither
/// entry, nor what its archive tells, nor voice.
fn is_open_to(state: &State, account: &BareJid) -> bool {
    let config = state.config();
    let role = state.occupants.of(account).map(|own| own.role).max().unwrap_or_default();
    !config.members_only
        && (config.password.is_none() || role > Role::None)
        && (!config.moderated || role >= Role::Participant)
}

/// §7.10: a nickname is reserved for one account, and nobody's who is just using it is taken away.
fn check_nick(state: &State, account: &BareJid, nick: &Nick) -> Result<(), StanzaError> {
    let user = state.occupants.get(nick.key()).map(|other| &other.account);
    let is_free = |other: Option<&BareJid>| other.is_none_or(|other| other == account);
    match is_free(user) && is_free(state.registered(nick.key())) {
        true => Ok(()),
        false => Err(Condition::Conflict.into()),
    }
}

/// XEP-0077 §3.2
async fn remove(cx: &Ctx, turn: Turn, account: BareJid) -> Result<Reply, StanzaError> {
    let to = match turn.state().affiliation(&account) {
        Affiliation::Admin => Affiliation::Admin,
        Affiliation::Owner => Affiliation::Owner,
        Affiliation::Member => Affiliation::None,
        _ => return Err(Condition::RegistrationRequired.into()),
    };
    become_as(cx, turn, (account, to, None)).await
}

/// An account has that affiliation and that nickname from now on, by its own will.
async fn become_as(
    cx: &Ctx,
    turn: Turn,
    (account, to, nick): (BareJid, Affiliation, Option<Nick>),
) -> Result<Reply, StanzaError> {
    let what = What::Affiliation(account.clone(), to, Some(nick));
    // It is the room's rule that lets him, and nobody's right.
    let wanted = vec![Wanted { what, reason: None }];
    let changed = change::apply(cx, &turn, &Actor::OPERATOR, wanted).await?;
    let room = Arc::clone(&turn);
    leave::close_empty(cx, turn).await?;
    follow_up::affiliations(cx, &room, Some(&account), &changed).await;
    Ok(Reply::empty())
}

/// On a session: the rooms whose admins it has asked. They are not asked twice.
#[derive(Default)]
struct Wishes(Vec<BareJid>);

impl Wishes {
    /// Whether it is a new one.
    fn note(&mut self, room: &BareJid) -> Result<bool, StanzaError> {
        if self.0.contains(room) {
            return Ok(false);
        }
        if self.0.len() >= WISHES_MAX {
            return Err(StanzaError::new(Condition::ResourceConstraint)
                .with_text("You have asked to be let into many rooms; wait for an answer."));
        }
        self.0.push(room.clone());
        Ok(true)
    }
}

/// §9.9: admins and owners are asked to let somebody in.
async fn ask(cx: &Ctx, room: &Room, who: &BareJid, nick: &Nick) -> Result<Reply, StanzaError> {
    let Some(session) = &cx.session else { return Ok(Reply::empty()) };
    if !note(session, room.jid())? {
        return Ok(Reply::empty());
    }
    let admins = admins(&room.state());
    for admin in admins {
        let id = cx.server.stream_id();
        let of = Element::new(ns::CLIENT, "message").with_attr("id", id);
        let form = register::approval_form(who, nick);
        if let Err(error) = letter::send(cx, room.jid(), &admin, Some(&of), form).await {
            // Another one decides.
            tracing::debug!(condition = error.condition().as_str(), "an admin is not asked");
        }
    }
    letter::kept(cx).await;
    Ok(Reply::empty())
}

fn note(session: &Session, room: &BareJid) -> Result<bool, StanzaError> {
    session.slots().with(|wishes: &mut Wishes| wishes.note(room))
}

fn admins(state: &State) -> Vec<BareJid> {
    let owners = state.affiliated(Affiliation::Owner);
    let all = owners.chain(state.affiliated(Affiliation::Admin));
    all.take(ASKED_MAX).map(|(account, _)| account.clone()).collect()
}

/// §9.9: an admin has decided about a request; says whether the message was about one.
///
/// # Errors
/// `forbidden` for who is no admin; `item-not-found`: the account is no more; `conflict`: somebody has
/// the nickname meanwhile; `not-allowed`: the account was banned meanwhile.
pub async fn decide(cx: &Ctx, room: &BareJid, message: &Element) -> Result<bool, StanzaError> {
    let Some(approval) = register::approval(message)? else { return Ok(false) };
    let Some(session) = &cx.session else { return Ok(true) };
    let Approval { who, nick, is_allowed } = approval;
    let turn = rooms::turn(cx, room).await?.ok_or(Condition::ItemNotFound)?;
    let actor = Actor::of(&turn.state(), session.account());
    if actor.affiliation < Affiliation::Admin {
        return Err(Condition::Forbidden.into());
    }
    if !is_allowed {
        return Ok(true);
    }
    judge(&turn.state(), &who)?;
    check_nick(&turn.state(), &who, &nick)?;
    let to = turn.state().affiliation(&who).max(Affiliation::Member);
    admin::check_account(cx, room, &who, to).await?;
    let what = What::Affiliation(who, to, Some(Some(nick)));
    let changed = change::apply(cx, &turn, &actor, vec![Wanted { what, reason: None }]).await?;
    let room = Arc::clone(&turn);
    drop(turn);
    follow_up::affiliations(cx, &room, Some(session.account()), &changed).await;
    Ok(true)
}

/// §7.12: the nickname that is reserved for an account, as disco#info of [`RESERVED`] tells it.
pub fn reserved(state: &State, account: &BareJid) -> Option<Element> {
    let nick = state.relations.get(account)?.nick.as_deref()?;
    let identity = Element::new(ns::DISCO_INFO, "identity")
        .with_attr("category", "conference")
        .with_attr("type", "text")
        .with_attr("name", nick);
    Some(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_9_admins_are_asked_once_by_one_session() {
        let room = |number: usize| BareJid::parse(&format!("r{number}@rooms.localhost")).unwrap();
        let mut wishes = Wishes::default();
        for number in 0..WISHES_MAX {
            assert_eq!(wishes.note(&room(number)), Ok(true));
            assert_eq!(wishes.note(&room(number)), Ok(false));
        }
        assert!(wishes.note(&room(WISHES_MAX)).is_err());
    }
}
