//! `cloister room members`: who belongs to a room, and who may not come.

use std::path::Path;

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};

use super::{OTHER, act, address, tell};
use crate::admin::{Answer, RoomAction};
use crate::cli::output::say;
use crate::cli::user::account;
use crate::features::muc::affiliation::Affiliation;

/// Tells and changes who belongs to a room
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:
  cloister room members add choir@rooms.example.org bob@example.org")]
pub(in crate::cli) enum Command {
    List(List),
    Add(Add),
    Set(Set),
    Remove(Remove),
}

/// Lists whom a room knows: owners, administrators, members and banned people
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister room members list choir@rooms.example.org
  cloister room members list choir@rooms.example.org --json")]
pub(in crate::cli) struct List {
    /// The room's address
    room: String,

    /// Prints JSON: a list of objects with jid, affiliation, nick and reason
    #[arg(long)]
    json: bool,
}

/// Makes accounts members of a room
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister room members add choir@rooms.example.org bob@example.org carol@example.org")]
pub(in crate::cli) struct Add {
    /// The room's address
    room: String,

    /// The accounts
    #[arg(required = true, value_name = "JID")]
    jids: Vec<String>,
}

/// Gives accounts another affiliation to a room
///
/// Owners may do everything, administrators change the list of members and ban people. Who is an
/// outcast is banned: he is put out of the room, and cannot enter it any more.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister room members set choir@rooms.example.org owner bob@example.org
  cloister room members set choir@rooms.example.org outcast mallory@example.org --reason Spam")]
pub(in crate::cli) struct Set {
    /// The room's address
    room: String,

    /// What they are to be
    affiliation: Named,

    /// The accounts
    #[arg(required = true, value_name = "JID")]
    jids: Vec<String>,

    /// Why, for the people in the room
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Takes accounts off the lists of a room, that of banned people as well
///
/// Who is in a room for members only is put out of it.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  cloister room members remove choir@rooms.example.org bob@example.org")]
pub(in crate::cli) struct Remove {
    /// The room's address
    room: String,

    /// The accounts
    #[arg(required = true, value_name = "JID")]
    jids: Vec<String>,
}

/// An affiliation as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Named {
    Owner,
    Admin,
    Member,
    None,
    Outcast,
}

impl From<Named> for Affiliation {
    fn from(named: Named) -> Self {
        match named {
            Named::Owner => Affiliation::Owner,
            Named::Admin => Affiliation::Admin,
            Named::Member => Affiliation::Member,
            Named::None => Affiliation::None,
            Named::Outcast => Affiliation::Outcast,
        }
    }
}

pub(super) fn run(command: Command, config: &Path) -> anyhow::Result<()> {
    match command {
        Command::List(List { room, json }) => {
            let Answer::Members(rows) = act(&address(&room)?, RoomAction::Members, config)? else {
                bail!(OTHER);
            };
            tell::members(&rows, json)
        }
        Command::Add(Add { room, jids }) => {
            affiliate(&room, &jids, Affiliation::Member, None, config)
        }
        Command::Set(Set { room, affiliation, jids, reason }) => {
            affiliate(&room, &jids, affiliation.into(), reason, config)
        }
        Command::Remove(Remove { room, jids }) => {
            affiliate(&room, &jids, Affiliation::None, None, config)
        }
    }
}

fn affiliate(
    room: &str,
    jids: &[String],
    affiliation: Affiliation,
    reason: Option<String>,
    config: &Path,
) -> anyhow::Result<()> {
    let room = address(room)?;
    let mut accounts = jids.iter().map(|jid| account(jid)).collect::<Result<Vec<_>, _>>()?;
    accounts.sort();
    accounts.dedup();
    let names: Vec<_> = accounts.iter().map(ToString::to_string).collect();
    act(&room, RoomAction::Affiliate { accounts, affiliation, reason }, config)?;
    let what = affiliation.as_str();
    say(&format!("{}: now {what} in {room}.", names.join(", ")))
}
