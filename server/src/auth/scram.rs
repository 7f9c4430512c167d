//! SCRAM, the server's side (RFC 5802, RFC 7677): SCRAM-SHA-1, -256 and -512, each with `-PLUS`.
//!
//! ```text
//! ClientFirst::parse --challenge--> AwaitingFinal --finish--> server-final (v=...)
//! ```
//!
//! Pure: no clock, no store; the server's nonce comes in from outside. Failures end in a SASL
//! failure and not in an `e=` message (RFC 5802 §5.1: the server MAY do so). The server-first
//! message carries XEP-0474's `h=` when the caller says what it offered. Authorization
//! identities and the choice of account are the caller's.

mod keys;
mod offer;
mod syntax;
#[cfg(test)]
mod tests;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

pub use keys::{Iterations, Keys, MAX_ITERATIONS};
pub use offer::{ChannelBinding, Hash, Mechanism, Offer};
pub use syntax::{MAX_CLIENT_FINAL, MAX_CLIENT_FIRST};

use syntax::{Flag, Header};

/// Why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// The message is too long, not UTF-8, or not of the form of RFC 5802 §7: an attribute is
    /// missing, repeated, out of order or has a bad value.
    #[error("the SCRAM message is malformed")]
    Malformed,
    /// §5.1: the username is empty, or has a '=' that is not `=2C` or `=3D`.
    #[error("the username is malformed")]
    Username,
    /// §5.1: the authorization identity is empty, or has such a '='.
    #[error("the authorization identity is malformed")]
    Authzid,
    /// §5.1: `m=` announces an extension that must be understood.
    #[error("the client demands an extension")]
    Extension,
    /// §6: the binding flag does not belong to the mechanism (`p` without `-PLUS`, or `n` or `y`
    /// with it).
    #[error("the channel binding flag contradicts the mechanism")]
    Flag,
    /// §6: the client says `y`, that we offer no `-PLUS`, but we do: somebody removed it.
    #[error("the list of mechanisms was changed on its way to the client")]
    Downgrade,
    /// §6: the client binds to something that we do not support.
    #[error("the channel binding type is not supported")]
    BindingType,
    /// `c=` is not what we compute: the client is at the end of another TLS channel.
    #[error("the channel bindings do not match")]
    Binding,
    /// `r=` is not the nonce that we sent.
    #[error("the nonce does not match")]
    Nonce,
    /// The proof is wrong: a wrong password, or no such account.
    #[error("the proof is wrong")]
    Proof,
}

/// The SASL failure condition (RFC 6120 §6.5) that a [`ScramError`] becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// `<invalid-authzid/>`
    InvalidAuthzid,
    /// `<malformed-request/>`
    MalformedRequest,
    /// `<not-authorized/>`
    NotAuthorized,
}

impl ScramError {
    /// What the client is told.
    pub fn condition(self) -> Condition {
        match self {
            Self::Malformed | Self::Username | Self::Extension | Self::Flag => {
                Condition::MalformedRequest
            }
            Self::Authzid => Condition::InvalidAuthzid,
            Self::Downgrade | Self::BindingType | Self::Binding | Self::Nonce | Self::Proof => {
                Condition::NotAuthorized
            }
        }
    }

    /// Whether a password was tried, so that the limiter of guesses must hear of it.
    pub fn is_guess(self) -> bool {
        self == Self::Proof
    }
}

/// The client-first message, read and found admissible.
pub struct ClientFirst {
    mechanism: Mechanism,
    header: Header,
    username: String,
    /// Everything after the gs2 header, as received: it enters the hash (RFC 5802 §3).
    bare: String,
    nonce: String,
}

impl ClientFirst {
    /// Reads the client-first message, decoded from base64.
    ///
    /// `offered_plus` tells whether any `-PLUS` mechanism was offered on this stream, and
    /// `supported` which bindings this channel can do.
    pub fn parse(
        mechanism: Mechanism,
        offered_plus: bool,
        supported: &[ChannelBinding],
        bytes: &[u8],
    ) -> Result<Self, ScramError> {
        let text = syntax::text(bytes, MAX_CLIENT_FIRST)?;
        let (header, bare) = syntax::gs2_header(text)?;
        admit(&header.flag, mechanism, offered_plus, supported)?;
        let (username, nonce) = syntax::client_first_bare(bare)?;
        Ok(Self { mechanism, header, username, bare: bare.to_owned(), nonce: nonce.to_owned() })
    }

