//! How values lie in the engine.
//!
//! Physical values are at most 64 KiB (STORAGE §1.5 rule 3). A value that fits is stored as it is: version byte,
//! body. A larger one becomes a *head* under its key and *chunks* under `0xFE, key, index`. Head: `0xFF`, number of
//! chunks (u32), total length (u32), FNV-1a of the whole (u64). The sum lets a reader notice that a writer
//! passed between two of its reads.

use bytes::{BufMut, Bytes, BytesMut};

use super::{catalog::CHUNK_ID, value::VALUE_MAX};

/// The largest physical value in bytes. STORAGE §1.5 rule 3.
pub(crate) const PHYSICAL_MAX: usize = 64 * 1024;

/// Bytes of a value in one chunk: whole pages, and the record stays below [`PHYSICAL_MAX`].
const CHUNK: usize = 60 * 1024;

/// First byte of a head. Version bytes stay below it.
const HEAD: u8 = 0xFF;
const HEAD_LEN: usize = 17;

/// What the head of a chunked value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) chunks: u32,
    len: u32,
    sum: u64,
}

/// A physical value, told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Inline(Bytes),
    Chunked(Head),
    /// Says it is a head and is none.
    Broken,
}

/// Tells an inline value from a head.
pub(crate) fn form(physical: Bytes) -> Form {
    if physical.first() != Some(&HEAD) {
        return Form::Inline(physical);
    }
    parse(&physical).map_or(Form::Broken, Form::Chunked)
}

/// The head and the chunks of a value that is too large to lie inline; `None` if it is not.
pub(crate) fn split(key: &[u8], logical: &Bytes) -> Option<(Bytes, Vec<(Bytes, Bytes)>)> {
    if logical.len() <= PHYSICAL_MAX {
        return None;
    }
    let chunks: Vec<_> = (0_u32..)
        .zip(logical.chunks(CHUNK))
        .map(|(index, part)| (chunk_key(key, index), logical.slice_ref(part)))
        .collect();
    Some((head_of(logical, chunks.len()), chunks))
}

/// The keys of the chunks that belong to a head.
pub(crate) fn keys(key: &[u8], head: Head) -> impl Iterator<Item = Bytes> {
    (0..head.chunks).map(move |index| chunk_key(key, index))
}

/// Puts a value together. `None`: a chunk is missing or is not of this head.
pub(crate) fn join<E>(
    key: &[u8],
    head: Head,
    mut get: impl FnMut(&[u8]) -> Result<Option<Bytes>, E>,
) -> Result<Option<Bytes>, E> {
    let mut out = BytesMut::with_capacity(VALUE_MAX.min(head.len as usize));
    for chunk in keys(key, head) {
        let Some(part) = get(&chunk)? else {
            return Ok(None);
        };
        out.put(part);
    }
    let whole = out.freeze();
    let matches = whole.len() == head.len as usize && sum(&whole) == head.sum;
    Ok(matches.then_some(whole))
}

/// The key and the index that a chunk belongs to.
pub(crate) fn owner(chunk_key: &[u8]) -> Option<(&[u8], u32)> {
    let (&CHUNK_ID, rest) = chunk_key.split_first()? else {
        return None;
    };
    let (key, index) = rest.split_last_chunk::<4>()?;
    Some((key, u32::from_be_bytes(*index)))
}

fn chunk_key(key: &[u8], index: u32) -> Bytes {
    let mut out = BytesMut::with_capacity(key.len() + 5);
    out.put_u8(CHUNK_ID);
    out.put_slice(key);
    out.put_u32(index);
    out.freeze()
}

fn head_of(logical: &Bytes, chunks: usize) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD_LEN);
    out.put_u8(HEAD);
    // Both are far below 2^32: values are at most VALUE_MAX.
    out.put_u32(u32::try_from(chunks).unwrap_or(u32::MAX));
    out.put_u32(u32::try_from(logical.len()).unwrap_or(u32::MAX));
    out.put_u64(sum(logical));
    out.freeze()
}

fn parse(physical: &[u8]) -> Option<Head> {
    let (_, rest) = physical.split_first()?;
    let (chunks, rest) = rest.split_first_chunk()?;
    let (len, rest) = rest.split_first_chunk()?;
    let sum = <[u8; 8]>::try_from(rest).ok()?;
    let head = Head {
        chunks: u32::from_be_bytes(*chunks),
        len: u32::from_be_bytes(*len),
        sum: u64::from_be_bytes(sum),
    };
    // A damaged head must not send us reading for ever.
    let sane = head.len as usize <= VALUE_MAX
        && head.chunks as usize == (head.len as usize).div_ceil(CHUNK);
    sane.then_some(head)
}

/// FNV-1a, 64 bit: against accidents, not against attackers.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, convert::Infallible};

    use super::*;

    fn stored(len: usize) -> (Bytes, Head, BTreeMap<Bytes, Bytes>) {
        let value: Bytes = (0..len).map(|at| (at % 251) as u8).collect();
        let (head, chunks) = split(b"key", &value).unwrap();
        let Form::Chunked(head) = form(head) else { panic!("not a head") };
        (value, head, chunks.into_iter().collect())
    }

    fn read(head: Head, chunks: &BTreeMap<Bytes, Bytes>) -> Option<Bytes> {
        join::<Infallible>(b"key", head, |key| Ok(chunks.get(key).cloned())).unwrap()
    }

    #[test]
    fn a_value_of_half_a_mebibyte_is_split_and_joined() {
        let (value, head, chunks) = stored(VALUE_MAX);
        assert!(chunks.values().all(|chunk| chunk.len() <= PHYSICAL_MAX));
        assert_eq!(read(head, &chunks), Some(value));
    }

    #[test]
    fn a_missing_chunk_is_noticed() {
        let (_, head, mut chunks) = stored(200_000);
        chunks.pop_last();
        assert_eq!(read(head, &chunks), None);
    }

    #[test]
    fn a_chunk_of_another_value_is_noticed() {
        let (_, head, mut chunks) = stored(200_000);
        let mut first = chunks.first_entry().unwrap();
        first.insert(Bytes::from(vec![7; CHUNK]));
        assert_eq!(read(head, &chunks), None);
    }

    #[test]
    fn a_head_that_lies_about_its_size_is_broken() {
        let mut head = head_of(&Bytes::from(vec![1; 100_000]), 2).to_vec();
        head[1] = 0xF0;
        assert_eq!(form(head.into()), Form::Broken);
    }

    #[test]
    fn a_chunk_knows_its_owner() {
        assert_eq!(owner(&chunk_key(b"key", 3)), Some((&b"key"[..], 3)));
    }
}
