//! How long an account's messages are kept: as the operator says for the account, or else for its
//! domain, or else for the server.
//!
//! What accounts have of their own is in memory as a whole: every message asks, and few accounts have any.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::archive::Policy;
use crate::config::{Config, Retention};
use crate::jid::{BareJid, Domain, Localpart};
use crate::server::Server;
use crate::store::{Batch, Page, Range, Record, Store, StoreError, Tree};

/// Domain and account: what differs from the domain's.
pub static RETENTION: Tree<(String, String), Own> = Tree::new(0x31, "retention");

/// Rows that are read at once.
const PAGE: u16 = 256;

/// What is stored for one account.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Own {
    retention: Retention,
}

impl Record for Own {}

/// What accounts have of their own.
#[derive(Debug, Default)]
pub struct Retentions(RwLock<HashMap<BareJid, Retention>>);

impl Retentions {
    /// Reads all of them.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let mut all = HashMap::new();
        let mut page = Page::first(PAGE);
        loop {
            let found = store.scan(&RETENTION, &Range::all(), page).await?;
            let last = found.rows.last().map(|(key, _)| key.clone());
            for ((domain, local), own) in found.rows {
                all.extend(address(&domain, &local).map(|account| (account, own.retention)));
            }
            match last.filter(|_| found.more) {
                Some(last) => page = Page::first(PAGE).after(&last),
                None => return Ok(Self(RwLock::new(all))),
            }
        }
    }

    /// What an account has of its own.
    pub fn of(&self, account: &BareJid) -> Option<Retention> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(account).copied()
    }

    /// Forgets an account that is removed; its record goes with all others.
    pub fn forget(&self, account: &BareJid) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(account);
    }

    fn all(&self) -> Vec<(BareJid, Retention)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(account, retention)| (account.clone(), *retention)).collect()
    }

    fn set(&self, account: &BareJid, retention: Option<Retention>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match retention {
            Some(retention) => drop(all.insert(account.clone(), retention)),
            None => drop(all.remove(account)),
        }
    }
}

impl Server {
    /// How long an account's messages are kept.
    pub fn retention(&self, account: &BareJid) -> Retention {
        let own = self.retentions.of(account);
        own.unwrap_or_else(|| of_domain(&self.config(), account.domain()))
    }

    /// Gives an account a retention of its own, or takes it away.
    ///
    /// # Errors
    /// The store's; nothing has changed then.
    pub async fn set_retention(
        &self,
        account: &BareJid,
        retention: Option<Retention>,
    ) -> Result<(), StoreError> {
        let key = (account.domain(), account.local().unwrap_or_default());
        let mut batch = Batch::new();
        match retention {
            Some(retention) => batch.put(&RETENTION, &key, &Own { retention }),
            None => batch.delete(&RETENTION, &key),
        };
        let _guard = self.locks.lock(account).await;
        self.store.commit(batch).await?;
        self.retentions.set(account, retention);
        Ok(())
    }

    /// What the archive has to know to delete what is over.
    ///
    /// # Errors
    /// The store's.
    pub async fn archive_policy(&self) -> Result<Policy, StoreError> {
        let (config, own) = (self.config(), self.retentions.all());
        let mut retentions: Vec<_> = own.iter().map(|(_, retention)| *retention).collect();
        retentions.push(config.archive.retention);
        retentions.extend(config.hosts.iter().filter_map(|host| host.retention));
        let longest = retentions.iter().max().copied().unwrap_or(Retention::Forever);
        let mut accounts: Vec<_> = own.into_iter().filter(|own| own.1 < longest).collect();
        for host in &config.hosts {
            let retention = of_domain(&config, host.domain.as_str());
            if retention < longest {
                for account in self.others_of(&host.domain).await? {
                    accounts.push((account, retention));
                }
            }
        }
        Ok(Policy { retentions, accounts })
    }

    /// A domain's accounts that have no retention of their own.
    async fn others_of(&self, domain: &Domain) -> Result<Vec<BareJid>, StoreError> {
        let all = self.accounts.list(domain).await?;
        let all = all.into_iter().filter_map(|(local, _)| address(domain.as_str(), &local));
        Ok(all.filter(|account| self.retentions.of(account).is_none()).collect())
    }
}

fn of_domain(config: &Config, domain: &str) -> Retention {
    let host = config.hosts.iter().find(|host| host.domain.as_str() == domain);
    host.and_then(|host| host.retention).unwrap_or(config.archive.retention)
}

/// What is stored was an address once.
fn address(domain: &str, local: &str) -> Option<BareJid> {
    let (local, domain) = (Localpart::parse(local).ok()?, Domain::parse(domain).ok()?);
    Some(BareJid::new(Some(local), domain))
}
