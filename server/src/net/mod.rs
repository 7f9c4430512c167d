//! Sockets: listening, TLS, and the address of a peer, which is never shown.

mod address;
mod end_point;
mod inherited;
mod listener;
pub mod proxy;
pub mod tls;

pub use address::Peer;
pub use inherited::{Inherited, InheritedError};
pub use listener::{Accepted, Caller, Listener, Slot, Slots};
