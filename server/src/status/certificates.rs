//! Certificates as an operator wants to know them: until when, and for which names.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::certificate::{CertificateWarning, facts, judge};
use crate::server::Server;

const DAY_SECONDS: i64 = 86_400;

/// The certificate of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// The domain.
    pub domain: String,
    /// The names that it is for.
    pub names: Vec<String>,
    /// Whether the domain is one of them.
    pub covers_domain: bool,
    /// When it ends, as in `2026-11-22T16:13:00.123Z`.
    pub expires: Option<String>,
    /// Whole days until then; negative if it has ended.
    pub days_left: Option<i64>,
    /// SHA-256 of it, in hexadecimal digits.
    pub sha256: String,
    /// What clients may complain of, each with its remedy.
    pub problems: Vec<String>,
}

/// What is to be said of a certificate that is shown for that domain.
pub fn of(own: &CertificateDer<'_>, domain: &str, now: Timestamp) -> CertificateStatus {
    let facts = facts(own);
    let warnings = judge(own, domain, UNIX_EPOCH + Duration::from_micros(now.0));
    let is_other =
        |warning: &CertificateWarning| matches!(warning, CertificateWarning::OtherDomain { .. });
    CertificateStatus {
        domain: domain.to_owned(),
        names: facts.names,
        covers_domain: !warnings.iter().any(is_other),
        expires: facts.not_after.map(Timestamp::to_rfc3339),
        days_left: facts.not_after.map(|end| days(now, end)),
        sha256: hexadecimal(digest(&SHA256, own).as_ref()),
        problems: warnings.iter().map(|warning| format!("The certificate {warning}.")).collect(),
    }
}

/// Those that clients are shown at present, in the order of the configuration.
pub(super) fn in_use(server: &Server) -> Vec<CertificateStatus> {
    let (now, certificates) = (server.clock.now(), server.certificates());
    let config = server.config();
    let domains = config.hosts.iter().map(|host| &host.domain);
    let owned = domains.filter_map(|domain| Some((domain, certificates.own(domain)?)));
    owned.map(|(domain, own)| of(own, domain.as_str(), now)).collect()
}

/// When each of them ends.
pub(super) fn ends(server: &Server) -> Vec<(String, Timestamp)> {
    let (config, certificates) = (server.config(), server.certificates());
    let domains = config.hosts.iter().map(|host| &host.domain);
    let end = |domain| facts(certificates.own(domain)?).not_after;
    domains.filter_map(|domain| Some((domain.as_str().to_owned(), end(domain)?))).collect()
}

/// Rounded down, so that what ended a moment ago has not 0 days left.
fn days(now: Timestamp, end: Timestamp) -> i64 {
    let seconds = |at: Timestamp| i64::try_from(at.seconds()).unwrap_or(i64::MAX);
    (seconds(end) - seconds(now)).div_euclid(DAY_SECONDS)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000_000;

    #[test]
    fn days_are_whole_ones() {
        let left = |now: u64, end: u64| days(Timestamp(now), Timestamp(end));
        assert_eq!(left(0, DAY), 1);
        assert_eq!(left(1_000_000, DAY), 0);
        assert_eq!(left(DAY + 1_000_000, DAY), -1);
    }

    #[test]
    fn a_certificate_tells_its_names_and_its_end() {
        let mut params = rcgen::CertificateParams::new(["example.org".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2026, 7, 10);
        let own = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone();
        let now = Timestamp::from_rfc3339("2026-07-01T00:00:00Z").unwrap();
        let status = of(&own, "example.org", now);
        assert_eq!(
            (status.names.as_slice(), status.days_left),
            (&["example.org".to_owned()][..], Some(9))
        );
        assert_eq!(status.expires.as_deref(), Some("2026-07-10T00:00:00.000Z"));
        assert!(status.covers_domain && !of(&own, "example.com", now).covers_domain);
    }
}
