//! Keys: tuples in an order-preserving, prefix-free encoding.
//!
//! Numbers are big-endian. Text has no length in front (that would destroy the order): it ends with
//! `0x00`, and inside it `0x00` becomes `01 01`, `0x01` becomes `01 02`. So no encoded key is the start of
//! another one, and every tuple can be cut after any part to make a range.
//!
//! A type has a *form*: `String`, `&str` and a domain newtype all have the form [`Text`]. A tree keyed
//! `(String, String, u64)` is asked with `("example.org", "alice", 7)` without allocating.

/// The largest encoded key in bytes: two full JIDs (RFC 7622 §3.1: 3071 bytes each) and some numbers.
pub const KEY_MAX: usize = 8 * 1024;

const END: u8 = 0x00;
const ESCAPE: u8 = 0x01;

/// The form of text. See [`AsKey::Form`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {}

/// Bytes that do not decode to the key that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed key: {0}")]
pub struct KeyError(
    /// What is wrong with it.
    pub &'static str,
);

/// Where keys are encoded to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyBuf(Vec<u8>);

impl KeyBuf {
    /// Appends bytes as they are. Only for parts of fixed length, or the order breaks.
    pub fn fixed(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends bytes of any length, escaped and terminated.
    pub fn terminated(&mut self, bytes: &[u8]) {
        self.0.reserve(bytes.len() + 1);
        for &byte in bytes {
            match byte {
                END => self.0.extend_from_slice(&[ESCAPE, 1]),
                ESCAPE => self.0.extend_from_slice(&[ESCAPE, 2]),
                other => self.0.push(other),
            }
        }
        self.0.push(END);
    }

    /// The encoded bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The part of an encoded key that is still to be decoded.
#[derive(Debug, Clone, Copy)]
pub struct KeySlice<'a>(&'a [u8]);

impl<'a> KeySlice<'a> {
    /// Starts at the front of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Takes `N` bytes.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], KeyError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(KeyError("too short"))?;
        self.0 = rest;
        Ok(*head)
    }

    /// Takes one escaped, terminated part.
    pub fn terminated(&mut self) -> Result<Vec<u8>, KeyError> {
        let mut out = Vec::new();
        let mut rest = self.0.iter();
        loop {
            match rest.next().copied().ok_or(KeyError("no terminator"))? {
                END => break,
                ESCAPE => out.push(unescape(rest.next().copied())?),
                byte => out.push(byte),
            }
        }
        self.0 = rest.as_slice();
        Ok(out)
    }

    /// Takes one part that is text.
    pub fn text(&mut self) -> Result<String, KeyError> {
        String::from_utf8(self.terminated()?).map_err(|_| KeyError("not UTF-8"))
    }

    /// Ends decoding: nothing may be left.
    pub fn end(self) -> Result<(), KeyError> {
        if self.0.is_empty() { Ok(()) } else { Err(KeyError("trailing bytes")) }
    }
}

fn unescape(byte: Option<u8>) -> Result<u8, KeyError> {
    match byte {
        Some(1) => Ok(END),
        Some(2) => Ok(ESCAPE),
        _ => Err(KeyError("unknown escape")),
    }
}

/// Something that can stand where a key is asked for. A newtype around text implements it in one line:
/// `type Form = Text; fn encode(&self, out: &mut KeyBuf) { out.terminated(self.as_str().as_bytes()) }`.
pub trait AsKey {
    /// Types of one form encode equal content to equal bytes.
    type Form;

    /// Appends the encoding to `out`. `a < b` must give bytes in the same order, and no encoding may be
    /// the start of another.
    fn encode(&self, out: &mut KeyBuf);

    /// The encoding alone.
    fn to_key(&self) -> Vec<u8> {
        let mut out = KeyBuf::default();
        self.encode(&mut out);
        out.into_bytes()
    }
}

/// A key that can be read back: what trees are declared with.
pub trait Key: AsKey + Sized {
    /// Takes one key from the front of `from`.
    fn decode(from: &mut KeySlice<'_>) -> Result<Self, KeyError>;

    /// Decodes exactly `bytes`.
    fn from_key(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut from = KeySlice::new(bytes);
        let key = Self::decode(&mut from)?;
        from.end()?;
        Ok(key)
    }
}

/// `Self` is a form that a key of form `Whole` begins with.
pub trait StartOf<Whole> {}

impl<A, B> StartOf<(A, B)> for A {}
impl<A, B, C> StartOf<(A, B, C)> for A {}
impl<A, B, C> StartOf<(A, B, C)> for (A, B) {}
impl<A, B, C, D> StartOf<(A, B, C, D)> for A {}
impl<A, B, C, D> StartOf<(A, B, C, D)> for (A, B) {}
impl<A, B, C, D> StartOf<(A, B, C, D)> for (A, B, C) {}
impl<A, B, C, D, E> StartOf<(A, B, C, D, E)> for (A, B) {}
impl<A, B, C, D, E> StartOf<(A, B, C, D, E)> for (A, B, C, D) {}
impl<A, B> StartOf<(A, B)> for (A, B) {}
impl StartOf<Text> for Text {}

impl<T: AsKey + ?Sized> AsKey for &T {
    type Form = T::Form;

