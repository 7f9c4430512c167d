//! Everything that is listened on: bound before anybody is let in, opened when the server is there.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::StartError;
use crate::c2s::{self, Arrival, Mode};
use crate::config::Config;
use crate::http::{self, Kind};
use crate::metrics::Transport;
use crate::net::{Caller, Inherited, Listener, Slots};
use crate::server::{Addresses, Server};
use crate::task::Task;

/// An operator's browser and what reads the metrics need a dozen.
const LOCAL_CONNECTIONS: usize = 64;

/// Sockets that listen, by what is spoken on them.
pub(super) struct Doors {
    starttls: Vec<Listener>,
    direct: Vec<Listener>,
    https: Vec<Listener>,
    proxied: Vec<Listener>,
    acme: Vec<Listener>,
    local: Vec<Listener>,
}

impl Doors {
    /// Binds all addresses of the configuration that nobody has bound for us.
    ///
    /// # Errors
    /// [`StartError::Listen`], and [`StartError::Inherited`] if a socket is left over; nothing listens then.
    pub(super) fn bind(
        config: &Config,
        inherited: Inherited,
        slots: &Slots,
    ) -> Result<Self, StartError> {
        // A web server in front is one address for all its visitors, who are counted one by one.
        let most = config.limits.connections;
        let one_for_all = slots.anew(most, most);
        let (listen, mut binder) = (&config.listen, Binder(inherited));
        let doors = Doors {
            starttls: behind(config, binder.bind(&listen.c2s, slots)?),
            direct: behind(config, binder.bind(&listen.c2s_tls, slots)?),
            https: behind(config, binder.bind(&listen.https, slots)?),
            proxied: binder.bind(&listen.http, &one_for_all)?,
            acme: behind(config, binder.bind(&listen.acme, slots)?),
            local: binder.bind(&listen.local, &slots.anew(LOCAL_CONNECTIONS, LOCAL_CONNECTIONS))?,
        };
        binder.0.finish()?;
        Ok(doors)
    }

    /// Where streams begin: with STARTTLS, and inside TLS.
    pub(super) fn streams(&self) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        (addresses(&self.starttls), addresses(&self.direct))
    }

    /// Where HTTP is spoken.
    pub(super) fn addresses(&self) -> Addresses {
        Addresses {
            https: addresses(&self.https),
            http: addresses(&self.proxied),
            acme: addresses(&self.acme),
            local: addresses(&self.local),
        }
    }

    /// Lets people in until the server stops.
    pub(super) fn open(self, server: &Arc<Server>, slots: &Slots, task: &Task) {
        for (listeners, mode) in [(self.starttls, Mode::StartTls), (self.direct, Mode::DirectTls)] {
            for listener in listeners {
                tokio::spawn(accept(Arc::clone(server), listener, mode, task.clone()));
            }
        }
        http::listen(server, self.https, Kind::Https, slots, task);
        http::listen(server, self.proxied, Kind::Proxied, slots, task);
        http::listen(server, self.acme, Kind::Acme, slots, task);
        http::listen(server, self.local, Kind::Local, slots, task);
    }
}

/// Binds what is not bound already.
struct Binder(Inherited);

impl Binder {
    fn bind(
        &mut self,
        addresses: &[SocketAddr],
        slots: &Slots,
    ) -> Result<Vec<Listener>, StartError> {
        let listeners = addresses.iter().map(|address| {
            self.listener(*address, slots.clone())
                .map_err(|error| StartError::Listen { address: *address, error })
        });
        listeners.collect()
    }

    fn listener(&mut self, address: SocketAddr, slots: Slots) -> io::Result<Listener> {
        match self.0.claim(address) {
            Some(socket) => Listener::of(socket, slots),
            None => Listener::bind(address, slots),
        }
    }
}

/// The same where some connections begin with whose they are.
fn behind(config: &Config, listeners: Vec<Listener>) -> Vec<Listener> {
    let proxies: Arc<[_]> = config.listen.proxies.as_slice().into();
    listeners.into_iter().map(|listener| listener.behind(Arc::clone(&proxies))).collect()
}

fn addresses(listeners: &[Listener]) -> Vec<SocketAddr> {
    listeners.iter().filter_map(|listener| listener.address().ok()).collect()
}

/// Accepts until the server stops.
async fn accept(server: Arc<Server>, listener: Listener, mode: Mode, mut task: Task) {
    loop {
        let caller = tokio::select! {
            caller = listener.accept() => caller,
            () = task.stopped() => return,
        };
        server.metrics.connections.accepted.count(match mode {
            Mode::StartTls => Transport::StartTls,
            Mode::DirectTls => Transport::DirectTls,
        });
        tokio::spawn(serve(Arc::clone(&server), caller, mode, task.clone()));
    }
}

/// Serves a connection, once it is known whose it is.
async fn serve(server: Arc<Server>, caller: Caller, mode: Mode, mut task: Task) {
    let accepted = tokio::select! {
        accepted = caller.introduced() => accepted,
        () = task.stopped() => return,
    };
    if let Some(accepted) = accepted {
        c2s::serve(server, Arrival::Socket(accepted, mode), task).await;
    }
}
