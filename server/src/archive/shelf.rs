//! The shelf: all directories of the archive, open or not.
//!
//! `<dir>/<series>/<period>/`, each a store of its own. The one that is written to stays open; an older
//! one is opened when somebody reads it, with a small cache, and closed when nobody has for a minute.
//! Opening and closing happen under the directory's own lock, so no directory is ever open twice.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use tokio::sync::Mutex;

use super::period::{Length, Period};
use super::{Options, trees};
use crate::clock::Timestamp;
use crate::config::Retention;
use crate::metrics::ArchiveMeter;
use crate::store::{self, Result, Store, StoreError};
use crate::sync::lock;

/// How long a directory stays open that nobody uses.
const IDLE: Duration = Duration::from_secs(60);

/// How often it is looked whether the readers of a directory that goes have let go of it, and how many
/// times: a page takes milliseconds.
const LOOK: Duration = Duration::from_millis(2);
const LOOKS: usize = 5000;

/// How far numbers may run over the end of their period, in microseconds: messages whose room was given
/// before the end, while the next directory was being opened. Each costs a store's commit and is a
/// number of its own, so this is far more than there can be.
pub(super) const SLACK: u64 = 1_000_000;

/// Ends the name of a directory whose removal has begun.
const REMOVED: &str = ".removed";

/// An open directory. It is not closed as long as somebody holds one.
pub(super) type Lease = Arc<Store>;

/// All directories.
pub(super) struct Shelf {
    pub(super) options: Options,
    pub(super) meter: Arc<ArchiveMeter>,
    series: StdMutex<BTreeMap<Retention, Series>>,
}

/// The directories of one series by the start of their period.
type Series = BTreeMap<u64, Arc<Directory>>;

/// One period of one series.
pub(super) struct Directory {
    pub(super) series: Retention,
    pub(super) period: Period,
    pub(super) path: PathBuf,
    state: Mutex<State>,
    used: AtomicU64,
    /// The number of its first message, 0 while nobody has looked.
    pub(super) oldest: AtomicU64,
}

enum State {
    Closed,
    Open(Lease),
    Gone,
}

impl Shelf {
    /// Finds out what there is, and finishes removals that were interrupted. Opens nothing.
    pub(super) async fn find(options: Options) -> Result<Self> {
        let dir = options.dir.clone();
        let found = if options.transient {
            Vec::new()
        } else {
            let listed = tokio::task::spawn_blocking(move || listed(&dir)).await;
            listed.unwrap_or(Err(StoreError::Closed))?
        };
        let shelf = Self { options, meter: Arc::default(), series: StdMutex::default() };
        for (series, period) in found {
            shelf.put(Arc::new(shelf.directory(series, period)));
        }
        Ok(shelf)
    }

    /// The series' directories which may hold numbers from `lo` to `hi`, oldest first.
    pub(super) fn holding(&self, lo: u64, hi: u64) -> Vec<Vec<Arc<Directory>>> {
        let all = lock(&self.series);
        let held = |series: &Series| {
            let begun = series.range(..=hi).map(|(_, directory)| directory);
            begun.filter(|directory| directory.may_hold_from(lo)).cloned().collect()
        };
        all.values().map(held).filter(|held: &Vec<_>| !held.is_empty()).collect()
    }

    /// All directories by series, oldest first.
    pub(super) fn all(&self) -> Vec<Vec<Arc<Directory>>> {
        self.holding(0, u64::MAX)
    }

    /// Opens the directory for a period, which may mean making it. Only one task may do so at a time.
    pub(super) async fn make(
        &self,
        series: Retention,
        at: Timestamp,
    ) -> Result<(Arc<Directory>, Lease)> {
        let period = Period::at(Length::of(series), at);
        let known = lock(&self.series).get(&series).and_then(|all| all.get(&period.start)).cloned();
        let directory = match known {
            Some(directory) => directory,
            None => Arc::new(self.directory(series, period)),
        };
        if !self.options.transient {
            let path = directory.path.clone();
            let made = tokio::task::spawn_blocking(move || make_parents(&path)).await;
            made.unwrap_or(Err(StoreError::Closed))?;
        }
        let lease = self.open(&directory).await?.ok_or(StoreError::Closed)?;
        self.put(Arc::clone(&directory));
        Ok((directory, lease))
    }

    /// Opens a directory, or finds it open. `None`: it has expired meanwhile.
    pub(super) async fn open(&self, directory: &Directory) -> Result<Option<Lease>> {
        let now = self.options.clock.now();
        directory.used.store(now.0, Ordering::Relaxed);
        let mut state = directory.state.lock().await;
        match &*state {
            State::Open(lease) => return Ok(Some(Arc::clone(lease))),
            State::Gone => return Ok(None),
            State::Closed => {}
        }
        let cache = if directory.period.end > now.0 {
            self.options.cache_bytes
        } else {
            self.options.old_cache_bytes
        };
        let opened =
            Store::open(self.store_options(&directory.path, cache), trees::catalog()?).await;
        let lease = Arc::new(opened.inspect_err(|error| {
            tracing::error!(%error, "a directory of the archive cannot be opened");
        })?);
        *state = State::Open(Arc::clone(&lease));
        Ok(Some(lease))
    }

