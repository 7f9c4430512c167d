//! The listeners of HTTP.

use std::sync::Arc;

use axum::Router;

use super::acme;
use super::connection;
use super::local;
use super::public::{self, Reception, Way};
use super::visitor::Place;
use crate::c2s::{self, Arrival};
use crate::metrics::Transport;
use crate::net::tls::Offer;
use crate::net::{Accepted, Caller, Listener, Slots};
use crate::server::Server;
use crate::task::Task;

/// What is listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HTTP inside TLS, and XMPP where the handshake asks for it.
    Https,
    /// HTTP from a web server of this machine that does the TLS.
    Proxied,
    /// In clear, for certificate authorities.
    Acme,
    /// The operator's.
    Local,
}

impl Kind {
    fn transport(self) -> Transport {
        match self {
            Kind::Https => Transport::Https,
            Kind::Proxied => Transport::Http,
            Kind::Acme => Transport::Acme,
            Kind::Local => Transport::Local,
        }
    }
}

/// Accepts connections on all of these until the server stops. `slots` are where visitors are counted
/// that come by a web server in front.
pub fn listen(
    server: &Arc<Server>,
    listeners: Vec<Listener>,
    kind: Kind,
    slots: &Slots,
    task: &Task,
) {
    if listeners.is_empty() {
        return;
    }
    let routes = match kind {
        Kind::Https | Kind::Proxied => public::routes(server),
        Kind::Acme => acme::routes(server),
        Kind::Local => local::routes(server),
    };
    for listener in listeners {
        let door = Door {
            server: Arc::clone(server),
            kind,
            routes: routes.clone(),
            slots: slots.clone(),
            task: task.clone(),
        };
        tokio::spawn(accept(listener, door));
    }
}

/// What each connection of a listener needs.
#[derive(Clone)]
struct Door {
    server: Arc<Server>,
    kind: Kind,
    routes: Router,
    slots: Slots,
    task: Task,
}

async fn accept(listener: Listener, mut door: Door) {
    loop {
        let caller = tokio::select! {
            caller = listener.accept() => caller,
            () = door.task.stopped() => return,
        };
        door.server.metrics.connections.accepted.count(door.kind.transport());
        tokio::spawn(door.clone().serve(caller));
    }
}

impl Door {
    async fn serve(mut self, caller: Caller) {
        let accepted = tokio::select! {
            accepted = caller.introduced() => accepted,
            () = self.task.stopped() => return,
        };
        let Some(Accepted { socket, peer, slot }) = accepted else { return };
        match self.kind {
            Kind::Https => {
                let mut task = self.task.clone();
                let shaken = tokio::select! {
                    shaken = c2s::handshake(&self.server, socket, None, Offer::Anything) => shaken,
                    () = task.stopped() => return,
                };
                let Some(shaken) = shaken else { return };
                if shaken.is_xmpp {
                    return c2s::serve(
                        self.server,
                        Arrival::Tls(Box::new(shaken), peer, slot),
                        task,
                    )
                    .await;
                }
                self.answer(Box::new(shaken.stream), Way::Tls(peer, Place::Own(slot))).await;
            }
            Kind::Proxied => {
                let way = Way::Proxied(self.slots.clone());
                self.answer(socket, way).await;
                drop(slot);
            }
            Kind::Acme => {
                let Door { server, routes, task, .. } = self;
                Box::pin(connection::serve_once(&server, socket, routes, task)).await;
                drop(slot);
            }
            Kind::Local => self.answer(socket, Way::Local(peer, Place::Own(slot))).await,
        }
    }

    async fn answer<S>(self, io: S, way: Way)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let Door { server, routes, task, .. } = self;
        let reception = Reception { server: Arc::clone(&server), way, task: task.clone() };
        let ready = move |request| reception.admit(request);
        Box::pin(connection::serve(&server, io, routes, ready, task)).await;
    }
}
