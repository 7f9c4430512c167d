//! Streams, RFC 6120 §4 to §7: from the first byte of a connection to a bound resource.
//!
//! Each step is a type that consumes the one before: [`Plain`](starttls::Plain) knows only
//! STARTTLS, [`Secured`](sasl::Secured) only SASL and SASL2, [`Unbound`](bind::Unbound) only
//! resource binding. With SASL2 that may be part of the login: [`Proven`](sasl2::Proven) is a
//! client that is known and has not been told. A stanza before its time has no code that could take it.

pub mod bind;
mod bind2;
mod error;
mod features;
mod header;
pub mod sasl;
pub mod sasl2;
pub mod starttls;
mod transport;

pub use error::StreamError;
pub use features::{StreamFeature, StreamPhase};
pub use transport::{Closed, Ended, Event, Transport};
