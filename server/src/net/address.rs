//! A peer's address. It has no `Display` and a blind `Debug`: it cannot get into a log.

use std::net::IpAddr;

/// Where a connection comes from; used for limits only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Peer(IpAddr);

impl Peer {
    /// An IPv4 address that came mapped into IPv6 is the same peer as without.
    pub fn new(address: IpAddr) -> Self {
        Peer(address.to_canonical())
    }

    /// The address, for [`crate::auth::Throttle`] and limits alone.
    pub(crate) fn ip(self) -> IpAddr {
        self.0
    }

    /// What counts as one peer: an IPv4 address, or the /64 that a household or host is given.
    pub(crate) fn prefix(self) -> u64 {
        match self.0 {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            // The upper half; no unicast prefix reaches down to the IPv4 numbers above.
            IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64,
        }
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Peer(hidden)")
    }
}
