//! A domain's certificate and key: read from PEM, judged, and paired for rustls.
//!
//! What would keep TLS from working at all is an error: nothing to read, a key of another
//! certificate. What clients might complain of is a warning, since the server can still serve
//! those that do not, and an operator who sees it has time to act.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use webpki::{EndEntityCert, Error, KeyUsage};

use super::secret::{FileError, check_secret, read_file, read_secret};
use crate::clock::Timestamp;

/// More than any chain is long; a bundle of all authorities is no chain.
const LONGEST_CHAIN: usize = 16;

/// Authorities' certificates for 90 days are renewed 30 days before the end; two weeks before it,
/// renewing has failed for a while.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * 24 * 3600);

const DAY_SECONDS: u64 = 24 * 3600;

/// Why a certificate or a key is not used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file of the certificate holds the key as well, and is no place for a key.
    #[error("holds a private key too, and {0}")]
    ExposedKey(FileError),
    /// A PEM block that is not one.
    #[error("{0} is not valid PEM ({1}); make the file again")]
    Pem(PathBuf, rustls::pki_types::pem::Error),
    /// No certificate in the file.
    #[error("{0} holds no certificate; it must hold the chain in PEM form (BEGIN CERTIFICATE)")]
    NoCertificate(PathBuf),
    /// A bundle of authorities, most likely.
    #[error(
        "{0} holds more than {LONGEST_CHAIN} certificates; give the domain's own and those that lead to its authority"
    )]
    ChainTooLong(PathBuf),
    /// No private key in the file.
    #[error("{0} holds no private key; it must hold one in PEM form (BEGIN PRIVATE KEY)")]
    NoKey(PathBuf),
    /// The private key needs a passphrase.
    #[error(
        "{0} is encrypted with a passphrase; write it without one: openssl pkey -in '{0}' -out KEY"
    )]
    EncryptedKey(PathBuf),
    /// What the provider of cryptography cannot use.
    #[error("{0} cannot be used ({1}); use a key of a usual kind, such as ECDSA P-256 or RSA 2048")]
    UnusableKey(PathBuf, rustls::Error),
    /// The first certificate cannot be parsed.
    #[error("{0}: its first certificate cannot be read ({1}); make the file again")]
    BadCertificate(PathBuf, webpki::Error),
    /// Certificate and key are of different pairs.
    #[error(
        "{0} is not the key of the first certificate in {1}; the domain's own certificate comes first, and the key is the one it was made with"
    )]
    Mismatch(PathBuf, PathBuf),
}

/// What clients may complain of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateWarning {
    /// The names in it, and the domain that is not among them.
    #[error(
        "is for {names} and not for {domain}, so that clients will refuse it; have one made for {domain}"
    )]
    OtherDomain {
        /// The domain that is served.
        domain: String,
        /// The names in the certificate, separated by commas.
        names: String,
    },
    /// Days since it ended.
    #[error("expired {0} days ago, so that clients will refuse it; renew it")]
    Expired(u64),
    /// Days until it ends.
    #[error("expires in {0} days; renew it")]
    ExpiresSoon(u64),
    /// Its time has not come, or the clock is wrong.
    #[error("is not valid yet; look at the clock of this machine")]
    NotValidYet,
    /// Made for something else, such as signing mail.
    #[error(
        "is not meant for servers, so that clients may refuse it; have one made for TLS servers"
    )]
    NotForServers,
}

/// Reads a chain of certificates, the domain's own first. Never empty.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let pem = read_file(path)?;
    if holds(&pem, b"PRIVATE KEY-----") {
        check_secret(path).map_err(CertificateError::ExposedKey)?;
    }
    let certificates = CertificateDer::pem_slice_iter(&pem).take(LONGEST_CHAIN + 1);
    let chain: Vec<_> = certificates
        .collect::<Result<_, _>>()
        .map_err(|error| CertificateError::Pem(path.to_owned(), error))?;
    if chain.len() > LONGEST_CHAIN {
        return Err(CertificateError::ChainTooLong(path.to_owned()));
    }
    let own = chain.first().ok_or_else(|| CertificateError::NoCertificate(path.to_owned()))?;
    EndEntityCert::try_from(own)
        .map_err(|error| CertificateError::BadCertificate(path.to_owned(), error))?;
    Ok(chain)
}

/// Reads a private key.
pub fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let pem = read_secret(path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok(key),
        Err(_) if holds(&pem, b"ENCRYPTED") => Err(CertificateError::EncryptedKey(path.to_owned())),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => {
            Err(CertificateError::NoKey(path.to_owned()))
        }
        Err(error) => Err(CertificateError::Pem(path.to_owned(), error)),
    }
}

/// Reads chain and key and makes sure that they belong together. For starting and for reloading.
pub fn read_pair(
    certificate: &Path,
    key_file: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateError> {
    let (chain, key) = (read_chain(certificate)?, read_key(key_file)?);
    pair(chain, key, (certificate, key_file), provider)
}

/// Makes sure that chain and key belong together. `files` are those of both, for messages.
pub(super) fn pair(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    (certificate, key_file): (&Path, &Path),
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateError> {
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            CertificateError::Mismatch(key_file.to_owned(), certificate.to_owned())
        }
        error => CertificateError::UnusableKey(key_file.to_owned(), error),
    })
}

/// What a certificate says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The domain names that it is for.
    pub names: Vec<String>,
    /// When it begins to hold.
    pub not_before: Option<Timestamp>,
    /// When it ends.
    pub not_after: Option<Timestamp>,
}

