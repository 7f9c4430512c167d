//! Services of a domain that have an address of their own: which there are, and that no two of
//! them, nor a domain, have the same one.
//!
//! A service belongs to one `[[host]]` and is for the accounts of that domain. Nobody logs in at
//! its address, so that it needs no certificate.
//!
//! Our choice: an address that nobody wrote gives way to nothing. If it is taken, the operator says
//! which of the two is meant; rooms that change their address are other rooms.

use super::options::HostTable;
use super::report::Report;
use crate::jid::Domain;

/// What stands before a domain in the address of its rooms, unless another one is written.
const ROOMS: &str = "rooms";

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// Publish-subscribe (XEP-0060).
    Pubsub,
    /// Rooms (XEP-0045).
    Rooms,
}

/// A service of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it does.
    pub kind: ServiceKind,
    /// Its address.
    pub domain: Domain,
}

/// An address of a service, and where it comes from.
struct Claim {
    kind: ServiceKind,
    domain: Domain,
    /// Where it is written, or else the domain that it was made of.
    at: usize,
    is_written: bool,
}

impl ServiceKind {
    /// The option that names its address.
    const fn key(self) -> &'static str {
        match self {
            ServiceKind::Pubsub => "host.pubsub",
            ServiceKind::Rooms => "host.rooms.domain",
        }
    }

    /// What an address of its own may begin with.
    const fn label(self) -> &'static str {
        match self {
            ServiceKind::Pubsub => "pubsub",
            ServiceKind::Rooms => ROOMS,
        }
    }
}

/// The services of a host.
pub(super) fn settled(host: &HostTable) -> Vec<Service> {
    claims(host).map(|claim| Service { kind: claim.kind, domain: claim.domain }).collect()
}

/// Reports every service whose address is taken, and those that can have none.
pub(super) fn check(hosts: &[HostTable], report: &mut Report<'_>) {
    hosts.iter().for_each(|host| check_default(host, report));
    let domains: Vec<_> = hosts.iter().filter_map(|host| host.domain.as_ref()).collect();
    let mut services: Vec<_> = hosts.iter().flat_map(claims).collect();
    // What is written was meant; of two that are, the first one was there first.
    services.sort_by_key(|claim| !claim.is_written);
    for (index, claim) in services.iter().enumerate() {
        let mut before = services.iter().take(index);
        let host = domains.iter().find(|domain| domain.value == claim.domain);
        // Two defaults are the same only if the domains are, and that is said already.
        let is_same = |other: &&Claim| other.is_written && other.domain == claim.domain;
        let other = before.find(is_same);
        let taken = match (host, other) {
            (Some(host), _) => {
                format!("is the domain of the [[host]] in line {}", report.line(host.at))
            }
            (None, Some(other)) => {
                format!("is the address of the service in line {} already", report.line(other.at))
            }
            (None, None) => continue,
        };
        report.mistake(claim.at, claim.kind.key(), text(claim, &taken, host.is_some()));
    }
}

fn text(claim: &Claim, taken: &str, is_domain: bool) -> String {
    let (name, label) = (claim.domain.as_str(), claim.kind.label());
    match (claim.is_written, is_domain) {
        (true, true) => format!(
            "\"{name}\" {taken}; choose an address of the service's own, such as \"{label}.{name}\""
        ),
        (true, false) => format!("\"{name}\" {taken}; choose another"),
        (false, _) => format!(
            "is not written, and the default, \"{name}\", {taken}; write another address below this \
             host, or enabled = false, in [host.{label}]"
        ),
    }
}

/// Reports a domain below which there can be no address, such as a very long one.
fn check_default(host: &HostTable, report: &mut Report<'_>) {
    let wants = host.rooms.enabled && host.rooms.domain.is_none();
    if !wants || report.is_mistaken("host.rooms.domain") {
        return;
    }
    if let Some(domain) = host.domain.as_ref().filter(|domain| below(&domain.value).is_none()) {
        let text = format!(
            "is not written, and \"{ROOMS}.{}\" is no domain; write an address below this host, or \
             enabled = false, in [host.{ROOMS}]",
            domain.value.as_str()
        );
        report.mistake(domain.at, ServiceKind::Rooms.key(), text);
    }
}

/// The addresses of a host's services: one line for each kind.
fn claims(host: &HostTable) -> impl Iterator<Item = Claim> {
    let written = |kind, domain: &super::At<Domain>| Claim {
        kind,
        domain: domain.value.clone(),
        at: domain.at,
        is_written: true,
    };
    let pubsub = host.pubsub.as_ref().map(|domain| written(ServiceKind::Pubsub, domain));
    let rooms = host.rooms.domain.as_ref().map(|domain| written(ServiceKind::Rooms, domain));
    let rooms = rooms.or_else(|| default(host)).filter(|_| host.rooms.enabled);
    [pubsub, rooms].into_iter().flatten()
}

/// The address that the rooms of a host have unless another one is written.
fn default(host: &HostTable) -> Option<Claim> {
    let of = host.domain.as_ref()?;
    let domain = below(&of.value)?;
    Some(Claim { kind: ServiceKind::Rooms, domain, at: of.at, is_written: false })
}

/// Nothing for what has no names below it: an IPv6 address, or a name that is too long already.
fn below(domain: &Domain) -> Option<Domain> {
    Domain::parse(&format!("{ROOMS}.{}", domain.as_str())).ok()
}
