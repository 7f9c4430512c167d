//! A login: the mechanisms of a domain on one connection, and the exchange of one attempt.
//!
//! Knows nothing of XML, so that SASL and SASL2 share it.

use super::accounts::{AccountError, Found, Hashing};
use super::password::{Credentials, Password};
use super::scram::{
    AwaitingFinal, ChannelBinding, ClientFirst, Condition, Iterations, Mechanism, ScramError,
    ServerNonce,
};
use super::throttle::Attempt;
use super::{ChannelBindings, SaslError};
use crate::config::PasswordHash;
use crate::jid::{BareJid, Domain, Localpart};
use crate::net::Peer;
use crate::server::Server;

/// RFC 4616.
const PLAIN: &str = "PLAIN";

/// RFC 4616 §2: three parts of at most 255 octets for the names, and a password of 1023.
const MAX_PLAIN: usize = 4096;

/// What a domain offers on one connection.
#[derive(Debug)]
pub struct Login<'a> {
    server: &'a Server,
    domain: Domain,
    bindings: &'a ChannelBindings,
    peer: Peer,
    hashing: Hashing,
}

/// An attempt under way.
pub struct Exchange(State);

enum State {
    ScramFirst(Mechanism),
    ScramFinal { awaiting: Box<AwaitingFinal>, found: Box<Found> },
    Plain,
}

/// What follows from a client's message.
pub enum Step {
    /// The server has something to say and waits for an answer.
    Challenge {
        /// What it says.
        data: Vec<u8>,
        /// Where it goes on.
        next: Exchange,
    },
    /// The client is who it says.
    Done {
        /// Who.
        account: BareJid,
        /// What the success carries: the server's proof.
        data: Vec<u8>,
    },
}

impl<'a> Login<'a> {
    /// What `domain` offers to that peer.
    pub fn new(
        server: &'a Server,
        domain: &Domain,
        bindings: &'a ChannelBindings,
        peer: Peer,
    ) -> Self {
        let hashing = server.hashing(domain);
        Login { server, domain: domain.clone(), bindings, peer, hashing }
    }

