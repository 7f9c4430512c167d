//! What the store asks of the disk, injectable for tests.

use std::{
    fmt,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
};

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

/// What `stat` counts blocks in, in bytes.
const BLOCK: u64 = 512;

/// What a directory takes on the disk with everything in it, in bytes. Blocks.
///
/// # Errors
/// A directory cannot be read. Files that go meanwhile count as nothing.
pub fn bytes_under(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            bytes_under(&entry.path())?
        } else {
            // The engine may delete a file while we look.
            entry.metadata().map_or(0, |facts| facts.blocks() * BLOCK)
        };
    }
    Ok(bytes)
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
