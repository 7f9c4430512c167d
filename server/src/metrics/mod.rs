//! What the server counts of itself: one [`Metrics`] in the server, and no label that a peer chooses.
//!
//! Counting is an addition to an atomic number: no lock, no memory, nothing to wait for. Where stanzas pass,
//! it is done once for everything that was read or written together ([`Tally`]).
//!
//! What lies below the server has its part made for itself and handed over ([`StoreMeter`],
//! [`ArchiveMeter`]), so that it needs no server. How things are at a moment (who is online, how large the
//! archive is) is not counted here but looked at when somebody asks: see `status`.

mod count;
mod failures;
mod families;
mod history;
mod labels;
mod process;
mod reference;
mod text;

use std::sync::{Arc, Mutex};

pub use count::{By, ByTwo, Counter, Distribution, Gauge, Histogram, Words};
pub use failures::{Failure, Failures};
pub use families::{
    ArchiveReading, CertificateReading, Family, HostReading, Kind, Levels, Point, Value,
};
pub use history::{EVERY, History, Reading, Sample, Samples};
pub use labels::{
    Carrier, FailureKind, Handshake, LOGIN_CONDITIONS, Label, Outcome, Refused, Route,
    STANZA_CONDITIONS, StanzaKind, StatusClass, StoreFault, Transport, UploadRefused,
};
pub use process::Process;
pub use reference::reference;
pub use text::{CONTENT_TYPE, text};

use crate::clock::Timestamp;
use crate::sync::lock;

/// How long a commit took, in microseconds.
const COMMIT_MICROS: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
    5_000_000,
];

/// How many batches became durable together.
const GROUP_SIZES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// What one server counts.
#[derive(Debug)]
pub struct Metrics {
    /// Connections.
    pub connections: Arc<ConnectionMeter>,
    /// TLS handshakes that came to nothing.
    pub handshakes_failed: By<Handshake>,
    /// Logins that succeeded.
    pub logins: Counter,
    /// Logins that did not, by what the client was told.
    pub login_failures: Words,
    /// Managed streams that were to be resumed.
    pub resumptions: By<Outcome>,
    /// Stanzas of clients.
    pub received: By<StanzaKind>,
    /// Stanzas to clients.
    pub sent: By<StanzaKind>,
    /// Bytes of streams from clients, without TLS.
    pub bytes_received: By<Carrier>,
    /// Bytes of streams to clients, without TLS.
    pub bytes_sent: By<Carrier>,
    /// Requests that were answered with an error, by its condition.
    pub iq_errors: Words,
    /// Messages in rooms.
    pub room_messages: Counter,
    /// Copies of them that were handed to the clients of those who are in the room.
    pub room_deliveries: Counter,
    /// The store.
    pub core: Arc<StoreMeter>,
    /// The archive.
    pub archive: Arc<ArchiveMeter>,
    /// Files.
    pub uploads: UploadMeter,
    /// Requests by HTTP that were answered.
    pub http_requests: ByTwo<Route, StatusClass>,
    /// Invitations that were made.
    pub invitations_made: Counter,
    /// Accounts that were made, or given a new password, with one.
    pub invitations_used: Counter,
    failures_by_kind: By<FailureKind>,
    /// What went wrong lately, one by one.
    pub failures: Failures,
    /// How it was.
    pub history: History,
    holdings: Mutex<Holdings>,
}

/// What is kept, as it was when somebody last looked: looking costs more than a moment.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// What the store takes on the disk, in bytes, without the archive.
    pub store_bytes: u64,
    /// The archive.
    pub archive: ArchiveReading,
    /// Files that people have sent.
    pub upload_files: u64,
    /// What they take, in bytes.
    pub upload_bytes: u64,
    /// The domains.
    pub hosts: Vec<HostReading>,
}

/// What is counted of listening sockets.
#[derive(Debug, Default)]
pub struct ConnectionMeter {
    /// Connections that were let in.
    pub accepted: By<Transport>,
    /// Connections that were not.
    pub refused: By<Refused>,
    /// Those there are.
    pub open: Gauge,
}

/// What is counted of a store.
#[derive(Debug)]
pub struct StoreMeter {
    /// Batches that were committed.
    pub commits: Counter,
    /// How long it took until a group of them was durable.
    pub latency: Histogram,
    /// How many were in a group.
    pub group_sizes: Histogram,
    /// Groups that were not committed.
    pub faults: By<StoreFault>,
}

