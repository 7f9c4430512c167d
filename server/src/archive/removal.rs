//! Removing what one account shows, in steps that are each one batch.
//!
//! A text goes with the last entry that points to it, in a timeline or in a queue. Both parties of a message are each other's `with`, so
//! whether somebody else still shows it is one look into that party's timeline. Steps are taken by one task
//! at a time: two that take leave of one message at once would each find the other's entry.

use std::sync::atomic::Ordering;

use super::Archive;
use super::shelf::{Directory, Lease};
use super::trees::{BODY, HANDLED, QUEUED, TIMELINE, WITH};
use crate::clock::Timestamp;
use crate::jid::BareJid;
use crate::store::{Batch, Page, Place, Range, Result, View};

/// Entries that are looked at in one step.
const STEP_ROWS: u16 = 256;

/// Keys and values of one step, in bytes: far below what one commit may hold.
const STEP_BYTES: usize = 64 * 1024;

/// Entries that are removed in one call of [`Archive::trim`], about.
const TRIM: u64 = 1000;

/// Accounts of which is remembered how far they are trimmed.
const REMEMBERED: usize = 100_000;

/// A step: what to write, and how many entries it removes.
type Step = (Batch, u64);

impl Archive {
    /// Removes all of an account's messages, and the counters of its streams; the other parties keep theirs. Directories that cannot be read
    /// are passed over, and the error is told at the end.
    pub async fn remove_account(&self, account: &BareJid) -> Result<()> {
        self.0.check_open()?;
        let _alone = self.0.tidying.lock().await;
        let mut told = Ok(());
        for directory in self.0.shelf.all().into_iter().flatten() {
            if let Err(error) = self.remove_from(&directory, account).await {
                told = Err(error);
            }
        }
        told
    }

    /// Removes an account's entries that are older than this, some thousand at most. Answers how many, and
    /// whether there are more.
    pub async fn trim(&self, account: &BareJid, before: Timestamp) -> Result<(u64, bool)> {
        self.0.check_open()?;
        let mut trimmed = self.0.tidying.lock().await;
        let from = trimmed.get(account).copied().unwrap_or_default();
        let mut removed = 0;
        for directory in self.0.shelf.holding(from, before.0).into_iter().flatten() {
            let most = TRIM.saturating_sub(removed);
            let (count, more) = self.erase(&directory, account, before.0, most).await?;
            removed += count;
            if more {
                return Ok((removed, true));
            }
        }
        if trimmed.len() >= REMEMBERED {
            trimmed.clear();
        }
        trimmed.insert(account.clone(), before.0);
        Ok((removed, false))
    }

    async fn remove_from(&self, directory: &Directory, account: &BareJid) -> Result<()> {
        self.empty_queue(directory, account).await?;
        self.erase(directory, account, u64::MAX, u64::MAX).await?;
        self.forget_streams(directory, account).await
    }

    /// Deletes the counters of an account's streams: one of its name is not told of them.
    async fn forget_streams(&self, directory: &Directory, account: &BareJid) -> Result<()> {
        let Some(store) = self.0.shelf.open(directory).await? else {
            return Ok(());
        };
        // A stream is called by its account, a slash and an id; what follows the slash in ASCII is `0`.
        let all = Range::between(&format!("{account}/"), &format!("{account}0"));
        loop {
            let found = store.scan(&HANDLED, &all, Page::first(STEP_ROWS)).await?;
            if found.rows.is_empty() {
                return Ok(());
            }
            let mut batch = Batch::new();
            for (stream, _) in found.rows {
                batch.delete(&HANDLED, &stream);
            }
            store.commit(batch).await?;
        }
    }

    /// Takes all that waits for an account out of its queue; texts that nobody shows go with it.
    async fn empty_queue(&self, directory: &Directory, account: &BareJid) -> Result<()> {
        let Some(store) = self.0.shelf.open(directory).await? else {
            return Ok(());
        };
        let (domain, local) = parts(account);
        let all = Range::prefix(&(domain, local));
        loop {
            let found = store.scan(&QUEUED, &all, Page::first(STEP_ROWS)).await?;
            let numbers: Vec<_> = found.rows.into_iter().map(|(key, ())| key.2).collect();
            if numbers.is_empty() {
                return Ok(());
            }
            self.unqueue(account, &numbers).await?;
            // Those whose text is lost are passed over above.
            let mut batch = Batch::new();
            for number in numbers {
                batch.delete(&QUEUED, &(domain, local, number));
            }
            store.commit(batch).await?;
        }
    }

