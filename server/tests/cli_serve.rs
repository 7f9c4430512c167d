//! `cloister serve`: signals, systemd, and what a second server is told.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use crate::cli_process::{Process, Site, run_with};

/// What systemd is told, in order.
struct Systemd(UnixDatagram);

impl Systemd {
    fn new(site: &Site) -> Self {
        let socket = UnixDatagram::bind(site.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Systemd(socket)
    }

    fn hears(&self, state: &str) -> String {
        let mut buffer = [0; 1024];
        loop {
            let length = self.0.recv(&mut buffer).unwrap_or_else(|e| panic!("no {state}: {e}"));
            let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if text.lines().any(|line| line == state) {
                return text;
            }
        }
    }
}

#[tokio::test]
async fn sigterm_tells_the_clients_and_ends_with_0() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = site.serve().await;
        let juliet = site.login(&server, "juliet", "secret password").await;
        server.signal(signal);
        assert_eq!(juliet.stream_error().await, "system-shutdown");
        assert_eq!(server.ended().await, Some(0), "{}", server.logged());
        assert!(!site.socket().exists(), "the socket is left behind");
    }
}

#[tokio::test]
async fn sighup_with_mistakes_keeps_the_old_configuration() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    let juliet = site.login(&server, "juliet", "secret password").await;
    site.write("[limits]\nroster_items = 1\nnonsense = 2");
    server.signal(Signal::HUP);
    server.logs("the old one stays").await;
    let logged = server.logged();
    assert!(logged.contains("limits.roster_items") && logged.contains("nonsense"), "{logged}");
    juliet.fence().await;
    site.login(&server, "juliet", "secret password").await;
}

#[tokio::test]
async fn sighup_puts_a_new_configuration_in_place_and_drops_nobody() {
    let site = Site::new();
    site.account("juliet@localhost", "secret password").await;
    let server = site.serve().await;
    let juliet = site.login(&server, "juliet", "secret password").await;
    let files = site.authority().issued("montague.example", site.path());
    site.write(&format!(
        "[[host]]\ndomain = \"montague.example\"\ncertificate = \"{}\"\nkey_file = \"{}\"",
        files.certificate.display(),
        files.key.display()
    ));
    server.signal(Signal::HUP);
    server.logs("the configuration was reloaded").await;
    site.account("romeo@montague.example", "secret password").await;
    site.login(&server, "romeo@montague.example", "secret password").await;
    juliet.fence().await;
}

#[tokio::test]
async fn an_option_that_waits_for_a_restart_is_named() {
    let site = Site::new();
    let server = site.serve().await;
    site.write("[store]\ncache = \"16 MiB\"");
    server.signal(Signal::HUP);
    server.logs("after a restart only: store").await;
}

#[tokio::test]
async fn a_second_server_on_the_same_data_does_not_start() {
    let site = Site::new();
    let _server = site.serve().await;
    let complaint = site.run(&["serve"]).await.failed();
    assert!(complaint.contains("in use by another process"), "{complaint}");
    let errors: Vec<_> = complaint.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{complaint}");
}

#[tokio::test]
async fn a_command_that_finds_the_store_in_use_says_what_to_do() {
    let site = Site::new();
    let _server = site.serve().await;
    let elsewhere = site.path().join("elsewhere.toml");
    std::fs::write(&elsewhere, site.text("elsewhere.sock", "")).unwrap();
    let mut command = crate::cli_process::command(&["user", "list", "--config"]);
    command.arg(elsewhere);
    let complaint = run_with(command, "").await.failed();
    assert!(complaint.contains("no server answers at"), "{complaint}");
}

#[tokio::test]
async fn a_wrong_configuration_does_not_start() {
    let site = Site::with("nonsense = 1");
    let complaint = site.run(&["serve"]).await.failed();
    assert!(complaint.contains("nonsense"), "{complaint}");
}

#[tokio::test]
async fn systemd_hears_of_start_reload_life_and_stop() {
    let site = Site::new();
    let systemd = Systemd::new(&site);
    let mut command = site.command(&["serve"]);
    command.env("NOTIFY_SOCKET", site.path().join("notify")).env("WATCHDOG_USEC", "200000");
    let server = Process::spawn(command).await.ready().await;
    systemd.hears("READY=1");
    systemd.hears("WATCHDOG=1");
    systemd.hears("WATCHDOG=1");
    server.signal(Signal::HUP);
    let reloading = systemd.hears("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    systemd.hears("READY=1");
    server.signal(Signal::TERM);
    systemd.hears("STOPPING=1");
}

#[tokio::test]
async fn lines_for_the_journal_have_no_time_of_their_own() {
    let site = Site::new();
    for (journal, begins) in [(true, false), (false, true)] {
        let mut command = site.command(&["serve"]);
        if journal {
            command.env("JOURNAL_STREAM", "8:1");
        }
        let server = Process::spawn(command).await.ready().await;
        server.signal(Signal::HUP);
        let line = server.logs("reloaded").await;
        assert_eq!(line.starts_with("20"), begins, "{line}");
        server.stop().await;
    }
}
