//! A network in CIDR notation, RFC 4632 §3.1 and RFC 4291 §2.3: `10.0.0.0/8`, `fd00::/8`, or one address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::value::Text;

/// All addresses that begin with the same bits; at least one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is not a network; each sentence ends with the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address, or no number behind the slash.
    #[error("is not an IP address or network; write it as in 192.0.2.1 or 10.0.0.0/8")]
    Form,
    /// More bits than such an address has.
    #[error("has a prefix that is too long; write at most /32 for IPv4 and /128 for IPv6")]
    TooLong,
    /// No bits at all.
    #[error("means everybody; write the addresses that are meant")]
    Everybody,
    /// The address of a host in it.
    #[error("is an address within that network; write {0}, or the address alone")]
    NotTheNetwork(Network),
    /// IPv4 in the form of IPv6: such connections are IPv4 here.
    #[error("is an IPv4 address in the form of IPv6; write it as IPv4")]
    Mapped,
}

impl Network {
    /// Whether the address is in it. IPv4 in the form of IPv6 is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let same_family = address.is_ipv4() == self.address.is_ipv4();
        same_family && first_bits(address, self.bits) == self.address
    }
}

impl Text for Network {
    const NOUN: &'static str = "an IP address or network";
    const SAMPLE: &'static str = "\"10.0.0.0/8\"";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("\"{text}\" {error}"))
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(number(bits)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        if address != address.to_canonical() {
            return Err(NetworkError::Mapped);
        }
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        match bits {
            0 => return Err(NetworkError::Everybody),
            bits if bits > most => return Err(NetworkError::TooLong),
            _ => {}
        }
        let network = Network { address: first_bits(address, bits), bits };
        if network.address == address {
            Ok(network)
        } else {
            Err(NetworkError::NotTheNetwork(network))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Digits alone: the standard parser takes a sign, too.
fn number(text: &str) -> Result<u8, NetworkError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or(NetworkError::Form)
}

/// The address with all bits behind the first ones cleared.
fn first_bits(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::from((v4.to_bits() & mask).to_be_bytes())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::from((v6.to_bits() & mask).to_be_bytes())
        }
    }
}

impl Text for IpAddr {
    const NOUN: &'static str = "an IP address";
    const SAMPLE: &'static str = "\"192.0.2.7\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let wrong = |_| {
            format!("\"{text}\" is no IP address; write it as in \"192.0.2.7\" or \"2001:db8::7\"")
        };
        text.parse().map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        let network: Network = network.parse().unwrap();
        network.contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_what_begins_with_its_bits() {
        assert!(contains("10.0.0.0/8", "10.255.1.2"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("172.16.0.0/12", "172.31.255.255"));
        assert!(!contains("172.16.0.0/12", "172.32.0.0"));
        assert!(contains("fd00::/8", "fdff::1"));
        assert!(!contains("fd00::/8", "fe00::1"));
        assert!(contains("2001:db8:0:8000::/49", "2001:db8:0:ffff::1"));
        assert!(!contains("2001:db8:0:8000::/49", "2001:db8::1"));
    }

    #[test]
    fn an_address_alone_holds_itself_alone() {
        assert!(contains("192.0.2.1", "192.0.2.1"));
        assert!(!contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("::1", "::1"));
        assert!(!contains("::1", "::2"));
    }

    #[test]
    fn ipv4_that_came_as_ipv6_is_ipv4() {
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.9"));
        assert!(!contains("::/1", "192.0.2.9"));
        assert!(!contains("0.0.0.0/1", "::1"));
    }

    #[test]
    fn what_means_something_else_than_it_says_is_refused() {
        let refused = |text: &str| text.parse::<Network>().unwrap_err();
        for text in [
            "",
            "proxy",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10/8",
            "::/1 ",
            "1.2.3.4/256",
        ] {
            assert_eq!(refused(text), NetworkError::Form, "{text}");
        }
        assert_eq!(refused("10.0.0.0/33"), NetworkError::TooLong);
        assert_eq!(refused("::/129"), NetworkError::TooLong);
        assert_eq!(refused("0.0.0.0/0"), NetworkError::Everybody);
        assert_eq!(refused("::ffff:10.0.0.0/104"), NetworkError::Mapped);
        assert!(refused("10.0.0.1/8").to_string().contains("write 10.0.0.0/8"));
    }

    #[test]
    fn a_network_is_shown_as_it_is_written() {
        for text in ["10.0.0.0/8", "fd00::/8", "::1/128"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }
}
