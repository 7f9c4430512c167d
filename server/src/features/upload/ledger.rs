//! What is promised and what is under way: how much accounts have, how often they asked, which slots are open,
//! and which of them are being filled.
//!
//! All of it is in memory. How much there is follows from the records, which are read once, so that no count
//! can drift from what it counts. A file takes its slot's room from the moment that is given; a slot that ends
//! unused gives it back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use super::token::Id;
use super::trees::Found;
use crate::clock::Timestamp;
use crate::jid::BareJid;
use crate::sync;

/// XEP-0363 §"Implementation Notes" recommends this for the time in which an upload must begin.
pub const SLOT_TIME: Duration = Duration::from_secs(300);

/// The least that a file counts: many tiny ones take blocks and directory entries too.
const BLOCK: u64 = 4096;

/// In which time `slots_per_hour` come back.
const HOUR: Duration = Duration::from_secs(3600);

/// Accounts whose requests are remembered before those are forgotten that may ask as often as anybody.
const REMEMBERED: usize = 10_000;

/// What files may take, and how often slots are given.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Of one account.
    pub account_bytes: u64,
    /// Of all accounts.
    pub total_bytes: u64,
    /// Slots of one account.
    pub slots_per_hour: u32,
}

/// Why no room is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The account asks too often; after this time it may again.
    TooOften(Duration),
    /// The account has too much, by so many bytes.
    AccountFull(u64),
    /// All together have.
    Full,
}

/// Why a slot cannot be filled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclaimed {
    /// There is none any more.
    Gone,
    /// Somebody does.
    Taken,
    /// Its owner is filling as many as may be filled at a time.
    TooMany,
}

/// Slots of one account that are filled at a time: each takes memory.
const TOGETHER: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    bytes: HashMap<BareJid, u64>,
    total: u64,
    open: HashMap<Id, Slot>,
    /// When an account will have all its slots of an hour again.
    full_again: HashMap<BareJid, Timestamp>,
}

#[derive(Debug)]
struct Slot {
    owner: BareJid,
    size: u64,
    asked: Timestamp,
    /// Whoever fills it listens here.
    claim: Option<Arc<Notify>>,
}

impl Ledger {
    /// The ledger that follows from what is stored.
    pub fn count(&self, found: &Found) {
        let mut book = sync::lock(&self.0);
        book.add(&found.owner, charge(found.upload.size));
        if found.upload.stored.is_none() {
            book.open(found.id, &found.owner, found.upload.size, found.upload.asked);
        }
    }

    /// Promises room for a file.
    ///
    /// # Errors
    /// What is in the way; nothing has changed then, but that the account has asked.
    pub fn reserve(
        &self,
        owner: &BareJid,
        (id, size): (Id, u64),
        now: Timestamp,
        bounds: Bounds,
    ) -> Result<(), Refusal> {
        let mut book = sync::lock(&self.0);
        book.ask(owner, now, bounds.slots_per_hour)?;
        let (has, wants) = (book.bytes.get(owner).copied().unwrap_or_default(), charge(size));
        let would = has.saturating_add(wants);
        if would > bounds.account_bytes {
            return Err(Refusal::AccountFull(would - bounds.account_bytes));
        }
        if book.total.saturating_add(wants) > bounds.total_bytes {
            return Err(Refusal::Full);
        }
        book.add(owner, wants);
        book.open(id, owner, size, now);
        Ok(())
    }

    /// Takes a slot to fill it. Who has it hears there when the file is not wanted any more.
    ///
    /// # Errors
    /// It is taken, or none any more, or one too many.
    pub fn claim(&self, id: Id, now: Timestamp) -> Result<Arc<Notify>, Unclaimed> {
        let mut book = sync::lock(&self.0);
        let slot = book.open.get(&id).ok_or(Unclaimed::Gone)?;
        if slot.claim.is_some() {
            return Err(Unclaimed::Taken);
        }
        if now.since(slot.asked) > SLOT_TIME {
            return Err(Unclaimed::Gone);
        }
        let (claim, owner) = (Arc::new(Notify::new()), slot.owner.clone());
        if book.claimed(&owner) >= TOGETHER {
            return Err(Unclaimed::TooMany);
        }
        if let Some(slot) = book.open.get_mut(&id) {
            slot.claim = Some(Arc::clone(&claim));
        }
        Ok(claim)
    }

    /// A slot has become a file.
    pub fn fill(&self, id: Id) {
        sync::lock(&self.0).open.remove(&id);
    }

