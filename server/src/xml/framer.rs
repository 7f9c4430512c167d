//! Cuts the bytes of a stream into its header, its top-level elements and its end (RFC 6120 §4.2, §4.4).
//!
//! Pure and never waiting: bytes are pushed, frames are taken, and a caller that is cancelled between the
//! two loses nothing. Every limit is checked on bytes, before anything is parsed. Frames and errors are the
//! same however the bytes were split. While nothing is pending no buffer is held.

use std::fmt;
use std::mem;
use std::ops::Range;

use memchr::memchr;

use super::chars::{is_forbidden_control, is_whitespace};
use super::scanner::{Cut, Expect, Scanner};
use super::{CompactString, Limits, XmlError, declaration};

/// A real XML declaration has 40 to 60 bytes.
const MAX_DECLARATION: usize = 256;
/// A buffer of more than four times this, and of what is pending in it, is made smaller: moving what is
/// pending then costs less than keeping the memory.
const SMALL_BUFFER: usize = 4096;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One piece of a stream, as the peer wrote it: not yet known to be well-formed, nor UTF-8.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The stream's open tag, for [`Header::parse`](super::Header::parse).
    Header(&'a [u8]),
    /// One top-level element, for [`Parser::parse`](super::Parser::parse).
    Element(&'a [u8]),
    /// The stream's end tag. Nothing follows it.
    Close,
}

/// The receiving side of a stream, as bytes.
pub struct Framer {
    /// What was pushed and is not yet handed out, from `start` on.
    buffer: Vec<u8>,
    /// Where the frame begins that is being cut; before it are only frames that were handed out.
    start: usize,
    scanner: Scanner,
    stage: Stage,
    /// Whether elements are inside a stream; without one each is a document of its own.
    has_stream: bool,
    limits: Limits,
    /// Bytes scanned since the connection began.
    scanned: u64,
    /// The header's name, which the end tag must repeat.
    stream_name: Option<CompactString>,
    failed: Option<XmlError>,
}

/// Where in its life the stream is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// At its first byte, where a byte order mark may stand.
    Mark,
    /// At its first character, where an XML declaration may stand.
    Declaration,
    /// Before its header.
    Prolog,
    /// Inside.
    Elements,
    /// After its end tag.
    Closed,
}

