//! sled 0.34.7 under the five rules of STORAGE §1.5. Used plainly it loses or destroys the database at a power
//! cut; everything that makes it fit is in this file.
//!
//! 1. A commit is durable after `flush` *and* `sync_data` on our own handle of `db`. Files are synced once created.
//! 2. Segments of 8 MiB, for ever. The background flusher stays on, at 5 s.
//! 3. Values and commits are bounded (`chunk::PHYSICAL_MAX`, `batch::COMMIT_MAX`): `plan` enforces it.
//! 4. One data tree, one `apply_batch` per change set.
//! 5. Expiry is the removal of a directory ([`remove`]): sled never gives a byte back.
//!
//! Three more, found in its source:
//! - An I/O error is kept for ever (`Config::global_error`): only closing and opening again gets rid of it.
//! - A failing write that filled a segment is stored as that error, but nobody wakes the thread that waits in
//!   `flush` (`Log::exit_reservation`). [`Waker`] does.
//! - A kill while sled writes its snapshot leaves `snap.*.generating`, which the next start takes for a
//!   snapshot and calls corrupt. We remove it; it was never finished, and snapshots only speed up opening.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use sled::{Batch, Config, Db, IVec};

use super::{
    disk::{Disk, sync_dir},
    engine::{EngineError, Most, RawRows, Writes},
    error::{StoreError, is_full},
    guard::guarded,
    range::RawRange,
};

/// Rule 2. Stored in `conf`; another value cannot open the directory. Keeps a whole commit inside one segment
/// and raises the size from which sled writes files of its own, which it never syncs, to 2 MiB.
const SEGMENT: usize = 8 * 1024 * 1024;

/// Rule 2. The flusher is the only caller of the log's garbage collector, so `None` is wrong; but every
/// tick syncs even when idle, so the default of 500 ms keeps disks awake.
const FLUSH_EVERY_MS: u64 = 5000;

/// How long threads of a closed database may hold its file. No other process can: [`LOCK`] is ours.
const LINGER: Duration = Duration::from_secs(30);

/// How long a lock may be held by a process that is just being started.
const STARTING: Duration = Duration::from_millis(500);

/// Written last when a database is made. From then on a directory without `db`, or a database without a
/// schema, has lost its data: it is refused, not taken for a new one.
const MARKER: &str = "cloister-store";
const LOCK: &str = "lock";

/// An open database.
#[derive(Debug)]
pub(crate) struct SledEngine {
    /// Dropped first: it holds on to the database.
    waker: Waker,
    db: Db,
    /// Our own handle: errors of writing back are reported once to every handle that was open.
    log: File,
    place: Place,
    /// Held while we live.
    _lock: File,
}

#[derive(Debug, Clone)]
struct Place {
    dir: PathBuf,
    cache_bytes: u64,
    disk: Disk,
}

impl SledEngine {
    /// Opens the database in `dir`, or makes one if there never was one.
    pub(crate) fn open(dir: &Path, cache_bytes: u64, disk: Disk) -> Result<Self, StoreError> {
        create_dir(dir)?;
        let place = Place { dir: dir.to_owned(), cache_bytes, disk };
        let lock = place.lock()?;
        place.refuse_lost()?;
        Self::start(place, lock)
    }

    /// Whether this directory once held a complete store.
    pub(crate) fn is_marked(&self) -> bool {
        self.place.dir.join(MARKER).exists()
    }

    /// From now on this directory must hold a store.
    pub(crate) fn mark(&self) -> Result<(), StoreError> {
        let dir = &self.place.dir;
        fs::write(
            dir.join(MARKER),
            "A cloister store (sled 0.34). Do not touch single files in here.\n",
        )
        .and_then(|()| File::open(dir.join(MARKER))?.sync_all())
        .and_then(|()| sync_dir(dir))
        .map_err(|error| StoreError::io(format!("marking {}", dir.display()), &error))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        guarded(|| self.db.get(key))?.map(|found| found.map(bytes)).map_err(from_sled)
    }

    pub(crate) fn scan(
        &self,
        range: &RawRange,
        reverse: bool,
        most: Most,
    ) -> Result<RawRows, EngineError> {
        let rows = guarded(|| {
            let found = self.db.range(range.from.as_slice()..range.to.as_slice());
            let copied = |row: sled::Result<(IVec, IVec)>| {
                row.map(|(key, value)| (bytes(key), bytes(value)))
            };
            if reverse {
                RawRows::collect(found.rev().map(copied), most)
            } else {
                RawRows::collect(found.map(copied), most)
            }
        });
        rows?.map_err(from_sled)
    }

    /// Rule 4: one tree, one batch.
    pub(crate) fn apply(&self, writes: &Writes) -> Result<(), EngineError> {
        let mut batch = Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(&**key, &**value),
                None => batch.remove(&**key),
            }
        }
        guarded(|| self.db.apply_batch(batch))?.map_err(from_sled)
    }

    /// Rule 1: `flush` alone is only `sync_file_range`, which leaves out the file's size and the drive's cache.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        guarded(|| self.db.flush())?.map_err(from_sled)?;
        (self.place.disk.sync)(&self.log).map_err(|error| EngineError::Io(error.to_string()))
    }

    /// Whether sled keeps an error. Its own thread writes too, also on a disk that was full a moment ago.
    pub(crate) fn has_failed(&self) -> bool {
        self.db.context.global_error().is_err()
    }

    /// Closes. Everything acknowledged is synced already.
    pub(crate) fn close(self) {
        drop(self.waker);
        close(self.db);
    }

    fn start(place: Place, lock: File) -> Result<Self, StoreError> {
        place.sweep_snapshots()?;
        let db = place.open_db()?;
        place.sync_created()?;
        let log = File::open(place.dir.join("db")).map_err(|error| place.io("opening", &error))?;
        let waker = Waker::start(&db).map_err(|error| place.io("starting a thread for", &error))?;
        Ok(Self { db, log, waker, place, _lock: lock })
    }
}

