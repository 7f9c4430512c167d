//! XEP-0388: Extensible SASL Profile. One exchange, with all that a client wants to have settled by
//! the time it is logged in: a resource (XEP-0386), a token (XEP-0484), newer keys (XEP-0480), or
//! the session that it lost (XEP-0198).
//!
//! Nothing of that is done before the client has shown who it is, and the client hears of its
//! success when all of it is done: [`Proven`] is the moment in between.

mod proven;
mod request;
mod upgrade;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

pub use proven::{Offered, Proven};
pub use request::Inline;

use super::sasl::{self, Secured};
use super::transport::Closed;
use crate::auth::{HashedToken, Login, Proof, SaslError, Step};
use crate::jid::BareJid;
use crate::ns;
use crate::server::Server;
use crate::xml::Element;
use request::Request;

/// A client that has shown who it is, and did all tasks that it asked for.
#[derive(Debug)]
pub(super) struct Granted {
    account: BareJid,
    /// What the mechanism says at last, unless that was said already.
    data: Option<Vec<u8>>,
    request: Inline,
    /// What the client is to be given a token for.
    token: Option<HashedToken>,
}

/// `<authentication/>`: the mechanisms, what may be carried along, and the tasks.
pub(super) fn offer(server: &Server, login: &Login<'_>) -> Element {
    let text = |name: &'static str| Element::new(ns::SASL2, "mechanism").with_text(name);
    let mut offer =
        Element::new(ns::SASL2, "authentication").with_children(login.mechanisms().map(text));
    let features = server.features.inline_features().iter();
    let mut features = features.filter_map(|feature| feature(server, login)).peekable();
    if features.peek().is_some() {
        offer.push_child(Element::new(ns::SASL2, "inline").with_children(features));
    }
    offer.with_children(upgrade::offers(login))
}

/// Base64. XEP-0388 §"SASL Data Encoding": white space should not be in it, but may.
pub(super) fn decode(element: &Element) -> Result<Vec<u8>, SaslError> {
    let text: String = element.text().split_ascii_whitespace().collect();
    sasl::decode(&text)
}

fn encoded(name: &'static str, data: &[u8]) -> Element {
    Element::new(ns::SASL2, name).with_text(STANDARD.encode(data))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secured<S> {
    /// One exchange, from `<authenticate/>` to the last thing before its end.
    pub(super) async fn attempt2(
        &mut self,
        server: &Server,
        from: Option<&BareJid>,
        login: &Login<'_>,
        element: &Element,
    ) -> Result<Result<Granted, SaslError>, Closed> {
        let request = match Request::read(element) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        let (account, data, proof) = match self.prove(from, login, &request).await? {
            Ok(proven) => proven,
            Err(error) => return Ok(Err(error)),
        };
        let Request { inline, wants_token, upgrades, .. } = request;
        let offered = |token: &HashedToken| login.token_mechanisms().any(|other| other == *token);
        let token = wants_token.filter(offered);
        let (token, keys) = match proof {
            Proof::Token { mechanism, due } => (token.or(due.then_some(mechanism)), None),
            Proof::Password(keys) => (token, keys),
        };
        // XEP-0480: only who has just shown to know the password may say what it hashes to.
        let data = Some(data).filter(|data| !data.is_empty());
        let data = match keys {
            Some(keys) => self.upgrade(server, login, &account, &keys, &upgrades, data).await?,
            None => data,
        };
        Ok(Ok(Granted { account, data, request: inline, token }))
    }

    /// The exchange of the mechanism.
    async fn prove(
        &mut self,
        from: Option<&BareJid>,
        login: &Login<'_>,
        request: &Request,
    ) -> Result<Result<(BareJid, Vec<u8>, Proof), SaslError>, Closed> {
        let begun = match &request.fast {
            Some(fast) if HashedToken::from_name(&request.mechanism).is_some() => {
                login.begin_with_token(&request.mechanism, from, fast.clone())
            }
            _ => login.begin(&request.mechanism, from),
        };
        let (mut exchange, mut input) = match (begun, &request.initial) {
            (Err(error), _) => return Ok(Err(error)),
            (Ok(exchange), Some(initial)) => (exchange, initial.clone()),
            // XEP-0484 §"Server advertises support for FAST": one round trip, or none.
            (Ok(_), None) if request.fast.is_some() => return Ok(Err(SaslError::MalformedRequest)),
            // RFC 4422 §5.1: an empty challenge asks for what is missing.
            (Ok(exchange), None) => match self.challenge(ns::SASL2, b"").await? {
                Ok(input) => (exchange, input),
                Err(error) => return Ok(Err(error)),
            },
        };
        loop {
            match login.step(exchange, &input).await {
                Err(error) => return Ok(Err(error)),
                Ok(Step::Done { account, data, proof }) => return Ok(Ok((account, data, proof))),
                Ok(Step::Challenge { data, next }) => {
                    exchange = next;
                    input = match self.challenge(ns::SASL2, &data).await? {
                        Ok(input) => input,
                        Err(error) => return Ok(Err(error)),
                    };
                }
            }
        }
    }
}
