//! Appending: numbers, and which directory is written to.
//!
//! A number and its place in the queue of a committer are given under one short lock; nothing is opened
//! or waited for under it. A directory is opened in [`Archive::room`], which everybody passes before. Until
//! then numbers stop at the end of the period (the *horizon*) and go on by ones, so that a message always
//! lies in the directory of its number, but for some microseconds ([`SLACK`](super::shelf::SLACK)).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::sequence::{Then, Ticket, Turns};
use super::shelf::{Directory, Lease, Shelf};
use super::trees::{BODY, HANDLED, Handled, QUEUED, TIMELINE, WITH};
use super::{Archive, Entry, Owner};
use crate::clock::Timestamp;
use crate::config::Retention;
use crate::metrics::ArchiveMeter;
use crate::store::{self, Batch, Page, Range, Result, StoreError};
use crate::sync::lock;

/// The next period's directory is made this long before it begins.
const AHEAD: Duration = Duration::from_secs(600);

/// What is written to.
pub(super) struct Desk {
    order: Mutex<Order>,
    /// Held while directories are opened for writing.
    rolling: tokio::sync::Mutex<()>,
    pub(super) turns: Arc<Turns>,
}

struct Order {
    /// The last number that was given.
    last: u64,
    /// The first end of the periods that are written to.
    horizon: u64,
    current: BTreeMap<Retention, Current>,
}

/// The directory of a series that is written to.
struct Current {
    directory: Arc<Directory>,
    store: Lease,
    /// Whether anybody has written or is about to.
    used: bool,
}

/// A place in the queue of the directory that is written to.
#[derive(Debug)]
pub struct Room(Result<store::Room>);

impl Desk {
    /// Numbers go on behind the greatest one there is.
    pub(super) async fn open(shelf: &Shelf) -> Result<Self> {
        let now = shelf.options.clock.now();
        let mut last = 0;
        for series in shelf.all() {
            last = last.max(greatest(shelf, &series, now).await?);
        }
        let order = Order { last, horizon: u64::MAX, current: BTreeMap::new() };
        Ok(Self {
            order: Mutex::new(order),
            rolling: tokio::sync::Mutex::default(),
            turns: Turns::after(last),
        })
    }

    /// Opens what is to be written to now: the series that somebody wants, and those in use whose
    /// period is over.
    pub(super) async fn roll(&self, shelf: &Shelf, wanted: Option<Retention>) -> Result<()> {
        let _alone = self.rolling.lock().await;
        let (at, due) = lock(&self.order).due(shelf.options.clock.now(), wanted);
        let mut made = Vec::new();
        let mut failed = Ok(());
        for series in due {
            match shelf.make(series, at).await {
                Ok((directory, store)) => {
                    let used = true;
                    made.push((series, Current { directory, store, used }));
                }
                Err(error) if wanted == Some(series) => failed = Err(error),
                // Its next message tries again.
                Err(_) => {}
            }
        }
        lock(&self.order).turn_over(at, made);
        failed
    }

    /// Opens the next directories ahead of time.
    pub(super) async fn prepare(&self, shelf: &Shelf) {
        let soon = Timestamp(shelf.options.clock.now().0.saturating_add(micros(AHEAD)));
        let _alone = self.rolling.lock().await;
        let (at, due) = lock(&self.order).due(soon, None);
        for series in due {
            // What went wrong is logged, and it is tried again when it is needed.
            drop(shelf.make(series, at).await);
        }
    }

    /// Takes a turn behind everything that was appended, and completes it at once.
    pub(super) fn pass(&self, shelf: &Shelf, then: Then) {
        let mut order = lock(&self.order);
        let number = order.next(shelf.options.clock.now());
        let ticket = self.turns.enter(number, then);
        drop(order);
        ticket.complete(Ok(()));
    }

    /// Lets go of what is written to.
    pub(super) fn clear(&self) {
        lock(&self.order).current.clear();
    }

    /// The stores of the directories that are written to.
    fn store(&self, now: Timestamp, series: Retention) -> Option<Lease> {
        let mut order = lock(&self.order);
        if order.target(now) >= order.horizon {
            return None;
        }
        let current = order.current.get_mut(&series)?;
        current.used = true;
        Some(Arc::clone(&current.store))
    }
}

impl Order {
    /// The number that a message would get now if every directory were open.
    fn target(&self, now: Timestamp) -> u64 {
        now.0.max(self.last.saturating_add(1))
    }

    fn next(&mut self, now: Timestamp) -> u64 {
        self.last = self.target(Timestamp(now.0.min(self.horizon.saturating_sub(1))));
        self.last
    }

    /// The moment for which directories are needed, and of which series.
    fn due(&self, now: Timestamp, wanted: Option<Retention>) -> (Timestamp, Vec<Retention>) {
        let at = self.target(now);
        let over = |current: &Current| current.directory.period.end <= at;
        let ended = self.current.iter().filter(|(_, current)| current.used && over(current));
        let mut due: Vec<_> = ended.map(|(series, _)| *series).collect();
        if let Some(series) = wanted
            && self.current.get(&series).is_none_or(over)
            && !due.contains(&series)
        {
            due.push(series);
        }
        (Timestamp(at), due)
    }

    fn turn_over(&mut self, at: Timestamp, made: Vec<(Retention, Current)>) {
        self.current.retain(|_, current| current.directory.period.end > at.0);
        for (series, current) in made {
            // Should the clock go back now, numbers stay inside the new directory.
            self.last = self.last.max(current.directory.period.start.saturating_sub(1));
            self.current.insert(series, current);
        }
        let ends = self.current.values().map(|current| current.directory.period.end);
        self.horizon = ends.min().unwrap_or(u64::MAX);
    }

