//! What operators do with accounts.

use std::sync::Arc;

use super::{AccountRow, AdminError, Answer, Change, Secret};
use crate::auth::Account;
use crate::features::accounts;
use crate::jid::{BareJid, Domain};
use crate::server::Server;

pub(super) async fn add(
    server: &Server,
    account: &BareJid,
    password: &Secret,
    admin: bool,
) -> Result<Answer, AdminError> {
    match accounts::add(server, account, password.password()?, admin).await {
        Err(accounts::Error::UnknownDomain(domain)) => Err(unknown_domain(server, &domain)),
        done => Ok(done.map(|()| Answer::Done)?),
    }
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
    let closed = accounts::set_password(server, account, password.password()?, None).await?;
    Ok(Answer::Closed(closed))
}

pub(super) async fn disable(server: &Arc<Server>, account: &BareJid) -> Result<Answer, AdminError> {
    Ok(Answer::Closed(accounts::disable(server, account).await?))
}

pub(super) async fn enable(server: &Server, account: &BareJid) -> Result<Answer, AdminError> {
    accounts::enable(server, account).await?;
    Ok(Answer::Done)
}

pub(super) async fn set_admin(
    server: &Server,
    account: &BareJid,
    admin: bool,
) -> Result<Answer, AdminError> {
    accounts::set_admin(server, account, admin).await?;
    Ok(Answer::Done)
}

pub(super) async fn remove(server: &Arc<Server>, account: &BareJid) -> Result<Answer, AdminError> {
    Ok(Answer::Closed(accounts::remove(server, account).await?))
}

pub(super) async fn retention(
    server: &Server,
    account: &BareJid,
    change: Change,
) -> Result<Answer, AdminError> {
    accounts::staying(server, account).await?;
    match change {
        Change::None => {}
        Change::Default => server.set_retention(account, None).await?,
        Change::To(retention) => server.set_retention(account, Some(retention)).await?,
    }
    let own = server.retentions.of(account).is_some();
    Ok(Answer::Retention { retention: server.retention(account), own })
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
