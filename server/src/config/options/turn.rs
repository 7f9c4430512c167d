//! What is declared of the TURN server.

use std::time::Duration;

use crate::config::declare::section;
use crate::config::turn::HostName;
use crate::config::value::{At, SecretPath};

section! {
    /// `[turn]` as it is written.
    pub struct TurnTable {
        /// The name or IP address at which clients find the TURN server. Left out, there is none,
        /// and clients are told nothing.
        domain: At<HostName>, optional "turn.example.org";

        /// Where it answers STUN over UDP, and TURN over UDP and TCP.
        port: u16, default 3478, least 1, most 65_535;

        /// Where it answers TURN inside TLS. Left out, it does not.
        tls_port: u16, optional 5349, least 1, most 65_535;

        /// A file with what this server and the TURN server share, on one line: the
        /// `static-auth-secret` of coturn's `use-auth-secret`. Whoever may log in gets something
        /// that guesses at it can be tried on, so it has at least 16 bytes. It is read again at a
        /// reload. Make one with: `(umask 077; head -c 32 /dev/urandom | base64 > FILE)`
        secret_file: At<SecretPath>, optional "/run/secrets/turn";

        /// How long what clients log in with is good for. Clients that stay ask for another one
        /// in time.
        lifetime: Duration, default "1d", least "10m" "which a call needs", most "30d";
    }
}
