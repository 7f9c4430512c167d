//! XEP-0045 §8, §9 and §10: the lists of roles and affiliations (`muc#admin`).

use std::collections::HashMap;
use std::sync::Arc;

use super::affiliation::{Affiliation, Role};
use super::change::{self, Actor, Wanted, What};
use super::item::Item;
use super::nick::Nick;
use super::occupants::Occupant;
use super::privileges::may_retrieve_member_list;
use super::room::State;
use super::{follow_up, leave, rooms};
use crate::feature::{Ctx, Reply};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::router::answer_now;
use crate::stanza::{Condition, Iq, StanzaError};
use crate::xml::Element;

/// Items of one request.
const ITEMS_MAX: usize = 1000;

/// Bytes of a reason.
const REASON_MAX: usize = 1024;

/// A list is asked for.
pub async fn get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let (room, item) = (address(&iq)?, only_item(&iq)?);
    let room = rooms::find(cx, &room).await?.ok_or(Condition::ItemNotFound)?;
    let state = room.state();
    let actor = Actor::of(&state, &iq.from.bare());
    if !state.is_there_for(&iq.from.bare()) {
        return Err(Condition::ItemNotFound.into());
    }
    let items = match (item.attr("affiliation"), item.attr("role")) {
        (Some(affiliation), None) => {
            let affiliation = Affiliation::parse(affiliation).ok_or(Condition::BadRequest)?;
            judge_list(&state, &actor, affiliation)?;
            affiliated(&state, affiliation)
        }
        (None, Some(role)) => {
            let role = Role::parse(role).ok_or(Condition::BadRequest)?;
            if actor.affiliation < Affiliation::Admin && actor.role < Role::Moderator {
                return Err(Condition::Forbidden.into());
            }
            let of_role = state.occupants.iter().filter(|occupant| occupant.role == role);
            of_role.map(|occupant| occupied(&state, occupant)).collect()
        }
        _ => return Err(Condition::BadRequest.into()),
    };
    Ok(Reply::with(Element::new(ns::MUC_ADMIN, "query").with_children(items)))
}

/// Who may see which list: of admins and owners, whoever may see that of the members (§9.5: clients
/// encrypt to all of them); the ban list only those who may change it.
fn judge_list(state: &State, actor: &Actor, of: Affiliation) -> Result<(), StanzaError> {
    let may = match of {
        Affiliation::Outcast | Affiliation::None => actor.affiliation >= Affiliation::Admin,
        _ => may_retrieve_member_list(actor.affiliation, actor.role, state.config()),
    };
    may.then_some(()).ok_or_else(|| Condition::Forbidden.into())
}

fn affiliated(state: &State, affiliation: Affiliation) -> Vec<Element> {
    let mut all: Vec<_> = state.affiliated(affiliation).collect();
    all.sort_by_key(|(account, _)| account.as_str());
    // Of several occupants of one account the first is named.
    let here: HashMap<&BareJid, &Occupant> =
        state.occupants.iter().rev().map(|occupant| (&occupant.account, occupant)).collect();
    let item = |(account, relation): (&BareJid, &super::trees::Relation)| {
        let here = here.get(account).copied();
        let item = Item {
            affiliation,
            role: here.map(|own| own.role),
            jid: Some(account.as_str()),
            nick: here.map(|own| own.nick.as_str()).or(relation.nick.as_deref()),
            actor: None,
            reason: relation.reason.as_deref(),
        };
        item.to_listed()
    };
    all.into_iter().map(item).collect()
}

/// §8.5: only moderators ask, who see real addresses.
fn occupied(state: &State, occupant: &Occupant) -> Element {
    let item = Item {
        affiliation: state.affiliation(&occupant.account),
        role: Some(occupant.role),
        jid: occupant.devices.last().map(|device| device.session.jid().as_str()),
        nick: Some(occupant.nick.as_str()),
        ..Item::default()
    };
    item.to_listed()
}

