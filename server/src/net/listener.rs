//! Listening sockets and how many connections they let in.

use std::collections::HashMap;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::{Peer, proxy};
use crate::config::Network;
use crate::metrics::{ConnectionMeter, Refused};
use crate::sync::lock;

/// Connections that the kernel keeps for us between two accepts.
const BACKLOG: i32 = 1024;

/// How long to wait when the machine has no file descriptors or memory for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a proxy may take to say whom it speaks for. It does so with its first packet, which
/// TCP repeats after 1 s and 3 s when it is lost.
const INTRODUCTION: Duration = Duration::from_secs(5);

/// One listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    slots: Slots,
    proxies: Arc<[Network]>,
}

/// Who has connected, and may still have to say for whom.
#[derive(Debug)]
pub struct Caller(Who);

#[derive(Debug)]
enum Who {
    Itself(Accepted),
    Proxy(TcpStream, Place),
}

/// A connection that may stay, counted until it is dropped.
#[derive(Debug)]
pub struct Accepted {
    /// The socket.
    pub socket: TcpStream,
    /// Where it comes from.
    pub peer: Peer,
    /// Its place among the connections.
    pub slot: Slot,
}

impl Listener {
    /// Binds. An IPv6 socket takes no IPv4: each family is listed for itself.
    ///
    /// # Errors
    /// What the system says.
    pub fn bind(address: SocketAddr, slots: Slots) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Listener::of(socket.into(), slots)
    }

    /// One that listens already.
    ///
    /// # Errors
    /// What the system says.
    pub fn of(socket: net::TcpListener, slots: Slots) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        Ok(Listener { socket, slots, proxies: Arc::default() })
    }

    /// The same, with those whose connections begin with a header of the PROXY protocol. All others
    /// speak for themselves, whatever they begin with.
    #[must_use]
    pub fn behind(self, proxies: Arc<[Network]>) -> Self {
        Listener { proxies, ..self }
    }

    /// Where it listens, the port known even if any was asked for.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection that the limits let in. Others are closed without a word.
    pub async fn accept(&self) -> Caller {
        loop {
            match self.socket.accept().await {
                Ok((socket, address)) => {
                    // Stanzas are small and wait for nobody; without it this stays slower only.
                    socket.set_nodelay(true).unwrap_or_default();
                    if let Some(who) = self.admit(socket, Peer::new(address.ip())) {
                        return Caller(who);
                    }
                }
                Err(error) => {
                    // Descriptors or memory ran out: those connected go on, and some will leave.
                    tracing::warn!(reason = %error.kind(), "cannot accept connections for now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn admit(&self, socket: TcpStream, peer: Peer) -> Option<Who> {
        if self.proxies.iter().any(|network| network.contains(peer.ip())) {
            return Some(Who::Proxy(socket, self.slots.place()?));
        }
        let slot = self.slots.take(peer)?;
        Some(Who::Itself(Accepted { socket, peer, slot }))
    }
}

impl Caller {
    /// Waits for a proxy to say whom it speaks for. Nothing if it does not, or if the limits do not
    /// let its client in: the connection is closed without a word, as for those without a proxy.
    pub async fn introduced(self) -> Option<Accepted> {
        let (mut socket, place) = match self.0 {
            Who::Itself(accepted) => return Some(accepted),
            Who::Proxy(socket, place) => (socket, place),
        };
        match proxy::read(&mut socket, Instant::now() + INTRODUCTION).await {
            Ok(peer) => Some(Accepted { socket, peer, slot: place.of(peer)? }),
            Err(error) => {
                tracing::debug!(reason = %error.kind(), "a proxy does not say whom it speaks for");
                None
            }
        }
    }
}

/// How many connections there are, in all and from each prefix.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    total: usize,
    per_prefix: usize,
    taken: Mutex<Taken>,
    meter: Arc<ConnectionMeter>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_prefix: HashMap<u64, usize>,
}

/// One connection's place; it is free again when the last copy is dropped.
#[derive(Clone, Debug)]
pub struct Slot(#[expect(dead_code, reason = "it is held")] Arc<Place>);

#[derive(Debug)]
struct Place {
    counts: Arc<Counts>,
    /// None while a proxy has not said whose it is.
    prefix: Option<u64>,
}

impl Slots {
    /// At most `total` connections, and `per_prefix` from one IPv4 address or IPv6 /64.
    pub fn new(total: usize, per_prefix: usize) -> Self {
        Slots::counted(total, per_prefix, Arc::default())
    }

    /// The same, counted there.
    pub fn counted(total: usize, per_prefix: usize, meter: Arc<ConnectionMeter>) -> Self {
        Slots(Arc::new(Counts { total, per_prefix, taken: Mutex::default(), meter }))
    }

    /// Others, counted in the same place.
    pub fn anew(&self, total: usize, per_prefix: usize) -> Self {
        Slots::counted(total, per_prefix, Arc::clone(&self.0.meter))
    }

    /// A place, if there is one.
    pub fn take(&self, peer: Peer) -> Option<Slot> {
        self.place()?.of(peer)
    }

    /// One of all places, whoever it is for.
    fn place(&self) -> Option<Place> {
        let mut taken = lock(&self.0.taken);
        if taken.total >= self.0.total {
            self.0.meter.refused.count(Refused::Full);
            return None;
        }
        self.0.meter.open.add(1);
        taken.total += 1;
        Some(Place { counts: Arc::clone(&self.0), prefix: None })
    }
}

impl Place {
    /// The same, counted for that peer too; nothing if the peer has its share already.
    fn of(mut self, peer: Peer) -> Option<Slot> {
        let prefix = peer.prefix();
        let mut taken = lock(&self.counts.taken);
        let here = taken.by_prefix.entry(prefix).or_default();
        let free = *here < self.counts.per_prefix;
        if free {
            *here += 1;
            self.prefix = Some(prefix);
        }
        drop(taken);
        if free {
            return Some(Slot(Arc::new(self)));
        }
        self.counts.meter.refused.count(Refused::Address);
        None
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counts.meter.open.subtract(1);
        let mut taken = lock(&self.counts.taken);
        taken.total = taken.total.saturating_sub(1);
        let Some(prefix) = self.prefix else { return };
        let left = taken.by_prefix.get(&prefix).copied().unwrap_or_default();
        if left > 1 {
            taken.by_prefix.insert(prefix, left - 1);
        } else {
            taken.by_prefix.remove(&prefix);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_from_one_prefix_leaves_room_for_others() {
        let slots = Slots::new(10, 2);
        let flood = Peer::new("2001:db8::1".parse().unwrap());
        let neighbour = Peer::new("2001:db8::2".parse().unwrap());
        let other = Peer::new("192.0.2.1".parse().unwrap());
        let first = slots.take(flood).unwrap();
        let _second = slots.take(neighbour).unwrap();
        assert!(slots.take(flood).is_none(), "one /64 is one peer");
        assert!(slots.take(other).is_some());
        drop(first);
        assert!(slots.take(flood).is_some());
    }
    #[test]
    fn who_is_refused_leaves_nothing_behind() {
        let slots = Slots::new(3, 1);
        let peer = Peer::new("192.0.2.1".parse().unwrap());
        let first = slots.take(peer).unwrap();
        for _ in 0..5 {
            assert!(slots.take(peer).is_none());
        }
        let (one, other) = (slots.place().unwrap(), slots.place().unwrap());
        assert!(slots.place().is_none(), "all places are taken");
        assert!(one.of(peer).is_none(), "through a proxy, too");
        drop((first, other));
        let taken = lock(&slots.0.taken);
        assert_eq!((taken.total, taken.by_prefix.len()), (0, 0));
    }
}
