//! What comes in a body, on its way to the disk.
//!
//! Our choices: bytes are collected until a trip to a blocking thread is worth it, and one such trip is under
//! way while the next batch is collected: no thread waits for the network. Now and then what was written is
//! brought to the disk already, so that the last sync does not take as long as the whole upload took.

use std::fs::File;
use std::io;
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};

use super::aligned::{Aligned, BLOCK, LARGE, bypass_cache, write_at};
use super::files::Files;
use super::token::Id;

/// How much is written at once.
const BATCH: usize = 1024 * 1024;

/// How much may be written before it is brought to the disk.
const SYNC: usize = 32 * 1024 * 1024;

/// A file that is being received. It is deleted unless it is [kept](Writer::keep).
#[derive(Debug)]
pub struct Writer {
    file: Arc<File>,
    /// How long the file will be.
    size: u64,
    /// Where the next batch goes.
    at: u64,
    batch: Batch,
    /// Gives its buffer back.
    writing: Option<JoinHandle<io::Result<Batch>>>,
    syncing: Option<JoinHandle<io::Result<()>>>,
    unsynced: usize,
}

/// What was collected.
#[derive(Debug, Default)]
struct Batch {
    memory: Option<Aligned>,
    filled: usize,
}

impl Batch {
    /// Takes what it has room for, and says how much that was. `most` is how much may come in all.
    fn take(&mut self, bytes: &[u8], most: u64) -> usize {
        // Bounded by what is there, so that a small file costs little.
        let size =
            || usize::try_from(most).unwrap_or(BATCH).next_multiple_of(BLOCK).clamp(BLOCK, BATCH);
        let memory = self.memory.get_or_insert_with(|| Aligned::new(size()));
        let room = memory.bytes_mut().get_mut(self.filled..).unwrap_or_default();
        let count = room.len().min(bytes.len());
        for (to, from) in [room.get_mut(..count).zip(bytes.get(..count))].into_iter().flatten() {
            to.copy_from_slice(from);
        }
        self.filled += count;
        count
    }

    fn is_full(&self) -> bool {
        self.memory.as_ref().is_some_and(|memory| memory.bytes().len() == self.filled)
    }

    /// Writes it. What goes past the cache is whole blocks; what is too much of the last one is cut
    /// off in the end.
    fn write(&self, file: &File, at: u64, is_direct: bool) -> io::Result<()> {
        let Some(memory) = &self.memory else { return Ok(()) };
        let count = if is_direct { self.filled.next_multiple_of(BLOCK) } else { self.filled };
        write_at(file, memory.bytes().get(..count).unwrap_or_default(), at)
    }
}

impl Writer {
    /// Makes the file, for so many bytes.
    ///
    /// # Errors
    /// The disk's.
    pub async fn create(files: Files, id: Id, size: u64) -> io::Result<Self> {
        let create = move || {
            let file = files.create(id)?;
            if size >= LARGE {
                bypass_cache(&file);
            }
            Ok(file)
        };
        let file = Arc::new(joined(spawn_blocking(create).await)?);
        let (batch, writing, syncing) = (Batch::default(), None, None);
        Ok(Writer { file, size, at: 0, batch, writing, syncing, unsynced: 0 })
    }

    /// Takes more of it.
    ///
    /// # Errors
    /// The disk's, perhaps about what came before.
    pub async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.batch.take(bytes, self.size);
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.batch.is_full() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// All of it came: it is whole, and survives a power cut.
    ///
    /// # Errors
    /// The disk's; it is not whole then.
    pub async fn keep(mut self, files: Files, id: Id) -> io::Result<()> {
        self.flush().await?;
        self.written().await?;
        if let Some(syncing) = self.syncing.take() {
            joined(syncing.await)?;
        }
        let (file, size) = (self.file, self.size);
        let keep = move || {
            if size >= LARGE {
                file.set_len(size)?;
            }
            files.keep(id, &file)
        };
        joined(spawn_blocking(keep).await)
    }

    /// Sends what was collected on its way, once the batch before is through.
    async fn flush(&mut self) -> io::Result<()> {
        let next = self.written().await?;
        let batch = std::mem::replace(&mut self.batch, next);
        let (file, at, is_direct) = (Arc::clone(&self.file), self.at, self.size >= LARGE);
        self.unsynced += batch.filled;
        self.at += u64::try_from(batch.filled).unwrap_or(u64::MAX);
        self.writing = Some(spawn_blocking(move || {
            batch.write(&file, at, is_direct)?;
            Ok(Batch { filled: 0, ..batch })
        }));
        self.sync().await
    }

    /// Waits for the batch that is on its way; an empty buffer.
    async fn written(&mut self) -> io::Result<Batch> {
        match self.writing.take() {
            Some(writing) => joined(writing.await),
            None => Ok(Batch::default()),
        }
    }

    /// Brings what was written to the disk while more comes. A disk that is slower than the network is waited
    /// for here, not at the end.
    async fn sync(&mut self) -> io::Result<()> {
        if self.unsynced < SYNC {
            return Ok(());
        }
        if let Some(syncing) = self.syncing.take() {
            joined(syncing.await)?;
        }
        self.unsynced = 0;
        let file = Arc::clone(&self.file);
        self.syncing = Some(spawn_blocking(move || file.sync_data()));
        Ok(())
    }
}

/// A blocking thread's result; it is missing only when the runtime ends.
fn joined<T>(done: Result<io::Result<T>, tokio::task::JoinError>) -> io::Result<T> {
    done.unwrap_or_else(|_| Err(io::Error::other("the server is stopping")))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn received(pieces: &[&[u8]]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let (files, id) = (Files::new(dir.path()), Id::parse(&"a".repeat(32)).unwrap());
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        let mut writer = Writer::create(files.clone(), id, size).await.unwrap();
        for piece in pieces {
            writer.write(piece).await.unwrap();
        }
        writer.keep(files.clone(), id).await.unwrap();
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut files.open(id).unwrap(), &mut bytes).unwrap();
        bytes
    }

    #[tokio::test]
    async fn what_is_written_is_what_came_however_it_came() {
        let all: Vec<u8> = (0..3 * BATCH + 17).map(|at| (at % 251) as u8).collect();
        for size in [1000, 16 * 1024, BATCH, BATCH + 1, all.len()] {
            let pieces: Vec<_> = all.chunks(size).collect();
            assert!(received(&pieces).await == all, "in pieces of {size}");
        }
    }

    #[tokio::test]
    async fn a_file_longer_than_what_is_synced_at_once_is_whole() {
        let piece = vec![7; 8 * 1024 * 1024 + 1];
        assert_eq!(received(&[&piece[..]; 9]).await.len(), 9 * piece.len());
    }
}
