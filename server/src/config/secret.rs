//! Files that hold secrets: where they may lie and who may read them.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::credentials::is_unexpanded;
use crate::nix::in_nix_store;

/// Keys and certificate chains are a few KiB; the bound keeps a wrong path, to a database or a
/// device, from filling memory.
const LARGEST_FILE: u64 = 1 << 20;

/// Anybody's permission to read and to write.
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;

/// Why a file is not used. Shows the path and never the content.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there, or the server's user may not read it.
    #[error("{0} cannot be read: {1}; correct the path, or let the server's user read the file")]
    Unreadable(PathBuf, io::Error),
    /// It is among the credentials of a service, and this process has none.
    #[error(
        "{0} cannot be found, as $CREDENTIALS_DIRECTORY is not set; let the unit have LoadCredential=, and run \
         commands that read this file with CREDENTIALS_DIRECTORY=/run/credentials/cloister.service"
    )]
    NoCredentials(PathBuf),
    /// It is a folder, a socket, a device.
    #[error("{0} is not a regular file; give the path of the file itself")]
    NotAFile(PathBuf),
    /// There is nothing in it.
    #[error("{0} is empty; write the secret or the certificate to it")]
    Empty(PathBuf),
    /// It is larger than what is wanted can be.
    #[error("{0} is larger than {LARGEST_FILE} bytes; it cannot be what is wanted here")]
    TooLarge(PathBuf),
    /// A secret in `/nix/store`.
    #[error(
        "{0} lies in the Nix store, which is world-readable; put it outside, for example under /run/secrets"
    )]
    InNixStore(PathBuf),
    /// A secret that every user of the machine may read.
    #[error("{0} is readable by every user of this machine; run: chmod o-r '{0}'")]
    WorldReadable(PathBuf),
    /// A secret that every user of the machine may replace.
    #[error("{0} can be changed by every user of this machine; run: chmod o-w '{0}'")]
    WorldWritable(PathBuf),
}

/// Judges a secret's path by its name alone, for a machine that does not have the file.
pub(super) fn check_path(path: &Path) -> Result<(), FileError> {
    match in_nix_store(path) {
        true => Err(FileError::InNixStore(path.to_owned())),
        false => Ok(()),
    }
}

/// Judges where a secret lies and who may read it.
pub fn check_secret(path: &Path) -> Result<(), FileError> {
    check_path(path)?;
    check_expanded(path)?;
    // A symbolic link in /run may well point into the store.
    let real = fs::canonicalize(path).map_err(|e| FileError::Unreadable(path.to_owned(), e))?;
    check_path(&real)?;
    let mode = regular_file(&real)?.mode();
    // The group may read: that is how a certificate's key is shared with the servers that use it.
    if mode & OTHERS_READ != 0 {
        return Err(FileError::WorldReadable(real));
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(FileError::WorldWritable(real));
    }
    Ok(())
}

/// Reads a secret after judging it as `check_secret` does. At most 1 MiB, never empty.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, FileError> {
    check_secret(path)?;
    read_file(path)
}

/// Reads a file of at most 1 MiB that is not empty.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    check_expanded(path)?;
    // Asked before it is opened: opening a FIFO would wait for a writer.
    regular_file(path)?;
    let unreadable = |e| FileError::Unreadable(path.to_owned(), e);
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 {
        0 => Err(FileError::Empty(path.to_owned())),
        length if length > LARGEST_FILE => Err(FileError::TooLarge(path.to_owned())),
        _ => Ok(bytes),
    }
}

fn check_expanded(path: &Path) -> Result<(), FileError> {
    match is_unexpanded(path) {
        true => Err(FileError::NoCredentials(path.to_owned())),
        false => Ok(()),
    }
}

fn regular_file(path: &Path) -> Result<fs::Metadata, FileError> {
    let facts = fs::metadata(path).map_err(|e| FileError::Unreadable(path.to_owned(), e))?;
    match facts.is_file() {
        true => Ok(facts),
        false => Err(FileError::NotAFile(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn secret(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn a_secret_of_its_owner_or_group_is_read() {
        for mode in [0o600, 0o400, 0o640] {
            let (_dir, path) = secret(mode);
            assert_eq!(read_secret(&path).unwrap(), b"x", "{mode:o}");
        }
    }

    #[test]
    fn a_secret_that_everybody_may_read_is_refused_with_the_remedy() {
        let (_dir, path) = secret(0o644);
        let error = read_secret(&path).unwrap_err().to_string();
        assert!(error.contains("run: chmod o-r '"), "{error}");
    }

    #[test]
    fn a_secret_that_everybody_may_replace_is_refused() {
        let (_dir, path) = secret(0o602);
        assert!(matches!(check_secret(&path), Err(FileError::WorldWritable(_))));
    }

    #[test]
    fn a_secret_in_the_nix_store_is_refused_before_anything_is_read() {
        let path = Path::new("/nix/store/0c6kzph7l0dcbfmjap64f0czdafn3b7x-key.pem");
        let error = check_secret(path).unwrap_err().to_string();
        assert!(error.contains("world-readable; put it outside"), "{error}");
    }

    #[test]
    fn a_secret_that_is_missing_or_a_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let missing = check_secret(&dir.path().join("none"));
        assert!(matches!(missing, Err(FileError::Unreadable(..))));
        assert!(matches!(check_secret(dir.path()), Err(FileError::NotAFile(_))));
    }

    #[test]
    fn a_link_is_judged_by_what_it_points_to() {
        let (dir, path) = secret(0o644);
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(check_secret(&link), Err(FileError::WorldReadable(_))));
    }

    #[test]
    fn an_empty_or_an_endless_file_is_refused() {
        let (_dir, path) = secret(0o600);
        fs::write(&path, "").unwrap();
        assert!(matches!(read_secret(&path), Err(FileError::Empty(_))));
        fs::File::create(&path).unwrap().set_len(LARGEST_FILE + 1).unwrap();
        assert!(matches!(read_secret(&path), Err(FileError::TooLarge(_))));
    }
}
