//! The operator's password, which opens the console. There is none until one is set: then only a
//! link does, which the command line makes.
//!
//! It is no account's. Whoever guesses at it does so on this machine, so that one counter of
//! failures is for everybody, and no two guesses are judged at a time.

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::accounts::{AccountError, Accounts};
use super::password::{Credentials, Password, Stored};
use crate::clock::Timestamp;
use crate::feature::Registry;
use crate::jid::BareJid;
use crate::store::{Batch, Record, Tree};

/// One record, under [`PASSWORD`].
static OPERATOR: Tree<String, Kept> = Tree::new(0x6c, "operator");

const PASSWORD: &str = "password";

/// What the record is sealed for if there is a pepper: an address that no account can have.
const OPERATOR_JID: &str = "operator.invalid";

/// Failures that may be made within [`WINDOW`]: enough for a person who mistypes.
const FAILURES: usize = 5;

/// In which time they count.
const WINDOW: u64 = 60;

pub(super) fn register(on: &mut Registry) {
    on.tree(OPERATOR.info(1, "what verifies the operator's password for the console"));
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    credentials: Stored,
}

impl Record for Kept {}

/// What came of a guess at the operator's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// It is the password.
    Right,
    /// It is not, or there is none.
    Wrong,
    /// There were too many wrong ones; it was not looked at.
    TooMany,
}

/// When guesses failed, oldest first: at most [`FAILURES`].
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<Vec<Timestamp>>);

impl Accounts {
    /// Sets the operator's password, or takes it away.
    ///
    /// # Errors
    /// It cannot be hashed, or the store fails.
    pub async fn set_operator_password(
        &self,
        password: Option<Password>,
    ) -> Result<(), AccountError> {
        let mut batch = Batch::new();
        match password {
            None => batch.delete(&OPERATOR, PASSWORD),
            Some(password) => {
                let random = aws_lc_rs::rand::SystemRandom::new();
                let hash = move || Credentials::argon2id(&password, &random);
                let (credentials, _) = self.turn().await?.hash(hash).await?;
                let pepper = self.pepper.as_ref();
                let credentials = Stored::new(credentials?, &operator()?, pepper, &self.random)?;
                batch.put(&OPERATOR, PASSWORD, &Kept { credentials })
            }
        };
        Ok(self.store.commit(batch).await?)
    }

    /// Whether the operator has a password.
    ///
    /// # Errors
    /// The store fails.
    pub async fn has_operator_password(&self) -> Result<bool, AccountError> {
        Ok(self.store.get(&OPERATOR, PASSWORD).await?.is_some())
    }

    /// Looks whether that is the operator's password. Five wrong ones within a minute, from
    /// whomever, have everybody wait.
    ///
    /// # Errors
    /// The store fails, or the record cannot be opened.
    pub async fn guess_operator_password(&self, text: &str) -> Result<Guess, AccountError> {
        let mut failures = self.guesses.0.lock().await;
        let now = self.clock.now();
        failures.retain(|failure| now.since(*failure).as_secs() < WINDOW);
        if failures.len() >= FAILURES {
            return Ok(Guess::TooMany);
        }
        // Counted before it is judged: who hangs up meanwhile has guessed as well.
        failures.push(now);
        if !self.is_operator_password(text).await? {
            return Ok(Guess::Wrong);
        }
        failures.pop();
        Ok(Guess::Right)
    }

    async fn is_operator_password(&self, text: &str) -> Result<bool, AccountError> {
        let Some(kept) = self.store.get(&OPERATOR, PASSWORD).await? else { return Ok(false) };
        let Ok(password) = Password::new(text) else { return Ok(false) };
        let credentials = kept.credentials.open(&operator()?, self.pepper.as_ref())?;
        let verify = move || credentials.verify_plain(&password);
        Ok(self.turn().await?.hash(verify).await?.0)
    }
}

fn operator() -> Result<BareJid, AccountError> {
    BareJid::parse(OPERATOR_JID).map_err(|_| AccountError::NoLocalpart)
}
