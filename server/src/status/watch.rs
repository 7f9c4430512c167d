//! What the server looks at by itself: a sample every ten seconds, sizes every five minutes, its
//! certificates every hour.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{certificates, holdings, levels};
use crate::metrics::{EVERY, FailureKind, Label, StoreFault, StoreMeter};
use crate::server::Server;
use crate::task::Task;

/// Samples between two looks at sizes: five minutes.
const HOLDINGS_EVERY: u64 = 30;

/// Samples between two looks at certificates: an hour.
const CERTIFICATES_EVERY: u64 = 360;

/// For a look at sizes; a disk that hangs must not keep the server from stopping.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until the server stops.
pub async fn watch(server: Arc<Server>, mut task: Task) {
    let mut due = interval(EVERY);
    // After a machine slept there is nothing to catch up with.
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut faults = Faults::default();
    for count in 0_u64.. {
        tokio::select! {
            _ = due.tick() => {}
            () = task.stopped() => return,
        }
        sample(&server);
        faults.tell(&server);
        if count % HOLDINGS_EVERY == 0 {
            tokio::select! {
                () = look(&server) => {}
                () = task.stopped() => return,
            }
        }
        if count % CERTIFICATES_EVERY == 0 {
            tell_of_certificates(&server);
        }
    }
}

fn sample(server: &Server) {
    let online = levels::online(server, None).connected;
    server.metrics.history.add(server.clock.now(), server.metrics.reading(online));
}

async fn look(server: &Server) {
    match timeout(PATIENCE, holdings::look(server)).await {
        Ok(Ok(holdings)) => server.metrics.set_holdings(holdings),
        Ok(Err(error)) => tracing::warn!(%error, "cannot tell what is kept"),
        Err(_) => tracing::warn!("the disk does not say in time what is kept"),
    }
}

/// Each is noted anew every hour, as long as it lasts.
fn tell_of_certificates(server: &Server) {
    for certificate in certificates::in_use(server) {
        let condition = match certificate.days_left {
            _ if certificate.problems.is_empty() => continue,
            Some(days) if days < 0 => "expired",
            _ if !certificate.covers_domain => "other-domain",
            Some(days) if days < 14 => "expires-soon",
            _ => "not-usable",
        };
        server.failed(FailureKind::Certificate, Some(&certificate.domain), condition);
    }
}

/// What the stores had met when it was last looked: they know of no list of failures.
#[derive(Default)]
struct Faults([u64; 2]);

impl Faults {
    fn tell(&mut self, server: &Server) {
        let stores: [&StoreMeter; 2] = [&server.metrics.core, &server.metrics.archive.store];
        for (index, fault) in StoreFault::ALL.iter().enumerate() {
            let now = stores.iter().map(|meter| meter.faults.value(*fault)).sum();
            let Some(known) = self.0.get_mut(index) else { continue };
            if std::mem::replace(known, now) < now {
                server.failed(FailureKind::Store, None, fault.as_str());
            }
        }
    }
}
