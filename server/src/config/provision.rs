//! What `cloister provision` reads: the accounts, rooms and groups that there shall be.
//!
//! Our choices: the file is as strict as the configuration, and read by the same means, so that a
//! mistake is told with its line before anything is done. Whether a room may be set to a value is
//! judged where rooms are; an item remembers its line for that.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::declare::{Kind, choice, section};
use super::report::{ConfigErrors, Report};
use super::value::{At, SecretPath, Text, Value, Written, wrong_type};
use super::{Credentials, read_text, syntax};
use crate::jid::BareJid;

/// Members of one group: each becomes the contact of all others, so that the work grows with the
/// square. More people than these find each other in a room.
const GROUP_MEMBERS_MAX: usize = 250;

/// Members of one room that are named: one request to the server holds them all.
const ROOM_MEMBERS_MAX: usize = 1000;

/// Octets of a group's name: as long as clients may make one.
const GROUP_NAME_MAX: usize = 1023;

/// What there shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Provision {
    /// Accounts, each once.
    pub accounts: Vec<Account>,
    /// Rooms, each once.
    pub rooms: Vec<Room>,
    /// Groups of contacts, each once.
    pub groups: Vec<Group>,
}

/// An account that there shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Where it is written.
    pub line: usize,
    /// Its address.
    pub jid: BareJid,
    /// The file with its password.
    pub password_file: Option<PathBuf>,
    /// Whether its owner is an operator, if that is said.
    pub admin: Option<bool>,
    /// When the password is set.
    pub set_password: SetPassword,
    /// What it means that it cannot be made.
    pub if_missing: IfMissing,
}

/// A room that there shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Room {
    /// Where it is written.
    pub line: usize,
    /// Its address.
    pub jid: BareJid,
    /// An account that owns it.
    pub owner: BareJid,
    /// Accounts that belong to it.
    pub members: BTreeSet<BareJid>,
    /// The file with the password for those who enter.
    pub password_file: Option<PathBuf>,
    /// Settings by name, as `cloister room configure` takes them.
    pub settings: BTreeMap<String, String>,
}

/// Accounts that shall be each other's contacts.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Where it is written.
    pub line: usize,
    /// Its name in rosters.
    pub name: String,
    /// Who belongs to it.
    pub members: BTreeSet<BareJid>,
}

section! {
    /// The file as it is written.
    pub struct Listed {
        /// An account that there shall be.
        account: Vec<AccountTable>, default [];
        /// A room that there shall be.
        room: Vec<RoomTable>, default [];
        /// Accounts that shall be each other's contacts.
        group: Vec<GroupTable>, default [];
    }
}

section! {
    /// An `[[account]]` as it is written.
    pub struct AccountTable {
        /// Its address.
        jid: At<BareJid>, required "alice@example.org";
        /// The file in whose first line its password is.
        password_file: At<SecretPath>, optional "/run/secrets/alice";
        /// Whether its owner is an operator.
        admin: bool, optional true;
        /// When the password is set.
        set_password: At<SetPassword>, default "once";
        /// What it means that there is no such account and no password for it.
        if_missing: IfMissing, default "fail";
    }
}

section! {
    /// A `[[room]]` as it is written.
    pub struct RoomTable {
        /// Its address.
        jid: At<BareJid>, required "family@rooms.example.org";
        /// An account that owns it.
        owner: BareJid, required "alice@example.org";
        /// Accounts that belong to it.
        members: At<Vec<BareJid>>, default [];
        /// The file in whose first line the password is for those who enter.
        password_file: SecretPath, optional "/run/secrets/room";
        /// Its name.
        name: Setting, optional "Family";
        /// What it is about.
        description: Setting, optional "All of us";
        /// Its language.
        lang: Setting, optional "en";
        /// Whom to ask about it.
        contacts: Vec<BareJid>, optional ["alice@example.org"];
        /// Whether only members may enter.
        members_only: bool, optional true;
        /// Whether only moderators see addresses.
        anonymous: bool, optional false;
        /// Whether everybody finds it.
        public: bool, optional false;
        /// Whether it stays when nobody is in.
        persistent: bool, optional true;
        /// Whether what is said is kept.
        archive: bool, optional true;
        /// Whether visitors are not heard.
        moderated: bool, optional false;
        /// How many may be in it, or "none".
        max_users: Setting, optional 50;
        /// Whether members invite others.
        invites: bool, optional false;
        /// Whether everybody changes the subject.
        subject_change: bool, optional false;
        /// Who may send private messages.
        private_messages: Setting, optional "anyone";
        /// Whose presence is shown.
        presence: Vec<Setting>, optional ["moderator", "participant", "visitor"];
        /// Who may fetch the list of members.
        member_list: Vec<Setting>, optional ["moderator", "participant", "visitor"];
        /// How many messages are shown to who enters.
        history: Setting, optional 20;
        /// Seconds between two messages of somebody.
        slow_mode: Setting, optional 0;
        /// How long what is said is kept, or "default".
        retention: Setting, optional "90d";
    }
}

section! {
    /// A `[[group]]` as it is written.
    pub struct GroupTable {
        /// Its name in rosters.
        name: At<String>, required "Family";
        /// Who belongs to it.
        members: At<Vec<BareJid>>, required ["alice@example.org", "bob@example.org"];
    }
}

choice! {
    /// When the password of an account is set.
    pub enum SetPassword {
        /// When the account is made.
        Once "once",
        /// Whenever it is another one.
        Always "always",
    }
}

choice! {
    /// What it means that there is no such account and no password for it.
    pub enum IfMissing {
        /// It is a problem.
        Fail "fail",
        /// Its owner will make it, by an invitation.
        Wait "wait",
    }
}

