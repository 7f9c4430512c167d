//! A login: the mechanisms of a domain on one connection, and the exchange of one attempt.
//!
//! Knows nothing of XML, so that SASL and SASL2 share it.

use super::accounts::{AccountError, Found, Hashing};
use super::hashed_token::{self, HashedToken};
use super::password::{Credentials, Password};
use super::scram::{
    AwaitingFinal, ChannelBinding, ClientFirst, Condition, Hash, Iterations, Keys, Mechanism,
    Offer, ScramError, ServerNonce,
};
use super::tokens::{Claim, Fast};
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
    hashes: Vec<Hash>,
}

/// An attempt under way.
pub struct Exchange {
    state: State,
    /// Who alone it may be for.
    only: Option<BareJid>,
}

enum State {
    ScramFirst(Mechanism),
    ScramFinal { awaiting: Box<AwaitingFinal>, found: Box<Found>, keys: Box<Keys> },
    Plain,
    Token(HashedToken, Fast),
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
        /// What the success carries: the server's proof. Empty if there is none.
        data: Vec<u8>,
        /// How that was shown.
        proof: Proof,
    },
}

/// How a client has shown who it is.
pub enum Proof {
    /// It knows the password; with SCRAM, that of these keys.
    Password(Option<Box<Keys>>),
    /// It has a token.
    Token {
        /// What the token is good for.
        mechanism: HashedToken,
        /// Whether it is to be given another one.
        due: bool,
    },
}

impl<'a> Login<'a> {
    /// What `domain` offers to that peer, who says that it is `from`.
    ///
    /// XEP-0388 §"SASL mechanism negotiation": only what that account can use. One that has keys
    /// for all hashes, as every account that was made here, looks like one that does not exist.
    pub async fn new(
        server: &'a Server,
        domain: &Domain,
        from: Option<&BareJid>,
        bindings: &'a ChannelBindings,
        peer: Peer,
    ) -> Self {
        let hashing = server.hashing(domain);
        let hashes = match from {
            Some(from) if hashing.kind == PasswordHash::Scram => server.accounts.hashes(from).await,
            _ => Hash::ALL.to_vec(),
        };
        Login { server, domain: domain.clone(), bindings, peer, hashing, hashes }
    }

    /// The domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
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

    /// The mechanisms for tokens (XEP-0484), the better first.
    pub fn token_mechanisms(&self) -> impl Iterator<Item = HashedToken> {
        let usable = |binding| self.binding(binding).is_some();
        HashedToken::ALL.into_iter().filter(move |token| token.binding().is_none_or(usable))
    }

    /// The hashes for which the account that the peer says it is lacks keys, the best first
    /// (XEP-0480).
    pub fn upgrades(&self) -> impl Iterator<Item = Hash> {
        let newer = [Hash::Sha512, Hash::Sha256];
        newer.into_iter().filter(|hash| !self.hashes.contains(hash))
    }

    /// How many rounds new keys are made with.
    pub fn iterations(&self) -> Iterations {
        self.hashing.iterations
    }

    /// Begins an attempt; `only` is who alone it may be for.
    ///
    /// # Errors
    /// `invalid-mechanism`: it was not offered.
    pub fn begin(&self, mechanism: &str, only: Option<&BareJid>) -> Result<Exchange, SaslError> {
        let plain = mechanism == PLAIN && self.hashing.kind == PasswordHash::Argon2id;
        let scram = self.scram().find(|offered| offered.name() == mechanism);
        let state = match scram {
            Some(scram) => State::ScramFirst(scram),
            None if plain => State::Plain,
            None => return Err(SaslError::InvalidMechanism),
        };
        Ok(Exchange { state, only: only.cloned() })
    }

    /// Begins an attempt with a token.
    ///
    /// # Errors
    /// `invalid-mechanism`: it was not offered for tokens.
    pub fn begin_with_token(
        &self,
        mechanism: &str,
        only: Option<&BareJid>,
        fast: Fast,
    ) -> Result<Exchange, SaslError> {
        let mechanism = self.token_mechanisms().find(|offered| offered.name() == mechanism);
        let state = State::Token(mechanism.ok_or(SaslError::InvalidMechanism)?, fast);
        Ok(Exchange { state, only: only.cloned() })
    }

    /// Takes what the client says.
    ///
    /// # Errors
    /// The attempt failed; wrong passwords have been counted.
    pub async fn step(&self, exchange: Exchange, input: &[u8]) -> Result<Step, SaslError> {
        let only = exchange.only.as_ref();
        match exchange.state {
            State::ScramFirst(mechanism) => self.scram_first(mechanism, only, input).await,
            State::ScramFinal { awaiting, found, keys } => {
                self.scram_final(*awaiting, *found, keys, input)
            }
            State::Plain => self.plain(only, input).await,
            State::Token(mechanism, fast) => self.token(mechanism, &fast, only, input).await,
        }
    }

    fn scram(&self) -> impl Iterator<Item = Mechanism> {
        let bound = ChannelBinding::ALL.into_iter().any(|kind| self.binding(kind).is_some());
        let offered = self.hashing.kind == PasswordHash::Scram;
        let usable = move |mechanism: &Mechanism| {
            offered && self.hashes.contains(&mechanism.hash) && (bound || !mechanism.plus)
        };
        Mechanism::ALL.into_iter().filter(usable)
    }

