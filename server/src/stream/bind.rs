//! Resource binding, RFC 6120 §7: the last step before stanzas.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::StreamError;
use super::features;
use super::header::unknown_host;
use super::transport::{Closed, Ended, Transport};
use crate::features::stream_management::{Resume, failed};
use crate::jid::{BareJid, Resource};
use crate::ns;
use crate::router::{InboxLimits, Session};
use crate::server::Server;
use crate::stanza::{Condition, Iq, IqKind, Stanza, StanzaError};
use crate::xml::Element;

/// How often a client may ask for a resource or a stream that it cannot have.
pub(super) const ATTEMPTS: usize = 5;

/// A connection whose user is known, and whose stream begins anew.
#[derive(Debug)]
pub struct Authenticated<S> {
    pub(super) transport: Transport<S>,
    pub(super) account: BareJid,
    /// What `Accounts::changes` was before the login.
    pub(super) changes: u64,
}

/// A stream whose user is known, and who has been offered to bind a resource.
#[derive(Debug)]
pub struct Unbound<S> {
    pub(super) transport: Transport<S>,
    pub(super) account: BareJid,
    pub(super) changes: u64,
    /// The id that the client gave itself (XEP-0388).
    pub(super) client: Option<String>,
    /// How often it may still ask for something.
    pub(super) attempts: usize,
}

/// What a client does after its login.
#[derive(Debug)]
pub enum Next<S> {
    /// It has bound a resource.
    Bound(Bound<S>),
    /// It wants to resume a stream (XEP-0198 §5), or has asked for that in a way that cannot be
    /// understood.
    Resume(Unbound<S>, Result<Resume, Condition>),
}

enum Asked {
    Bound(Arc<Session>),
    Resume(Result<Resume, Condition>),
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
    /// Waits for the new stream.
    ///
    /// # Errors
    /// The stream ended.
    pub async fn reopen(mut self, server: &Server) -> Result<Unbound<S>, Ended<S>> {
        let done = self.talk(server).await;
        let Authenticated { transport, account, changes } = self;
        match done {
            Ok(()) => Ok(Unbound { transport, account, changes, client: None, attempts: ATTEMPTS }),
            Err(why) => Err(Ended { transport, why }),
        }
    }

    async fn talk(&mut self, server: &Server) -> Result<(), Closed> {
        let opening = self.transport.opening().await?;
        let domain = self.account.domain();
        // The login was for one domain; a stream to another one is a stream to nowhere.
        let domain = opening.to.filter(|to| to.as_str() == domain).ok_or_else(unknown_host)?;
        if opening.from.as_ref().is_some_and(|from| *from != self.account) {
            // RFC 6120 §4.7.1: from, if given, is the account of the login.
            return Err(StreamError::invalid_from("from is not who logged in").into());
        }
        self.transport.open(&domain, opening.from.as_ref(), &server.stream_id());
        self.transport.queue(&features::offer(server, features::UNBOUND, &domain));
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Unbound<S> {
    /// Talks until a resource is bound, or a stream is to be resumed.
    ///
    /// # Errors
    /// The stream ended.
    pub async fn next(mut self, server: &Server) -> Result<Next<S>, Ended<S>> {
        loop {
            let why = match self.step(server).await {
                Ok(None) => continue,
                Ok(Some(Asked::Bound(session))) => {
                    return Ok(Next::Bound(Bound { transport: self.transport, session }));
                }
                Ok(Some(Asked::Resume(resume))) => return Ok(Next::Resume(self, resume)),
                Err(why) => why,
            };
            return Err(Ended { transport: self.transport, why });
        }
    }

    /// Whose connection it is.
    pub fn account(&self) -> &BareJid {
        &self.account
    }

    /// Says that a stream cannot be resumed; a resource can be bound instead.
    pub fn refuse(&mut self, failed: &Element) {
        self.transport.queue(failed);
    }

    /// The connection, for the stream that goes on with it.
    pub fn into_transport(self) -> Transport<S> {
        self.transport
    }

    async fn step(&mut self, server: &Server) -> Result<Option<Asked>, Closed> {
        self.transport.flush().await?;
        let Some(left) = self.attempts.checked_sub(1) else {
            let text = "too many attempts to bind a resource";
            return Err(StreamError::policy_violation(text).into());
        };
        self.attempts = left;
        let element = self.transport.element().await?;
        if let Some(resume) = Resume::read(&element) {
            return Ok(Some(Asked::Resume(resume)));
        }
        if element.ns() == ns::SM {
            // XEP-0198 §3: a resource comes first.
            self.transport.queue(&failed(Condition::UnexpectedRequest, None));
            return Ok(None);
        }
        let (iq, wanted) = self.read(element).await?;
        match wanted.and_then(|resource| self.take(server, resource)) {
            Ok(session) => {
                let jid = Element::new(ns::BIND, "jid").with_text(session.jid().as_str());
                let bound = Element::new(ns::BIND, "bind").with_child(jid);
                self.transport.queue(&iq.result(Some(bound)));
                Ok(Some(Asked::Bound(session)))
            }
            Err(error) => {
                if let Some(answer) = iq.error(&error) {
                    self.transport.queue(&answer);
                }
                Ok(None)
            }
        }
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
        let session = session(server, &self.account, &resource).of_client(self.client.as_deref());
        seat(server, session, self.changes)
    }
}

/// A session that is not reachable yet.
pub(super) fn session(server: &Server, account: &BareJid, resource: &Resource) -> Session {
    let limits = &server.config().limits;
    let inbox =
        InboxLimits { stanzas: limits.outbox_stanzas, bytes: limits.outbox_bytes.as_usize() };
    Session::new(account.with_resource(resource), inbox).since(server.clock.now())
}

/// Makes a session reachable. `changes` is what `Accounts::changes` was before the login.
pub(super) fn seat(
    server: &Server,
    session: Session,
    changes: u64,
) -> Result<Arc<Session>, StanzaError> {
    let session = Arc::new(session);
    let replaced = server
        .sessions
        .add(Arc::clone(&session), server.config().limits.resources_per_account)
        // RFC 6120 §7.6.2.1
        .map_err(|_| StanzaError::new(Condition::ResourceConstraint))?;
    if let Some(old) = replaced {
        // RFC 6120 §7.7.2.2: the new stream wins; a phone that lost its link comes back as itself.
        old.close(StreamError::conflict("replaced by a new connection"));
    }
    if server.accounts.changes() != changes {
        // Somebody's password was changed, or an account was disabled, while this login was under
        // way, and its sessions were closed before this one was among them. It is seldom ours,
        // but logging in again costs little.
        session.close(StreamError::reset("accounts were changed meanwhile, log in again"));
    }
    Ok(session)
}
