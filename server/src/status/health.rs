//! Whether the server can do what it is for, and if not, why.

use serde::{Deserialize, Serialize};

use super::certificates;
use super::levels::disk_free;
use crate::config::Size;
use crate::server::Server;

/// The judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether everything is as it must be.
    pub ready: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One of the things that were looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What: `listening`, `store`, `disk` or `certificates`.
    pub name: String,
    /// Whether it is as it must be.
    pub ok: bool,
    /// Why not, ending with the remedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Health {
    /// What is not as it must be.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.checks.iter().filter_map(|check| check.reason.as_deref())
    }
}

/// Looks at everything.
pub async fn health(server: &Server) -> Health {
    let checks = [
        ("listening", listening(server)),
        ("store", server.store.health().err().map(|error| error.to_string())),
        ("disk", disk(server).await),
        ("certificates", expired(server)),
    ];
    let check = |(name, reason): (&str, Option<String>)| Check {
        name: name.to_owned(),
        ok: reason.is_none(),
        reason,
    };
    let checks: Vec<_> = checks.into_iter().map(check).collect();
    Health { ready: checks.iter().all(|check| check.ok), checks }
}

fn listening(server: &Server) -> Option<String> {
    let reason = "the server takes no connections, as it starts or stops; wait a moment";
    (!server.is_serving()).then(|| reason.to_owned())
}

/// Commits are refused then.
async fn disk(server: &Server) -> Option<String> {
    let reserve = server.config().store.reserve;
    let free = disk_free(server).await.filter(|free| *free < reserve.as_u64())?;
    let free = Size::from_bytes(free);
    Some(format!(
        "{free} are left on the disk, and {reserve} must stay free (store.reserve), so that nothing is kept; make room"
    ))
}

fn expired(server: &Server) -> Option<String> {
    let now = server.clock.now();
    let over = certificates::ends(server).into_iter().filter(|(_, end)| *end < now);
    let over: Vec<_> = over.map(|(domain, _)| domain).collect();
    let domains = over.join(", ");
    let reason = format!(
        "the certificate of {domains} has expired, so that clients refuse it; renew it and reload the server"
    );
    (!over.is_empty()).then_some(reason)
}
