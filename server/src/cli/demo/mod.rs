//! `cloister demo`: a server to try, on this machine, with nothing to configure.
//!
//! Everything it needs lies in one directory. What is there is kept, what is missing is made, so
//! that a second run has the same accounts and the same authority, which clients trust already.

mod accounts;
mod authority;
mod files;
mod greeting;
mod invitation;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;

use super::load;
use super::logging::Log;
use super::serve::{Foreground, Signals, announce, block_on, ready_line};
use crate::clock::Clock;
use crate::config::{Check, Config, Listen, WebAddress};
use crate::jid::Domain;
use crate::lifecycle::{self, StartError};

/// Makes a server to try on this machine, and serves
///
/// DIR gets an authority with a certificate, a configuration, and the accounts alice and bob with
/// random passwords. What is there already is kept. Only this machine can connect.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  cloister demo
  cloister demo --dir /tmp/chat --c2s-port 15222 --tls-port 15223")]
pub(super) struct Arguments {
    /// Where everything lies
    #[arg(long, default_value = "cloister-demo")]
    dir: PathBuf,

    /// The domain, the part behind the @ of the accounts' addresses [default: localhost]
    #[arg(long)]
    domain: Option<String>,

    /// The port for clients that begin with STARTTLS [default: 5222]
    #[arg(long, value_name = "PORT")]
    c2s_port: Option<u16>,

    /// The port for clients that begin with TLS [default: 5223]
    #[arg(long, value_name = "PORT")]
    tls_port: Option<u16>,

    /// The port for files, invitations and browsers [default: 5443]
    #[arg(long, value_name = "PORT")]
    https_port: Option<u16>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let place = files::Place::prepare(&arguments.dir)?;
    let path = place.config();
    if !path.exists() {
        make(arguments, &place)?;
    }
    // The files that it names may be missing still.
    let (config, _) = load(&path, Check::Syntax)?;
    arguments.agree_with(&config, &place)?;
    authority::complete(&place, domain_of(&config)?)?;
    let (mut config, warnings) = load(&path, Check::Full)?;
    arguments.put_ports(&mut config);
    stay_here(&mut config);
    let log = Log::begin(config.log_level);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    block_on(config.worker_threads, serve(config, &place, log))
}

async fn serve(config: Config, place: &files::Place, log: Log) -> anyhow::Result<()> {
    let signals = Signals::new()?;
    let listen = config.listen.clone();
    let refused = |error| not_started(error, &listen, place);
    let running = lifecycle::start(config, Clock::System).await.map_err(refused)?;
    let accounts = accounts::complete(&running.server, place).await?;
    announce(&greeting::text(place, &running, &accounts)?);
    invitation::show(&running.server, domain_of(&running.server.config())?).await?;
    announce(&ready_line(&running));
    Foreground { running, path: &place.config(), log, signals }.attend().await
}

/// Writes the configuration of a first run.
fn make(arguments: &Arguments, place: &files::Place) -> anyhow::Result<()> {
    let domain = arguments.domain.as_deref().unwrap_or("localhost");
    let domain = Domain::parse(domain)
        .map_err(|error| super::Usage(format!("--domain: {error}; write it as in example.org")))?;
    let ports = files::Ports {
        c2s: arguments.c2s_port.unwrap_or(5222),
        tls: arguments.tls_port.unwrap_or(5223),
        https: arguments.https_port.unwrap_or(5443),
    };
    place.write_config(&domain, &ports)
}

impl Arguments {
    /// Another domain would leave the accounts and the certificate of the first one behind.
    fn agree_with(&self, config: &Config, place: &files::Place) -> anyhow::Result<()> {
        let asked = self.domain.as_deref().and_then(|domain| Domain::parse(domain).ok());
        let known = |asked: &Domain| config.hosts.iter().any(|host| host.domain == *asked);
        match asked {
            Some(asked) if !known(&asked) => bail!(
                "{} is of another domain; choose another directory with --dir, or leave --domain out",
                place.dir().display()
            ),
            _ => Ok(()),
        }
    }

    /// Ports that are asked for hold for this run, whatever the configuration says.
    fn put_ports(&self, config: &mut Config) {
        let put = |addresses: &mut Vec<SocketAddr>, port: Option<u16>| {
            if let Some(port) = port {
                addresses.iter_mut().for_each(|address| address.set_port(port));
            }
        };
        put(&mut config.listen.c2s, self.c2s_port);
        put(&mut config.listen.c2s_tls, self.tls_port);
        put(&mut config.listen.https, self.https_port);
    }
}

/// Pages are at an address that this machine has, whatever the domain is called.
fn stay_here(config: &mut Config) {
    // The configuration of an earlier version does not say where HTTP is listened for.
    for addresses in [&mut config.listen.https, &mut config.listen.local] {
        for address in addresses.iter_mut().filter(|address| !address.ip().is_loopback()) {
            let ip: IpAddr = match address.is_ipv4() {
                true => Ipv4Addr::LOCALHOST.into(),
                false => Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(ip);
        }
    }
    // Which port is free is known later only.
    let port = config.listen.https.first().map(SocketAddr::port).filter(|port| *port > 0);
    let Some(port) = port else { return };
    for host in config.hosts.iter_mut().filter(|host| host.domain.as_str() != "localhost") {
        host.web.get_or_insert_with(|| WebAddress::of("localhost", port));
    }
}

fn domain_of(config: &Config) -> anyhow::Result<&Domain> {
    let host = config.hosts.first().ok_or_else(|| anyhow!("there is no [[host]]; add one"))?;
    Ok(&host.domain)
}

/// A port in use is what happens most, and the remedy is an option.
fn not_started(error: StartError, listen: &Listen, place: &files::Place) -> anyhow::Error {
    match error {
        StartError::Listen { address, error } => {
            let remedy = match address {
                it if listen.c2s.contains(&it) => "choose another port with --c2s-port",
                it if listen.c2s_tls.contains(&it) => "choose another port with --tls-port",
                it if listen.https.contains(&it) => "choose another port with --https-port",
                _ => "choose another port in cloister.toml",
            };
            anyhow!("cannot listen on {address}: {error}; {remedy}")
        }
        StartError::Store(crate::store::StoreError::Locked { .. }) => {
            let dir = place.dir().display();
            anyhow!("another demo runs in {dir}; stop it, or choose another directory with --dir")
        }
        error => error.into(),
    }
}

/// As a word of a shell's command line.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
