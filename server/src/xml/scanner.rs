//! Finds where a top-level element ends, without looking into it.
//!
//! Knows tags, quoted attribute values, text and CDATA sections, and nothing else; what XMPP prohibits is
//! refused at its first two characters. It stops anywhere and goes on from there, so that an element that
//! comes byte by byte is looked at once.

use memchr::{memchr, memchr2, memchr3};

use super::{Limits, XmlError};

/// The lexical state at [`Scanner::at`], and what has been counted.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    /// How many bytes of the frame are scanned.
    at: usize,
    /// How many elements are open. The stream's own is not one of them.
    depth: u32,
    /// How many attributes the tag being scanned has so far.
    attributes: u32,
    /// How many elements have begun since the connection did.
    elements: u32,
}

/// What is to be found first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Expect {
    /// The open tag of the stream.
    Header,
    /// Top-level elements, or the end tag of the stream.
    Elements,
}

/// What ends where the scanner stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cut {
    Header,
    Element,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Character data, or the beginning of a frame.
    Text,
    /// After `<`.
    Open,
    /// In a start tag, outside values.
    Tag,
    /// In an attribute value that ends with this quote.
    Value(u8),
    /// In an end tag.
    EndTag,
    /// After `<!`: how much of `[CDATA[` is there.
    Bang(usize),
    /// In a CDATA section.
    Cdata,
}

impl Expect {
    /// What is wrong with character data here.
    pub(super) fn stray_text(self) -> XmlError {
        match self {
            // XML §2.1: a document has no text outside its root.
            Self::Header => XmlError::NotWellFormed,
            // Inside the root it is well-formed, but RFC 6120 §11.7 has only white space between
            // stanzas: "XML that cannot be processed" (§4.9.3.1).
            Self::Elements => XmlError::BadFormat,
        }
    }
}

const CDATA_OPEN: &[u8] = b"[CDATA[";

impl Scanner {
    pub(super) fn new() -> Self {
        Self { state: State::Text, at: 0, depth: 0, attributes: 0, elements: 0 }
    }

    /// How many bytes of the frame are scanned; zero when none has begun.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Begins the next frame. What counts in all is kept.
    pub(super) fn next_frame(&mut self) {
        *self = Self { elements: self.elements, ..Self::new() };
    }

    /// Scans on in `frame`, the same bytes as before and perhaps more.
    ///
    /// # Errors
    /// What is prohibited, and what passes a limit, as soon as it can be seen.
    pub(super) fn scan(
        &mut self,
        frame: &[u8],
        expect: Expect,
        limits: &Limits,
    ) -> Result<Option<Cut>, XmlError> {
        while let Some(rest @ [first, ..]) = frame.get(self.at..) {
            match self.state {
                State::Text => self.text(rest),
                State::Open => self.open(*first, limits)?,
                State::Tag => match self.tag(rest, limits)? {
                    Some(end) => {
                        let empty = frame.get(..end).is_some_and(|tag| tag.ends_with(b"/"));
                        if let Some(cut) = self.start_tag_ends(empty, expect)? {
                            return Ok(Some(cut));
                        }
                    }
                    None => continue,
                },
                State::Value(quote) => self.value(rest, quote)?,
                State::EndTag => {
                    if self.end_tag(rest)
                        && let Some(cut) = self.end_tag_ends(expect)?
                    {
                        return Ok(Some(cut));
                    }
                }
                State::Bang(matched) => self.bang(*first, matched, expect)?,
                State::Cdata => self.cdata(rest, frame),
            }
        }
        Ok(None)
    }

    fn text(&mut self, rest: &[u8]) {
        if self.skip_past(memchr(b'<', rest), rest) {
            self.state = State::Open;
        }
    }

    fn open(&mut self, first: u8, limits: &Limits) -> Result<(), XmlError> {
        self.state = match first {
            b'/' => State::EndTag,
            b'!' => State::Bang(0),
            // RFC 6120 §11.1: no processing instructions.
            b'?' => return Err(XmlError::Restricted),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => {
                self.count_element(limits)?;
                State::Tag
            }
            _ => return Err(XmlError::NotWellFormed),
        };
        self.at += 1;
        Ok(())
    }

    fn count_element(&mut self, limits: &Limits) -> Result<(), XmlError> {
        self.attributes = 0;
        self.elements = self.elements.saturating_add(1);
        if self.depth >= limits.max_depth {
            return Err(XmlError::TooDeep);
        }
        match limits.total {
            Some(total) if self.elements > total.elements => Err(XmlError::TooManyElements),
            _ => Ok(()),
        }
    }

    /// Where `>` ends the start tag, if it is there.
    fn tag(&mut self, rest: &[u8], limits: &Limits) -> Result<Option<usize>, XmlError> {
        let found = memchr3(b'>', b'\'', b'"', rest);
        if !self.skip_past(found, rest) {
            return Ok(None);
        }
        match found.and_then(|at| rest.get(at)) {
            Some(&quote @ (b'\'' | b'"')) => {
                self.attributes = self.attributes.saturating_add(1);
                if self.attributes > limits.max_attributes {
                    return Err(XmlError::TooManyAttributes);
                }
                self.state = State::Value(quote);
                Ok(None)
            }
            _ => Ok(Some(self.at - 1)),
        }
    }

