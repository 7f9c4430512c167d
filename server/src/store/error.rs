//! What can go wrong in the store, told to the operator: the last sentence is the remedy.
//!
//! Cloneable, because one failed sync answers every waiter of a group.

use std::path::PathBuf;

/// Shorthand for the store's own results.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failure of the store. Peers see `internal-server-error` and none of this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A precondition of the batch did not hold; nothing was written.
    #[error("a precondition of the batch does not hold; read again and retry")]
    Conflict,
    /// A key, value or batch is above its limit; nothing was written.
    #[error(
        "{what} of {bytes} bytes is above the limit of {limit}; store less at once, or keep it as a file"
    )]
    TooLarge {
        /// What was too large: "key", "value" or "batch".
        what: &'static str,
        /// Its size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Too little free space; nothing was written, reads go on.
    #[error(
        "the disk is full, nothing was written; free some space, the store then goes on by itself"
    )]
    Full,
    /// The operating system refused; nothing is acknowledged.
    #[error("{what}: {why}; look at the disk and the permissions, then restart")]
    Io {
        /// What was tried, with the path where there is one.
        what: String,
        /// The system's answer.
        why: String,
    },
    /// Data may not have reached the disk. A failed sync cannot be retried: the kernel has already
    /// forgotten what it could not write.
    #[error(
        "syncing the store failed ({why}), nothing of it was acknowledged; look at the disk, then restart"
    )]
    SyncFailed {
        /// The system's answer.
        why: String,
    },
    /// The database cannot be read. It is never replaced by an empty one.
    #[error("the store in {path} is damaged ({what}); restore it from a backup")]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// One record cannot be read. Names the record, never its content.
    #[error(
        "tree `{tree}`: the record at {key} cannot be read ({what}); run `cloister store check`, restore from a backup"
    )]
    DamagedRecord {
        /// Name of the tree.
        tree: &'static str,
        /// The key, with everything but printable ASCII escaped.
        key: String,
        /// What was found.
        what: String,
    },
    /// Another process has the store open.
    #[error(
        "the store in {path} is in use by another process; stop that one first, or use its admin socket"
    )]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// The store was written by a newer version.
    #[error(
        "the store has schema {found}, this version knows schemas up to {known}; start the newer version again, or restore the backup `schema-{known}-*` from {backups}"
    )]
    Newer {
        /// What the store says.
        found: u32,
        /// What this program knows.
        known: u32,
        /// Where automatic backups are.
        backups: PathBuf,
    },
    /// A migration step failed; the backup made before it is complete.
    #[error(
        "migration to schema {to} `{name}` failed: {why}; restore the backup {backup} and report this"
    )]
    Migration {
        /// The schema the step leads to.
        to: u32,
        /// The name of the step.
        name: &'static str,
        /// What it said.
        why: String,
        /// The copy made before the first step.
        backup: PathBuf,
    },
    /// Two trees claim one id or one name, or an id is reserved.
    #[error("the catalog of trees is inconsistent ({0}); this is a bug, report it")]
    Catalog(String),
    /// A value or key could not be encoded, or a tree is not in the catalog.
    #[error("tree `{tree}`: {what}; this is a bug, report it")]
    Encode {
        /// Name of the tree.
        tree: &'static str,
        /// What was wrong.
        what: String,
    },
    /// The store was closed.
    #[error("the store is closed; start the server again")]
    Closed,
}

impl StoreError {
    /// An [`StoreError::Io`], or [`StoreError::Full`] where the system says so.
    pub(crate) fn io(what: impl Into<String>, error: &std::io::Error) -> Self {
        if is_full(error) {
            return Self::Full;
        }
        Self::Io { what: what.into(), why: error.to_string() }
    }
}

/// No space, no quota, or (sled clones errors and keeps only the kind) the kind that stands for it.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// A key as text for messages: printable ASCII stays, the rest is `\x..`. At most 256 bytes of key.
pub(crate) fn escaped(key: &[u8]) -> String {
    const SHOWN: usize = 256;
    key.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect()
}
