//! TLS: one configuration per domain, chosen by the name that the client asks for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::end_point::server_end_point;
use crate::auth::ChannelBindings;
use crate::jid::Domain;

/// XEP-0368 §3: the protocol name of client connections.
const ALPN_CLIENT: &[u8] = b"xmpp-client";

/// RFC 7301 §6, RFC 9113 §3.1
const ALPN_HTTP: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The lowest TLS version that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinimumVersion {
    /// TLS 1.2 with AEAD ciphers and extended master secret.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Where a domain's certificate lies.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The domain that it is for.
    pub domain: Domain,
    /// The chain in PEM, leaf first.
    pub chain: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
    /// Other names that the same certificate is sent for, in lower case.
    pub names: Vec<String>,
}

/// What may be spoken inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// XMPP.
    Xmpp,
    /// XMPP where the client asks for it (ALPN), and HTTP otherwise.
    Anything,
}

/// A handshake that is done.
#[derive(Debug)]
pub struct Shaken<S> {
    /// The connection.
    pub stream: TlsStream<S>,
    /// What a login can be bound to.
    pub bindings: ChannelBindings,
    /// Whether XMPP is spoken.
    pub is_xmpp: bool,
}

/// A certificate that cannot be used; the operator is told.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or holds no PEM of that kind.
    #[error("{path}: {what}: {reason}; put a PEM file there that this user can read")]
    Unreadable {
        /// The file.
        path: String,
        /// What was looked for in it.
        what: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// Chain and key do not go together, or are of a kind that TLS cannot use.
    #[error("{domain}: {reason}; certificate and key_file must belong together")]
    Unusable {
        /// The domain.
        domain: Domain,
        /// What the TLS library says.
        reason: String,
    },
    /// No domain at all.
    #[error("no domain has a certificate; add a [[host]]")]
    None,
}

/// A domain's side of a handshake.
#[derive(Debug)]
struct HostTls {
    xmpp: Arc<ServerConfig>,
    anything: Arc<ServerConfig>,
    end_point: Option<Vec<u8>>,
    own: Option<CertificateDer<'static>>,
}

/// The certificates of all domains, as they were when loaded. A reload makes a new one; connections
/// in the middle of a handshake keep the one they began with.
#[derive(Debug)]
pub struct Certificates {
    hosts: HashMap<Domain, HostTls>,
    /// Names of hosts beside their domains.
    names: HashMap<String, Domain>,
    default: Option<Domain>,
}

impl Certificates {
    /// Reads all files. The first domain serves clients that name none.
    ///
    /// # Errors
    /// The first certificate that cannot be used.
    pub fn load(
        files: &[CertificateFiles],
        minimum: MinimumVersion,
    ) -> Result<Self, CertificateError> {
        let default = Some(files.first().ok_or(CertificateError::None)?.domain.clone());
        let hosts = files
            .iter()
            .map(|host| Ok((host.domain.clone(), HostTls::load(host, minimum)?)))
            .collect::<Result<_, CertificateError>>()?;
        let names = files
            .iter()
            .flat_map(|host| host.names.iter().map(|name| (name.clone(), host.domain.clone())));
        Ok(Certificates { hosts, names: names.collect(), default })
    }

    /// No certificate at all, for commands that never listen.
    pub fn none() -> Self {
        Certificates { hosts: HashMap::new(), names: HashMap::new(), default: None }
    }

    /// Does the handshake. Without a server name that is served here the certificate of `asked`
    /// is sent, the domain that the client named in its stream header, or else the default.
    ///
    /// # Errors
    /// The handshake fails, or the connection is lost.
    pub async fn accept<S>(
        &self,
        io: S,
        asked: Option<&Domain>,
        offer: Offer,
    ) -> std::io::Result<Shaken<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let start = LazyConfigAcceptor::new(Acceptor::default(), io).await?;
        let named = start.client_hello().server_name().map(str::to_ascii_lowercase);
        let host = self
            .named(named.as_deref())
            .or_else(|| self.host(asked))
            .or_else(|| self.host(self.default.as_ref()));
        let host = host.ok_or(std::io::ErrorKind::NotFound)?;
        let config = match offer {
            Offer::Xmpp => &host.xmpp,
            Offer::Anything => &host.anything,
        };
        let stream = start.into_stream(Arc::clone(config)).await?;
        let exporter = exporter(&stream);
        let bindings = ChannelBindings { exporter, server_end_point: host.end_point.clone() };
        let spoken = stream.get_ref().1.alpn_protocol();
        let is_xmpp = offer == Offer::Xmpp || spoken == Some(ALPN_CLIENT);
        Ok(Shaken { stream, bindings, is_xmpp })
    }

    fn named(&self, name: Option<&str>) -> Option<&HostTls> {
        let name = name?;
        let domain = self.names.get(name).cloned().or_else(|| Domain::parse(name).ok());
        self.host(domain.as_ref())
    }

    /// The certificate that clients of a domain are shown, without those that lead to its authority.
    pub fn own(&self, domain: &Domain) -> Option<&CertificateDer<'static>> {
        self.hosts.get(domain)?.own.as_ref()
    }

    fn host(&self, domain: Option<&Domain>) -> Option<&HostTls> {
        self.hosts.get(domain?)
    }
}

impl HostTls {
    fn load(files: &CertificateFiles, minimum: MinimumVersion) -> Result<Self, CertificateError> {
        let chain = read_chain(&files.chain)?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| unreadable(&files.key, "a private key", &error))?;
        let end_point = chain.first().and_then(|leaf| server_end_point(leaf));
        let own = chain.first().cloned();
        let config = configure(chain, key, minimum).map_err(|error| {
            CertificateError::Unusable { domain: files.domain.clone(), reason: error.to_string() }
        })?;
        let mut anything = config.clone();
        anything.alpn_protocols.extend(ALPN_HTTP.map(<[u8]>::to_vec));
        Ok(HostTls { xmpp: Arc::new(config), anything: Arc::new(anything), end_point, own })
    }
}

fn configure(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    minimum: MinimumVersion,
) -> Result<ServerConfig, rustls::Error> {
    let versions: &[_] = match minimum {
        MinimumVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        MinimumVersion::Tls13 => &[&rustls::version::TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![ALPN_CLIENT.to_vec()];
    // RFC 9266 §2: tls-exporter is unique on TLS 1.2 only with the extended master secret.
    config.require_ems = true;
    // Connections last for days. Tickets would cost every login two more messages, and a stolen
    // ticket key would open them all.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

/// The provider, named so that linking a second one changes nothing. Hybrid post-quantum key
/// exchange comes first in its list.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// RFC 9266 §4.2: 32 bytes, no context.
fn exporter<S>(stream: &TlsStream<S>) -> Option<Vec<u8>> {
    let (_, connection) = stream.get_ref();
    let output = vec![0; 32];
    connection.export_keying_material(output, b"EXPORTER-Channel-Binding", None).ok()
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(path, "a certificate", &error))?;
    if chain.is_empty() {
        return Err(CertificateError::Unreadable {
            path: path.display().to_string(),
            what: "a certificate",
            reason: "there is none in the file".to_owned(),
        });
    }
    Ok(chain)
}

fn unreadable(path: &Path, what: &'static str, error: &impl ToString) -> CertificateError {
    CertificateError::Unreadable {
        path: path.display().to_string(),
        what,
        reason: error.to_string(),
    }
}
