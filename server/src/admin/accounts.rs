//! What operators do with accounts, but for removing them.

use std::sync::Arc;

use super::{AccountRow, AdminError, Answer, Change, Secret};
use crate::auth::{Account, AccountError};
use crate::feature::Ctx;
use crate::features::stream_management;
use crate::jid::{BareJid, Domain};
use crate::router::Session;
use crate::server::Server;
use crate::stream::StreamError;

pub(super) async fn add(
    server: &Server,
    account: &BareJid,
    password: &Secret,
    admin: bool,
) -> Result<Answer, AdminError> {
    if !server.serves(account.domain()) {
        return Err(unknown_domain(server, account.domain()));
    }
    let hashing = server.hashing(&account.to_domain());
    server.accounts.create(account, password.password()?, hashing, admin).await?;
    Ok(Answer::Done)
}

pub(super) async fn list(server: &Server, domain: Option<Domain>) -> Result<Answer, AdminError> {
    let domains = match domain {
        Some(domain) if !server.serves(domain.as_str()) => {
            return Err(unknown_domain(server, domain.as_str()));
        }
        Some(domain) => vec![domain],
        None => server.config().hosts.iter().map(|host| host.domain.clone()).collect(),
    };
    let mut rows = Vec::new();
    for domain in &domains {
        let found = server.accounts.list(domain).await?;
        rows.extend(
            found.into_iter().map(|(local, account)| row(server, domain, &local, &account)),
        );
    }
    Ok(Answer::Accounts(rows))
}

pub(super) async fn passwd(
    server: &Arc<Server>,
    account: &BareJid,
    password: &Secret,
) -> Result<Answer, AdminError> {
    let password = password.password()?;
    staying(server, account).await?;
    let hashing = server.hashing(&account.to_domain());
    server.accounts.set_password(account, password, hashing).await?;
    // Whoever logged in with the old password must log in again: it may have been a thief.
    let closed = close_sessions(server, account, &StreamError::reset("the password was changed"));
    forget_streams(server, account).await?;
    Ok(Answer::Closed(closed.len()))
}

pub(super) async fn disable(server: &Arc<Server>, account: &BareJid) -> Result<Answer, AdminError> {
    server.accounts.set_disabled(account, true).await?;
    let why = StreamError::not_authorized("the account was disabled");
    let closed = close_sessions(server, account, &why);
    forget_streams(server, account).await?;
    Ok(Answer::Closed(closed.len()))
}

pub(super) async fn enable(server: &Server, account: &BareJid) -> Result<Answer, AdminError> {
    staying(server, account).await?;
    server.accounts.set_disabled(account, false).await?;
    Ok(Answer::Done)
}

pub(super) async fn retention(
    server: &Server,
    account: &BareJid,
    change: Change,
) -> Result<Answer, AdminError> {
    staying(server, account).await?;
    match change {
        Change::None => {}
        Change::Default => server.set_retention(account, None).await?,
        Change::To(retention) => server.set_retention(account, Some(retention)).await?,
    }
    let own = server.retentions.of(account).is_some();
    Ok(Answer::Retention { retention: server.retention(account), own })
}

/// Streams from before the server's start cannot be resumed any more (XEP-0198).
pub(super) async fn forget_streams(
    server: &Arc<Server>,
    account: &BareJid,
) -> Result<(), AdminError> {
    let cx = Ctx { server: Arc::clone(server), session: None };
    Ok(stream_management::forget(&cx, account).await?)
}

/// Tells all sessions of an account to close; they do so by themselves.
pub(super) fn close_sessions(
    server: &Server,
    account: &BareJid,
    why: &StreamError,
) -> Vec<Arc<Session>> {
    let sessions = server.sessions.of(account);
    for session in &sessions {
        session.close(why.clone());
    }
    sessions
}

/// An account that is being removed is not brought back half-way.
async fn staying(server: &Server, account: &BareJid) -> Result<(), AdminError> {
    match server.accounts.find(account).await? {
        Some(record) if record.leaving => Err(AdminError::Leaving),
        Some(_) => Ok(()),
        None => Err(AccountError::Missing.into()),
    }
}

fn row(server: &Server, domain: &Domain, local: &str, account: &Account) -> AccountRow {
    let jid = format!("{local}@{domain}");
    AccountRow {
        created: account.created.to_rfc3339(),
        admin: account.admin,
        disabled: account.disabled,
        leaving: account.leaving,
        sessions: server.sessions.with(&jid, <[_]>::len),
        jid,
    }
}

pub(super) fn unknown_domain(server: &Server, domain: &str) -> AdminError {
    let config = server.config();
    let hosts: Vec<_> = config.hosts.iter().map(|host| host.domain.as_str()).collect();
    AdminError::UnknownDomain { domain: domain.to_owned(), hosts: hosts.join(", ") }
}
