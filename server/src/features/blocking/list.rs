//! Lists of blocked addresses: as they are stored, and as the message path asks them.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock};

use crate::feature::Ctx;
use crate::jid::{BareJid, Jid};
use crate::store::{Batch, Page, Range, Result, Store, Tree};

/// One record for each blocked address, by domain, account and address. The key says it all.
pub(super) static BLOCKED: Tree<(String, String, String), ()> = Tree::new(0x24, "blocked");

/// Rows that are read at a time. Most lists end on the first page, which is read in place.
const PAGE: u16 = 16;

/// Bytes of keys that one commit may write: well below what a commit may hold.
const COMMIT_BYTES: usize = 512 * 1024;

/// Enough that two cores seldom meet in one.
const SHARDS: usize = 64;

/// What the lists of one shard may take: 32 MiB in all.
const SHARD_BYTES: usize = 512 * 1024;

/// About what a list costs beside its addresses, and an address beside its text.
const ENTRY_BYTES: usize = 96;

/// The addresses that one account has blocked.
#[derive(Clone, Debug, Default)]
pub(super) struct BlockList(HashSet<Jid>);

impl BlockList {
    /// Reads what is stored.
    pub(super) async fn read(store: &Store, account: &BareJid) -> Result<Self> {
        let range = Range::prefix(&owner(account));
        let mut list = BlockList::default();
        let mut page = Page::first(PAGE);
        loop {
            let found = store.scan(&BLOCKED, &range, page).await?;
            let last = found.rows.last().map(|(key, ())| key.clone());
            for ((_, _, address), ()) in found.rows {
                // What was stored was an address; the tables of a newer Unicode might refuse it.
                list.0.extend(Jid::parse(&address));
            }
            match last.filter(|_| found.more) {
                Some(last) => page = Page::first(u16::MAX).after(&last),
                None => return Ok(list),
            }
        }
    }

    /// Whether an address is blocked. XEP-0191 §6: by itself, by its account, or by its domain.
    /// An address without a localpart is its own `domain/resource`.
    pub(super) fn blocks(&self, other: &Jid) -> bool {
        let listed = |address: &str| self.0.contains(address);
        !self.0.is_empty()
            && (listed(other.as_str()) || listed(other.bare_str()) || listed(other.domain()))
    }

    /// How many addresses there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All addresses, in the order of their text.
    pub(super) fn addresses(&self) -> Vec<&Jid> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_unstable();
        all
    }

    /// This list with more addresses.
    pub(super) fn with(&self, addresses: &[Jid]) -> Self {
        BlockList(self.0.iter().chain(addresses).cloned().collect())
    }

    /// This list without some addresses, which are in the order of their text.
    pub(super) fn without(&self, addresses: &[Jid]) -> Self {
        let is_listed = |jid: &Jid| addresses.binary_search(jid).is_ok();
        BlockList(self.0.iter().filter(|jid| !is_listed(jid)).cloned().collect())
    }

    /// Stores the difference to the list before. One commit for all that fits into one stanza; only
    /// the end of a very long list takes more.
    pub(super) async fn replace(&self, store: &Store, account: &BareJid, old: &Self) -> Result<()> {
        let (domain, local) = owner(account);
        let mut batch = Batch::new();
        for address in old.0.symmetric_difference(&self.0) {
            let key = (domain, local, address.as_str());
            match self.0.contains(address) {
                true => batch.put(&BLOCKED, &key, &()),
                false => batch.delete(&BLOCKED, &key),
            };
            if batch.size() > COMMIT_BYTES {
                store.commit(std::mem::take(&mut batch)).await?;
            }
        }
        if batch.is_empty() { Ok(()) } else { store.commit(batch).await }
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|jid| jid.as_str().len() + ENTRY_BYTES).sum::<usize>() + ENTRY_BYTES
    }
}

fn owner(account: &BareJid) -> (&str, &str) {
    (account.domain(), account.local().unwrap_or_default())
}

/// Lists in memory, so that a message does not have to ask the store. Those that nobody asked for
/// of late may be forgotten at any time.
#[derive(Debug)]
pub(super) struct BlockLists {
    shards: Box<[RwLock<Shard>]>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    lists: HashMap<BareJid, BlockList>,
    bytes: usize,
    /// How often a list was replaced. What was read before the last time may be old.
    changes: u64,
}

impl Default for BlockLists {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        BlockLists { shards, hasher: RandomState::new() }
    }
}

