//! What went wrong lately.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::answer::{Failure, Section, Shell, show};
use super::list::{Paged, minute};
use super::visit::{Visit, page};
use crate::admin::{Answer, Request};
use crate::metrics::{self, Label};
use crate::server::Server;

/// The page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(Section::Failures.path(), page(failures))
}

#[derive(Template)]
#[template(path = "console/failures.html")]
struct Failures {
    frame: Shell,
    list: Paged<Row>,
}

struct Row {
    what: &'static str,
    condition: String,
    domain: Option<String>,
    count: u64,
    first: String,
    last: String,
}

async fn failures(visit: Visit) -> Result<Response, Failure> {
    let Answer::Failures(all) = visit.ask(Request::Failures).await? else {
        return Err(Failure::unexpected());
    };
    let rows = all.into_iter().map(row).collect();
    let list = Paged::of(rows, Section::Failures.path(), &visit.query);
    Ok(show(&Failures { frame: visit.shell(Section::Failures, "Failures"), list }))
}

fn row(failure: metrics::Failure) -> Row {
    Row {
        what: failure.kind.as_str(),
        condition: failure.condition,
        domain: failure.domain,
        count: failure.count,
        first: minute(&failure.first.to_rfc3339()),
        last: minute(&failure.last.to_rfc3339()),
    }
}