    fn binding(&self, kind: ChannelBinding) -> Option<&[u8]> {
        match kind {
            ChannelBinding::TlsExporter => self.bindings.exporter.as_deref(),
            ChannelBinding::TlsServerEndPoint => self.bindings.server_end_point.as_deref(),
        }
    }

    async fn scram_first(
        &self,
        mechanism: Mechanism,
        only: Option<&BareJid>,
        input: &[u8],
    ) -> Result<Step, SaslError> {
        let supported: Vec<_> = self.bindings().collect();
        let first = ClientFirst::parse(mechanism, !supported.is_empty(), &supported, input)?;
        let found = self.look_up(first.username(), first.authzid(), only).await?;
        let keys = found.credentials.keys(mechanism.hash).ok_or(SaslError::NotAuthorized)?.clone();
        let nonce = ServerNonce::from_random(self.server.accounts.random()?);
        // XEP-0474: SASL and SASL2 offer the same. Mechanisms for tokens are not part of it.
        let mechanisms: Vec<_> = self.mechanisms().collect();
        let bindings: Vec<_> = supported.iter().map(|binding| binding.name()).collect();
        let announced = Some(&*bindings).filter(|bindings| !bindings.is_empty());
        let offer = Offer { mechanisms: &mechanisms, bindings: announced };
        let (data, awaiting) = first.challenge(keys.clone(), &nonce, Some(&offer));
        let (awaiting, found, keys) = (Box::new(awaiting), Box::new(found), Box::new(keys));
        let state = State::ScramFinal { awaiting, found, keys };
        Ok(Step::Challenge { data, next: Exchange { state, only: None } })
    }

    fn scram_final(
        &self,
        awaiting: AwaitingFinal,
        found: Found,
        keys: Box<Keys>,
        input: &[u8],
    ) -> Result<Step, SaslError> {
        self.admit(&found.account)?;
        let binding = awaiting.binding().and_then(|kind| self.binding(kind));
        match awaiting.finish(input, binding) {
            Ok(data) => self.welcome(found, data, Some(keys)),
            Err(error) => {
                if error.is_guess() {
                    self.count_failure(&found.account);
                }
                Err(error.into())
            }
        }
    }

    /// RFC 4616 §2: authorization identity, NUL, name, NUL, password.
    async fn plain(&self, only: Option<&BareJid>, input: &[u8]) -> Result<Step, SaslError> {
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
        let found = self.look_up(name, authzid, only).await?;
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
        if is_right { self.welcome(found, Vec::new(), None) } else { Err(SaslError::NotAuthorized) }
    }

    /// XEP-0484. The limiter of guesses does not keep a device out whose token is right: a stranger
    /// in the same house must not. A wrong one counts like a wrong password.
    async fn token(
        &self,
        mechanism: HashedToken,
        fast: &Fast,
        only: Option<&BareJid>,
        input: &[u8],
    ) -> Result<Step, SaslError> {
        let (name, proof) = hashed_token::parse(input).ok_or(SaslError::MalformedRequest)?;
        let account = self.account(name, only)?;
        let channel = mechanism.binding().and_then(|kind| self.binding(kind)).unwrap_or_default();
        let claim = Claim { mechanism, channel, proof, fast };
        match self.server.accounts.redeem(&account, &claim).await {
            Ok(redeemed) => {
                let proof = Proof::Token { mechanism, due: redeemed.due };
                Ok(Step::Done { account, data: redeemed.answer, proof })
            }
            Err(error) => {
                if error == SaslError::NotAuthorized {
                    self.count_failure(&account);
                }
                Err(error)
            }
        }
    }

    /// The address of that name. A name that cannot be one is treated as one that nobody has.
    fn account(&self, name: &str, only: Option<&BareJid>) -> Result<BareJid, SaslError> {
        let local = Localpart::parse(name).map_err(|_| SaslError::NotAuthorized)?;
        let account = BareJid::new(Some(local), self.domain.clone());
        if only.is_some_and(|only| *only != account) {
            return Err(SaslError::InvalidAuthzid);
        }
        Ok(account)
    }

    /// The account of that name.
    async fn look_up(
        &self,
        name: &str,
        authzid: Option<&str>,
        only: Option<&BareJid>,
    ) -> Result<Found, SaslError> {
        let account = self.account(name, only)?;
        // RFC 6120 §6.3.8: nobody acts for somebody else here.
        let honest = |authzid| BareJid::parse(authzid).is_ok_and(|authzid| authzid == account);
        if !authzid.is_none_or(honest) {
            return Err(SaslError::InvalidAuthzid);
        }
        Ok(self.server.accounts.look_up(account, self.hashing).await?)
    }

    /// Right before a password is verified: may this be tried at all?
    fn admit(&self, account: &BareJid) -> Result<(), SaslError> {
        let allowed = self.server.accounts.admit(account, self.peer);
        allowed.map_err(|_| SaslError::TemporaryAuthFailure)
    }

    fn count_failure(&self, account: &BareJid) {
        self.server.accounts.count_failure(account, self.peer);
    }

    /// The password was right. Only now may the client learn anything about the account.
    fn welcome(
        &self,
        found: Found,
        data: Vec<u8>,
        keys: Option<Box<Keys>>,
    ) -> Result<Step, SaslError> {
        match found.record {
            None => Err(SaslError::NotAuthorized),
            Some(record) if record.disabled => Err(SaslError::AccountDisabled),
            Some(_) => {
                Ok(Step::Done { account: found.account, data, proof: Proof::Password(keys) })
            }
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
