//! The operator's socket: what commands ask of a running server.
//!
//! A Unix socket that only its owner may open. Whoever can is the operator, so nobody logs in
//! there. A line is one JSON request, and each is answered with one line of JSON, before which
//! there may be lines that tell how far a long one is. [`execute`] serves the commands that find
//! no server running as well, so that both ways cannot differ.

mod accounts;
mod announce;
mod archive;
mod client;
mod console;
mod devices;
mod doctor;
mod invites;
mod rooms;
mod sessions;
mod socket;
mod uploads;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use client::{ClientError, Connection, connect};
pub use invites::{Create as InviteWish, InviteRow, InviteState, Lasts};
pub use rooms::{MemberRow, OccupantRow, RoomAction, RoomDetail, RoomRow};
pub use sessions::SessionRow;
pub use socket::listen;
pub use uploads::{UploadChoice, UploadList, UploadRow};

use crate::auth::AccountError;
use crate::auth::password::{Password, PasswordError};
use crate::config::Retention;
use crate::console::gate::NoRandom;
use crate::features;
use crate::features::invite;
use crate::features::muc::operator;
use crate::features::omemo::Finding;
use crate::features::omemo::doctor::ShutOut;
use crate::features::omemo::rooms::RoomFinding;
use crate::features::upload;
use crate::jid::{BareJid, Domain, Jid};
use crate::metrics::{Failure, Samples};
use crate::server::Server;
use crate::status::{Status, status};
use crate::store::{Report, StoreError};

/// What an operator may ask.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Makes an account.
    UserAdd {
        /// Its address.
        account: BareJid,
        /// Its password.
        password: Secret,
        /// Whether its owner is an operator.
        #[serde(default)]
        admin: bool,
    },
    /// Lists the accounts of one domain, or of all.
    UserList {
        /// Which one.
        #[serde(default)]
        domain: Option<Domain>,
    },
    /// Replaces a password and closes the account's sessions.
    UserPasswd {
        /// Whose.
        account: BareJid,
        /// The new one.
        password: Secret,
    },
    /// Lets nobody log in to an account any more, and closes its sessions.
    UserDisable {
        /// Which one.
        account: BareJid,
    },
    /// Lets its owner log in again.
    UserEnable {
        /// Which one.
        account: BareJid,
    },
    /// Removes an account with everything that is kept for it.
    UserRemove {
        /// Which one.
        account: BareJid,
    },
    /// Lists the devices that log in to an account with a token.
    UserDevices {
        /// Which one.
        account: BareJid,
    },
    /// Forgets the tokens of a device, or of all, and closes its sessions.
    UserRevoke {
        /// Whose.
        account: BareJid,
        /// Which one; all of them if none is named.
        #[serde(default)]
        device: Option<String>,
    },
    /// Lists the clients that are connected.
    UserSessions {
        /// Whose; all if nobody is named.
        #[serde(default)]
        account: Option<BareJid>,
    },
    /// Closes the session with that full address.
    UserSessionEnd {
        /// Which one.
        session: Jid,
    },
    /// Says something to everybody of a domain who is online.
    Announce {
        /// Which one.
        domain: Domain,
        /// What.
        text: String,
    },
    /// How long an account's messages are kept.
    UserRetention {
        /// Whose.
        account: BareJid,
        /// What is to become of it.
        #[serde(default)]
        change: Change,
    },
    /// Lists the rooms of one domain, or all.
    RoomList {
        /// Which one: that of accounts, or that of their rooms.
        #[serde(default)]
        domain: Option<Domain>,
    },
    /// Does something with a room.
    Room {
        /// Which one.
        room: BareJid,
        /// What.
        action: RoomAction,
    },
    /// Lists uploaded files.
    UploadList {
        /// Those of a domain or of an account; all if none is named.
        #[serde(default)]
        of: Option<BareJid>,
    },
    /// Deletes uploaded files.
    UploadRemove {
        /// Which ones.
        which: UploadChoice,
    },
    /// How the server is.
    Status,
    /// How it was: the last hour, and the last two days.
    History,
    /// What went wrong lately.
    Failures,
    /// Makes an invitation to an account.
    InviteCreate(invites::Create),
    /// Makes an invitation to set a new password for an account.
    InviteReset {
        /// Which one.
        account: BareJid,
        /// How long it is good for.
        #[serde(default)]
        lasts: Lasts,
    },
    /// Lists the invitations of one domain, or of all.
    InviteList {
        /// Which one.
        #[serde(default)]
        domain: Option<Domain>,
    },
    /// Takes an invitation back.
    InviteRevoke {
        /// Its token or its id.
        invitation: String,
    },
    /// Reads every record of the store.
    StoreCheck,
    /// What the archive consists of.
    ArchiveStatus,
    /// Deletes messages that are over, now.
    ArchiveExpire,
    /// Looks at the OMEMO keys that accounts have published.
    DoctorOmemo {
        /// Whose; all if nobody is named.
        #[serde(default)]
        account: Option<BareJid>,
        /// Opens what is not open.
        #[serde(default)]
        repair: bool,
    },
    /// Makes a link that opens the console once.
    ConsoleLink,
    /// Sets the operator's password for the console, and ends its sessions.
    ConsolePassword {
        /// The new one; without it there is none any more.
        #[serde(default)]
        password: Option<Secret>,
    },
}

