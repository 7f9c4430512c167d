//! The PROXY protocol, versions 1 and 2 (<https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>):
//! a proxy says first whom it speaks for.
//!
//! Exactly the header's bytes are read, as what follows is TLS or the client's own stream. A proxy
//! that names nobody (`UNKNOWN`, `LOCAL`, a socket of its machine) speaks for itself. What is in a
//! header is believed, so only connections from the addresses that the operator lists get here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Peer;

/// §2.2: a header of version 2 begins with it.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// §2.1: the longest line of version 1, with its line end.
const LONGEST_LINE: usize = 107;

/// §2.2: the addresses are at most 216 bytes; the rest are additions for us to skip (§2.2.7), of
/// which the longest in use is a client's certificate.
const LONGEST_BLOCK: usize = 4096;

/// Whom a header names: nobody, if the proxy speaks for itself.
type Named = Option<IpAddr>;

/// A header that breaks the protocol; told to nobody, as the proxy would not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a header of the PROXY protocol")]
pub struct Malformed;

/// Reads the header with which a fresh connection from a proxy begins, and nothing of what follows.
///
/// # Errors
/// `InvalidData` for anything else, `TimedOut` at the deadline, or the connection is lost.
pub async fn read(socket: &mut TcpStream, deadline: Instant) -> io::Result<Peer> {
    let proxy = socket.peer_addr()?.ip();
    let named = timeout_at(deadline, header(socket)).await??;
    Ok(Peer::new(named.unwrap_or(proxy)))
}

async fn header(socket: &mut TcpStream) -> io::Result<Named> {
    // No header of either version is shorter.
    let mut first = [0; SIGNATURE.len()];
    socket.read_exact(&mut first).await?;
    if first == SIGNATURE {
        return block(socket).await;
    }
    if !first.starts_with(b"PROXY ") {
        return Err(malformed(Malformed));
    }
    line(socket, first).await
}

/// Version 1: a line of text.
async fn line(socket: &mut TcpStream, first: [u8; 12]) -> io::Result<Named> {
    let mut line = first.to_vec();
    let mut ahead = [0; LONGEST_LINE];
    while line.last() != Some(&b'\n') {
        let room = ahead.get_mut(line.len()..).unwrap_or_default();
        if room.is_empty() {
            return Err(malformed(Malformed));
        }
        // Looked at before it is taken: what is behind the line is for somebody else.
        let there = socket.peek(room).await?;
        let there = room.get(..there).unwrap_or_default();
        let wanted = there.iter().position(|byte| *byte == b'\n').map_or(there.len(), |at| at + 1);
        let known = line.len();
        line.resize(known + wanted.max(1), 0);
        socket.read_exact(line.get_mut(known..).unwrap_or_default()).await?;
    }
    parse_line(&line).map_err(malformed)
}

/// Version 2: lengths before everything.
async fn block(socket: &mut TcpStream) -> io::Result<Named> {
    let mut head = [0; 4];
    socket.read_exact(&mut head).await?;
    let [command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST_BLOCK {
        return Err(malformed(Malformed));
    }
    let mut rest = vec![0; length];
    socket.read_exact(&mut rest).await?;
    parse_block(command, family, &rest).map_err(malformed)
}

/// §2.1: `PROXY TCP4 192.0.2.1 198.51.100.7 51234 5222`, and CR LF.
fn parse_line(line: &[u8]) -> Result<Named, Malformed> {
    let line = line.strip_suffix(b"\r\n").ok_or(Malformed)?;
    let line = str::from_utf8(line).map_err(|_| Malformed)?;
    let words: Vec<_> = line.split(' ').collect();
    match words.as_slice() {
        // Whatever follows is to be ignored.
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", "TCP4", source, destination, ports @ ..] => {
            two_ports(ports)?;
            pair::<Ipv4Addr>(source, destination).map(|source| Some(source.into()))
        }
        ["PROXY", "TCP6", source, destination, ports @ ..] => {
            two_ports(ports)?;
            pair::<Ipv6Addr>(source, destination).map(|source| Some(source.into()))
        }
        _ => Err(Malformed),
    }
}

fn pair<A: FromStr>(source: &str, destination: &str) -> Result<A, Malformed> {
    let parse = |text: &str| text.parse::<A>().map_err(|_| Malformed);
    parse(destination)?;
    parse(source)
}

fn two_ports(words: &[&str]) -> Result<(), Malformed> {
    let plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    match words {
        [one, other]
            if [one, other].iter().all(|word| plain(word) && word.parse::<u16>().is_ok()) =>
        {
            Ok(())
        }
        _ => Err(Malformed),
    }
}

