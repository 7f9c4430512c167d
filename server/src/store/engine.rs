//! The seam: ordered bytes, one atomic batch, a sync. An enum, so that a call costs a branch and a second
//! engine is one more variant and one more file.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use super::{error::StoreError, options::Options, range::RawRange, sled::SledEngine};

/// What is applied at once: values to put, `None` to remove.
pub(crate) type Writes = BTreeMap<Bytes, Option<Bytes>>;

/// An engine's failure, before it is told to anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineError {
    /// No space left.
    Full,
    /// Another failure of the system.
    Io(String),
    /// The engine found, or its panic showed, that its files are not sound.
    Damaged(String),
}

impl EngineError {
    /// The error as the operator shall read it.
    pub(crate) fn told(self, dir: &Path, what: &str) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::Io(why) => StoreError::Io { what: format!("{what} {}", dir.display()), why },
            Self::Damaged(what) => StoreError::Damaged { path: dir.to_owned(), what },
        }
    }
}

/// How much a raw scan may return.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// Physical rows, and whether the range goes on behind them.
#[derive(Debug, Default)]
pub(crate) struct RawRows {
    pub(crate) rows: Vec<(Bytes, Bytes)>,
    pub(crate) more: bool,
}

impl RawRows {
    /// Takes rows until one of the limits; at least one row, so that a scan always gets on.
    pub(crate) fn collect<E>(
        from: impl Iterator<Item = Result<(Bytes, Bytes), E>>,
        most: Most,
    ) -> Result<Self, E> {
        let mut out = Self::default();
        let mut bytes = 0;
        for row in from {
            let (key, value) = row?;
            bytes += key.len() + value.len();
            let full = out.rows.len() >= most.rows || bytes > most.bytes;
            if full && !out.rows.is_empty() {
                out.more = true;
                break;
            }
            out.rows.push((key, value));
        }
        Ok(out)
    }
}

/// Where the bytes are. Calls block.
#[derive(Debug)]
pub(crate) enum Engine {
    /// The embedded default.
    Sled(SledEngine),
    /// Nothing survives: for tests and demonstrations only.
    Memory(MemoryEngine),
}

impl Engine {
    /// Opens what the options name, or makes it.
    pub(crate) fn open(options: &Options) -> Result<Self, StoreError> {
        if options.transient {
            return Ok(Self::Memory(MemoryEngine::default()));
        }
        SledEngine::open(&options.dir, options.cache_bytes, options.disk.clone()).map(Self::Sled)
    }

    /// Whether there once was a complete store here.
    pub(crate) fn is_marked(&self) -> bool {
        matches!(self, Self::Sled(sled) if sled.is_marked())
    }

    /// From now on there must be one.
    pub(crate) fn mark(&self) -> Result<(), StoreError> {
        match self {
            Self::Sled(sled) => sled.mark(),
            Self::Memory(_) => Ok(()),
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        match self {
            Self::Sled(sled) => sled.get(key),
            Self::Memory(memory) => memory.get(key),
        }
    }

    pub(crate) fn scan(
        &self,
        range: &RawRange,
        reverse: bool,
        most: Most,
    ) -> Result<RawRows, EngineError> {
        if range.is_empty() {
            return Ok(RawRows::default());
        }
        match self {
            Self::Sled(sled) => sled.scan(range, reverse, most),
            Self::Memory(memory) => Ok(memory.scan(range, reverse, most)),
        }
    }

    /// All or nothing, visible at once, durable after [`Engine::sync`].
    pub(crate) fn apply(&self, writes: &Writes) -> Result<(), EngineError> {
        match self {
            Self::Sled(sled) => sled.apply(writes),
            Self::Memory(memory) => {
                memory.apply(writes);
                Ok(())
            }
        }
    }

    /// Returns when everything applied before is on disk.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        match self {
            Self::Sled(sled) => sled.sync(),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Whether an earlier write failed behind our back: only closing and opening again helps.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self, Self::Sled(sled) if sled.has_failed())
    }

    /// Gives the files back.
    pub(crate) fn close(self) {
        if let Self::Sled(sled) = self {
            sled.close();
        }
    }
}

/// The engine for tests and demonstrations.
#[derive(Debug, Default)]
pub(crate) struct MemoryEngine {
    rows: Mutex<BTreeMap<Bytes, Bytes>>,
    /// As sled after a write that failed behind everybody's back: reading fails until it is opened again.
    #[cfg(test)]
    failed: bool,
}

impl MemoryEngine {
    #[cfg(test)]
    pub(crate) fn that_failed() -> Self {
        Self { failed: true, ..Self::default() }
    }

    #[cfg_attr(not(test), expect(clippy::unnecessary_wraps, reason = "in tests it can fail"))]
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        #[cfg(test)]
        if self.failed {
            return Err(EngineError::Full);
        }
        Ok(self.rows().get(key).cloned())
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<Bytes, Bytes>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scan(&self, range: &RawRange, reverse: bool, most: Most) -> RawRows {
        use std::ops::Bound::{Excluded, Included};
        let rows = self.rows();
        let bounds = (Included(range.from.as_slice()), Excluded(range.to.as_slice()));
        let found = rows.range::<[u8], _>(bounds).map(|(key, value)| (key.clone(), value.clone()));
        let found: Box<dyn Iterator<Item = _>> =
            if reverse { Box::new(found.rev()) } else { Box::new(found) };
        let Ok(rows) = RawRows::collect(found.map(Ok::<_, std::convert::Infallible>), most);
        rows
    }

    fn apply(&self, writes: &Writes) {
        let mut rows = self.rows();
        for (key, value) in writes {
            match value {
                Some(value) => drop(rows.insert(key.clone(), value.clone())),
                None => drop(rows.remove(key)),
            }
        }
    }
}
