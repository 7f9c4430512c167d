//! SASL, RFC 6120 §6: what a protected connection understands before its login, in its first form or
//! its second one ([`sasl2`](super::sasl2)); and requests that features answer before it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::StreamError;
use super::before_login::{Answer, Asking};
use super::bind::Authenticated;
use super::features;
use super::header::{Opening, unknown_host};
use super::sasl2::{self, Granted, Proven};
use super::transport::{Closed, Ended, Transport};
use crate::auth::{ChannelBindings, Login, SaslError, Step};
use crate::jid::{BareJid, Domain};
use crate::metrics::FailureKind;
use crate::net::Peer;
use crate::ns;
use crate::server::Server;
use crate::xml::Element;

/// A connection whose user is known.
#[derive(Debug)]
pub enum LoggedIn<S> {
    /// By SASL: the stream begins anew.
    Restart(Box<Authenticated<S>>),
    /// By SASL2: the client has not been answered yet.
    Proven(Box<Proven<S>>),
}

enum Success {
    Restart(BareJid),
    Granted(Box<Granted>),
}

/// A connection inside TLS.
#[derive(Debug)]
pub struct Secured<S> {
    pub(super) transport: Transport<S>,
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
    pub async fn authenticate(mut self, server: &Arc<Server>) -> Result<LoggedIn<S>, Ended<S>> {
        // Read before any password is verified.
        let changes = server.accounts.changes();
        match self.talk(server).await {
            Ok((_, Success::Restart(account))) => {
                let transport = self.transport;
                Ok(LoggedIn::Restart(Box::new(Authenticated { transport, account, changes })))
            }
            Ok((domain, Success::Granted(granted))) => {
                let proven = Proven::new(self.transport, domain, *granted, changes);
                Ok(LoggedIn::Proven(Box::new(proven)))
            }
            Err(why) => Err(Ended { transport: self.transport, why }),
        }
    }

    async fn talk(&mut self, server: &Arc<Server>) -> Result<(Domain, Success), Closed> {
        let Opening { to, from, .. } = self.transport.opening().await?;
        let domain = to.filter(|to| server.serves(to.as_str())).ok_or_else(unknown_host)?;
        self.transport.open(&domain, from.as_ref(), &server.stream_id());
        if from.as_ref().is_some_and(|from| from.domain() != domain.as_str()) {
            // XEP-0388 §"SASL mechanism negotiation", RFC 6120 §4.9.3.9.
            return Err(StreamError::invalid_from("from is of another domain").into());
        }
        let bindings = std::mem::take(&mut self.bindings);
        let login = Login::new(server, &domain, from.as_ref(), &bindings, self.peer).await;
        let mut offer = features::offer(server, features::SECURED, &domain);
        offer.push_child(mechanisms(&login));
        offer.push_child(sasl2::offer(server, &login));
        if let Some(bindings) = channel_bindings(&login) {
            offer.push_child(bindings);
        }
        self.transport.send(&offer).await?;
        let success = self.attempts(server, from.as_ref(), &login).await?;
        if matches!(success, Success::Restart(_)) {
            self.transport.restart();
        }
        self.transport.set_limits(server.limits_after_login());
        Ok((domain, success))
    }

    /// RFC 6120 §6.4.5: a client may try again, but not for ever.
    async fn attempts(
        &mut self,
        server: &Arc<Server>,
        from: Option<&BareJid>,
        login: &Login<'_>,
    ) -> Result<Success, Closed> {
        let mut asking = Asking::new(server, login.domain(), self.peer);
        for _ in 0..server.config().limits.sasl_attempts {
            let element = self.next(&mut asking).await?;
            let (done, profile) = if element.is(ns::SASL, "auth") {
                (self.attempt(login, &element).await?.map(Success::Restart), ns::SASL)
            } else if element.is(ns::SASL2, "authenticate") {
                let done = self.attempt2(server, from, login, &element).await?;
                (done.map(|granted| Success::Granted(Box::new(granted))), ns::SASL2)
            } else {
                return Err(StreamError::not_authorized("log in first").into());
            };
            match done {
                Ok(success) => {
                    server.metrics.logins.count();
                    return Ok(success);
                }
                Err(error) => {
                    let (domain, condition) = (login.domain(), error.as_str());
                    tracing::info!(%domain, condition, "login failed");
                    server.metrics.login_failures.count(condition);
                    server.failed(FailureKind::Login, Some(domain.as_str()), condition);
                    self.transport.send(&failure(profile, error)).await?;
                }
            }
        }
        Err(StreamError::policy_violation("too many failed logins").into())
    }

    /// The next element that is no request of somebody who has not logged in; those are answered.
    async fn next(&mut self, asking: &mut Asking) -> Result<Element, Closed> {
        loop {
            let element = self.transport.element().await?;
            match asking.answer(element).await? {
                Answer::NotMeant(element) => return Ok(element),
                Answer::Given(Some(answer)) => self.transport.send(&answer).await?,
                Answer::Given(None) => {}
            }
        }
    }

    /// One exchange, from `<auth/>` to its end.
    async fn attempt(
        &mut self,
        login: &Login<'_>,
        auth: &Element,
    ) -> Result<Result<BareJid, SaslError>, Closed> {
        let mut exchange = match login.begin(auth.attr("mechanism").unwrap_or_default(), None) {
            Ok(exchange) => exchange,
            Err(error) => return Ok(Err(error)),
        };
        let mut input = match initial_response(auth) {
            Err(error) => return Ok(Err(error)),
            Ok(Some(input)) => input,
            // RFC 6120 §6.4.2: no initial response; an empty challenge asks for it.
            Ok(None) => match self.challenge(ns::SASL, b"").await? {
                Ok(input) => input,
                Err(error) => return Ok(Err(error)),
            },
        };
        loop {
            match login.step(exchange, &input).await {
                Err(error) => return Ok(Err(error)),
                Ok(Step::Done { account, data, .. }) => {
                    let success = Element::new(ns::SASL, "success");
                    self.transport.send(&success.with_text(STANDARD.encode(data))).await?;
                    return Ok(Ok(account));
                }
                Ok(Step::Challenge { data, next }) => {
                    exchange = next;
                    input = match self.challenge(ns::SASL, &data).await? {
                        Ok(input) => input,
                        Err(error) => return Ok(Err(error)),
                    };
                }
            }
        }
    }

    /// Sends a challenge in the form of that profile and waits for the response, or the client's
    /// `<abort/>`.
    pub(super) async fn challenge(
        &mut self,
        profile: &'static str,
        data: &[u8],
    ) -> Result<Result<Vec<u8>, SaslError>, Closed> {
        let challenge = Element::new(profile, "challenge").with_text(STANDARD.encode(data));
        self.transport.send(&challenge).await?;
        let element = self.transport.element().await?;
        if element.is(profile, "abort") {
            return Ok(Err(SaslError::Aborted));
        }
        if !element.is(profile, "response") {
            return Err(StreamError::not_authorized("the login is not finished").into());
        }
        Ok(if profile == ns::SASL { decode(&element.text()) } else { sasl2::decode(&element) })
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
pub(super) fn decode(text: &str) -> Result<Vec<u8>, SaslError> {
    STANDARD.decode(text).map_err(|_| SaslError::IncorrectEncoding)
}

/// The end of an attempt, in the form of that profile. The condition is the same in both.
pub(super) fn failure(profile: &'static str, error: SaslError) -> Element {
    Element::new(profile, "failure").with_child(Element::new(ns::SASL, error.as_str()))
}
