//! The table of every tree: what the store may hold, who it belongs to, and which ids are gone for ever.
//!
//! Features declare their trees; the server hands all rows to [`Catalog::new`] when it opens the store. A tree
//! that is no longer used moves into [`RETIRED`]: its id and name must never come back with another meaning.

use bytes::Bytes;

use super::{
    error::{Result, StoreError},
    key::{AsKey, Text},
    range::{RawRange, after_prefix, with_id},
    tree::Tree,
};

/// First key byte of [`META`].
pub(crate) const META_ID: u8 = 0x00;
/// First key byte of the chunks of large values. 0xFF stays free, so that every tree has an end.
pub(crate) const CHUNK_ID: u8 = 0xFE;

/// What the store knows about itself. Key `schema`: the number of the last migration.
pub(crate) static META: Tree<String, String> = Tree::unchecked(META_ID, "meta");

/// Tombstones of trees that earlier versions wrote.
pub const RETIRED: &[TreeInfo] = &[];

/// Whose a tree is: the start of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole server's.
    Server,
    /// Keys begin with the domain.
    Domain,
    /// Keys begin with domain and user: removed with the account, part of its export.
    Account,
}

/// Whether bytes decode: the key without its id, then the value.
pub(crate) type Decodes = (fn(&[u8]) -> Result<(), String>, fn(Bytes) -> Result<(), String>);

/// A row of the catalog. Made by [`Tree::info`] and its siblings.
#[derive(Debug, Clone, Copy)]
pub struct TreeInfo {
    /// First byte of its keys.
    pub id: u8,
    /// Its name.
    pub name: &'static str,
    /// The schema that brought it.
    pub since: u32,
    /// Whether it is only a tombstone.
    pub retired: bool,
    /// What it holds, for the operator.
    pub holds: &'static str,
    /// Whose it is.
    pub scope: Scope,
    pub(crate) decodes: Option<Decodes>,
}

impl TreeInfo {
    /// A tombstone for [`RETIRED`].
    #[must_use]
    pub const fn tombstone(id: u8, name: &'static str, since: u32, held: &'static str) -> Self {
        Self { id, name, since, retired: true, holds: held, scope: Scope::Server, decodes: None }
    }

    /// All its keys.
    #[must_use]
    pub fn whole(&self) -> RawRange {
        RawRange { from: vec![self.id], to: vec![self.id.saturating_add(1)] }
    }

    /// Its keys of one account; `None` if the tree is not kept by account.
    pub fn account_prefix<D, U>(&self, domain: &D, user: &U) -> Option<RawRange>
    where
        D: AsKey<Form = Text> + ?Sized,
        U: AsKey<Form = Text> + ?Sized,
    {
        (self.scope == Scope::Account).then(|| self.prefix(&(domain, user)))
    }

    /// Its keys of one domain; `None` if the tree belongs to the server.
    pub fn domain_prefix<D: AsKey<Form = Text> + ?Sized>(&self, domain: &D) -> Option<RawRange> {
        (self.scope != Scope::Server).then(|| self.prefix(domain))
    }

    fn prefix<P: AsKey + ?Sized>(&self, prefix: &P) -> RawRange {
        let from = with_id(self.id, &prefix.to_key());
        // Never `None`: the first byte is an id, which is below 0xFF.
        let to = after_prefix(&from).unwrap_or_else(|| vec![u8::MAX]);
        RawRange { from, to }
    }
}

/// All trees, by id.
#[derive(Debug, Clone)]
pub struct Catalog {
    rows: Vec<TreeInfo>,
}

impl Catalog {
    /// Takes the declared trees, adds the store's own and the tombstones. Ids and names must be unique.
    pub fn new(mut rows: Vec<TreeInfo>) -> Result<Self> {
        rows.push(META.info(1, "the schema of the store"));
        rows.extend_from_slice(RETIRED);
        rows.sort_by_key(|row| row.id);
        for (at, row) in rows.iter().enumerate() {
            let rest = rows.iter().skip(at + 1);
            if let Some(twin) =
                rest.clone().find(|other| other.id == row.id || other.name == row.name)
            {
                return Err(StoreError::Catalog(format!(
                    "trees `{}` (id {:#04x}) and `{}` (id {:#04x}) collide",
                    row.name, row.id, twin.name, twin.id
                )));
            }
        }
        Ok(Self { rows })
    }

    /// All rows in the order of their ids.
    #[must_use]
    pub fn rows(&self) -> &[TreeInfo] {
        &self.rows
    }

    /// The tree with this id.
    #[must_use]
    pub fn tree(&self, id: u8) -> Option<&TreeInfo> {
        let at = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        self.rows.get(at)
    }

    /// Refuses physical keys of trees that nobody declared: they would be missing in backups, exports and
    /// account removal.
    pub(crate) fn admit(&self, key: &[u8]) -> Result<()> {
        match key.first().map(|id| (id, self.tree(*id))) {
            Some((_, Some(row))) if !row.retired => Ok(()),
            Some((id, _)) => {
                Err(StoreError::Catalog(format!("tree {id:#04x} is used but not declared")))
            }
            None => Err(StoreError::Catalog("an empty key".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ONE: Tree<(String, String, u64), ()> = Tree::new(0x10, "one");
    static SAME_ID: Tree<String, ()> = Tree::new(0x10, "two");
    static SAME_NAME: Tree<String, ()> = Tree::new(0x11, "one");

    #[test]
    fn two_trees_may_not_share_an_id() {
        let rows = vec![ONE.account_info(1, "x"), SAME_ID.info(1, "y")];
        assert!(matches!(Catalog::new(rows), Err(StoreError::Catalog(_))));
    }

    #[test]
    fn two_trees_may_not_share_a_name() {
        let rows = vec![ONE.account_info(1, "x"), SAME_NAME.info(1, "y")];
        assert!(matches!(Catalog::new(rows), Err(StoreError::Catalog(_))));
    }

    #[test]
    fn an_account_prefix_covers_the_account_and_not_its_namesake() {
        let range = ONE.account_info(1, "x").account_prefix("a.example", "al").unwrap();
        let holds = |user: &str| {
            let key = ONE.physical(&("a.example", user, 7_u64));
            range.from <= key && key < range.to
        };
        assert!(holds("al") && !holds("alice") && !holds("ak"));
    }
}
