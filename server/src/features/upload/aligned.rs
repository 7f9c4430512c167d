//! Memory that a disk can read and write by itself, past the system's cache.
//!
//! Our choice: a large file is not worth the cache. It is written once and read a few times, each byte of it
//! would be copied once more, and what it drives out of the cache is the database. Smaller ones stay: they
//! are what people look at again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// From this size on a file goes past the cache, in bytes.
pub const LARGE: u64 = 8 * 1024 * 1024;

/// Where such memory begins, and what such transfers are whole multiples of: the largest block that
/// disks have.
pub const BLOCK: usize = 4096;

/// Memory that begins at a block.
#[derive(Debug)]
pub struct Aligned {
    memory: Vec<u8>,
    start: usize,
    size: usize,
}

impl Aligned {
    /// So many bytes, which are a whole number of blocks.
    pub fn new(size: usize) -> Self {
        let memory = vec![0; size + BLOCK];
        // What cannot be aligned is not, and the disk says so.
        let start = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
        Aligned { memory, start, size }
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.start + self.size).unwrap_or_default()
    }

    /// All of it, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.start + self.size).unwrap_or_default()
    }
}

/// Lets a file go past the cache. Where the file system cannot do that, it does not.
pub fn bypass_cache(file: &File) {
    if let Ok(flags) = fcntl_getfl(file) {
        fcntl_setfl(file, flags | OFlags::DIRECT).unwrap_or_default();
    }
}

/// Does it again through the cache if the disk wants larger blocks than ours.
fn or_through_cache<T>(file: &File, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    match work() {
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
            let flags = fcntl_getfl(file)?;
            if !flags.contains(OFlags::DIRECT) {
                return Err(error);
            }
            fcntl_setfl(file, flags.difference(OFlags::DIRECT))?;
            work()
        }
        done => done,
    }
}

/// Writes all of `bytes` at a place in the file.
///
/// # Errors
/// The disk's.
pub fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    or_through_cache(file, || file.write_all_at(bytes, at))
}

/// Reads at a place in the file, until `bytes` are full or the file is at its end; how many there were.
///
/// # Errors
/// The disk's.
pub fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let offset = at + u64::try_from(filled).unwrap_or(u64::MAX);
        let read = match file.read_at(rest, offset) {
            // What was read of the last block is no whole one: there is no more.
            Err(error) if filled % BLOCK != 0 && is_invalid(&error) => 0,
            Err(error) if is_invalid(&error) => {
                or_through_cache(file, || file.read_at(rest, offset))?
            }
            read => read?,
        };
        if read == 0 {
            break;
        }
        filled += read;
    }
    Ok(filled)
}

fn is_invalid(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INVAL.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_begins_at_a_block() {
        let memory = Aligned::new(2 * BLOCK);
        assert_eq!(memory.bytes().as_ptr().align_offset(BLOCK), 0);
        assert_eq!(memory.bytes().len(), 2 * BLOCK);
    }

    #[test]
    fn what_is_written_past_the_cache_is_read_past_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let file = File::create_new(&path).unwrap();
        bypass_cache(&file);
        let mut memory = Aligned::new(3 * BLOCK);
        memory.bytes_mut().iter_mut().enumerate().for_each(|(at, byte)| *byte = (at % 251) as u8);
        write_at(&file, memory.bytes(), 0).unwrap();
        file.set_len(2 * BLOCK as u64 + 7).unwrap();
        let file = File::open(&path).unwrap();
        bypass_cache(&file);
        let mut read = Aligned::new(3 * BLOCK);
        assert_eq!(read_at(&file, read.bytes_mut(), 0).unwrap(), 2 * BLOCK + 7);
        assert_eq!(read.bytes()[..2 * BLOCK + 7], memory.bytes()[..2 * BLOCK + 7]);
    }
}