/// A value of a room's setting: a text or a number. What it may be is judged where rooms are.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting(String);

impl Value for Setting {
    const KIND: Kind = Kind::Scalar { noun: "a text or a whole number", sample: "\"text\"" };

    fn read(written: &Written<'_>, report: &mut Report<'_>) -> Option<Self> {
        match written.value {
            DeValue::String(text) => Some(Setting(text.to_string())),
            DeValue::Integer(_) => u32::read(written, report).map(|it| Setting(it.to_string())),
            _ => {
                wrong_type::<Self>(written, report);
                None
            }
        }
    }
}

impl Text for BareJid {
    const NOUN: &'static str = "an address";
    const SAMPLE: &'static str = "\"alice@example.org\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let wanted = "write it as in \"alice@example.org\"";
        match BareJid::parse(text) {
            Ok(jid) if jid.local().is_some() => Ok(jid),
            Ok(_) => Err(format!("\"{text}\" is a domain; {wanted}")),
            Err(error) => Err(format!("\"{text}\" is no address: {error}; {wanted}")),
        }
    }
}

impl Provision {
    /// Reads the file at `path`, of at most 1 MiB. The credentials that it names are those of this process.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|error| ConfigErrors::unreadable(&name, error))?;
        Self::parse(&text, &name, Credentials::of_this_process())
    }

    /// Reads a text where there are these credentials; `name` is what messages call the file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(text: &str, name: &str, credentials: Credentials) -> Result<Self, ConfigErrors> {
        let kind = (&Listed::SECTION, "`cloister provision --help`");
        let mut report = Report::about(name, text, kind).with(credentials);
        let listed = syntax::read::<Listed>(text, &mut report);
        let made = listed.map(|listed| settle(listed, &mut report));
        report.finish(made).map(|(made, _)| made)
    }
}

/// What is missing has been reported.
fn settle(listed: Listed, report: &mut Report<'_>) -> Provision {
    let mut seen = BTreeSet::new();
    let mut once = |key: &str, name: &str, at: usize, report: &mut Report<'_>| {
        if !seen.insert((key.to_owned(), name.to_owned())) {
            let text = format!("{name} is there for the second time; remove one of the two");
            report.mistake(at, key, text);
        }
    };
    let mut accounts = Vec::new();
    for table in listed.account {
        let Some(jid) = &table.jid else { continue };
        once("account.jid", jid.value.as_str(), jid.at, report);
        accounts.extend(account(table, report));
    }
    let mut rooms = Vec::new();
    for table in listed.room {
        let Some(jid) = &table.jid else { continue };
        once("room.jid", jid.value.as_str(), jid.at, report);
        rooms.extend(room(table, report));
    }
    let mut groups = Vec::new();
    for table in listed.group {
        let Some(name) = &table.name else { continue };
        once("group.name", &name.value, name.at, report);
        groups.extend(group(table, report));
    }
    Provision { accounts, rooms, groups }
}

fn account(table: AccountTable, report: &mut Report<'_>) -> Option<Account> {
    let jid = table.jid?;
    let set = table.set_password;
    if set.value == SetPassword::Always && table.password_file.is_none() {
        let text = "there is no password that could be set; name its file with password_file";
        report.mistake(set.at, "account.set_password", text);
    }
    Some(Account {
        line: report.line(jid.at),
        jid: jid.value,
        password_file: table.password_file.map(|file| file.value.0),
        admin: table.admin,
        set_password: set.value,
        if_missing: table.if_missing,
    })
}

fn room(table: RoomTable, report: &mut Report<'_>) -> Option<Room> {
    let settings = settings(&table);
    let jid = table.jid?;
    let members = distinct(table.members, "room.members", ROOM_MEMBERS_MAX, report);
    Some(Room {
        line: report.line(jid.at),
        jid: jid.value,
        owner: table.owner?,
        members,
        password_file: table.password_file.map(|file| file.0),
        settings,
    })
}

/// Settings by the names under which they are written.
fn settings(table: &RoomTable) -> BTreeMap<String, String> {
    macro_rules! given {
        ($($name:ident)*) => {
            [$((stringify!($name), table.$name.as_ref().map(Shown::shown))),*]
        };
    }
    let all = given! {
        name description lang contacts members_only anonymous public persistent archive moderated
        max_users invites subject_change private_messages presence member_list history slow_mode
        retention
    };
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn group(table: GroupTable, report: &mut Report<'_>) -> Option<Group> {
    let (name, members) = (table.name?, table.members?);
    if name.value.is_empty() || name.value.len() > GROUP_NAME_MAX {
        let text = format!("a group's name has 1 to {GROUP_NAME_MAX} bytes; choose another one");
        report.mistake(name.at, "group.name", text);
    }
    let members = distinct(members, "group.members", GROUP_MEMBERS_MAX, report);
    Some(Group { line: report.line(name.at), name: name.value, members })
}

fn distinct(
    members: At<Vec<BareJid>>,
    key: &str,
    most: usize,
    report: &mut Report<'_>,
) -> BTreeSet<BareJid> {
    let distinct: BTreeSet<_> = members.value.into_iter().collect();
    if distinct.len() > most {
        let text =
            format!("{} are more than the {most} that can be named; name fewer", distinct.len());
        report.mistake(members.at, key, text);
    }
    distinct
}

/// As `cloister room configure` takes it.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for bool {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Setting {
    fn shown(&self) -> String {
        self.0.clone()
    }
}

impl Shown for BareJid {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(&self) -> String {
        self.iter().map(Shown::shown).collect::<Vec<_>>().join(",")
    }
}
