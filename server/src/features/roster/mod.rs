//! RFC 6121 §2: the roster.
//!
//! Our choices: one record per contact; a client that names a version it has seen gets the changes
//! since then where these are few, else the whole roster.

mod entry;
mod item;

use std::sync::Arc;

pub use entry::{Entry, REQUESTS};
pub use item::{Item, Subscription};

use crate::feature::{ContactChange, Ctx, Effects, Registry, Reply, Scope, SessionPart};
use crate::features::subscription;
use crate::jid::{BareJid, Domain, Jid};
use crate::ns;
use crate::router::{Envelope, Session};
use crate::server::Server;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::store::{Batch, Page, Range, StoreError};
use crate::stream::StreamPhase;
use crate::xml::Element;
use entry::{ITEMS, Roster, owner, push};
use item::Wish;

/// Most rosters fit into a page that is read at once, without another thread.
const FIRST_PAGE: u16 = 16;

/// Pages after the first.
const PAGE: u16 = 1024;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.session_part(SessionPart { name: "roster", save, restore });
    entry::register(on);
    on.stream_feature(StreamPhase::Authenticated, versioning);
    for kind in [IqKind::Get, IqKind::Set] {
        on.iq(kind, &[Scope::Account], (ns::ROSTER, "query"), refuse);
    }
    on.iq(IqKind::Get, &[Scope::Own], (ns::ROSTER, "query"), get);
    on.iq(IqKind::Set, &[Scope::Own], (ns::ROSTER, "query"), set);
}

/// How an account and a contact are subscribed, from the account's point of view.
///
/// # Errors
/// The store failed.
pub async fn subscription_of(
    server: &Server,
    account: &BareJid,
    contact: &BareJid,
) -> Result<Subscription, StoreError> {
    let (domain, local) = owner(account);
    let item = server.store.get(&ITEMS, &(domain, local, contact.as_str())).await?;
    Ok(item.map(|item| item.subscription).unwrap_or_default())
}

/// What the account has of a contact, if it is in the roster.
///
/// # Errors
/// The store failed.
pub async fn item(
    server: &Server,
    account: &BareJid,
    contact: &BareJid,
) -> Result<Option<Item>, StoreError> {
    let (domain, local) = owner(account);
    server.store.get(&ITEMS, &(domain, local, contact.as_str())).await
}

/// Whether the contact is in the account's roster.
///
/// # Errors
/// The store failed.
pub async fn has(
    server: &Server,
    account: &BareJid,
    contact: &BareJid,
) -> Result<bool, StoreError> {
    let (domain, local) = owner(account);
    let item = server.store.get(&ITEMS, &(domain, local, contact.as_str())).await?;
    Ok(item.is_some())
}

/// Whether the account has asked the contact for a subscription and has no answer.
///
/// # Errors
/// The store fails.
pub async fn is_asking(
    server: &Server,
    account: &BareJid,
    contact: &BareJid,
) -> Result<bool, StoreError> {
    let (domain, local) = owner(account);
    let item = server.store.get(&ITEMS, &(domain, local, contact.as_str())).await?;
    Ok(item.is_some_and(|item| item.ask))
}

/// Whether the contact sees the account's presence: it is subscribed, or it is the account.
///
/// # Errors
/// The store failed.
pub async fn is_shown_to(
    server: &Server,
    account: &BareJid,
    contact: &BareJid,
) -> Result<bool, StoreError> {
    Ok(account == contact || subscription_of(server, account, contact).await?.is_from())
}

/// All contacts of an account.
///
/// # Errors
/// The store failed.
pub async fn contacts(server: &Server, account: &BareJid) -> Result<Vec<(Jid, Item)>, StoreError> {
    let range = Range::prefix(&owner(account));
    let mut contacts = Vec::new();
    let mut page = Page::first(FIRST_PAGE);
    loop {
        let found = server.store.scan(&ITEMS, &range, page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        for ((_, _, contact), item) in found.rows {
            // What was stored was an address; the tables of a newer Unicode might refuse it.
            contacts.extend(Jid::parse(&contact).ok().map(|contact| (contact, item)));
        }
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(contacts),
        }
    }
}

/// Connections that have asked for the roster and are told of its changes, §2.2.
pub fn interested(server: &Server, account: &BareJid) -> Vec<Arc<Session>> {
    let mut sessions = server.sessions.of(account);
    sessions.retain(|session| session.slots().with(|interest: &mut Interest| interest.0));
    sessions
}

