//! sd_listen_fds(3): sockets that systemd listens on for the server.
//!
//! A socket reaches the server as it does from systemd, as descriptor 3: a shell that has it as its standard
//! input puts it there and becomes the server.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use socket2::{Domain, Socket, Type};
use tokio::process::Command;

use crate::cli_process::{Process, Site};
use crate::kit::within;

/// What systemd says to the process that becomes the server.
const TOLD: &str = "export LISTEN_PID=$$ LISTEN_FDS=1";

/// What `open(2)` calls `O_NONBLOCK` and `O_CLOEXEC`, as the kernel shows them.
const FLAGS: u32 = 0o2_004_000;

/// A configuration that listens there for STARTTLS.
fn site(c2s: SocketAddr) -> Site {
    let site = Site::new();
    let any = "c2s = [\"127.0.0.1:0\"]";
    let text = site.text("admin.sock", "");
    assert!(text.contains(any));
    fs::write(site.config(), text.replacen(any, &format!("c2s = [\"{c2s}\"]"), 1)).unwrap();
    site
}

/// The server, with that socket as descriptor 3 after the shell has done `told`.
async fn serve(site: &Site, told: &str, socket: impl Into<OwnedFd>) -> Process {
    let server = site.command(&["serve"]);
    let server = server.as_std();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{told}; exec \"$@\" 3<&0 </dev/null")).arg("sh");
    command.arg(server.get_program()).args(server.get_args()).kill_on_drop(true);
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Process::spawn_with(command, Stdio::from(socket.into())).await
}

/// What a server says that does not start.
async fn complaint(site: &Site, told: &str, socket: impl Into<OwnedFd>) -> String {
    let mut server = serve(site, told, socket).await;
    assert_eq!(server.ended().await, Some(1), "{}", server.logged());
    server.logs("error: ").await
}

fn bound(address: &str) -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind(address).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// An IPv6 socket on a free port; nothing where there is no IPv6.
fn bound_v6(only: bool) -> Option<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None).ok()?;
    socket.set_only_v6(only).ok()?;
    socket.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).ok()?;
    socket.listen(8).ok()?;
    let socket = TcpListener::from(socket);
    let address = socket.local_addr().ok()?;
    Some((socket, address))
}

#[tokio::test]
async fn a_socket_that_systemd_listens_on_is_used_for_its_address() {
    let (socket, address) = bound("127.0.0.1:0");
    let site = site(address);
    site.account("juliet@localhost", "secret password").await;
    // We listen there as well, so the server cannot have bound it.
    let server = serve(&site, TOLD, socket.try_clone().unwrap()).await.ready().await;
    assert_eq!(server.starttls(), address);
    site.login(&server, "juliet", "secret password").await.fence().await;
    server.stop().await;
}

#[tokio::test]
async fn who_connects_before_the_server_is_there_is_served_when_it_is() {
    let (socket, address) = bound("127.0.0.1:0");
    let site = site(address);
    let mut early = crate::kit::RawClient::connect(address).await;
    let server = serve(&site, TOLD, socket).await;
    within("features", early.open("localhost")).await;
    server.ready().await.stop().await;
}

#[tokio::test]
async fn an_inherited_socket_does_not_block_and_goes_no_further() {
    let (socket, address) = bound("127.0.0.1:0");
    let site = site(address);
    let server = serve(&site, TOLD, socket).await.ready().await;
    let info = fs::read_to_string(format!("/proc/{}/fdinfo/3", server.id())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
    assert_eq!(flags & FLAGS, FLAGS, "{info}");
}

#[tokio::test]
async fn a_socket_that_no_option_names_keeps_the_server_from_starting() {
    let (socket, address) = bound("127.0.0.1:0");
    let complaint = complaint(&Site::new(), TOLD, socket).await;
    assert!(complaint.contains(&format!("passes a socket for {address}")), "{complaint}");
    assert!(complaint.contains("write the address into `listen`"), "{complaint}");
}

#[tokio::test]
async fn a_second_socket_for_the_same_address_is_one_that_nobody_answers() {
    let (socket, address) = bound("127.0.0.1:0");
    let told = "export LISTEN_PID=$$ LISTEN_FDS=2; exec 4<&0";
    let complaint = complaint(&site(address), told, socket).await;
    assert!(complaint.contains(&format!("passes a socket for {address}")), "{complaint}");
}

#[tokio::test]
async fn what_is_addressed_to_another_process_is_not_touched() {
    let (socket, address) = bound("127.0.0.1:0");
    let site = site(address);
    for told in ["export LISTEN_PID=1 LISTEN_FDS=1", "unset LISTEN_PID; export LISTEN_FDS=1"] {
        // So the server binds, and we listen there.
        let complaint = complaint(&site, told, socket.try_clone().unwrap()).await;
        assert!(complaint.contains(&format!("cannot listen on {address}")), "{complaint}");
    }
}

#[tokio::test]
async fn a_socket_of_another_kind_is_refused_with_the_remedy() {
    let site = Site::new();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix = std::os::unix::net::UnixListener::bind(site.path().join("unix.sock")).unwrap();
    let file = fs::File::open(site.config()).unwrap();
    for other in [OwnedFd::from(udp), OwnedFd::from(unix), OwnedFd::from(file)] {
        let complaint = complaint(&site, TOLD, other).await;
        assert!(complaint.contains("not for TCP") && complaint.contains("ListenStream="));
    }
}

#[tokio::test]
async fn a_socket_that_is_said_to_be_there_and_is_not_is_refused() {
    let (socket, address) = bound("127.0.0.1:0");
    let told = "export LISTEN_PID=$$ LISTEN_FDS=2; exec 4<&-";
    let complaint = complaint(&site(address), told, socket).await;
    assert!(complaint.contains("socket 1 of those that systemd passes is not"), "{complaint}");
}

#[tokio::test]
async fn a_connection_instead_of_a_listener_is_refused() {
    let (socket, address) = bound("127.0.0.1:0");
    let _peer = std::net::TcpStream::connect(address).unwrap();
    let (connection, _) = socket.accept().unwrap();
    let complaint = complaint(&Site::new(), TOLD, connection).await;
    assert!(complaint.contains("Accept=no"), "{complaint}");
}

#[tokio::test]
async fn all_ipv6_addresses_are_not_all_ipv4_addresses_too() {
    let Some((both, address)) = bound_v6(false) else { return };
    let complaint = complaint(&site(address), TOLD, both).await;
    assert!(complaint.contains("BindIPv6Only=ipv6-only"), "{complaint}");
    let (only, address) = bound_v6(true).unwrap();
    let server = serve(&site(address), TOLD, only).await.ready().await;
    assert_eq!(server.starttls(), address);
}
