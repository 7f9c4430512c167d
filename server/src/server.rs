//! The server's state: everything that connections share. There are no globals; two servers can
//! run in one process.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::runtime::Handle;

use crate::archive::Archive;
use crate::auth::{Accounts, Hashing};
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, Encryption, PasswordHash, Rooms, ServiceKind, Turn, TurnSecret};
use crate::console::gate::Gate;
use crate::feature::Features;
use crate::jid::{Domain, Resource};
use crate::metrics::{FailureKind, Metrics, StoreMeter};
use crate::net::tls::Certificates;
use crate::retention::Retentions;
use crate::router::{AccountLocks, Journal, Lanes, Sessions, Streams};
use crate::stanza::{Condition, StanzaError};
use crate::store::{Disk, Store};
use crate::xml::{Limits, Total};

/// The port that is not written in an address (RFC 9110 §4.2.2).
const HTTPS: u16 = 443;

/// What one running server consists of.
#[derive(Debug)]
pub struct Server {
    /// Who may log in.
    pub accounts: Accounts,
    /// What is kept, but for messages.
    pub store: Store,
    /// Messages that are kept.
    pub archive: Archive,
    /// How long messages of single accounts are kept.
    pub retentions: Retentions,
    /// Who is online.
    pub sessions: Sessions,
    /// One change at a time per account.
    pub locks: AccountLocks,
    /// What the features declared.
    pub features: Features,
    /// The time.
    pub clock: Clock,
    /// When this server was put together.
    pub started: Timestamp,
    /// What has to wait for an account.
    pub lanes: Lanes,
    /// Streams that can be resumed.
    pub streams: Streams,
    /// Which of them have changed.
    pub journal: Journal,
    /// The disk below the data directory.
    pub disk: Disk,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where it listens for HTTP, once it does.
    pub addresses: OnceLock<Addresses>,
    /// Where tasks run: the threads of the store are none of the runtime's own.
    pub runtime: Handle,
    /// Who may look at the console.
    pub console: Gate,
    serving: AtomicBool,
    live: RwLock<Live>,
    random: SystemRandom,
}

/// Where a server listens for HTTP.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// Inside TLS.
    pub https: Vec<SocketAddr>,
    /// Behind a web server of this machine.
    pub http: Vec<SocketAddr>,
    /// For certificate authorities.
    pub acme: Vec<SocketAddr>,
    /// For the operator.
    pub local: Vec<SocketAddr>,
}

/// What a server is put together from.
#[derive(Debug)]
pub struct Parts {
    /// The configuration to begin with.
    pub config: Arc<Config>,
    /// The certificates to begin with.
    pub certificates: Certificates,
    /// What is shared with the TURN server to begin with.
    pub turn_secret: Option<TurnSecret>,
    /// As in [`Server`].
    pub store: Store,
    /// As in [`Server`].
    pub archive: Archive,
    /// As in [`Server`].
    pub retentions: Retentions,
    /// As in [`Server`].
    pub accounts: Accounts,
    /// As in [`Server`].
    pub features: Features,
    /// As in [`Server`].
    pub clock: Clock,
    /// As in [`Server`].
    pub disk: Disk,
    /// What the store counts.
    pub meter: Arc<StoreMeter>,
}

/// What a reload replaces.
#[derive(Debug)]
struct Live {
    config: Arc<Config>,
    certificates: Arc<Certificates>,
    turn_secret: Option<Arc<TurnSecret>>,
}

impl Live {
    fn new(
        config: Arc<Config>,
        certificates: Certificates,
        turn_secret: Option<TurnSecret>,
    ) -> Self {
        let certificates = Arc::new(certificates);
        Live { config, certificates, turn_secret: turn_secret.map(Arc::new) }
    }
}

