//! What an operator is answered: rows for people and for scripts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{InviteRow, MemberRow, Provisioned, RoomDetail, RoomRow, SessionRow, UploadList};
use crate::config::Retention;
use crate::features::omemo::Finding;
use crate::features::omemo::doctor::ShutOut;
use crate::features::omemo::rooms::RoomFinding;
use crate::metrics::{Failure, Samples};
use crate::status::Status;
use crate::store::Report;

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
    /// What was missing of what there shall be.
    Provisioned(Provisioned),
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
