//! How a store is opened.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    disk::Disk,
    error::StoreError,
    migrations::{Migration, SCHEMA, STEPS},
};
use crate::metrics::StoreMeter;

/// Told once when the store can never write again: the process has to end.
pub type OnFatal = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// Where a store is, and how much it may take. Made by [`Options::new`], then changed by field.
#[derive(Clone)]
pub struct Options {
    /// The database's own directory: `core/`, or one archive period.
    pub dir: PathBuf,
    /// Where copies are made before a migration. Default: `backups/` beside the directory.
    pub backups: PathBuf,
    /// Page cache in bytes. sled keeps about 40 MB per GB of data beside it (STORAGE §1.3).
    pub cache_bytes: u64,
    /// Free space that commits leave untouched, in bytes: room for segments that are being cleaned, for
    /// opening again, and for the administrator's own work.
    pub reserve_bytes: u64,
    /// What is asked of the disk.
    pub disk: Disk,
    /// Called on the writing thread when a sync has failed or the engine gave up.
    pub on_fatal: OnFatal,
    /// Counts what is committed; stores may share one.
    pub meter: Arc<StoreMeter>,
    /// The schema that this program writes.
    pub schema: u32,
    /// The steps that lead to it.
    pub steps: &'static [Migration],
    /// Keep everything in memory: see [`Options::transient`].
    pub transient: bool,
}

impl Options {
    /// The defaults for a store in `dir`: 32 MiB of cache, 64 MiB of reserve.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self {
            backups: dir.parent().unwrap_or(Path::new(".")).join("backups"),
            dir,
            cache_bytes: 32 * 1024 * 1024,
            reserve_bytes: 64 * 1024 * 1024,
            disk: Disk::default(),
            on_fatal: Arc::new(|_| {}),
            meter: Arc::default(),
            schema: SCHEMA,
            steps: STEPS,
            transient: false,
        }
    }

    /// A store in memory, for tests and demonstrations only: it ends with the process.
    #[must_use]
    pub fn transient() -> Self {
        Self {
            reserve_bytes: 0,
            disk: Disk { free_space: Arc::new(|_| Ok(u64::MAX)), ..Disk::default() },
            transient: true,
            ..Self::new("transient")
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("dir", &self.dir).finish_non_exhaustive()
    }
}
