//! Why an invitation was not redeemed.

use std::time::Duration;

use crate::auth::AccountError;
use crate::auth::password::PasswordError;
use crate::features::accounts::{PASSWORD_MIN, Unfit};
use crate::stanza::{Condition, ErrorType, StanzaError};
use crate::store::StoreError;

/// Why an invitation was not redeemed. The text is for clients that show one; pages have their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such invitation, or no more.
    #[error("this invitation is not known; ask for a new one")]
    TokenUnknown,
    /// As many as may have redeemed it.
    #[error("this invitation has been used already; ask for a new one")]
    TokenUsed,
    /// Its time is over.
    #[error("this invitation has expired; ask for a new one")]
    TokenExpired,
    /// It is for something else: an account where there is to be a new password, or the reverse.
    #[error("this invitation is for something else")]
    WrongKind,
    /// There is an account of that name, or somebody else was invited to make one.
    #[error("this name is taken; choose another one")]
    NameTaken,
    /// It is kept from use, such as `admin`.
    #[error("this name is reserved; choose another one")]
    NameReserved,
    /// It is no name of an account: empty, too long, or with characters that cannot be in one.
    #[error("this cannot be a name; use letters and digits")]
    NameUnusable,
    /// It mixes letters of several scripts, some of which look the same.
    #[error("this name mixes letters of different scripts; choose one with letters of one script")]
    NameMixed,
    /// It looks like that of another account.
    #[error("this name looks like one that is taken; choose another one")]
    LooksLike,
    /// The invitation is for another name.
    #[error("this invitation is for another name")]
    NameFixed,
    /// The password has fewer characters than it must have.
    #[error("the password is too short; it needs at least {least} characters")]
    PasswordTooShort {
        /// That many.
        least: usize,
    },
    /// It is no password.
    #[error("{0}")]
    PasswordUnusable(PasswordError),
    /// The account whose password is to be set is not there any more, or nobody may log in to it.
    #[error("there is no account for this invitation any more")]
    AccountGone,
    /// Too many wrong tokens came from there; after this time one may try again.
    #[error("too many failed attempts; try again later")]
    Throttled(Duration),
    /// The server's fault; the operator finds the reason in the log.
    #[error("the server failed; try again later")]
    Failed,
}

impl From<Refusal> for StanzaError {
    fn from(refusal: Refusal) -> Self {
        let error = match refusal {
            // XEP-0445 §"Pre-Authenticated In-Band Registration".
            Refusal::TokenUnknown
            | Refusal::TokenUsed
            | Refusal::TokenExpired
            | Refusal::AccountGone => Condition::ItemNotFound.into(),
            Refusal::WrongKind => Condition::NotAllowed.into(),
            // XEP-0077 §"Entity Registers with a Host".
            Refusal::NameTaken | Refusal::LooksLike => Condition::Conflict.into(),
            Refusal::NameReserved
            | Refusal::NameUnusable
            | Refusal::NameMixed
            | Refusal::NameFixed
            | Refusal::PasswordTooShort { .. }
            | Refusal::PasswordUnusable(_) => Condition::NotAcceptable.into(),
            Refusal::Throttled(_) => {
                StanzaError::new(Condition::PolicyViolation).with_type(ErrorType::Wait)
            }
            Refusal::Failed => Condition::InternalServerError.into(),
        };
        let error: StanzaError = error;
        error.with_text(refusal.to_string())
    }
}

impl From<Unfit> for Refusal {
    fn from(why: Unfit) -> Self {
        match why {
            Unfit::Short => Refusal::PasswordTooShort { least: PASSWORD_MIN },
            Unfit::Impossible(why) => Refusal::PasswordUnusable(why),
        }
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Exists => Refusal::NameTaken,
            AccountError::Missing => Refusal::AccountGone,
            error => {
                tracing::error!(%error, "an invitation could not be redeemed");
                Refusal::Failed
            }
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "an invitation could not be redeemed");
        Refusal::Failed
    }
}
