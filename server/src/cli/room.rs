//! `cloister room`: rooms, whoever owns them.

mod members;
mod tell;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use zeroize::Zeroizing;

use super::operator::ask;
use super::output::say;
use super::user::account;
use super::{Usage, password};
use crate::admin::{Answer, Request, RoomAction, Secret};
use crate::jid::{BareJid, Domain};

/// What is said if the command and the server are not of the same version.
const OTHER: &str = "the server answered something else; use the command of the server's version";

/// Makes, lists, changes and destroys rooms, whether the server runs or not
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  cloister room list
  cloister room create choir@rooms.example.org --owner alice@example.org --set name='The choir'")]
pub(super) enum Command {
    List(List),
    Show(Show),
    Create(Create),
    Configure(Configure),
    #[command(subcommand)]
    Members(members::Command),
    Destroy(Destroy),
}

/// Lists rooms, hidden ones as well
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister room list
  cloister room list example.org --json")]
pub(super) struct List {
    /// Only those of this domain
    domain: Option<String>,

    /// Prints JSON: a list of objects with jid, name, created, members_only, public, persistent,
    /// locked and occupants
    #[arg(long)]
    json: bool,
}

/// Tells all about a room but what is said in it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister room show choir@rooms.example.org
  cloister room show choir@rooms.example.org --json")]
pub(super) struct Show {
    /// The room's address
    room: String,

    /// Prints JSON: an object with jid, created, locked, settings (an object: names as for --set,
    /// values as text), password (whether there is one), retention, own_retention, affiliations
    /// (how many there are of each), owners, and occupants with nick, jid, role and devices
    #[arg(long)]
    json: bool,
}

/// How a room is to be.
#[derive(Debug, Args)]
struct Settings {
    /// Changes a setting: name, description, lang, contacts, members_only, anonymous, public,
    /// persistent, archive, moderated, max_users, invites, subject_change, private_messages,
    /// presence, member_list, history, slow_mode or retention. `cloister room show` tells what a
    /// room is set to; several values are separated by commas
    #[arg(long = "set", value_name = "SETTING=VALUE")]
    settings: Vec<String>,

    /// Lets only those enter who know the password in the first line of FILE, or of standard input
    /// if FILE is `-`
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Makes a room
///
/// It begins as `[host.rooms]` in the configuration says, it lasts, and its owners can change it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister room create choir@rooms.example.org --owner alice@example.org
  cloister room create all@rooms.example.org --owner alice@example.org --owner bob@example.org \\
    --set name=Everybody --set members_only=false --set public=true")]
pub(super) struct Create {
    /// The room's address
    room: String,

    /// An account that owns it; may be given several times
    #[arg(long = "owner", value_name = "JID", required = true)]
    owners: Vec<String>,

    #[command(flatten)]
    settings: Settings,
}

/// Changes the settings of a room, and tells the people in it
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister room configure choir@rooms.example.org --set moderated=true --set slow_mode=10
  cloister room configure choir@rooms.example.org --set retention=90d
  cloister room configure choir@rooms.example.org --set retention=default --no-password")]
pub(super) struct Configure {
    /// The room's address
    room: String,

    #[command(flatten)]
    settings: Settings,

    /// Takes the password away
    #[arg(long, conflicts_with = "password_file")]
    no_password: bool,
}

/// Destroys a room with everything that was said in it
///
/// The people in it are told. Nothing of it can be brought back but from a backup.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister room destroy choir@rooms.example.org
  cloister room destroy choir@rooms.example.org --reason 'We have moved' \\
    --alternate singers@rooms.example.org")]
pub(super) struct Destroy {
    /// The room's address
    room: String,

