//! The committer: one thread that writes. It drains its queue, applies what it drained as one batch, flushes
//! and syncs once, then answers everybody. Alone, a batch waits for one sync; under load groups grow by
//! themselves, so there is no timer.

use std::{sync::Arc, thread, time::Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc::UnboundedReceiver, oneshot};

use super::{
    batch::{Batch, COMMIT_MAX},
    engine::{Engine, EngineError, Writes},
    error::{Result, StoreError},
    options::Options,
    plan::{self, Refusal},
    shared::{Shared, Slot},
};
use crate::metrics::StoreFault;

/// How many requests are answered at once: failed preconditions cost no bytes, and must not keep the others
/// waiting for ever.
const GROUP_MAX: usize = 1024;

/// How often a group is tried while there is room for it. The first attempt may find what failed before there
/// was room; at the next the engine's own cleaning may have been quicker and have taken the room, which it
/// gives back when it is opened again.
const ATTEMPTS: usize = 3;

/// What the committer is asked.
#[derive(Debug)]
pub(crate) enum Request {
    Commit(Commit),
    /// Answered when all files are closed.
    Close(oneshot::Sender<()>),
}

#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) batch: Batch,
    /// Whether the answer waits for the sync.
    pub(crate) durable: bool,
    pub(crate) answer: Answer,
    /// Keeps the queue bounded in bytes; given back with the answer.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

/// Who hears what became of a commit.
pub(crate) enum Answer {
    /// Somebody who waits.
    Wait(oneshot::Sender<Result<()>>),
    /// What is to be done then, on the committer's thread.
    Then(Box<dyn FnOnce(Result<()>) + Send>),
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}

impl Commit {
    fn answer(self, result: Result<()>) {
        drop(self.room);
        match self.answer {
            // A waiter that has gone away does not take its write back.
            Answer::Wait(waiter) => waiter.send(result).unwrap_or(()),
            Answer::Then(then) => then(result),
        }
    }
}

/// The writing half of the store.
pub(crate) struct Committer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: UnboundedReceiver<Request>,
    pub(crate) options: Options,
    /// Once set, every commit gets it.
    pub(crate) fatal: Option<StoreError>,
}

/// Commits that become durable together.
#[derive(Default)]
struct Group {
    waiting: Vec<Commit>,
    writes: Writes,
    cost: usize,
    /// Planning already met a failed engine: nothing can be written before it is open again.
    is_stuck: bool,
}

impl Committer {
    /// Works until it is told to close, or until nobody can ask any more.
    pub(crate) fn run(mut self) {
        let mut held = None;
        let closing = loop {
            match held.take().or_else(|| self.queue.blocking_recv()) {
                Some(Request::Commit(first)) => held = self.group(first),
                Some(Request::Close(done)) => break Some(done),
                None => break None,
            }
        };
        self.close();
        if let Some(done) = closing {
            done.send(()).unwrap_or(());
        }
    }

    /// Commits `first` and what else is queued and fits. Gives back what did not.
    fn group(&mut self, first: Commit) -> Option<Request> {
        let engine = match self.engine() {
            Ok(engine) => engine,
            Err(error) => {
                first.answer(Err(error));
                return None;
            }
        };
        let mut group = Group::default();
        let mut next = Some(Request::Commit(first));
        for _ in 0..GROUP_MAX {
            next = match next.or_else(|| self.queue.try_recv().ok()) {
                Some(Request::Commit(commit)) => group.admit(&engine, &self.shared, commit),
                other => other,
            };
            if next.is_some() || group.is_stuck || self.queue.is_empty() {
                break;
            }
        }
        self.finish(engine, group);
        next
    }

    /// The engine, opened again if an earlier failure left it closed.
    fn engine(&mut self) -> Result<Arc<Engine>> {
        if let Some(error) = &self.fatal {
            return Err(error.clone());
        }
        match self.shared.slot() {
            Slot::Up(engine) if engine.has_failed() => {
                drop(engine);
                self.reopen()
            }
            Slot::Up(engine) => Ok(engine),
            // Opening needs a little space too: it did not get it last time.
            Slot::Down(StoreError::Full) => {
                self.has_room(0)?;
                self.open()
            }
            Slot::Down(error) => Err(error),
            Slot::Away => Err(StoreError::Closed),
        }
    }

