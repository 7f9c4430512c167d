//! How things are at a moment, as far as a look tells it.

use super::certificates;
use super::health::health;
use crate::metrics::{CertificateReading, Levels, Process};
use crate::server::Server;

/// Looks at everything that monitoring is told.
pub async fn levels(server: &Server) -> Levels {
    let online = online(server, None);
    let certificates = certificates::ends(server).into_iter();
    Levels {
        now: server.clock.now(),
        started: server.started,
        online: online.connected,
        sleeping: online.sleeping,
        ready: health(server).await.ready,
        process: Process::read(),
        disk_free: disk_free(server).await,
        disk_reserve: server.config().store.reserve.as_u64(),
        holdings: server.metrics.holdings(),
        certificates: certificates
            .map(|(domain, expires)| CertificateReading { domain, expires })
            .collect(),
    }
}

/// Sessions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Online {
    /// Those with a connection.
    pub(super) connected: u64,
    /// Those without, whose clients may come back.
    pub(super) sleeping: u64,
}

/// Those of a domain, or of all.
pub(super) fn online(server: &Server, domain: Option<&str>) -> Online {
    let mut online = Online::default();
    server.sessions.for_each(|session| {
        if domain.is_some_and(|domain| session.account().domain() != domain) {
            return;
        }
        match session.stream().is_some_and(|stream| stream.is_broken()) {
            true => online.sleeping += 1,
            false => online.connected += 1,
        }
    });
    online
}

/// Free space for data in bytes, if that can be told. Asking the disk may block.
pub(super) async fn disk_free(server: &Server) -> Option<u64> {
    let (disk, dir) = (server.disk.clone(), server.config().data_dir.clone());
    let asked = tokio::task::spawn_blocking(move || (disk.free_space)(&dir));
    asked.await.ok()?.ok()
}
