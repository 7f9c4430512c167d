//! What this server is and can do.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::answer::{Failure, Section, Shell, VERSION, show};
use super::list::minute;
use super::visit::{Visit, page};
use crate::feature::{Spec, Status};
use crate::features;
use crate::server::Server;

/// The page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(Section::About.path(), page(about))
}

#[derive(Template)]
#[template(path = "console/about.html")]
struct About {
    frame: Shell,
    version: &'static str,
    started: String,
    domains: Vec<String>,
    data_dir: String,
    specs: Vec<Row>,
}

struct Row {
    spec: Spec,
    is_complete: bool,
    address: String,
}

async fn about(visit: Visit) -> Result<Response, Failure> {
    let config = visit.server.config();
    let row = |spec: &Spec| Row {
        is_complete: spec.status == Status::Complete,
        address: features::address(spec.id),
        spec: *spec,
    };
    Ok(show(&About {
        frame: visit.shell(Section::About, "About this server"),
        version: VERSION,
        started: minute(&visit.server.started.to_rfc3339()),
        domains: config.hosts.iter().map(|host| host.domain.to_string()).collect(),
        data_dir: config.data_dir.display().to_string(),
        specs: visit.server.features.specs().iter().map(row).collect(),
    }))
}
