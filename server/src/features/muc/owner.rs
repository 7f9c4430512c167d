//! XEP-0045 §10: configuring and destroying a room (`muc#owner`).

use std::sync::Arc;

use super::admin::address;
use super::affiliation::{Affiliation, Role};
use super::change::{self, Actor, Changed, Wanted, What};
use super::config::Config;
use super::destroy::{self, Farewell};
use super::edit::Edit;
use super::form::roomconfig::{self, Answer, Change, FormLimits};
use super::leave::{self, Removal};
use super::news::{self, Cause};
use super::nick::NickKey;
use super::room::{State, Turn};
use super::status::{self, Status};
use super::{follow_up, item, rooms};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Reply};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::Addressed;
use crate::stanza::{Condition, Iq, StanzaError};
use crate::xml::Element;

/// Bytes of what is said as a room is destroyed.
const REASON_MAX: usize = 1024;

/// With more people than that, nobody is told again who everybody is when addresses become visible:
/// whoever asks or enters learns it.
const RETOLD_MAX: usize = 100;

/// §10.2: the present configuration, as a form.
pub async fn get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let room = rooms::find(cx, &address(&iq)?).await?.ok_or(Condition::ItemNotFound)?;
    let state = room.state();
    check_owner(&state, &iq)?;
    let list = |of| {
        let mut all: Vec<_> = state.affiliated(of).map(|(account, _)| account.clone()).collect();
        all.sort();
        all
    };
    let (owners, admins) = (list(Affiliation::Owner), list(Affiliation::Admin));
    let form = roomconfig::form(state.config(), &owners, &admins, limits(cx));
    Ok(Reply::with(Element::new(ns::MUC_OWNER, "query").with_child(form)))
}

/// Whether somebody may do what only owners do.
///
/// # Errors
/// `forbidden`, `item-not-found`.
pub fn check_owner(state: &State, iq: &Iq) -> Result<(), StanzaError> {
    match state.affiliation(&iq.from.bare()) {
        Affiliation::Owner => Ok(()),
        // A room that nobody has configured is not there for others (§10.1.1).
        _ if state.stored.is_locked => Err(Condition::ItemNotFound.into()),
        _ => Err(Condition::Forbidden.into()),
    }
}

/// §10.1.2, §10.1.3, §10.2 and §10.9: a form that was filled in, or the end.
pub async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let query = iq.payload().ok_or(Condition::BadRequest)?;
    let turn = rooms::turn(cx, &address(&iq)?).await?.ok_or(Condition::ItemNotFound)?;
    check_owner(&turn.state(), &iq)?;
    if let Some(destroy) = query.child(ns::MUC_OWNER, "destroy") {
        let farewell = read_farewell(destroy)?;
        let members = destroy::destroy(cx, &turn, &farewell).await?;
        follow_up::destroyed(cx, turn.jid(), &members).await;
        return Ok(Reply::empty());
    }
    let present = turn.state().config().clone();
    match roomconfig::submitted(query, &present, limits(cx))? {
        Answer::Cancelled => cancel(cx, &turn).await?,
        Answer::Changed(change) => submit(cx, turn, &iq, *change).await?,
    }
    Ok(Reply::empty())
}

/// §10.1.3: a room that was never configured is no more; any other one stays as it is.
async fn cancel(cx: &Ctx, turn: &Turn) -> Result<(), StanzaError> {
    let is_locked = turn.state().stored.is_locked;
    if is_locked {
        destroy::destroy(cx, turn, &Farewell::default()).await?;
    }
    Ok(())
}

/// What the server allows a room to be.
pub fn limits(cx: &Ctx) -> FormLimits {
    let most = cx.server.config().limits.room_occupants;
    FormLimits { max_users: u32::try_from(most).unwrap_or(u32::MAX) }
}

async fn submit(cx: &Ctx, turn: Turn, iq: &Iq, change: Change) -> Result<(), StanzaError> {
    let Change { config, owners, admins } = change;
    let was_locked = turn.state().stored.is_locked;
    let actor = Actor::of(&turn.state(), &iq.from.bare());
    let wanted = lists(&turn.state(), owners, admins);
    for one in &wanted {
        if let What::Affiliation(account, to, _) = &one.what {
            super::admin::check_account(cx, turn.jid(), account, *to).await?;
        }
    }
    let room = Arc::clone(&turn);
    let changed = configure(cx, &turn, &actor, config, wanted).await?;
    if was_locked {
        follow_up::opened(cx, &room).await;
    }
    leave::close_empty(cx, turn).await?;
    follow_up::affiliations(cx, &room, Some(&iq.from.bare()), &changed).await;
    Ok(())
}

