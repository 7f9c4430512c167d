//! What the store asks of the disk, injectable for tests.

use std::{fmt, fs::File, io, path::Path, sync::Arc};

type FreeSpace = dyn Fn(&Path) -> io::Result<u64> + Send + Sync;
type SyncFile = dyn Fn(&File) -> io::Result<()> + Send + Sync;

/// Free space and syncing.
#[derive(Clone)]
pub struct Disk {
    /// Bytes that this process may still write to the file system of a path.
    pub free_space: Arc<FreeSpace>,
    /// Makes the content of a file survive a power cut.
    pub sync: Arc<SyncFile>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { free_space: Arc::new(available), sync: Arc::new(File::sync_data) }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}

/// Makes files that were created, renamed or removed in a directory survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Blocks for unprivileged users: what only root may still take does not count.
fn available(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
