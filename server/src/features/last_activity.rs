//! XEP-0012: Last Activity.
//!
//! Of the server: how long it has been up. Of an account: how long ago the last client that had
//! been available went, and what it said then; only for those who see the account's presence. A
//! client that is connected but never became available counts as little as it is seen.
//!
//! Who comes and goes would otherwise cost a write each time: what is new waits in memory, is
//! written a few seconds later with all others, and may be lost in a crash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::visibility;
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects, Registry, Reply, Scope, Side, Spec, Status, Verdict};
use crate::jid::BareJid;
use crate::ns;
use crate::router::Session;
use crate::stanza::{Condition, Iq, IqKind, Presence, PresenceKind, Stanza, StanzaError};
use crate::store::{Batch, COMMIT_MAX, Record, StoreError, Tree};
use crate::sync::lock;
use crate::xml::Element;

/// When an account was last there, by domain and account.
static LAST: Tree<(String, String), Last> = Tree::new(0x21, "last_activity");

const QUERY: (&str, &str) = (ns::LAST, "query");

/// What is kept of a status, in characters: enough for a sentence or two.
const STATUS_CHARS: usize = 512;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Last {
    at: Timestamp,
    #[serde(default)]
    status: String,
}

impl Record for Last {}

/// How long what is new waits to be written.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// More than this is written at once.
const MOST_WAITING: usize = 1000;

/// What is not written yet.
#[derive(Default)]
struct Waiting(Mutex<HashMap<BareJid, Last>>);

/// On a session: whether it is available.
#[derive(Default)]
struct Available(bool);

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0012",
        name: "Last Activity",
        version: "2.0",
        status: Status::Complete,
        note: "",
    });
    on.tree(LAST.account_info(1, "when people were last online (XEP-0012)"));
    on.disco(&[Scope::Host, Scope::Own, Scope::Account], ns::LAST);
    on.iq(IqKind::Get, &[Scope::Host], QUERY, uptime);
    on.iq(IqKind::Get, &[Scope::Own], QUERY, own);
    on.iq(IqKind::Get, &[Scope::Account], QUERY, of_account);
    on.guard(Side::Sender, watch);
    on.guard(Side::Recipient, shield);
    on.session_ended(ended);
    on.account_removed(forget);
    on.state(Waiting::default());
    on.every(WRITE_EVERY, write);
}

async fn uptime(cx: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Ok(Reply::with(answer(cx, cx.server.started)))
}

/// §3: whoever asks about the own account is online.
async fn own(cx: &Ctx, _: Iq) -> Result<Reply, StanzaError> {
    Ok(Reply::with(answer(cx, cx.server.clock.now())))
}

async fn of_account(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    if !visibility::is_visible(cx, &iq).await? {
        return Err(Condition::Forbidden.into());
    }
    let account = iq.to.as_ref().ok_or(Condition::BadRequest)?.bare();
    if is_there(cx, &account) {
        return Ok(Reply::with(answer(cx, cx.server.clock.now())));
    }
    // Nothing is known of somebody who was never there.
    let last = last(cx, &account).await?;
    let last = last.ok_or(Condition::ItemNotFound)?;
    Ok(Reply::with(answer(cx, last.at).with_text(last.status)))
}

/// When somebody was last online: now, or when the account's last client went; nothing if that is not
/// known.
///
/// # Errors
/// The store fails.
pub async fn last_there(cx: &Ctx, account: &BareJid) -> Result<Option<Timestamp>, StoreError> {
    match is_there(cx, account) {
        true => Ok(Some(cx.server.clock.now())),
        false => Ok(last(cx, account).await?.map(|last| last.at)),
    }
}

fn is_there(cx: &Ctx, account: &BareJid) -> bool {
    cx.server.sessions.of(account).iter().any(|session| session.presence().is_some())
}

async fn last(cx: &Ctx, account: &BareJid) -> Result<Option<Last>, StoreError> {
    let waiting = lock(&cx.state::<Waiting>().0).get(account).cloned();
    match waiting {
        Some(last) => Ok(Some(last)),
        None => cx.server.store.get(&LAST, &key(account)).await,
    }
}

/// Notes when a client becomes available and when it no longer is. Nothing is ever held up.
async fn watch(cx: &Ctx, stanza: &Stanza) -> Verdict {
    let (Stanza::Presence(presence), Some(session)) = (stanza, &cx.session) else {
        return Verdict::Pass;
    };
    match (presence.kind, &presence.to) {
        (PresenceKind::Available, None) => {
            session.slots().with(|Available(available)| *available = true);
        }
        (PresenceKind::Unavailable, None) => note_leaving(cx, session, status(presence)).await,
        _ => {}
    }
    Verdict::Pass
}

/// §4: a client's idle time is not for those who do not see its presence, so it is not asked.
async fn shield(cx: &Ctx, stanza: &Stanza) -> Verdict {
    let Stanza::Iq(iq) = stanza else { return Verdict::Pass };
    let asks =
        iq.kind == IqKind::Get && iq.payload().is_some_and(|payload| payload.is(QUERY.0, QUERY.1));
    let of_client = iq.to.as_ref().is_some_and(|to| to.local().is_some() && !to.is_bare());
    if !asks || !of_client {
        return Verdict::Pass;
    }
    match visibility::is_visible(cx, iq).await {
        Ok(true) => Verdict::Pass,
        Ok(false) => Verdict::Reject(Condition::Forbidden.into()),
        Err(error) => Verdict::Reject(error),
    }
}

async fn ended(cx: &Ctx, session: Arc<Session>) -> Effects {
    note_leaving(cx, &session, String::new()).await;
    Effects::none()
}

/// Writes down that a client went, if it had been there.
async fn note_leaving(cx: &Ctx, session: &Session, status: String) {
    let was_available = session.slots().with(|Available(available)| std::mem::take(available));
    if !was_available {
        return;
    }
    let last = Last { at: cx.server.clock.now(), status };
    let waiting = {
        let mut waiting = lock(&cx.state::<Waiting>().0);
        waiting.insert(session.account().clone(), last);
        waiting.len()
    };
    if waiting >= MOST_WAITING {
        write(cx, ()).await;
    }
}

async fn write(cx: &Ctx, (): ()) {
    let waiting = std::mem::take(&mut *lock(&cx.state::<Waiting>().0));
    let mut batch = Batch::new();
    for (account, last) in &waiting {
        batch.put(&LAST, &key(account), last);
        if batch.size() > COMMIT_MAX / 2 {
            keep(cx, std::mem::take(&mut batch)).await;
        }
    }
    keep(cx, batch).await;
}

async fn keep(cx: &Ctx, batch: Batch) {
    if batch.is_empty() {
        return;
    }
    if let Err(error) = cx.server.store.hint(batch).await {
        tracing::warn!(%error, "some last activities were not kept");
    }
}

/// The record itself goes with all others of the account.
async fn forget(cx: &Ctx, account: BareJid) -> Result<Effects, StanzaError> {
    lock(&cx.state::<Waiting>().0).remove(&account);
    Ok(Effects::none())
}

fn status(presence: &Presence) -> String {
    let status = presence.element().child(ns::CLIENT, "status");
    status.map_or_else(String::new, |status| status.text().chars().take(STATUS_CHARS).collect())
}

fn answer(cx: &Ctx, since: Timestamp) -> Element {
    let seconds = cx.server.clock.now().since(since).as_secs();
    Element::new(ns::LAST, "query").with_attr("seconds", seconds.to_string())
}

fn key(account: &BareJid) -> (&str, &str) {
    (account.domain(), account.local().unwrap_or_default())
}
