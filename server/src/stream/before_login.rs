//! Requests of clients that have not logged in: only what a feature declares to be answered then, such
//! as registration with an invitation (XEP-0445).
//!
//! Our choices: whatever was not declared is what it was before, the end of the stream (RFC 6120
//! §8.1: no stanza before the login). A stranger gets an answer and nothing else: no session, no
//! address, no place where something could be delivered to.

use std::sync::Arc;

use super::StreamError;
use crate::feature::{Ctx, Stranger};
use crate::jid::{BareJid, Domain, Jid};
use crate::net::Peer;
use crate::ns;
use crate::server::Server;
use crate::stanza::{Condition, Iq, Stanza, StanzaError, error_answer};
use crate::xml::Element;

/// Requests on one connection: a token, the fields, and a name and a password until they are good.
/// Each may cost the hashing of a password.
const MOST: usize = 16;

/// What a client asks before its login, on one connection.
pub(super) struct Asking {
    cx: Ctx,
    stranger: Stranger,
    left: usize,
}

impl Asking {
    pub(super) fn new(server: &Arc<Server>, domain: &Domain, peer: Peer) -> Self {
        Asking {
            cx: Ctx { server: Arc::clone(server), session: None },
            stranger: Stranger { domain: domain.clone(), peer, slots: Arc::default() },
            left: MOST,
        }
    }

    /// Answers a request that a feature answers before the login. Anything else comes back.
    ///
    /// # Errors
    /// There were too many.
    pub(super) async fn answer(&mut self, element: Element) -> Result<Answer, StreamError> {
        if !element.is(ns::CLIENT, "iq") || !matches!(element.attr("type"), Some("get" | "set")) {
            return Ok(Answer::NotMeant(element));
        }
        let features = &self.cx.server.features;
        let mut payloads = element.children();
        let handler = payloads.next().and_then(|it| features.before_login_handler(it));
        let Some(handler) = handler.filter(|_| payloads.next().is_none()) else {
            drop(payloads);
            return Ok(Answer::NotMeant(element));
        };
        drop(payloads);
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| StreamError::policy_violation("too many requests before the login"))?;
        // It has no address; the domain stands in for it where a stanza needs one.
        let nobody = Jid::from(BareJid::from(self.stranger.domain.clone()));
        let mut answer = match Stanza::from_client(element, &nobody) {
            Ok(Stanza::Iq(iq)) if self.is_for_domain(&iq) => {
                match handler(&self.cx, (self.stranger.clone(), iq.clone())).await {
                    Ok(payload) => Some(iq.result(payload)),
                    Err(error) => iq.error(&error),
                }
            }
            Ok(stanza) => {
                error_answer(stanza.element(), &StanzaError::new(Condition::ServiceUnavailable))
            }
            Err(rejected) => error_answer(&rejected.element, &rejected.error),
        };
        if let Some(answer) = &mut answer {
            answer.remove_attr("to");
        }
        Ok(Answer::Given(answer))
    }

    fn is_for_domain(&self, iq: &Iq) -> bool {
        iq.to.as_ref().is_none_or(|to| to.as_str() == self.stranger.domain.as_str())
    }
}

/// What became of an element.
pub(super) enum Answer {
    /// It was such a request. There is an answer, unless none may be given.
    Given(Option<Element>),
    /// It was none.
    NotMeant(Element),
}