impl Framer {
    /// For a connection that has just been made: a stream header comes first.
    pub fn new(limits: Limits) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            scanner: Scanner::new(),
            stage: Stage::Mark,
            has_stream: true,
            limits,
            scanned: 0,
            stream_name: None,
            failed: None,
        }
    }

    /// For elements without a stream around them, as over WebSocket (RFC 7395 §3.3).
    pub fn without_stream(limits: Limits) -> Self {
        Self { stage: Stage::Elements, has_stream: false, ..Self::new(limits) }
    }

    /// What is pushed next begins a document: an XML declaration may stand before its element
    /// (RFC 7395 §3.3.3).
    pub fn begin_document(&mut self) {
        if self.failed.is_none() && self.pending() == 0 {
            self.stage = Stage::Mark;
        }
    }

    /// Takes over what was read. After an error, and after the end of the stream, it is dropped.
    ///
    /// The buffer grows by what is pushed: read in small portions and take all frames in between.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() && self.stage != Stage::Closed {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame, if it is complete. White space between frames is swallowed.
    ///
    /// # Errors
    /// What ends the stream, once and for all: the same error comes ever after.
    #[expect(
        clippy::should_implement_trait,
        reason = "a frame borrows from the framer, which an Iterator cannot say"
    )]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, XmlError> {
        match self.failed.map_or_else(|| self.cut(), Err) {
            Ok(Some((cut, range))) => Ok(Some(self.frame(cut, range))),
            Ok(None) => {
                self.release();
                Ok(None)
            }
            Err(error) => {
                self.failed = Some(error);
                self.discard_pending();
                Err(error)
            }
        }
    }

    /// Lets other limits hold, for what is pending too. What counts in all goes on counting.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Expects a new stream (RFC 6120 §4.3.3), which may have begun in what is pending. What counts
    /// in all goes on counting.
    ///
    /// Before TLS is negotiated call [`discard_pending`](Self::discard_pending): bytes that came in
    /// clear are no part of the stream inside TLS.
    pub fn restart(&mut self) {
        self.scanner.next_frame();
        self.stage = Stage::Mark;
        self.stream_name = None;
    }

    /// How many bytes came that are not part of a frame yet.
    pub fn pending(&self) -> usize {
        self.buffer.len().saturating_sub(self.start)
    }

    /// Drops the bytes that are not part of a frame yet, and tells how many they were.
    ///
    /// Anything but zero behind `<starttls/>` is an attack (RFC 6120 §5.3.1): close the stream.
    pub fn discard_pending(&mut self) -> usize {
        let pending = self.pending();
        self.buffer = Vec::new();
        self.start = 0;
        self.scanner.next_frame();
        pending
    }

    fn frame(&mut self, cut: Cut, range: Range<usize>) -> Frame<'_> {
        let bytes = self.buffer.get(range).unwrap_or_default();
        match cut {
            Cut::Header => Frame::Header(bytes),
            Cut::Element => Frame::Element(bytes),
            Cut::Close => Frame::Close,
        }
    }

    fn cut(&mut self) -> Result<Option<(Cut, Range<usize>)>, XmlError> {
        if !self.pass_declaration()? || !self.begin_frame()? {
            return Ok(None);
        }
        let (end, beyond) = self.window();
        let frame = self.buffer.get(self.start..end).unwrap_or_default();
        let before = self.scanner.at();
        let cut = self.scanner.scan(frame, self.stage.expect(), &self.limits)?;
        self.scanned += (self.scanner.at() - before) as u64;
        match cut {
            Some(cut) => self.end_frame(cut).map(Some),
            None if end < self.buffer.len() => Err(beyond),
            None => Ok(None),
        }
    }

    /// Passes byte order mark and XML declaration; false while there may be more of them.
    fn pass_declaration(&mut self) -> Result<bool, XmlError> {
        if self.stage == Stage::Mark {
            match self.rest() {
                // No byte of UTF-8, but the first of a UTF-16 byte order mark.
                [0xFE | 0xFF, ..] => return Err(XmlError::UnsupportedEncoding),
                // RFC 6120 §11.6 forbids to send one; XML §4.3.3 has it ignored here, so it is.
                rest if rest.starts_with(BYTE_ORDER_MARK) => self.skip(BYTE_ORDER_MARK.len())?,
                rest if BYTE_ORDER_MARK.starts_with(rest) => return Ok(false),
                _ => {}
            }
            self.stage = Stage::Declaration;
        }
        if self.stage == Stage::Declaration {
            match self.rest() {
                [] | b"<" => return Ok(false),
                [b'<', b'?', ..] => match declaration_length(self.rest())? {
                    Some(length) => self.skip(length)?,
                    None => return Ok(false),
                },
                _ => {}
            }
            self.stage = if self.has_stream { Stage::Prolog } else { Stage::Elements };
        }
        Ok(true)
    }

    /// Skips white space before a frame; false while nothing else has come.
    fn begin_frame(&mut self) -> Result<bool, XmlError> {
        if self.stage == Stage::Closed {
            return Ok(false);
        }
        if self.scanner.at() > 0 {
            return Ok(true);
        }
        let rest = self.rest();
        let blank = rest.iter().take_while(|&&byte| is_whitespace(byte)).count();
        let first = rest.get(blank).copied();
        self.skip(blank)?;
        match first {
            None => Ok(false),
            Some(b'<') => Ok(true),
            Some(byte) => Err(self.stage.stray(byte)),
        }
    }

    /// How far may be scanned, and the error for what goes further.
    fn window(&self) -> (usize, XmlError) {
        let len = self.buffer.len();
        let by_size = self.start.saturating_add(self.limits.max_bytes);
        let by_total = self.limits.total.map_or(usize::MAX, |total| {
            let left = usize::try_from(total.bytes.saturating_sub(self.scanned));
            (self.start + self.scanner.at()).saturating_add(left.unwrap_or(usize::MAX))
        });
        if by_total <= by_size {
            (by_total.min(len), XmlError::TooManyBytes)
        } else {
            (by_size.min(len), XmlError::TooBig)
        }
    }

    fn end_frame(&mut self, cut: Cut) -> Result<(Cut, Range<usize>), XmlError> {
        let range = self.start..self.start + self.scanner.at();
        self.start = range.end;
        self.scanner.next_frame();
        let bytes = self.buffer.get(range.clone()).unwrap_or_default();
        match cut {
            Cut::Element => {}
            Cut::Header => {
                self.stream_name = Some(tag_name(bytes)?);
                self.stage = Stage::Elements;
            }
            Cut::Close => {
                // XML §3 WFC: the end tag repeats the name of the start tag.
                if self.stream_name != Some(tag_name(bytes)?) {
                    return Err(XmlError::NotWellFormed);
                }
                self.stage = Stage::Closed;
            }
        }
        Ok((cut, range))
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Passes bytes that belong to no frame, which count all the same.
    fn skip(&mut self, bytes: usize) -> Result<(), XmlError> {
        self.start += bytes;
        self.scanned += bytes as u64;
        match self.limits.total {
            Some(total) if self.scanned > total.bytes => Err(XmlError::TooManyBytes),
            _ => Ok(()),
        }
    }

    /// Gives memory back: all of it when nothing is pending, most of it after a big frame.
    fn release(&mut self) {
        if self.pending() == 0 || self.stage == Stage::Closed {
            self.buffer = Vec::new();
            self.start = 0;
            return;
        }
        if self.start == 0 {
            return;
        }
        // Only what was pushed since the last frame moves: once per byte, however much there is.
        self.buffer.drain(..mem::take(&mut self.start));
        if self.buffer.capacity() / 4 > self.buffer.len().max(SMALL_BUFFER) {
            self.buffer.shrink_to_fit();
        }
    }
}

