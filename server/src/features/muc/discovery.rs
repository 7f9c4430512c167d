//! XEP-0045 §6: what rooms there are, and what a room is.
//!
//! Our choices: a room's kind is for everybody who may use the service and knows its address, as who
//! is invited wants to know what to; how many are in it, what it is about and who they are is for
//! those who may enter. Who is banned learns nothing.

use std::collections::BTreeSet;

use super::affiliation::Affiliation;
use super::form::roominfo::{self, Now};
use super::register::{RESERVED, reserved};
use super::room::State;
use super::trees::{ROOMS, Stored};
use super::{features, hats, rooms};
use crate::feature::{Ctx, Discovery, Identity, Registry, Reply, Scope};
use crate::features::rsm::{Before, Got, Wanted};
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::store::{Page, Range};
use crate::xml::{Element, Parser};

/// Items of one answer.
const LIST_MAX: usize = 200;

/// §18.1.1: which namespaces a room lets pass.
const TRAFFIC: &str = "http://jabber.org/protocol/muc#traffic";

const INFO: (&str, &str) = (ns::DISCO_INFO, "query");
const ITEMS: (&str, &str) = (ns::DISCO_ITEMS, "query");

pub(super) fn register(on: &mut Registry) {
    for feature in [
        ns::DISCO_INFO,
        ns::DISCO_ITEMS,
        ns::MUC,
        "http://jabber.org/protocol/muc#stable_id",
        "http://jabber.org/protocol/muc#request",
        "http://jabber.org/protocol/muc#register",
    ] {
        on.disco(&[Scope::Room], feature);
    }
    for feature in [ns::RSM, "http://jabber.org/protocol/muc#stable_id"] {
        on.disco(&[Scope::Rooms], feature);
    }
    on.items(&[Scope::Rooms], public);
    on.iq(IqKind::Get, &[Scope::Room], INFO, info);
    on.iq(IqKind::Get, &[Scope::Room], ITEMS, items);
    let text = Identity { category: "conference", kind: "text", name: "" };
    on.identity(&[Scope::Room], text);
}

/// §6.4
async fn info(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let node = iq.payload().and_then(|query| query.attr("node"));
    let room = rooms::find(cx, &super::admin::address(&iq)?).await?;
    let room = room.ok_or(Condition::ItemNotFound)?;
    let account = iq.from.bare();
    let state = room.state();
    check_visible(&state, &account)?;
    let query = Element::new(ns::DISCO_INFO, "query").with_attr_opt("node", node);
    if let Some(node) = node {
        return match node {
            RESERVED => Ok(Reply::with(query.with_children(reserved(&state, &account)))),
            // §18.1.1: everything passes here.
            TRAFFIC => Ok(Reply::with(query)),
            _ => {
                let command = hats::info(node).ok_or(Condition::ItemNotFound)?;
                Ok(Reply::with(query.with_children(command)))
            }
        };
    }
    let config = state.config();
    let name = Some(config.name.as_str()).filter(|name| !name.is_empty());
    let identity = Element::new(ns::DISCO_INFO, "identity")
        .with_attr("category", "conference")
        .with_attr("type", "text")
        .with_attr("name", name.or(state.jid.local()).unwrap_or_default());
    let feature = |var: &str| Element::new(ns::DISCO_INFO, "feature").with_attr("var", var);
    let kept = super::archive::is_kept(&cx.server, &state.jid, config);
    let kept = if kept { &super::archive::FEATURES[..] } else { &[] };
    let fixed: BTreeSet<&str> = cx
        .server
        .features
        .disco_features(Scope::Room)
        .into_iter()
        .chain(kept.iter().copied())
        .collect();
    let inside = may_enter(&state, &account);
    let subject = subject(&state).filter(|_| inside);
    let now = Now { subject: subject.as_deref(), occupants: inside.then(|| state.occupants.len()) };
    let mut form = roominfo::roominfo(config, now);
    super::vcard::add_hashes(&mut form, &state.stored);
    hats::add_hash(&mut form, &state.stored);
    Ok(Reply::with(
        query
            .with_child(identity)
            .with_children(fixed.into_iter().map(feature))
            .with_children(features::of(config).map(feature))
            .with_child(form),
    ))
}

/// The words of the subject.
fn subject(state: &State) -> Option<String> {
    let set = state.stored.subject.as_ref()?;
    let message = Parser::within(ns::CLIENT).parse(set.text.as_bytes()).ok()?;
    message.child(ns::CLIENT, "subject").map(|subject| subject.text().into_owned())
}

