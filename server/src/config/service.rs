//! Services of a domain that have an address of their own: which there are, and that no two of
//! them, nor a domain, have the same one.
//!
//! A service belongs to one `[[host]]` and is for the accounts of that domain. Nobody logs in at
//! its address, so that it needs no certificate.

use super::options::HostTable;
use super::report::Report;
use super::value::At;
use crate::jid::Domain;

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// Publish-subscribe (XEP-0060).
    Pubsub,
}

/// A service of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it does.
    pub kind: ServiceKind,
    /// Its address.
    pub domain: Domain,
}

impl ServiceKind {
    /// The option that names its address.
    const fn key(self) -> &'static str {
        match self {
            ServiceKind::Pubsub => "host.pubsub",
        }
    }
}

/// The services of a host.
pub(super) fn settled(host: &HostTable) -> Vec<Service> {
    written(host).map(|(kind, at)| Service { kind, domain: at.value.clone() }).collect()
}

/// Reports every service whose address is taken.
pub(super) fn check(hosts: &[HostTable], report: &mut Report<'_>) {
    let domains: Vec<_> = hosts.iter().filter_map(|host| host.domain.as_ref()).collect();
    let services: Vec<_> = hosts.iter().flat_map(written).collect();
    for (index, (kind, service)) in services.iter().enumerate() {
        let mut before = services.iter().take(index);
        let host = domains.iter().find(|domain| domain.value == service.value);
        let other = before.find(|(_, other)| other.value == service.value);
        let name = service.value.as_str();
        let text = match (host, other) {
            (Some(host), _) => format!(
                "\"{name}\" is the domain of the [[host]] in line {}; choose an address of the \
                 service's own, such as \"pubsub.{name}\"",
                report.line(host.at)
            ),
            (None, Some((_, other))) => format!(
                "\"{name}\" is the address of the service in line {} already; choose another",
                report.line(other.at)
            ),
            (None, None) => continue,
        };
        report.mistake(service.at, kind.key(), text);
    }
}

/// What is written in a `[[host]]`: one line for each kind.
fn written(host: &HostTable) -> impl Iterator<Item = (ServiceKind, &At<Domain>)> {
    let all = [(ServiceKind::Pubsub, host.pubsub.as_ref())];
    all.into_iter().filter_map(|(kind, domain)| Some((kind, domain?)))
}
