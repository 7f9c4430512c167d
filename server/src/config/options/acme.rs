//! What is declared of certificate authorities that check a domain by HTTP.

use std::path::PathBuf;

use crate::config::declare::section;

section! {
    /// Certificate authorities that check a domain by HTTP (RFC 8555 §8.3).
    pub struct Acme {
        /// The folder that the client of the certificate authority, such as lego or certbot, calls its
        /// webroot: it puts a file into `.well-known/acme-challenge` in it. The server's user has to be able
        /// to read it. It matters with `listen.acme` only.
        webroot: PathBuf, default "/var/lib/acme/acme-challenge";
    }
}
