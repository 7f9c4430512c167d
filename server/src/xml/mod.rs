//! XML as XMPP uses it: a stream of top-level elements, cut, parsed, held and written (RFC 6120 §11).
//!
//! Pure: no socket, no clock, no recursion. Bytes go through [`Framer`] (one top-level element at a
//! time, bounded before anything is built) and [`Parser`] (well-formed and namespace-well-formed, or
//! an error) to [`Element`]; what goes out is written from an [`Element`] again, never relayed.

mod chars;
mod declaration;
mod element;
mod error;
mod framer;
mod limits;
mod namespace;
mod parser;
#[cfg(test)]
mod properties;
mod scanner;
mod scope;
mod tag;
mod walk;
mod writer;

pub use compact_str::CompactString;

pub use element::{Attribute, Element, Node};
pub use error::XmlError;
pub use framer::{Frame, Framer};
pub use limits::{Limits, Total};
pub use namespace::Ns;
pub use parser::{Header, Parser};
pub use walk::{Step, Walk};
pub use writer::{Scope, escape_attr, escape_text};
