//! XEP-0484: the tokens that log a device in without the password.
//!
//! A device is an installation of a client, recognised by the id that it gives itself (XEP-0388
//! `<user-agent/>`). It has two slots, as §"Server-side handling of multiple active tokens" says:
//! a new token, which it may never have received, and the one that it used last.
//!
//! The mechanisms need the token itself as the key of their HMAC, so a hash of it cannot be kept in
//! its place: whoever had such a hash could log in with it. A token is 256 random bits, sealed with
//! the pepper where there is one and kept as it is where there is none, like the keys of a password.
//! Who steals the store without the pepper gets nothing; without a pepper he gets tokens, until they
//! expire, are used by their owner, or the password is changed.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::SaslError;
use super::accounts::{ACCOUNTS, Account, AccountError, Accounts, key};
use super::hashed_token::{self, HashedToken};
use super::password::{Secret, Stored};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Registry};
use crate::jid::BareJid;
use crate::store::{Batch, Expect, Page, Range, Record, StoreError, Tree};

/// The devices of an account, by domain, account and the device's id.
pub static DEVICES: Tree<(String, String, String), Device> = Tree::new(0x30, "devices");

/// A token is replaced when it is used and older than this, or has lived half its life: who copied
/// one can use it for a day.
const ROTATE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How often devices are looked through for tokens that have expired.
const SWEEP: Duration = Duration::from_secs(6 * 3600);

/// Devices that are read at once.
const PAGE: u16 = 256;

/// Characters of what a device says about itself: enough to recognise it in a list.
const LONGEST_NAME: usize = 100;

/// Compared against where there is no token.
const NO_TOKEN: &str = "there is no such token, and nobody can know that it is this one";

pub(super) fn register(on: &mut Registry) {
    on.tree(DEVICES.account_info(1, "devices that log in with a token (XEP-0484)"));
    on.every(SWEEP, sweep);
}

/// The id of an installation of a client: a UUID (XEP-0388 §"Initiation"). Nobody but the account's
/// owner and the operator may learn it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceId(String);

impl DeviceId {
    /// Reads a UUID. Its version does not matter here.
    pub fn parse(text: &str) -> Option<Self> {
        let lengths = text.split('-').map(str::len);
        let hexadecimal = |octet: u8| octet == b'-' || octet.is_ascii_hexdigit();
        let is_uuid = lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(hexadecimal);
        is_uuid.then(|| DeviceId(text.to_ascii_lowercase()))
    }

    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a client says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserAgent {
    /// Its installation.
    pub id: Option<DeviceId>,
    /// Its name.
    pub software: Option<String>,
    /// What it runs on.
    pub device: Option<String>,
}

/// What is kept of a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Device {
    /// The client's name, as it says.
    pub software: Option<String>,
    /// What it runs on, as it says.
    pub device: Option<String>,
    /// When it was last given a token, or used one.
    pub last_used: Timestamp,
    new: Option<Token>,
    current: Option<Token>,
}

impl Record for Device {}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Token {
    /// The only one that it is good for.
    mechanism: HashedToken,
    secret: Stored<TokenSecret>,
    issued: Timestamp,
    expires: Timestamp,
    /// The greatest count that it came with.
    count: Option<u32>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct TokenSecret(Zeroizing<String>);

impl Secret for TokenSecret {
    const PURPOSE: &'static str = "cloister token v1\0";
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

impl Device {
    /// The mechanism of the token that it was given last.
    pub fn mechanism(&self) -> Option<HashedToken> {
        self.newest().map(|token| token.mechanism)
    }

    /// Until when it may stay away.
    pub fn expires(&self) -> Option<Timestamp> {
        self.tokens().map(|token| token.expires).max()
    }

    fn newest(&self) -> Option<&Token> {
        self.new.as_ref().or(self.current.as_ref())
    }

    fn tokens(&self) -> impl Iterator<Item = &Token> {
        [&self.new, &self.current].into_iter().flatten()
    }
}

/// What `<fast/>` says of a login with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fast {
    /// Whose token it is.
    pub device: DeviceId,
    /// How often it was used, as the client counts.
    pub count: Option<u32>,
    /// Whether it is to be forgotten.
    pub invalidate: bool,
}

/// A client's message of a login with a token.
pub(super) struct Claim<'a> {
    pub(super) mechanism: HashedToken,
    pub(super) channel: &'a [u8],
    pub(super) proof: &'a [u8],
    pub(super) fast: &'a Fast,
}

