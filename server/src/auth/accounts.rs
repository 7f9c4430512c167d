//! Accounts: made by the operator or an invitation, never by a stranger.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::operator::Guesses;
use super::password::{CredentialError, Credentials, Password, Pepper, Stored};
use super::scram::{Hash, Iterations, Keys};
use super::throttle::{Attempt, RetryAfter, Throttle};
use super::tokens::DEVICES;
use crate::clock::{Clock, Timestamp};
use crate::config::PasswordHash;
use crate::feature::Registry;
use crate::jid::{BareJid, Domain};
use crate::net::Peer;
use crate::store::{Batch, Expect, Page, Range, Record, Store, StoreError, Tree};
use crate::sync::lock;

/// One record per account. It is the last to go when an account is removed.
pub static ACCOUNTS: Tree<(String, String), Account> = Tree::new(0x02, "accounts");

/// Secrets of the server's own, by purpose.
static SECRETS: Tree<String, Bytes> = Tree::new(0x03, "secrets");

/// The same tree for those who want the names alone: what is kept of an account is not decoded.
static NAMES: Tree<(String, String), Bytes> = Tree::new(0x02, "accounts");

/// Makes the salts of accounts that do not exist.
const FAKE_SALTS: &str = "fake salts";

/// Makes the resources of clients that are recognised.
const RESOURCES: &str = "resources";

/// Accounts that a listing reads at once.
const PAGE: u16 = 256;

pub(super) fn register(on: &mut Registry) {
    on.tree(ACCOUNTS.account_info(1, "accounts with what verifies their passwords"));
    on.tree(SECRETS.info(1, "random secrets that the server made for itself"));
}

/// What is kept of an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    pub(super) credentials: Stored,
    /// When it was made.
    pub created: Timestamp,
    /// Whether its owner is an operator.
    #[serde(default)]
    pub admin: bool,
    /// Whether nobody may log in.
    #[serde(default)]
    pub disabled: bool,
    /// Whether its removal has begun; what is left of it goes at the next chance.
    #[serde(default)]
    pub leaving: bool,
}

impl Record for Account {}

/// Why an account cannot be made or changed. The operator is told.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// There is one of that name.
    #[error("the account exists already; change its password with `cloister user passwd`")]
    Exists,
    /// There is none.
    #[error("there is no such account; `cloister user list` shows those there are")]
    Missing,
    /// The address has no localpart.
    #[error("an account's address has a part before the @, as in alice@example.org")]
    NoLocalpart,
    /// The password could not be hashed.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server is stopping.
    #[error("the server is stopping; try again")]
    Stopping,
}

/// All accounts.
pub struct Accounts {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) pepper: Option<Pepper>,
    pub(super) random: SystemRandom,
    fake_salts: Bytes,
    resources: Bytes,
    hashing: Arc<Semaphore>,
    throttle: Mutex<Throttle>,
    pub(super) guesses: Guesses,
    changes: AtomicU64,
}

/// An account as a login sees it, whether it exists or not.
pub(super) struct Found {
    pub(super) account: BareJid,
    pub(super) credentials: Credentials,
    /// None if the account does not exist, and the credentials fit no password.
    pub(super) record: Option<Account>,
}

/// How passwords of a host are kept.
#[derive(Clone, Copy, Debug)]
pub struct Hashing {
    /// SCRAM keys or Argon2id.
    pub kind: PasswordHash,
    /// Rounds of new SCRAM keys.
    pub iterations: Iterations,
}