    fn encode(&self, out: &mut KeyBuf) {
        T::encode(self, out);
    }
}

impl AsKey for str {
    type Form = Text;

    fn encode(&self, out: &mut KeyBuf) {
        out.terminated(self.as_bytes());
    }
}

impl AsKey for String {
    type Form = Text;

    fn encode(&self, out: &mut KeyBuf) {
        out.terminated(self.as_bytes());
    }
}

impl Key for String {
    fn decode(from: &mut KeySlice<'_>) -> Result<Self, KeyError> {
        from.text()
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl AsKey for $number {
            type Form = $number;

            fn encode(&self, out: &mut KeyBuf) {
                out.fixed(&self.to_be_bytes());
            }
        }

        impl Key for $number {
            fn decode(from: &mut KeySlice<'_>) -> Result<Self, KeyError> {
                from.fixed().map(<$number>::from_be_bytes)
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64);

impl AsKey for bool {
    type Form = bool;

    fn encode(&self, out: &mut KeyBuf) {
        out.fixed(&[u8::from(*self)]);
    }
}

impl Key for bool {
    fn decode(from: &mut KeySlice<'_>) -> Result<Self, KeyError> {
        match from.fixed()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(KeyError("not a bool")),
        }
    }
}

impl AsKey for () {
    type Form = ();

    fn encode(&self, _: &mut KeyBuf) {}
}

impl Key for () {
    fn decode(_: &mut KeySlice<'_>) -> Result<Self, KeyError> {
        Ok(())
    }
}

impl<const N: usize> AsKey for [u8; N] {
    type Form = [u8; N];

    fn encode(&self, out: &mut KeyBuf) {
        out.fixed(self);
    }
}

impl<const N: usize> Key for [u8; N] {
    fn decode(from: &mut KeySlice<'_>) -> Result<Self, KeyError> {
        from.fixed()
    }
}

macro_rules! tuples {
    ($(($($part:ident $at:tt),*)),*) => {$(
        impl<$($part: AsKey),*> AsKey for ($($part,)*) {
            type Form = ($($part::Form,)*);

            fn encode(&self, out: &mut KeyBuf) {
                $(self.$at.encode(out);)*
            }
        }

        impl<$($part: Key),*> Key for ($($part,)*) {
            fn decode(from: &mut KeySlice<'_>) -> Result<Self, KeyError> {
                Ok(($($part::decode(from)?,)*))
            }
        }
    )*};
}

tuples!((A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3), (A 0, B 1, C 2, D 3, E 4));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Sample = (String, u64, String, (u16, bool, [u8; 3]));

    /// Text rich in the bytes that the encoding treats specially.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[\\x00-\\x03a]{0,4}", ".{0,6}"]
    }

    fn sample() -> impl Strategy<Value = Sample> {
        (text(), any::<u64>(), text(), any::<(u16, bool, [u8; 3])>())
    }

    proptest! {
        #[test]
        fn encoding_keeps_the_order_of_text(a in text(), b in text()) {
            prop_assert_eq!(a.cmp(&b), a.to_key().cmp(&b.to_key()));
        }

        #[test]
        fn encoding_keeps_the_order_of_tuples(a in sample(), b in sample()) {
            prop_assert_eq!(a.cmp(&b), a.to_key().cmp(&b.to_key()));
        }

        #[test]
        fn a_tuple_with_an_equal_head_is_ordered_by_its_tail(head in text(), a in text(), b in text()) {
            prop_assert_eq!(a.cmp(&b), (&*head, &*a).to_key().cmp(&(&*head, &*b).to_key()));
        }

        #[test]
        fn what_was_encoded_decodes(a in sample()) {
            prop_assert_eq!(Sample::from_key(&a.to_key()), Ok(a));
        }

        #[test]
        fn no_key_is_the_start_of_another(a in sample(), b in sample()) {
            prop_assume!(a != b);
            prop_assert!(!b.to_key().starts_with(&a.to_key()));
            prop_assume!(a.0 != b.0);
            prop_assert!(!b.0.to_key().starts_with(&a.0.to_key()));
        }

        #[test]
        fn arbitrary_bytes_decode_canonically_or_not_at_all(bytes in proptest::collection::vec(0_u8..4, 0..24)) {
            if let Ok(key) = <(String, bool, String)>::from_key(&bytes) {
                prop_assert_eq!(key.to_key(), bytes);
            }
        }
    }

    #[test]
    fn borrowed_and_nested_keys_encode_like_owned_flat_ones() {
        let flat = ("a.example".to_owned(), "alice".to_owned(), 7_u64).to_key();
        assert_eq!(("a.example", "alice", 7_u64).to_key(), flat);
        assert_eq!((("a.example", "alice"), 7_u64).to_key(), flat);
    }
}
