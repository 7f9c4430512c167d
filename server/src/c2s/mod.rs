//! Clients: one task per connection, from the first byte to the last.

mod connection;
mod quiet;
mod receipts;
mod session;

pub use connection::{Mode, serve};
