//! Streams, RFC 6120 §4 to §7: from the first byte of a connection to a bound resource.
//!
//! Each step is a type that consumes the one before: [`Plain`](starttls::Plain) knows only
//! STARTTLS, [`Secured`](sasl::Secured) only SASL and SASL2, [`Unbound`](bind::Unbound) only
//! resource binding; beside them, a feature may answer a request of somebody
//! who has not logged in ([`Registry::before_login`](crate::feature::Registry::before_login)). With SASL2 that may be part of the login: [`Proven`](sasl2::Proven) is a
//! client that is known and has not been told. A stanza before its time has no code that could take it.

mod before_login;
pub mod bind;
mod bind2;
mod carried;
mod error;
mod features;
mod framed;
mod header;
pub mod sasl;
pub mod sasl2;
mod socket;
pub mod starttls;
mod transport;

pub use carried::{Carried, Messages, carried};
pub use error::StreamError;
pub use features::{StreamFeature, StreamPhase};
pub use socket::{Socket, Web};
pub use transport::{Closed, Ended, Event, Transport};