/// What the form says of owners and admins, as changes: who is not in a list any more is a member.
fn lists(state: &State, owners: Option<Vec<BareJid>>, admins: Option<Vec<BareJid>>) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let both = [(Affiliation::Owner, owners), (Affiliation::Admin, admins)];
    let mut named: Vec<BareJid> = Vec::new();
    for (affiliation, list) in both {
        let Some(list) = list else { continue };
        let gone = state.affiliated(affiliation).map(|(account, _)| account.clone());
        let gone = gone.filter(|account| !list.contains(account));
        wanted.extend(gone.map(|account| (account, Affiliation::Member)));
        for account in list {
            if !named.contains(&account) {
                named.push(account.clone());
                wanted.retain(|(other, _)| *other != account);
                if state.affiliation(&account) != affiliation {
                    wanted.push((account, affiliation));
                }
            }
        }
    }
    let change =
        |(account, to)| Wanted { what: What::Affiliation(account, to, None), reason: None };
    wanted.into_iter().map(change).collect()
}

/// Gives a room another configuration, and tells its people.
///
/// # Errors
/// As [`change::apply`].
pub async fn configure(
    cx: &Ctx,
    turn: &Turn,
    actor: &Actor,
    config: Config,
    wanted: Vec<Wanted>,
) -> Result<Vec<Changed>, StanzaError> {
    let changed = change::apply(cx, turn, actor, wanted).await?;
    let mut edit = Edit::of(turn);
    let stored = edit.stored();
    let was_locked = std::mem::replace(&mut stored.is_locked, false);
    let old = std::mem::replace(&mut stored.config, config);
    let now = cx.server.clock.now();
    edit.commit(cx, |state| follow(state, &old, was_locked, now)).await?;
    Ok(changed)
}

/// What another configuration means for those who are in the room.
fn follow(state: &mut State, old: &Config, was_locked: bool, now: Timestamp) {
    let nicks: Vec<NickKey> = state.occupants.iter().map(|it| it.nick.key().clone()).collect();
    let new = state.config().clone();
    for nick in nicks {
        let Some(occupant) = state.occupants.get_mut(&nick) else { continue };
        let account = occupant.account.clone();
        if old.moderated && !new.moderated && occupant.role == Role::Visitor {
            // Everybody has voice where nobody is asked to give it. Where that was so before, it was
            // taken from him.
            occupant.role = Role::Participant;
            news::announce(state, &nick, Cause::default(), now);
        }
        if new.members_only && state.affiliation(&account) < Affiliation::Member {
            // §10.2: "the service MUST remove from the room any non-members".
            let codes = vec![Status::RemovedAsNonMember];
            let removal = Removal { codes, ..Removal::default() };
            leave::remove_occupant(state, &nick, Vec::new(), removal, now);
        } else if new.anonymous != old.anonymous {
            news::refresh(state, &nick, now);
        }
    }
    if !was_locked && *old != new {
        // §10.2.1: what it means for privacy, or that there is something new.
        tell_statuses(state, &status::of_change(old, &new), now);
    }
    if old.anonymous && !new.anonymous && state.occupants.len() <= RETOLD_MAX {
        let nicks: Vec<NickKey> = state.occupants.iter().map(|it| it.nick.key().clone()).collect();
        nicks.iter().for_each(|nick| news::announce(state, nick, Cause::default(), now));
    }
}

/// Tells everybody in the room something in its own name.
pub fn tell_statuses(state: &State, statuses: &[Status], now: Timestamp) {
    let message = Element::new(ns::CLIENT, "message")
        .with_attr("from", state.jid.as_str())
        .with_attr("type", "groupchat")
        .with_child(item::statuses(statuses));
    let message = Addressed::event(&message, now);
    for (_, device) in state.devices() {
        device.tell(device.message(&message));
    }
}

fn read_farewell(destroy: &Element) -> Result<Farewell, StanzaError> {
    let text = |name| destroy.child(ns::MUC_OWNER, name).map(|child| child.text().into_owned());
    let farewell = Farewell {
        alternate: match destroy.attr("jid").filter(|jid| !jid.is_empty()) {
            Some(jid) => Some(Jid::parse(jid)?.bare()),
            None => None,
        },
        password: text("password"),
        reason: text("reason"),
    };
    let said = farewell.password.iter().chain(&farewell.reason).map(String::len).sum::<usize>();
    if said > REASON_MAX {
        return Err(StanzaError::new(Condition::PolicyViolation)
            .with_text("A reason may have 1024 bytes; say it in fewer words."));
    }
    Ok(farewell)
}
