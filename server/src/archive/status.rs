//! What the archive consists of, for the operator and for metrics.

use std::io;
use std::sync::atomic::Ordering;

use super::shelf::{Directory, Shelf};
use super::trees::BODY;
use super::{Archive, PeriodStatus};
use crate::clock::Timestamp;
use crate::store::{Page, Range, Result, bytes_under};

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

    /// What all directories take on the disk, in bytes, and when the oldest message came: if nobody has
    /// looked yet, when its period began. Opens nothing.
    pub async fn extent(&self) -> Result<(u64, Option<Timestamp>)> {
        self.0.check_open()?;
        let (mut bytes, mut oldest) = (0, None::<u64>);
        for directory in self.0.shelf.all().iter().flatten() {
            bytes += on_disk(&self.0.shelf, directory).await;
            let first = match directory.oldest.load(Ordering::Relaxed) {
                0 => directory.period.start,
                known => known,
            };
            oldest = Some(oldest.map_or(first, |oldest| oldest.min(first)));
        }
        Ok((bytes, oldest.map(Timestamp)))
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
    let sum = tokio::task::spawn_blocking(move || bytes_under(&path)).await;
    sum.ok().and_then(io::Result::ok).unwrap_or_default()
}
