//! An archive in a directory of its own, with a clock that is moved by hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cloister::archive::{Archive, Entry, Filter, Found, From, Item, Most, Options, Owner};
use cloister::clock::Clock;
use cloister::jid::BareJid;
use cloister::store::{Disk, StoreError};
use tempfile::TempDir;
use tokio::sync::oneshot;

pub const DAY: Duration = Duration::from_secs(86_400);

/// 2026-11-22T16:13:00Z, a Sunday.
pub const NOW: u64 = 1_795_363_980_000_000;

pub struct Kit {
    pub archive: Archive,
    pub clock: Arc<AtomicU64>,
    pub dir: TempDir,
}

impl Kit {
    pub async fn start() -> Kit {
        Kit::start_on(Disk::default()).await
    }

    pub async fn start_on(disk: Disk) -> Kit {
        let clock = Arc::new(AtomicU64::new(NOW));
        let dir = TempDir::new().unwrap();
        let options = Options { disk, ..options(dir.path().into(), &clock) };
        Kit { archive: Archive::open(options).await.unwrap(), clock, dir }
    }

    /// Drops the archive as a kill would, and opens it again.
    pub async fn reopen(self) -> Kit {
        let Kit { archive, clock, dir } = self;
        drop(archive);
        let archive = Archive::open(options(dir.path().into(), &clock)).await.unwrap();
        Kit { archive, clock, dir }
    }

    pub fn advance(&self, by: Duration) {
        self.clock.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Appends a message between two and waits until it is kept.
    pub async fn say(&self, from: &str, to: &str, retention: &str) -> Result<u64, StoreError> {
        self.append(entry(from, to, retention, "hi")).await
    }

    pub async fn append(&self, entry: Entry) -> Result<u64, StoreError> {
        let (told, number) = oneshot::channel();
        let room = self.archive.room(entry.text.len(), entry.retention).await;
        self.archive.append(room, entry, |number| told.send(number).unwrap());
        number.await.unwrap()
    }

    /// Keeps a message of nobody's that counts a stream's stanzas.
    pub async fn handle(&self, stream: &str, count: u32, retention: &str) {
        let handled = Some((stream.into(), count));
        let entry =
            Entry { owners: Vec::new(), handled, ..entry("romeo", "juliet", retention, "") };
        self.append(entry).await.unwrap();
    }

    pub async fn page(&self, account: &str, filter: Filter, from: From, items: usize) -> Found {
        let most = Most { items, bytes: 1 << 20 };
        self.archive.page(&jid(account), &filter, from, most).await.unwrap()
    }

    pub async fn all(&self, account: &str) -> Vec<Item> {
        self.page(account, Filter::default(), From::Start, 1000).await.items
    }

    pub async fn numbers(&self, account: &str) -> Vec<u64> {
        self.all(account).await.into_iter().map(|item| item.number).collect()
    }

    /// The directories of a series, oldest first.
    pub fn periods(&self, series: &str) -> Vec<String> {
        let Ok(found) = self.series(series).read_dir() else { return Vec::new() };
        let names = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    pub fn series(&self, series: &str) -> PathBuf {
        self.dir.path().join(series)
    }
}

pub fn options(dir: PathBuf, clock: &Arc<AtomicU64>) -> Options {
    Options {
        dir,
        cache_bytes: 1 << 20,
        old_cache_bytes: 1 << 20,
        reserve_bytes: 0,
        disk: Disk::default(),
        on_fatal: Arc::new(|error| panic!("{error}")),
        clock: Clock::Manual(Arc::clone(clock)),
        transient: false,
    }
}

pub fn entry(from: &str, to: &str, retention: &str, body: &str) -> Entry {
    let text = format!(
        "<message from='{from}@localhost/a' to='{to}@localhost' type='chat'><body>{body}</body></message>"
    );
    Entry {
        owners: vec![
            Owner { account: jid(from), with: jid(to) },
            Owner { account: jid(to), with: jid(from) },
        ],
        text: Bytes::from(text),
        handled: None,
        queued: None,
        retention: retention.parse().unwrap(),
    }
}

pub fn jid(name: &str) -> BareJid {
    BareJid::parse(&format!("{name}@localhost")).unwrap()
}
