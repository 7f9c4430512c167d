//! Accounts that are made or changed together with something else: in a transaction of the caller's.

use super::accounts::{ACCOUNTS, Account, AccountError, Accounts, Hashing, key};
use super::password::{Password, Stored};
use super::tokens::DEVICES;
use crate::jid::BareJid;
use crate::store::{Range, Tx};

/// A password for one account as it is kept, in a transaction that is still to come.
#[derive(Debug)]
pub struct Hashed {
    account: BareJid,
    credentials: Stored,
}

impl Accounts {
    /// Hashes a password for [`create_in`](Self::create_in) or
    /// [`replace_password_in`](Self::replace_password_in). It takes a while.
    ///
    /// # Errors
    /// The account has no localpart, or the server is stopping.
    pub async fn hashed(
        &self,
        account: &BareJid,
        password: Password,
        hashing: Hashing,
    ) -> Result<Hashed, AccountError> {
        key(account)?;
        let credentials = self.hash(account, password, hashing).await?;
        Ok(Hashed { account: account.clone(), credentials })
    }

    /// Makes an account together with whatever else is done in a transaction.
    ///
    /// # Errors
    /// It exists, or the store fails.
    pub async fn create_in(
        &self,
        tx: &mut Tx,
        hashed: &Hashed,
        admin: bool,
    ) -> Result<(), AccountError> {
        let key = key(&hashed.account)?;
        if tx.get(&ACCOUNTS, &key).await?.is_some() {
            return Err(AccountError::Exists);
        }
        let (credentials, created) = (hashed.credentials.clone(), self.clock.now());
        let record = Account { credentials, created, admin, disabled: false, leaving: false };
        tx.put(&ACCOUNTS, &key, &record);
        Ok(())
    }

    /// Replaces a password together with whatever else is done in a transaction. Whoever begins it
    /// calls [`count_change`](Self::count_change) before and when it is committed.
    ///
    /// # Errors
    /// There is no such account, nobody may log in to it, or the store fails.
    pub async fn replace_password_in(
        &self,
        tx: &mut Tx,
        hashed: &Hashed,
    ) -> Result<(), AccountError> {
        let key = key(&hashed.account)?;
        let found: Option<Account> = tx.get(&ACCOUNTS, &key).await?;
        let found = found.filter(|record| !record.disabled && !record.leaving);
        let mut record = found.ok_or(AccountError::Missing)?;
        record.credentials = hashed.credentials.clone();
        tx.put(&ACCOUNTS, &key, &record);
        // Tokens that were given for the old password go with it.
        tx.delete_range(&DEVICES, &Range::prefix(&key));
        Ok(())
    }
}
