//! The framer cuts the same frames, and finds the same error, however the bytes are split.
//!
//! The first byte is the size of the portions, less one; the second chooses limits; the rest is the stream.
#![no_main]

use cloister::xml::{Frame, Framer, Header, Limits, XmlError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [size, tight, stream @ ..] = data else {
        return;
    };
    let limits = if tight % 2 == 0 {
        Limits::default()
    } else {
        Limits {
            max_bytes: 64,
            max_depth: 3,
            max_attributes: 3,
            ..Limits::before_login()
        }
    };
    let whole = frames([stream].into_iter(), limits);
    let portions = stream.chunks(usize::from(*size) + 1);
    assert_eq!(frames(portions, limits), whole);
});

/// Every frame, the end of the stream as an empty one, and the error that ended them.
fn frames<'a>(
    portions: impl Iterator<Item = &'a [u8]>,
    limits: Limits,
) -> (Vec<Vec<u8>>, Option<XmlError>) {
    let mut framer = Framer::new(limits);
    let mut frames = Vec::new();
    for portion in portions {
        framer.push(portion);
        loop {
            match framer.next() {
                Ok(Some(frame)) => frames.push(checked(frame, limits)),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn checked(frame: Frame<'_>, limits: Limits) -> Vec<u8> {
    let bytes = match frame {
        Frame::Header(bytes) => {
            let _ = Header::parse(bytes);
            bytes
        }
        Frame::Element(bytes) => bytes,
        Frame::Close => &[],
    };
    assert!(bytes.len() <= limits.max_bytes);
    bytes.to_vec()
}
