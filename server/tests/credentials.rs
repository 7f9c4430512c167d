//! systemd.exec(5), `LoadCredential=`: secrets and certificates that systemd passes to the service.

use std::fs;
use std::path::PathBuf;

use tokio::process::Command;

use crate::cli_process::{Process, Site, run_with};

/// A configuration whose files are credentials, and their directory.
fn site() -> (Site, PathBuf) {
    let site = Site::new();
    let text = site.text("admin.sock", "");
    let directory = format!("{}/", site.path().display());
    let names = |line: &str| match line.starts_with("certificate") || line.starts_with("key_file") {
        true => line.replace(&directory, "$CREDENTIALS_DIRECTORY/") + "\n",
        false => format!("{line}\n"),
    };
    let text: String = text.lines().map(names).collect();
    assert_eq!(text.matches("$CREDENTIALS_DIRECTORY/").count(), 2, "{text}");
    fs::write(site.config(), text).unwrap();
    let directory = site.path().to_owned();
    (site, directory)
}

fn with(mut command: Command, directory: &PathBuf) -> Command {
    command.env("CREDENTIALS_DIRECTORY", directory);
    command
}

#[tokio::test]
async fn a_server_has_its_certificate_and_key_from_systemd() {
    let (site, directory) = site();
    let server = Process::spawn(with(site.command(&["serve"]), &directory)).await.ready().await;
    site.account("juliet@localhost", "secret password").await;
    site.login(&server, "juliet", "secret password").await.fence().await;
    // The command has no credentials, and is told what the server shows.
    site.run(&["cert", "status"]).await.ok();
    server.stop().await;
    let status = site.run(&["cert", "status"]).await;
    assert_eq!(status.code, Some(1), "{status:?}");
    assert!(status.stdout.contains("$CREDENTIALS_DIRECTORY is not set"), "{status:?}");
}

#[tokio::test]
async fn who_has_no_credentials_is_told_what_to_do() {
    let (site, directory) = site();
    let complaint = site.run(&["check-config"]).await.failed();
    assert!(complaint.contains("host.key_file: $CREDENTIALS_DIRECTORY/"), "{complaint}");
    assert!(complaint.contains("let the unit have LoadCredential="), "{complaint}");
    site.run(&["check-config", "--syntax-only"]).await.ok();
    run_with(with(site.command(&["check-config"]), &directory), "").await.ok();
}