    /// Writes a group and answers it. When only the engine found the disk full, space may be back by the time it
    /// is open again, so the group is tried again.
    fn finish(&mut self, mut engine: Arc<Engine>, mut group: Group) {
        for _ in 0..ATTEMPTS {
            if group.waiting.is_empty() {
                return;
            }
            if let Err(error) = self.has_room(group.cost) {
                self.options.meter.faults.count(StoreFault::Full);
                return group.answer(&Err(error));
            }
            let (begun, size) = (Instant::now(), group.waiting.len());
            let writes = Arc::new(std::mem::take(&mut group.writes));
            let number = self.shared.take_off(group.in_flight(&writes));
            match group.write(&engine, &writes) {
                Ok(()) => {
                    self.shared.land(number, true);
                    self.count(size, begun);
                    return group.answer(&Ok(()));
                }
                Err(EngineError::Full) => self.options.meter.faults.count(StoreFault::Full),
                Err(error) => return group.answer(&Err(self.die(fatal(error, &self.shared)))),
            }
            drop(engine);
            engine = match self.reopen() {
                Ok(engine) => engine,
                Err(error) => {
                    self.shared.land(number, false);
                    return group.answer(&Err(error));
                }
            };
            // The write that failed need not have been the group's own. What is here now was synced by opening.
            let kept = !group.is_stuck && holds(&engine, &writes);
            self.shared.land(number, kept);
            if kept {
                self.count(size, begun);
                return group.answer(&Ok(()));
            }
            group = group.again(&engine, &self.shared);
        }
        group.answer(&Err(StoreError::Full));
    }

    /// So many batches are durable.
    fn count(&self, batches: usize, begun: Instant) {
        let meter = &self.options.meter;
        meter.commits.add(batches as u64);
        meter.group_sizes.observe(batches as u64);
        meter.latency.observe_time(begun.elapsed());
    }

    /// Refuses early, while refusing is cheap: inside the engine a full disk costs closing and opening again.
    fn has_room(&self, cost: usize) -> Result<()> {
        let needed = self.options.reserve_bytes.saturating_add(cost as u64);
        match (self.options.disk.free_space)(&self.shared.dir) {
            Ok(free) if free < needed => Err(StoreError::Full),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "cannot tell how much space is left for the store");
                Ok(())
            }
        }
    }

    /// The engine keeps its error, and shows what it has applied and not written: both go only this way.
    fn reopen(&mut self) -> Result<Arc<Engine>> {
        tracing::error!("the disk is full: opening the store again");
        if let Slot::Up(engine) = self.shared.swap(Slot::Away) {
            alone(engine).close();
        }
        match self.open() {
            Ok(engine) => Ok(engine),
            Err(StoreError::Full) => Err(StoreError::Full),
            Err(error) => Err(self.die(error)),
        }
    }

    /// Opens the engine again, and lets readers have it.
    fn open(&self) -> Result<Arc<Engine>> {
        let opened = Engine::open(&self.options).map(Arc::new);
        self.shared.swap(opened.clone().map_or_else(Slot::Down, Slot::Up));
        opened
    }

    fn die(&mut self, error: StoreError) -> StoreError {
        tracing::error!(%error, "the store stops");
        self.options.meter.faults.count(StoreFault::Broken);
        self.shared.crash(error.clone());
        self.fatal = Some(error.clone());
        (self.options.on_fatal)(&error);
        error
    }

    fn close(mut self) {
        self.queue.close();
        while let Ok(request) = self.queue.try_recv() {
            match request {
                Request::Commit(commit) => commit.answer(Err(StoreError::Closed)),
                Request::Close(done) => done.send(()).unwrap_or(()),
            }
        }
        if let Slot::Up(engine) = self.shared.swap(Slot::Down(StoreError::Closed)) {
            alone(engine).close();
        }
    }
}