impl Accounts {
    /// Opens the accounts of a store. `hashing_slots` passwords are hashed at the same time.
    ///
    /// # Errors
    /// The store fails, or the machine has no random numbers.
    pub async fn open(
        store: Store,
        clock: Clock,
        pepper: Option<Pepper>,
        throttle: Throttle,
        hashing_slots: usize,
    ) -> Result<Self, AccountError> {
        let random = SystemRandom::new();
        let fake_salts = secret(&store, FAKE_SALTS, &random).await?;
        let resources = secret(&store, RESOURCES, &random).await?;
        let hashing = Arc::new(Semaphore::new(hashing_slots));
        let throttle = Mutex::new(throttle);
        let changes = AtomicU64::new(0);
        Ok(Accounts {
            store,
            clock,
            pepper,
            random,
            fake_salts,
            resources,
            hashing,
            throttle,
            guesses: Guesses::default(),
            changes,
        })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// It exists, or the store fails.
    pub async fn create(
        &self,
        account: &BareJid,
        password: Password,
        hashing: Hashing,
        admin: bool,
    ) -> Result<(), AccountError> {
        let key = key(account)?;
        if self.store.get(&ACCOUNTS, &key).await?.is_some() {
            return Err(AccountError::Exists);
        }
        let credentials = self.hash(account, password, hashing).await?;
        let created = self.clock.now();
        let record = Account { credentials, created, admin, disabled: false, leaving: false };
        let mut batch = Batch::new();
        batch.expect(&ACCOUNTS, &key, Expect::Absent).put(&ACCOUNTS, &key, &record);
        match self.store.commit(batch).await {
            Err(StoreError::Conflict) => Err(AccountError::Exists),
            done => Ok(done?),
        }
    }

    /// Replaces a password.
    ///
    /// # Errors
    /// There is no such account, or the store fails.
    pub async fn set_password(
        &self,
        account: &BareJid,
        password: Password,
        hashing: Hashing,
    ) -> Result<(), AccountError> {
        let credentials = self.hash(account, password, hashing).await?;
        // Tokens that were given for the old password go with it.
        self.change(account, true, |record| record.credentials = credentials.clone()).await
    }

    /// Lets nobody log in to an account any more, or lets them again. Its tokens go.
    ///
    /// # Errors
    /// There is no such account, or the store fails.
    pub async fn set_disabled(&self, account: &BareJid, to: bool) -> Result<(), AccountError> {
        self.change(account, to, |record| record.disabled = to).await
    }

    /// Says whether an account's owner is an operator.
    ///
    /// # Errors
    /// There is no such account, or the store fails.
    pub async fn set_admin(&self, account: &BareJid, to: bool) -> Result<(), AccountError> {
        self.change(account, false, |record| record.admin = to).await
    }

    /// Notes that the account is being removed: nobody logs in any more, and a removal that a
    /// crash interrupts is taken up again.
    ///
    /// # Errors
    /// There is no such account, or the store fails.
    pub async fn set_leaving(&self, account: &BareJid) -> Result<(), AccountError> {
        self.change(account, true, |record| {
            record.leaving = true;
            record.disabled = true;
        })
        .await
    }

    /// How often accounts were changed since the start. A login during which this has moved may
    /// stand on a password or a permission that is gone: its session must not stay.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Counts a change: before it is written, so that who reads it sees that, and after it, so
    /// that who did not see it does.
    pub(crate) fn count_change(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// The hashes for which the account has SCRAM keys. All of them for what is no account, or has
    /// none: strangers learn nothing but of accounts that lack some.
    pub(super) async fn hashes(&self, account: &BareJid) -> Vec<Hash> {
        let found = self.find(account).await.ok().flatten();
        let opened =
            found.and_then(|record| record.credentials.open(account, self.pepper.as_ref()).ok());
        let has = |hash: &Hash| opened.as_ref().is_some_and(|keys| keys.keys(*hash).is_some());
        let hashes: Vec<_> = Hash::ALL.into_iter().filter(has).collect();
        if hashes.is_empty() { Hash::ALL.to_vec() } else { hashes }
    }

    /// Adds keys that a client has computed of its password (XEP-0480), which it has just shown to
    /// know: `used` are the keys that it was checked against. Says whether that is still the
    /// password. Keys that there are by now stay.
    ///
    /// # Errors
    /// The store fails.
    pub async fn add_keys(
        &self,
        account: &BareJid,
        used: &Keys,
        new: &Keys,
    ) -> Result<bool, AccountError> {
        let key = key(account)?;
        loop {
            let mut tx = self.store.begin();
            let found: Option<Account> = tx.get(&ACCOUNTS, &key).await?;
            let mut record = found.ok_or(AccountError::Missing)?;
            let credentials = record.credentials.open(account, self.pepper.as_ref())?;
            if !credentials.keys(used.hash()).is_some_and(|keys| keys.are(used)) {
                return Ok(false);
            }
            if credentials.keys(new.hash()).is_some() {
                return Ok(true);
            }
            let Some(credentials) = credentials.with_keys(new.clone()) else { return Ok(false) };
            record.credentials =
                Stored::new(credentials, account, self.pepper.as_ref(), &self.random)?;
            tx.put(&ACCOUNTS, &key, &record);
            match tx.commit().await {
                Err(StoreError::Conflict) => {}
                done => return Ok(done.map(|()| true)?),
            }
        }
    }

    /// A salt for new keys.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn salt(&self) -> Result<[u8; 16], AccountError> {
        self.random()
    }

    /// Text of 96 bits that is the same for one client of an account each time, and tells nothing
    /// of the id by which the client is recognised.
    pub fn stable_text(&self, account: &BareJid, tag: &str, client: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.resources);
        let tag = hmac::sign(&key, format!("{account}\0{client}\0{tag}").as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref().first_chunk::<12>().unwrap_or(&[0; 12]))
    }

