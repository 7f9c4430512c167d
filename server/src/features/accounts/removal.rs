//! Removing an account: nobody logs in, nobody is left inside, contacts are told, records go.
//!
//! The account's record is marked first and deleted last, so that a removal which a crash
//! interrupts is taken up again at the next start.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Error, close_sessions};
use crate::auth::{ACCOUNTS, AccountError};
use crate::feature::Ctx;
use crate::jid::{BareJid, Domain, Localpart};
use crate::router::{self, Session};
use crate::server::Server;
use crate::store::{Page, Range, StoreError};
use crate::stream::StreamError;

/// How long sessions may take to leave. Longer than a client that reads nothing is waited for
/// would keep the operator waiting; what such a session still writes is refused by the mark.
const LEAVE: Duration = Duration::from_secs(5);

/// How often it is looked whether they have left.
const LOOK: Duration = Duration::from_millis(5);

/// Accounts that are read at once when looking for those that leave.
const PAGE: u16 = 256;

/// Removes an account with everything that is kept for it. Says how many sessions were told to close.
///
/// # Errors
/// There is no such account. Any other: it is marked, nobody can log in any more, and it can be
/// done again.
pub async fn remove(server: &Arc<Server>, account: &BareJid) -> Result<usize, Error> {
    server.accounts.set_leaving(account).await?;
    finish(server, account).await
}

/// Takes up removals that a crash interrupted. One that fails again is logged and left for later.
///
/// # Errors
/// The store fails.
pub async fn resume_removals(server: &Arc<Server>) -> Result<(), StoreError> {
    for account in leaving(server).await? {
        match finish(server, &account).await {
            Ok(_) => tracing::info!(%account, "an interrupted removal was finished"),
            Err(error) => tracing::error!(%account, %error, "an interrupted removal failed again"),
        }
    }
    Ok(())
}

/// Everything after the mark. It can be done again.
async fn finish(server: &Arc<Server>, account: &BareJid) -> Result<usize, Error> {
    let local = account.local().ok_or(AccountError::NoLocalpart)?;
    let why = StreamError::not_authorized("the account was removed");
    let closed: Vec<_> =
        close_sessions(server, account, &why, None).iter().map(Arc::downgrade).collect();
    let count = closed.len();
    // They broadcast that they are gone and give back what they never wrote; all that should be
    // over before the records go.
    if timeout(LEAVE, gone(closed)).await.is_err() {
        tracing::warn!("some sessions of a removed account are slow to leave");
    }
    // A message for which the account was there a moment ago, be it by its sessions, looks again before it is
    // stored; one that is stored already must be where it is looked for below.
    server.accounts.count_change();
    router::settle(server, account).await;
    let cx = Ctx { server: Arc::clone(server), session: None };
    for step in server.features.account_removed_steps() {
        router::apply(step(&cx, account.clone()).await?);
    }
    server.archive.remove_account(account).await?;
    let guard = server.locks.lock(account).await;
    server.store.remove_account(account.domain(), local, &ACCOUNTS).await?;
    drop(guard);
    Ok(count)
}

/// Resolves when the connections' tasks have let go of their sessions.
async fn gone(sessions: Vec<Weak<Session>>) {
    while sessions.iter().any(|session| session.strong_count() > 0) {
        sleep(LOOK).await;
    }
}

/// Accounts of all domains, served or not, whose removal has begun.
async fn leaving(server: &Server) -> Result<Vec<BareJid>, StoreError> {
    let mut leaving = Vec::new();
    let mut page = Page::first(PAGE);
    loop {
        let found = server.store.scan(&ACCOUNTS, &Range::all(), page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        let marked = found.rows.iter().filter(|(_, account)| account.leaving);
        leaving.extend(marked.filter_map(|((domain, local), _)| address(domain, local)));
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(leaving),
        }
    }
}

/// What is stored was an address once.
fn address(domain: &str, local: &str) -> Option<BareJid> {
    let (local, domain) = (Localpart::parse(local).ok()?, Domain::parse(domain).ok()?);
    Some(BareJid::new(Some(local), domain))
}
