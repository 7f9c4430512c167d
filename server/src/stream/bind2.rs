//! XEP-0386: Bind 2: a resource and all that belongs to a session, in the moment of the login.
//!
//! The server makes the resource: the client's tag, and what is the same for that client each time,
//! so that its contacts see one phone and not a new one every hour, and what it left behind when its
//! link broke is replaced at once. Others can neither guess it nor tell the client's id from it.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use super::StreamError;
use super::bind::{Bound, seat, session};
use super::sasl2::{Offered, Proven};
use super::transport::Ended;
use crate::feature::Ctx;
use crate::jid::Resource;
use crate::ns;
use crate::router::Session;
use crate::server::Server;
use crate::stanza::StanzaError;
use crate::xml::Element;

impl<S: AsyncRead + AsyncWrite + Unpin> Proven<S> {
    /// Binds a resource as `request` says, and tells the client with its success. `results` is what
    /// became of the rest that it asked for.
    ///
    /// Nothing in here waits for the client. The session is reachable when this returns and before:
    /// it must not be left half-way.
    ///
    /// # Errors
    /// The account has as many sessions as it may have; nothing was bound.
    pub async fn bind2(
        self,
        server: &Arc<Server>,
        request: &Element,
        mut results: Vec<Element>,
    ) -> Result<Bound<S>, Ended<S>> {
        let session = match self.seated(server, request) {
            Ok(session) => session,
            Err(error) => {
                // No `<failure/>`: the login was right, and its token stays good.
                tracing::debug!(condition = error.condition().as_str(), "no resource can be bound");
                let why = StreamError::resource_constraint("no further client can be connected");
                return Err(Ended { transport: self.transport, why: why.into() });
            }
        };
        replace_earlier(server, &session);
        results.push(settle(server, &session, request).await);
        let address = session.jid().as_str();
        let transport = self.succeed(server, address, results, Offered::Bound).await;
        Ok(Bound { transport, session })
    }

    fn seated(&self, server: &Server, request: &Element) -> Result<Arc<Session>, StanzaError> {
        let client = self.request.agent.id.as_ref().map(|id| id.as_str());
        let resource = self.resource(server, request, client)?;
        // §"Performing the bind": it fetches from the archive what waits for the account.
        let session =
            session(server, self.account(), &resource).of_client(client).reading_archive();
        seat(server, session, self.changes())
    }

    /// §"Resource identifier generation". A tag that cannot be part of a resource is left out.
    fn resource(
        &self,
        server: &Server,
        request: &Element,
        client: Option<&str>,
    ) -> Result<Resource, StanzaError> {
        let tag = request.child(ns::BIND2, "tag").map(|tag| tag.text()).unwrap_or_default();
        let own = match client {
            Some(client) => {
                Resource::parse(&server.accounts.stable_text(self.account(), &tag, client))?
            }
            None => server.random_resource()?,
        };
        let tagged = format!("{tag}/{}", own.as_str());
        let tagged = Resource::parse(&tagged).ok().filter(|_| !tag.is_empty());
        Ok(tagged.unwrap_or(own))
    }
}

/// §"Performing the bind": earlier sessions of the same client end.
fn replace_earlier(server: &Server, session: &Session) {
    let Some(client) = session.client() else { return };
    for other in server.sessions.of(session.account()) {
        if other.id() != session.id() && other.client() == Some(client) {
            other.close(StreamError::conflict("replaced by a new connection"));
        }
    }
}

/// `<bound/>` with the answers of those who take part. What nobody knows is ignored, and what is
/// asked for twice is done once.
async fn settle(server: &Arc<Server>, session: &Arc<Session>, request: &Element) -> Element {
    let cx = Ctx { server: Arc::clone(server), session: Some(Arc::clone(session)) };
    let mut bound = Element::new(ns::BIND2, "bound");
    let mut done: Vec<&str> = Vec::new();
    for wanted in request.children() {
        let Some(step) = server.features.bind2_step(wanted.ns()) else { continue };
        if !done.contains(&wanted.ns()) {
            done.push(wanted.ns());
            bound = bound.with_children(step(&cx, wanted.clone()).await);
        }
    }
    for step in server.features.bound_steps() {
        bound = bound.with_children(step(&cx, ()).await);
    }
    bound
}