/// A token that was right.
pub(super) struct Redeemed {
    /// The server's proof.
    pub(super) answer: Vec<u8>,
    /// Whether the device is to be given another one.
    pub(super) due: bool,
}

/// A token for a device. It is nowhere else to be read.
pub struct Issued {
    /// The token.
    pub token: Zeroizing<String>,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// Which slot a token is in.
#[derive(Clone, Copy)]
enum Slot {
    New,
    Current,
}

impl Accounts {
    /// Checks a proof against the tokens of a device, and notes that the token was used.
    ///
    /// # Errors
    /// `not-authorized`: not the proof of a token of this device for this mechanism, or a replay.
    /// `credentials-expired`: it was one.
    pub(super) async fn redeem(
        &self,
        account: &BareJid,
        claim: &Claim<'_>,
    ) -> Result<Redeemed, SaslError> {
        loop {
            match self.try_redeem(account, claim).await {
                Err(AccountError::Store(StoreError::Conflict)) => {}
                done => return done?,
            }
        }
    }

    async fn try_redeem(
        &self,
        account: &BareJid,
        claim: &Claim<'_>,
    ) -> Result<Result<Redeemed, SaslError>, AccountError> {
        let (key, now) = (key(account)?, self.clock.now());
        let place = place(&key, &claim.fast.device);
        let mut tx = self.store.begin();
        let record: Option<Account> = tx.get(&ACCOUNTS, &key).await?;
        let device: Option<Device> = tx.get(&DEVICES, &place).await?;
        let found = device.as_ref().and_then(|device| self.matching(account, device, claim));
        let (Some(record), Some(mut device), Some((slot, secret))) = (record, device, found) else {
            hashed_token::verify(NO_TOKEN, claim.channel, claim.proof);
            return Ok(Err(SaslError::NotAuthorized));
        };
        if record.disabled {
            return Ok(Err(SaslError::AccountDisabled));
        }
        let used = match slot {
            Slot::New => device.new.take(),
            Slot::Current => device.current.take(),
        };
        let Some(mut used) = used else { return Ok(Err(SaslError::NotAuthorized)) };
        if used.expires <= now {
            return Ok(Err(SaslError::CredentialsExpired));
        }
        // §"Client authenticates using FAST": a count that was seen, or a lower one, is a replay.
        if claim.fast.count.is_some_and(|count| used.count.is_some_and(|seen| count <= seen)) {
            return Ok(Err(SaslError::NotAuthorized));
        }
        used.count = claim.fast.count.or(used.count);
        let due = !claim.fast.invalidate && is_due(&used, now);
        if claim.fast.invalidate {
            // One that the client may not have received yet is of no more use to it.
            tx.delete(&DEVICES, &place);
        } else {
            // §"Server initiates token rotation": using one ends those that expire earlier.
            device.new = device.new.filter(|new| new.expires >= used.expires);
            device.current = Some(used);
            device.last_used = now;
            tx.put(&DEVICES, &place, &device);
        }
        tx.commit().await?;
        let answer = hashed_token::answer(&secret.0, claim.channel);
        Ok(Ok(Redeemed { answer, due }))
    }

    /// The token of a device that fits. One that the pepper does not open fits nothing: the client
    /// goes back to the password.
    fn matching(
        &self,
        account: &BareJid,
        device: &Device,
        claim: &Claim<'_>,
    ) -> Option<(Slot, TokenSecret)> {
        let slots = [(Slot::New, &device.new), (Slot::Current, &device.current)];
        slots.into_iter().find_map(|(slot, token)| {
            let token = token.as_ref().filter(|token| token.mechanism == claim.mechanism)?;
            let secret = token.secret.open(account, self.pepper.as_ref()).ok()?;
            hashed_token::verify(&secret.0, claim.channel, claim.proof).then_some((slot, secret))
        })
    }

