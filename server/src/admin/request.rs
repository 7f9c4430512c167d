//! What an operator may ask: one JSON object that says what to do.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{AdminError, Lasts, RoomAction, UploadChoice, Wanted, invites};
use crate::auth::password::Password;
use crate::config::Retention;
use crate::jid::{BareJid, Domain, Jid};

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
    /// Says whether an account's owner is an operator.
    UserAdmin {
        /// Which one.
        account: BareJid,
        /// Whether he is.
        admin: bool,
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
    /// Makes what is missing of an account, a room or a group of contacts, and nothing that is there.
    Provision {
        /// What there shall be.
        wanted: Wanted,
        /// Nothing is done, and only told; these accounts are taken as made.
        #[serde(default)]
        trial: Option<Vec<BareJid>>,
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
    pub(super) fn password(&self) -> Result<Password, AdminError> {
        Ok(Password::new(&self.0)?)
    }
}
