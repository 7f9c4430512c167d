//! Reading: one record, or one page, put together from physical rows. Blocking, and without regard to what
//! is in flight: `Store` adds both.

use std::path::Path;

use bytes::Bytes;

use super::{
    chunk::{self, Form},
    engine::{Engine, Most, RawRows},
    error::{Result, StoreError, escaped},
    key::Key,
    range::{Page, Range, RawRange, Rows, with_id},
    shared::Row,
    tree::Tree,
    value::Value,
};

/// The most rows of a page.
pub const PAGE_MAX: u16 = 1024;

/// The most bytes of a page, in values: 1024 vCards with photos would be half a gigabyte.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// How often a value is read again when the writer replaced it between two of its chunks. Each time the
/// whole value must have been replaced within the microseconds of a read.
const TORN_MAX: usize = 16;

/// A page that is asked for, in physical terms.
#[derive(Debug, Clone)]
pub(crate) struct Want {
    pub(crate) tree: &'static str,
    pub(crate) range: RawRange,
    pub(crate) reverse: bool,
    pub(crate) limit: u16,
}

impl Want {
    pub(crate) fn new<K: Key, V: Value>(
        tree: &Tree<K, V>,
        range: &Range<K::Form>,
        page: &Page<K::Form>,
    ) -> Self {
        let raw = range.raw(tree.id());
        let range = match &page.after {
            Some(key) => raw.beyond(&with_id(tree.id(), key), page.reverse),
            None => raw,
        };
        Self { tree: tree.name(), range, reverse: page.reverse, limit: page.limit.min(PAGE_MAX) }
    }
}

/// The logical value under a physical key.
pub(crate) fn get(engine: &Engine, dir: &Path, key: &[u8]) -> Result<Option<Bytes>> {
    let told = |error: super::engine::EngineError| error.told(dir, "reading");
    let mut seen = None;
    for _ in 0..TORN_MAX {
        let head = match engine.get(key).map_err(told)?.map(chunk::form) {
            None => return Ok(None),
            Some(Form::Inline(value)) => return Ok(Some(value)),
            Some(Form::Broken) => return Err(damaged(key, "its head is malformed")),
            Some(Form::Chunked(head)) => head,
        };
        if let Some(value) = chunk::join(key, head, |key| engine.get(key)).map_err(told)? {
            return Ok(Some(value));
        }
        if seen.replace(head) == Some(head) {
            break;
        }
    }
    Err(damaged(key, "its chunks do not fit together"))
}

/// Logical rows of a page.
pub(crate) fn page(engine: &Engine, dir: &Path, want: &Want) -> Result<RawRows> {
    if want.limit == 0 {
        return Ok(RawRows::default());
    }
    let most = Most { rows: want.limit.into(), bytes: PAGE_BYTES };
    let found =
        engine.scan(&want.range, want.reverse, most).map_err(|error| error.told(dir, "reading"))?;
    let mut out = RawRows { rows: Vec::with_capacity(found.rows.len()), more: found.more };
    let mut bytes = 0;
    for (key, physical) in found.rows {
        if bytes > PAGE_BYTES {
            out.more = true;
            break;
        }
        let Some(value) = whole(engine, dir, &key, physical)? else {
            continue;
        };
        bytes += value.len();
        out.rows.push((key, value));
    }
    Ok(out)
}

/// Decodes rows.
pub(crate) fn typed<K: Key, V: Value>(tree: &Tree<K, V>, raw: RawRows) -> Result<Rows<K, V>> {
    let decode = |(key, value): Row| Ok((tree.key_of(&key)?, tree.value_of(&key, value)?));
    let rows = raw.rows.into_iter().map(decode).collect::<Result<_>>()?;
    Ok(Rows { rows, more: raw.more })
}

/// `None`: removed since the scan.
fn whole(engine: &Engine, dir: &Path, key: &[u8], physical: Bytes) -> Result<Option<Bytes>> {
    match chunk::form(physical) {
        Form::Inline(value) => Ok(Some(value)),
        Form::Chunked(_) | Form::Broken => get(engine, dir, key),
    }
}

fn damaged(key: &[u8], what: &str) -> StoreError {
    // Whoever knows the tree's name puts it in.
    StoreError::DamagedRecord { tree: "", key: escaped(key), what: what.into() }
}
