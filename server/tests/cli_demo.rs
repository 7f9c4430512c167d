//! `cloister demo`: everything is made, and everything is kept.

use std::collections::HashMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::cli_process::{Done, Process, command, enter, login, run, run_with, trusting};
use crate::kit::RawClient;
use crate::kit::tls::sha256_of;

/// Whatever port is free, for each.
const FREE: [&str; 6] = ["--c2s-port", "0", "--tls-port", "0", "--https-port", "0"];

struct Demo(TempDir);

impl Demo {
    fn new() -> Self {
        Demo(tempfile::tempdir().unwrap())
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("demo")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    fn arguments<'a>(dir: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        [&["demo", "--dir", dir], more].concat()
    }

    async fn start(&self, more: &[&str]) -> Process {
        let dir = self.dir();
        let command = command(&Demo::arguments(dir.to_str().unwrap(), more));
        Process::spawn(command).await.ready().await
    }

    async fn on_free_ports(&self) -> Process {
        self.start(&FREE).await
    }

    /// A run that is expected to end.
    async fn run(&self, more: &[&str]) -> Done {
        let dir = self.dir();
        run_with(command(&Demo::arguments(dir.to_str().unwrap(), more)), "").await
    }

    async fn user(&self, more: &[&str]) -> Done {
        let config = self.file("cloister.toml");
        run(&[&["--config", config.to_str().unwrap(), "user"], more].concat()).await
    }
}

/// The passwords that were printed.
fn passwords(server: &Process) -> HashMap<String, String> {
    let printed = server.printed();
    let lines = printed.lines().filter(|line| line.trim().starts_with("Account "));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.map(|words| (words[1].to_owned(), words[3].to_owned())).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_first_run_makes_everything_and_keeps_secrets_secret() {
    let demo = Demo::new();
    let server = demo.on_free_ports().await;
    assert_eq!(mode(&demo.dir()), 0o700);
    for secret in ["ca.key", "server.key", "accounts.txt", "cloister.toml", "admin.sock"] {
        assert_eq!(mode(&demo.file(secret)), 0o600, "{secret}");
    }
    let known = passwords(&server);
    assert_eq!(known.len(), 2);
    for (jid, password) in known {
        assert!(demo.text("accounts.txt").contains(&format!("{jid} {password}\n")));
    }
    server.stop().await;
}

#[tokio::test]
async fn alice_and_bob_log_in_when_they_trust_the_demos_authority() {
    let demo = Demo::new();
    let server = demo.on_free_ports().await;
    let (known, authority) = (passwords(&server), trusting(&demo.file("ca.pem")));
    let alice = login(&server, authority.clone(), "alice", &known["alice@localhost"]).await;
    let direct = RawClient::connect(server.direct()).await;
    // By address, as one would from another name for this machine.
    let direct = direct.handshake(authority, "127.0.0.1").await.unwrap();
    let bob = enter(direct, "bob", "localhost", &known["bob@localhost"]).await.unwrap();
    alice.unwrap().send(format!("<message to='{}'><body>hi</body></message>", bob.jid())).await;
    assert_eq!(crate::kit::body(&bob.receive().await), "hi");
}

#[tokio::test]
async fn the_fingerprint_that_is_printed_is_the_certificates() {
    let demo = Demo::new();
    let server = demo.on_free_ports().await;
    let clear = RawClient::connect(server.starttls()).await;
    let raw = clear.starttls(trusting(&demo.file("ca.pem")), "localhost").await.unwrap();
    let octets = sha256_of(&raw.certificate());
    let hex: Vec<_> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    assert!(server.printed().contains(&hex.join(":")), "{}", server.printed());
}

#[tokio::test]
async fn a_second_run_keeps_authority_accounts_and_passwords() {
    let demo = Demo::new();
    let first = demo.on_free_ports().await;
    let before = passwords(&first);
    let files = ["ca.pem", "ca.key", "server.pem", "server.key", "cloister.toml", "accounts.txt"];
    let texts = files.map(|name| demo.text(name));
    first.stop().await;
    let second = demo.on_free_ports().await;
    assert_eq!(passwords(&second), before);
    assert_eq!(files.map(|name| demo.text(name)), texts);
    let alice = login(&second, trusting(&demo.file("ca.pem")), "alice", &before["alice@localhost"]);
    assert!(alice.await.is_ok());
}

#[tokio::test]
async fn what_is_missing_is_made_again_by_the_same_authority() {
    let demo = Demo::new();
    demo.on_free_ports().await.stop().await;
    let authority = demo.text("ca.pem");
    fs::remove_file(demo.file("server.pem")).unwrap();
    demo.user(&["remove", "bob@localhost"]).await.ok();
    let server = demo.on_free_ports().await;
    assert_eq!(demo.text("ca.pem"), authority);
    let known = passwords(&server);
    let bob = login(&server, trusting(&demo.file("ca.pem")), "bob", &known["bob@localhost"]);
    assert!(bob.await.is_ok());
}

#[tokio::test]
async fn the_command_that_is_recommended_works() {
    let demo = Demo::new();
    let server = demo.on_free_ports().await;
    let printed = server.printed();
    let (_, recommended) = printed.split_once("Another account:  ").unwrap();
    // As it stands there, in a shell.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{} --generate", recommended.lines().next().unwrap()));
    let password = run_with(shell, "").await.ok();
    let trust = trusting(&demo.file("ca.pem"));
    assert!(login(&server, trust, "carol", password.trim()).await.is_ok());
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_the_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let demo = Demo::new();
    for option in ["--c2s-port", "--tls-port", "--https-port"] {
        let free = FREE.chunks(2).filter(|pair| pair[0] != option).flatten().copied();
        let asked: Vec<_> = free.chain([option, &port]).collect();
        let complaint = demo.run(&asked).await.failed();
        assert!(complaint.contains(option), "{complaint}");
    }
}

#[tokio::test]
async fn another_domain_needs_another_directory() {
    let demo = Demo::new();
    let server = demo.start(&[&["--domain", "Chat.Example"][..], &FREE].concat()).await;
    let known = passwords(&server);
    let trust = trusting(&demo.file("ca.pem"));
    let alice = login(&server, trust, "alice@chat.example", &known["alice@chat.example"]).await;
    assert!(alice.is_ok());
    server.stop().await;
    let complaint = demo.run(&["--domain", "other.example"]).await.failed();
    assert!(complaint.contains("--dir"), "{complaint}");
}

#[tokio::test]
async fn a_demo_that_runs_already_is_told_apart_from_a_port_in_use() {
    let demo = Demo::new();
    let _server = demo.on_free_ports().await;
    let complaint = demo.run(&FREE).await.failed();
    assert!(complaint.contains("another demo runs"), "{complaint}");
}