    /// Removes all that archives show from one directory; what waits in a queue stays.
    pub(super) async fn strip(&self, directory: &Directory) -> Result<()> {
        let _alone = self.0.tidying.lock().await;
        let Some(store) = self.0.shelf.open(directory).await? else {
            return Ok(());
        };
        loop {
            let (batch, count) = store.view(Place::Aside, plan_strip).await?;
            if count == 0 {
                return Ok(());
            }
            store.commit(batch).await?;
            directory.oldest.store(0, Ordering::Relaxed);
        }
    }

    /// Removes entries below `before` from one directory, about `most`.
    async fn erase(
        &self,
        directory: &Directory,
        account: &BareJid,
        before: u64,
        most: u64,
    ) -> Result<(u64, bool)> {
        let Some(store) = self.0.shelf.open(directory).await? else {
            return Ok((0, false));
        };
        let mut removed = 0;
        while removed < most {
            let (batch, count) = step(&store, account, before).await?;
            if count == 0 {
                return Ok((removed, false));
            }
            store.commit(batch).await?;
            directory.oldest.store(0, Ordering::Relaxed);
            removed += count;
        }
        Ok((removed, true))
    }
}

async fn step(store: &Lease, account: &BareJid, before: u64) -> Result<Step> {
    let account = account.clone();
    store.view(Place::Aside, move |view| plan(view, &account, before)).await
}

fn plan(view: &mut View<'_>, account: &BareJid, before: u64) -> Result<Step> {
    let (domain, local) = parts(account);
    let range = Range::between(&(domain, local, 0_u64), &(domain, local, before));
    let found = view.scan(&TIMELINE, &range, &Page::first(STEP_ROWS))?;
    let (mut batch, mut count) = (Batch::new(), 0);
    for ((_, _, number), with) in found.rows {
        if batch.size() > STEP_BYTES {
            break;
        }
        batch.delete(&TIMELINE, &(domain, local, number));
        batch.delete(&WITH, &(domain, local, with.as_str(), number));
        if !is_needed(view, account, &with, number)? {
            batch.delete(&BODY, &number);
        }
        count += 1;
    }
    Ok((batch, count))
}

fn plan_strip(view: &mut View<'_>) -> Result<Step> {
    let found = view.scan(&TIMELINE, &Range::all(), &Page::first(STEP_ROWS))?;
    let (mut batch, mut count) = (Batch::new(), 0);
    for ((domain, local, number), with) in found.rows {
        if batch.size() > STEP_BYTES {
            break;
        }
        let key = (domain.as_str(), local.as_str(), number);
        batch.delete(&TIMELINE, &key);
        batch.delete(&WITH, &(key.0, key.1, with.as_str(), number));
        if !is_queued(view, key)? && !is_queued_for(view, &with, number)? {
            batch.delete(&BODY, &number);
        }
        count += 1;
    }
    Ok((batch, count))
}

fn is_queued_for(view: &mut View<'_>, account: &str, number: u64) -> Result<bool> {
    match BareJid::parse(account) {
        Ok(account) => {
            let (domain, local) = parts(&account);
            is_queued(view, (domain, local, number))
        }
        Err(_) => Ok(false),
    }
}

fn is_queued(view: &mut View<'_>, key: (&str, &str, u64)) -> Result<bool> {
    Ok(view.get(&QUEUED, &key)?.is_some())
}

/// Whether the other party shows the message, or one of both waits for it.
fn is_needed(view: &mut View<'_>, account: &BareJid, with: &str, number: u64) -> Result<bool> {
    let (domain, local) = parts(account);
    if view.get(&QUEUED, &(domain, local, number))?.is_some() {
        return Ok(true);
    }
    match BareJid::parse(with) {
        Ok(other) if other != *account => {
            let (domain, local) = parts(&other);
            let key = (domain, local, number);
            Ok(view.get(&TIMELINE, &key)?.is_some() || view.get(&QUEUED, &key)?.is_some())
        }
        _ => Ok(false),
    }
}

fn parts(account: &BareJid) -> (&str, &str) {
    (account.domain(), account.local().unwrap_or_default())
}
