//! Who may log in, and how they show it.

mod accounts;
mod hashed_token;
mod known_password;
mod login;
mod operator;
pub mod password;
pub mod scram;
mod throttle;
mod together;
mod tokens;

pub use accounts::{ACCOUNTS, Account, AccountError, Accounts, Hashing};
pub use hashed_token::HashedToken;
pub use login::{Exchange, Login, Proof, Step};
pub use operator::Guess;
pub use throttle::{Attempt, RetryAfter, Throttle};
pub use together::Hashed;
pub use tokens::{DEVICES, Device, DeviceId, Fast, Issued, UserAgent};

use crate::feature::Registry;

/// Declares what accounts keep in the store.
pub fn register(on: &mut Registry) {
    accounts::register(on);
    operator::register(on);
    tokens::register(on);
}

/// What a TLS connection has to bind a login to (RFC 5929, RFC 9266).
#[derive(Clone, Default)]
pub struct ChannelBindings {
    /// `tls-exporter`.
    pub exporter: Option<Vec<u8>>,
    /// `tls-server-end-point`.
    pub server_end_point: Option<Vec<u8>>,
}

impl std::fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChannelBindings(..)")
    }
}

/// Why a login failed, RFC 6120 §6.5: told to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslError {
    /// §6.5.1: the client gave up.
    Aborted,
    /// §6.5.2: the operator disabled the account.
    AccountDisabled,
    /// §6.5.3: a token was right once.
    CredentialsExpired,
    /// §6.5.5: not base64.
    IncorrectEncoding,
    /// §6.5.6: the client wants to act for somebody else.
    InvalidAuthzid,
    /// §6.5.7: not offered.
    InvalidMechanism,
    /// §6.5.8: the mechanism's syntax is broken.
    MalformedRequest,
    /// §6.5.10: a wrong password, no such account, or a proof for another channel.
    NotAuthorized,
    /// §6.5.11: too many failures, or a fault on our side.
    TemporaryAuthFailure,
}

impl SaslError {
    /// The element's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            SaslError::Aborted => "aborted",
            SaslError::AccountDisabled => "account-disabled",
            SaslError::CredentialsExpired => "credentials-expired",
            SaslError::IncorrectEncoding => "incorrect-encoding",
            SaslError::InvalidAuthzid => "invalid-authzid",
            SaslError::InvalidMechanism => "invalid-mechanism",
            SaslError::MalformedRequest => "malformed-request",
            SaslError::NotAuthorized => "not-authorized",
            SaslError::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }
}
