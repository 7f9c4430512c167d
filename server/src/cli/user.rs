//! `cloister user`: accounts.

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::operator::ask;
use super::output::{complain, say, say_json, say_table};
use super::{Usage, password};
use crate::admin::{Answer, Request};
use crate::jid::{BareJid, Domain};

/// Makes, lists, changes and removes accounts, whether the server runs or not
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:
  cloister user add alice@example.org")]
pub(super) enum Command {
    Add(Add),
    List(List),
    Passwd(Passwd),
    Disable(Disable),
    Enable(Enable),
    Remove(Remove),
}

/// Makes an account
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister user add alice@example.org
  cloister user add alice@example.org --admin --password-file /run/secrets/alice
  pwgen 20 1 | cloister user add alice@example.org --password-file -")]
pub(super) struct Add {
    /// The account's address, whose domain is one of the server's
    jid: String,

    /// Makes its owner an operator
    #[arg(long)]
    admin: bool,

    #[command(flatten)]
    password: password::Source,
}

/// Lists accounts
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister user list
  cloister user list example.org --json")]
pub(super) struct List {
    /// Only those of this domain
    domain: Option<String>,

    /// Prints JSON: a list of objects with jid, created, admin, disabled, leaving and sessions
    #[arg(long)]
    json: bool,
}

/// Sets a new password, and closes the account's sessions
///
/// An old password must not keep a session alive: whoever logged in with it, the owner as well,
/// has to log in again with the new one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister user passwd alice@example.org
  cloister user passwd alice@example.org --generate")]
pub(super) struct Passwd {
    /// The account's address
    jid: String,

    #[command(flatten)]
    password: password::Source,
}

/// Lets nobody log in to an account any more, and closes its sessions
///
/// What is kept for the account stays, and messages to it wait.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister user disable mallory@example.org")]
pub(super) struct Disable {
    /// The account's address
    jid: String,
}

/// Lets the owner of a disabled account log in again
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister user enable alice@example.org")]
pub(super) struct Enable {
    /// The account's address
    jid: String,
}

/// Removes an account with everything that is kept for it
///
/// Its sessions are closed, its contacts are told, and nothing of it can be brought back but from
/// a backup.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister user remove mallory@example.org")]
pub(super) struct Remove {
    /// The account's address
    jid: String,
}

pub(super) fn run(command: Command, config: &Path) -> anyhow::Result<()> {
    match command {
        Command::Add(command) => add(&command, config),
        Command::List(command) => list(&command, config),
        Command::Passwd(command) => passwd(&command, config),
        Command::Disable(Disable { jid }) => {
            let account = account(&jid)?;
            let closed =
                closed(&ask(config, Request::UserDisable { account: account.clone() }, |_| ())?);
            say(&format!("{account} is disabled{closed}."))
        }
        Command::Enable(Enable { jid }) => {
            let account = account(&jid)?;
            ask(config, Request::UserEnable { account: account.clone() }, |_| ())?;
            say(&format!("{account} is enabled."))
        }
        Command::Remove(Remove { jid }) => {
            let account = account(&jid)?;
            let closed =
                closed(&ask(config, Request::UserRemove { account: account.clone() }, |_| ())?);
            say(&format!("{account} is removed{closed}."))
        }
    }
}

fn add(command: &Add, config: &Path) -> anyhow::Result<()> {
    let (account, admin) = (account(&command.jid)?, command.admin);
    let (password, made_up) = command.password.take()?;
    let text = password.0.clone();
    ask(config, Request::UserAdd { account: account.clone(), password, admin }, |_| ())?;
    done(&format!("{account} is added."), made_up.then_some(text.as_str()))
}

fn passwd(command: &Passwd, config: &Path) -> anyhow::Result<()> {
    let account = account(&command.jid)?;
    let (password, made_up) = command.password.take()?;
    let text = password.0.clone();
    let request = Request::UserPasswd { account: account.clone(), password };
    let closed = closed(&ask(config, request, |_| ())?);
    let what = format!("{account} has a new password{closed}.");
    done(&what, made_up.then_some(text.as_str()))
}

/// A password that was made up stands alone on standard output, for scripts.
fn done(what: &str, password: Option<&str>) -> anyhow::Result<()> {
    match password {
        None => say(what),
        Some(password) => {
            complain(what);
            say(password)
        }
    }
}

fn list(command: &List, config: &Path) -> anyhow::Result<()> {
    let domain = command.domain.as_deref().map(Domain::parse).transpose();
    let domain =
        domain.map_err(|error| Usage(format!("no domain: {error}; write it as in example.org")))?;
    let Answer::Accounts(rows) = ask(config, Request::UserList { domain }, |_| ())? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    if command.json {
        return say_json(&rows);
    }
    let state = |leaving, disabled| match (leaving, disabled) {
        (true, _) => "leaving",
        (_, true) => "disabled",
        _ => "active",
    };
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let role = if row.admin { "admin" } else { "user" };
            let created = row.created.split('T').next().unwrap_or_default().to_owned();
            let state = state(row.leaving, row.disabled);
            [row.jid, created, role.to_owned(), state.to_owned(), row.sessions.to_string()]
        })
        .collect();
    say_table(["ACCOUNT", "CREATED", "ROLE", "STATE", "SESSIONS"], &rows)
}

/// The text itself is not repeated: it may be anything.
fn account(text: &str) -> anyhow::Result<BareJid> {
    let account = BareJid::parse(text)
        .map_err(|error| Usage(format!("no account: {error}; write it as in alice@example.org")))?;
    match account.local() {
        Some(_) => Ok(account),
        None => {
            Err(Usage(format!("{account} is a domain; write an account as in alice@{account}"))
                .into())
        }
    }
}

fn closed(answer: &Answer) -> String {
    match answer {
        Answer::Closed(1) => ", and its session was closed".to_owned(),
        Answer::Closed(count) if *count > 1 => format!(", and its {count} sessions were closed"),
        _ => String::new(),
    }
}
