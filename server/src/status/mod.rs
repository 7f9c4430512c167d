//! How the server is at a moment, for whoever asks: monitoring, `cloister status`, the console.
//!
//! What is counted is in [`metrics`](crate::metrics). What costs more than a look (sizes on the disk, numbers of
//! accounts) is looked at every few minutes by [`watch`], so that nobody who asks costs the server more than an
//! answer.

mod certificates;
mod health;
mod holdings;
mod levels;
mod routes;
mod watch;

use serde::{Deserialize, Serialize};

pub use certificates::{CertificateStatus, of as certificate_status};
pub use health::{Check, Health, health};
pub use levels::levels;
pub use routes::routes;
pub use watch::watch;

use crate::clock::Timestamp;
use crate::metrics::{Process, Sample};
use crate::server::Server;
use crate::store::StoreError;

/// What is told of a running server in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version that runs.
    pub version: String,
    /// When it was started, as in `2026-11-22T16:13:00.123Z`.
    pub started: String,
    /// For how long it has been up.
    pub uptime_seconds: u64,
    /// Whether it can do what it is for.
    pub health: Health,
    /// The domains.
    pub hosts: Vec<HostStatus>,
    /// Clients that are connected.
    pub online: u64,
    /// Streams without a connection, whose clients may come back.
    pub sleeping: u64,
    /// The last minute; nothing in the first seconds.
    pub throughput: Option<Sample>,
    /// Memory of the process.
    pub memory_bytes: u64,
    /// Processor time that the process has used.
    pub cpu_seconds: f64,
    /// Open files and sockets.
    pub open_files: u64,
    /// What the store takes on the disk, without the archive.
    pub store_bytes: u64,
    /// What the archive takes on the disk.
    pub archive_bytes: u64,
    /// When the oldest message of the archive came, or a moment shortly before that.
    pub archive_oldest: Option<String>,
    /// Files that people have sent.
    pub upload_files: u64,
    /// How large they are together.
    pub upload_bytes: u64,
    /// Space that is left for data, if that can be told.
    pub disk_free_bytes: Option<u64>,
    /// Space that is left untouched.
    pub disk_reserve_bytes: u64,
    /// The certificates in use.
    pub certificates: Vec<CertificateStatus>,
    /// What went wrong in the last 24 hours, as far as it is known.
    pub failures_today: u64,
}

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStatus {
    /// Its name.
    pub domain: String,
    /// Its accounts.
    pub accounts: u64,
    /// Their clients that are connected.
    pub online: u64,
}

/// A day, in microseconds.
const DAY: u64 = 86_400_000_000;

/// Looks at everything, now.
///
/// # Errors
/// [`StoreError`]: the store cannot be read.
pub async fn status(server: &Server) -> Result<Status, StoreError> {
    let holdings = holdings::look(server).await?;
    server.metrics.set_holdings(holdings.clone());
    let (now, process) = (server.clock.now(), Process::read());
    let hosts = holdings.hosts.into_iter().map(|host| {
        let online = levels::online(server, Some(&host.domain));
        HostStatus { accounts: host.accounts, online: online.connected, domain: host.domain }
    });
    let all = levels::online(server, None);
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: server.started.to_rfc3339(),
        uptime_seconds: now.since(server.started).as_secs(),
        health: health(server).await,
        hosts: hosts.collect(),
        online: all.connected,
        sleeping: all.sleeping,
        throughput: server.metrics.history.minute(),
        memory_bytes: process.memory,
        cpu_seconds: process.cpu_micros as f64 / 1e6,
        open_files: process.open_files,
        store_bytes: holdings.store_bytes,
        archive_bytes: holdings.archive.bytes,
        archive_oldest: holdings.archive.oldest.map(Timestamp::to_rfc3339),
        upload_files: holdings.upload_files,
        upload_bytes: holdings.upload_bytes,
        disk_free_bytes: levels::disk_free(server).await,
        disk_reserve_bytes: server.config().store.reserve.as_u64(),
        certificates: certificates::in_use(server),
        failures_today: server.metrics.failures.since(Timestamp(now.0.saturating_sub(DAY))),
    })
}