    /// A slot or a file is no more: its room is given back, and whoever fills it is told.
    pub fn remove(&self, owner: &BareJid, id: Id, size: u64) {
        let mut book = sync::lock(&self.0);
        if let Some(claim) = book.open.remove(&id).and_then(|slot| slot.claim) {
            // Kept for somebody who does not listen yet.
            claim.notify_one();
        }
        book.take(owner, charge(size));
    }

    /// Whether somebody is filling a slot.
    pub fn is_claimed(&self, id: Id) -> bool {
        sync::lock(&self.0).open.get(&id).is_some_and(|slot| slot.claim.is_some())
    }

    /// Slots whose time is over and that nobody fills, with whose they are.
    pub fn late(&self, now: Timestamp) -> Vec<(BareJid, Id)> {
        let book = sync::lock(&self.0);
        let is_late = |slot: &Slot| slot.claim.is_none() && now.since(slot.asked) > SLOT_TIME;
        let late = book.open.iter().filter(|(_, slot)| is_late(slot));
        late.map(|(id, slot)| (slot.owner.clone(), *id)).collect()
    }

    /// Bytes that all accounts have been promised.
    pub fn total(&self) -> u64 {
        sync::lock(&self.0).total
    }

    /// Bytes that all accounts have been promised and that have not come yet.
    pub fn expected(&self) -> u64 {
        sync::lock(&self.0).open.values().map(|slot| slot.size).sum()
    }
}

impl Book {
    fn add(&mut self, owner: &BareJid, bytes: u64) {
        *self.bytes.entry(owner.clone()).or_default() += bytes;
        self.total += bytes;
    }

    fn take(&mut self, owner: &BareJid, bytes: u64) {
        self.total = self.total.saturating_sub(bytes);
        if let Some(has) = self.bytes.get_mut(owner) {
            *has = has.saturating_sub(bytes);
            if *has == 0 {
                self.bytes.remove(owner);
            }
        }
    }

    fn open(&mut self, id: Id, owner: &BareJid, size: u64, asked: Timestamp) {
        let slot = Slot { owner: owner.clone(), size, asked, claim: None };
        self.open.insert(id, slot);
    }

    /// How many slots of an account are being filled.
    fn claimed(&self, owner: &BareJid) -> usize {
        let is_one = |slot: &&Slot| slot.claim.is_some() && slot.owner == *owner;
        self.open.values().filter(is_one).count()
    }

    /// Counts a request. An account may ask `most` times at once, and each time is forgotten evenly over the
    /// hour: all that has to be known is when the last one will be.
    fn ask(&mut self, owner: &BareJid, now: Timestamp, most: u32) -> Result<(), Refusal> {
        let one = HOUR / most.max(1);
        let until = self.full_again.get(owner).copied().filter(|until| *until > now);
        let until = later(until.unwrap_or(now), one);
        if let Some(wait) = until.since(now).checked_sub(HOUR).filter(|wait| !wait.is_zero()) {
            return Err(Refusal::TooOften(wait));
        }
        if self.full_again.len() >= REMEMBERED {
            self.full_again.retain(|_, until| *until > now);
        }
        self.full_again.insert(owner.clone(), until);
        Ok(())
    }
}

/// What a file of that size counts.
fn charge(size: u64) -> u64 {
    size.max(1).checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX)
}