    /// The account, if there is one.
    ///
    /// # Errors
    /// The store fails.
    pub async fn find(&self, account: &BareJid) -> Result<Option<Account>, StoreError> {
        match key(account) {
            Ok(key) => self.store.get(&ACCOUNTS, &key).await,
            Err(_) => Ok(None),
        }
    }

    /// Whether there is such an account, and it is not going.
    ///
    /// # Errors
    /// The store fails.
    pub async fn exists(&self, account: &BareJid) -> Result<bool, StoreError> {
        Ok(self.find(account).await?.is_some_and(|record| !record.leaving))
    }

    /// The names of all accounts of a domain, in their order, without reading the accounts.
    ///
    /// # Errors
    /// The store fails.
    pub async fn names(&self, domain: &Domain) -> Result<Vec<String>, StoreError> {
        let range = Range::prefix(domain.as_str());
        let (mut names, mut page) = (Vec::new(), Page::first(PAGE));
        loop {
            let found = self.store.scan(&NAMES, &range, page).await?;
            let last = found.rows.last().map(|(key, _)| key.clone());
            names.extend(found.rows.into_iter().map(|((_, local), _)| local));
            match last.filter(|_| found.more) {
                Some(last) => page = Page::first(PAGE).after(&last),
                None => return Ok(names),
            }
        }
    }

    /// How many accounts a domain has. Reads them all.
    ///
    /// # Errors
    /// The store fails.
    pub async fn count(&self, domain: &Domain) -> Result<u64, StoreError> {
        let range = Range::prefix(domain.as_str());
        let (mut count, mut page) = (0, Page::first(PAGE));
        loop {
            let found = self.store.scan(&ACCOUNTS, &range, page).await?;
            count += found.rows.len() as u64;
            match found.rows.last().map(|(key, _)| key).filter(|_| found.more) {
                Some(last) => page = Page::first(PAGE).after(last),
                None => return Ok(count),
            }
        }
    }

    /// Right before something is tried that can be guessed: may this peer try it at all?
    ///
    /// # Errors
    /// Not now: it failed too often.
    pub fn admit(&self, what: &BareJid, from: Peer) -> Result<(), RetryAfter> {
        let attempt = Attempt { account: what, address: from.ip() };
        self.throttle(|throttle| throttle.check(self.clock.now(), &attempt))
    }

    /// Counts a wrong guess.
    pub fn count_failure(&self, what: &BareJid, from: Peer) {
        let attempt = Attempt { account: what, address: from.ip() };
        self.throttle(|throttle| throttle.failed(self.clock.now(), &attempt));
    }

    /// All accounts of a domain, in the order of their names.
    ///
    /// # Errors
    /// The store fails.
    pub async fn list(&self, domain: &Domain) -> Result<Vec<(String, Account)>, StoreError> {
        let range = Range::prefix(domain.as_str());
        let mut accounts = Vec::new();
        let mut page = Page::first(PAGE);
        loop {
            let found = self.store.scan(&ACCOUNTS, &range, page).await?;
            let last = found.rows.last().map(|(key, _)| key.clone());
            accounts.extend(found.rows.into_iter().map(|((_, local), account)| (local, account)));
            match last.filter(|_| found.more) {
                Some(last) => page = Page::first(PAGE).after(&last),
                None => return Ok(accounts),
            }
        }
    }