    /// Makes a token for a device, in place of one that it was given and has not used. `changes`
    /// are those at which the login began: when accounts were changed since, what was shown may no
    /// longer hold, and there is no token. Beyond `devices` the one that was not used for the
    /// longest time is forgotten.
    ///
    /// # Errors
    /// The store fails.
    pub async fn issue(
        &self,
        account: &BareJid,
        agent: &UserAgent,
        mechanism: HashedToken,
        lifetime: Duration,
        devices: usize,
        changes: u64,
    ) -> Result<Option<Issued>, AccountError> {
        let Some(id) = &agent.id else { return Ok(None) };
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.random::<32>()?));
        let secret = TokenSecret(token.clone());
        let issued = self.clock.now();
        let expires = Timestamp(issued.0.saturating_add(micros(lifetime)));
        let secret = Stored::new(secret, account, self.pepper.as_ref(), &self.random)?;
        let new = Token { mechanism, secret, issued, expires, count: None };
        let key = key(account)?;
        let is_known = loop {
            let mut tx = self.store.begin();
            let record: Option<Account> = tx.get(&ACCOUNTS, &key).await?;
            if record.is_none_or(|record| record.disabled) || self.changes() != changes {
                return Ok(None);
            }
            let place = place(&key, id);
            let known: Option<Device> = tx.get(&DEVICES, &place).await?;
            let is_known = known.is_some();
            tx.put(&DEVICES, &place, &known_as(known, agent, new.clone()));
            match tx.commit().await {
                Err(StoreError::Conflict) => {}
                done => break done.map(|()| is_known)?,
            }
        };
        if !is_known {
            self.forget_oldest(account, devices, id).await?;
        }
        Ok(Some(Issued { token, expires }))
    }

    /// All devices of an account, by their ids.
    ///
    /// # Errors
    /// The store fails.
    pub async fn devices(&self, account: &BareJid) -> Result<Vec<(String, Device)>, AccountError> {
        let range = Range::prefix(&key(account)?);
        let mut devices = Vec::new();
        let mut page = Page::first(PAGE);
        loop {
            let found = self.store.scan(&DEVICES, &range, page).await?;
            let last = found.rows.last().map(|(key, _)| key.clone());
            devices.extend(found.rows.into_iter().map(|((_, _, id), device)| (id, device)));
            match last.filter(|_| found.more) {
                Some(last) => page = Page::first(PAGE).after(&last),
                None => return Ok(devices),
            }
        }
    }

    /// Forgets the tokens of one device, or of all. Returns the ids of those that had any.
    ///
    /// # Errors
    /// The store fails.
    pub async fn revoke(
        &self,
        account: &BareJid,
        device: Option<&DeviceId>,
    ) -> Result<Vec<String>, AccountError> {
        let key = key(account)?;
        let ids = self.devices(account).await?.into_iter().map(|(id, _)| id);
        let ids: Vec<_> =
            ids.filter(|id| device.is_none_or(|device| device.as_str() == id)).collect();
        let mut batch = Batch::new();
        match device {
            Some(device) => batch.delete(&DEVICES, &place(&key, device)),
            None => batch.delete_range(&DEVICES, &Range::prefix(&key)),
        };
        self.count_change();
        self.store.commit(batch).await?;
        self.count_change();
        Ok(ids)
    }

    async fn forget_oldest(
        &self,
        account: &BareJid,
        most: usize,
        but: &DeviceId,
    ) -> Result<(), AccountError> {
        let mut devices = self.devices(account).await?;
        let excess = devices.len().saturating_sub(most);
        if excess == 0 {
            return Ok(());
        }
        devices.retain(|(id, _)| id != but.as_str());
        devices.sort_by_key(|(_, device)| device.last_used);
        let key = key(account)?;
        let mut batch = Batch::new();
        for (id, _) in devices.into_iter().take(excess) {
            batch.delete(&DEVICES, &(&*key.0, &*key.1, &*id));
        }
        Ok(self.store.commit(batch).await?)
    }
}

/// Deletes devices whose tokens have all expired.
async fn sweep(cx: &Ctx, (): ()) {
    if let Err(error) = sweep_all(cx).await {
        tracing::error!(%error, "expired tokens stay for now");
    }
}