/// Roles and affiliations are to be changed.
pub async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let wanted = read(&iq)?;
    let turn = rooms::turn(cx, &address(&iq)?).await?.ok_or(Condition::ItemNotFound)?;
    let actor = Actor::of(&turn.state(), &iq.from.bare());
    if !turn.state().is_there_for(&iq.from.bare()) {
        return Err(Condition::ItemNotFound.into());
    }
    for one in &wanted {
        if let What::Affiliation(account, to, _) = &one.what {
            if actor.affiliation < Affiliation::Admin {
                // §9: before it is told which accounts there are.
                return Err(Condition::Forbidden.into());
            }
            check_account(cx, turn.jid(), account, *to).await?;
        }
    }
    let request = iq.element().without_children();
    let answer = || answer_now(cx, &request);
    let changed = change::apply_and(cx, &turn, &actor, wanted, answer).await?;
    let room = Arc::clone(&turn);
    // It is answered already: what fails now is tidied up later.
    if let Err(error) = leave::close_empty(cx, turn).await {
        tracing::error!(condition = error.condition().as_str(), "an empty room is still there");
    }
    let inviter = iq.from.bare();
    follow_up::affiliations(cx, &room, Some(&inviter), &changed).await;
    Ok(Reply::given())
}

/// Who is made something must be able to come. Everybody can be banned, and forgotten.
pub async fn check_account(
    cx: &Ctx,
    room: &BareJid,
    account: &BareJid,
    to: Affiliation,
) -> Result<(), StanzaError> {
    if to < Affiliation::Member {
        return Ok(());
    }
    let text = "Only accounts that may use these rooms can belong to one; check the address.";
    let may = cx.server.may_use_rooms(room.domain(), account.domain());
    match may && account.local().is_some() && cx.server.accounts.exists(account).await? {
        true => Ok(()),
        false => Err(StanzaError::new(Condition::ItemNotFound).with_text(text)),
    }
}

fn read(iq: &Iq) -> Result<Vec<Wanted>, StanzaError> {
    let query = iq.payload().ok_or(Condition::BadRequest)?;
    let items: Vec<_> = query.children().filter(|it| it.is(ns::MUC_ADMIN, "item")).collect();
    if items.is_empty() || items.len() > ITEMS_MAX {
        return Err(Condition::BadRequest.into());
    }
    items.into_iter().map(read_item).collect()
}

fn read_item(item: &Element) -> Result<Wanted, StanzaError> {
    let reason = item.child(ns::MUC_ADMIN, "reason").map(|reason| reason.text().into_owned());
    if reason.as_ref().is_some_and(|reason| reason.len() > REASON_MAX) {
        return Err(StanzaError::new(Condition::PolicyViolation)
            .with_text("A reason may have 1024 bytes; say it in fewer words."));
    }
    let what = match (item.attr("affiliation"), item.attr("role")) {
        (Some(affiliation), None) => {
            let affiliation = Affiliation::parse(affiliation).ok_or(Condition::BadRequest)?;
            let jid = Jid::parse(item.attr("jid").ok_or(Condition::BadRequest)?)?;
            if jid.local().is_none() {
                let text = "Only accounts can have an affiliation, not whole domains.";
                return Err(StanzaError::new(Condition::NotAcceptable).with_text(text));
            }
            let nick = match item.attr("nick") {
                None => None,
                Some("") => Some(None),
                Some(nick) => Some(Some(Nick::parse(nick)?)),
            };
            What::Affiliation(jid.bare(), affiliation, nick)
        }
        (None, Some(role)) => {
            let role = Role::parse(role).ok_or(Condition::BadRequest)?;
            let nick = Nick::parse(item.attr("nick").ok_or(Condition::BadRequest)?)?;
            What::Role(nick.key().clone(), role)
        }
        // §8.5, §9.5: one of them, and not both.
        _ => return Err(Condition::BadRequest.into()),
    };
    Ok(Wanted { what, reason: reason.filter(|reason| !reason.is_empty()) })
}

fn only_item(iq: &Iq) -> Result<&Element, StanzaError> {
    let items = iq.payload().into_iter().flat_map(Element::children);
    let mut items = items.filter(|item| item.is(ns::MUC_ADMIN, "item"));
    match (items.next(), items.next()) {
        (Some(item), None) => Ok(item),
        _ => Err(Condition::BadRequest.into()),
    }
}

/// The room that is asked.
pub fn address(iq: &Iq) -> Result<BareJid, StanzaError> {
    Ok(iq.to.as_ref().ok_or(Condition::BadRequest)?.bare())
}