    /// The names of the mechanisms, the best first. The list of a host is stable: clients pin what
    /// they saw, so nothing that was offered once disappears.
    pub fn mechanisms(&self) -> impl Iterator<Item = &'static str> {
        let scram = self.scram().map(Mechanism::name);
        scram.chain((self.hashing.kind == PasswordHash::Argon2id).then_some(PLAIN))
    }

    /// The channel bindings that can be used here (XEP-0440).
    pub fn bindings(&self) -> impl Iterator<Item = ChannelBinding> {
        let plus = self.scram().any(|mechanism| mechanism.plus);
        ChannelBinding::ALL.into_iter().filter(move |kind| plus && self.binding(*kind).is_some())
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// `invalid-mechanism`: it was not offered.
    pub fn begin(&self, mechanism: &str) -> Result<Exchange, SaslError> {
        if mechanism == PLAIN && self.hashing.kind == PasswordHash::Argon2id {
            return Ok(Exchange(State::Plain));
        }
        let scram = self.scram().find(|offered| offered.name() == mechanism);
        scram.map(|scram| Exchange(State::ScramFirst(scram))).ok_or(SaslError::InvalidMechanism)
    }

    /// Takes what the client says.
    ///
    /// # Errors
    /// The attempt failed; wrong passwords have been counted.
    pub async fn step(&self, exchange: Exchange, input: &[u8]) -> Result<Step, SaslError> {
        match exchange.0 {
            State::ScramFirst(mechanism) => self.scram_first(mechanism, input).await,
            State::ScramFinal { awaiting, found } => self.scram_final(*awaiting, *found, input),
            State::Plain => self.plain(input).await,
        }
    }

    fn scram(&self) -> impl Iterator<Item = Mechanism> {
        let bound = ChannelBinding::ALL.into_iter().any(|kind| self.binding(kind).is_some());
        let offered = self.hashing.kind == PasswordHash::Scram;
        Mechanism::ALL.into_iter().filter(move |mechanism| offered && (bound || !mechanism.plus))
    }

    fn binding(&self, kind: ChannelBinding) -> Option<&[u8]> {
        match kind {
            ChannelBinding::TlsExporter => self.bindings.exporter.as_deref(),
            ChannelBinding::TlsServerEndPoint => self.bindings.server_end_point.as_deref(),
        }
    }

    async fn scram_first(&self, mechanism: Mechanism, input: &[u8]) -> Result<Step, SaslError> {
        let supported: Vec<_> = self.bindings().collect();
        let first = ClientFirst::parse(mechanism, !supported.is_empty(), &supported, input)?;
        let found = self.look_up(first.username(), first.authzid()).await?;
        let keys = found.credentials.keys(mechanism.hash).ok_or(SaslError::NotAuthorized)?.clone();
        let nonce = ServerNonce::from_random(self.server.accounts.random()?);
        let (data, awaiting) = first.challenge(keys, &nonce, None);
        let (awaiting, found) = (Box::new(awaiting), Box::new(found));
        Ok(Step::Challenge { data, next: Exchange(State::ScramFinal { awaiting, found }) })
    }

    fn scram_final(
        &self,
        awaiting: AwaitingFinal,
        found: Found,
        input: &[u8],
    ) -> Result<Step, SaslError> {
        self.admit(&found.account)?;
        let binding = awaiting.binding().and_then(|kind| self.binding(kind));
        match awaiting.finish(input, binding) {
            Ok(data) => self.welcome(found, data),
            Err(error) => {
                if error.is_guess() {
                    self.count_failure(&found.account);
                }
                Err(error.into())
            }
        }
    }

    /// RFC 4616 §2: authorization identity, NUL, name, NUL, password.
    async fn plain(&self, input: &[u8]) -> Result<Step, SaslError> {
        if input.len() > MAX_PLAIN {
            return Err(SaslError::MalformedRequest);
        }
        let text = std::str::from_utf8(input).map_err(|_| SaslError::MalformedRequest)?;
        let mut parts = text.split('\0');
        let (Some(authzid), Some(name), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SaslError::MalformedRequest);
        };
        let password = Password::new(password).map_err(|_| SaslError::NotAuthorized)?;
        let authzid = Some(authzid).filter(|authzid| !authzid.is_empty());
        let found = self.look_up(name, authzid).await?;
        // Attempts wait for their turn first: many at once are judged one after the other.
        let turn = self.server.accounts.turn().await?;
        self.admit(&found.account)?;
        let credentials = found.credentials.clone();
        let verify = move || Credentials::verify_plain(&credentials, &password);
        let is_right = turn.hash(verify).await;
        if !matches!(is_right, Ok((true, _))) {
            self.count_failure(&found.account);
        }
        // The turn ends when the failure is counted.
        let (is_right, turn) = is_right?;
        drop(turn);
        if is_right { self.welcome(found, Vec::new()) } else { Err(SaslError::NotAuthorized) }
    }

    /// The account of that name. A name that cannot be one is treated as one that nobody has.
    async fn look_up(&self, name: &str, authzid: Option<&str>) -> Result<Found, SaslError> {
        let local = Localpart::parse(name).map_err(|_| SaslError::NotAuthorized)?;
        let account = BareJid::new(Some(local), self.domain.clone());
        // RFC 6120 §6.3.8: nobody acts for somebody else here.
        let honest = |authzid| BareJid::parse(authzid).is_ok_and(|authzid| authzid == account);
        if !authzid.is_none_or(honest) {
            return Err(SaslError::InvalidAuthzid);
        }
        Ok(self.server.accounts.look_up(account, self.hashing).await?)
    }

    /// Right before a password is verified: may this be tried at all?
    fn admit(&self, account: &BareJid) -> Result<(), SaslError> {
        let attempt = Attempt { account, address: self.peer.ip() };
        let now = self.server.clock.now();
        let allowed = self.server.accounts.throttle(|throttle| throttle.check(now, &attempt));
        allowed.map_err(|_| SaslError::TemporaryAuthFailure)
    }

    fn count_failure(&self, account: &BareJid) {
        let attempt = Attempt { account, address: self.peer.ip() };
        let now = self.server.clock.now();
        self.server.accounts.throttle(|throttle| throttle.failed(now, &attempt));
    }

    /// The password was right. Only now may the client learn anything about the account.
    fn welcome(&self, found: Found, data: Vec<u8>) -> Result<Step, SaslError> {
        match found.record {
            None => Err(SaslError::NotAuthorized),
            Some(record) if record.disabled => Err(SaslError::AccountDisabled),
            Some(_) => Ok(Step::Done { account: found.account, data }),
        }
    }
}

impl From<ScramError> for SaslError {
    fn from(error: ScramError) -> Self {
        match error.condition() {
            Condition::InvalidAuthzid => SaslError::InvalidAuthzid,
            Condition::MalformedRequest => SaslError::MalformedRequest,
            Condition::NotAuthorized => SaslError::NotAuthorized,
        }
    }
}

impl From<AccountError> for SaslError {
    fn from(error: AccountError) -> Self {
        // The operator reads what is wrong; the client only that it is not its fault.
        tracing::error!(%error, "a login could not be checked");
        SaslError::TemporaryAuthFailure
    }
}

impl Hashing {
    /// How passwords are kept, from what the configuration says.
    pub fn new(kind: PasswordHash, iterations: u32) -> Self {
        Hashing { kind, iterations: Iterations::new(iterations).unwrap_or(Iterations::DEFAULT) }
    }
}