/// What is to become of an account's retention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Nothing: it is only told.
    #[default]
    None,
    /// The account has that of its domain again.
    Default,
    /// The account has this one.
    To(Retention),
}

/// A text that is nowhere shown and overwritten when it is dropped.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// As a password of an account.
    ///
    /// # Errors
    /// It cannot be a password. Whether it is a good one is judged where it is typed.
    fn password(&self) -> Result<Password, AdminError> {
        Ok(Password::new(&self.0)?)
    }
}

/// What was done, or asked for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing more to say.
    Done,
    /// So many sessions were told to close.
    Closed(usize),
    /// Accounts, in the order of domains and names.
    Accounts(Vec<AccountRow>),
    /// Devices, the one that was used last first.
    Devices(Vec<DeviceRow>),
    /// Clients that are connected, by account, the one that has been there longest first.
    Sessions(Vec<SessionRow>),
    /// So many accounts were told.
    Announced(usize),
    /// So many devices have to log in with the password again, and so many sessions were told to
    /// close.
    Revoked {
        /// Devices.
        devices: usize,
        /// Sessions.
        closed: usize,
    },
    /// One invitation.
    Invitation(Box<InviteRow>),
    /// Invitations, in the order of domains, the newest first.
    Invitations(Vec<InviteRow>),
    /// Rooms, in the order of their addresses.
    Rooms(Vec<RoomRow>),
    /// One room.
    Room(Box<RoomDetail>),
    /// Whom a room knows, those who may most first.
    Members(Vec<MemberRow>),
    /// So many people were in a room that is no more.
    Left(usize),
    /// Uploaded files.
    Uploads(UploadList),
    /// So many uploaded files were deleted.
    UploadsRemoved {
        /// How many.
        files: u64,
        /// How large they were together.
        bytes: u64,
    },
    /// How the server is.
    Status(Box<Status>),
    /// How the server was.
    History(Samples),
    /// What went wrong, the latest first.
    Failures(Vec<Failure>),
    /// What a check of the store found.
    Checked(Checked),
    /// How long an account's messages are kept.
    Retention {
        /// That long.
        retention: Retention,
        /// Whether that is the account's own, not that of its domain.
        own: bool,
    },
    /// The directories of the archive, by series, oldest first.
    Archive(Vec<PeriodRow>),
    /// What was deleted.
    Expired(ExpiredRow),
    /// What is wrong with OMEMO, in the order of domains and names.
    Omemo {
        /// Accounts.
        accounts: Vec<OmemoRow>,
        /// Rooms for members, or those of the one account.
        rooms: Vec<OmemoRoom>,
    },
    /// A link that opens the console.
    ConsoleLink {
        /// Where it leads.
        url: String,
        /// Until when, as in `2026-11-22T16:13:00.123Z`.
        expires: String,
    },
}

/// An account as to its OMEMO keys.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OmemoRow {
    /// Its address.
    pub jid: String,
    /// What is wrong, after the repair.
    pub findings: Vec<Finding>,
    /// Nodes that were opened.
    pub opened: Vec<String>,
    /// Who cannot write to it; only where one account was asked for.
    pub shut_out: Option<ShutOut>,
}

/// A room for members as to their OMEMO keys.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OmemoRoom {
    /// Its address.
    pub jid: String,
    /// What is wrong, after the repair.
    pub findings: Vec<RoomFinding>,
}

