//! Listening sockets and how many connections they let in.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::Peer;
use crate::sync::lock;

/// Connections that the kernel keeps for us between two accepts.
const BACKLOG: i32 = 1024;

/// How long to wait when the machine has no file descriptors or memory for another connection.
const PAUSE: Duration = Duration::from_millis(100);

/// One listening socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    slots: Slots,
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
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Listener { socket: TcpListener::from_std(socket.into())?, slots })
    }

    /// Where it listens, the port known even if any was asked for.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection that the limits let in. Others are closed without a word.
    pub async fn accept(&self) -> Accepted {
        loop {
            match self.socket.accept().await {
                Ok((socket, address)) => {
                    let peer = Peer::new(address.ip());
                    let Some(slot) = self.slots.take(peer) else { continue };
                    // Stanzas are small and wait for nobody; without it this stays slower only.
                    socket.set_nodelay(true).unwrap_or_default();
                    return Accepted { socket, peer, slot };
                }
                Err(error) => {
                    // Descriptors or memory ran out: those connected go on, and some will leave.
                    tracing::warn!(reason = %error.kind(), "cannot accept connections for now");
                    tokio::time::sleep(PAUSE).await;
                }
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
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_prefix: HashMap<u64, usize>,
}

/// One connection's place.
#[derive(Debug)]
pub struct Slot {
    counts: Arc<Counts>,
    prefix: u64,
}

impl Slots {
    /// At most `total` connections, and `per_prefix` from one IPv4 address or IPv6 /64.
    pub fn new(total: usize, per_prefix: usize) -> Self {
        Slots(Arc::new(Counts { total, per_prefix, taken: Mutex::default() }))
    }

    /// A place, if there is one.
    pub fn take(&self, peer: Peer) -> Option<Slot> {
        let prefix = peer.prefix();
        let mut taken = lock(&self.0.taken);
        let here = taken.by_prefix.get(&prefix).copied().unwrap_or_default();
        if taken.total >= self.0.total || here >= self.0.per_prefix {
            return None;
        }
        taken.total += 1;
        taken.by_prefix.insert(prefix, here + 1);
        Some(Slot { counts: Arc::clone(&self.0), prefix })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = lock(&self.counts.taken);
        taken.total = taken.total.saturating_sub(1);
        let left = taken.by_prefix.get(&self.prefix).copied().unwrap_or_default();
        if left > 1 {
            taken.by_prefix.insert(self.prefix, left - 1);
        } else {
            taken.by_prefix.remove(&self.prefix);
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
}
