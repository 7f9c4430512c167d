//! A batch: what is written together or not at all, and under which conditions.

use bytes::Bytes;

use super::{
    error::StoreError,
    key::{AsKey, KEY_MAX, Key},
    range::{Range, RawRange},
    tree::Tree,
    value::{self, VALUE_MAX, Value},
};

/// What one commit may write, in bytes of physical keys and values. STORAGE §1.5 rule 3.
pub const COMMIT_MAX: usize = 1024 * 1024;

/// What a row costs beside its bytes, in every place that counts bytes: empty index entries are not free.
pub(crate) const ROW_COST: usize = 16;

/// A precondition on one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect<V> {
    /// There is no such record.
    Absent,
    /// There is one.
    Present,
    /// There is one, and it is stored as this value is encoded now. Inside `transact` a read does this by itself.
    Equals(V),
}

/// Writes and preconditions, applied in order, all or none. The first mistake (too large, not encodable) is
/// kept and answered by `commit`, so that batches are built without `?`.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub(crate) expects: Vec<(Bytes, Expect<Bytes>)>,
    pub(crate) ops: Vec<Op>,
    mistake: Option<StoreError>,
    size: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Put(Bytes, Bytes),
    Delete(Bytes),
    DeleteRange(RawRange),
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a record, replacing what is there.
    pub fn put<K: Key, V: Value, Q>(&mut self, tree: &Tree<K, V>, key: &Q, value: &V) -> &mut Self
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        let key = tree.physical(key).into();
        match value::encode(value) {
            Ok(value) => self.push(Op::Put(key, value)),
            Err(error) => self.blame(StoreError::Encode { tree: tree.name(), what: error.0 }),
        }
    }

    /// Removes a record if it is there.
    pub fn delete<K: Key, V: Value, Q>(&mut self, tree: &Tree<K, V>, key: &Q) -> &mut Self
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        self.push(Op::Delete(tree.physical(key).into()))
    }

    /// Removes all records of a range. The committer looks them up when it applies the batch, so nothing slips
    /// through; if they do not fit into one commit the batch fails as too large (see `Store::clear`).
    pub fn delete_range<K: Key, V: Value>(
        &mut self,
        tree: &Tree<K, V>,
        range: &Range<K::Form>,
    ) -> &mut Self {
        self.delete_raw(range.raw(tree.id()))
    }

    /// As [`Batch::delete_range`] for ranges from the catalog.
    pub fn delete_raw(&mut self, range: RawRange) -> &mut Self {
        self.push(Op::DeleteRange(range))
    }

    /// Writes a record as `Store::records` gave it. For restoring.
    pub fn put_raw(&mut self, key: Vec<u8>, value: Bytes) -> &mut Self {
        self.push(Op::Put(key.into(), value))
    }

    /// Adds a precondition. All are checked against the state before the batch.
    pub fn expect<K: Key, V: Value, Q>(
        &mut self,
        tree: &Tree<K, V>,
        key: &Q,
        expect: Expect<&V>,
    ) -> &mut Self
    where
        Q: AsKey<Form = K::Form> + ?Sized,
    {
        let key = Bytes::from(tree.physical(key));
        match expect {
            Expect::Absent => self.require(key, Expect::Absent),
            Expect::Present => self.require(key, Expect::Present),
            Expect::Equals(value) => match value::encode(value) {
                Ok(value) => self.require(key, Expect::Equals(value)),
                Err(error) => self.blame(StoreError::Encode { tree: tree.name(), what: error.0 }),
            },
        }
    }

    /// Whether it writes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Whether there is nothing to commit, and nothing that the commit would have to refuse.
    pub(crate) fn is_untouched(&self) -> bool {
        self.ops.is_empty() && self.mistake.is_none()
    }

    /// About what it occupies in memory and on disk, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn require(&mut self, key: Bytes, expect: Expect<Bytes>) -> &mut Self {
        self.size += key.len() + ROW_COST;
        self.expects.push((key, expect));
        self
    }

    pub(crate) fn push(&mut self, op: Op) -> &mut Self {
        let (key, value) = match &op {
            Op::Put(key, value) => (key.len(), value.len()),
            Op::Delete(key) => (key.len(), 0),
            Op::DeleteRange(range) => (range.from.len() + range.to.len(), 0),
        };
        self.size += key + value + ROW_COST;
        self.bound("key", key, KEY_MAX);
        self.bound("value", value, VALUE_MAX);
        self.bound("batch", self.size, COMMIT_MAX);
        if self.mistake.is_none() {
            self.ops.push(op);
        }
        self
    }

    /// The batch, unless it was built wrongly.
    pub(crate) fn sound(self) -> Result<Self, StoreError> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => Ok(self),
        }
    }

    fn bound(&mut self, what: &'static str, bytes: usize, limit: usize) {
        if bytes > limit {
            self.blame(StoreError::TooLarge { what, bytes, limit });
        }
    }

    fn blame(&mut self, mistake: StoreError) -> &mut Self {
        self.mistake.get_or_insert(mistake);
        self
    }
}