/// A device in a list. What it says of itself is as it said.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRow {
    /// The id that the client gave itself.
    pub id: String,
    /// What the client runs on, if it said.
    pub device: Option<String>,
    /// The client's name, if it said.
    pub software: Option<String>,
    /// The mechanism that its token is for.
    pub mechanism: Option<String>,
    /// When it was last given a token or used one, as in `2026-11-22T16:13:00.123Z`.
    pub last_used: String,
    /// When its token expires.
    pub expires: Option<String>,
    /// Its sessions.
    pub sessions: usize,
}

/// An account in a list.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// Its address.
    pub jid: String,
    /// When it was made, as in `2026-11-22T16:13:00.123Z`.
    pub created: String,
    /// Whether its owner is an operator.
    pub admin: bool,
    /// Whether nobody may log in.
    pub disabled: bool,
    /// Whether its removal has begun and not ended.
    pub leaving: bool,
    /// Clients that are connected.
    pub sessions: usize,
}

/// A directory of the archive.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodRow {
    /// For how long what is in it is kept, such as `30d`.
    pub series: Retention,
    /// Its name, such as `2026-w47`.
    pub period: String,
    /// What it takes on the disk.
    pub bytes: u64,
    /// When its first message came, if that is known, as in `2026-11-22T16:13:00.123Z`.
    pub oldest: Option<String>,
}

/// What was deleted from the archive.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiredRow {
    /// Whole directories.
    pub directories: u64,
    /// What they took on the disk.
    pub bytes: u64,
    /// Messages of accounts that keep them for a shorter time than others.
    pub entries: u64,
}

/// What a check of the store found.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Records by tree.
    pub records: BTreeMap<String, u64>,
    /// The first problems: tree and key, never content.
    pub problems: Vec<String>,
    /// How many there are in all.
    pub problem_count: u64,
}

impl From<Report> for Checked {
    fn from(report: Report) -> Self {
        let named = |(tree, count): (&str, u64)| (tree.to_owned(), count);
        Checked {
            records: report.records.into_iter().map(named).collect(),
            problems: report.problems,
            problem_count: report.problem_count,
        }
    }
}

/// One line from the server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// Records seen up to now; more lines follow.
    Progress(u64),
    /// The request was carried out.
    Done(Answer),
    /// It was not, and why.
    Failed(String),
}