/// §2.2: the 13th and 14th byte, and what their length covers. Additions behind the addresses are
/// not looked at.
fn parse_block(command: u8, family: u8, rest: &[u8]) -> Result<Named, Malformed> {
    match command {
        // LOCAL: the proxy itself, to see whether we live. The rest is to be ignored.
        0x20 => return Ok(None),
        0x21 => {}
        _ => return Err(Malformed),
    }
    match family {
        // §2.2: not specified, and sockets of the proxy's own machine: there is no address to tell.
        0x00 => Ok(None),
        0x31 if rest.len() >= 216 => Ok(None),
        // Source and destination, and two ports.
        0x11 if rest.len() >= 12 => Ok(source::<4>(rest).map(IpAddr::from)),
        0x21 if rest.len() >= 36 => Ok(source::<16>(rest).map(IpAddr::from)),
        // Datagrams, and families that do not exist: not on this connection.
        _ => Err(Malformed),
    }
}

fn source<const N: usize>(rest: &[u8]) -> Option<[u8; N]> {
    rest.first_chunk::<N>().copied()
}

fn malformed(error: Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Named {
        Some(text.parse().unwrap())
    }

    fn v6_block() -> Vec<u8> {
        let address = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        [&address("2001:db8::1")[..], &address("2001:db8::2"), &[0, 1, 0, 2]].concat()
    }

    #[test]
    fn s2_1_a_line_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.7 51234 5222\r\n";
        assert_eq!(parse_line(line), Ok(ip("192.0.2.1")));
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n";
        assert_eq!(parse_line(line), Ok(ip("2001:db8::1")));
    }

    #[test]
    fn s2_1_unknown_is_the_proxy_whatever_follows() {
        assert_eq!(parse_line(b"PROXY UNKNOWN\r\n"), Ok(None));
        assert_eq!(parse_line(b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), Ok(None));
    }

    #[test]
    fn s2_1_a_line_is_as_the_text_says_or_nothing() {
        for line in [
            "PROXY TCP4 192.0.2.1 198.51.100.7 51234 5222\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 51234 5222",
            "PROXY TCP4 192.0.2.1 198.51.100.7 51234\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 51234 5222 1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 51234 65536\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 +1 5222\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 51234 \r\n",
            "PROXY TCP4 192.0.2.1  198.51.100.7 51234 5222\r\n",
            "PROXY TCP4 192.0.2.01 198.51.100.7 51234 5222\r\n",
            "PROXY TCP4 192.0.2.1 nobody 51234 5222\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 51234 5222\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.7 51234 5222\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.7 51234 5222\r\n",
            "proxy TCP4 192.0.2.1 198.51.100.7 51234 5222\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(parse_line(line.as_bytes()), Err(Malformed), "{line:?}");
        }
        assert_eq!(parse_line(b"PROXY UNKNOWN \xff\r\n"), Err(Malformed));
    }

    #[test]
    fn s2_2_a_block_names_the_client() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 7, 200, 34, 20, 102];
        assert_eq!(parse_block(0x21, 0x11, &v4), Ok(ip("192.0.2.1")));
        assert_eq!(parse_block(0x21, 0x21, &v6_block()), Ok(ip("2001:db8::1")));
    }

    #[test]
    fn s2_2_7_additions_are_passed_over_whatever_they_hold() {
        let with_addition = [&v6_block()[..], &[0xe0, 0xff, 0xff, 1]].concat();
        assert_eq!(parse_block(0x21, 0x21, &with_addition), Ok(ip("2001:db8::1")));
    }

    #[test]
    fn s2_2_local_and_unspecified_and_unix_are_the_proxy() {
        assert_eq!(parse_block(0x20, 0x00, &[]), Ok(None));
        assert_eq!(parse_block(0x20, 0x21, &v6_block()), Ok(None));
        assert_eq!(parse_block(0x20, 0xff, &[1, 2, 3]), Ok(None));
        assert_eq!(parse_block(0x21, 0x00, &[]), Ok(None));
        assert_eq!(parse_block(0x21, 0x31, &[b'/'; 216]), Ok(None));
    }

    #[test]
    fn s2_2_a_length_that_cannot_hold_the_addresses_is_a_lie() {
        for (family, shortest) in [(0x11, 12), (0x21, 36), (0x31, 216)] {
            assert!(parse_block(0x21, family, &vec![1; shortest]).is_ok());
            assert_eq!(parse_block(0x21, family, &vec![1; shortest - 1]), Err(Malformed));
            assert_eq!(parse_block(0x21, family, &[]), Err(Malformed));
        }
    }

    #[test]
    fn s2_2_other_versions_commands_families_and_datagrams_are_refused() {
        let rest = [1; 216];
        for command in (0..=0xff).filter(|command| ![0x20, 0x21].contains(command)) {
            assert_eq!(parse_block(command, 0x11, &rest), Err(Malformed), "{command:#x}");
        }
        for family in (0..=0xff).filter(|family| ![0x00, 0x11, 0x21, 0x31].contains(family)) {
            assert_eq!(parse_block(0x21, family, &rest), Err(Malformed), "{family:#x}");
        }
    }
}