impl Server {
    /// Puts the parts together, inside a runtime. Nothing listens yet.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            config,
            certificates,
            turn_secret,
            store,
            archive,
            retentions,
            accounts,
            features,
            clock,
            ..
        } = parts;
        let metrics = Arc::new(Metrics::new(parts.meter, Arc::clone(archive.meter())));
        Server {
            metrics,
            disk: parts.disk,
            serving: AtomicBool::new(false),
            accounts,
            store,
            archive,
            retentions,
            sessions: Sessions::default(),
            locks: AccountLocks::default(),
            features,
            started: clock.now(),
            clock,
            lanes: Lanes::default(),
            streams: Streams::default(),
            journal: Journal::default(),
            addresses: OnceLock::new(),
            runtime: Handle::current(),
            console: Gate::default(),
            live: RwLock::new(Live::new(config, certificates, turn_secret)),
            random: SystemRandom::new(),
        }
    }

    /// Writes what is queued and closes what is kept. The archive goes first: what is done when a message is
    /// kept writes to the store.
    pub async fn close(&self) {
        self.archive.clone().close().await;
        self.store.clone().close().await;
    }

    /// The configuration at this moment.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// The certificates at this moment.
    pub fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner).certificates)
    }

    /// The TURN server at this moment, and what is shared with it.
    pub fn turn(&self) -> Option<(Turn, Arc<TurnSecret>)> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        Some((live.config.turn.clone()?, Arc::clone(live.turn_secret.as_ref()?)))
    }

    /// Puts a new configuration and what is read with it in place. Connections stay.
    pub fn replace(
        &self,
        config: Arc<Config>,
        certificates: Certificates,
        turn_secret: Option<TurnSecret>,
    ) {
        let live = Live::new(config, certificates, turn_secret);
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
    }

    /// Whether the server takes connections.
    pub fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Acquire)
    }

    /// It does from now on, or not any more.
    pub fn set_serving(&self, to: bool) {
        self.serving.store(to, Ordering::Release);
    }

    /// Something went wrong that an operator may want to look at. `domain` is one of this server's,
    /// `condition` a word of a protocol: nothing that a peer wrote, no address and no name.
    pub fn failed(&self, kind: FailureKind, domain: Option<&str>, condition: &str) {
        self.metrics.failed(self.clock.now(), kind, domain, condition);
    }

    /// Whether a domain is one of this server's.
    pub fn serves(&self, domain: &str) -> bool {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.config.hosts.iter().any(|host| host.domain.as_str() == domain)
    }

    /// Whether a domain wants messages encrypted end to end; its services want what it does. Nothing
    /// of one that is not served.
    pub fn encryption(&self, domain: &str) -> Encryption {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let host = live.config.hosts.iter().find(|host| host.domain.as_str() == domain);
        let host = host.or_else(|| live.config.service(domain).map(|(_, host)| host));
        host.map_or(Encryption::Off, |host| host.encryption)
    }

    /// What the service at an address does, and the domain whose accounts it is for.
    pub fn service(&self, domain: &str) -> Option<(ServiceKind, Domain)> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.config.service(domain).map(|(kind, host)| (kind, host.domain.clone()))
    }

    /// What holds for the rooms at an address, and the domain that they belong to; nothing of an
    /// address that is no rooms'.
    pub fn rooms(&self, domain: &str) -> Option<(Rooms, Domain)> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let (kind, host) = live.config.service(domain)?;
        (kind == ServiceKind::Rooms).then(|| (host.rooms.clone(), host.domain.clone()))
    }

    /// Whether accounts of a domain may use the rooms at an address.
    pub fn may_use_rooms(&self, rooms: &str, domain: &str) -> bool {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let service = live.config.service(rooms).filter(|(kind, _)| *kind == ServiceKind::Rooms);
        service.is_some_and(|(kind, host)| host.admits(kind, domain))
    }

    /// Whether this server speaks for an address: a domain of its own, or a service of one.
    pub fn speaks_for(&self, domain: &str) -> bool {
        self.serves(domain) || self.service(domain).is_some()
    }

    /// Where clients find the pages and files of a domain, without a slash at the end.
    pub fn web(&self, domain: &Domain) -> String {
        let config = self.config();
        let host = config.hosts.iter().find(|host| host.domain == *domain);
        if let Some(web) = host.and_then(|host| host.web.as_ref()) {
            return web.as_str().to_owned();
        }
        let listening = self.addresses.get().map_or(&config.listen.https, |it| &it.https);
        match listening.first().map(SocketAddr::port) {
            None | Some(HTTPS) => format!("https://{}", domain.as_str()),
            Some(port) => format!("https://{}:{port}", domain.as_str()),
        }
    }

    /// Whether a page in a browser may connect: one of our own, or one that the operator has named.
    pub fn allows_origin(&self, origin: &str) -> bool {
        let config = self.config();
        config.http.origins.iter().any(|allowed| allowed.allows(origin))
            || config.hosts.iter().any(|host| self.web(&host.domain).eq_ignore_ascii_case(origin))
    }

    /// What a peer may send before it has logged in.
    pub fn limits_before_login(&self) -> Limits {
        let limits = &self.config().limits;
        let bytes = limits.login_bytes.as_u64();
        Limits {
            max_bytes: limits.login_bytes.as_usize(),
            total: Some(Total { bytes, elements: saturated(limits.login_elements) }),
            ..self.limits_after_login()
        }
    }

    /// What a peer may send after it has logged in.
    pub fn limits_after_login(&self) -> Limits {
        let limits = &self.config().limits;
        Limits {
            max_bytes: limits.stanza_bytes.as_usize(),
            max_depth: saturated(limits.stanza_depth),
            max_attributes: saturated(limits.stanza_attributes),
            total: None,
        }
    }

    /// How a domain keeps passwords.
    pub fn hashing(&self, domain: &Domain) -> Hashing {
        let config = self.config();
        let host = config.hosts.iter().find(|host| host.domain == *domain);
        let kind = host.map_or(PasswordHash::Scram, |host| host.password_hash);
        Hashing::new(kind, config.auth.scram_iterations)
    }

    /// An id for a stream or a request: 96 random bits, so that it can neither be guessed nor repeat.
    pub fn stream_id(&self) -> String {
        self.random_text().unwrap_or_default()
    }

    /// A resource of the server's making, RFC 6120 §7.6.
    ///
    /// # Errors
    /// The machine has no random numbers.
    pub fn random_resource(&self) -> Result<Resource, StanzaError> {
        let text = self.random_text().ok_or(Condition::InternalServerError)?;
        Ok(Resource::parse(&text)?)
    }

    /// 96 random bits in 16 letters, digits, `-` and `_`.
    fn random_text(&self) -> Option<String> {
        let mut bytes = [0; 12];
        self.random.fill(&mut bytes).ok()?;
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// A bound as the XML layer counts it.
fn saturated(bound: usize) -> u32 {
    u32::try_from(bound).unwrap_or(u32::MAX)
}
