//! Between a login and its answer: what the client asked for is done now, and then it is told.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Granted, Inline, encoded};
use crate::auth::{HashedToken, Issued};
use crate::jid::{BareJid, Domain};
use crate::ns;
use crate::server::Server;
use crate::stream::bind::{ATTEMPTS, Unbound};
use crate::stream::features::{self, StreamPhase};
use crate::stream::transport::Transport;
use crate::xml::Element;

/// A connection whose user is known and has not been told. Whoever has it decides what becomes of
/// the client: a session that is resumed, one that is bound, or none yet.
#[derive(Debug)]
pub struct Proven<S> {
    pub(in crate::stream) transport: Transport<S>,
    /// What the client asked for. Whoever does a part of it takes it out.
    pub request: Inline,
    account: BareJid,
    domain: Domain,
    data: Option<Vec<u8>>,
    token: Option<HashedToken>,
    changes: u64,
}

/// `<success/>`, but for what became of what the client asked for.
#[derive(Debug)]
pub struct Success {
    data: Option<Element>,
    identifier: Element,
    token: Option<Element>,
}

impl Success {
    /// The element.
    pub fn with(self, results: impl IntoIterator<Item = Element>) -> Element {
        Element::new(ns::SASL2, "success")
            .with_children(self.data)
            .with_child(self.identifier)
            .with_children(results)
            .with_children(self.token)
    }
}

/// What is offered behind a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// To bind a resource, and the rest.
    Binding,
    /// What remains to a stream that has its resource, bound or resumed.
    Bound,
}

impl Offered {
    fn phases(self) -> &'static [StreamPhase] {
        match self {
            Offered::Binding => features::UNBOUND,
            Offered::Bound => features::BOUND,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Proven<S> {
    pub(in crate::stream) fn new(
        transport: Transport<S>,
        domain: Domain,
        granted: Granted,
        changes: u64,
    ) -> Self {
        let Granted { account, data, request, token } = granted;
        Proven { transport, request, account, domain, data, token, changes }
    }

    /// Who it is.
    pub fn account(&self) -> &BareJid {
        &self.account
    }

    /// What [`Accounts::changes`](crate::auth::Accounts::changes) was before the login.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// XEP-0388 §"Success": tells the client that it is `address` now, what became of what it asked
    /// for, its new token if it is to have one, and right behind it what is offered now. All of that
    /// is queued and not written yet. It cannot fail, so that a session may be reachable already.
    pub async fn succeed(
        mut self,
        server: &Server,
        address: &str,
        results: Vec<Element>,
        offered: Offered,
    ) -> Transport<S> {
        let success = self.success(server, address).await.with(results);
        self.transport.queue(&success);
        self.transport.queue(&features::offer(server, offered.phases(), &self.domain));
        self.transport
    }

    /// For a stream that goes on (XEP-0198 §"Inline"): the connection, and the success that is to be
    /// told once the stream has said where it stands. No features follow.
    pub async fn for_stream(mut self, server: &Server, address: &str) -> (Transport<S>, Success) {
        let success = self.success(server, address).await;
        (self.transport, success)
    }

    async fn success(&mut self, server: &Server, address: &str) -> Success {
        let token = self.new_token(server).await.map(|issued| {
            Element::new(ns::FAST, "token")
                .with_attr("token", issued.token.as_str())
                .with_attr("expiry", issued.expires.to_rfc3339())
        });
        let data = self.data.take().map(|data| encoded("additional-data", &data));
        let identifier = Element::new(ns::SASL2, "authorization-identifier").with_text(address);
        Success { data, identifier, token }
    }

    /// A success without a session: the client binds a resource next, as RFC 6120 §7 has it.
    pub async fn unbound(self, server: &Server, results: Vec<Element>) -> Unbound<S> {
        let client = self.request.agent.id.as_ref().map(|id| id.as_str().to_owned());
        let (account, changes) = (self.account.clone(), self.changes);
        let transport = self.succeed(server, account.as_str(), results, Offered::Binding).await;
        Unbound { transport, account, changes, client, attempts: ATTEMPTS }
    }

    /// XEP-0484 §"Server provides token to client". Who gets none logs in with the password again.
    async fn new_token(&self, server: &Server) -> Option<Issued> {
        let mechanism = self.token?;
        let config = server.config();
        let (lifetime, devices) = (config.auth.token_lifetime, config.limits.devices);
        let agent = &self.request.agent;
        let issued = server
            .accounts
            .issue(&self.account, agent, mechanism, lifetime, devices, self.changes)
            .await;
        issued.unwrap_or_else(|error| {
            tracing::error!(%error, "a token could not be kept");
            None
        })
    }
}
