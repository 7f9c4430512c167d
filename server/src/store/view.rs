//! Several reads that belong together, in one go: a page of an index with what it points to.
//!
//! A thread hop and a look at the engine cost as much as some reads, so they are paid once for all of them.

use std::{path::Path, sync::Arc};

use super::{
    Store,
    engine::Engine,
    error::{Result, StoreError},
    key::{AsKey, Key},
    named,
    range::{Page, Range, Rows},
    read::{self, Want},
    shared::Shared,
    tree::Tree,
    value::Value,
};

/// Where the reads are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the caller's thread: for a handful of reads of what is probably in memory.
    Here,
    /// On a blocking thread.
    Aside,
}

/// The store while several reads are done. Each record is one instant, the whole is not.
#[derive(Debug)]
pub struct View<'a> {
    engine: &'a Engine,
    shared: &'a Shared,
    /// The last group that was in flight on something that was read.
    group: Option<u64>,
}

impl View<'_> {
    /// Reads one record.
    pub fn get<K: Key, V: Value, Q>(&mut self, tree: &Tree<K, V>, key: &Q) -> Result<Option<V>>
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        let key = tree.physical(key);
        let found = read::get(self.engine, self.dir(), &key);
        let found = found.map_err(|error| named(tree.name(), error))?;
        self.group = self.group.max(self.shared.unsettled_key(&key));
        found.map(|value| tree.value_of(&key, value)).transpose()
    }

    /// Reads one page of a range.
    pub fn scan<K: Key, V: Value>(
        &mut self,
        tree: &Tree<K, V>,
        range: &Range<K::Form>,
        page: &Page<K::Form>,
    ) -> Result<Rows<K, V>> {
        let want = Want::new(tree, range, page);
        let found = read::page(self.engine, self.dir(), &want);
        let found = found.map_err(|error| named(tree.name(), error))?;
        self.group = self.group.max(self.shared.unsettled_range(&want.range));
        read::typed(tree, found)
    }

    fn dir(&self) -> &Path {
        &self.shared.dir
    }
}

impl Store {
    /// Runs `work`, which reads. What it read is durable when this returns; `work` runs again when a group
    /// that it had seen was not written after all.
    pub async fn view<T, W>(&self, place: Place, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: Fn(&mut View<'_>) -> Result<T> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let mut woken = false;
        loop {
            let (found, group) = match self.run(place, &work).await {
                Err(StoreError::Full) if !woken => {
                    woken = true;
                    self.wake().await;
                    continue;
                }
                other => other?,
            };
            if self.is_settled(group).await? {
                return Ok(found);
            }
        }
    }

    async fn run<T, W>(&self, place: Place, work: &Arc<W>) -> Result<(T, Option<u64>)>
    where
        T: Send + 'static,
        W: Fn(&mut View<'_>) -> Result<T> + Send + Sync + 'static,
    {
        let engine = self.0.shared.engine().await?;
        let (shared, work) = (Arc::clone(&self.0.shared), Arc::clone(work));
        let run = move || {
            let mut view = View { engine: &engine, shared: &shared, group: None };
            let found = work(&mut view)?;
            Ok((found, view.group))
        };
        if place == Place::Here {
            return run();
        }
        tokio::task::spawn_blocking(run).await.unwrap_or(Err(StoreError::Closed))
    }
}
