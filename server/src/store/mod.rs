//! The store: an ordered map with typed keys and values, on sled (or memory, in tests).
//!
//! Trees are declared as constants ([`Tree`]), changes are collected in a [`Batch`] and committed at once:
//! all or nothing, across trees, durable when [`Store::commit`] returns. Whoever reads and then writes uses
//! [`Store::transact`]. Reads never show what a power cut could still take back.
//!
//! Layers: `key`, `value`, `tree`, `range` say what is stored; `batch`, `tx` what is changed; `plan` turns
//! batches into physical writes; `committer` makes them durable; `engine` and `sled` hold the bytes.

mod batch;
pub mod catalog;
mod check;
mod chunk;
mod committer;
mod disk;
mod engine;
mod error;
mod guard;
pub mod key;
pub mod migrations;
mod options;
mod plan;
mod range;
mod read;
mod removal;
mod shared;
mod sled;
mod tree;
mod tx;
mod value;
mod view;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use self::{
    batch::Op,
    check::Walk,
    committer::{Answer, Commit, Committer, Request},
    engine::RawRows,
    read::Want,
    shared::Shared,
};
pub use self::{
    batch::{Batch, COMMIT_MAX, Expect},
    catalog::{Catalog, Scope, TreeInfo},
    check::Report,
    disk::{Disk, bytes_under},
    error::{Result, StoreError},
    key::{AsKey, KEY_MAX, Key},
    options::{OnFatal, Options},
    range::{Page, Range, RawRange, Rows},
    read::PAGE_MAX,
    tree::Tree,
    tx::Tx,
    value::{Headed, Record, VALUE_MAX, Value, ValueError},
    view::{Place, View},
};

/// Bytes of batches that may wait for the committer; who comes later waits before its batch is queued.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// Pages up to this many rows are read on the caller's thread (a single read costs 1 to 35 µs, STORAGE §1.2);
/// larger ones go to a blocking thread, which costs about as much as ten reads.
const INLINE_ROWS: u16 = 16;

