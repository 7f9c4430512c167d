//! An account's queue as it is stored. Whoever changes one has locked the account.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::jid::BareJid;
use crate::store::{Batch, Headed, Page, Range, Record, Result, Rows, Store, Tree};

/// The messages by domain, account and number, which is the stanza id (XEP-0359).
pub(super) static OFFLINE: Tree<(String, String, u64), Stored> = Tree::new(0x20, "offline");

/// A message as XML with what is known about it.
pub(super) type Stored = Headed<Header>;

/// Rows that are read at a time.
const PAGE: u16 = 64;

/// Bytes of keys that one commit removes. A large value is stored in up to nine parts with keys of
/// their own; ten times this is well below what a commit may hold.
const REMOVED_AT_ONCE: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// When the server took it.
    pub(super) taken: Timestamp,
    /// Its place among all that the account was ever sent. The places of the first and the last
    /// message say how many there are without reading those between.
    place: u64,
}

impl Record for Header {}

/// A message and its number.
type Row = (u64, Stored);

/// One account's queue.
pub(super) struct Queue<'a> {
    store: &'a Store,
    account: &'a BareJid,
}

impl<'a> Queue<'a> {
    pub(super) fn of(store: &'a Store, account: &'a BareJid) -> Self {
        Queue { store, account }
    }

    /// How many messages there are, or some more: those that were taken out of the middle count
    /// until those before them are gone.
    pub(super) async fn length(&self) -> Result<u64> {
        let (first, last) = (self.edge(Page::first(1)).await?, self.edge(Page::last(1)).await?);
        Ok(match (first, last) {
            (Some((_, first)), Some((_, last))) => {
                last.header.place.saturating_sub(first.header.place).saturating_add(1)
            }
            _ => 0,
        })
    }

    /// The greatest number.
    pub(super) async fn greatest(&self) -> Result<Option<u64>> {
        Ok(self.edge(Page::last(1)).await?.map(|(number, _)| number))
    }

    /// The text of a message.
    pub(super) async fn text(&self, number: u64) -> Result<Option<String>> {
        let stored = self.store.get(&OFFLINE, &self.key(number)).await?;
        Ok(stored.map(|stored| stored.text))
    }

    /// Adds a message, durably when it returns.
    pub(super) async fn add(&self, number: u64, taken: Timestamp, text: String) -> Result<()> {
        let mut batch = Batch::new();
        let place = match self.edge(Page::last(1)).await? {
            None => 0,
            Some((last, stored)) if last < number => stored.header.place.saturating_add(1),
            // A connection gave it back after others had come. The last one moves on by one, so
            // that the length holds.
            Some((last, mut stored)) => {
                stored.header.place = stored.header.place.saturating_add(1);
                batch.put(&OFFLINE, &self.key(last), &stored);
                let next = self.after(number.checked_sub(1), 1).await?.rows.into_iter().next();
                next.map_or(stored.header.place, |(_, next)| next.header.place)
            }
        };
        let stored = Headed { header: Header { taken, place }, text };
        batch.put(&OFFLINE, &self.key(number), &stored);
        self.store.commit(batch).await
    }

    /// Takes messages out; numbers that are gone already do no harm.
    pub(super) async fn remove(&self, numbers: &[u64]) -> Result<()> {
        let mut batch = Batch::new();
        for number in numbers {
            batch.delete(&OFFLINE, &self.key(*number));
            if batch.size() > REMOVED_AT_ONCE {
                self.store.commit(std::mem::take(&mut batch)).await?;
            }
        }
        self.store.commit(batch).await
    }

    /// The next page of messages behind a number, or from the start.
    pub(super) async fn page(&self, after: Option<u64>) -> Result<Rows<u64, Stored>> {
        self.after(after, PAGE).await
    }

    async fn after(&self, number: Option<u64>, limit: u16) -> Result<Rows<u64, Stored>> {
        let page = match number {
            None => Page::first(limit),
            Some(number) => Page::first(limit).after(&self.key(number)),
        };
        let Rows { rows, more } = self.store.scan(&OFFLINE, &self.range(), page).await?;
        let rows = rows.into_iter().map(|((_, _, number), stored)| (number, stored)).collect();
        Ok(Rows { rows, more })
    }

    async fn edge(&self, page: Page<Form>) -> Result<Option<Row>> {
        let found = self.store.scan(&OFFLINE, &self.range(), page).await?;
        Ok(found.into_iter().next().map(|((_, _, number), stored)| (number, stored)))
    }

    fn range(&self) -> Range<Form> {
        Range::prefix(&(self.account.domain(), self.local()))
    }

    fn key(&self, number: u64) -> (&str, &str, u64) {
        (self.account.domain(), self.local(), number)
    }

    fn local(&self) -> &str {
        self.account.local().unwrap_or_default()
    }
}

/// The form of the tree's keys.
type Form = <(String, String, u64) as crate::store::AsKey>::Form;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Catalog, Options};

    /// A queue that was sent these numbers in this order.
    async fn filled(store: &Store, account: &BareJid, numbers: &[u64]) {
        for number in numbers {
            let queue = Queue::of(store, account);
            queue.add(*number, Timestamp(*number), number.to_string()).await.unwrap();
        }
    }

    async fn store() -> Store {
        let catalog = Catalog::new(vec![OFFLINE.account_info(1, "test")]).unwrap();
        Store::open(Options::transient(), catalog).await.unwrap()
    }

    fn account() -> BareJid {
        BareJid::parse("juliet@localhost").unwrap()
    }

    #[tokio::test]
    async fn the_length_counts_what_is_there() {
        let (store, account) = (store().await, account());
        let queue = Queue::of(&store, &account);
        assert_eq!(queue.length().await.unwrap(), 0);
        filled(&store, &account, &[10, 20, 30]).await;
        assert_eq!(queue.length().await.unwrap(), 3);
        queue.remove(&[10, 10, 99]).await.unwrap();
        assert_eq!(queue.length().await.unwrap(), 2);
        queue.remove(&[20, 30]).await.unwrap();
        assert_eq!(queue.length().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_message_that_comes_back_late_is_read_in_its_place_and_counted() {
        let (store, account) = (store().await, account());
        let queue = Queue::of(&store, &account);
        filled(&store, &account, &[20, 40, 50, 10, 30, 31]).await;
        assert_eq!(queue.length().await.unwrap(), 6);
        let page = queue.page(None).await.unwrap();
        let numbers: Vec<_> = page.rows.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [10, 20, 30, 31, 40, 50]);
        // Whatever is taken from the front, there are never more than the length says.
        for (taken, number) in numbers.into_iter().enumerate() {
            let left = 6 - u64::try_from(taken).unwrap();
            assert!(queue.length().await.unwrap() >= left);
            queue.remove(&[number]).await.unwrap();
        }
        assert_eq!(queue.length().await.unwrap(), 0);
    }
}