/// Prints counts only.
impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("stage", &self.stage)
            .field("pending", &self.pending())
            .field("scanned", &self.scanned)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// Prints lengths only.
impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(bytes) => write!(f, "Header({} bytes)", bytes.len()),
            Self::Element(bytes) => write!(f, "Element({} bytes)", bytes.len()),
            Self::Close => f.write_str("Close"),
        }
    }
}

impl Stage {
    fn expect(self) -> Expect {
        if self == Self::Elements { Expect::Elements } else { Expect::Header }
    }

    /// What is wrong with a byte that begins no tag.
    fn stray(self, byte: u8) -> XmlError {
        if is_forbidden_control(byte) {
            return XmlError::NotWellFormed;
        }
        self.expect().stray_text()
    }
}

/// The length of the XML declaration that `bytes`, which begin with `<?`, hold; `None` while it is not
/// complete.
fn declaration_length(bytes: &[u8]) -> Result<Option<usize>, XmlError> {
    let target = bytes.get(..5).unwrap_or(bytes);
    // RFC 6120 §11.1: any other processing instruction is prohibited.
    if !b"<?xml".starts_with(target) || bytes.get(5).is_some_and(|&byte| !is_whitespace(byte)) {
        return Err(XmlError::Restricted);
    }
    let window = bytes.get(..MAX_DECLARATION).unwrap_or(bytes);
    match memchr(b'>', window) {
        Some(at) => {
            let length = at + 1;
            declaration::check(bytes.get(..length).unwrap_or_default())?;
            Ok(Some(length))
        }
        None if bytes.len() > MAX_DECLARATION => Err(XmlError::TooBig),
        None => Ok(None),
    }
}

/// The name in a tag that is complete.
fn tag_name(tag: &[u8]) -> Result<CompactString, XmlError> {
    let end_tag = tag.strip_prefix(b"</");
    let inside = end_tag.or(tag.strip_prefix(b"<")).unwrap_or_default();
    let length = inside.iter().take_while(|&&byte| !is_whitespace(byte) && byte != b'>').count();
    let (name, rest) = inside.split_at(length);
    let blank = rest.strip_suffix(b">").unwrap_or(rest);
    // XML §3.1 ETag: nothing but white space follows the name.
    if end_tag.is_some() && !blank.iter().all(|&byte| is_whitespace(byte)) {
        return Err(XmlError::NotWellFormed);
    }
    CompactString::from_utf8(name).map_err(|_| XmlError::UnsupportedEncoding)
}

#[cfg(test)]
mod tests;
