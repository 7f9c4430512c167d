//! Resource binding, RFC 6120 §7: the last step before stanzas.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::StreamError;
use super::features::{self, StreamPhase};
use super::header::unknown_host;
use super::transport::{Closed, Ended, Transport};
use crate::jid::{BareJid, Resource};
use crate::ns;
use crate::router::{InboxLimits, Session};
use crate::server::Server;
use crate::stanza::{Condition, Iq, IqKind, Stanza, StanzaError};
use crate::xml::Element;

/// How often a client may ask for a resource that it cannot have.
const ATTEMPTS: usize = 5;

/// A connection whose user is known.
#[derive(Debug)]
pub struct Authenticated<S> {
    pub(super) transport: Transport<S>,
    pub(super) account: BareJid,
    /// What `Accounts::changes` was before the login.
    pub(super) changes: u64,
}

/// A connection with a full address.
#[derive(Debug)]
pub struct Bound<S> {
    /// The stream.
    pub transport: Transport<S>,
    /// Its session; reachable already.
    pub session: Arc<Session>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Authenticated<S> {
    /// Talks until a resource is bound.
    ///
    /// # Errors
    /// The stream ended.
    pub async fn bind(mut self, server: &Server) -> Result<Bound<S>, Ended<S>> {
        match self.talk(server).await {
            Ok(session) => Ok(Bound { transport: self.transport, session }),
            Err(why) => Err(Ended { transport: self.transport, why }),
        }
    }

    async fn talk(&mut self, server: &Server) -> Result<Arc<Session>, Closed> {
        let opening = self.transport.opening().await?;
        let domain = self.account.domain();
        // The login was for one domain; a stream to another one is a stream to nowhere.
        let domain = opening.to.filter(|to| to.as_str() == domain).ok_or_else(unknown_host)?;
        if opening.from.as_ref().is_some_and(|from| *from != self.account) {
            // RFC 6120 §4.7.1: from, if given, is the account of the login.
            return Err(StreamError::invalid_from("from is not who logged in").into());
        }
        self.transport.open(&domain, opening.from.as_ref(), &server.stream_id());
        let offer = features::offer(server, StreamPhase::Authenticated, &domain);
        self.transport.send(&offer).await?;
        for _ in 0..ATTEMPTS {
            let element = self.transport.element().await?;
            let (iq, wanted) = self.read(element).await?;
            match wanted.and_then(|resource| self.take(server, resource)) {
                Ok(session) => {
                    let jid = Element::new(ns::BIND, "jid").with_text(session.jid().as_str());
                    let bound = Element::new(ns::BIND, "bind").with_child(jid);
                    self.transport.queue(&iq.result(Some(bound)));
                    return Ok(session);
                }
                Err(error) => {
                    if let Some(answer) = iq.error(&error) {
                        self.transport.send(&answer).await?;
                    }
                }
            }
        }
        Err(StreamError::policy_violation("too many attempts to bind a resource").into())
    }

    /// The request, and the resource it asks for; nothing asked for means any.
    async fn read(
        &mut self,
        element: Element,
    ) -> Result<(Iq, Result<Option<Resource>, StanzaError>), Closed> {
        let not_yet = || Closed::from(StreamError::not_authorized("bind a resource first"));
        // RFC 6120 §7.1: nothing else is processed before a resource is bound.
        if !Stanza::is_stanza(&element) {
            return Err(not_yet());
        }
        let Ok(Stanza::Iq(iq)) = Stanza::from_client(element, &self.account.clone().into()) else {
            return Err(not_yet());
        };
        let bind = iq.payload().filter(|payload| payload.is(ns::BIND, "bind"));
        let bind = bind.filter(|_| iq.kind == IqKind::Set).ok_or_else(not_yet)?;
        let wanted = match bind.child(ns::BIND, "resource") {
            None => Ok(None),
            Some(resource) if resource.text().is_empty() => Ok(None),
            // RFC 6120 §7.7.2.1: a resource that cannot be one is a bad request.
            Some(resource) => Resource::parse(&resource.text())
                .map(Some)
                .map_err(|_| Condition::BadRequest.into()),
        };
        Ok((iq, wanted))
    }

    fn take(&self, server: &Server, wanted: Option<Resource>) -> Result<Arc<Session>, StanzaError> {
        let resource = match wanted {
            Some(resource) => resource,
            // RFC 6120 §7.6: made by the server, so that nobody can guess it.
            None => server.random_resource()?,
        };
        let limits = &server.config().limits;
        let inbox =
            InboxLimits { stanzas: limits.outbox_stanzas, bytes: limits.outbox_bytes.as_usize() };
        let session = Arc::new(Session::new(self.account.with_resource(&resource), inbox));
        let replaced = server
            .sessions
            .add(Arc::clone(&session), limits.resources_per_account)
            // RFC 6120 §7.6.2.1
            .map_err(|_| StanzaError::new(Condition::ResourceConstraint))?;
        if let Some(old) = replaced {
            // RFC 6120 §7.7.2.2: the new stream wins; a phone that lost its link comes back as itself.
            old.close(StreamError::conflict("replaced by a new connection"));
        }
        if server.accounts.changes() != self.changes {
            // Somebody's password was changed, or an account was disabled, while this login was under
            // way, and its sessions were closed before this one was among them. It is seldom ours,
            // but logging in again costs little.
            session.close(StreamError::reset("accounts were changed meanwhile, log in again"));
        }
        Ok(session)
    }
}
