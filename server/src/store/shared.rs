//! What readers and the writer share: the engine, and which group is between *applied* and *durable*.
//!
//! A reader must not act on what a power cut could still take back (DESIGN §1.1: what a client has seen, the
//! store holds). So a read that meets a key of the group in flight waits until that group is settled. Nothing
//! else waits, and a read waits at most once per failed group: only one group is in flight at a time, so all
//! rows that were read are durable when it is.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    engine::{Engine, Writes},
    error::{Result, StoreError},
    range::RawRange,
};

/// The engine as readers find it.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    Up(Arc<Engine>),
    /// Being opened again: wait.
    Away,
    /// Could not be opened again.
    Down(StoreError),
}

/// How groups ended. Groups are numbered from 1.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settled {
    upto: u64,
    last_failed: u64,
    /// Set when nothing will ever be settled again.
    dead: Option<StoreError>,
}

#[derive(Debug)]
struct Flight {
    group: u64,
    writes: Arc<Writes>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    slot: watch::Sender<Slot>,
    flight: RwLock<Option<Flight>>,
    settled: watch::Sender<Settled>,
}

impl Shared {
    pub(crate) fn new(dir: PathBuf, engine: Engine) -> Self {
        Self {
            dir,
            slot: watch::Sender::new(Slot::Up(Arc::new(engine))),
            flight: RwLock::default(),
            settled: watch::Sender::default(),
        }
    }

    /// The engine; waits while it is being opened again.
    pub(crate) async fn engine(&self) -> Result<Arc<Engine>> {
        if let Slot::Up(engine) = &*self.slot.borrow() {
            return Ok(Arc::clone(engine));
        }
        let mut slot = self.slot.subscribe();
        let found = slot.wait_for(|slot| !matches!(slot, Slot::Away)).await;
        match found.as_deref() {
            Ok(Slot::Up(engine)) => Ok(Arc::clone(engine)),
            Ok(Slot::Down(error)) => Err(error.clone()),
            _ => Err(StoreError::Closed),
        }
    }

    /// The slot's content, leaving another one there. For the writer.
    pub(crate) fn swap(&self, slot: Slot) -> Slot {
        self.slot.send_replace(slot)
    }

    pub(crate) fn slot(&self) -> Slot {
        self.slot.borrow().clone()
    }

    /// What is known to be wrong. An engine that is being opened again is about to be well.
    pub(crate) fn health(&self) -> Result<()> {
        if let Some(error) = &self.settled.borrow().dead {
            return Err(error.clone());
        }
        match &*self.slot.borrow() {
            Slot::Down(error) => Err(error.clone()),
            Slot::Up(_) | Slot::Away => Ok(()),
        }
    }

    /// From now on these writes may be visible and not durable.
    pub(crate) fn take_off(&self, writes: Arc<Writes>) -> u64 {
        let group = self.settled.borrow().upto + 1;
        *self.flight.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Flight { group, writes });
        group
    }

    /// They are durable, or gone.
    pub(crate) fn land(&self, group: u64, durable: bool) {
        *self.flight.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.settled.send_modify(|settled| {
            settled.upto = group;
            if !durable {
                settled.last_failed = group;
            }
        });
    }

    /// Nobody knows what became of them: who waits gets this error.
    pub(crate) fn crash(&self, error: StoreError) {
        self.settled.send_modify(|settled| settled.dead = Some(error));
    }

    /// The group in flight, if it writes this key.
    pub(crate) fn unsettled_key(&self, key: &[u8]) -> Option<u64> {
        self.unsettled(|writes| writes.contains_key(key))
    }

    /// The group in flight, if it writes into this range.
    pub(crate) fn unsettled_range(&self, range: &RawRange) -> Option<u64> {
        use std::ops::Bound::{Excluded, Included};
        let bounds = (Included(range.from.as_slice()), Excluded(range.to.as_slice()));
        self.unsettled(|writes| {
            !range.is_empty() && writes.range::<[u8], _>(bounds).next().is_some()
        })
    }

    /// Waits for the end of a group. `false`: it may have failed, read again.
    pub(crate) async fn settled(&self, group: u64) -> Result<bool> {
        let mut settled = self.settled.subscribe();
        let end = settled.wait_for(|settled| settled.upto >= group || settled.dead.is_some()).await;
        let end = end.map_err(|_| StoreError::Closed)?;
        match &end.dead {
            Some(error) if end.upto < group => Err(error.clone()),
            _ => Ok(end.last_failed < group),
        }
    }

    fn unsettled(&self, touches: impl FnOnce(&Writes) -> bool) -> Option<u64> {
        let flight = self.flight.read().unwrap_or_else(PoisonError::into_inner);
        flight.as_ref().filter(|flight| touches(&flight.writes)).map(|flight| flight.group)
    }
}

/// One physical record, which may be the head of chunks.
pub(crate) type Row = (Bytes, Bytes);
