//! What an invitation promises beside the account: a contact, and a room.
//!
//! It is written down with the account and crossed out when it is done, so that nothing of it is lost
//! in a crash.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::invitation::Terms;
use crate::feature::{Ctx, Registry};
use crate::features::muc::affiliation::Affiliation;
use crate::features::muc::operator;
use crate::features::subscription;
use crate::jid::{BareJid, Domain, Localpart};
use crate::router;
use crate::stanza::{Condition, StanzaError};
use crate::store::{Batch, Page, Range, Record, Tree, Tx};

/// What was promised to an account: domain and user.
static PROMISES: Tree<(String, String), Promise> = Tree::new(0x69, "promises of invitations");

/// How often it is looked what could not be done at once.
const AGAIN: Duration = Duration::from_secs(60);

/// Promises that are kept at once.
const PAGE: u16 = 100;

/// What was promised.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Promise {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact: Option<BareJid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<BareJid>,
}

impl Record for Promise {}

pub(super) fn register(on: &mut Registry) {
    on.tree(PROMISES.account_info(1, "what invitations promised to new accounts"));
    on.every(AGAIN, again);
}

/// Writes down what an invitation promises to an account.
pub(super) fn promise(tx: &mut Tx, account: &BareJid, terms: &Terms) {
    let promise = Promise { contact: terms.contact.clone(), room: terms.room.clone() };
    if promise.contact.is_some() || promise.room.is_some() {
        tx.put(&PROMISES, &key(account), &promise);
    }
}

/// Does what was promised to an account. It can be done again.
///
/// # Errors
/// Not now.
pub(super) async fn keep(cx: &Ctx, account: &BareJid) -> Result<(), StanzaError> {
    let promise = cx.server.store.get(&PROMISES, &key(account)).await?;
    let Some(Promise { contact, room }) = promise else { return Ok(()) };
    if let Some(contact) = &contact {
        befriend(cx, account, contact).await?;
    }
    if let Some(room) = &room {
        admit(cx, account, room).await?;
    }
    let mut batch = Batch::new();
    batch.delete(&PROMISES, &key(account));
    Ok(cx.server.store.commit(batch).await?)
}

/// XEP-0401 §"Pre-Authenticated In-Band Registration": the contact hears of it by a roster push.
async fn befriend(cx: &Ctx, account: &BareJid, contact: &BareJid) -> Result<(), StanzaError> {
    match subscription::befriend(cx, account, contact).await {
        Ok(effects) => {
            router::carry_out(cx, effects).await;
            Ok(())
        }
        // The contact has gone, or has no room: nobody can do more about it.
        Err(error)
            if matches!(
                error.condition(),
                Condition::ItemNotFound | Condition::ResourceConstraint
            ) =>
        {
            tracing::warn!(%account, %contact, condition = error.condition().as_str(), "no contacts");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn admit(cx: &Ctx, account: &BareJid, room: &BareJid) -> Result<(), StanzaError> {
    let one = std::slice::from_ref(account);
    match operator::affiliate(cx, room, one, Affiliation::Member, None).await {
        Ok(()) => Ok(()),
        Err(operator::Error::Store(error)) => Err(error.into()),
        // The room has gone, or takes nobody.
        Err(why) => {
            tracing::warn!(%account, %room, %why, "a new account is no member of its room");
            Ok(())
        }
    }
}

/// What a crash left undone, or a store that failed.
async fn again(cx: &Ctx, (): ()) {
    let found = cx.server.store.scan(&PROMISES, &Range::all(), Page::first(PAGE)).await;
    let rows = match found {
        Ok(found) => found.rows,
        Err(error) => return tracing::error!(%error, "promises of invitations cannot be read"),
    };
    for ((domain, local), _) in rows {
        let (Ok(local), Ok(domain)) = (Localpart::parse(&local), Domain::parse(&domain)) else {
            continue;
        };
        let account = BareJid::new(Some(local), domain);
        // A domain that is not served any more may be again.
        if cx.server.serves(account.domain())
            && let Err(error) = keep(cx, &account).await
        {
            let condition = error.condition().as_str();
            tracing::warn!(%account, condition, "a new account still waits for its contact or room");
        }
    }
}

fn key(account: &BareJid) -> (String, String) {
    (account.domain().to_owned(), account.local().unwrap_or_default().to_owned())
}
