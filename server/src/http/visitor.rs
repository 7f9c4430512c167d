//! Who asks, of whom.

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::config::Config;
use crate::jid::Domain;
use crate::net::{Peer, Slot, Slots};
use crate::task::Task;

/// Whoever sent a request: an `Extension` of each.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Where the request comes from; behind a web server, where that one says.
    pub peer: Peer,
    /// The domain whose name was asked for, or else the first that is served.
    pub domain: Domain,
    place: Place,
    task: Task,
}

/// How connections are counted.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// This one is the visitor's own.
    Own(Slot),
    /// This one is a web server's, who brings many visitors.
    Shared(Slots),
}

impl Visitor {
    pub(super) fn new(peer: Peer, domain: Domain, place: Place, task: Task) -> Self {
        Visitor { peer, domain, place, task }
    }

    /// A place among the connections, for what outlives the request; nothing if there is none left.
    pub fn slot(&self) -> Option<Slot> {
        match &self.place {
            Place::Own(slot) => Some(slot.clone()),
            Place::Shared(slots) => slots.take(self.peer),
        }
    }

    /// For what outlives the request: the server waits for it when it stops.
    pub fn task(&self) -> Task {
        self.task.clone()
    }
}

/// The domain whose name was asked for: a host's own, that of its pages, or that of a service of it.
pub(super) fn domain(config: &Config, parts: &Parts) -> Option<Domain> {
    let asked = host(parts).unwrap_or_default();
    let named = config.hosts.iter().find(|host| {
        host.domain.as_str().eq_ignore_ascii_case(asked)
            || host.web.as_ref().is_some_and(|web| web.host().eq_ignore_ascii_case(asked))
            || host.services.iter().any(|it| it.domain.as_str().eq_ignore_ascii_case(asked))
    });
    named.or(config.hosts.first()).map(|host| host.domain.clone())
}

/// The name that was asked for, without its port: the target's (RFC 9112 §3.2.2), or that of `Host`.
pub(super) fn host(parts: &Parts) -> Option<&str> {
    let of_target = parts.uri.authority().map(axum::http::uri::Authority::as_str);
    let authority = of_target.or_else(|| only(&parts.headers, &header::HOST))?;
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(host),
        _ => Some(authority),
    }
}

/// The value of a header that is there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
