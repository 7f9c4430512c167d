//! The configuration: a TOML file (`File`: what is written) becomes `Config` (what is true).
//!
//! Wrong configuration does not start: an unknown key is a mistake, and so is a secret that
//! everybody may read. All mistakes are found at once, each with its line. Every option is
//! declared once, in `options.rs`; its reader, the reference and the example file follow from
//! there.
//!
//! A text that is not TOML is judged as far as its syntax only: what is behind a quote that was
//! never closed would be guessed at, and mistakes reported that are not there.

mod acme;
pub mod certificate;
mod credentials;
mod declare;
mod network;
mod options;
mod origin;
pub mod provision;
mod quantity;
mod reference;
mod report;
mod retention;
mod rooms;
pub mod secret;
mod service;
mod settle;
mod suggest;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod turn;
mod uri;
mod value;
mod web;

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use credentials::Credentials;
pub use network::Network;
pub use options::{
    Acme, Archive, Auth, Contact, Encryption, File, HostTable, Http, InviteCreators, InvitesTable,
    Limits, ListenTable, LogLevel, PasswordHash, RoomCreators, RoomUsers, RoomsTable, Store,
    Timeouts, Tls, TlsVersion, TurnTable, Upload, UploadTable,
};
pub use origin::{Origin, WebAddress};
pub use quantity::{Size, parse_duration};
pub use reference::{example, reference};
pub use report::{ConfigErrors, Finding, Warning};
pub use retention::Retention;
pub use rooms::{RoomDefaults, Rooms};
pub use service::{Service, ServiceKind};
pub use turn::{HostName, Turn, TurnSecret, TurnSecretError};
pub use uri::Uri;
pub use value::{At, FilePath, SecretPath};
pub use web::{Invites, Uploads};

use crate::jid::Domain;
use report::Report;

/// Far more than a file of all options for a hundred domains.
const LARGEST_FILE: u64 = 1 << 20;

/// How far a configuration is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The values alone: for a build sandbox, which has neither secrets nor certificates.
    Syntax,
    /// The files that it names as well.
    Full,
}

/// What is true for this server. Paths are as they were written: a link that is moved to a new
/// certificate is followed at the next reload.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where everything that lasts is kept.
    pub data_dir: PathBuf,
    /// The socket of the commands.
    pub admin_socket: PathBuf,
    /// A file of at least 32 random bytes that seal the stored passwords.
    pub pepper_file: Option<PathBuf>,
    /// How much is logged.
    pub log_level: LogLevel,
    /// Threads that serve connections; `None` is one for each processor.
    pub worker_threads: Option<usize>,
    /// The domains that are served: at least one, each once.
    pub hosts: Vec<Host>,
    /// Where the server listens; no two overlap.
    pub listen: Listen,
    /// Encryption.
    pub tls: Tls,
    /// What clients may take.
    pub limits: Limits,
    /// How long the server waits.
    pub timeouts: Timeouts,
    /// How people show who they are.
    pub auth: Auth,
    /// The database and its disk.
    pub store: Store,
    /// The messages that are kept.
    pub archive: Archive,
    /// What browsers ask.
    pub http: Http,
    /// Files of all domains.
    pub upload: Upload,
    /// The server that gets calls through routers, if there is one.
    pub turn: Option<Turn>,
    /// Challenges of certificate authorities.
    pub acme: Acme,
}

/// A domain that is served.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// The domain.
    pub domain: Domain,
    /// The certificate chain in PEM form.
    pub certificate: PathBuf,
    /// Its private key in PEM form.
    pub key_file: PathBuf,
    /// How passwords are kept.
    pub password_hash: PasswordHash,
    /// Whether messages have to be encrypted end to end.
    pub encryption: Encryption,
    /// How long messages are kept; `None` is as long as the server's are.
    pub retention: Option<Retention>,
    /// Where people reach those who run the server.
    pub contact: Contact,
    /// Its services that have an address of their own; no address is anything else's.
    pub services: Vec<Service>,
    /// Its rooms. They have an address if they are among the services.
    pub rooms: Rooms,
    /// Where its pages and files are, if it is not the domain itself.
    pub web: Option<WebAddress>,
    /// Files that its people upload. They may if the service is among the services.
    pub upload: Uploads,
    /// How people get an account.
    pub invites: Invites,
}

impl Host {
    /// The address of that service, if the host has it.
    pub fn service(&self, kind: ServiceKind) -> Option<&Domain> {
        let mut services = self.services.iter();
        services.find(|service| service.kind == kind).map(|service| &service.domain)
    }

    /// Whether accounts of a domain of this server may use the host's service of that kind.
    pub fn admits(&self, kind: ServiceKind, domain: &str) -> bool {
        domain == self.domain.as_str()
            || (kind == ServiceKind::Rooms && self.rooms.users == RoomUsers::Server)
    }
}

/// Where the server listens. An IPv6 listener must be made for IPv6 only (`IPV6_V6ONLY`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Clients that begin with STARTTLS.
    pub c2s: Vec<SocketAddr>,
    /// Clients that begin with TLS.
    pub c2s_tls: Vec<SocketAddr>,
    /// HTTP, and XMPP where it is asked for, inside TLS.
    pub https: Vec<SocketAddr>,
    /// HTTP behind a web server on this machine: loopback addresses.
    pub http: Vec<SocketAddr>,
    /// Certificate authorities, in clear.
    pub acme: Vec<SocketAddr>,
    /// The operator's: loopback addresses.
    pub local: Vec<SocketAddr>,
    /// Who begins connections with the PROXY protocol.
    pub proxies: Vec<Network>,
}

impl Config {
    /// Reads the file at `path`, of at most 1 MiB, and checks it. The credentials that it names are those
    /// of this process.
    pub fn load(path: &Path, check: Check) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|error| ConfigErrors::unreadable(&name, error))?;
        Self::parse_with(&text, &name, check, Credentials::of_this_process())
    }

    /// Checks a text where there are no credentials; `name` is what messages call the file.
    pub fn parse(
        text: &str,
        name: &str,
        check: Check,
    ) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        Self::parse_with(text, name, check, Credentials::default())
    }

    /// The same, with these credentials.
    pub fn parse_with(
        text: &str,
        name: &str,
        check: Check,
        credentials: Credentials,
    ) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let mut report = Report::new(name, text).with(credentials);
        let file = syntax::read::<File>(text, &mut report);
        let config = file.and_then(|file| settle::settle(file, check, &mut report));
        report.finish(config)
    }

    /// What the service at an address does, and the host that it belongs to.
    pub fn service(&self, domain: &str) -> Option<(ServiceKind, &Host)> {
        self.hosts.iter().find_map(|host| {
            let service = host.services.iter().find(|service| service.domain.as_str() == domain)?;
            Some((service.kind, host))
        })
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read: {error}; correct the path or its permissions"))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("is larger than {LARGEST_FILE} bytes; it cannot be a configuration"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8 text in line {line}; save it as UTF-8")
    })
}
