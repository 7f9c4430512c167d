//! The operator's routes, on loopback addresses alone.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn;

use super::headers;
use crate::console;
use crate::pages::assets;
use crate::server::Server;
use crate::status;

/// A form of the console.
const FORM_MAX: usize = 64 * 1024;

/// Console, metrics and health.
pub(super) fn routes(server: &Arc<Server>) -> Router {
    Router::new()
        .merge(console::routes())
        .merge(assets::routes())
        .merge(status::routes())
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here.\n") })
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(from_fn(headers::local))
        .with_state(Arc::clone(server))
}
