//! Counters of streams (XEP-0198), each written in one batch with the message that it counts.
//!
//! A stream lives hours and a period at least a day, so a counter lies in one of the two newest directories of
//! a series. Where there are several, that with the greatest number is the latest.

use std::sync::Arc;

use super::Archive;
use super::shelf::Directory;
use super::trees::HANDLED;
use crate::store::{Batch, Result};

/// Directories of each series in which a counter may lie.
const NEWEST: usize = 2;

impl Archive {
    /// How many stanzas of a stream are handled, as far as a kept message told.
    pub async fn handled(&self, stream: &str) -> Result<Option<u32>> {
        self.0.check_open()?;
        let mut latest: Option<(u64, u32)> = None;
        for directory in self.newest() {
            if latest.is_some_and(|(number, _)| number > directory.last()) {
                continue;
            }
            if let Some(store) = self.0.shelf.open(&directory).await? {
                let found = store.get(&HANDLED, stream).await?;
                latest = latest.max(found.map(|found| (found.number, found.count)));
            }
        }
        Ok(latest.map(|(_, count)| count))
    }

    /// Deletes a stream's counter. Where this is lost, the counter goes with its directory; ids of streams
    /// do not come again.
    pub async fn forget_stream(&self, stream: &str) {
        for directory in self.newest() {
            if let Some(store) = self.0.shelf.opened(&directory).await {
                let mut batch = Batch::new();
                batch.delete(&HANDLED, stream);
                if let Err(error) = store.hint(batch).await {
                    tracing::debug!(%error, "a counter stays until its directory goes");
                }
            }
        }
    }

    fn newest(&self) -> Vec<Arc<Directory>> {
        let newest = |series: Vec<Arc<Directory>>| series.into_iter().rev().take(NEWEST);
        let mut all: Vec<_> = self.0.shelf.all().into_iter().flat_map(newest).collect();
        all.sort_by_key(|directory| std::cmp::Reverse(directory.period.end));
        all
    }
}
