//! What is done with accounts, whoever asks for it: the operator's socket, an admin's client
//! (XEP-0133), or an account's owner.
//!
//! Who may is judged by those who call.

mod online;
mod removal;

use std::sync::Arc;

pub use online::{Online, online};
pub use removal::{remove, resume_removals};

use super::{invite, stream_management};
use crate::auth::password::{Password, PasswordError};
use crate::auth::{Account, AccountError};
use crate::feature::Ctx;
use crate::jid::BareJid;
use crate::router::Session;
use crate::server::Server;
use crate::stanza::StanzaError;
use crate::store::StoreError;
use crate::stream::StreamError;

/// Shorter passwords are guessed from a stolen database in no time, whatever they are hashed with.
pub const PASSWORD_MIN: usize = 8;

/// Why something was not done with an account.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its domain is none of this server's.
    #[error("{0} is no domain of this server")]
    UnknownDomain(String),
    /// The account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its removal has begun.
    #[error("the account is being removed")]
    Leaving,
    /// A feature could not take leave of the account.
    #[error("the account's contacts could not be told ({0})")]
    Farewell(&'static str),
}

impl From<StanzaError> for Error {
    fn from(error: StanzaError) -> Self {
        Error::Farewell(error.condition().as_str())
    }
}

/// Why a text is not taken as a password of somebody who types it into a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It can be nobody's.
    #[error(transparent)]
    Impossible(#[from] PasswordError),
    /// It is guessed too easily.
    #[error("the password has fewer than {PASSWORD_MIN} characters")]
    Short,
}

/// A password that somebody has typed into a form.
///
/// # Errors
/// [`Unfit`], for the person.
pub fn password(typed: &str) -> Result<Password, Unfit> {
    let password = Password::new(typed)?;
    if typed.chars().count() < PASSWORD_MIN {
        return Err(Unfit::Short);
    }
    Ok(password)
}

/// Makes an account.
///
/// # Errors
/// There is one of that name, or its domain is not served.
pub async fn add(
    server: &Server,
    account: &BareJid,
    password: Password,
    admin: bool,
) -> Result<(), Error> {
    if !server.serves(account.domain()) {
        return Err(Error::UnknownDomain(account.domain().to_owned()));
    }
    let hashing = server.hashing(&account.to_domain());
    Ok(server.accounts.create(account, password, hashing, admin).await?)
}

/// Replaces a password. Whoever logged in with the old one must log in again: it may have been a
/// thief. Only the session that asked for it stays. Says how many were told to close.
///
/// # Errors
/// There is no such account, or it is going.
pub async fn set_password(
    server: &Arc<Server>,
    account: &BareJid,
    password: Password,
    asked_by: Option<&Session>,
) -> Result<usize, Error> {
    staying(server, account).await?;
    let hashing = server.hashing(&account.to_domain());
    server.accounts.set_password(account, password, hashing).await?;
    let why = StreamError::reset("the password was changed");
    let closed = close_sessions(server, account, &why, asked_by);
    forget_streams(server, account).await?;
    Ok(closed.len())
}

/// Lets nobody log in any more, and closes the account's sessions. Says how many.
///
/// # Errors
/// There is no such account.
pub async fn disable(server: &Arc<Server>, account: &BareJid) -> Result<usize, Error> {
    server.accounts.set_disabled(account, true).await?;
    // Whom he invited stays out as well.
    invite::disowned(server, account).await?;
    let why = StreamError::not_authorized("the account was disabled");
    let closed = close_sessions(server, account, &why, None);
    forget_streams(server, account).await?;
    Ok(closed.len())
}

/// Lets its owner log in again.
///
/// # Errors
/// There is no such account, or it is going.
pub async fn enable(server: &Server, account: &BareJid) -> Result<(), Error> {
    staying(server, account).await?;
    Ok(server.accounts.set_disabled(account, false).await?)
}

/// Says whether the account's owner is an operator.
///
/// # Errors
/// There is no such account, or it is going.
pub async fn set_admin(server: &Server, account: &BareJid, admin: bool) -> Result<(), Error> {
    staying(server, account).await?;
    Ok(server.accounts.set_admin(account, admin).await?)
}

/// Ends all sessions of an account but one, those that could be resumed included; new ones may begin.
/// Says how many were told to close.
///
/// # Errors
/// The store fails.
pub async fn end_sessions(
    server: &Arc<Server>,
    account: &BareJid,
    why: &StreamError,
    but: Option<&Session>,
) -> Result<usize, Error> {
    let closed = close_sessions(server, account, why, but).len();
    forget_streams(server, account).await?;
    Ok(closed)
}

/// Streams from before the server's start cannot be resumed any more (XEP-0198).
///
/// # Errors
/// The store fails.
pub async fn forget_streams(server: &Arc<Server>, account: &BareJid) -> Result<(), StoreError> {
    let cx = Ctx { server: Arc::clone(server), session: None };
    stream_management::forget(&cx, account).await
}

/// The account, unless it is being removed: it is not brought back half-way.
///
/// # Errors
/// There is no such account, or it is going.
pub async fn staying(server: &Server, account: &BareJid) -> Result<Account, Error> {
    match server.accounts.find(account).await? {
        Some(record) if record.leaving => Err(Error::Leaving),
        Some(record) => Ok(record),
        None => Err(AccountError::Missing.into()),
    }
}

/// Tells all sessions of an account but one to close; they do so by themselves.
fn close_sessions(
    server: &Server,
    account: &BareJid,
    why: &StreamError,
    but: Option<&Session>,
) -> Vec<Arc<Session>> {
    let mut sessions = server.sessions.of(account);
    sessions.retain(|session| but.is_none_or(|but| but.id() != session.id()));
    for session in &sessions {
        session.close(why.clone());
    }
    sessions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_typed_has_eight_characters() {
        assert_eq!(password("1234567").err(), Some(Unfit::Short));
        assert_eq!(password("").err(), Some(Unfit::Impossible(PasswordError::Empty)));
        assert!(password("grüße 12").is_ok());
    }
}
