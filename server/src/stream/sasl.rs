//! SASL, RFC 6120 §6: the only thing that a protected connection understands before its login.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::StreamError;
use super::bind::Authenticated;
use super::features::{self, StreamPhase};
use super::header::unknown_host;
use super::transport::{Closed, Ended, Transport};
use crate::auth::{ChannelBindings, Login, SaslError, Step};
use crate::jid::{BareJid, Domain};
use crate::net::Peer;
use crate::ns;
use crate::server::Server;
use crate::xml::Element;

/// A connection inside TLS.
#[derive(Debug)]
pub struct Secured<S> {
    transport: Transport<S>,
    bindings: ChannelBindings,
    peer: Peer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secured<S> {
    /// A connection whose handshake is done.
    pub fn new(transport: Transport<S>, bindings: ChannelBindings, peer: Peer) -> Self {
        Secured { transport, bindings, peer }
    }

    /// Talks until the client has shown who it is.
    ///
    /// # Errors
    /// The stream ended.
    pub async fn authenticate(mut self, server: &Server) -> Result<Authenticated<S>, Ended<S>> {
        // Read before any password is verified.
        let changes = server.accounts.changes();
        match self.talk(server).await {
            Ok(account) => Ok(Authenticated { transport: self.transport, account, changes }),
            Err(why) => Err(Ended { transport: self.transport, why }),
        }
    }

    async fn talk(&mut self, server: &Server) -> Result<BareJid, Closed> {
        let opening = self.transport.opening().await?;
        let domain = opening.to.filter(|to| server.serves(to.as_str())).ok_or_else(unknown_host)?;
        self.transport.open(&domain, opening.from.as_ref(), &server.stream_id());
        let bindings = std::mem::take(&mut self.bindings);
        let login = Login::new(server, &domain, &bindings, self.peer);
        let mut offer = features::offer(server, StreamPhase::Secured, &domain);
        offer.push_child(mechanisms(&login));
        if let Some(bindings) = channel_bindings(&login) {
            offer.push_child(bindings);
        }
        self.transport.send(&offer).await?;
        let account = self.attempts(server, &domain, &login).await?;
        self.transport.restart();
        self.transport.set_limits(server.limits_after_login());
        Ok(account)
    }

    /// RFC 6120 §6.4.5: a client may try again, but not for ever.
    async fn attempts(
        &mut self,
        server: &Server,
        domain: &Domain,
        login: &Login<'_>,
    ) -> Result<BareJid, Closed> {
        for _ in 0..server.config().limits.sasl_attempts {
            let element = self.transport.element().await?;
            if !element.is(ns::SASL, "auth") {
                return Err(StreamError::not_authorized("log in first").into());
            }
            match self.attempt(login, &element).await? {
                Ok(account) => return Ok(account),
                Err(error) => {
                    tracing::info!(%domain, condition = error.as_str(), "login failed");
                    self.transport.send(&failure(error)).await?;
                }
            }
        }
        Err(StreamError::policy_violation("too many failed logins").into())
    }

    /// One exchange, from `<auth/>` to its end.
    async fn attempt(
        &mut self,
        login: &Login<'_>,
        auth: &Element,
    ) -> Result<Result<BareJid, SaslError>, Closed> {
        let mut exchange = match login.begin(auth.attr("mechanism").unwrap_or_default()) {
            Ok(exchange) => exchange,
            Err(error) => return Ok(Err(error)),
        };
        let mut input = match initial_response(auth) {
            Err(error) => return Ok(Err(error)),
            Ok(Some(input)) => input,
            // RFC 6120 §6.4.2: no initial response; an empty challenge asks for it.
            Ok(None) => match self.challenge(b"").await? {
                Ok(input) => input,
                Err(error) => return Ok(Err(error)),
            },
        };
        loop {
            match login.step(exchange, &input).await {
                Err(error) => return Ok(Err(error)),
                Ok(Step::Done { account, data }) => {
                    let success = Element::new(ns::SASL, "success");
                    self.transport.send(&success.with_text(STANDARD.encode(data))).await?;
                    return Ok(Ok(account));
                }
                Ok(Step::Challenge { data, next }) => {
                    exchange = next;
                    input = match self.challenge(&data).await? {
                        Ok(input) => input,
                        Err(error) => return Ok(Err(error)),
                    };
                }
            }
        }
    }

    /// Sends a challenge and waits for the response, or the client's `<abort/>`.
    async fn challenge(&mut self, data: &[u8]) -> Result<Result<Vec<u8>, SaslError>, Closed> {
        let challenge = Element::new(ns::SASL, "challenge").with_text(STANDARD.encode(data));
        self.transport.send(&challenge).await?;
        let element = self.transport.element().await?;
        if element.is(ns::SASL, "abort") {
            return Ok(Err(SaslError::Aborted));
        }
        if !element.is(ns::SASL, "response") {
            return Err(StreamError::not_authorized("the login is not finished").into());
        }
        Ok(decode(&element.text()))
    }
}

fn mechanisms(login: &Login<'_>) -> Element {
    let names = login.mechanisms().map(|name| Element::new(ns::SASL, "mechanism").with_text(name));
    Element::new(ns::SASL, "mechanisms").with_children(names)
}

/// XEP-0440: which channel bindings can be used here.
fn channel_bindings(login: &Login<'_>) -> Option<Element> {
    let mut types = login.bindings().peekable();
    types.peek()?;
    let types = types.map(|kind| {
        Element::new(ns::SASL_CHANNEL_BINDING, "channel-binding").with_attr("type", kind.name())
    });
    Some(Element::new(ns::SASL_CHANNEL_BINDING, "sasl-channel-binding").with_children(types))
}

/// RFC 6120 §6.4.2: nothing, or data; `=` stands for data of no length.
fn initial_response(auth: &Element) -> Result<Option<Vec<u8>>, SaslError> {
    match auth.text().as_ref() {
        "" => Ok(None),
        "=" => Ok(Some(Vec::new())),
        text => decode(text).map(Some),
    }
}

/// RFC 6120 §6.3.5: base64 without white space or anything else around it.
fn decode(text: &str) -> Result<Vec<u8>, SaslError> {
    STANDARD.decode(text).map_err(|_| SaslError::IncorrectEncoding)
}

fn failure(error: SaslError) -> Element {
    Element::new(ns::SASL, "failure").with_child(Element::new(ns::SASL, error.as_str()))
}
