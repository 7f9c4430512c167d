//! One change at a time per account.
//!
//! Stored state and what is sent because of it must leave in the same order: two roster pushes in
//! the wrong order would leave a client with the older item. Whoever reads, commits and sends
//! holds the account's lock meanwhile. The locks are striped, so their number is fixed.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::jid::BareJid;

/// Two accounts share a stripe with a chance of one in 1024; then they only wait for each other.
const STRIPES: usize = 1024;

/// The locks of all accounts.
#[derive(Debug)]
pub struct AccountLocks {
    stripes: Box<[Arc<Mutex<()>>]>,
    hasher: RandomState,
}

/// Held locks; given back when dropped.
#[derive(Debug)]
pub struct AccountGuard(
    #[expect(dead_code, reason = "held for its Drop")] Vec<OwnedMutexGuard<()>>,
);

impl Default for AccountLocks {
    fn default() -> Self {
        let stripes = (0..STRIPES).map(|_| Arc::default()).collect();
        AccountLocks { stripes, hasher: RandomState::new() }
    }
}

impl AccountLocks {
    /// Waits until nobody else changes the account.
    pub async fn lock(&self, account: &BareJid) -> AccountGuard {
        self.lock_all([account]).await
    }

    /// Waits for several accounts; always taken in the same order, so nobody waits in a circle.
    pub async fn lock_all<'a>(
        &self,
        accounts: impl IntoIterator<Item = &'a BareJid>,
    ) -> AccountGuard {
        let mut stripes: Vec<usize> = accounts.into_iter().map(|a| self.stripe(a)).collect();
        stripes.sort_unstable();
        stripes.dedup();
        let mut held = Vec::with_capacity(stripes.len());
        for stripe in stripes.into_iter().filter_map(|index| self.stripes.get(index)) {
            held.push(Arc::clone(stripe).lock_owned().await);
        }
        AccountGuard(held)
    }

    fn stripe(&self, account: &BareJid) -> usize {
        // The remainder is below STRIPES, so the cast back loses nothing.
        (self.hasher.hash_one(account) % STRIPES as u64) as usize
    }
}
