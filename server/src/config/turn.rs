//! The STUN and TURN server that clients are told of, and the secret that is shared with it.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use zeroize::Zeroizing;

use super::Check;
use super::options::TurnTable;
use super::report::Report;
use super::secret::{FileError, check_path, read_secret};
use super::settle::reported;
use super::value::Text;

/// 128 bits, if all of them are random. Every password that is made of the secret lets its owner try
/// guesses at it, at home and as fast as his machines can.
const SHORTEST_SECRET: usize = 16;

/// The TURN server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Where it is.
    pub host: HostName,
    /// Where it answers in clear, over UDP and TCP.
    pub port: u16,
    /// Where it answers inside TLS, if it does.
    pub tls_port: Option<u16>,
    /// The file with the secret that is shared with it.
    pub secret_file: PathBuf,
    /// How long what clients log in with is good for.
    pub lifetime: Duration,
}

/// A name in the DNS, in A-labels, or an IP address without brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// As URIs and the DNS have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for HostName {
    const NOUN: &'static str = "a host name or an IP address";
    const SAMPLE: &'static str = "\"turn.example.org\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = inner.unwrap_or(text).parse::<IpAddr>() {
            return Ok(HostName(address.to_string()));
        }
        let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::Check);
        let name = Uts46::new().to_ascii(text.as_bytes(), deny, hyphens, DnsLength::Verify);
        name.map(|name| HostName(name.into_owned())).map_err(|_| {
            format!(
                "\"{text}\" is no host name; write the name or the IP address alone, without a \
                 port, as in \"turn.example.org\""
            )
        })
    }
}

/// What is shared with the TURN server. Nothing shows it.
#[derive(Clone)]
pub struct TurnSecret(hmac::Key);

/// Why such a secret is not used. Shows the path and never the content.
#[derive(Debug, thiserror::Error)]
pub enum TurnSecretError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// Guesses would find it.
    #[error(
        "{0} has fewer than {SHORTEST_SECRET} bytes; make one with: (umask 077; head -c 32 /dev/urandom | base64 > '{0}')"
    )]
    Short(PathBuf),
    /// The TURN server's configuration cannot say it.
    #[error(
        "{0} is no single line of text; make one with: (umask 077; head -c 32 /dev/urandom | base64 > '{0}')"
    )]
    NotALine(PathBuf),
}

impl TurnSecret {
    /// Reads the secret: the one line of a file, without its end.
    ///
    /// # Errors
    /// [`TurnSecretError`].
    pub fn read(path: &Path) -> Result<Self, TurnSecretError> {
        let bytes = Zeroizing::new(read_secret(path)?);
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().any(u8::is_ascii_control) || std::str::from_utf8(line).is_err() {
            return Err(TurnSecretError::NotALine(path.to_owned()));
        }
        if line.len() < SHORTEST_SECRET {
            return Err(TurnSecretError::Short(path.to_owned()));
        }
        // HMAC with SHA-1 is what draft-uberti-behave-turn-rest-00 §2.2 has, and TURN servers.
        Ok(TurnSecret(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, line)))
    }

    /// The password that the TURN server expects of that user (draft-uberti-behave-turn-rest-00 §2.2).
    pub fn password(&self, username: &str) -> String {
        STANDARD.encode(hmac::sign(&self.0, username.as_bytes()))
    }
}

impl fmt::Debug for TurnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TurnSecret")
    }
}

/// Makes `Turn` of what is written; nothing without a domain. What is missing has been reported.
pub(super) fn settled(table: TurnTable) -> Option<Turn> {
    Some(Turn {
        host: table.domain?.value,
        port: table.port,
        tls_port: table.tls_port,
        secret_file: table.secret_file?.value.0,
        lifetime: table.lifetime,
    })
}

/// Reports what is missing, and a secret that cannot be used.
pub(super) fn check(table: &TurnTable, check: Check, report: &mut Report<'_>) {
    match (&table.domain, &table.secret_file) {
        (Some(domain), None) if !report.is_mistaken("turn.secret_file") => {
            let text = "is missing; write the path of a file with the static-auth-secret of the \
                        TURN server, or remove turn.domain";
            report.mistake(domain.at, "turn.secret_file", text);
        }
        (None, Some(secret)) if !report.is_mistaken("turn.domain") => {
            let text = "is missing, so that clients are told of no TURN server; write its name, or \
                        remove turn.secret_file";
            report.warning(secret.at, "turn.domain", text);
        }
        _ => {}
    }
    let Some(secret) = &table.secret_file else { return };
    let path = secret.value.0.as_path();
    match check {
        Check::Syntax => {
            reported(check_path(path), secret.at, "turn.secret_file", report);
        }
        Check::Full => {
            reported(TurnSecret::read(path), secret.at, "turn.secret_file", report);
        }
    }
}