/// What is counted of the archive.
#[derive(Debug, Default)]
pub struct ArchiveMeter {
    /// All its directories.
    pub store: Arc<StoreMeter>,
    /// Messages that were kept, in the archives of accounts or rooms.
    pub kept: Counter,
    /// Messages that had to wait for somebody who was away.
    pub queued: Counter,
    /// How often it was looked what is over.
    pub expiries: By<Outcome>,
    /// Bytes on the disk that this gave back.
    pub expired_bytes: Counter,
    /// Messages that went one by one, as their accounts keep them for a shorter time than others.
    pub expired_entries: Counter,
}

/// What is counted of files.
#[derive(Debug, Default)]
pub struct UploadMeter {
    /// Places for a file that were given.
    pub slots: Counter,
    /// Places that were refused.
    pub refused: By<UploadRefused>,
    /// Files that came in whole.
    pub finished: Counter,
    /// Bytes of files that came in.
    pub bytes_received: Counter,
    /// Bytes of files that went out.
    pub bytes_sent: Counter,
}

impl Default for StoreMeter {
    fn default() -> Self {
        StoreMeter {
            commits: Counter::default(),
            latency: Histogram::new(COMMIT_MICROS),
            group_sizes: Histogram::new(GROUP_SIZES),
            faults: By::default(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new(Arc::default(), Arc::default())
    }
}

impl Metrics {
    /// Everything at nothing, but for what a store and an archive have counted since they were opened.
    pub fn new(core: Arc<StoreMeter>, archive: Arc<ArchiveMeter>) -> Self {
        Metrics {
            connections: Arc::default(),
            handshakes_failed: By::default(),
            logins: Counter::default(),
            login_failures: Words::of(LOGIN_CONDITIONS),
            resumptions: By::default(),
            received: By::default(),
            sent: By::default(),
            bytes_received: By::default(),
            bytes_sent: By::default(),
            iq_errors: Words::of(STANZA_CONDITIONS),
            room_messages: Counter::default(),
            room_deliveries: Counter::default(),
            core,
            archive,
            uploads: UploadMeter::default(),
            http_requests: ByTwo::default(),
            invitations_made: Counter::default(),
            invitations_used: Counter::default(),
            failures_by_kind: By::default(),
            failures: Failures::default(),
            history: History::default(),
            holdings: Mutex::default(),
        }
    }

    /// Something went wrong that an operator may want to look at. `domain` is one of this server's,
    /// `condition` a word of a protocol: nothing that a peer wrote, no address and no name.
    pub fn failed(&self, at: Timestamp, kind: FailureKind, domain: Option<&str>, condition: &str) {
        self.failures_by_kind.count(kind);
        self.failures.note(at, kind, domain, condition);
    }

    /// What is kept, as of some minutes ago.
    pub fn holdings(&self) -> Holdings {
        lock(&self.holdings).clone()
    }

    /// Somebody has looked.
    pub fn set_holdings(&self, holdings: Holdings) {
        *lock(&self.holdings) = holdings;
    }

    /// Counts what a client sent.
    pub fn count_received(&self, tally: &Tally) {
        tally.add_to(&self.received);
    }

    /// Counts what a client was sent.
    pub fn count_sent(&self, tally: &Tally) {
        tally.add_to(&self.sent);
    }

    /// What the history compares with what it will be then.
    pub fn reading(&self, sessions: u64) -> Reading {
        let (memory, cpu_micros) = Process::usage();
        Reading {
            stanzas_in: self.received.sum(),
            stanzas_out: self.sent.sum(),
            messages: self.received.value(StanzaKind::Message),
            deliveries: self.sent.value(StanzaKind::Message),
            cpu_micros,
            sessions,
            memory,
        }
    }
}

/// Stanzas that passed together, to be counted at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    messages: u32,
    presence: u32,
    iqs: u32,
}

impl Tally {
    /// One more.
    pub fn note(&mut self, kind: StanzaKind) {
        match kind {
            StanzaKind::Message => self.messages += 1,
            StanzaKind::Presence => self.presence += 1,
            StanzaKind::Iq => self.iqs += 1,
        }
    }

    fn add_to(&self, counters: &By<StanzaKind>) {
        counters.add(StanzaKind::Message, self.messages.into());
        counters.add(StanzaKind::Presence, self.presence.into());
        counters.add(StanzaKind::Iq, self.iqs.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passed_together_is_counted_by_kind() {
        let metrics = Metrics::default();
        let mut tally = Tally::default();
        for kind in [StanzaKind::Message, StanzaKind::Iq, StanzaKind::Message] {
            tally.note(kind);
        }
        metrics.count_received(&tally);
        metrics.count_sent(&Tally::default());
        let received: Vec<_> = metrics.received.values().map(|(_, value)| value).collect();
        assert_eq!((received, metrics.sent.sum()), (vec![2, 0, 1], 0));
    }
}
