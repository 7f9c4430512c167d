//! Another role or affiliation for somebody (XEP-0045 §8, §9, §10), and what follows from it.
//!
//! Our choices: what is asked for together is done together or not at all. Who gains an affiliation
//! gains the role that comes with it; who loses that of an admin loses the moderator's role, too
//! (§5.1.3).

use std::collections::HashMap;

use super::affiliation::{Affiliation, Role};
use super::edit::Edit;
use super::follow_up;
use super::item::{self, Item};
use super::leave::{self, Removal};
use super::news::{self, Cause};
use super::nick::{Nick, NickKey};
use super::privileges::{Whom, default_role, may_change_affiliation, may_change_role};
use super::room::{State, Turn};
use super::status::Status;
use super::trees::Relation;
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::ns;
use crate::router::Addressed;
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// Who wants something changed.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Whose account it is; nobody's if it is the operator.
    pub account: Option<BareJid>,
    /// What he is to the room.
    pub affiliation: Affiliation,
    /// What he may do in it.
    pub role: Role,
    /// By which nickname others know him.
    pub nick: Option<String>,
}

impl Actor {
    /// The operator of the server, who may do everything.
    pub const OPERATOR: Self =
        Actor { account: None, affiliation: Affiliation::Owner, role: Role::Moderator, nick: None };

    /// An account as the room knows it.
    pub fn of(state: &State, account: &BareJid) -> Self {
        let highest = state.occupants.of(account).max_by_key(|own| own.role);
        Actor {
            account: Some(account.clone()),
            affiliation: state.affiliation(account),
            role: highest.map_or(Role::None, |own| own.role),
            nick: highest.map(|own| own.nick.as_str().to_owned()),
        }
    }
}

/// What is to be changed about somebody.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Who, and what from now on.
    pub what: What,
    /// Why.
    pub reason: Option<String>,
}

/// See [`Wanted`].
#[derive(Clone, Debug)]
pub enum What {
    /// The occupant of that nickname.
    Role(NickKey, Role),
    /// An account, with the nickname that it reserves from now on, if that is said (§9.5).
    Affiliation(BareJid, Affiliation, Option<Option<Nick>>),
}

/// What has become of an account.
#[derive(Clone, Debug)]
pub struct Changed {
    /// Whose affiliation it is.
    pub account: BareJid,
    /// What it was.
    pub from: Affiliation,
    /// What it is.
    pub to: Affiliation,
    /// Why.
    pub reason: Option<String>,
}

/// Changes roles and affiliations, all that is wanted or nothing, and tells the room. Says whose
/// affiliation is another now.
///
/// # Errors
/// As §8 and §9; `conflict` if nobody would own the room (§10.4).
pub async fn apply(
    cx: &Ctx,
    turn: &Turn,
    actor: &Actor,
    wanted: Vec<Wanted>,
) -> Result<Vec<Changed>, StanzaError> {
    apply_and(cx, turn, actor, wanted, || ()).await
}

/// The same; `done` runs when it is done, and before the room is told (§8.2: whoever wanted it is
/// informed of success first).
///
/// # Errors
/// As those of [`apply`].
pub async fn apply_and(
    cx: &Ctx,
    turn: &Turn,
    actor: &Actor,
    wanted: Vec<Wanted>,
    done: impl FnOnce(),
) -> Result<Vec<Changed>, StanzaError> {
    let (changed, edit) = plan(turn, actor, &wanted)?;
    let now = cx.server.clock.now();
    edit.commit(cx, |state| {
        done();
        for one in &wanted {
            let cause = Cause { actor: actor.nick.clone(), reason: one.reason.clone() };
            if let What::Role(nick, role) = &one.what {
                set_role(state, nick, *role, cause, now);
            }
        }
        for one in &changed {
            let cause = Cause { actor: actor.nick.clone(), reason: one.reason.clone() };
            follow(state, one, cause, now);
        }
        follow_up::bookmarks(cx, state, &changed);
    })
    .await?;
    Ok(changed)
}

fn plan<'t>(
    turn: &'t Turn,
    actor: &Actor,
    wanted: &[Wanted],
) -> Result<(Vec<Changed>, Edit<'t>), StanzaError> {
    let mut edit = Edit::of(turn);
    let mut changed = Vec::new();
    let mut nicks: HashMap<&NickKey, &BareJid> = HashMap::new();
    let had_owner = edit.owners() > 0;
    for one in wanted {
        match &one.what {
            What::Role(nick, role) => judge_role(&turn.state(), actor, nick, *role)?,
            What::Affiliation(account, to, nick) => {
                let from = edit.affiliation(account);
                let is_own = actor.account.as_ref() == Some(account);
                let whom = if is_own { Whom::Oneself } else { Whom::Other(from) };
                may_change_affiliation(actor.affiliation, whom, *to)?;
                if let Some(Some(nick)) = nick
                    && nicks.insert(nick.key(), account).is_some_and(|other| other != account)
                {
                    return Err(Condition::Conflict.into());
                }
                let old = turn.state().relations.get(account).cloned().unwrap_or_default();
                let relation = relation(&turn.state(), account, old, one, *to, nick.as_ref())?;
                edit.relate(account.clone(), relation);
                let reason = one.reason.clone();
                changed.push(Changed { account: account.clone(), from, to: *to, reason });
            }
        }
    }
    if had_owner && edit.owners() == 0 {
        // §10.4: "an implementation SHOULD NOT allow the last owner to be removed".
        return Err(StanzaError::new(Condition::Conflict)
            .with_text("Nobody would own the room; make somebody else its owner first."));
    }
    Ok((changed, edit))
}

