//! How the server is, in numbers and pictures. The page comes again by itself, unless that is stopped.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::answer::{Failure, Section, Shell, show};
use super::list::size;
use super::visit::{Visit, page};
use crate::admin::{Answer, Request};
use crate::metrics::{Sample, Samples};
use crate::pages::Markup;
use crate::pages::chart::sparkline;
use crate::server::Server;
use crate::status::Status;

/// In the address: the page stays as it is.
const STILL: &str = "still";

/// The page.
pub fn routes() -> Router<Arc<Server>> {
    Router::new().route(Section::Overview.path(), page(overview))
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    frame: Shell,
    is_still: bool,
    status: Status,
    accounts: u64,
    uptime: String,
    messages: String,
    cpu: String,
    memory: String,
    store: String,
    archive: String,
    uploads: String,
    free: Option<String>,
    /// The certificate that ends first: its domain and days.
    certificate: Option<(String, i64)>,
    hour: Vec<Picture>,
    days: Vec<Picture>,
}

/// Numbers over time.
struct Picture {
    title: &'static str,
    chart: Markup,
    now: String,
    most: String,
}

async fn overview(visit: Visit) -> Result<Response, Failure> {
    let Answer::Status(status) = visit.ask(Request::Status).await? else {
        return Err(Failure::unexpected());
    };
    let Answer::History(Samples { fine, coarse }) = visit.ask(Request::History).await? else {
        return Err(Failure::unexpected());
    };
    let ends =
        status.certificates.iter().filter_map(|one| Some((one.domain.clone(), one.days_left?)));
    Ok(show(&Overview {
        frame: visit.shell(Section::Overview, "Overview"),
        is_still: visit.query.is_set(STILL),
        accounts: status.hosts.iter().map(|host| host.accounts).sum(),
        uptime: uptime(status.uptime_seconds),
        messages: status.throughput.map_or_else(|| "–".to_owned(), |now| rate(now.messages)),
        cpu: status.throughput.map_or_else(|| "–".to_owned(), |now| percent(now.cpu)),
        memory: size(status.memory_bytes),
        store: size(status.store_bytes),
        archive: size(status.archive_bytes),
        uploads: size(status.upload_bytes),
        free: status.disk_free_bytes.map(size),
        certificate: ends.min_by_key(|(_, days)| *days),
        hour: pictures(&fine),
        days: pictures(&coarse),
        status: *status,
    }))
}

/// Nothing of a server that was just started.
fn pictures(samples: &[Sample]) -> Vec<Picture> {
    if samples.len() < 2 {
        return Vec::new();
    }
    vec![
        picture("Messages from clients", samples, |sample| sample.messages, rate),
        picture("Messages to clients", samples, |sample| sample.deliveries, rate),
        picture("Clients", samples, |sample| sample.sessions as f64, |many| format!("{many:.0}")),
        picture("Memory", samples, |sample| sample.memory as f64, |bytes| size(bytes as u64)),
        picture("Processor", samples, |sample| sample.cpu, percent),
    ]
}

fn picture(
    title: &'static str,
    samples: &[Sample],
    of: impl Fn(&Sample) -> f64,
    told: impl Fn(f64) -> String,
) -> Picture {
    let values: Vec<f64> = samples.iter().map(of).collect();
    let most = told(values.iter().copied().fold(0.0, f64::max));
    let now = told(values.last().copied().unwrap_or_default());
    // Rates are fractions; what is drawn are whole numbers.
    let drawn: Vec<u64> = values.iter().map(|value| (value * 1000.0) as u64).collect();
    let chart = sparkline(&drawn, &format!("{title}: now {now}, at most {most}"));
    Picture { title, chart, now, most }
}

fn rate(per_second: f64) -> String {
    match per_second * 60.0 {
        many if many < 10.0 => format!("{many:.1} a minute"),
        many => format!("{many:.0} a minute"),
    }
}

fn percent(busy: f64) -> String {
    format!("{:.1} %", busy * 100.0)
}

fn uptime(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
