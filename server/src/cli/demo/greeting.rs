//! What a newcomer needs to know next.

use std::env;
use std::fmt::Write;

use anyhow::anyhow;
use aws_lc_rs::digest::{SHA256, digest};

use super::accounts::Known;
use super::files::Place;
use super::shell_word;
use crate::config::certificate::read_chain;
use crate::lifecycle::Running;

pub(super) fn text(place: &Place, running: &Running, accounts: &[Known]) -> anyhow::Result<String> {
    let config = running.server.config();
    let domain = config.hosts.first().map_or("localhost", |host| host.domain.as_str());
    let (starttls, direct) = (port(&running.c2s), port(&running.c2s_tls));
    let dir = place.dir().display();
    let authority = place.authority();
    let mut out = String::new();
    writeln!(out, "Cloister, a demo for this machine alone. Everything lies in {dir}\n")?;
    writeln!(out, "  Domain        {domain}")?;
    writeln!(out, "  Server        127.0.0.1, port {starttls} (STARTTLS) or {direct} (TLS)")?;
    for known in accounts {
        let password = known.password.as_ref().map_or("(a password of your own)", |text| text);
        writeln!(out, "  Account       {}  password  {password}", known.account)?;
    }
    writeln!(out, "                (as the demo made them; they are kept in accounts.txt)")?;
    writeln!(out, "  Certificate   SHA-256 {}\n", fingerprint(place)?)?;
    writeln!(
        out,
        "Log in with an XMPP client on this machine. It does not know the demo's authority:"
    )?;
    writeln!(out, "  Gajim shows the certificate and asks: compare the SHA-256 above.")?;
    writeln!(
        out,
        "  Dino asks nothing and uses the system's authorities: add {} to them, on",
        authority.display()
    )?;
    writeln!(
        out,
        "    Debian:  sudo cp {} /usr/local/share/ca-certificates/cloister-demo.crt",
        shell_word(&authority)
    )?;
    writeln!(out, "             sudo update-ca-certificates")?;
    writeln!(out, "    NixOS:   security.pki.certificateFiles")?;
    writeln!(out, "    It can vouch for the demo's own names only. Remove it when you are done.")?;
    writeln!(
        out,
        "  Conversations, on a phone, cannot reach a server that listens on this machine alone."
    )?;
    writeln!(out, "  If a client asks for them, give it the server and port above.\n")?;
    let (program, config) = (program(), shell_word(&place.config()));
    writeln!(out, "Another account:  {program} --config {config} user add carol@{domain}")?;
    writeln!(out, "Console:          {program} --config {config} console")?;
    writeln!(out, "Stop:             Ctrl-C; the next run has the same accounts")?;
    Ok(out)
}

/// What starts this program: its name where the shell finds it by that, or else its path.
fn program() -> String {
    let Ok(own) = env::current_exe() else { return "cloister".to_owned() };
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found = env::split_paths(&path).map(|dir| dir.join("cloister"));
    let by_name = found.find(|file| file.is_file()).and_then(|file| file.canonicalize().ok());
    let same = by_name.is_some() && by_name == own.canonicalize().ok();
    if same { "cloister".to_owned() } else { shell_word(&own) }
}

/// All listeners of a kind have the same port, unless any free one was asked for.
fn port(addresses: &[std::net::SocketAddr]) -> String {
    let mut ports: Vec<_> = addresses.iter().map(|address| address.port().to_string()).collect();
    ports.dedup();
    if ports.is_empty() { "none".to_owned() } else { ports.join(" and ") }
}

fn fingerprint(place: &Place) -> anyhow::Result<String> {
    let chain = read_chain(&place.certificate())?;
    let own = chain.first().ok_or_else(|| anyhow!("there is no certificate; remove server.pem"))?;
    let octets = digest(&SHA256, own);
    let hex: Vec<_> = octets.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
    Ok(hex.join(":"))
}
