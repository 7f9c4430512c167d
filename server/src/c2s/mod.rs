//! Clients: one task per connection, from the first byte to the last.

mod bosh;
mod connection;
mod outgoing;
mod quiet;
mod receipts;
mod replay;
mod resumption;
mod session;
mod throttle;
mod websocket;

use std::sync::Arc;

use axum::Router;

use crate::server::Server;
pub use connection::{Arrival, Mode, handshake, serve};

/// Streams that come by HTTP.
pub fn web_routes(server: &Server) -> Router<Arc<Server>> {
    websocket::routes().merge(bosh::routes(server))
}
