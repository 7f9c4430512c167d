//! `cloister user`: accounts.

mod sessions;

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand};

use super::operator::ask;
use super::output::{complain, say, say_json, say_table};
use super::{Usage, password};
use crate::admin::{Answer, Change, Request};
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
    Promote(Promote),
    Demote(Demote),
    Devices(Devices),
    Sessions(sessions::Arguments),
    Retention(Retention),
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

/// Makes an account's owner an admin of its domain
///
/// Admins make, disable and remove accounts of their domain from their clients, and announce something
/// to everybody there.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister user promote alice@example.org")]
pub(super) struct Promote {
    /// The account's address
    jid: String,
}

/// Makes an admin a user as any other
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister user demote alice@example.org")]
pub(super) struct Demote {
    /// The account's address
    jid: String,
}

/// Lists the devices that log in to an account without its password, or logs them out
///
/// A client that knows how gets a token of its own when it has logged in with the password, so that
/// it need not keep that (XEP-0484). A device that is lost can be logged out alone; a new password
/// logs out all of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister user devices alice@example.org
  cloister user devices alice@example.org --revoke d4565fa7-4d72-4749-b3d3-740edbf87770
  cloister user devices alice@example.org --revoke all")]
pub(super) struct Devices {
    /// The account's address
    jid: String,

    /// Logs out the device with this id, or all of them, and closes their sessions
    #[arg(long, value_name = "ID|all")]
    revoke: Option<String>,

    /// Prints JSON: a list of objects with id, device, software, mechanism, last_used, expires and
    /// sessions
    #[arg(long, conflicts_with = "revoke")]
    json: bool,
}

/// Tells or changes how long an account's messages are kept
///
/// What is older is not shown any more at once, and deleted soon after.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister user retention alice@example.org
  cloister user retention alice@example.org 90d
  cloister user retention alice@example.org forever
  cloister user retention alice@example.org default")]
pub(super) struct Retention {
    /// The account's address
    jid: String,

    /// A duration such as 30d, `forever`, `0` for only until they are delivered, or `default`
    retention: Option<String>,
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
        Command::Promote(Promote { jid }) => set_admin(&jid, true, config),
        Command::Demote(Demote { jid }) => set_admin(&jid, false, config),
        Command::Devices(Devices { jid, revoke: Some(id), .. }) => revoke(&jid, id, config),
        Command::Devices(Devices { jid, json, .. }) => devices(&jid, json, config),
        Command::Sessions(arguments) => sessions::run(&arguments, config),
        Command::Retention(command) => retention(&command, config),
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

fn set_admin(jid: &str, admin: bool, config: &Path) -> anyhow::Result<()> {
    let account = account(jid)?;
    ask(config, Request::UserAdmin { account: account.clone(), admin }, |_| ())?;
    let what = if admin { "an admin now" } else { "no admin any more" };
    say(&format!("{account} is {what}."))
}

/// A password that was made up stands alone on standard output, for scripts.
pub(super) fn done(what: &str, password: Option<&str>) -> anyhow::Result<()> {
    match password {
        None => say(what),
        Some(password) => {
            complain(what);
            say(password)
        }
    }
}

fn retention(command: &Retention, config: &Path) -> anyhow::Result<()> {
    let account = account(&command.jid)?;
    let change = match command.retention.as_deref() {
        None => Change::None,
        Some("default") => Change::Default,
        Some(text) => {
            let kept = text.parse().map_err(|error| Usage(format!("no retention: {error}")))?;
            Change::To(kept)
        }
    };
    let request = Request::UserRetention { account: account.clone(), change };
    let Answer::Retention { retention, own } = ask(config, request, |_| ())? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    let whose = if own { "as set for the account" } else { "as configured for all" };
    say(&format!("Messages of {account} are kept: {retention}, {whose}."))
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

fn devices(jid: &str, json: bool, config: &Path) -> anyhow::Result<()> {
    let request = Request::UserDevices { account: account(jid)? };
    let Answer::Devices(rows) = ask(config, request, |_| ())? else {
        bail!("the server answered something else; use the command of the server's version");
    };
    if json {
        return say_json(&rows);
    }
    let unsaid = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let minutes = |text: String| text.get(..16).map(|minutes| minutes.replace('T', " "));
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let last_used = unsaid(minutes(row.last_used));
            let (device, software) = (unsaid(row.device), unsaid(row.software));
            [device, software, unsaid(row.mechanism), last_used, row.sessions.to_string(), row.id]
        })
        .collect();
    say_table(["DEVICE", "SOFTWARE", "MECHANISM", "LAST USED (UTC)", "SESSIONS", "ID"], &rows)
}

fn revoke(jid: &str, id: String, config: &Path) -> anyhow::Result<()> {
    let account = account(jid)?;
    let device = Some(id).filter(|id| id != "all");
    let request = Request::UserRevoke { account: account.clone(), device };
    let answer = ask(config, request, |_| ())?;
    let Answer::Revoked { devices, closed: sessions } = answer else {
        bail!("the server answered something else; use the command of the server's version");
    };
    let closed = closed(&Answer::Closed(sessions));
    match devices {
        1 => say(&format!("1 device of {account} is logged out{closed}.")),
        count => say(&format!("{count} devices of {account} are logged out{closed}.")),
    }
}

/// The text itself is not repeated: it may be anything.
pub(super) fn account(text: &str) -> anyhow::Result<BareJid> {
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