fn save(session: &Session) -> Option<String> {
    session.slots().with(|interest: &mut Interest| interest.0).then(String::new)
}

fn restore(session: &Session, _: &str) {
    session.slots().with(|interest: &mut Interest| interest.0 = true);
}

/// Whether a connection has asked for the roster.
#[derive(Default)]
struct Interest(bool);

/// §2.6.1
fn versioning(_: &Server, _: &Domain) -> Option<Element> {
    Some(Element::new(ns::ROSTER_VERSIONING, "ver"))
}

/// §2.1.5: nobody else's roster.
async fn refuse(_: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Err(Condition::Forbidden.into())
}

/// §2.1.3, §2.6.2
async fn get(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let (Some(query), Some(session)) = (iq.payload(), &cx.session) else {
        return Err(Condition::BadRequest.into());
    };
    if !query.has_no_children() {
        return Err(Condition::BadRequest.into());
    }
    let account = session.account();
    let guard = cx.server.locks.lock(account).await;
    let roster = Roster::of(&cx.server, account).await?;
    session.slots().with(|interest: &mut Interest| interest.0 = true);
    cx.server.journal.touch_state(session);
    let seen = query.attr("ver").and_then(|ver| ver.parse().ok());
    let held = Effects::none().holding(guard);
    if seen == Some(roster.version) {
        return Ok(Reply::empty().and(held));
    }
    let contacts = contacts(&cx.server, account).await?;
    if let Some(seen) = seen
        && let Some(pushes) = changes(&cx.server, session, &roster, &contacts, seen)
    {
        return Ok(Reply::empty().and(held).then(pushes));
    }
    Ok(Reply::with(whole(&roster, &contacts)).and(held))
}

/// §2.1.4
fn whole(roster: &Roster, contacts: &[(Jid, Item)]) -> Element {
    Element::new(ns::ROSTER, "query")
        .with_attr("ver", roster.version.to_string())
        .with_children(contacts.iter().map(|(contact, item)| item.element(contact)))
}

/// §2.6.3: the changes since a version in their order, if they are known and fewer bytes than the
/// roster: a push is about twice as long as an item.
fn changes(
    server: &Server,
    session: &Arc<Session>,
    roster: &Roster,
    contacts: &[(Jid, Item)],
    seen: u64,
) -> Option<Vec<Envelope>> {
    if !roster.reaches(seen) {
        return None;
    }
    let kept = contacts.iter().map(|(contact, item)| (item.version, item.element(contact)));
    let gone = roster.removed.iter().map(|(contact, version)| (*version, item::removed(contact)));
    let mut changes: Vec<_> = kept.chain(gone).filter(|(version, _)| *version > seen).collect();
    if changes.len() * 2 >= contacts.len() {
        return None;
    }
    changes.sort_by_key(|(version, _)| *version);
    let push = |(version, item)| push(server, Arc::clone(session), item, version);
    Some(changes.into_iter().map(push).collect())
}

/// §2.1.5
async fn set(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let query = iq.payload().ok_or(Condition::BadRequest)?;
    let (contact, wish) = item::read(query)?;
    let account = iq.from.bare();
    if contact == account {
        // §2.3.3: everybody sees their own presence; there is nothing to subscribe to.
        return Err(Condition::NotAllowed.into());
    }
    match wish {
        Wish::Keep { name, groups } => keep(cx, &account, &contact, name, groups).await,
        Wish::Remove => subscription::sever(cx, &account, &contact).await,
    }
}

/// §2.3, §2.4
async fn keep(
    cx: &Ctx,
    account: &BareJid,
    contact: &Jid,
    name: String,
    groups: Vec<String>,
) -> Result<Reply, StanzaError> {
    let server = &*cx.server;
    let guard = server.locks.lock(account).await;
    let mut entry = Entry::load(server, account, contact).await?;
    entry.set_item(name, groups);
    entry.check_room(server.config().limits.roster_items)?;
    let mut batch = Batch::new();
    entry.write(server, &mut batch);
    if !batch.is_empty() {
        server.store.commit(batch).await?;
    }
    let (owner, contact) = (account.clone(), contact.bare());
    let change = ContactChange { owner, contact, begins_to_see: false };
    Ok(Reply::empty().and(Effects::send(entry.pushes(server)).holding(guard).about([change])))
}
