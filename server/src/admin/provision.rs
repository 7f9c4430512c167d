//! What there shall be: accounts, rooms and groups of contacts that are made if they are missing.
//!
//! Our choices: nothing is ever taken from anybody, and what is there already is not written again,
//! so that asking twice changes nothing. Contacts that the two of a group have changed themselves,
//! by another name or another group, stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::rooms::{context, wish};
use super::{AdminError, Answer, Secret};
use crate::feature::Ctx;
use crate::features::muc::operator::{self, WantedRoom};
use crate::features::roster::{self, Subscription};
use crate::features::{accounts, subscription};
use crate::jid::BareJid;
use crate::router;
use crate::server::Server;
use crate::stanza::StanzaError;

/// What there shall be.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Wanted {
    /// An account.
    Account {
        /// Its address.
        account: BareJid,
        /// Whether its owner is an operator; if it is not said, a new one's is not.
        #[serde(default)]
        admin: Option<bool>,
        /// Its password if it is made.
        #[serde(default)]
        password: Option<Secret>,
        /// That is its password as well if the account is there already.
        #[serde(default)]
        replace: bool,
    },
    /// A room.
    Room {
        /// Its address.
        room: BareJid,
        /// An account that owns it, beside others.
        owner: BareJid,
        /// Accounts that belong to it, beside others.
        #[serde(default)]
        members: Vec<BareJid>,
        /// Settings by name; what is not named stays as it is.
        #[serde(default)]
        settings: BTreeMap<String, String>,
        /// The password for those who enter.
        #[serde(default)]
        password: Option<Secret>,
    },
    /// Accounts that are each other's contacts.
    Group {
        /// The group in their rosters.
        name: String,
        /// Who they are.
        members: BTreeSet<BareJid>,
    },
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioned {
    /// What was done, for people; nothing if all was there.
    pub changes: Vec<String>,
    /// What could not be done, with the remedy.
    pub problems: Vec<String>,
    /// The account or the room was not there, and is now.
    pub made: bool,
    /// The account is not there, and was not made as no password was given.
    pub lacks_password: bool,
}

/// Makes what is missing. `trial` only tells, and takes these accounts as made.
pub(super) async fn provide(
    server: &Arc<Server>,
    wanted: Wanted,
    trial: Option<&[BareJid]>,
) -> Result<Answer, AdminError> {
    let done = match wanted {
        Wanted::Account { account, admin, password, replace } => {
            let wish = AccountWish { admin, password, replace, is_trial: trial.is_some() };
            provide_account(server, &account, wish).await?
        }
        Wanted::Room { room, owner, members, settings, password } => {
            let wanted = WantedRoom { owner, members, wish: wish(settings, password) };
            let done = operator::ensure(&context(server), &room, &wanted, trial).await?;
            let operator::Ensured { made, changes, problems } = done;
            Provisioned { made, changes, problems, lacks_password: false }
        }
        Wanted::Group { name, members } => provide_group(server, &name, &members, trial).await?,
    };
    Ok(Answer::Provisioned(done))
}

struct AccountWish {
    admin: Option<bool>,
    password: Option<Secret>,
    replace: bool,
    is_trial: bool,
}

async fn provide_account(
    server: &Arc<Server>,
    account: &BareJid,
    wish: AccountWish,
) -> Result<Provisioned, AdminError> {
    if !server.serves(account.domain()) {
        return Err(super::accounts::unknown_domain(server, account.domain()));
    }
    let mut done = Provisioned::default();
    match server.accounts.find(account).await? {
        Some(record) if record.leaving => return Err(AdminError::Leaving),
        Some(record) => change_account(server, account, record.admin, wish, &mut done).await?,
        None => make_account(server, account, wish, &mut done).await?,
    }
    Ok(done)
}

async fn make_account(
    server: &Server,
    account: &BareJid,
    wish: AccountWish,
    done: &mut Provisioned,
) -> Result<(), AdminError> {
    let Some(password) = wish.password else {
        done.lacks_password = true;
        return Ok(());
    };
    let (password, admin) = (password.password()?, wish.admin.unwrap_or(false));
    if !wish.is_trial {
        accounts::add(server, account, password, admin).await?;
    }
    done.made = true;
    done.changes.push("made".to_owned());
    done.changes.extend(admin.then(|| is_admin(true)));
    Ok(())
}

