//! A stanza as it is written: its bytes, of which several receivers may share most.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

/// The bytes of a stanza, in a stream whose default namespace is `jabber:client`.
///
/// It may be in two pieces: one of its own, with the address, and one that it shares with all
/// others that the same stanza goes to ([`Addressed`](super::Addressed)). Cloning copies neither.
#[derive(Clone, Debug, Default)]
pub struct Written {
    head: Bytes,
    /// A pointer to a pointer: nearly every stanza has none, and each that waits pays for it.
    tail: Option<Arc<Vec<u8>>>,
}

impl Written {
    /// In two pieces, the second of them shared.
    pub(super) fn sharing(head: Bytes, tail: Arc<Vec<u8>>) -> Self {
        Written { head, tail: Some(tail) }
    }

    /// How many bytes it is, whoever else has them too.
    pub fn len(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    /// Whether there are none; they may have been left to the archive.
    pub fn is_empty(&self) -> bool {
        self.parts().iter().all(|part| part.is_empty())
    }

    /// What is written, one piece after the other; the second is empty for most.
    pub fn parts(&self) -> [&[u8]; 2] {
        [&self.head, self.tail.as_deref().map_or(&[], Vec::as_slice)]
    }

    /// In one piece, for those who read it; only what is in two is copied.
    pub fn whole(&self) -> Cow<'_, [u8]> {
        match &self.tail {
            None => Cow::Borrowed(&self.head),
            Some(_) => Cow::Owned(self.parts().concat()),
        }
    }

    /// In one piece, for those who keep it.
    pub fn into_bytes(self) -> Bytes {
        match &self.tail {
            None => self.head,
            Some(_) => Bytes::from(self.parts().concat()),
        }
    }
}

impl From<Bytes> for Written {
    fn from(head: Bytes) -> Self {
        Written { head, tail: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_two() -> Written {
        Written::sharing(Bytes::from_static(b"<a"), Arc::new(b"/>".to_vec()))
    }

    #[test]
    fn two_pieces_are_one_stanza() {
        assert_eq!((in_two().len(), in_two().is_empty()), (4, false));
        assert_eq!(in_two().parts(), [b"<a", b"/>"]);
        assert_eq!(&*in_two().whole(), b"<a/>");
        assert_eq!(in_two().into_bytes(), "<a/>");
    }

    #[test]
    fn what_is_in_one_piece_is_never_copied() {
        let bytes = Bytes::from(b"<a/>".to_vec());
        let written = Written::from(bytes.clone());
        assert!(
            matches!(written.whole(), Cow::Borrowed(whole) if whole.as_ptr() == bytes.as_ptr())
        );
        assert_eq!(written.clone().into_bytes().as_ptr(), bytes.as_ptr());
        assert!(Written::default().is_empty());
    }
}