async fn sweep_all(cx: &Ctx) -> Result<(), StoreError> {
    let (store, now) = (&cx.server.store, cx.server.clock.now());
    let mut page = Page::first(PAGE);
    loop {
        let found = store.scan(&DEVICES, &Range::all(), page).await?;
        let last = found.rows.last().map(|(key, _)| key.clone());
        for (key, device) in &found.rows {
            if device.expires().is_some_and(|expires| expires > now) {
                continue;
            }
            let mut batch = Batch::new();
            batch.expect(&DEVICES, key, Expect::Equals(device)).delete(&DEVICES, key);
            match store.commit(batch).await {
                // It has just been given another one.
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        match last.filter(|_| found.more) {
            Some(last) => page = Page::first(PAGE).after(&last),
            None => return Ok(()),
        }
    }
}

/// A device with a new token and what it says of itself now.
fn known_as(known: Option<Device>, agent: &UserAgent, new: Token) -> Device {
    let (old_software, old_device, current) = match known {
        Some(known) => (known.software, known.device, known.current),
        None => (None, None, None),
    };
    Device {
        software: agent.software.as_deref().map(shortened).or(old_software),
        device: agent.device.as_deref().map(shortened).or(old_device),
        last_used: new.issued,
        new: Some(new),
        current,
    }
}

fn shortened(text: &str) -> String {
    text.trim().chars().take(LONGEST_NAME).collect()
}

fn is_due(token: &Token, now: Timestamp) -> bool {
    let half = token.expires.since(token.issued) / 2;
    now.since(token.issued) >= half.min(ROTATE_AFTER)
}

fn place(key: &(String, String), device: &DeviceId) -> (String, String, String) {
    (key.0.clone(), key.1.clone(), device.as_str().to_owned())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;
    use crate::auth::password::{CredentialError, Credentials, Pepper};

    #[test]
    fn a_device_is_a_uuid_in_either_case() {
        let id = DeviceId::parse("D4565FA7-4d72-4749-b3d3-740edbf87770").unwrap();
        assert_eq!(id.as_str(), "d4565fa7-4d72-4749-b3d3-740edbf87770");
    }

    #[test]
    fn anything_else_is_no_device() {
        for text in [
            "",
            "phone",
            "d4565fa74d724749b3d3740edbf87770",
            "d4565fa7-4d72-4749-b3d3-740edbf8777g",
            "d4565fa7-4d72-4749-b3d3-740edbf87770-",
            "d4565fa7--4d72-4749-b3d3740edbf87770",
        ] {
            assert_eq!(DeviceId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_sealed_token_does_not_open_as_something_else() {
        let (pepper, random) = (Pepper::new(&[7; 32]).unwrap(), SystemRandom::new());
        let account = BareJid::parse("juliet@localhost").unwrap();
        let token = TokenSecret(Zeroizing::new("token".to_owned()));
        let sealed = Stored::new(token, &account, Some(&pepper), &random).unwrap();
        assert_eq!(sealed.open(&account, Some(&pepper)).unwrap().0.as_str(), "token");
        let text = serde_json::to_string(&sealed).unwrap();
        let other: Stored<Credentials> = serde_json::from_str(&text).unwrap();
        assert_eq!(other.open(&account, Some(&pepper)).unwrap_err(), CredentialError::Damaged);
        let romeo = BareJid::parse("romeo@localhost").unwrap();
        assert_eq!(sealed.open(&romeo, Some(&pepper)).unwrap_err(), CredentialError::Damaged);
    }

    #[test]
    fn a_name_is_cut_at_a_character() {
        assert_eq!(shortened(&"ü".repeat(200)).chars().count(), LONGEST_NAME);
        assert_eq!(shortened(" phone\n"), "phone");
    }

    #[test]
    fn a_token_is_replaced_after_a_day_or_half_its_life() {
        let hour = 3_600_000_000;
        let token = |hours: u64| Token {
            mechanism: HashedToken::Unbound,
            secret: Stored::Clear(TokenSecret(Zeroizing::default())),
            issued: Timestamp(0),
            expires: Timestamp(hours * hour),
            count: None,
        };
        assert!(!is_due(&token(720), Timestamp(24 * hour - 1)));
        assert!(is_due(&token(720), Timestamp(24 * hour)));
        assert!(!is_due(&token(2), Timestamp(hour - 1)));
        assert!(is_due(&token(2), Timestamp(hour)));
    }
}