    fn start_tag_ends(&mut self, empty: bool, expect: Expect) -> Result<Option<Cut>, XmlError> {
        self.state = State::Text;
        match (expect, empty) {
            // A stream that is closed where it is opened: well-formed, and of no use.
            (Expect::Header, true) => Err(XmlError::BadFormat),
            (Expect::Header, false) => Ok(Some(Cut::Header)),
            (Expect::Elements, true) if self.depth == 0 => Ok(Some(Cut::Element)),
            (Expect::Elements, true) => Ok(None),
            (Expect::Elements, false) => {
                self.depth += 1;
                Ok(None)
            }
        }
    }

    fn value(&mut self, rest: &[u8], quote: u8) -> Result<(), XmlError> {
        let found = memchr2(quote, b'<', rest);
        if !self.skip_past(found, rest) {
            return Ok(());
        }
        // XML §3.1 WFC: no `<` in attribute values.
        if found.and_then(|at| rest.get(at)) == Some(&b'<') {
            return Err(XmlError::NotWellFormed);
        }
        self.state = State::Tag;
        Ok(())
    }

    /// Whether the end tag is complete.
    fn end_tag(&mut self, rest: &[u8]) -> bool {
        self.skip_past(memchr(b'>', rest), rest)
    }

    fn end_tag_ends(&mut self, expect: Expect) -> Result<Option<Cut>, XmlError> {
        self.state = State::Text;
        match (expect, self.depth) {
            (Expect::Header, _) => Err(XmlError::NotWellFormed),
            (Expect::Elements, 0) => Ok(Some(Cut::Close)),
            (Expect::Elements, 1) => Ok(Some(Cut::Element)),
            (Expect::Elements, _) => {
                self.depth -= 1;
                Ok(None)
            }
        }
    }

    fn bang(&mut self, byte: u8, matched: usize, expect: Expect) -> Result<(), XmlError> {
        // RFC 6120 §11.1: no comments, no DTD (`<!DOCTYPE`, `<!ENTITY`, `<!ELEMENT`, …).
        if matched == 0 && (byte == b'-' || byte.is_ascii_alphabetic()) {
            return Err(XmlError::Restricted);
        }
        if CDATA_OPEN.get(matched) != Some(&byte) {
            return Err(XmlError::NotWellFormed);
        }
        if self.depth == 0 {
            return Err(expect.stray_text());
        }
        self.at += 1;
        self.state = match matched + 1 {
            all if all == CDATA_OPEN.len() => State::Cdata,
            more => State::Bang(more),
        };
        Ok(())
    }

    fn cdata(&mut self, rest: &[u8], frame: &[u8]) {
        if !self.skip_past(memchr(b'>', rest), rest) {
            return;
        }
        // The opening `[CDATA[` cannot lend a bracket to `]]>`: it ends with the other kind.
        if frame.get(..self.at).is_some_and(|f| f.ends_with(b"]]>")) {
            self.state = State::Text;
        }
    }

    /// Goes on behind what was found in `rest`, or behind all of it; whether something was.
    fn skip_past(&mut self, found: Option<usize>, rest: &[u8]) -> bool {
        self.at += found.map_or(rest.len(), |at| at + 1);
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(frame: &str, expect: Expect) -> Result<Option<(Cut, usize)>, XmlError> {
        let mut scanner = Scanner::new();
        let cut = scanner.scan(frame.as_bytes(), expect, &Limits::default())?;
        Ok(cut.map(|cut| (cut, scanner.at())))
    }

    fn element(frame: &str) -> Result<Option<(Cut, usize)>, XmlError> {
        scan(frame, Expect::Elements)
    }

    #[test]
    fn an_element_ends_with_its_own_end_tag() {
        let frame = "<a><a x='/>'/><b></b></a>";
        assert_eq!(element(&format!("{frame}<c/>")), Ok(Some((Cut::Element, frame.len()))));
    }

    #[test]
    fn quotes_and_brackets_in_values_and_text_end_nothing() {
        let frame = "<a x='\">' y=\"'/>\">it's \"fine\" > so</a>";
        assert_eq!(element(frame), Ok(Some((Cut::Element, frame.len()))));
    }

    #[test]
    fn markup_in_a_cdata_section_is_text() {
        let frame = "<a><![CDATA[</a><!--<?] ]>]]]]>x</a>";
        assert_eq!(element(frame), Ok(Some((Cut::Element, frame.len()))));
    }

    #[test]
    fn an_end_tag_at_the_top_closes_the_stream() {
        assert_eq!(element("</stream:stream>"), Ok(Some((Cut::Close, 16))));
    }

    #[test]
    fn the_header_ends_with_its_open_tag() {
        assert_eq!(scan("<s a='>'><x/>", Expect::Header), Ok(Some((Cut::Header, 9))));
    }

    #[test]
    fn a_header_that_closes_itself_is_no_stream() {
        assert_eq!(scan("<s/>", Expect::Header), Err(XmlError::BadFormat));
    }

    #[test]
    fn what_xmpp_prohibits_is_refused_at_its_first_characters() {
        for bad in ["<!-", "<!D", "<!d", "<!E", "<?", "<a><!-", "<a>x<?", "<a><b/><!D"] {
            assert_eq!(element(bad), Err(XmlError::Restricted), "{bad}");
        }
    }

    #[test]
    fn a_tag_begins_with_a_name() {
        for bad in ["<>", "< a", "<1", "<'", "<<", "<=", "<a><![IGNORE[", "<a><![cdata["] {
            assert_eq!(element(bad), Err(XmlError::NotWellFormed), "{bad}");
        }
    }
}