async fn change_account(
    server: &Arc<Server>,
    account: &BareJid,
    was_admin: bool,
    wish: AccountWish,
    done: &mut Provisioned,
) -> Result<(), AdminError> {
    if let Some(admin) = wish.admin.filter(|admin| *admin != was_admin) {
        if !wish.is_trial {
            accounts::set_admin(server, account, admin).await?;
        }
        done.changes.push(is_admin(admin));
    }
    let Some(password) = wish.password.filter(|_| wish.replace) else { return Ok(()) };
    match replace_password(server, account, &password, wish.is_trial).await {
        Ok(change) => done.changes.extend(change),
        // What is done by now is told all the same.
        Err(error) => done.problems.push(error.to_string()),
    }
    Ok(())
}

fn is_admin(is: bool) -> String {
    if is { "is an admin" } else { "is no admin any more" }.to_owned()
}

/// Sets a password if it is another one: sessions are closed only then.
async fn replace_password(
    server: &Arc<Server>,
    account: &BareJid,
    password: &Secret,
    is_trial: bool,
) -> Result<Option<String>, AdminError> {
    if server.accounts.has_password(account, password.password()?).await? {
        return Ok(None);
    }
    let closed = match is_trial {
        true => 0,
        false => accounts::set_password(server, account, password.password()?, None).await?,
    };
    Ok(Some(match closed {
        0 => "has a new password".to_owned(),
        1 => "has a new password, and its session was closed".to_owned(),
        count => format!("has a new password, and its {count} sessions were closed"),
    }))
}

async fn provide_group(
    server: &Arc<Server>,
    name: &str,
    members: &BTreeSet<BareJid>,
    trial: Option<&[BareJid]>,
) -> Result<Provisioned, AdminError> {
    let mut done = Provisioned::default();
    let mut known = Vec::new();
    for member in members {
        if trial.is_some_and(|made| made.contains(member)) {
            known.push((member, BTreeSet::new()));
        } else if server.serves(member.domain()) && server.accounts.exists(member).await? {
            known.push((member, contacts(server, member, members).await?));
        } else {
            let text = "there is no such account; make it first, or correct the address";
            done.problems.push(format!("{member}: {text}"));
        }
    }
    let cx = context(server);
    for (index, (one, ones)) in known.iter().enumerate() {
        for (other, others) in known.iter().skip(index + 1) {
            if ones.contains(*other) && others.contains(*one) {
                continue;
            }
            let united = match trial {
                Some(_) => Ok(()),
                None => befriend(&cx, one, other, name).await,
            };
            match united {
                Ok(()) => done.changes.push(format!("{one} and {other} are contacts")),
                Err(error) => done.problems.push(refusal(one, other, &error)),
            }
        }
    }
    Ok(done)
}

/// Which of these see the account's presence, and show it theirs.
async fn contacts(
    server: &Server,
    account: &BareJid,
    among: &BTreeSet<BareJid>,
) -> Result<BTreeSet<BareJid>, AdminError> {
    let all = roster::contacts(server, account).await?.into_iter();
    let both = all.filter(|(jid, item)| jid.is_bare() && item.subscription == Subscription::Both);
    Ok(both.map(|(contact, _)| contact.bare()).filter(|contact| among.contains(contact)).collect())
}

/// Connected clients hear of it by a roster push.
async fn befriend(
    cx: &Ctx,
    one: &BareJid,
    other: &BareJid,
    group: &str,
) -> Result<(), StanzaError> {
    let effects = subscription::befriend_in(cx, one, other, group).await?;
    router::carry_out(cx, effects).await;
    Ok(())
}

fn refusal(one: &BareJid, other: &BareJid, error: &StanzaError) -> String {
    let why = error.text().unwrap_or(error.condition().as_str());
    format!("{one} and {other} cannot be contacts: {why}")
}
