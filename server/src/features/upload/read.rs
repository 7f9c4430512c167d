//! A file, or a part of it, on its way to a client.
//!
//! Our choices: a piece is read on a blocking thread while the one before is sent, and no thread waits for the
//! client. Buffers are used again, so that a download has the memory of three of them.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use super::aligned::{Aligned, BLOCK, LARGE, bypass_cache, read_at};
use crate::metrics::Metrics;
use crate::sync;

/// How much is read at once.
const PIECE: usize = 256 * 1024;

/// Buffers that wait to be used again; more are never lent at a time.
const SPARE: usize = 3;

/// The bytes of a file from `first` on, so many of them; those that go out are counted.
///
/// A large file is read past the system's cache ([`aligned`](super::aligned)).
pub fn body(file: File, first: u64, count: u64, metrics: Arc<Metrics>) -> Body {
    if count >= LARGE {
        bypass_cache(&file);
    }
    let (file, pool) = (Arc::new(file), Pool::default());
    let (at, left, unsent) = (first, count, count);
    let mut reader = Reader { file, at, left, unsent, ahead: None, pool, metrics };
    reader.ahead = reader.next();
    Body::new(reader)
}

struct Reader {
    file: Arc<File>,
    at: u64,
    /// Bytes that are still to be read.
    left: u64,
    /// Bytes that are still to be sent.
    unsent: u64,
    ahead: Option<JoinHandle<io::Result<Lent>>>,
    pool: Pool,
    metrics: Arc<Metrics>,
}

/// Buffers of one download.
#[derive(Clone, Default)]
struct Pool(Arc<Mutex<Vec<Aligned>>>);

/// A buffer that goes back when it was sent.
struct Lent {
    memory: Option<Aligned>,
    /// What is sent of it.
    sent: Range<usize>,
    pool: Pool,
}

impl Reader {
    /// Begins to read the next piece, which ends where a block does.
    fn next(&mut self) -> Option<JoinHandle<io::Result<Lent>>> {
        let begin = self.at % size(BLOCK);
        let count = self.left.min(size(PIECE) - begin);
        if count == 0 {
            return None;
        }
        let (file, at, mut lent) = (Arc::clone(&self.file), self.at - begin, self.pool.lend());
        self.at += count;
        self.left -= count;
        let [begin, count] = [begin, count].map(|it| usize::try_from(it).unwrap_or(PIECE));
        Some(spawn_blocking(move || {
            lent.fill(&file, at, begin..begin + count)?;
            Ok(lent)
        }))
    }
}

impl hyper::body::Body for Reader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(ahead) = &mut self.ahead else { return Poll::Ready(None) };
        let read = ready!(Pin::new(ahead).poll(cx));
        self.ahead = None;
        let read = read.unwrap_or_else(|_| Err(io::Error::other("the server is stopping")));
        Poll::Ready(Some(read.map(|piece| {
            self.ahead = self.next();
            let piece = Bytes::from_owner(piece);
            self.metrics.uploads.bytes_sent.add(size(piece.len()));
            self.unsent = self.unsent.saturating_sub(size(piece.len()));
            Frame::data(piece)
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.unsent)
    }
}

impl Pool {
    fn lend(&self) -> Lent {
        Lent { memory: sync::lock(&self.0).pop(), sent: 0..0, pool: self.clone() }
    }
}

impl Lent {
    /// Reads from a block's beginning on what is to be sent.
    fn fill(&mut self, file: &File, at: u64, sent: Range<usize>) -> io::Result<()> {
        let end = sent.end.next_multiple_of(BLOCK);
        if self.memory.as_ref().is_none_or(|memory| memory.bytes().len() < end) {
            self.memory = Some(Aligned::new(end));
        }
        let memory = self.memory.as_mut().and_then(|memory| memory.bytes_mut().get_mut(..end));
        if read_at(file, memory.unwrap_or_default(), at)? < sent.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.sent = sent;
        Ok(())
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        let bytes = self.memory.as_ref().and_then(|memory| memory.bytes().get(self.sent.clone()));
        bytes.unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut spare = sync::lock(&self.pool.0);
        if spare.len() < SPARE {
            spare.extend(self.memory.take());
        }
    }
}

fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    async fn read(first: u64, count: u64) -> Vec<u8> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&all()).unwrap();
        let read = axum::body::to_bytes(body(file, first, count, Arc::default()), usize::MAX).await;
        read.unwrap().to_vec()
    }

    fn all() -> Vec<u8> {
        (0..4 * PIECE + 5).map(|at| (at % 251) as u8).collect()
    }

    #[tokio::test]
    async fn all_of_a_file_and_each_part_of_it_comes_as_it_is() {
        let all = all();
        for (first, count) in
            [(0, all.len()), (0, 0), (0, 1), (7, PIECE), (PIECE - 1, PIECE + 2), (all.len() - 1, 1)]
        {
            let part = read(first as u64, count as u64).await;
            assert!(part == all[first..first + count], "{count} from {first} on");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_shorter_than_it_should_be_is_an_error() {
        let file = tempfile::tempfile().unwrap();
        assert!(axum::body::to_bytes(body(file, 0, 1, Arc::default()), usize::MAX).await.is_err());
    }
}