impl BlockLists {
    /// Whether an account blocks an address. Locks nothing but memory, so that it may be asked
    /// with or without the account's lock.
    pub(super) async fn blocks(cx: &Ctx, account: &BareJid, other: &Jid) -> Result<bool> {
        let lists = cx.state::<BlockLists>();
        let Some(shard) = lists.shard(account) else { return Ok(false) };
        let before = {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(list) = shard.lists.get(account) {
                return Ok(list.blocks(other));
            }
            shard.changes
        };
        let list = BlockList::read(&cx.server.store, account).await?;
        let answer = list.blocks(other);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if shard.changes == before {
            shard.insert(account, list);
        }
        Ok(answer)
    }

    /// Puts a list in place that was just stored; the account is locked.
    pub(super) fn replace(&self, account: &BareJid, list: BlockList) {
        self.change(account, |shard| shard.insert(account, list));
    }

    /// Forgets the list of an account that goes.
    pub(super) fn forget(&self, account: &BareJid) {
        self.change(account, |shard| shard.remove(account));
    }

    fn change(&self, account: &BareJid, action: impl FnOnce(&mut Shard)) {
        if let Some(shard) = self.shard(account) {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.changes = shard.changes.wrapping_add(1);
            action(&mut shard);
        }
    }

    fn shard(&self, account: &BareJid) -> Option<&RwLock<Shard>> {
        let index = self.hasher.hash_one(account) % SHARDS as u64;
        // Below SHARDS, so the cast loses nothing.
        self.shards.get(index as usize)
    }
}

impl Shard {
    fn insert(&mut self, account: &BareJid, list: BlockList) {
        self.remove(account);
        // A text of its own: the address may come from a longer one.
        let account = BareJid::parse(account.as_str()).unwrap_or_else(|_| account.clone());
        let bytes = held(&account, &list);
        if self.bytes.saturating_add(bytes) > SHARD_BYTES {
            // Rare, and cheaper than knowing who was asked for last.
            self.lists.clear();
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.lists.insert(account, list);
    }

    fn remove(&mut self, account: &BareJid) {
        if let Some(list) = self.lists.remove(account) {
            self.bytes = self.bytes.saturating_sub(held(account, &list));
        }
    }
}

/// What a list costs in memory, with the account that it is found under.
fn held(account: &BareJid, list: &BlockList) -> usize {
    account.as_str().len() + list.bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(addresses: &[&str]) -> BlockList {
        BlockList(addresses.iter().map(|address| Jid::parse(address).unwrap()).collect())
    }

    fn blocks(listed: &str, other: &str) -> bool {
        list(&[listed]).blocks(&Jid::parse(other).unwrap())
    }

    #[test]
    fn s6_a_full_address_matches_itself_only() {
        assert!(blocks("romeo@localhost/orchard", "romeo@localhost/orchard"));
        assert!(!blocks("romeo@localhost/orchard", "romeo@localhost/street"));
        assert!(!blocks("romeo@localhost/orchard", "romeo@localhost"));
    }

    #[test]
    fn s6_a_bare_address_matches_every_resource() {
        assert!(blocks("romeo@localhost", "romeo@localhost/orchard"));
        assert!(blocks("romeo@localhost", "romeo@localhost"));
        assert!(!blocks("romeo@localhost", "juliet@localhost"));
    }

    #[test]
    fn s6_a_domain_with_a_resource_matches_only_that() {
        assert!(blocks("localhost/orchard", "localhost/orchard"));
        assert!(!blocks("localhost/orchard", "romeo@localhost/orchard"));
        assert!(!blocks("localhost/orchard", "localhost"));
    }

    #[test]
    fn s6_a_domain_matches_everybody_there() {
        for other in ["localhost", "localhost/x", "romeo@localhost", "romeo@localhost/x"] {
            assert!(blocks("localhost", other), "{other}");
        }
        assert!(!blocks("localhost", "romeo@other.localhost"));
    }

    #[test]
    fn a_shard_forgets_rather_than_grows() {
        let mut shard = Shard::default();
        let addresses: Vec<String> = (0..1000).map(|n| format!("a{n}@example.org")).collect();
        let long = list(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
        for n in 0..100 {
            shard.insert(&BareJid::parse(&format!("b{n}@localhost")).unwrap(), long.clone());
            assert!(shard.bytes <= SHARD_BYTES);
        }
        let held = shard.lists.iter().map(|(account, list)| held(account, list));
        assert_eq!(shard.bytes, held.sum::<usize>());
    }
}
