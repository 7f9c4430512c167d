//! What the archive consists of, for the operator and for metrics.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::shelf::{Directory, Shelf};
use super::trees::BODY;
use super::{Archive, PeriodStatus};
use crate::store::{Page, Range, Result};

/// What `stat` counts blocks in, in bytes.
const BLOCK: u64 = 512;

impl Archive {
    /// All directories, by series, oldest first. Of each series the oldest one is opened for its first
    /// number, if it is not known; others tell it if it is.
    pub async fn status(&self) -> Result<Vec<PeriodStatus>> {
        self.0.check_open()?;
        let mut all = Vec::new();
        for series in self.0.shelf.all() {
            for (at, directory) in series.iter().enumerate() {
                let oldest = directory.oldest.load(Ordering::Relaxed);
                let oldest = match (oldest, at) {
                    (0, 0) => self.first(directory).await,
                    (known, _) => Some(known).filter(|known| *known > 0),
                };
                all.push(PeriodStatus {
                    series: directory.series,
                    period: directory.period.to_string(),
                    bytes: on_disk(&self.0.shelf, directory).await,
                    oldest,
                });
            }
        }
        Ok(all)
    }

    /// The first number of a directory; `None` as well if it cannot be read, which is logged.
    async fn first(&self, directory: &Directory) -> Option<u64> {
        let store = self.0.shelf.open(directory).await.ok()??;
        let found = store.scan(&BODY, &Range::all(), Page::first(1)).await.ok()?;
        let (number, _) = found.rows.first()?;
        directory.oldest.store(*number, Ordering::Relaxed);
        Some(*number)
    }
}

/// What a directory takes on the disk, in bytes; 0 where that cannot be told.
pub(super) async fn on_disk(shelf: &Shelf, directory: &Directory) -> u64 {
    if shelf.options.transient {
        return 0;
    }
    let path = directory.path.clone();
    let sum = tokio::task::spawn_blocking(move || sum(&path)).await;
    sum.ok().and_then(io::Result::ok).unwrap_or_default()
}

fn sum(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            sum(&entry.path())?
        } else {
            // The engine may delete a file while we look.
            entry.metadata().map_or(0, |facts| facts.blocks() * BLOCK)
        };
    }
    Ok(bytes)
}
