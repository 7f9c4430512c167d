//! Ranges of a tree, and pages of a range.

use std::marker::PhantomData;

use super::key::{AsKey, StartOf};

/// A part of a tree whose keys have the form `F`. Lower end inside, upper end outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range<F> {
    from: Vec<u8>,
    /// `None`: to the end of the tree.
    to: Option<Vec<u8>>,
    form: PhantomData<fn() -> F>,
}

impl<F> Range<F> {
    /// The whole tree.
    #[must_use]
    pub fn all() -> Self {
        Self::of(Vec::new(), None)
    }

    /// All keys that begin with `prefix`: `Range::prefix(&(domain, user))` in a tree keyed
    /// `(domain, user, jid)`, or `Range::prefix(domain)` for one domain.
    pub fn prefix<P: AsKey + ?Sized>(prefix: &P) -> Self
    where
        P::Form: StartOf<F>,
    {
        let from = prefix.to_key();
        let to = after_prefix(&from);
        Self::of(from, to)
    }

    /// The keys from `from` (inside) to `to` (outside). Both may be shorter than a whole key.
    pub fn between<A: AsKey, B: AsKey>(from: &A, to: &B) -> Self
    where
        A::Form: Bound<F>,
        B::Form: Bound<F>,
    {
        Self::of(from.to_key(), Some(to.to_key()))
    }

    /// The physical bounds in the tree with this id.
    pub(crate) fn raw(&self, id: u8) -> RawRange {
        let to = match &self.to {
            Some(to) => with_id(id, to),
            // Ids end at 0xFE: see `catalog::RESERVED`.
            None => vec![id.saturating_add(1)],
        };
        RawRange { from: with_id(id, &self.from), to }
    }

    fn of(from: Vec<u8>, to: Option<Vec<u8>>) -> Self {
        Self { from, to, form: PhantomData }
    }
}

/// What [`Range::between`] accepts: a start of the key, or a whole one.
pub trait Bound<F> {}

impl<A, B> Bound<(A, B)> for A {}
impl<A, B> Bound<(A, B)> for (A, B) {}
impl<A, B, C> Bound<(A, B, C)> for A {}
impl<A, B, C> Bound<(A, B, C)> for (A, B) {}
impl<A, B, C> Bound<(A, B, C)> for (A, B, C) {}
impl<A, B, C, D> Bound<(A, B, C, D)> for A {}
impl<A, B, C, D> Bound<(A, B, C, D)> for (A, B) {}
impl<A, B, C, D> Bound<(A, B, C, D)> for (A, B, C) {}
impl<A, B, C, D> Bound<(A, B, C, D)> for (A, B, C, D) {}
impl Bound<super::key::Text> for super::key::Text {}
impl Bound<u64> for u64 {}

/// Physical keys from `from` (inside) to `to` (outside), in one tree or over several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRange {
    pub(crate) from: Vec<u8>,
    pub(crate) to: Vec<u8>,
}

impl RawRange {
    /// Whether nothing can lie in it. `BTreeMap::range` panics where the start is behind the end.
    pub(crate) fn is_empty(&self) -> bool {
        self.from >= self.to
    }

    /// The rest of the range behind `key`, in the direction of a scan.
    pub(crate) fn beyond(mut self, key: &[u8], reverse: bool) -> Self {
        if reverse {
            self.to = self.to.min(key.to_vec());
            return self;
        }
        let mut next = key.to_vec();
        next.push(0);
        self.from = self.from.max(next);
        self
    }
}

/// How much of a range to read, from which end, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<F> {
    pub(crate) limit: u16,
    pub(crate) reverse: bool,
    pub(crate) after: Option<Vec<u8>>,
    form: PhantomData<fn() -> F>,
}

impl<F> Page<F> {
    /// Up to `limit` rows from the start of the range. At most [`super::PAGE_MAX`] are read.
    #[must_use]
    pub fn first(limit: u16) -> Self {
        Self { limit, reverse: false, after: None, form: PhantomData }
    }

    /// Up to `limit` rows from the end of the range, last row first.
    #[must_use]
    pub fn last(limit: u16) -> Self {
        Self { reverse: true, ..Self::first(limit) }
    }

    /// Goes on behind `key`, in the direction of the page. The key itself need not exist.
    #[must_use]
    pub fn after<K: AsKey<Form = F>>(mut self, key: &K) -> Self {
        self.after = Some(key.to_key());
        self
    }
}

/// One page of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<K, V> {
    /// The rows, in the order of the page.
    pub rows: Vec<(K, V)>,
    /// Whether the range goes on behind the last row. A page may be shorter than its limit and still have
    /// more behind it: pages are bounded in bytes too.
    pub more: bool,
}

impl<K, V> IntoIterator for Rows<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

/// The id and the encoded rest: a physical key.
pub(crate) fn with_id(id: u8, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + 1);
    out.push(id);
    out.extend_from_slice(key);
    out
}

/// The smallest bytes above everything that begins with `prefix`; `None` if there are none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut out = prefix.to_vec();
    while let Some(last) = out.pop() {
        if let Some(next) = last.checked_add(1) {
            out.push(next);
            return Some(out);
        }
    }
    None
}
