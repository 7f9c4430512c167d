//! Optimistic read-modify-write: what was read becomes a precondition of what is written.

use std::collections::HashMap;

use bytes::Bytes;

use super::{
    Store,
    batch::{Batch, Expect},
    error::{Result, StoreError},
    key::{AsKey, Key},
    range::Range,
    tree::Tree,
    value::Value,
};

/// Reads and writes that take effect together, if nobody changes in between what was read. Scans are no
/// preconditions: keep what must not change in a record of its own.
#[derive(Debug)]
pub struct Tx {
    store: Store,
    batch: Batch,
    seen: HashMap<Bytes, Option<Bytes>>,
}

impl Tx {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, batch: Batch::new(), seen: HashMap::new() }
    }

    /// Reads a record. The same key gives the same answer until it is written here.
    pub async fn get<K: Key, V: Value, Q>(
        &mut self,
        tree: &Tree<K, V>,
        key: &Q,
    ) -> Result<Option<V>>
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        let key = Bytes::from(tree.physical(key));
        let value = match self.seen.get(&key) {
            Some(known) => known.clone(),
            None => self.look(tree.name(), key.clone()).await?,
        };
        value.map(|value| tree.value_of(&key, value)).transpose()
    }

    /// Writes a record.
    pub fn put<K: Key, V: Value, Q>(&mut self, tree: &Tree<K, V>, key: &Q, value: &V) -> &mut Self
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        // What cannot be encoded is answered by the commit.
        let encoded = super::value::encode(value).ok();
        self.seen.insert(tree.physical(key).into(), encoded);
        self.batch.put(tree, key, value);
        self
    }

    /// Removes a record if it is there.
    pub fn delete<K: Key, V: Value, Q>(&mut self, tree: &Tree<K, V>, key: &Q) -> &mut Self
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        self.seen.insert(tree.physical(key).into(), None);
        self.batch.delete(tree, key);
        self
    }

    /// Removes the records of a range when it is committed. Later reads here do not see it.
    pub fn delete_range<K: Key, V: Value>(
        &mut self,
        tree: &Tree<K, V>,
        range: &Range<K::Form>,
    ) -> &mut Self {
        self.batch.delete_range(tree, range);
        self
    }

    /// Commits. [`StoreError::Conflict`]: somebody changed what was read here, start again. Without writes
    /// there is nothing to commit and nothing is checked.
    pub async fn commit(self) -> Result<()> {
        if self.batch.is_untouched() {
            return Ok(());
        }
        self.store.commit(self.batch).await
    }

    async fn look(&mut self, tree: &'static str, key: Bytes) -> Result<Option<Bytes>> {
        let value = self.store.logical(tree, &key).await?;
        let expect = value.clone().map_or(Expect::Absent, Expect::Equals);
        self.batch.require(key.clone(), expect);
        self.seen.insert(key, value.clone());
        Ok(value)
    }
}

impl Store {
    /// Starts a transaction. Most callers want [`Store::transact`].
    #[must_use]
    pub fn begin(&self) -> Tx {
        Tx::new(self.clone())
    }

    /// Runs `work` and commits what it wrote; again, from the start, when somebody else changed what it had read.
    /// So `work` must do nothing but read and write here. Never call it from inside another one.
    pub async fn transact<T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        F: AsyncFnMut(&mut Tx) -> Result<T, E>,
        E: From<StoreError>,
    {
        // One contender wins each round. Who has lost some goes on alone with others like it, so that many
        // tasks on one key all get their turn.
        let mut lane = None;
        for round in 0..ROUNDS {
            if round == FAST_ROUNDS {
                lane = Some(self.slow_lane().await);
            }
            let mut tx = self.begin();
            let done = work(&mut tx).await?;
            match tx.commit().await {
                Ok(()) => return Ok(done),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        drop(lane);
        Err(StoreError::Conflict.into())
    }
}

/// Rounds against everybody.
const FAST_ROUNDS: usize = 3;
/// Rounds in all. In the lane each lost round is the commit of somebody who came later, so the bound is
/// on how many may come; it is there for a closure that conflicts with itself.
const ROUNDS: usize = 1000;
