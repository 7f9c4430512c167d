//! The server's state: everything that connections share. There are no globals; two servers can
//! run in one process.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::{Accounts, Hashing};
use crate::clock::{Clock, Ids, Timestamp};
use crate::config::{Config, PasswordHash};
use crate::feature::Features;
use crate::jid::{Domain, Resource};
use crate::net::tls::Certificates;
use crate::router::{AccountLocks, Sessions};
use crate::stanza::{Condition, StanzaError};
use crate::store::Store;
use crate::xml::{Limits, Total};

/// What one running server consists of.
#[derive(Debug)]
pub struct Server {
    /// Who may log in.
    pub accounts: Accounts,
    /// What is kept.
    pub store: Store,
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
    /// Ids of stanzas, in the order in which the server took them.
    pub ids: Ids,
    live: RwLock<Live>,
    random: SystemRandom,
}

/// What a reload replaces.
#[derive(Debug)]
struct Live {
    config: Arc<Config>,
    certificates: Arc<Certificates>,
}

impl Server {
    /// Puts the parts together. Nothing listens yet.
    pub fn new(
        config: Arc<Config>,
        certificates: Certificates,
        store: Store,
        accounts: Accounts,
        features: Features,
        clock: Clock,
    ) -> Self {
        Server {
            accounts,
            store,
            sessions: Sessions::default(),
            locks: AccountLocks::default(),
            features,
            started: clock.now(),
            clock,
            ids: Ids::default(),
            live: RwLock::new(Live { config, certificates: Arc::new(certificates) }),
            random: SystemRandom::new(),
        }
    }

    /// The configuration at this moment.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// The certificates at this moment.
    pub fn certificates(&self) -> Arc<Certificates> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner).certificates)
    }

    /// Puts a new configuration and new certificates in place. Connections stay.
    pub fn replace(&self, config: Arc<Config>, certificates: Certificates) {
        let certificates = Arc::new(certificates);
        let live = Live { config, certificates };
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
    }

    /// Whether a domain is one of this server's.
    pub fn serves(&self, domain: &str) -> bool {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.config.hosts.iter().any(|host| host.domain.as_str() == domain)
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
