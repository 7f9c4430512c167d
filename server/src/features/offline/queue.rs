//! Since when an account may have messages that wait.
//!
//! The queue itself lies in the archive, so that a message is stored and queued at once. What is
//! kept here says where to begin looking for it, and is written before an account's first message
//! is queued; it moves forward when the queue is empty.

use std::collections::HashMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::archive::Most;
use crate::jid::BareJid;
use crate::server::Server;
use crate::store::{Batch, Record, Result, Tree};
use crate::sync::lock;

/// By domain and account.
pub(super) static OFFLINE: Tree<(String, String), Waiting> = Tree::new(0x20, "offline");

/// Messages that are counted at a time.
const PAGE: Most = Most { items: 250, bytes: usize::MAX };

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// Every message that waits has a greater number.
    behind: u64,
}

impl Record for Waiting {}

/// What is known of the queues that were used since the start.
#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<HashMap<BareJid, Known>>);

#[derive(Clone, Copy, Debug)]
struct Known {
    behind: u64,
    count: u64,
}

impl Queues {
    /// Behind which number an account's queue begins; nothing if it never had one.
    pub(super) async fn begins(&self, server: &Server, account: &BareJid) -> Result<Option<u64>> {
        Ok(self.known(server, account).await?.map(|known| known.behind))
    }

    /// Makes room for one more message, if there are fewer than `most`: for one of that number, or
    /// for one that is to be numbered.
    pub(super) async fn make_room(
        &self,
        server: &Server,
        account: &BareJid,
        number: Option<u64>,
        most: u64,
    ) -> Result<bool> {
        let behind = number.map(|number| number.saturating_sub(1));
        let known = match self.known(server, account).await? {
            Some(known) => known,
            None => self.create(server, account, behind).await?,
        };
        if known.count >= most {
            return Ok(false);
        }
        if let Some(behind) = behind.filter(|behind| *behind < known.behind) {
            // It was sent to somebody before, and comes back.
            self.write(server, account, behind).await?;
            self.change(account, |known| known.behind = known.behind.min(behind));
        }
        self.change(account, |known| known.count += 1);
        Ok(true)
    }

    /// Some messages are out; when none is left, the queue begins behind `last`.
    pub(super) async fn removed(
        &self,
        server: &Server,
        account: &BareJid,
        removed: usize,
        last: u64,
    ) -> Result<()> {
        let removed = u64::try_from(removed).unwrap_or(u64::MAX);
        let is_empty = self.change(account, |known| {
            known.count = known.count.saturating_sub(removed);
            if known.count == 0 {
                known.behind = known.behind.max(last);
            }
            known.count == 0
        });
        if is_empty == Some(true) {
            self.write(server, account, last).await?;
        }
        Ok(())
    }

    async fn known(&self, server: &Server, account: &BareJid) -> Result<Option<Known>> {
        if let Some(known) = lock(&self.0).get(account.as_str()) {
            return Ok(Some(*known));
        }
        let Some(Waiting { behind }) = server.store.get(&OFFLINE, &key(account)).await? else {
            return Ok(None);
        };
        let known = Known { behind, count: count(server, account, behind).await? };
        Ok(Some(*lock(&self.0).entry(account.clone()).or_insert(known)))
    }

    async fn create(
        &self,
        server: &Server,
        account: &BareJid,
        behind: Option<u64>,
    ) -> Result<Known> {
        let behind = behind.unwrap_or_else(|| server.archive.number());
        self.write(server, account, behind).await?;
        let known = Known { behind, count: 0 };
        Ok(*lock(&self.0).entry(account.clone()).or_insert(known))
    }

    async fn write(&self, server: &Server, account: &BareJid, behind: u64) -> Result<()> {
        let mut batch = Batch::new();
        batch.put(&OFFLINE, &key(account), &Waiting { behind });
        server.store.commit(batch).await
    }

    fn change<R>(&self, account: &BareJid, action: impl FnOnce(&mut Known) -> R) -> Option<R> {
        lock(&self.0).get_mut(account.as_str()).map(action)
    }

    /// Forgets an account that is removed.
    pub(super) fn forget(&self, account: &BareJid) {
        lock(&self.0).remove(account.as_str());
    }
}

async fn count(server: &Server, account: &BareJid, behind: u64) -> Result<u64> {
    let (mut count, mut after) = (0, behind);
    loop {
        let found = server.archive.queued(account, after, PAGE).await?;
        count += u64::try_from(found.items.len()).unwrap_or(u64::MAX);
        match found.items.last() {
            Some(last) if found.more => after = last.number,
            _ => return Ok(count),
        }
    }
}

fn key(account: &BareJid) -> (&str, &str) {
    (account.domain(), account.local().unwrap_or_default())
}
