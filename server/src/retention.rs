//! How long an account's messages are kept: as the operator says for the account, or else for its
//! domain, or else for the server. Of a room: for the room, or for the domain's rooms, or as above.
//!
//! What accounts and rooms have of their own is in memory as a whole: every message asks, and few accounts have any.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use crate::archive::Policy;
use crate::config::{Config, Host, Retention, Service, ServiceKind};
use crate::feature::Ctx;
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
    /// How long the messages of an account or a room are kept.
    pub fn retention(&self, account: &BareJid) -> Retention {
        let own = self.retentions.of(account);
        own.unwrap_or_else(|| of_domain(&self.config(), account.domain()))
    }

    /// Gives an account or a room a retention of its own, or takes it away.
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
    pub async fn archive_policy(self: &Arc<Self>) -> Result<Policy, StoreError> {
        let (config, own) = (self.config(), self.retentions.all());
        let mut retentions: Vec<_> = own.iter().map(|(_, retention)| *retention).collect();
        retentions.extend(configured(&config));
        let longest = retentions.iter().max().copied().unwrap_or(Retention::Forever);
        let mut accounts: Vec<_> = own.into_iter().filter(|own| own.1 < longest).collect();
        for host in &config.hosts {
            let retention = of_domain(&config, host.domain.as_str());
            if retention < longest {
                let others = self.others_of(&host.domain).await?;
                accounts.extend(others.into_iter().map(|account| (account, retention)));
            }
            for service in &host.services {
                let retention = of_domain(&config, service.domain.as_str());
                if retention < longest {
                    let others = self.others_behind(service).await?;
                    accounts.extend(others.into_iter().map(|room| (room, retention)));
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

    /// What is behind a service, such as a room, that has an archive and no retention of its own.
    async fn others_behind(
        self: &Arc<Self>,
        service: &Service,
    ) -> Result<Vec<BareJid>, StoreError> {
        let cx = Ctx { server: Arc::clone(self), session: None };
        let mut others = Vec::new();
        for step in self.features.archives_steps(service.kind) {
            others.extend(step(&cx, service.domain.clone()).await?);
        }
        others.retain(|owner| self.retentions.of(owner).is_none());
        Ok(others)
    }
}

/// All retentions that are configured, whoever has them.
fn configured(config: &Config) -> impl Iterator<Item = Retention> {
    let of_host = |host: &Host| [host.retention, host.rooms.retention];
    let of_hosts = config.hosts.iter().flat_map(of_host).flatten();
    of_hosts.chain([config.archive.retention])
}

/// That of a domain or of a service, for those who have none of their own.
fn of_domain(config: &Config, domain: &str) -> Retention {
    let of_service = || config.service(domain).map(|(kind, host)| (Some(kind), host));
    let host = config.hosts.iter().find(|host| host.domain.as_str() == domain);
    let own = match host.map(|host| (None, host)).or_else(of_service) {
        Some((Some(ServiceKind::Rooms), host)) => host.rooms.retention.or(host.retention),
        Some((_, host)) => host.retention,
        None => None,
    };
    own.unwrap_or(config.archive.retention)
}

/// What is stored was an address once.
fn address(domain: &str, local: &str) -> Option<BareJid> {
    let (local, domain) = (Localpart::parse(local).ok()?, Domain::parse(domain).ok()?);
    Some(BareJid::new(Some(local), domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Check;

    fn config(more: &str) -> Config {
        let host = |domain: &str| {
            format!("[[host]]\ndomain = '{domain}'\ncertificate = '/c'\nkey_file = '/k'\n")
        };
        let archive = "[archive]\nretention = '30d'\n";
        let text = format!("{archive}{}{more}{}", host("localhost"), host("montague.example"));
        Config::parse(&text, "test", Check::Syntax).unwrap().0
    }

    fn of(config: &Config, domain: &str) -> String {
        of_domain(config, domain).to_string()
    }

    #[test]
    fn rooms_keep_as_long_as_the_domain_and_the_domain_as_long_as_the_server() {
        let config = config("retention = '60d'\n");
        assert_eq!(of(&config, "localhost"), "60d");
        assert_eq!(of(&config, "rooms.localhost"), "60d");
        assert_eq!(of(&config, "montague.example"), "30d");
        assert_eq!(of(&config, "rooms.montague.example"), "30d");
    }

    #[test]
    fn rooms_may_keep_for_another_time_than_the_domain() {
        let config = config("retention = '60d'\n[host.rooms]\nretention = '0'\n");
        assert_eq!(of(&config, "localhost"), "60d");
        assert_eq!(of(&config, "rooms.localhost"), "0");
    }

    #[test]
    fn the_retention_of_rooms_is_among_those_that_are_configured_even_while_there_are_none() {
        let of_rooms = "[host.rooms]\nenabled = false\nretention = '90d'\n";
        let config = config(&format!("retention = '60d'\n{of_rooms}"));
        let all: Vec<_> = configured(&config).map(|retention| retention.to_string()).collect();
        assert_eq!(all, ["60d", "90d", "30d"]);
    }
}
