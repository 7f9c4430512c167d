//! Typed trees: declared once as constants by the feature that owns them.

use std::marker::PhantomData;

use bytes::Bytes;

use super::{
    catalog::{self, Scope, TreeInfo},
    error::{StoreError, escaped},
    key::{AsKey, Key, StartOf, Text},
    range::with_id,
    value::{self, Value, ValueError},
};

/// An ordered map from `K` to `V`. All trees share one database; the id is the first byte of every key.
///
/// `pub static OFFLINE: Tree<(String, String, u64), Stored> = Tree::new(0x21, "offline");`
#[derive(Debug)]
pub struct Tree<K, V> {
    id: u8,
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Value> Tree<K, V> {
    /// Declares a tree. The id is for ever; features take 0x01 to 0xFD. Checked when the program is built.
    #[must_use]
    pub const fn new(id: u8, name: &'static str) -> Self {
        assert!(id != catalog::META_ID && id < catalog::CHUNK_ID, "this tree id is reserved");
        Self::unchecked(id, name)
    }

    pub(crate) const fn unchecked(id: u8, name: &'static str) -> Self {
        Self { id, name, types: PhantomData }
    }

    /// The first byte of its keys.
    #[must_use]
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// Its name in messages and dumps.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its row in the catalog: it belongs to the whole server. `since` is the schema that brought it.
    #[must_use]
    pub const fn info(&self, since: u32, holds: &'static str) -> TreeInfo {
        self.row(since, holds, Scope::Server)
    }

    /// As [`Tree::info`], for keys that begin with a domain.
    #[must_use]
    pub const fn domain_info(&self, since: u32, holds: &'static str) -> TreeInfo
    where
        Text: StartOf<K::Form>,
    {
        self.row(since, holds, Scope::Domain)
    }

    /// As [`Tree::info`], for keys that begin with domain and user: they go when the account goes.
    #[must_use]
    pub const fn account_info(&self, since: u32, holds: &'static str) -> TreeInfo
    where
        (Text, Text): StartOf<K::Form>,
    {
        self.row(since, holds, Scope::Account)
    }

    const fn row(&self, since: u32, holds: &'static str, scope: Scope) -> TreeInfo {
        TreeInfo {
            id: self.id,
            name: self.name,
            since,
            retired: false,
            holds,
            scope,
            decodes: Some((key_decodes::<K>, value_decodes::<V>)),
        }
    }

    pub(crate) fn physical<Q: AsKey<Form = K::Form> + ?Sized>(&self, key: &Q) -> Vec<u8> {
        with_id(self.id, &key.to_key())
    }

    pub(crate) fn key_of(&self, physical: &[u8]) -> Result<K, StoreError> {
        let key = physical.split_first().map_or(&[][..], |(_, key)| key);
        K::from_key(key).map_err(|error| self.damaged(physical, error.to_string()))
    }

    pub(crate) fn value_of(&self, physical: &[u8], logical: Bytes) -> Result<V, StoreError> {
        value::decode(logical).map_err(|error: ValueError| self.damaged(physical, error.0))
    }

    pub(crate) fn damaged(&self, physical: &[u8], what: String) -> StoreError {
        StoreError::DamagedRecord { tree: self.name, key: escaped(physical), what }
    }
}

fn key_decodes<K: Key>(key: &[u8]) -> Result<(), String> {
    K::from_key(key).map(drop).map_err(|error| error.to_string())
}

fn value_decodes<V: Value>(logical: Bytes) -> Result<(), String> {
    value::decode::<V>(logical).map(drop).map_err(|error| error.0)
}