/// A handle on an open store. Clones share it; the last one to go waits until the files are closed.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    catalog: Catalog,
    queue: mpsc::UnboundedSender<Request>,
    room: Arc<Semaphore>,
    slow_lane: Arc<tokio::sync::Mutex<()>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens the store, which may mean making or migrating it. Never starts empty where data was lost.
    pub async fn open(options: Options, catalog: Catalog) -> Result<Self> {
        let opened = tokio::task::spawn_blocking(|| Self::open_blocking(options, catalog)).await;
        opened.unwrap_or(Err(StoreError::Closed))
    }

    /// As [`Store::open`], for commands without a runtime.
    pub fn open_blocking(options: Options, catalog: Catalog) -> Result<Self> {
        let engine = migrations::open(&options)?;
        let shared = Arc::new(Shared::new(options.dir.clone(), engine));
        let (queue, requests) = mpsc::unbounded_channel();
        let committer =
            Committer { shared: Arc::clone(&shared), queue: requests, options, fatal: None };
        let thread = thread::Builder::new()
            .name("committer".into())
            .spawn(|| committer.run())
            .map_err(|error| StoreError::io("starting the committer", &error))?;
        Ok(Self(Arc::new(Inner {
            shared,
            catalog,
            queue,
            room: Arc::new(Semaphore::new(QUEUE_BYTES)),
            slow_lane: Arc::default(),
            thread: Mutex::new(Some(thread)),
        })))
    }

    /// Reads one record.
    pub async fn get<K: Key, V: Value, Q>(&self, tree: &Tree<K, V>, key: &Q) -> Result<Option<V>>
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        let key = tree.physical(key);
        let found = self.logical(tree.name(), &key).await?;
        found.map(|value| tree.value_of(&key, value)).transpose()
    }

    /// Reads one page of a range. Its rows are durable, but a commit may pass while it is being read: only
    /// one record is one instant.
    pub async fn scan<K: Key, V: Value>(
        &self,
        tree: &Tree<K, V>,
        range: &Range<K::Form>,
        page: Page<K::Form>,
    ) -> Result<Rows<K, V>> {
        read::typed(tree, self.page(Want::new(tree, range, &page)).await?)
    }

    /// Writes a batch. Durable when it returns; nothing is written when it fails, except that after
    /// [`StoreError::SyncFailed`] nobody knows. Dropping the future does not take the batch back.
    pub async fn commit(&self, batch: Batch) -> Result<()> {
        self.send(batch, true).await
    }

    /// Writes a batch whose loss in a crash does not matter (last activity): visible when it returns, durable
    /// with the next commit.
    pub async fn hint(&self, batch: Batch) -> Result<()> {
        self.send(batch, false).await
    }

    /// Waits until a batch of about that size may be queued ([`Batch::size`]). More than the queue holds
    /// counts as all of it.
    pub async fn room(&self, bytes: usize) -> Room {
        // Bounded, so the cast cannot cut.
        let size = u32::try_from(bytes.clamp(1, QUEUE_BYTES)).unwrap_or(u32::MAX);
        Room(Arc::clone(&self.0.room).acquire_many_owned(size).await.ok())
    }

    /// Queues a batch and returns at once. `then` hears what became of it, on the committer's thread and in
    /// the order of the calls: it must be short and must not wait. Only when the store is closed it hears so
    /// at once, on the caller's thread.
    pub fn submit(&self, batch: Batch, room: Room, then: Box<dyn FnOnce(Result<()>) + Send>) {
        let (batch, then) = match self.admitted(batch) {
            Ok(batch) => (batch, then),
            // It waits for its turn with nothing to write.
            Err(error) => (Batch::new(), told(error, then)),
        };
        let commit = Commit { batch, durable: true, answer: Answer::Then(then), room: room.0 };
        if let Err(unsent) = self.0.queue.send(Request::Commit(commit))
            && let Request::Commit(Commit { answer: Answer::Then(then), .. }) = unsent.0
        {
            then(Err(StoreError::Closed));
        }
    }

    /// Whether records can be read and written, as far as it is known.
    ///
    /// # Errors
    /// What keeps it from that.
    pub fn health(&self) -> Result<()> {
        if self.0.queue.is_closed() {
            return Err(StoreError::Closed);
        }
        self.0.shared.health()
    }

    /// The table of trees.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// Walks all records on blocking threads; `progress` hears how many rows it has seen.
    pub async fn check(&self, mut progress: impl FnMut(u64) + Send) -> Result<Report> {
        let mut walk = Walk::new(self.catalog());
        loop {
            let (engine, store) = (self.0.shared.engine().await?, self.clone());
            let step = move || {
                let done = walk.step(&engine, store.dir(), store.catalog());
                (walk, done)
            };
            let stepped =
                tokio::task::spawn_blocking(step).await.map_err(|_| StoreError::Closed)?;
            walk = stepped.0;
            progress(walk.seen());
            if let Some(report) = stepped.1? {
                return Ok(report);
            }
        }
    }

    /// Raw records of a range, for backup and export: physical key, value with its version byte. Goes on
    /// behind `after`, the last key of the page before. [`Batch::put_raw`] is its reverse.
    pub async fn records(
        &self,
        range: &RawRange,
        after: Option<&[u8]>,
    ) -> Result<Rows<Vec<u8>, Bytes>> {
        let range = after.map_or_else(|| range.clone(), |key| range.clone().beyond(key, false));
        let found = self.page(Want { tree: "", range, reverse: false, limit: PAGE_MAX }).await?;
        let rows = found.rows.into_iter().map(|(key, value)| (key.to_vec(), value)).collect();
        Ok(Rows { rows, more: found.more })
    }

    /// Writes what is queued and closes the files. Other handles get [`StoreError::Closed`] from then on.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        if self.0.queue.send(Request::Close(done)).is_ok() {
            // An error means that it is closed already.
            closed.await.unwrap_or(());
        }
    }

    /// Closes the store and deletes its directory: how an archive period expires.
    pub async fn expire(self) -> Result<()> {
        let dir = self.dir().to_owned();
        self.close().await;
        Self::remove(&dir).await
    }

    /// Deletes the directory of a store that is closed.
    pub async fn remove(dir: &Path) -> Result<()> {
        let dir = dir.to_owned();
        let removed = tokio::task::spawn_blocking(move || {
            sled::remove(&dir)
                .map_err(|error| StoreError::io(format!("removing {}", dir.display()), &error))
        });
        removed.await.unwrap_or(Err(StoreError::Closed))
    }

    fn dir(&self) -> &Path {
        &self.0.shared.dir
    }

    async fn slow_lane(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0.slow_lane).lock_owned().await
    }

    /// The batch, unless it was built wrongly or writes to trees that nobody declared.
    fn admitted(&self, batch: Batch) -> Result<Batch> {
        let batch = batch.sound()?;
        for op in &batch.ops {
            let (Op::Put(key, _) | Op::Delete(key)) = op else {
                continue;
            };
            self.0.catalog.admit(key)?;
        }
        Ok(batch)
    }

    async fn send(&self, batch: Batch, durable: bool) -> Result<()> {
        let batch = self.admitted(batch)?;
        let room = self.room(batch.size()).await.0;
        let (answer, answered) = oneshot::channel();
        let answer = Answer::Wait(answer);
        let request = Request::Commit(Commit { batch, durable, answer, room });
        self.0.queue.send(request).map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(crate) async fn logical(&self, tree: &'static str, key: &[u8]) -> Result<Option<Bytes>> {
        let mut read = self.read_one(key).await;
        if read == Err(StoreError::Full) {
            self.wake().await;
            read = self.read_one(key).await;
        }
        loop {
            let found = read.map_err(|error| named(tree, error))?;
            let group = self.0.shared.unsettled_key(key);
            if self.is_settled(group).await? {
                return Ok(found);
            }
            read = self.read_one(key).await;
        }
    }

    async fn page(&self, want: Want) -> Result<RawRows> {
        let mut read = self.read_page(&want).await;
        if matches!(read, Err(StoreError::Full)) {
            self.wake().await;
            read = self.read_page(&want).await;
        }
        loop {
            let found = read.map_err(|error| named(want.tree, error))?;
            let group = self.0.shared.unsettled_range(&want.range);
            if self.is_settled(group).await? {
                return Ok(found);
            }
            read = self.read_page(&want).await;
        }
    }

    /// Waits until what was read is durable. `false`: the group failed, read again.
    async fn is_settled(&self, group: Option<u64>) -> Result<bool> {
        match group {
            Some(group) => self.0.shared.settled(group).await,
            None => Ok(true),
        }
    }

    /// A write that failed keeps the engine from reading too: any request makes the committer open it again.
    async fn wake(&self) {
        drop(self.send(Batch::new(), false).await);
    }

    async fn read_one(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let engine = self.0.shared.engine().await?;
        read::get(&engine, self.dir(), key)
    }

    async fn read_page(&self, want: &Want) -> Result<RawRows> {
        let engine = self.0.shared.engine().await?;
        if want.limit <= INLINE_ROWS {
            return read::page(&engine, self.dir(), want);
        }
        let (store, want) = (self.clone(), want.clone());
        let read = tokio::task::spawn_blocking(move || read::page(&engine, store.dir(), &want));
        read.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// A place in the queue of commits, for a batch of the size that was asked for.
#[derive(Debug)]
pub struct Room(Option<OwnedSemaphorePermit>);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.dir()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    /// Waits for the committer, so that whoever opens the store next finds it unlocked.
    fn drop(&mut self) {
        let (done, _) = oneshot::channel();
        // An error means that it has ended.
        self.queue.send(Request::Close(done)).unwrap_or(());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // What a `then` held may have been the last handle: nobody waits for himself.
        let thread = thread.filter(|thread| thread.thread().id() != thread::current().id());
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the committer panicked");
        }
    }
}

/// Hears this error whatever becomes of the commit.
fn told(
    error: StoreError,
    then: Box<dyn FnOnce(Result<()>) + Send>,
) -> Box<dyn FnOnce(Result<()>) + Send> {
    Box::new(move |_| then(Err(error)))
}

fn named(name: &'static str, error: StoreError) -> StoreError {
    match error {
        StoreError::DamagedRecord { key, what, .. } => {
            StoreError::DamagedRecord { tree: name, key, what }
        }
        other => other,
    }
}
