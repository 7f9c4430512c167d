//! What is kept, how large it is, and how long it stays.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::response::Response;

use super::answer::{Failure, Next, Section, Shell, show};
use super::list::{count, minute, size};
use super::visit::{Sent, Visit, action, page};
use crate::admin::{Answer, PeriodRow, Request};
use crate::server::Server;

/// The pages and forms here.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(Section::Storage.path(), page(storage))
        .route("/console/storage/expire", action(expire))
        .route("/console/storage/check", action(check))
}

#[derive(Template)]
#[template(path = "console/storage.html")]
struct Storage {
    frame: Shell,
    /// Of all periods.
    archive: String,
    periods: Vec<Period>,
    /// For the whole server, and for the domains that have one of their own.
    retention: String,
    hosts: Vec<(String, String)>,
}

struct Period {
    name: String,
    series: String,
    size: String,
    oldest: String,
}

async fn storage(visit: Visit) -> Result<Response, Failure> {
    let Answer::Archive(periods) = visit.ask(Request::ArchiveStatus).await? else {
        return Err(Failure::unexpected());
    };
    let config = visit.server.config();
    let own =
        |host: &crate::config::Host| Some((host.domain.to_string(), host.retention?.to_string()));
    Ok(show(&Storage {
        frame: visit.shell(Section::Storage, "Storage"),
        archive: size(periods.iter().map(|period| period.bytes).sum()),
        periods: periods.into_iter().map(shown).collect(),
        retention: config.archive.retention.to_string(),
        hosts: config.hosts.iter().filter_map(own).collect(),
    }))
}

fn shown(period: PeriodRow) -> Period {
    Period {
        series: period.series.to_string(),
        size: size(period.bytes),
        oldest: period.oldest.as_deref().map_or_else(|| "–".to_owned(), minute),
        name: period.period,
    }
}

async fn expire(sent: Sent) -> Next {
    let done = async {
        let Answer::Expired(expired) = sent.ask(Request::ArchiveExpire).await? else {
            return Err(Failure::unexpected());
        };
        let directories = usize::try_from(expired.directories).unwrap_or(usize::MAX);
        let entries = usize::try_from(expired.entries).unwrap_or(usize::MAX);
        let bytes = size(expired.bytes);
        let (whole, single) =
            (count(directories, "whole period"), count(entries, "single message"));
        Ok(format!("Deleted: {whole} with {bytes}, and {single}."))
    };
    Next::tell(Section::Storage.path(), done.await)
}

async fn check(sent: Sent) -> Next {
    let done = async {
        let Answer::Checked(checked) = sent.ask(Request::StoreCheck).await? else {
            return Err(Failure::unexpected());
        };
        let records: u64 = checked.records.values().sum();
        match checked.problems.first() {
            None => Ok(format!("All {records} records can be read.")),
            Some(first) => Ok(format!(
                "{} of {records} records cannot be read, the first is: {first}. `cloister store check` lists \
                 them; restore a backup from before they began, and look at the disk.",
                checked.problem_count
            )),
        }
    };
    Next::tell(Section::Storage.path(), done.await)
}
