//! alice and bob.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use zeroize::Zeroizing;

use super::files::{Place, write};
use crate::admin::{self, AdminError, Request, Secret};
use crate::auth::AccountError;
use crate::cli::password::readable;
use crate::jid::{BareJid, Localpart};
use crate::server::Server;

/// What the accounts are called.
const NAMES: [&str; 2] = ["alice", "bob"];

/// An account, and its password unless somebody else set it.
pub(super) struct Known {
    pub(super) account: BareJid,
    pub(super) password: Option<Zeroizing<String>>,
}

/// Makes the accounts that are missing. Passwords are written down before they hold, so that an
/// interrupted run leaves no account that nobody can open.
pub(super) async fn complete(server: &Arc<Server>, place: &Place) -> anyhow::Result<Vec<Known>> {
    let mut notes = read(place)?;
    let mut all = Vec::new();
    for name in NAMES {
        let account = address(server, name)?;
        let missing = server.accounts.find(&account).await?.is_none();
        if missing && noted(&notes, &account).is_none() {
            notes.push_str(&format!("{account} {}\n", *readable(3)?));
            write(&place.accounts(), 0o600, &notes)?;
        }
        let password = noted(&notes, &account);
        if let Some(password) = password.clone().filter(|_| missing) {
            add(server, account.clone(), password).await?;
        }
        all.push(Known { account, password });
    }
    Ok(all)
}

async fn add(
    server: &Arc<Server>,
    account: BareJid,
    password: Zeroizing<String>,
) -> anyhow::Result<()> {
    let request = Request::UserAdd { account, password: Secret(password), admin: false };
    match admin::execute(server, request, |_| ()).await {
        // Somebody was faster, through the socket.
        Err(AdminError::Account(AccountError::Exists)) => Ok(()),
        done => done.map(|_| ()).context("cannot make the demo's accounts"),
    }
}

fn address(server: &Server, name: &str) -> anyhow::Result<BareJid> {
    let config = server.config();
    let host = config.hosts.first().ok_or_else(|| anyhow!("there is no [[host]]; add one"))?;
    Ok(BareJid::new(Some(Localpart::parse(name)?), host.domain.clone()))
}

fn read(place: &Place) -> anyhow::Result<Zeroizing<String>> {
    match fs::read_to_string(place.accounts()) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Zeroizing::default()),
        Err(error) => Err(anyhow!(
            "cannot read {}: {error}; look at its permissions",
            place.accounts().display()
        )),
    }
}

/// One line each: address, space, password.
fn noted(notes: &str, account: &BareJid) -> Option<Zeroizing<String>> {
    let mut lines = notes.lines().filter_map(|line| line.split_once(' '));
    let (_, password) = lines.find(|(jid, _)| *jid == account.as_str())?;
    Some(Zeroizing::new(password.to_owned()))
}
