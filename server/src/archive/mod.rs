//! The archive: every message that is kept, once, in the order in which the server took it.
//!
//! A message has one number for everybody: the time in microseconds, strictly increasing. It lies in
//! one directory, that of a period and of the longest retention among its owners, so that its text
//! and its index entries are one atomic batch; expiry deletes directories. Numbers are given and
//! batches are queued under one short lock, and completions run in the order of numbers: whoever
//! delivers there delivers in the order of the archive.

mod append;
mod expiry;
mod period;
mod queue;
mod read;
mod removal;
mod sequence;
mod shelf;
mod status;
mod streams;
mod trees;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;

pub use append::Room;

use self::append::Desk;
use self::shelf::Shelf;
use crate::clock::{Clock, Timestamp};
pub use crate::config::Retention;
use crate::jid::BareJid;
use crate::metrics::ArchiveMeter;
use crate::store::{Disk, OnFatal, Result, StoreError};

/// How long a message waits that no archive shows, and at least what nobody was there to take,
/// whatever the retention: people are away for weeks.
pub const UNSHOWN: Retention = Retention::For(Duration::from_secs(30 * 86_400));

/// How the archive is opened.
#[derive(Clone)]
pub struct Options {
    /// The directory above all series.
    pub dir: PathBuf,
    /// Page cache of the directory that is written to.
    pub cache_bytes: u64,
    /// Page cache of each older one while it is open.
    pub old_cache_bytes: u64,
    /// As [`crate::store::Options::reserve_bytes`].
    pub reserve_bytes: u64,
    /// What is asked of the disk.
    pub disk: Disk,
    /// Called when a directory can never be written to again: the process has to end.
    pub on_fatal: OnFatal,
    /// The time.
    pub clock: Clock,
    /// Everything in memory, for tests.
    pub transient: bool,
}

/// A message to be kept.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whose archives show it: at most two, who are each other's `with`; a room alone, with itself; nobody's
    /// for what is only kept until it is delivered.
    pub owners: Vec<Owner>,
    /// The stanza as it is written in a stream whose default namespace is `jabber:client`,
    /// without stanza ids of this server.
    pub text: Bytes,
    /// The stream it came in on, and how many stanzas of it are handled with this one (XEP-0198):
    /// stored with the message or not at all.
    pub handled: Option<(Arc<str>, u32)>,
    /// In whose queue it waits to be delivered.
    pub queued: Option<BareJid>,
    /// The longest retention of the owners.
    pub retention: Retention,
}

/// An account with the other party as it is filtered for, or a room.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Whose archive, by its bare address.
    pub account: BareJid,
    /// With whom.
    pub with: BareJid,
}

/// Which of an account's messages are asked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// To and from this address.
    pub with: Option<BareJid>,
    /// At or after this moment.
    pub start: Option<Timestamp>,
    /// At or before this moment.
    pub end: Option<Timestamp>,
    /// Greater numbers only.
    pub after: Option<u64>,
    /// Smaller numbers only.
    pub before: Option<u64>,
    /// The account's retention: what is older is not there any more.
    pub not_before: Option<Timestamp>,
}

/// Where a page begins, or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the oldest.
    Start,
    /// The page ends with the newest.
    End,
    /// Behind this number.
    After(u64),
    /// The page ends before this number.
    Before(u64),
}

/// How much a page may hold; at least one message, however large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Messages.
    pub items: usize,
    /// Bytes of text.
    pub bytes: usize,
}

/// A page, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The messages.
    pub items: Vec<Item>,
    /// Whether there is more in the direction that was read.
    pub more: bool,
}

/// A kept message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its number; as a time, when the server took it.
    pub number: u64,
    /// Its text.
    pub text: Bytes,
}

/// How long what is kept.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Every retention that is configured now: the server's, those of domains and of their rooms, those
    /// of accounts and single rooms.
    pub retentions: Vec<Retention>,
    /// Accounts and rooms whose messages may lie in directories of a longer retention.
    pub accounts: Vec<(BareJid, Retention)>,
}

/// What an expiry deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Whole directories.
    pub directories: u64,
    /// What they took on the disk, in bytes.
    pub bytes: u64,
    /// Entries of accounts whose retention is shorter than that of the directory.
    pub entries: u64,
    /// Whether there are more of those for the next time.
    pub more: bool,
}

/// A directory of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodStatus {
    /// For how long what is in it is kept.
    pub series: Retention,
    /// Its name, such as `2026-w47`.
    pub period: String,
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
    /// The number of its first message, if it is known.
    pub oldest: Option<u64>,
}

/// All kept messages. Clones share them.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

struct Inner {
    shelf: Shelf,
    desk: Desk,
    /// Held by whoever removes entries. To which number accounts with a shorter retention are trimmed.
    tidying: tokio::sync::Mutex<HashMap<BareJid, u64>>,
    closed: AtomicBool,
}

impl Archive {
    /// Opens the archive, which may mean making it. A damaged directory of the past is told in the log and
    /// makes only those pages fail that need it; the one that is to be written to has to be sound.
    pub async fn open(options: Options) -> Result<Self> {
        let shelf = Shelf::find(options).await?;
        let desk = Desk::open(&shelf).await?;
        let tidying = tokio::sync::Mutex::default();
        Ok(Self(Arc::new(Inner { shelf, desk, tidying, closed: AtomicBool::new(false) })))
    }

    /// What it counts.
    pub fn meter(&self) -> &Arc<ArchiveMeter> {
        &self.0.shelf.meter
    }

    /// Closes directories that nobody has used for a minute, and makes the next period's ahead of time. To be
    /// called about once a minute.
    pub async fn rest(&self) {
        if !self.0.is_closed() {
            self.0.desk.prepare(&self.0.shelf).await;
            self.0.shelf.rest().await;
        }
    }

    /// Writes what is queued and closes all directories. What is asked from then on gets
    /// [`StoreError::Closed`](crate::store::StoreError::Closed).
    pub async fn close(self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.desk.clear();
        self.0.shelf.close().await;
    }
}

impl Inner {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn check_open(&self) -> Result<()> {
        if self.is_closed() { Err(StoreError::Closed) } else { Ok(()) }
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("dir", &self.0.shelf.options.dir).finish_non_exhaustive()
    }
}
