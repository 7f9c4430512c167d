//! What one directory of the archive holds. Ids of trees are those of *this* kind of store: `core/` has
//! others under the same bytes.

use bytes::Bytes;

use crate::store::migrations::Migration;
use crate::store::{Catalog, Result, Tree, Value, ValueError};

/// Number: the stanza's text.
pub(super) static BODY: Tree<u64, Bytes> = Tree::new(0x01, "body");

/// Domain, localpart, number: with whom, so that an account's entries can be removed from here.
pub(super) static TIMELINE: Tree<(String, String, u64), String> = Tree::new(0x02, "timeline");

/// Domain, localpart, with whom, number.
pub(super) static WITH: Tree<(String, String, String, u64), ()> = Tree::new(0x03, "with");

/// Stream id: how many of its stanzas are handled.
pub(super) static HANDLED: Tree<String, Handled> = Tree::new(0x04, "handled");

/// Domain, localpart, number: what waits to be delivered to an account.
pub(super) static QUEUED: Tree<(String, String, u64), ()> = Tree::new(0x05, "queued");

/// The schema of these directories; it has nothing to do with that of `core/`.
pub(super) const SCHEMA: u32 = 1;

/// How older directories get there.
pub(super) const STEPS: &[Migration] = &[];

/// The table of trees.
pub(super) fn catalog() -> Result<Catalog> {
    Catalog::new(vec![
        BODY.info(1, "messages by number"),
        TIMELINE.account_info(1, "who shows which message"),
        WITH.account_info(1, "who shows which message, by the other party"),
        QUEUED.account_info(1, "what waits to be delivered"),
        HANDLED.info(1, "how much of a stream is handled (XEP-0198)"),
    ])
}

/// What a stream's counter was, and with which message: the greater number tells the later of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handled {
    pub(super) number: u64,
    pub(super) count: u32,
}

impl Value for Handled {
    fn write(&self, out: &mut Vec<u8>) -> std::result::Result<(), ValueError> {
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
        Ok(())
    }

    fn read(version: u8, body: Bytes) -> std::result::Result<Self, ValueError> {
        let malformed = || ValueError(format!("no counter of version {version}"));
        let (number, rest) = body.split_first_chunk().ok_or_else(malformed)?;
        let count = <[u8; 4]>::try_from(rest).map_err(|_| malformed())?;
        Ok(Self { number: u64::from_be_bytes(*number), count: u32::from_be_bytes(count) })
    }
}
