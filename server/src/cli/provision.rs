//! `cloister provision`: accounts, rooms and groups of contacts as a file has them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use serde::Serialize;

use super::operator::{self, Failed, Operator};
use super::output::{complain, say, say_json};
use super::password;
use crate::admin::{Answer, Provisioned, Request, Secret, Wanted};
use crate::config::provision::{Account, Group, IfMissing, Provision, Room, SetPassword};
use crate::jid::BareJid;

/// Makes the accounts, rooms and groups of contacts that a file names
///
/// What is there already is left as it is, so that the command can be run again and again: the second
/// time there is nothing to do. It never removes anything: accounts, rooms, contacts and members that
/// the file does not name stay. People may rename a contact of a group or move it to another group;
/// who removes one has it again after the next run, and who leaves a room is a member again. Settings
/// of a room that the file names are set again if its owner has changed them.
///
/// What cannot be done is told with its line, and the rest is done all the same; the exit code is 1
/// then. A file with a mistake in it is refused as a whole.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister provision family.toml
  cloister provision family.toml --dry-run

The file:
  [[account]]
  jid = \"alice@example.org\"
  password_file = \"/run/secrets/alice\"  # needed until there is the account
  admin = true                          # left out, it stays as it is
  set_password = \"once\"                 # or \"always\": also if there is the account already
  if_missing = \"fail\"                   # or \"wait\": its owner makes it by an invitation; rooms and
                                        # groups do without it until then

  [[room]]
  jid = \"family@rooms.example.org\"
  owner = \"alice@example.org\"
  members = [\"bob@example.org\"]
  name = \"Family\"                       # and what else `cloister room configure` can set
  password_file = \"/run/secrets/room\"   # if who enters has to know one

  [[group]]                             # each becomes the contact of all others
  name = \"Family\"
  members = [\"alice@example.org\", \"bob@example.org\"]

A password is the first line of its file, which may neither be readable by every user of the machine
nor lie in the Nix store.")]
pub(super) struct Arguments {
    /// The file
    file: PathBuf,

    /// Only tells what would be done
    #[arg(long)]
    dry_run: bool,

    /// Prints JSON: a list of what was done, objects with kind (account, room or group), what (an
    /// address or a name) and change
    #[arg(long)]
    json: bool,
}

/// Something that was done.
#[derive(Debug, Serialize)]
struct Change {
    kind: &'static str,
    what: String,
    change: String,
}

pub(super) fn run(arguments: &Arguments, config: &Path) -> anyhow::Result<ExitCode> {
    let file = arguments.file.display().to_string();
    let listed = match Provision::load(&arguments.file) {
        Ok(listed) => listed,
        Err(errors) => {
            errors.mistakes().iter().for_each(|mistake| complain(&mistake.to_string()));
            bail!("nothing was done; correct {file}");
        }
    };
    let mut run = Run { file, trial: arguments.dry_run.then(BTreeSet::new), ..Run::default() };
    let done = operator::within(config, async |operator| run.all(operator, listed).await);
    // What was done before the server went away is told all the same.
    run.tell(arguments)?;
    done?;
    if run.changes.is_empty() && run.problems == 0 && !arguments.json {
        say("nothing to do")?;
    }
    match run.problems {
        0 => Ok(ExitCode::SUCCESS),
        count => {
            let what = if count == 1 { "1 thing" } else { &format!("{count} things") };
            complain(&format!(
                "error: {what} could not be done; correct what is named above, then run it again"
            ));
            Ok(ExitCode::FAILURE)
        }
    }
}

#[derive(Default)]
struct Run {
    file: String,
    /// The accounts that would have been made; nothing if all is done.
    trial: Option<BTreeSet<BareJid>>,
    /// The accounts that their owners will make: rooms and groups do without them until then.
    awaited: BTreeSet<BareJid>,
    changes: Vec<Change>,
    problems: usize,
}

impl Run {
    async fn all(&mut self, operator: &mut Operator, listed: Provision) -> Result<(), Failed> {
        for account in &listed.accounts {
            let done = self.account(operator, account).await;
            self.note("account", account.jid.as_str(), account.line, done)?;
        }
        for room in &listed.rooms {
            let done = self.room(operator, room).await;
            self.note("room", room.jid.as_str(), room.line, done)?;
        }
        for group in &listed.groups {
            let done = self.group(operator, group).await;
            self.note("group", &group.name, group.line, done)?;
        }
        Ok(())
    }

    /// A password is read only where it is needed: its file may be gone when there is the account.
    async fn account(
        &mut self,
        operator: &mut Operator,
        account: &Account,
    ) -> Result<Provisioned, Failed> {
        let replace = account.set_password == SetPassword::Always;
        let wanted = |password| Wanted::Account {
            account: account.jid.clone(),
            admin: account.admin,
            password,
            replace,
        };
        if !replace {
            let done = self.ask(operator, wanted(None), &[]).await?;
            if !done.lacks_password {
                return Ok(done);
            }
        }
        let Some(path) = &account.password_file else {
            if account.if_missing == IfMissing::Wait {
                self.awaited.insert(account.jid.clone());
                return Ok(Provisioned::default());
            }
            let text = "there is no such account yet; name a file with its password: password_file";
            return Err(Failed::Refused(text.to_owned()));
        };
        let password = secret(path)?;
        if password::is_short(&password.0) {
            let Account { line, jid, .. } = account;
            let short = "the password has fewer than 8 characters, and is easy to guess";
            complain(&format!("warning: {}:{line}: account {jid}: {short}", self.file));
        }
        let done = self.ask(operator, wanted(Some(password)), &[]).await?;
        if let Some(trial) = self.trial.as_mut().filter(|_| done.made) {
            trial.insert(account.jid.clone());
        }
        Ok(done)
    }

    async fn room(&self, operator: &mut Operator, room: &Room) -> Result<Provisioned, Failed> {
        if self.awaited.contains(&room.owner) {
            return Ok(Provisioned::default());
        }
        let members: Vec<_> = room.members.difference(&self.awaited).cloned().collect();
        let named: Vec<_> = members.iter().chain([&room.owner]).cloned().collect();
        let wanted = Wanted::Room {
            room: room.jid.clone(),
            owner: room.owner.clone(),
            members,
            settings: room.settings.clone(),
            password: room.password_file.as_deref().map(secret).transpose()?,
        };
        self.ask(operator, wanted, &named).await
    }

    async fn group(&self, operator: &mut Operator, group: &Group) -> Result<Provisioned, Failed> {
        let members: BTreeSet<_> = group.members.difference(&self.awaited).cloned().collect();
        let named: Vec<_> = members.iter().cloned().collect();
        let wanted = Wanted::Group { name: group.name.clone(), members };
        self.ask(operator, wanted, &named).await
    }

    async fn ask(
        &self,
        operator: &mut Operator,
        wanted: Wanted,
        named: &[BareJid],
    ) -> Result<Provisioned, Failed> {
        let would_be = |trial: &BTreeSet<BareJid>| {
            named.iter().filter(|account| trial.contains(*account)).cloned().collect()
        };
        let trial = self.trial.as_ref().map(would_be);
        match operator.ask(Request::Provision { wanted, trial }, |_| ()).await? {
            Answer::Provisioned(done) => Ok(done),
            _ => Err(Failed::Lost(anyhow!(
                "the server answered something else; use the command of the server's version"
            ))),
        }
    }

    fn note(
        &mut self,
        kind: &'static str,
        what: &str,
        line: usize,
        done: Result<Provisioned, Failed>,
    ) -> Result<(), Failed> {
        let done = match done {
            Ok(done) => done,
            Err(Failed::Refused(why)) => {
                Provisioned { problems: vec![why], ..Provisioned::default() }
            }
            Err(lost) => return Err(lost),
        };
        let change = |change| Change { kind, what: what.to_owned(), change };
        self.changes.extend(done.changes.into_iter().map(change));
        self.problems += done.problems.len();
        for problem in done.problems {
            complain(&format!("{}:{line}: {kind} {what}: {problem}", self.file));
        }
        Ok(())
    }

    fn tell(&self, arguments: &Arguments) -> anyhow::Result<()> {
        if arguments.json {
            return say_json(&self.changes);
        }
        let would_be = if arguments.dry_run { "to do: " } else { "" };
        for Change { kind, what, change } in &self.changes {
            say(&format!("{would_be}{kind} {what}: {change}"))?;
        }
        Ok(())
    }
}

fn secret(path: &Path) -> Result<Secret, Failed> {
    let text = password::secret(path).map_err(|error| Failed::Refused(format!("{error:#}")))?;
    Ok(Secret(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Credentials;
    use crate::features::muc::operator::setting_names;

    #[test]
    fn every_setting_of_a_room_can_be_written() {
        for name in setting_names() {
            let text = |value: &str| {
                format!(
                    "[[room]]\njid = \"r@rooms.example.org\"\nowner = \"a@example.org\"\n{name} = {value}\n"
                )
            };
            let written = ["\"text\"", "true", "[]"].map(text);
            let read = written
                .iter()
                .filter_map(|text| Provision::parse(text, "f", Credentials::default()).ok());
            assert!(read.clone().count() == 1, "{name}");
            assert!(
                read.flat_map(|it| it.rooms).all(|it| it.settings.contains_key(name)),
                "{name}"
            );
        }
    }
}
