//! What waits to be delivered to an account: the numbers of stored messages.
//!
//! A message is stored and queued in one batch, so that neither is there without the other. One that
//! no archive shows is deleted when it is delivered.

use bytes::Bytes;

use super::shelf::Lease;
use super::trees::{BODY, QUEUED, TIMELINE};
use super::{Archive, Entry, Found, Item, Most};
use crate::jid::BareJid;
use crate::ns;
use crate::store::{Batch, Page, Place, Range, Result, StoreError};
use crate::xml::Parser;

/// Numbers that are taken out with one commit.
const REMOVED_AT_ONCE: usize = 1000;

impl Archive {
    /// Runs `then` in its turn, after everything that was appended before, without storing anything.
    /// As with [`append`](Archive::append), it must be short and must not wait.
    pub fn pass(&self, then: impl FnOnce() + Send + 'static) {
        self.0.desk.pass(&self.0.shelf, Box::new(move |_| then()));
    }

    /// Appends a message and waits until it is durable.
    ///
    /// # Errors
    /// [`StoreError`]: it is not stored.
    pub async fn store(&self, entry: Entry) -> Result<u64> {
        let room = self.room(entry.text.len(), entry.retention).await;
        let (done, stored) = tokio::sync::oneshot::channel();
        self.append(room, entry, move |outcome| done.send(outcome).unwrap_or_default());
        stored.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Puts a stored message into an account's queue. `false`: there is no such message.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn queue(&self, account: &BareJid, number: u64) -> Result<bool> {
        let Some((store, _)) = self.find(number).await? else { return Ok(false) };
        let mut batch = Batch::new();
        batch.put(&QUEUED, &key(account, number), &());
        store.commit(batch).await?;
        self.meter().queued.count();
        Ok(true)
    }

    /// Takes messages out of an account's queue; numbers that are gone already do no harm.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unqueue(&self, account: &BareJid, numbers: &[u64]) -> Result<()> {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        let mut rest = numbers.as_slice();
        while let [first, ..] = rest {
            let Some((store, _)) = self.find(*first).await? else {
                rest = rest.get(1..).unwrap_or_default();
                continue;
            };
            // Those that follow mostly lie in the same directory.
            let taken = self.unqueue_from(&store, account, rest).await?;
            rest = rest.get(taken.max(1)..).unwrap_or_default();
        }
        Ok(())
    }

    /// How many of the first numbers lie in that store; they are out.
    async fn unqueue_from(
        &self,
        store: &Lease,
        account: &BareJid,
        numbers: &[u64],
    ) -> Result<usize> {
        let mut batch = Batch::new();
        let mut taken = 0;
        for number in numbers.iter().take(REMOVED_AT_ONCE) {
            let Some(text) = store.get(&BODY, number).await? else { break };
            batch.delete(&QUEUED, &key(account, *number));
            if !is_shown(store, *number, &text).await? {
                batch.delete(&BODY, number);
            }
            taken += 1;
        }
        store.commit(batch).await?;
        Ok(taken)
    }

    /// What waits in an account's queue behind `after`, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn queued(&self, account: &BareJid, after: u64, most: Most) -> Result<Found> {
        self.0.check_open()?;
        let settled = self.settled();
        let mut found = Found::default();
        if after >= settled {
            return Ok(found);
        }
        for directory in
            self.0.shelf.holding(after.saturating_add(1), settled).into_iter().flatten()
        {
            let Some(store) = self.0.shelf.open(&directory).await? else { continue };
            let rows = rows(&store, account, (after, settled), most.items).await?;
            found.more |= rows.more;
            found.items.extend(rows.items);
        }
        found.items.sort_by_key(|item| item.number);
        cut(&mut found, most);
        Ok(found)
    }
}

/// Leaves as many messages as may be wanted, at least one.
fn cut(found: &mut Found, most: Most) {
    let mut bytes = 0_usize;
    let fits = |item: &Item| {
        let before = bytes;
        bytes = bytes.saturating_add(item.text.len());
        before == 0 || bytes <= most.bytes
    };
    let kept =
        found.items.iter().take(most.items.max(1)).map(fits).take_while(|fits| *fits).count();
    found.more |= kept < found.items.len();
    found.items.truncate(kept);
}

async fn rows(
    store: &Lease,
    account: &BareJid,
    (after, last): (u64, u64),
    limit: usize,
) -> Result<Found> {
    let owned = (account.domain().to_owned(), account.local().unwrap_or_default().to_owned());
    let limit = u16::try_from(limit).unwrap_or(u16::MAX).clamp(1, crate::store::PAGE_MAX);
    let read = move |view: &mut crate::store::View<'_>| {
        let (domain, local) = (owned.0.as_str(), owned.1.as_str());
        let range = Range::between(
            &(domain, local, after.saturating_add(1)),
            &(domain, local, last.saturating_add(1)),
        );
        let numbers = view.scan(&QUEUED, &range, &Page::first(limit))?;
        let mut found = Found { more: numbers.more, ..Found::default() };
        for ((_, _, number), ()) in numbers.rows {
            // One that has expired waits for nobody.
            if let Some(text) = view.get(&BODY, &number)? {
                found.items.push(Item { number, text });
            }
        }
        Ok(found)
    };
    store.view(Place::Here, read).await
}

/// Whether some account's archive shows it.
async fn is_shown(store: &Lease, number: u64, text: &Bytes) -> Result<bool> {
    for account in parties(text) {
        let key = (account.domain(), account.local().unwrap_or_default(), number);
        if store.get(&TIMELINE, &key).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who sent a stored message, and who it is for.
fn parties(text: &[u8]) -> impl Iterator<Item = BareJid> {
    let element = Parser::within(ns::CLIENT).parse(text).ok();
    let party = move |name| {
        let jid = element.as_ref().and_then(|element| element.attr(name))?;
        crate::jid::Jid::parse(jid).ok().map(|jid| jid.bare())
    };
    ["from", "to"].into_iter().filter_map(party).collect::<Vec<_>>().into_iter()
}

fn key(account: &BareJid, number: u64) -> (&str, &str, u64) {
    (account.domain(), account.local().unwrap_or_default(), number)
}
