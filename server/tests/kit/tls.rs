//! The throw-away authority: certificates for the server, trust for the clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SignatureAlgorithm,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// An authority that nobody but this test trusts.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// Where a certificate and its key were written.
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// With a P-256 key, so that its signatures are made with SHA-256.
    pub fn new() -> Self {
        Self::signing_with(&PKCS_ECDSA_P256_SHA256)
    }

    /// With a key of another kind.
    pub fn signing_with(algorithm: &'static SignatureAlgorithm) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate_for(algorithm).unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        Authority { issuer: Issuer::new(params, key), root }
    }

    /// The certificate for `domain` in `directory`, made if it is missing.
    pub fn issued(&self, domain: &str, directory: &Path) -> Files {
        let files = Files::of(domain, directory);
        if files.certificate.exists() { files } else { self.issue(domain, directory) }
    }

    /// Makes a certificate for `domain` and writes it and its key to `directory`.
    pub fn issue(&self, domain: &str, directory: &Path) -> Files {
        let mut params = CertificateParams::new(vec![domain.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = Files::of(domain, directory);
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        write_secret(&files.key, &key.serialize_pem());
        files
    }

    /// A client that trusts this authority and nobody else; TLS 1.3, or 1.2 if need be.
    pub fn client(&self) -> ClientConfig {
        self.client_of(rustls::ALL_VERSIONS)
    }

    /// The same, with these versions of TLS only.
    pub fn client_of(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

impl Files {
    fn of(domain: &str, directory: &Path) -> Self {
        let path = |kind: &str| directory.join(format!("{domain}.{kind}.pem"));
        Files { certificate: path("certificate"), key: path("key") }
    }
}

/// RFC 5929 §4.1 for a certificate whose signature was made with SHA-256.
pub fn sha256_of(certificate: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, certificate).as_ref().to_vec()
}

/// A file for its owner alone: the server refuses secrets that others can read.
pub fn write_secret(path: &Path, text: &str) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
