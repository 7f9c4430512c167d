//! From batches to writes: checks preconditions, finds what ranges hold, cuts large values into chunks.
//!
//! Only the one writer plans. It sees the engine through what it has planned already and not yet applied, so
//! batches of one group see each other in order.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    batch::{Batch, COMMIT_MAX, Expect, Op, ROW_COST},
    chunk::{self, Form},
    engine::{Engine, EngineError, Most, Writes},
    error::StoreError,
    range::RawRange,
};

/// For who plans the first batch.
pub(crate) static NOTHING: Writes = Writes::new();

/// How many rows of a range are looked at in one go.
const STEP: Most = Most { rows: 256, bytes: 256 * 1024 };

/// Why a batch is not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its author's affair: the neighbours go on.
    Batch(StoreError),
    /// The engine failed.
    Engine(EngineError),
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// The writes of `batch` on top of `earlier`. Their cost is at most [`COMMIT_MAX`].
pub(crate) fn plan(engine: &Engine, earlier: &Writes, batch: &Batch) -> Result<Writes, Refusal> {
    let mut plan = Plan { engine, earlier, own: Writes::new(), cost: 0 };
    plan.check(&batch.expects)?;
    for op in &batch.ops {
        plan.run(op)?;
        plan.bound()?;
    }
    Ok(plan.own)
}

/// What writing these rows costs, in bytes.
pub(crate) fn cost(writes: &Writes) -> usize {
    writes.iter().map(|(key, value)| row_cost(key, value.as_ref())).sum()
}

struct Plan<'a> {
    engine: &'a Engine,
    earlier: &'a Writes,
    own: Writes,
    cost: usize,
}

impl Plan<'_> {
    fn check(&self, expects: &[(Bytes, Expect<Bytes>)]) -> Result<(), Refusal> {
        for (key, expect) in expects {
            let holds = match expect {
                Expect::Absent => self.get(key)?.is_none(),
                Expect::Present => self.get(key)?.is_some(),
                Expect::Equals(value) => self.logical(key)?.as_ref() == Some(value),
            };
            if !holds {
                return Err(Refusal::Batch(StoreError::Conflict));
            }
        }
        Ok(())
    }

    fn run(&mut self, op: &Op) -> Result<(), Refusal> {
        match op {
            Op::Put(key, value) => self.put(key, value),
            Op::Delete(key) => self.delete(key),
            Op::DeleteRange(range) => self.delete_range(range),
        }
    }

    fn put(&mut self, key: &Bytes, value: &Bytes) -> Result<(), Refusal> {
        self.drop_chunks(key)?;
        let Some((head, chunks)) = chunk::split(key, value) else {
            self.set(key.clone(), Some(value.clone()));
            return Ok(());
        };
        self.set(key.clone(), Some(head));
        for (key, part) in chunks {
            self.set(key, Some(part));
        }
        Ok(())
    }

    fn delete(&mut self, key: &Bytes) -> Result<(), Refusal> {
        if self.drop_chunks(key)? {
            self.set(key.clone(), None);
        }
        Ok(())
    }

    fn delete_range(&mut self, range: &RawRange) -> Result<(), Refusal> {
        let planned: BTreeSet<Bytes> = [self.earlier, &self.own]
            .into_iter()
            .flat_map(|writes| keys_in(writes, range))
            .collect();
        for key in planned {
            self.delete(&key)?;
        }
        let mut rest = range.clone();
        loop {
            let found = self.engine.scan(&rest, false, STEP)?;
            for (key, _) in &found.rows {
                self.delete(key)?;
            }
            self.bound()?;
            match found.rows.last() {
                Some((last, _)) if found.more => rest = rest.beyond(last, false),
                _ => return Ok(()),
            }
        }
    }

    /// Removes the chunks of the value that is now under `key`. Tells whether there is a value.
    fn drop_chunks(&mut self, key: &Bytes) -> Result<bool, Refusal> {
        let Some(old) = self.get(key)? else {
            return Ok(false);
        };
        if let Form::Chunked(head) = chunk::form(old) {
            for chunk in chunk::keys(key, head) {
                self.set(chunk, None);
            }
        }
        Ok(true)
    }

    fn set(&mut self, key: Bytes, value: Option<Bytes>) {
        self.cost += row_cost(&key, value.as_ref());
        if let Some(old) = self.own.get(&key) {
            self.cost -= row_cost(&key, old.as_ref());
        }
        self.own.insert(key, value);
    }

    fn bound(&self) -> Result<(), Refusal> {
        if self.cost <= COMMIT_MAX {
            return Ok(());
        }
        let error = StoreError::TooLarge { what: "batch", bytes: self.cost, limit: COMMIT_MAX };
        Err(Refusal::Batch(error))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        if let Some(planned) = self.own.get(key).or_else(|| self.earlier.get(key)) {
            return Ok(planned.clone());
        }
        self.engine.get(key)
    }

    fn logical(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        match self.get(key)?.map(chunk::form) {
            None | Some(Form::Broken) => Ok(None),
            Some(Form::Inline(value)) => Ok(Some(value)),
            Some(Form::Chunked(head)) => chunk::join(key, head, |key| self.get(key)),
        }
    }
}

fn keys_in<'a>(writes: &'a Writes, range: &RawRange) -> impl Iterator<Item = Bytes> + use<'a> {
    use std::ops::Bound::{Excluded, Included};
    let bounds =
        (!range.is_empty()).then(|| (Included(range.from.clone()), Excluded(range.to.clone())));
    bounds.into_iter().flat_map(|(from, to)| {
        let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        writes.range::<[u8], _>(bounds).map(|(key, _)| key.clone()).collect::<Vec<_>>()
    })
}

fn row_cost(key: &Bytes, value: Option<&Bytes>) -> usize {
    ROW_COST + key.len() + value.map_or(0, Bytes::len)
}
