//! Uploaded files on the disk: `uploads/3f/3f…`, and `3f….part` while one is received.
//!
//! A file has its last name only when all of it is on the disk, so that what has one is whole. What a crash
//! leaves behind is found by [`orphans`](super::orphans).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::token::Id;

/// Below the directory of all data.
const NAME: &str = "uploads";

/// What the name of a file ends with that is not whole.
const PART: &str = ".part";

/// Where the files are. All of it blocks.
#[derive(Clone, Debug)]
pub struct Files(PathBuf);

/// What a name in the directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A whole file.
    Whole(Id),
    /// One that is received, or was when the server ended.
    Part(Id),
}

impl Files {
    /// In the directory of all data.
    pub fn new(data_dir: &Path) -> Self {
        Files(data_dir.join(NAME))
    }

    /// Makes the directory, for nobody else to read.
    ///
    /// # Errors
    /// The disk's.
    pub fn prepare(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        self.0.parent().map_or(Ok(()), |data| File::open(data)?.sync_all())
    }

    /// The directory, for asking how much room is left.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Makes a file to be received, which replaces what an earlier attempt left.
    ///
    /// # Errors
    /// The disk's.
    pub fn create(&self, id: Id) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.shard(id.shard()))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).open(self.part(id))
    }

    /// Gives a file that is received its last name. It survives a power cut from then on.
    ///
    /// # Errors
    /// The disk's; the file is none then.
    pub fn keep(&self, id: Id, file: &File) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(self.part(id), self.whole(id))?;
        let shard = self.shard(id.shard());
        // The shard itself may be new.
        for dir in [shard.as_path(), &self.0] {
            File::open(dir)?.sync_all()?;
        }
        Ok(())
    }

    /// Opens a whole file to be read.
    ///
    /// # Errors
    /// The disk's; there may be none.
    pub fn open(&self, id: Id) -> io::Result<File> {
        File::open(self.whole(id))
    }

    /// Deletes a file, whole or not. What is not there is deleted.
    ///
    /// # Errors
    /// The disk's.
    pub fn delete(&self, id: Id) -> io::Result<()> {
        gone(fs::remove_file(self.whole(id))).and(self.delete_part(id))
    }

    /// Deletes what was received of a file that will not be whole.
    ///
    /// # Errors
    /// The disk's.
    pub fn delete_part(&self, id: Id) -> io::Result<()> {
        gone(fs::remove_file(self.part(id)))
    }

    /// Whether there is a whole file.
    pub fn exists(&self, id: Id) -> bool {
        self.whole(id).exists()
    }

    /// All that lies in one of the 256 directories. What is not ours is left out.
    ///
    /// # Errors
    /// The disk's.
    pub fn list(&self, shard: u8) -> io::Result<Vec<Entry>> {
        let dir = match fs::read_dir(self.shard(shard)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            dir => dir?,
        };
        let mut entries = Vec::new();
        for entry in dir {
            entries.extend(entry?.file_name().to_str().and_then(read));
        }
        Ok(entries)
    }

    fn shard(&self, shard: u8) -> PathBuf {
        self.0.join(format!("{shard:02x}"))
    }

    fn whole(&self, id: Id) -> PathBuf {
        self.shard(id.shard()).join(id.to_string())
    }

    fn part(&self, id: Id) -> PathBuf {
        self.shard(id.shard()).join(format!("{id}{PART}"))
    }
}

fn read(name: &str) -> Option<Entry> {
    match name.strip_suffix(PART) {
        Some(id) => Id::parse(id).map(Entry::Part),
        None => Id::parse(name).map(Entry::Whole),
    }
}

/// To delete what is not there is no mistake.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn id(number: u8) -> Id {
        Id::parse(&format!("{number:02x}{:030x}", 7)).unwrap()
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path());
        let mut file = files.create(id(1)).unwrap();
        file.write_all(b"hello").unwrap();
        assert_eq!(files.list(1).unwrap(), [Entry::Part(id(1))]);
        assert!(files.open(id(1)).is_err());
        files.keep(id(1), &file).unwrap();
        assert_eq!(files.list(1).unwrap(), [Entry::Whole(id(1))]);
        assert_eq!(io::read_to_string(files.open(id(1)).unwrap()).unwrap(), "hello");
    }

    #[test]
    fn nobody_else_may_read_the_files() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path());
        files.create(id(1)).unwrap();
        for (path, mode) in [(files.part(id(1)), 0o600), (files.shard(1), 0o700), (files.0, 0o700)]
        {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn a_file_is_deleted_whether_it_is_whole_or_not_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path());
        let whole = files.create(id(1)).unwrap();
        files.keep(id(1), &whole).unwrap();
        files.create(id(1)).unwrap();
        files.delete(id(1)).unwrap();
        assert_eq!(files.list(1).unwrap(), []);
        files.delete(id(1)).unwrap();
        files.delete(id(2)).unwrap();
    }

    #[test]
    fn what_others_have_put_there_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(dir.path());
        files.create(id(1)).unwrap();
        for name in ["lost+found", "a.part", &format!("{}.bak", id(1))] {
            fs::write(files.shard(1).join(name), "").unwrap();
        }
        assert_eq!(files.list(1).unwrap(), [Entry::Part(id(1))]);
        assert_eq!(files.list(2).unwrap(), []);
    }
}
