//! Streams, RFC 6120 §4 to §7: from the first byte of a connection to a bound resource.
//!
//! Each step is a type that consumes the one before: [`Plain`](starttls::Plain) knows only
//! STARTTLS, [`Secured`](sasl::Secured) only SASL, [`Authenticated`](bind::Authenticated) only
//! resource binding. A stanza before its time has no code that could take it.

pub mod bind;
mod error;
mod features;
mod header;
pub mod sasl;
pub mod starttls;
mod transport;

pub use error::StreamError;
pub use features::{StreamFeature, StreamPhase};
pub use transport::{Closed, Ended, Event, Transport};
