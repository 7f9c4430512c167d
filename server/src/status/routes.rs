//! `/metrics` and `/health`, for monitoring. They belong on the local listener alone.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::{health, levels};
use crate::metrics;
use crate::server::Server;

const JSON: &str = "application/json";

/// The routes.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/metrics", get(all_metrics))
        .route("/health", get(ready))
        .route("/health/ready", get(ready))
        .route("/health/live", get(live))
}

async fn all_metrics(State(server): State<Arc<Server>>) -> Response {
    let families = server.metrics.families(&levels(&server).await);
    match metrics::text(families) {
        Ok(text) => answer(StatusCode::OK, metrics::CONTENT_TYPE, text),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether requests may be sent here.
async fn ready(State(server): State<Arc<Server>>) -> Response {
    let health = health(&server).await;
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match serde_json::to_string_pretty(&health) {
        Ok(json) => answer(status, JSON, json + "\n"),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whoever gets this answer knows that the server answers; there is nothing more to it.
async fn live() -> Response {
    answer(StatusCode::OK, JSON, "{\n  \"live\": true\n}\n".to_owned())
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response {
    (status, [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], body).into_response()
}