/// A moment so much later.
pub fn later(moment: Timestamp, by: Duration) -> Timestamp {
    Timestamp(moment.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { account_bytes: 10 * BLOCK, total_bytes: 15 * BLOCK, slots_per_hour: 60 };

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    fn id(number: u8) -> Id {
        Id::parse(&format!("{number:032x}")).unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn an_account_gets_as_much_as_it_may_and_gets_it_again_when_it_gives_it_back() {
        let (ledger, juliet) = (Ledger::default(), jid("juliet@localhost"));
        assert_eq!(ledger.reserve(&juliet, (id(1), 9 * BLOCK), at(0), BOUNDS), Ok(()));
        let refused = ledger.reserve(&juliet, (id(2), 2 * BLOCK), at(0), BOUNDS);
        assert_eq!(refused, Err(Refusal::AccountFull(BLOCK)));
        ledger.remove(&juliet, id(1), 9 * BLOCK);
        assert_eq!(ledger.total(), 0);
        assert_eq!(ledger.reserve(&juliet, (id(2), 10 * BLOCK), at(0), BOUNDS), Ok(()));
    }

    #[test]
    fn all_accounts_together_get_no_more_than_there_is() {
        let ledger = Ledger::default();
        let (juliet, romeo) = (jid("juliet@localhost"), jid("romeo@localhost"));
        assert_eq!(ledger.reserve(&juliet, (id(1), 10 * BLOCK), at(0), BOUNDS), Ok(()));
        let refused = ledger.reserve(&romeo, (id(2), 6 * BLOCK), at(0), BOUNDS);
        assert_eq!(refused, Err(Refusal::Full));
        assert_eq!(ledger.reserve(&romeo, (id(2), 5 * BLOCK), at(0), BOUNDS), Ok(()));
    }

    #[test]
    fn the_smallest_file_counts_as_a_block_and_the_largest_number_is_too_much() {
        assert_eq!((charge(0), charge(1), charge(BLOCK + 1)), (BLOCK, BLOCK, 2 * BLOCK));
        let (ledger, juliet) = (Ledger::default(), jid("juliet@localhost"));
        ledger.reserve(&juliet, (id(1), 1), at(0), BOUNDS).unwrap();
        assert!(ledger.reserve(&juliet, (id(2), u64::MAX), at(0), BOUNDS).is_err());
    }

    #[test]
    fn who_asks_too_often_waits_until_one_request_is_forgotten() {
        let (ledger, juliet) = (Ledger::default(), jid("juliet@localhost"));
        let bounds = Bounds { account_bytes: u64::MAX, total_bytes: u64::MAX, ..BOUNDS };
        let ask = |second| ledger.reserve(&juliet, (id(1), 1), at(second), bounds);
        (0..60).for_each(|_| ask(0).unwrap());
        assert_eq!(ask(0), Err(Refusal::TooOften(Duration::from_secs(60))));
        assert_eq!(ask(59), Err(Refusal::TooOften(Duration::from_secs(1))));
        assert_eq!(ask(60), Ok(()));
        assert_eq!(ask(60), Err(Refusal::TooOften(Duration::from_secs(60))));
        assert_eq!(ledger.reserve(&jid("romeo@localhost"), (id(2), 1), at(60), bounds), Ok(()));
    }

    #[test]
    fn a_slot_is_filled_once() {
        let (ledger, juliet) = (Ledger::default(), jid("juliet@localhost"));
        assert_eq!(ledger.claim(id(1), at(0)).err(), Some(Unclaimed::Gone));
        ledger.reserve(&juliet, (id(1), 1), at(0), BOUNDS).unwrap();
        assert!(ledger.claim(id(1), at(1)).is_ok());
        assert_eq!(ledger.claim(id(1), at(1)).err(), Some(Unclaimed::Taken));
        ledger.fill(id(1));
        assert_eq!(ledger.claim(id(1), at(1)).err(), Some(Unclaimed::Gone));
        assert_eq!(ledger.total(), BLOCK);
    }

    #[test]
    fn a_slot_ends_after_its_time_unless_somebody_fills_it() {
        let (ledger, juliet) = (Ledger::default(), jid("juliet@localhost"));
        ledger.reserve(&juliet, (id(1), 7), at(0), BOUNDS).unwrap();
        ledger.reserve(&juliet, (id(2), 8), at(0), BOUNDS).unwrap();
        assert_eq!(ledger.expected(), 15);
        ledger.claim(id(1), at(300)).unwrap();
        assert_eq!(ledger.late(at(300)), []);
        assert_eq!(ledger.late(at(301)), [(juliet, id(2))]);
        assert_eq!(ledger.claim(id(2), at(301)).err(), Some(Unclaimed::Gone));
    }

    #[test]
    fn an_account_fills_so_many_slots_at_a_time() {
        let (ledger, juliet) = (Ledger::default(), jid("juliet@localhost"));
        let bounds = Bounds { account_bytes: u64::MAX, total_bytes: u64::MAX, ..BOUNDS };
        for number in 0..33 {
            ledger.reserve(&juliet, (id(number), 1), at(0), bounds).unwrap();
        }
        let claims: Vec<_> = (0..33).map(|number| ledger.claim(id(number), at(0))).collect();
        assert!(claims[..32].iter().all(Result::is_ok));
        assert_eq!(ledger.claim(id(32), at(0)).err(), Some(Unclaimed::TooMany));
        ledger.fill(id(0));
        assert!(ledger.claim(id(32), at(0)).is_ok());
    }

    #[tokio::test]
    async fn who_fills_a_slot_that_is_removed_is_told() {
        let (ledger, juliet) = (Ledger::default(), jid("juliet@localhost"));
        ledger.reserve(&juliet, (id(1), 1), at(0), BOUNDS).unwrap();
        let claim = ledger.claim(id(1), at(0)).unwrap();
        ledger.remove(&juliet, id(1), 1);
        claim.notified().await;
    }
}