impl Group {
    /// Takes a commit in, or answers it, or gives it back for the next group.
    fn admit(&mut self, engine: &Engine, shared: &Shared, commit: Commit) -> Option<Request> {
        let writes = match plan::plan(engine, &self.writes, &commit.batch) {
            Ok(writes) => writes,
            Err(Refusal::Batch(error)) => {
                commit.answer(Err(error));
                return None;
            }
            // What failed may be an earlier write, noticed only now: planning reads, and in sled reading writes,
            // because it splits pages. So this, too, means opening again and not yet that the disk is full.
            Err(Refusal::Engine(EngineError::Full)) if self.waiting.is_empty() => {
                self.is_stuck = true;
                self.waiting.push(commit);
                return None;
            }
            Err(Refusal::Engine(EngineError::Full)) => return Some(Request::Commit(commit)),
            Err(Refusal::Engine(error)) => {
                commit.answer(Err(error.told(&shared.dir, "reading")));
                return None;
            }
        };
        let cost = plan::cost(&writes);
        if !self.waiting.is_empty() && self.cost + cost > COMMIT_MAX {
            return Some(Request::Commit(commit));
        }
        self.cost += cost;
        self.writes.extend(writes);
        self.waiting.push(commit);
        None
    }

    /// What readers have to wait for: hints are nothing to wait for.
    fn in_flight(&self, writes: &Arc<Writes>) -> Arc<Writes> {
        if self.is_durable() { Arc::clone(writes) } else { Arc::default() }
    }

    fn is_durable(&self) -> bool {
        self.waiting.iter().any(|commit| commit.durable)
    }

    fn write(&mut self, engine: &Engine, writes: &Writes) -> Result<(), EngineError> {
        if self.is_stuck {
            return Err(EngineError::Full);
        }
        let durable = self.is_durable();
        engine.apply(writes)?;
        if !durable {
            return Ok(());
        }
        self.answer_hints();
        engine.sync()
    }

    /// The same commits against what the engine holds now.
    fn again(self, engine: &Engine, shared: &Shared) -> Self {
        let mut group = Self::default();
        for commit in self.waiting {
            // They fitted together before. Whoever does not now is too many by a hair.
            if let Some(Request::Commit(commit)) = group.admit(engine, shared, commit) {
                commit.answer(Err(StoreError::Full));
            }
        }
        group
    }

    /// Hints wait for nothing but being visible.
    fn answer_hints(&mut self) {
        let (durable, hints) =
            std::mem::take(&mut self.waiting).into_iter().partition(|commit| commit.durable);
        self.waiting = durable;
        hints.into_iter().for_each(|hint: Commit| hint.answer(Ok(())));
    }

    fn answer(self, result: &Result<()>) {
        for commit in self.waiting {
            commit.answer(result.clone());
        }
    }
}

/// After anything but a full disk we do not know what the disk holds, and a sync cannot be retried (the kernel
/// marks as clean what it failed to write): the process has to end.
fn fatal(error: EngineError, shared: &Shared) -> StoreError {
    match error {
        EngineError::Io(why) => StoreError::SyncFailed { why },
        other => other.told(&shared.dir, "writing"),
    }
}

fn holds(engine: &Engine, writes: &Writes) -> bool {
    writes.iter().all(|(key, value)| engine.get(key).is_ok_and(|found| found == *value))
}

/// Waits until the last reader has let go; no new one can come. Readers hold an engine for one page.
fn alone(mut engine: Arc<Engine>) -> Engine {
    loop {
        match Arc::try_unwrap(engine) {
            Ok(engine) => return engine,
            Err(shared) => engine = shared,
        }
        thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{batch::Expect, engine::MemoryEngine};

    /// What became of a batch whose planning meets failures of the engine, each healed by opening it again.
    fn commit(failing: MemoryEngine) -> Result<()> {
        let shared = Arc::new(Shared::new("transient".into(), Engine::Memory(failing)));
        let (requests, queue) = tokio::sync::mpsc::unbounded_channel();
        let (answer, mut answered) = oneshot::channel();
        let mut batch = Batch::new();
        batch.expects.push((b"key".as_slice().into(), Expect::Absent));
        let answer = Answer::Wait(answer);
        requests
            .send(Request::Commit(Commit { batch, durable: true, answer, room: None }))
            .unwrap();
        drop(requests);
        Committer { shared, queue, options: Options::transient(), fatal: None }.run();
        answered.try_recv().unwrap()
    }

    #[test]
    fn a_failure_that_only_planning_notices_refuses_nothing() {
        assert_eq!(commit(MemoryEngine::default()), Ok(()));
        assert_eq!(commit(MemoryEngine::that_failed()), Ok(()));
    }
}
