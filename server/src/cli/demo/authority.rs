//! The demo's own authority and the certificate that it signs.
//!
//! The authority may sign for the demo's names only (RFC 5280 §4.2.1.10): whoever trusts it, and
//! loses the directory to somebody, has not given away more than that.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, date_time_ymd,
};

use super::files::{Place, write};
use crate::config::certificate::{CertificateWarning, judge, read_chain};
use crate::jid::Domain;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Ten years.
const AUTHORITY_DAYS: u32 = 3652;

/// Some systems refuse certificates for more than 825 days, whoever signed them. A run after that
/// makes a new one.
const CERTIFICATE_DAYS: u32 = 820;

/// Its name; the same at each run, so that its key alone can go on signing.
const NAME: &str = "Cloister demo authority";

/// Makes whatever is missing, and the server's certificate again when it is about to expire.
pub(super) fn complete(place: &Place, domain: &Domain) -> anyhow::Result<()> {
    let name = idna::domain_to_ascii(domain.as_str()).with_context(|| {
        format!("{domain} has no form for certificates; choose another --domain")
    })?;
    let whole = place.authority().exists()
        && place.certificate().exists()
        && place.certificate_key().exists();
    if whole && still_good(place, &name)? {
        return Ok(());
    }
    let issuer = Issuer::new(authority(&name)?, authority_key(place)?);
    if !place.authority().exists() {
        let certificate = authority(&name)?.self_signed(issuer.key())?;
        write(&place.authority(), 0o644, &certificate.pem())?;
    }
    // Without a certificate the next run makes both anew: an interrupted one leaves no odd pair.
    fs::remove_file(place.certificate()).unwrap_or_default();
    let key = KeyPair::generate()?;
    let certificate = server(&name)?.signed_by(&key, &issuer)?;
    write(&place.certificate_key(), 0o600, &key.serialize_pem())?;
    write(&place.certificate(), 0o644, &certificate.pem())
}

fn still_good(place: &Place, name: &str) -> anyhow::Result<bool> {
    let chain = read_chain(&place.certificate())?;
    let Some(own) = chain.first() else { return Ok(false) };
    let warnings = judge(own, name, SystemTime::now());
    if warnings.iter().any(|warning| matches!(warning, CertificateWarning::OtherDomain { .. })) {
        bail!(
            "{} is not for {name}; choose another directory with --dir",
            place.certificate().display()
        );
    }
    Ok(warnings.is_empty())
}

/// The key there is, or a new one.
fn authority_key(place: &Place) -> anyhow::Result<KeyPair> {
    let path = place.authority_key();
    if path.exists() {
        let hint = || format!("cannot use {}; remove it and ca.pem for new ones", path.display());
        let pem = fs::read_to_string(&path).with_context(hint)?;
        return KeyPair::from_pem(&pem).with_context(hint);
    }
    if place.authority().exists() {
        bail!("{} is missing; remove ca.pem too, for a new authority", path.display());
    }
    let key = KeyPair::generate()?;
    write(&path, 0o600, &key.serialize_pem())?;
    Ok(key)
}

fn authority(name: &str) -> anyhow::Result<CertificateParams> {
    let mut params = valid_for(AUTHORITY_DAYS)?;
    params.distinguished_name = common_name(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let mut permitted: Vec<_> = names(name).into_iter().map(GeneralSubtree::DnsName).collect();
    permitted.extend(addresses().map(|address| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
    }));
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
    Ok(params)
}

fn server(name: &str) -> anyhow::Result<CertificateParams> {
    let mut all = names(name);
    all.extend(addresses().map(|address| address.to_string()));
    let dates = valid_for(CERTIFICATE_DAYS)?;
    let mut params = CertificateParams::new(all)?;
    (params.not_before, params.not_after) = (dates.not_before, dates.not_after);
    params.distinguished_name = common_name("Cloister demo");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// The domain, and what this machine calls itself.
fn names(domain: &str) -> Vec<String> {
    let mut names = vec![domain.to_owned()];
    if domain != "localhost" {
        names.push("localhost".to_owned());
    }
    names
}

fn addresses() -> impl Iterator<Item = IpAddr> {
    [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)].into_iter()
}

fn common_name(name: &str) -> DistinguishedName {
    let mut all = DistinguishedName::new();
    all.push(DnType::CommonName, name);
    all
}

/// From yesterday on, for clients whose clock is a little late.
fn valid_for(days: u32) -> anyhow::Result<CertificateParams> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let yesterday = now.context("the clock of this machine is wrong; set it")?.saturating_sub(DAY);
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(1970, 1, 1) + yesterday;
    params.not_after = params.not_before + DAY * days;
    Ok(params)
}