    /// The name to look up, unescaped but not yet normalised as a localpart.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The authorization identity, if the client named one.
    pub fn authzid(&self) -> Option<&str> {
        self.header.authzid.as_deref()
    }

    /// The mechanism of this exchange.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The binding that the client named; its data is due at [`AwaitingFinal::finish`].
    pub fn binding(&self) -> Option<ChannelBinding> {
        self.header.flag.binding()
    }

    /// Answers with the server-first message.
    ///
    /// `keys` must be of this mechanism's hash, or else no proof will be right.
    pub fn challenge(
        self,
        keys: Keys,
        nonce: &ServerNonce,
        offer: Option<&Offer<'_>>,
    ) -> (Vec<u8>, AwaitingFinal) {
        let nonce = self.nonce + &nonce.0;
        let salt = BASE64.encode(keys.salt());
        let mut first = format!("r={nonce},s={salt},i={}", keys.iterations().get());
        if let Some(offer) = offer {
            // XEP-0474 §"Server Sends Downgrade Protection Hash".
            first.push_str(",h=");
            first.push_str(&offer.hash(self.mechanism.hash));
        }
        let signed = format!("{},{first}", self.bare);
        let header = self.header;
        (first.into_bytes(), AwaitingFinal { keys, header, nonce, signed })
    }
}

/// The server-first message is sent; the client's proof is awaited.
pub struct AwaitingFinal {
    keys: Keys,
    header: Header,
    nonce: String,
    /// The AuthMessage of RFC 5802 §3 as far as it goes.
    signed: String,
}

impl AwaitingFinal {
    /// The binding that the client named.
    pub fn binding(&self) -> Option<ChannelBinding> {
        self.header.flag.binding()
    }

    /// Reads the client-final message, decoded from base64, and verifies the proof.
    ///
    /// `binding` is the channel's data of the type that [`AwaitingFinal::binding`] names. The
    /// answer is the server-final message, sent with the success.
    pub fn finish(self, bytes: &[u8], binding: Option<&[u8]>) -> Result<Vec<u8>, ScramError> {
        let text = syntax::text(bytes, MAX_CLIENT_FINAL)?;
        let message = syntax::client_final(text)?;
        // RFC 5802 §5.1: exactly the nonce that we sent, which begins with the client's.
        if message.nonce != self.nonce {
            return Err(ScramError::Nonce);
        }
        let expected = BASE64.encode(self.header.binding_input(binding)?);
        verify_slices_are_equal(message.binding.as_bytes(), expected.as_bytes())
            .map_err(|_| ScramError::Binding)?;
        let signed = format!("{},{}", self.signed, message.without_proof);
        let signature = self.keys.verify(signed.as_bytes(), &message.proof)?;
        Ok(format!("v={}", BASE64.encode(signature)).into_bytes())
    }
}

/// The server's part of the nonce.
pub struct ServerNonce(String);

impl ServerNonce {
    /// From 144 fresh random bits, as 24 characters.
    pub fn from_random(bytes: [u8; 18]) -> Self {
        Self(BASE64.encode(bytes))
    }

    /// From text that is printable ASCII without a comma and not empty (RFC 5802 §7).
    pub fn from_text(text: &str) -> Option<Self> {
        syntax::is_nonce(text).then(|| Self(text.to_owned()))
    }
}

/// RFC 5802 §6: whether the flag fits what was offered and chosen.
fn admit(
    flag: &Flag,
    mechanism: Mechanism,
    offered_plus: bool,
    supported: &[ChannelBinding],
) -> Result<(), ScramError> {
    match flag {
        Flag::Unsupported | Flag::NotOffered if mechanism.plus => Err(ScramError::Flag),
        Flag::NotOffered if offered_plus => Err(ScramError::Downgrade),
        Flag::Unsupported | Flag::NotOffered => Ok(()),
        Flag::Bound(_) | Flag::BoundToUnknown if !mechanism.plus => Err(ScramError::Flag),
        Flag::Bound(binding) if supported.contains(binding) => Ok(()),
        Flag::Bound(_) | Flag::BoundToUnknown => Err(ScramError::BindingType),
    }
}
