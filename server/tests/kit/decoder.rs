//! What the server sends, cut and parsed.

use std::io;

use cloister::xml::{Element, Frame, Framer, Header, Limits, Parser};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Something that came.
#[derive(Debug)]
pub enum Incoming {
    /// The server's stream header.
    Header(Element),
    /// A top-level element.
    Element(Element),
    /// `</stream:stream>`
    Close,
    /// The end of the connection, or its loss.
    Gone(Option<io::ErrorKind>),
}

/// The receiving side of one stream after the other.
pub struct Decoder {
    framer: Framer,
    parser: Option<Parser>,
}

impl Decoder {
    pub fn new() -> Self {
        // The server may send more than it takes, such as a roster of thousands.
        let limits = Limits { max_bytes: 64 << 20, ..Limits::default() };
        Decoder { framer: Framer::new(limits), parser: None }
    }

    /// Expects a new stream header, as after a login.
    pub fn restart(&mut self) {
        self.framer.restart();
        self.parser = None;
    }

    /// Waits for the next thing. Cancelling it loses nothing.
    pub async fn receive(&mut self, io: &mut (impl AsyncRead + Unpin)) -> Incoming {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            if let Some(incoming) = self.next() {
                return incoming;
            }
            match io.read(&mut buffer).await {
                Ok(0) => return Incoming::Gone(None),
                Ok(length) => self.framer.push(&buffer[..length]),
                Err(error) => return Incoming::Gone(Some(error.kind())),
            }
        }
    }

    fn next(&mut self) -> Option<Incoming> {
        Some(match self.framer.next().expect("the server writes XML")? {
            Frame::Close => Incoming::Close,
            Frame::Header(bytes) => {
                let header = Header::parse(bytes).expect("the server writes a header");
                self.parser = Some(header.parser());
                Incoming::Header(header.root().clone())
            }
            Frame::Element(bytes) => {
                let parser = self.parser.as_ref().expect("a header comes first");
                Incoming::Element(parser.parse(bytes).expect("the server writes elements"))
            }
        })
    }
}