    /// Why, for the people in it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    /// The room in which they may go on
    #[arg(long, value_name = "ROOM")]
    alternate: Option<String>,
}

pub(super) fn run(command: Command, config: &Path) -> anyhow::Result<()> {
    match command {
        Command::List(List { domain, json }) => list(domain.as_deref(), json, config),
        Command::Show(Show { room, json }) => {
            let Answer::Room(detail) = act(&address(&room)?, RoomAction::Show, config)? else {
                bail!(OTHER);
            };
            tell::show(&detail, json)
        }
        Command::Create(command) => create(command, config),
        Command::Configure(command) => configure(command, config),
        Command::Members(command) => members::run(command, config),
        Command::Destroy(command) => destroy(command, config),
    }
}

/// Has something done with a room.
fn act(room: &BareJid, action: RoomAction, config: &Path) -> anyhow::Result<Answer> {
    ask(config, Request::Room { room: room.clone(), action }, |_| ())
}

fn list(domain: Option<&str>, json: bool, config: &Path) -> anyhow::Result<()> {
    let domain = domain.map(Domain::parse).transpose();
    let domain =
        domain.map_err(|error| Usage(format!("no domain: {error}; write it as in example.org")))?;
    let Answer::Rooms(rows) = ask(config, Request::RoomList { domain }, |_| ())? else {
        bail!(OTHER);
    };
    tell::list(&rows, json)
}

fn create(command: Create, config: &Path) -> anyhow::Result<()> {
    let room = address(&command.room)?;
    let owners = command.owners.iter().map(|owner| account(owner)).collect::<Result<_, _>>()?;
    let (settings, password) = command.settings.take()?;
    act(&room, RoomAction::Create { owners, settings, password }, config)?;
    say(&format!("{room} is made."))
}

fn configure(command: Configure, config: &Path) -> anyhow::Result<()> {
    let room = address(&command.room)?;
    let (settings, password) = command.settings.take()?;
    let none = || Secret(Zeroizing::default());
    let password = password.or_else(|| command.no_password.then(none));
    if settings.is_empty() && password.is_none() {
        let text = "nothing is to be changed; name a setting, as in --set name='The choir'";
        return Err(Usage(text.to_owned()).into());
    }
    act(&room, RoomAction::Configure { settings, password }, config)?;
    say(&format!("{room} is changed."))
}

fn destroy(command: Destroy, config: &Path) -> anyhow::Result<()> {
    let room = address(&command.room)?;
    let alternate = command.alternate.as_deref().map(address).transpose()?;
    let action = RoomAction::Destroy { reason: command.reason, alternate };
    let left = match act(&room, action, config)? {
        Answer::Left(0) => String::new(),
        Answer::Left(1) => ", and who was in it has left".to_owned(),
        Answer::Left(count) => format!(", and the {count} people in it have left"),
        _ => bail!(OTHER),
    };
    say(&format!("{room} is destroyed{left}."))
}

impl Settings {
    fn take(&self) -> anyhow::Result<(BTreeMap<String, String>, Option<Secret>)> {
        let mut settings = BTreeMap::new();
        for text in &self.settings {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                Usage("no setting; write it as in --set members_only=false".to_owned())
            })?;
            if name == "password" {
                // Others on this machine can read command lines.
                return Err(Usage("give the password with --password-file".to_owned()).into());
            }
            if settings.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Usage(format!("{name} is set twice; set it once")).into());
            }
        }
        let password = self.password_file.as_deref().map(password::from).transpose()?;
        if password.as_ref().is_some_and(|password| password.is_empty()) {
            bail!("the password is empty; choose another one");
        }
        Ok((settings, password.map(Secret)))
    }
}

/// The text itself is not repeated: it may be anything.
fn address(text: &str) -> anyhow::Result<BareJid> {
    let wanted = "write it as in choir@rooms.example.org";
    let room =
        BareJid::parse(text).map_err(|error| Usage(format!("no room: {error}; {wanted}")))?;
    match room.local() {
        Some(_) => Ok(room),
        None => Err(Usage(format!("{room} is a domain and no room; {wanted}")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::muc::operator;

    #[test]
    fn the_help_names_every_setting() {
        let help = Create::augment_args(clap::Command::new("create")).render_long_help();
        let help = help.to_string();
        for name in operator::setting_names() {
            let is_it = |word: &str| word.trim_end_matches([',', '.']) == name;
            assert!(help.split_whitespace().any(is_it), "{name}");
        }
    }
}