/// Rule 5: removes a closed store. Renamed first, so that a crash in between leaves no half a store.
pub(crate) fn remove(dir: &Path) -> io::Result<()> {
    let mut gone = dir.as_os_str().to_owned();
    gone.push(".removed");
    if Path::new(&gone).exists() {
        fs::remove_dir_all(&gone)?;
    }
    fs::rename(dir, &gone)?;
    dir.parent().map_or(Ok(()), sync_dir)?;
    fs::remove_dir_all(&gone)
}

impl Place {
    fn lock(&self) -> Result<File, StoreError> {
        let file = File::create(self.dir.join(LOCK)).map_err(|error| self.io("locking", &error))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                // A process that is just being started shares our open files until it runs its own
                // program: the lock that we gave back a moment ago may still be held by it.
                Err(TryLockError::WouldBlock) if begun.elapsed() < STARTING => {
                    thread::sleep(Duration::from_millis(2));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked { path: self.dir.clone() });
                }
                Err(TryLockError::Error(error)) => return Err(self.io("locking", &error)),
            }
        }
    }

    /// sled makes a new, empty database wherever `db` is missing.
    fn refuse_lost(&self) -> Result<(), StoreError> {
        if self.dir.join("db").exists() {
            return Ok(());
        }
        if self.dir.join(MARKER).exists() || !self.snapshots()?.is_empty() {
            return Err(self.damaged("its file `db` is missing".into()));
        }
        Ok(())
    }

    fn sweep_snapshots(&self) -> Result<(), StoreError> {
        for path in self.snapshots()? {
            if path.extension().is_some_and(|end| end == "generating") {
                fs::remove_file(&path)
                    .map_err(|error| self.io("removing an unfinished snapshot in", &error))?;
            }
        }
        Ok(())
    }

    fn snapshots(&self) -> Result<Vec<PathBuf>, StoreError> {
        let entries = fs::read_dir(&self.dir).map_err(|error| self.io("reading", &error))?;
        let names = entries.flatten().map(|entry| entry.path());
        let is_snapshot = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"snap."))
        };
        Ok(names.filter(is_snapshot).collect())
    }

    fn open_db(&self) -> Result<Db, StoreError> {
        let config = Config::default()
            .path(&self.dir)
            .segment_size(SEGMENT)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .cache_capacity(self.cache_bytes);
        let begun = Instant::now();
        loop {
            // sled asserts and unwraps its way through damaged files.
            let opened = guarded(|| config.open());
            let opened = opened.and_then(|opened| opened.map_err(from_sled));
            match opened {
                Err(EngineError::Io(why)) if is_locked(&why) && begun.elapsed() < LINGER => {
                    thread::sleep(Duration::from_millis(2));
                }
                other => return other.map_err(|error| error.told(&self.dir, "opening")),
            }
        }
    }

    /// Rule 1: sled creates `db`, `conf` and `blobs/`, and syncs neither them nor their directory.
    fn sync_created(&self) -> Result<(), StoreError> {
        let files = ["db", "conf"]
            .map(|name| File::open(self.dir.join(name)).and_then(|file| file.sync_all()));
        files
            .into_iter()
            .chain([sync_dir(&self.dir)])
            .collect::<io::Result<()>>()
            .map_err(|error| self.io("syncing", &error))
    }

    fn io(&self, what: &str, error: &io::Error) -> StoreError {
        StoreError::io(format!("{what} {}", self.dir.display()), error)
    }

    fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged { path: self.dir.clone(), what }
    }
}

/// Wakes a `flush` that waits for a write which has already failed.
#[derive(Debug)]
struct Waker {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waker {
    /// Only a failed write makes anybody wait that long; sled's own thread ticks as often.
    const EVERY: Duration = Duration::from_millis(FLUSH_EVERY_MS);

    fn start(db: &Db) -> io::Result<Self> {
        let pages = db.context.pagecache.clone();
        let config = Config::clone(&db.context);
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new().name("store-waker".into()).spawn(move || {
            while stopped.recv_timeout(Self::EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                if config.global_error().is_err() {
                    // Finds the error, notifies all who wait, writes nothing.
                    drop(pages.log.make_stable(sled::Lsn::MAX));
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's waker panicked");
        }
    }
}

/// Dropping the last handle flushes, stops sled's thread and releases its lock. It panics where that fails.
fn close(db: Db) {
    if let Err(error) = guarded(|| drop(db)) {
        tracing::error!(?error, "closing the store");
    }
}

fn create_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let made = fs::create_dir_all(dir).and_then(|()| dir.parent().map_or(Ok(()), sync_dir));
    made.map_err(|error| StoreError::io(format!("creating {}", dir.display()), &error))
}

/// As `sled::Config::try_lock` words it, which has no other sign.
fn is_locked(why: &str) -> bool {
    why.starts_with("could not acquire lock")
}

fn bytes(from: IVec) -> Bytes {
    Bytes::copy_from_slice(&from)
}

fn from_sled(error: sled::Error) -> EngineError {
    match error {
        sled::Error::Io(error) if is_full(&error) => EngineError::Full,
        sled::Error::Io(error) => EngineError::Io(error.to_string()),
        other => EngineError::Damaged(other.to_string()),
    }
}