    /// The directory if it is open.
    pub(super) async fn opened(&self, directory: &Directory) -> Option<Lease> {
        match &*directory.state.lock().await {
            State::Open(lease) => Some(Arc::clone(lease)),
            _ => None,
        }
    }

    /// Closes what nobody uses. What is still to come was opened ahead of time and stays.
    pub(super) async fn rest(&self) {
        // Memory is all there is of a transient one.
        if self.options.transient {
            return;
        }
        let now = self.options.clock.now();
        for directory in self.all().into_iter().flatten() {
            let used = Timestamp(directory.used.load(Ordering::Relaxed));
            if directory.period.start <= now.0 && now.since(used) >= IDLE {
                directory.close_unused().await;
            }
        }
    }

    /// Closes a directory for good and deletes it. Pages that are being read from it are waited for; those
    /// that come to it later go on without it at once.
    pub(super) async fn remove(&self, directory: &Directory) -> Result<()> {
        if let Some(series) = lock(&self.series).get_mut(&directory.series) {
            series.remove(&directory.period.start);
        }
        let state = std::mem::replace(&mut *directory.state.lock().await, State::Gone);
        if let State::Open(lease) = state {
            for _ in 0..LOOKS {
                if Arc::strong_count(&lease) == 1 {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
            Store::clone(&lease).close().await;
        }
        if self.options.transient {
            return Ok(());
        }
        // What cannot be deleted is tried again the next time.
        Store::remove(&directory.path).await.inspect_err(|_| {
            if directory.path.exists() {
                self.put(Arc::new(self.directory(directory.series, directory.period)));
            }
        })
    }

    /// Closes everything. What was queued is written.
    pub(super) async fn close(&self) {
        for directory in self.all().into_iter().flatten() {
            let state = std::mem::replace(&mut *directory.state.lock().await, State::Gone);
            if let State::Open(lease) = state {
                Store::clone(&lease).close().await;
            }
        }
    }

    fn put(&self, directory: Arc<Directory>) {
        let mut all = lock(&self.series);
        all.entry(directory.series).or_default().insert(directory.period.start, directory);
    }

    fn directory(&self, series: Retention, period: Period) -> Directory {
        Directory {
            path: self.options.dir.join(series.to_string()).join(period.to_string()),
            series,
            period,
            state: Mutex::new(State::Closed),
            used: AtomicU64::default(),
            oldest: AtomicU64::default(),
        }
    }

    fn store_options(&self, dir: &Path, cache_bytes: u64) -> store::Options {
        let own = &self.options;
        let base =
            if own.transient { store::Options::transient() } else { store::Options::new(dir) };
        store::Options {
            dir: dir.to_owned(),
            backups: own.dir.with_file_name("backups"),
            cache_bytes,
            reserve_bytes: own.reserve_bytes,
            disk: own.disk.clone(),
            on_fatal: Arc::clone(&own.on_fatal),
            meter: Arc::clone(&self.meter.store),
            schema: trees::SCHEMA,
            steps: trees::STEPS,
            ..base
        }
    }
}

impl Directory {
    /// Whether it may hold this number or a greater one.
    fn may_hold_from(&self, lo: u64) -> bool {
        self.last() >= lo
    }

    /// The greatest number that it may hold.
    pub(super) fn last(&self) -> u64 {
        self.period.end.saturating_add(SLACK)
    }

    async fn close_unused(&self) {
        let mut state = self.state.lock().await;
        if !matches!(&*state, State::Open(lease) if Arc::strong_count(lease) == 1) {
            return;
        }
        if let State::Open(lease) = std::mem::replace(&mut *state, State::Closed) {
            Store::clone(&lease).close().await;
            // Waits for the committer's thread, which has just ended.
            drop(lease);
        }
    }
}

/// The directories there are, by their names.
fn listed(dir: &Path) -> Result<Vec<(Retention, Period)>> {
    let told = |error: io::Error| StoreError::io(format!("reading {}", dir.display()), &error);
    let mut found = Vec::new();
    if !dir.exists() {
        return Ok(found);
    }
    for (name, path) in directories(dir).map_err(told)? {
        let series = name.parse::<Retention>().ok().filter(|series| series.to_string() == name);
        let Some(series) = series else {
            tracing::warn!(path = %path.display(), "this directory is not the archive's: move it away");
            continue;
        };
        for (name, path) in directories(&path).map_err(told)? {
            match Period::parse(Length::of(series), &name) {
                Some(period) => found.push((series, period)),
                None if name.ends_with(REMOVED) => fs::remove_dir_all(path).map_err(told)?,
                None => {
                    tracing::warn!(path = %path.display(), "this directory is not the archive's: move it away");
                }
            }
        }
    }
    Ok(found)
}

fn directories(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    Ok(found)
}

/// Makes the archive's and the series' directory, so that a power cut does not take them back.
fn make_parents(path: &Path) -> Result<()> {
    let told = |error: io::Error| StoreError::io(format!("creating {}", path.display()), &error);
    let Some(series) = path.parent().filter(|series| !series.is_dir()) else {
        return Ok(());
    };
    fs::create_dir_all(series).map_err(told)?;
    let mut above = series.ancestors().skip(1).take(2);
    above.try_for_each(|dir| File::open(dir)?.sync_all()).map_err(told)
}