    /// What a login is checked against. For an account that does not exist this takes the same
    /// time and looks the same, and nothing fits.
    pub(super) async fn look_up(
        &self,
        account: BareJid,
        hashing: Hashing,
    ) -> Result<Found, AccountError> {
        let record = self.find(&account).await?;
        let credentials = match &record {
            Some(record) => record.credentials.open(&account, self.pepper.as_ref())?,
            None => self.fake(&account, hashing)?,
        };
        Ok(Found { account, credentials, record })
    }

    /// Waits for a turn to hash a password: there is a bound on how many do at a time.
    pub(super) async fn turn(&self) -> Result<Turn, AccountError> {
        let slot = Arc::clone(&self.hashing).acquire_owned().await;
        slot.map(Turn).map_err(|_| AccountError::Stopping)
    }

    /// The counter of failures.
    pub(super) fn throttle<R>(&self, action: impl FnOnce(&mut Throttle) -> R) -> R {
        action(&mut lock(&self.throttle))
    }

    /// Fresh random octets.
    pub(super) fn random<const N: usize>(&self) -> Result<[u8; N], AccountError> {
        let mut octets = [0; N];
        self.random.fill(&mut octets).map_err(|_| CredentialError::Random)?;
        Ok(octets)
    }

    fn fake(&self, account: &BareJid, hashing: Hashing) -> Result<Credentials, CredentialError> {
        match hashing.kind {
            PasswordHash::Scram => {
                Ok(Credentials::fake_scram(&self.fake_salts, account, hashing.iterations))
            }
            PasswordHash::Argon2id => Credentials::fake_argon2id(&self.fake_salts, account),
        }
    }

    pub(super) async fn hash(
        &self,
        account: &BareJid,
        password: Password,
        hashing: Hashing,
    ) -> Result<Stored, AccountError> {
        let credentials = self.turn().await?.hash(move || match hashing.kind {
            PasswordHash::Scram => {
                Credentials::scram(&password, hashing.iterations, &SystemRandom::new())
            }
            PasswordHash::Argon2id => Credentials::argon2id(&password, &SystemRandom::new()),
        });
        let (credentials, _) = credentials.await?;
        Ok(Stored::new(credentials?, account, self.pepper.as_ref(), &self.random)?)
    }

    /// Changes an account's record, and forgets its tokens if they may no longer be used.
    async fn change(
        &self,
        account: &BareJid,
        forget_tokens: bool,
        change: impl Fn(&mut Account),
    ) -> Result<(), AccountError> {
        let key = key(account)?;
        loop {
            self.count_change();
            let mut tx = self.store.begin();
            let found: Option<Account> = tx.get(&ACCOUNTS, &key).await?;
            let mut record = found.ok_or(AccountError::Missing)?;
            change(&mut record);
            tx.put(&ACCOUNTS, &key, &record);
            if forget_tokens {
                tx.delete_range(&DEVICES, &Range::prefix(&key));
            }
            match tx.commit().await {
                Err(StoreError::Conflict) => {}
                done => {
                    self.count_change();
                    return Ok(done?);
                }
            }
        }
    }
}

/// A turn to hash a password, until dropped.
pub(super) struct Turn(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

impl Turn {
    /// Hashes off the reactor. Whoever no longer waits for it leaves the turn to its end.
    pub(super) async fn hash<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Turn), AccountError> {
        let work = move || (work(), self);
        tokio::task::spawn_blocking(work).await.map_err(|_| AccountError::Stopping)
    }
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts")
    }
}

/// The key of an account's record.
pub(super) fn key(account: &BareJid) -> Result<(String, String), AccountError> {
    let local = account.local().ok_or(AccountError::NoLocalpart)?;
    Ok((account.domain().to_owned(), local.to_owned()))
}

/// The secret for a purpose, made when first asked for.
async fn secret(
    store: &Store,
    purpose: &str,
    random: &SystemRandom,
) -> Result<Bytes, AccountError> {
    if let Some(secret) = store.get(&SECRETS, purpose).await? {
        return Ok(secret);
    }
    let mut octets = [0; 32];
    random.fill(&mut octets).map_err(|_| CredentialError::Random)?;
    let secret = Bytes::copy_from_slice(&octets);
    let mut batch = Batch::new();
    batch.put(&SECRETS, purpose, &secret);
    store.commit(batch).await?;
    Ok(secret)
}
