//! The directory of a demo and the files in it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::jid::Domain;

/// A demo's directory.
pub(super) struct Place(PathBuf);

/// The ports of a first run.
pub(super) struct Ports {
    pub(super) c2s: u16,
    pub(super) tls: u16,
    pub(super) https: u16,
}

impl Place {
    /// Makes the directory, for this user alone, if it is missing.
    pub(super) fn prepare(dir: &Path) -> anyhow::Result<Self> {
        let hint = || format!("cannot use {}; choose another directory with --dir", dir.display());
        DirBuilder::new().recursive(true).mode(0o700).create(dir).with_context(hint)?;
        let place = Place(dir.canonicalize().with_context(hint)?);
        if socket2::SockAddr::unix(place.socket()).is_err() {
            bail!("the path {} is too long; choose a shorter one with --dir", place.0.display());
        }
        Ok(place)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.0
    }

    pub(super) fn config(&self) -> PathBuf {
        self.0.join("cloister.toml")
    }

    /// The authority's certificate, for clients.
    pub(super) fn authority(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    pub(super) fn authority_key(&self) -> PathBuf {
        self.0.join("ca.key")
    }

    pub(super) fn certificate(&self) -> PathBuf {
        self.0.join("server.pem")
    }

    pub(super) fn certificate_key(&self) -> PathBuf {
        self.0.join("server.key")
    }

    /// The passwords that were made up.
    pub(super) fn accounts(&self) -> PathBuf {
        self.0.join("accounts.txt")
    }

    fn socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    pub(super) fn write_config(&self, domain: &Domain, ports: &Ports) -> anyhow::Result<()> {
        let path = |path: PathBuf| match path.to_str() {
            Some(text) => Ok(quoted(text)?),
            None => bail!("the path {} is no UTF-8 text; choose another --dir", path.display()),
        };
        let text = format!(
            "# Made by `cloister demo`, which keeps what you change here. Check it with:\n\
             #     cloister check-config FILE\n\n\
             data_dir = {data}\n\
             admin_socket = {socket}\n\n\
             [[host]]\n\
             domain = {domain}\n\
             certificate = {certificate}\n\
             key_file = {key}\n\n\
             # Whoever wants to try a room need not be made a member first.\n\
             [host.rooms]\n\
             members_only = false\n\n\
             # Only this machine can connect.\n\
             [listen]\n\
             c2s = {c2s}\n\
             c2s_tls = {tls}\n\
             https = {https}\n\
             local = [\"127.0.0.1:0\"]\n\n\
             # Pages from anywhere may try clients in a browser.\n\
             [http]\n\
             origins = [\"*\"]\n",
            data = path(self.0.join("data"))?,
            socket = path(self.socket())?,
            domain = quoted(domain.as_str())?,
            certificate = path(self.certificate())?,
            key = path(self.certificate_key())?,
            c2s = loopback(ports.c2s)?,
            tls = loopback(ports.tls)?,
            https = loopback(ports.https)?,
        );
        write(&self.config(), 0o600, &text)
    }
}

/// Writes a whole file or none: one that is half-written would be kept by the next run.
pub(super) fn write(path: &Path, mode: u32, text: &str) -> anyhow::Result<()> {
    let hint = || format!("cannot write {}; look at the directory's permissions", path.display());
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    // One that an interrupted run left may have another mode.
    fs::remove_file(&unfinished).unwrap_or_default();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(&unfinished).with_context(hint)?;
    file.write_all(text.as_bytes()).with_context(hint)?;
    file.sync_all().with_context(hint)?;
    fs::rename(&unfinished, path).with_context(hint)
}

/// A string as TOML has it: JSON's escapes are among those of TOML.
fn quoted(text: &str) -> anyhow::Result<String> {
    Ok(serde_json::to_string(text)?)
}

/// This machine's addresses for itself, as a list in TOML.
fn loopback(port: u16) -> anyhow::Result<String> {
    let (v4, v6) = (IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST));
    // A machine without IPv6 would refuse to listen there.
    let v6 = TcpListener::bind((v6, 0)).is_ok().then_some(v6);
    let addresses = [Some(v4), v6].into_iter().flatten();
    let addresses: Vec<_> = addresses.map(|ip| SocketAddr::new(ip, port).to_string()).collect();
    Ok(serde_json::to_string(&addresses)?)
}