/// Reads what a certificate says of itself; nothing of what is none.
pub fn facts(own: &CertificateDer<'_>) -> Facts {
    let Ok(certificate) = EndEntityCert::try_from(own) else { return Facts::default() };
    let moment = |time: UnixTime| Timestamp(time.as_secs().saturating_mul(1_000_000));
    Facts {
        names: certificate.valid_dns_names().map(str::to_owned).collect(),
        // webpki tells both ends of the period only to whoever is outside.
        not_before: match error_at(&certificate, Duration::ZERO) {
            Error::CertNotValidYet { not_before, .. } => Some(moment(not_before)),
            _ => None,
        },
        not_after: match error_at(&certificate, Duration::from_secs(u64::MAX)) {
            Error::CertExpired { not_after, .. } => Some(moment(not_after)),
            _ => None,
        },
    }
}

/// What clients may complain of when they are shown this certificate for this domain.
///
/// An internationalised domain must be given in its ASCII form; any other is not compared.
pub fn judge(own: &CertificateDer<'_>, domain: &str, now: SystemTime) -> Vec<CertificateWarning> {
    let Ok(certificate) = EndEntityCert::try_from(own) else {
        return Vec::new(); // `read_chain` has refused it.
    };
    let name = judge_name(&certificate, domain);
    name.into_iter().chain(judge_use(&certificate, now)).collect()
}

fn judge_name(certificate: &EndEntityCert<'_>, domain: &str) -> Option<CertificateWarning> {
    let wanted = ServerName::try_from(domain).ok()?;
    let Err(Error::CertNotValidForName(context)) =
        certificate.verify_is_valid_for_subject_name(&wanted)
    else {
        return None;
    };
    let names = match context.presented.is_empty() {
        true => "no name".to_owned(),
        false => {
            context.presented.iter().map(|name| plain_name(name)).collect::<Vec<_>>().join(", ")
        }
    };
    Some(CertificateWarning::OtherDomain { domain: domain.to_owned(), names })
}

/// webpki gives a name as `DnsName("a.example")`.
fn plain_name(presented: &str) -> &str {
    presented.split('"').nth(1).unwrap_or(presented)
}

/// webpki looks at period and purpose before it looks for an authority; ours is given none, so
/// that a good certificate ends in `UnknownIssuer`.
fn judge_use(certificate: &EndEntityCert<'_>, now: SystemTime) -> Option<CertificateWarning> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let days = |from: Duration, to: Duration| to.saturating_sub(from).as_secs() / DAY_SECONDS;
    let end = |time: UnixTime| Duration::from_secs(time.as_secs());
    match error_at(certificate, now) {
        Error::CertExpired { not_after, .. } => {
            return Some(CertificateWarning::Expired(days(end(not_after), now)));
        }
        Error::CertNotValidYet { .. } => return Some(CertificateWarning::NotValidYet),
        Error::EmptyEkuExtension | Error::RequiredEkuNotFoundContext(_) => {
            return Some(CertificateWarning::NotForServers);
        }
        _ => {}
    }
    match error_at(certificate, now + EXPIRES_SOON) {
        Error::CertExpired { not_after, .. } => {
            Some(CertificateWarning::ExpiresSoon(days(now, end(not_after))))
        }
        _ => None,
    }
}

fn error_at(certificate: &EndEntityCert<'_>, time: Duration) -> Error {
    let time = UnixTime::since_unix_epoch(time);
    let usage = KeyUsage::server_auth();
    let verified = certificate.verify_for_usage(&[], &[], &[], time, usage, None, None);
    verified.err().unwrap_or(Error::UnknownIssuer)
}

fn holds(pem: &[u8], words: &[u8]) -> bool {
    pem.windows(words.len()).any(|window| window == words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate for example.org, valid from day 100 to day 190 after 1970.
    fn certificate(purpose: rcgen::ExtendedKeyUsagePurpose) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(["example.org".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(1970, 4, 11);
        params.not_after = rcgen::date_time_ymd(1970, 7, 10);
        params.extended_key_usages = vec![purpose];
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn on_day(day: u64) -> Vec<CertificateWarning> {
        let own = certificate(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        judge(&own, "example.org", UNIX_EPOCH + Duration::from_secs(day * DAY_SECONDS))
    }

    #[test]
    fn a_certificate_in_its_time_needs_no_word() {
        assert_eq!(on_day(101), []);
        assert_eq!(on_day(175), []);
    }

    #[test]
    fn the_days_to_and_from_the_end_are_counted() {
        assert_eq!(on_day(180), [CertificateWarning::ExpiresSoon(10)]);
        assert_eq!(on_day(193), [CertificateWarning::Expired(3)]);
    }

    #[test]
    fn a_certificate_before_its_time_points_to_the_clock() {
        assert_eq!(on_day(99), [CertificateWarning::NotValidYet]);
    }

    #[test]
    fn a_certificate_tells_its_period_and_its_names() {
        let facts = facts(&certificate(rcgen::ExtendedKeyUsagePurpose::ServerAuth));
        let day = |day: u64| Some(Timestamp(day * DAY_SECONDS * 1_000_000));
        assert_eq!((facts.not_before, facts.not_after), (day(100), day(190)));
        assert_eq!(facts.names, ["example.org"]);
    }

    #[test]
    fn a_certificate_for_mail_is_not_for_servers() {
        let own = certificate(rcgen::ExtendedKeyUsagePurpose::EmailProtection);
        let now = UNIX_EPOCH + Duration::from_secs(120 * DAY_SECONDS);
        assert_eq!(judge(&own, "example.org", now), [CertificateWarning::NotForServers]);
    }

    #[test]
    fn an_internationalised_domain_is_not_compared() {
        let own = certificate(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        let now = UNIX_EPOCH + Duration::from_secs(120 * DAY_SECONDS);
        assert_eq!(judge(&own, "grüße.example", now), []);
    }
}
