//! Values: one version byte, then a body.
//!
//! The body of a [`Record`] is JSON (self-describing: a new field with a default needs no migration, and a
//! dump is readable). Stanzas are kept as what they are: text is stored raw, never quoted into JSON, and
//! [`Headed`] keeps a small JSON header in front of raw text.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// The largest value in bytes, with its version byte: a stanza of 256 KiB or a vCard with a photo, twice.
pub const VALUE_MAX: usize = 512 * 1024;

/// Why a value could not be encoded or decoded. Never contains the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub String);

/// What a tree holds.
pub trait Value: Sized {
    /// The version that is written. Raise it when old bodies need another reader.
    const VERSION: u8 = 1;

    /// Appends the body.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError>;

    /// Reads a body that was written with `version`, which may be older than [`Value::VERSION`].
    fn read(version: u8, body: Bytes) -> Result<Self, ValueError>;
}

/// Marks a type whose body is JSON: `impl Record for Account {}`.
pub trait Record: Serialize + DeserializeOwned {
    /// As [`Value::VERSION`].
    const VERSION: u8 = 1;

    /// Reads an older body. The default takes it for the present shape, which is right as long as every
    /// field added since has a default.
    fn upgrade(_version: u8, body: &[u8]) -> Result<Self, ValueError> {
        from_json(body)
    }
}

impl<T: Record> Value for T {
    const VERSION: u8 = <T as Record>::VERSION;

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        serde_json::to_writer(out, self).map_err(|error| shape(&error))
    }

    fn read(version: u8, body: Bytes) -> Result<Self, ValueError> {
        if version == <T as Record>::VERSION {
            from_json(&body)
        } else {
            T::upgrade(version, &body)
        }
    }
}

/// A number, such as a place.
impl Record for u64 {}

/// An index entry: the key says it all.
impl Value for () {
    fn write(&self, _: &mut Vec<u8>) -> Result<(), ValueError> {
        Ok(())
    }

    fn read(version: u8, body: Bytes) -> Result<Self, ValueError> {
        only(1, version)?;
        if body.is_empty() { Ok(()) } else { Err(ValueError("an index entry has a body".into())) }
    }
}

/// Text as it is.
impl Value for String {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    fn read(version: u8, body: Bytes) -> Result<Self, ValueError> {
        only(1, version)?;
        Self::from_utf8(body.into()).map_err(|_| ValueError("text is not UTF-8".into()))
    }
}

/// Bytes as they are.
impl Value for Bytes {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend_from_slice(self);
        Ok(())
    }

    fn read(version: u8, body: Bytes) -> Result<Self, ValueError> {
        only(1, version)?;
        Ok(body)
    }
}

/// A stanza with what we know about it: the header's JSON, a newline, then the text as it is. (JSON as
/// serde writes it has no raw newline.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headed<H> {
    /// What is known about the text.
    pub header: H,
    /// The text, usually the XML of a stanza.
    pub text: String,
}

impl<H: Record> Value for Headed<H> {
    const VERSION: u8 = <H as Record>::VERSION;

    fn write(&self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        serde_json::to_writer(&mut *out, &self.header).map_err(|error| shape(&error))?;
        out.push(b'\n');
        out.extend_from_slice(self.text.as_bytes());
        Ok(())
    }

    fn read(version: u8, body: Bytes) -> Result<Self, ValueError> {
        let mut parts = body.splitn(2, |byte| *byte == b'\n');
        let (Some(header), Some(text)) = (parts.next(), parts.next()) else {
            return Err(ValueError("no text behind the header".into()));
        };
        let header = H::read(version, body.slice_ref(header))?;
        let text = String::read(1, body.slice_ref(text))?;
        Ok(Self { header, text })
    }
}

/// The value with its version byte in front.
pub(crate) fn encode<V: Value>(value: &V) -> Result<Bytes, ValueError> {
    if V::VERSION == u8::MAX {
        return Err(ValueError("version 255 is the mark of a chunked value".into()));
    }
    let mut out = vec![V::VERSION];
    value.write(&mut out)?;
    Ok(out.into())
}

/// The reverse of [`encode`].
pub(crate) fn decode<V: Value>(mut bytes: Bytes) -> Result<V, ValueError> {
    let version = bytes.first().copied().ok_or_else(|| ValueError("empty".into()))?;
    V::read(version, bytes.split_off(1))
}

fn only(known: u8, version: u8) -> Result<(), ValueError> {
    if version == known { Ok(()) } else { Err(ValueError(format!("unknown version {version}"))) }
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ValueError> {
    serde_json::from_slice(body).map_err(|error| shape(&error))
}

/// serde's messages quote content ("invalid type: string \"secret\""): only the place may be told.
fn shape(error: &serde_json::Error) -> ValueError {
    ValueError(format!("JSON {:?} error in column {}", error.classify(), error.column()))
}
