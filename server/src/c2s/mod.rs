//! Clients: one task per connection, from the first byte to the last.

mod connection;
mod outgoing;
mod quiet;
mod receipts;
mod replay;
mod resumption;
mod session;
mod throttle;

pub use connection::{Mode, serve};
