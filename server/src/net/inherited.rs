//! Sockets that systemd listens on for us (sd_listen_fds(3)): the server needs then neither the right to
//! low ports nor a network of its own.
//!
//! A socket is known by the address that it is bound to, not by its name in the unit: what `listen`
//! says is true either way. One that nothing in `listen` names keeps the server from starting, as its port would
//! be open and nobody would ever answer there.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use listenfd::ListenFd;
use socket2::SockRef;

/// Why sockets that systemd passes are not used.
#[derive(Debug, thiserror::Error)]
pub enum InheritedError {
    /// It is of another kind, or is none.
    #[error(
        "socket {0} of those that systemd passes is not for TCP: {1}; let the socket unit have \
         ListenStream= with IP addresses and ports only"
    )]
    NotTcp(usize, io::Error),
    /// It is one connection.
    #[error(
        "socket {0} of those that systemd passes does not listen; let the socket unit have Accept=no"
    )]
    NotListening(usize),
    /// It would let in IPv4 as well, with addresses that look like IPv6: no limit for an IPv4 address
    /// would hold, and what is to listen for IPv4 alone could not.
    #[error(
        "{0}, which systemd passes, takes IPv4 as well; write BindIPv6Only=ipv6-only into the socket \
         unit, and ListenStream=0.0.0.0:{port} beside it for IPv4", port = .0.port()
    )]
    BothFamilies(SocketAddr),
    /// Nothing in `listen` is about it.
    #[error(
        "systemd passes a socket for {0}, and the server does not listen there; write the address \
         into `listen`, or take it out of the socket unit"
    )]
    Unclaimed(SocketAddr),
}

/// The sockets that systemd passed and that are not used yet.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(SocketAddr, TcpListener)>);

impl Inherited {
    /// Takes those that were passed to this process, and forgets that they were: a second call has
    /// none. It changes the environment, so there must be no other thread yet.
    ///
    /// # Errors
    /// [`InheritedError`], if there is one that cannot be used.
    pub fn take() -> Result<Self, InheritedError> {
        // The crate would also take what is addressed to no process in particular.
        let own = std::process::id().to_string();
        if std::env::var("LISTEN_PID").is_ok_and(|pid| pid == own) {
            Inherited::from_passed(ListenFd::from_env())
        } else {
            Ok(Inherited::default())
        }
    }

    fn from_passed(mut passed: ListenFd) -> Result<Self, InheritedError> {
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            let taken = passed.take_tcp_listener(index);
            if let Some(socket) = taken.map_err(|error| InheritedError::NotTcp(index, error))? {
                sockets.push((judged(index, &socket)?, socket));
            }
        }
        Ok(Inherited(sockets))
    }

    /// The socket for that address, if there is one. Each is handed out once.
    pub fn claim(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let index = self.0.iter().position(|(bound, _)| *bound == address)?;
        Some(self.0.swap_remove(index).1)
    }

    /// Makes sure that all were claimed.
    ///
    /// # Errors
    /// [`InheritedError::Unclaimed`].
    pub fn finish(self) -> Result<(), InheritedError> {
        self.0.first().map_or(Ok(()), |(address, _)| Err(InheritedError::Unclaimed(*address)))
    }
}

/// Where the socket listens, if it is one that we can use.
fn judged(index: usize, socket: &TcpListener) -> Result<SocketAddr, InheritedError> {
    let not_tcp = |error| InheritedError::NotTcp(index, error);
    let options = SockRef::from(socket);
    if !options.is_listener().map_err(not_tcp)? {
        return Err(InheritedError::NotListening(index));
    }
    let address = socket.local_addr().map_err(not_tcp)?;
    if address.ip() == IpAddr::from([0; 16]) && !options.only_v6().map_err(not_tcp)? {
        return Err(InheritedError::BothFamilies(address));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound() -> (SocketAddr, TcpListener) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        (socket.local_addr().unwrap(), socket)
    }

    #[test]
    fn a_socket_is_handed_out_once_and_to_its_own_address_alone() {
        let (one, other) = (bound(), bound());
        let (first, second) = (one.0, other.0);
        let mut inherited = Inherited(vec![one, other]);
        assert!(inherited.claim(SocketAddr::from(([127, 0, 0, 1], 0))).is_none());
        assert!(inherited.claim(SocketAddr::from(([0, 0, 0, 0], second.port()))).is_none());
        assert_eq!(inherited.claim(second).unwrap().local_addr().unwrap(), second);
        assert!(inherited.claim(second).is_none());
        assert!(inherited.claim(first).is_some());
        inherited.finish().unwrap();
    }

    #[test]
    fn what_nobody_claims_is_named() {
        let one = bound();
        let address = one.0;
        let error = Inherited(vec![one]).finish().unwrap_err().to_string();
        assert!(error.contains(&address.to_string()) && error.contains("`listen`"), "{error}");
    }
}