/// §6.5: who is in the room.
async fn items(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let room = rooms::find(cx, &super::admin::address(&iq)?).await?;
    let room = room.ok_or(Condition::ItemNotFound)?;
    let account = iq.from.bare();
    let state = room.state();
    check_visible(&state, &account)?;
    let node = iq.payload().and_then(|query| query.attr("node"));
    let mut query = Element::new(ns::DISCO_ITEMS, "query").with_attr_opt("node", node);
    if node == Some(ns::COMMANDS) {
        // XEP-0050 §2.2
        return Ok(Reply::with(query.with_children(hats::items(&state, &account))));
    }
    let is_told = state.occupants.of(&account).next().is_some()
        || state.affiliation(&account) >= Affiliation::Member;
    if is_told {
        for occupant in state.occupants.iter().take(LIST_MAX) {
            let jid = state.address(&occupant.nick);
            query.push_child(Element::new(ns::DISCO_ITEMS, "item").with_attr("jid", jid.as_str()));
        }
    }
    Ok(Reply::with(query))
}

/// Whether an account learns that there is such a room.
///
/// # Errors
/// `forbidden`, `item-not-found`.
pub(super) fn check_visible(state: &State, account: &BareJid) -> Result<(), StanzaError> {
    match state.affiliation(account) {
        Affiliation::Outcast => Err(Condition::Forbidden.into()),
        // §10.1.1: not before it was configured.
        affiliation if state.stored.is_locked && affiliation < Affiliation::Owner => {
            Err(Condition::ItemNotFound.into())
        }
        _ => Ok(()),
    }
}

/// Whether an account may come in when it wants to.
pub(super) fn may_enter(state: &State, account: &BareJid) -> bool {
    let affiliation = state.affiliation(account);
    let is_open = !state.config().members_only && state.config().password.is_none();
    affiliation >= Affiliation::Member || (is_open && affiliation == Affiliation::None)
}

/// §6.3: the rooms that are not hidden, page by page.
async fn public(cx: &Ctx, asked: Discovery) -> Result<Option<Vec<Element>>, StanzaError> {
    if asked.node.is_some() {
        return Ok(None);
    }
    let all = all_public(cx, &asked.to).await?;
    let is_paged = asked.request.has_child(ns::RSM, "set") || all.len() > LIST_MAX;
    let Listed { rooms, index } = page(&all, &Wanted::read(&asked.request)?)?;
    let item = |(jid, name): &(String, String)| {
        Element::new(ns::DISCO_ITEMS, "item")
            .with_attr("jid", jid.as_str())
            .with_attr("name", name.as_str())
    };
    let mut told: Vec<Element> = rooms.iter().map(item).collect();
    if is_paged {
        let ends =
            rooms.first().zip(rooms.last()).map(|(first, last)| (first.0.clone(), last.0.clone()));
        let (index, count) = (Some(index as u64), Some(all.len() as u64));
        told.push(Got { ends, index, count }.element());
    }
    Ok(Some(told))
}

struct Listed<'a> {
    rooms: &'a [(String, String)],
    index: usize,
}

/// XEP-0059 §2: a part of the list, which is in the order of addresses.
fn page<'a>(all: &'a [(String, String)], wanted: &Wanted) -> Result<Listed<'a>, StanzaError> {
    let most = wanted.max.unwrap_or(LIST_MAX).min(LIST_MAX);
    let find = |id: &str| {
        let found = all.iter().position(|(jid, _)| jid == id);
        found.ok_or_else(|| StanzaError::from(Condition::ItemNotFound))
    };
    let (from, to) = match (&wanted.after, &wanted.before) {
        (Some(id), _) => (find(id)? + 1, all.len()),
        (None, Some(Before::Item(id))) => {
            let to = find(id)?;
            (to.saturating_sub(most), to)
        }
        (None, Some(_)) => (all.len().saturating_sub(most), all.len()),
        (None, None) => (wanted.index.unwrap_or(0).min(all.len()), all.len()),
    };
    let rooms = all.get(from..to).unwrap_or_default();
    Ok(Listed { rooms: rooms.get(..most.min(rooms.len())).unwrap_or_default(), index: from })
}

/// Addresses and names, in the order of addresses.
async fn all_public(cx: &Ctx, service: &BareJid) -> Result<Vec<(String, String)>, StanzaError> {
    let domain = service.domain();
    let range = Range::prefix(domain);
    let (mut page, mut all) = (Page::first(256), Vec::new());
    loop {
        let found = cx.server.store.scan(&ROOMS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        let is_listed = |stored: &Stored| stored.config.public && !stored.is_locked;
        for ((_, local), stored) in found.rows.into_iter().filter(|(_, room)| is_listed(room)) {
            let name = Some(stored.config.name).filter(|name| !name.is_empty());
            all.push((format!("{local}@{domain}"), name.unwrap_or(local)));
        }
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(256).after(&last),
            None => return Ok(all),
        }
    }
}
