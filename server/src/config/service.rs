//! Services of a domain that have an address of their own: which there are, and that no two of
//! them, nor a domain, have the same one.
//!
//! A service belongs to one `[[host]]` and is for the accounts of that domain. Nobody logs in at
//! its address, so that it needs no certificate.
//!
//! Our choice: an address that nobody wrote gives way to nothing. If it is taken, the operator says
//! which of the two is meant; rooms that change their address are other rooms.

use super::At;
use super::options::HostTable;
use super::report::Report;
use crate::jid::Domain;

/// What a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// Publish-subscribe (XEP-0060).
    Pubsub,
    /// Rooms (XEP-0045).
    Rooms,
    /// Files (XEP-0363).
    Upload,
}

/// All that there are.
const KINDS: [ServiceKind; 3] = [ServiceKind::Pubsub, ServiceKind::Rooms, ServiceKind::Upload];

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
            ServiceKind::Upload => "host.upload.domain",
        }
    }

    /// What an address of its own may begin with.
    const fn label(self) -> &'static str {
        match self {
            ServiceKind::Pubsub => "pubsub",
            ServiceKind::Rooms => "rooms",
            ServiceKind::Upload => "upload",
        }
    }

    /// Whether a host has it although no address of it is written.
    fn is_wanted(self, host: &HostTable) -> bool {
        match self {
            ServiceKind::Pubsub => host.pubsub.is_some(),
            ServiceKind::Rooms => host.rooms.enabled,
            ServiceKind::Upload => host.upload.enabled,
        }
    }

    /// The address that is written.
    const fn written(self, host: &HostTable) -> Option<&At<Domain>> {
        match self {
            ServiceKind::Pubsub => host.pubsub.as_ref(),
            ServiceKind::Rooms => host.rooms.domain.as_ref(),
            ServiceKind::Upload => host.upload.domain.as_ref(),
        }
    }

    /// The address below the host's domain. Nothing for what has no names below it: an IPv6 address, or
    /// a name that is too long already.
    fn below(self, domain: &Domain) -> Option<Domain> {
        Domain::parse(&format!("{}.{}", self.label(), domain.as_str())).ok()
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
    let Some(domain) = &host.domain else { return };
    for kind in KINDS {
        let is_made = kind.is_wanted(host) && kind.written(host).is_none();
        if !is_made || report.is_mistaken(kind.key()) || kind.below(&domain.value).is_some() {
            continue;
        }
        let label = kind.label();
        let text = format!(
            "is not written, and \"{label}.{}\" is no domain; write an address below this host, or \
             enabled = false, in [host.{label}]",
            domain.value.as_str()
        );
        report.mistake(domain.at, kind.key(), text);
    }
}

/// The addresses of a host's services: one for each kind that it has.
fn claims(host: &HostTable) -> impl Iterator<Item = Claim> {
    let wanted = KINDS.into_iter().filter(|kind| kind.is_wanted(host));
    wanted.filter_map(|kind| claim(kind, host))
}

fn claim(kind: ServiceKind, host: &HostTable) -> Option<Claim> {
    if let Some(written) = kind.written(host) {
        return Some(Claim {
            kind,
            domain: written.value.clone(),
            at: written.at,
            is_written: true,
        });
    }
    // The address that it has unless another one is written.
    let of = host.domain.as_ref()?;
    Some(Claim { kind, domain: kind.below(&of.value)?, at: of.at, is_written: false })
}