    /// Where a message of this retention goes: never where it would be deleted sooner, if there is a choice.
    fn place(&self, retention: Retention) -> Option<&Lease> {
        let longer = self.current.range(retention..).next();
        longer.or_else(|| self.current.last_key_value()).map(|(_, current)| &current.store)
    }
}

impl Archive {
    /// Waits until a message of about that size may be appended, and sees to it that the directory for it
    /// is open. The retention is that of the [`Entry`]. What goes wrong is told by the append.
    pub async fn room(&self, bytes: usize, retention: Retention) -> Room {
        match self.writable(retention).await {
            // Text, both parties' entries and the counter.
            Ok(store) => Room(Ok(store.room(bytes.saturating_add(1024)).await)),
            Err(error) => Room(Err(error)),
        }
    }

    /// Gives a message its number and queues it; returns at once. `then` hears the number when the
    /// message is durable, in the order of numbers over all directories, on a thread of its own: it must be
    /// short and must not wait. A message that failed takes its turn too.
    pub fn append(
        &self,
        room: Room,
        entry: Entry,
        then: impl FnOnce(Result<u64>) + Send + 'static,
    ) {
        let desk = &self.0.desk;
        let then: Then = Box::new(then);
        let mut order = lock(&desk.order);
        let number = order.next(self.0.shelf.options.clock.now());
        let ticket = desk.turns.enter(number, then);
        let refused = match (room.0, order.place(entry.retention)) {
            _ if !entry.is_sound() => misfit(),
            (Ok(room), Some(store)) => {
                let counted = Counted::of(&entry, &self.0.shelf.meter);
                store.submit(batch(number, entry), room, answer(ticket, counted));
                return;
            }
            (Ok(_), None) => StoreError::Closed,
            (Err(error), _) => error,
        };
        drop(order);
        aside(move || ticket.complete(Err(refused)));
    }

    /// A number for a message that is not kept, from the same sequence.
    pub fn number(&self) -> u64 {
        lock(&self.0.desk.order).next(self.0.shelf.options.clock.now())
    }

    /// Every append up to this number is complete; nothing greater is shown to anybody.
    pub fn settled(&self) -> u64 {
        self.0.desk.turns.settled()
    }

    async fn writable(&self, retention: Retention) -> Result<Lease> {
        let (desk, clock) = (&self.0.desk, &self.0.shelf.options.clock);
        if let Some(store) = desk.store(clock.now(), retention) {
            return Ok(store);
        }
        if self.0.is_closed() {
            return Err(StoreError::Closed);
        }
        desk.roll(&self.0.shelf, Some(retention)).await?;
        let order = lock(&desk.order);
        order
            .current
            .get(&retention)
            .map(|current| Arc::clone(&current.store))
            .ok_or(StoreError::Closed)
    }
}

impl Entry {
    /// Removal looks for a message's other owner under `with`.
    fn is_sound(&self) -> bool {
        match self.owners.as_slice() {
            [] | [_] => true,
            [one, other] => one.with == other.account && other.with == one.account,
            _ => false,
        }
    }
}

fn misfit() -> StoreError {
    let what = "a message has owners that are not each other's party".into();
    StoreError::Encode { tree: TIMELINE.name(), what }
}

/// Everything about one message, to be written together or not at all.
fn batch(number: u64, entry: Entry) -> Batch {
    let mut batch = Batch::new();
    batch.put(&BODY, &number, &entry.text);
    for Owner { account, with } in &entry.owners {
        let (domain, local) = (account.domain(), account.local().unwrap_or_default());
        batch.put(&TIMELINE, &(domain, local, number), &with.as_str().to_owned());
        batch.put(&WITH, &(domain, local, with.as_str(), number), &());
    }
    if let Some(account) = &entry.queued {
        let key = (account.domain(), account.local().unwrap_or_default(), number);
        batch.put(&QUEUED, &key, &());
    }
    if let Some((stream, count)) = &entry.handled {
        batch.put(&HANDLED, &**stream, &Handled { number, count: *count });
    }
    batch
}

/// A store that is closed says so on the caller's thread, where the order is still locked.
fn answer(ticket: Ticket, counted: Counted) -> Box<dyn FnOnce(Result<()>) + Send> {
    Box::new(move |outcome| match outcome {
        Err(StoreError::Closed) => aside(move || ticket.complete(Err(StoreError::Closed))),
        outcome => {
            if outcome.is_ok() {
                counted.count();
            }
            ticket.complete(outcome);
        }
    })
}

/// As what a message counts when it is kept.
struct Counted {
    meter: Arc<ArchiveMeter>,
    is_shown: bool,
    is_queued: bool,
}

impl Counted {
    fn of(entry: &Entry, meter: &Arc<ArchiveMeter>) -> Self {
        let (is_shown, is_queued) = (!entry.owners.is_empty(), entry.queued.is_some());
        Counted { meter: Arc::clone(meter), is_shown, is_queued }
    }

    fn count(&self) {
        self.meter.kept.add(self.is_shown.into());
        self.meter.queued.add(self.is_queued.into());
    }
}

/// Runs it where the caller's locks do not matter.
fn aside(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}

/// The greatest number of a series. A directory that is over and cannot be opened is left alone.
async fn greatest(shelf: &Shelf, series: &[Arc<Directory>], now: Timestamp) -> Result<u64> {
    for directory in series.iter().rev() {
        let store = match shelf.open(directory).await {
            Ok(Some(store)) => store,
            Ok(None) => continue,
            // Numbers go on behind all that it may hold.
            Err(_) if directory.last() < now.0 => return Ok(directory.last()),
            Err(error) => return Err(error),
        };
        let found = store.scan(&BODY, &Range::all(), Page::last(1)).await?;
        if let Some((number, _)) = found.rows.first() {
            return Ok(*number);
        }
    }
    Ok(0)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
