//! The operator's socket: who may open it, and what it takes.

use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::cli_process::Site;
use crate::kit::within;

/// Sends a line; the answer, or nothing if the connection was closed instead.
async fn ask(stream: &mut BufReader<UnixStream>, line: &[u8]) -> String {
    // A server that has read enough may close meanwhile.
    stream.write_all(line).await.unwrap_or_default();
    let mut answer = String::new();
    within("an answer", stream.read_line(&mut answer)).await.unwrap_or_default();
    answer
}

async fn connect(site: &Site) -> BufReader<UnixStream> {
    BufReader::new(UnixStream::connect(site.socket()).await.unwrap())
}

#[tokio::test]
async fn only_its_owner_may_open_the_socket() {
    let site = Site::new();
    let deep = site.text("run/cloister/admin.sock", "");
    std::fs::write(site.config(), deep).unwrap();
    let _server = site.serve().await;
    let mode = |path: &str| {
        std::fs::metadata(site.path().join(path)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("run/cloister/admin.sock"), 0o600);
    assert_eq!(mode("run/cloister"), 0o700);
}

#[tokio::test]
async fn one_connection_can_ask_several_times() {
    let site = Site::new();
    let _server = site.serve().await;
    let mut stream = connect(&site).await;
    for _ in 0..2 {
        let answer = ask(&mut stream, b"{\"do\":\"user-list\"}\n").await;
        assert_eq!(answer, "{\"done\":{\"accounts\":[]}}\n");
    }
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_does_no_harm() {
    let site = Site::new();
    let _server = site.serve().await;
    let mut stream = connect(&site).await;
    for line in [&b"hello\n"[..], b"\n", b"{\"do\":\"burn\"}\n", b"\xff\xfe\n", b"[[[[[[[[\n"] {
        let answer = ask(&mut stream, line).await;
        assert!(answer.starts_with("{\"failed\":"), "{line:?}: {answer}");
    }
    let answer = ask(&mut stream, b"{\"do\":\"user-list\"}\n").await;
    assert!(answer.starts_with("{\"done\":"), "{answer}");
}

#[tokio::test]
async fn an_endless_line_is_cut_off() {
    let site = Site::new();
    let _server = site.serve().await;
    let mut stream = connect(&site).await;
    let long = vec![b'x'; 64 * 1024 + 1];
    assert_eq!(ask(&mut stream, &long).await, "");
    let mut rest = Vec::new();
    within("the end", stream.read_to_end(&mut rest)).await.unwrap_or_default();
    site.run(&["user", "list"]).await.ok();
}

#[tokio::test]
async fn silent_connections_do_not_keep_the_server_from_stopping() {
    let site = Site::new();
    let server = site.serve().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(connect(&site).await);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_socket_that_a_killed_server_left_is_replaced() {
    let site = Site::new();
    site.serve().await.kill().await;
    assert!(site.socket().exists());
    site.run(&["user", "list"]).await.ok();
    let server = site.serve().await;
    site.run(&["user", "list"]).await.ok();
    server.stop().await;
}

#[tokio::test]
async fn a_file_in_the_sockets_place_is_left_alone() {
    let site = Site::new();
    std::fs::write(site.socket(), "precious").unwrap();
    let complaint = site.run(&["serve"]).await.failed();
    assert!(complaint.contains("no socket"), "{complaint}");
    assert_eq!(std::fs::read_to_string(site.socket()).unwrap(), "precious");
}

#[tokio::test]
async fn a_socket_that_took_the_place_of_ours_is_left_alone() {
    let site = Site::new();
    let mut server = site.serve().await;
    std::fs::remove_file(site.socket()).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(site.socket()).unwrap();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await, Some(0));
    assert!(site.socket().exists());
}