fn judge_role(state: &State, actor: &Actor, nick: &NickKey, to: Role) -> Result<(), StanzaError> {
    if actor.role < Role::Moderator && actor.affiliation < Affiliation::Admin {
        // Before it is told who is there.
        return Err(Condition::Forbidden.into());
    }
    let occupant = state.occupants.get(nick).ok_or(Condition::ItemNotFound)?;
    let target = (state.affiliation(&occupant.account), occupant.role);
    may_change_role((actor.affiliation, actor.role), target, to)?;
    Ok(())
}

/// What an account is to the room from now on.
fn relation(
    state: &State,
    account: &BareJid,
    old: Relation,
    wanted: &Wanted,
    to: Affiliation,
    nick: Option<&Option<Nick>>,
) -> Result<Relation, StanzaError> {
    let own = match nick {
        None => old.nick,
        Some(None) => None,
        Some(Some(nick)) => {
            let other = state.registered(nick.key()).filter(|other| *other != account);
            if other.is_some() {
                return Err(Condition::Conflict.into());
            }
            Some(nick.as_str().to_owned())
        }
    };
    // §9.1: a ban takes the nickname away; who belongs to nothing reserves nothing.
    let own = own.filter(|_| to >= Affiliation::Member);
    let reason = wanted.reason.clone().filter(|_| to != Affiliation::None);
    // What is worn is as the room's admins have left it, but for who is banned.
    let hats = if to == Affiliation::Outcast { Vec::new() } else { old.hats };
    Ok(Relation { affiliation: to, nick: own, reason, hats })
}

/// Another role for an occupant; none is a kick (§8.2).
pub fn set_role(state: &mut State, nick: &NickKey, role: Role, cause: Cause, now: Timestamp) {
    let Some(occupant) = state.occupants.get_mut(nick) else { return };
    if role == Role::None {
        let removal = Removal { codes: vec![Status::Kicked], cause, beside: None };
        return leave::remove_occupant(state, nick, Vec::new(), removal, now);
    }
    occupant.role = role;
    news::announce(state, nick, cause, now);
}

/// What a new affiliation does to somebody in the room, and what others are told of it.
fn follow(state: &mut State, changed: &Changed, cause: Cause, now: Timestamp) {
    let nicks = state.occupants.nicks_of(&changed.account);
    if nicks.is_empty() && changed.from != changed.to {
        return tell_of_absent(state, changed, now);
    }
    for nick in nicks {
        let code = match changed.to {
            Affiliation::Outcast => Some(Status::Banned),
            to if state.config().members_only && to < Affiliation::Member => {
                Some(Status::RemovedByAffiliation)
            }
            _ => None,
        };
        if let Some(code) = code {
            let removal = Removal { codes: vec![code], cause: cause.clone(), beside: None };
            leave::remove_occupant(state, &nick, Vec::new(), removal, now);
            continue;
        }
        let role = default_role(changed.to, state.config());
        if let Some(occupant) = state.occupants.get_mut(&nick) {
            let loses = changed.from >= Affiliation::Admin && changed.to < Affiliation::Admin;
            // Who stays what he is stays without the voice that was taken from him, too.
            if changed.from != changed.to {
                occupant.role = if loses { role } else { role.max(occupant.role) };
            }
        }
        news::announce(state, &nick, cause.clone(), now);
    }
}

/// §9.3: occupants learn of somebody's affiliation who is not there, where they may know who that is:
/// clients encrypt to all members.
fn tell_of_absent(state: &State, changed: &Changed, now: Timestamp) {
    let item = Item {
        affiliation: changed.to,
        role: Some(Role::None),
        jid: Some(changed.account.as_str()),
        ..Item::default()
    };
    let message = Element::new(ns::CLIENT, "message")
        .with_attr("from", state.jid.as_str())
        .with_child(item::presence(item, &[]));
    let message = Addressed::event(&message, now);
    for (occupant, device) in state.devices() {
        if state.knows_addresses(occupant.role, state.affiliation(&occupant.account)) {
            device.tell(device.message(&message));
        }
    }
}