/// Why a request was not carried out. Each sentence ends with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The account would be of a domain that is not served here.
    #[error("{domain} is no domain of this server; it serves {hosts}")]
    UnknownDomain {
        /// The domain that was asked for.
        domain: String,
        /// Those there are, separated by commas.
        hosts: String,
    },
    /// It can be nobody's password.
    #[error("{0}; choose another one")]
    Password(#[from] PasswordError),
    /// The account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// It cannot be announced.
    #[error("an announcement has 1 to {0} bytes; write a shorter one")]
    Announcement(usize),
    /// The room.
    #[error(transparent)]
    Room(#[from] operator::Error),
    /// Uploaded files.
    #[error(transparent)]
    Upload(#[from] upload::operator::Error),
    /// The invitation.
    #[error(transparent)]
    Invitation(#[from] invite::Error),
    /// A room that nobody would own.
    #[error("a room needs an owner; name at least one account")]
    NoOwner,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such device.
    #[error("no device of that account has this id; `cloister user devices` shows those there are")]
    UnknownDevice,
    /// Nobody is connected by that address.
    #[error("there is no such session; `cloister user sessions` shows those there are")]
    UnknownSession,
    /// Its removal has begun.
    #[error("the account is being removed; let `cloister user remove` finish that first")]
    Leaving,
    /// A feature could not take leave of the account.
    #[error("the account's contacts could not be told ({0}); run `cloister user remove` again")]
    Farewell(&'static str),
    /// Nodes of an account could not be opened.
    #[error(
        "the account's nodes could not be opened ({0}); look at the server's log, then try again"
    )]
    Repair(&'static str),
    /// There is no console.
    #[error(
        "no console is open; start the server with `cloister serve`, and let `listen.local` have an address"
    )]
    NoConsole,
    /// The machine has no random numbers.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// Carries out a request. `progress` hears how many records a long one has seen.
///
/// # Errors
/// [`AdminError`], for the operator.
pub async fn execute(
    server: &Arc<Server>,
    request: Request,
    progress: impl FnMut(u64) + Send,
) -> Result<Answer, AdminError> {
    match request {
        Request::UserAdd { account, password, admin } => {
            accounts::add(server, &account, &password, admin).await
        }
        Request::UserList { domain } => accounts::list(server, domain).await,
        Request::UserPasswd { account, password } => {
            accounts::passwd(server, &account, &password).await
        }
        Request::UserDisable { account } => accounts::disable(server, &account).await,
        Request::UserEnable { account } => accounts::enable(server, &account).await,
        Request::UserRemove { account } => accounts::remove(server, &account).await,
        Request::UserDevices { account } => devices::list(server, &account).await,
        Request::UserRevoke { account, device } => {
            devices::revoke(server, &account, device.as_deref()).await
        }
        Request::UserSessions { account } => sessions::list(server, account.as_ref()).await,
        Request::UserSessionEnd { session } => sessions::end(server, &session),
        Request::Announce { domain, text } => announce::say(server, &domain, &text).await,
        Request::UserRetention { account, change } => {
            accounts::retention(server, &account, change).await
        }
        Request::InviteCreate(wanted) => invites::create(server, wanted).await,
        Request::InviteReset { account, lasts } => invites::reset(server, &account, lasts).await,
        Request::InviteList { domain } => invites::list(server, domain).await,
        Request::InviteRevoke { invitation } => invites::revoke(server, &invitation).await,
        Request::RoomList { domain } => rooms::list(server, domain).await,
        Request::Room { room, action } => rooms::act(server, &room, action).await,
        Request::UploadList { of } => uploads::list(server, of).await,
        Request::UploadRemove { which } => uploads::remove(server, which).await,
        Request::ArchiveStatus => archive::status(server).await,
        Request::ArchiveExpire => archive::expire(server, progress).await,
        Request::DoctorOmemo { account, repair } => {
            doctor::omemo(server, account, repair, progress).await
        }
        Request::ConsoleLink => console::link(server),
        Request::ConsolePassword { password } => console::password(server, password).await,
        Request::History => Ok(Answer::History(server.metrics.history.samples())),
        Request::Failures => Ok(Answer::Failures(server.metrics.failures.latest())),
        Request::Status => Ok(Answer::Status(Box::new(status(server).await?))),
        Request::StoreCheck => Ok(Answer::Checked(server.store.check(progress).await?.into())),
    }
}

impl From<features::accounts::Error> for AdminError {
    fn from(error: features::accounts::Error) -> Self {
        use features::accounts::Error;
        match error {
            Error::UnknownDomain(_) => AccountError::Missing.into(),
            Error::Account(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Leaving => AdminError::Leaving,
            Error::Farewell(condition) => AdminError::Farewell(condition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> serde_json::Result<Request> {
        serde_json::from_str(json)
    }

    #[test]
    fn a_request_is_one_object_that_says_what_to_do() {
        let json = r#"{"do":"user-add","account":"juliet@localhost","password":"balcony1"}"#;
        let Request::UserAdd { account, admin, .. } = request(json).unwrap() else { panic!() };
        assert_eq!((account.as_str(), admin), ("juliet@localhost", false));
        assert!(matches!(request(r#"{"do":"store-check"}"#), Ok(Request::StoreCheck)));
    }

    #[test]
    fn a_request_with_more_than_is_known_is_refused() {
        assert!(request(r#"{"do":"user-list","domian":"localhost"}"#).is_err());
        assert!(request(r#"{"do":"user-burn"}"#).is_err());
        assert!(request(r#"{"do":"user-enable","account":"juliet@localhost/balcony"}"#).is_err());
    }

    #[test]
    fn a_password_is_not_shown_by_debugging() {
        let json = r#"{"do":"user-passwd","account":"juliet@localhost","password":"balcony1"}"#;
        assert!(!format!("{:?}", request(json).unwrap()).contains("balcony"));
    }

    #[test]
    fn an_empty_password_is_none() {
        let judge = |text: &str| Secret(Zeroizing::new(text.to_owned())).password();
        assert!(matches!(judge(""), Err(AdminError::Password(PasswordError::Empty))));
        assert!(judge("grüße acht").is_ok());
    }
}
