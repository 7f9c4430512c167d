//! The certificates that clients see.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::answer::{Failure, Section, Shell, show};
use super::list::minute;
use super::visit::{Visit, page};
use crate::admin::{Answer, Request};
use crate::server::Server;
use crate::status::CertificateStatus;

/// Fewer days than this, and whoever renews certificates has failed to.
const SOON: i64 = 14;

/// The page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(Section::Certificates.path(), page(certificates))
}

#[derive(Template)]
#[template(path = "console/certificates.html")]
struct Certificates {
    frame: Shell,
    rows: Vec<Row>,
}

struct Row {
    certificate: CertificateStatus,
    expires: String,
    /// As a class of the stylesheet.
    state: &'static str,
    days: String,
}

async fn certificates(visit: Visit) -> Result<Response, Failure> {
    let Answer::Status(status) = visit.ask(Request::Status).await? else {
        return Err(Failure::unexpected());
    };
    let rows = status.certificates.into_iter().map(row).collect();
    Ok(show(&Certificates { frame: visit.shell(Section::Certificates, "Certificates"), rows }))
}

fn row(certificate: CertificateStatus) -> Row {
    let (state, days) = match certificate.days_left {
        None => ("warn", "no end is known".to_owned()),
        Some(days) if days < 0 => ("bad", "has ended".to_owned()),
        Some(days) if days < SOON => ("warn", format!("{days} days left")),
        Some(days) => ("good", format!("{days} days left")),
    };
    let expires = certificate.expires.as_deref().map_or_else(|| "–".to_owned(), minute);
    Row { certificate, expires, state, days }
}
