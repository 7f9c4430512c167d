//! HTTP: who listens for it, and what everybody gets who asks.
//!
//! There are three kinds of listeners, which share nothing but this folder: the *public* one, inside
//! TLS or behind a web server that does the TLS, with what the features declared
//! ([`Registry::http`](crate::feature::Registry::http)), WebSockets and BOSH; the *local* one for the
//! operator, on loopback addresses alone; and the one for certificate authorities, which leads all others to the
//! public one.

mod acme;
mod connection;
mod headers;
mod listen;
mod local;
mod patience;
mod public;
mod visitor;

pub use listen::{Kind, listen};
pub use visitor::Visitor;
