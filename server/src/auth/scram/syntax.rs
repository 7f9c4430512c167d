//! RFC 5802 §7: the formal syntax of what a client sends.

use base64::Engine as _;

use super::{BASE64, ChannelBinding, ScramError};

/// Octets of a client-first message: far more than two identities and a nonce need.
pub const MAX_CLIENT_FIRST: usize = 4096;

/// Octets of a client-final message: it repeats parts of the first one, in base64, and our nonce.
pub const MAX_CLIENT_FINAL: usize = 3 * MAX_CLIENT_FIRST;

/// The attributes that RFC 5802 §5.1 defines: they have their place, and may not be extensions.
const RESERVED: &str = "anmrcsipve";

/// The gs2-cbind-flag.
pub(super) enum Flag {
    /// `n`: the client cannot bind.
    Unsupported,
    /// `y`: the client could, and thinks that we cannot.
    NotOffered,
    /// `p=`: the client binds.
    Bound(ChannelBinding),
    /// `p=` with a type that we do not know.
    BoundToUnknown,
}

impl Flag {
    pub(super) fn binding(&self) -> Option<ChannelBinding> {
        match self {
            Self::Bound(binding) => Some(*binding),
            _ => None,
        }
    }
}

/// The gs2-header.
pub(super) struct Header {
    pub(super) flag: Flag,
    pub(super) authzid: Option<String>,
    /// As received, with its final comma.
    raw: String,
}

impl Header {
    /// The cbind-input: the header, and for `p` the data of the channel.
    pub(super) fn binding_input(&self, data: Option<&[u8]>) -> Result<Vec<u8>, ScramError> {
        let mut input = self.raw.clone().into_bytes();
        if self.flag.binding().is_some() {
            let data = data.filter(|data| !data.is_empty()).ok_or(ScramError::Binding)?;
            input.extend_from_slice(data);
        }
        Ok(input)
    }
}

/// What a client-final message holds.
pub(super) struct ClientFinal<'a> {
    pub(super) binding: &'a str,
    pub(super) nonce: &'a str,
    pub(super) without_proof: &'a str,
    pub(super) proof: Vec<u8>,
}

/// The message as text; RFC 5802 §7 excludes NUL everywhere.
pub(super) fn text(bytes: &[u8], limit: usize) -> Result<&str, ScramError> {
    let text = str::from_utf8(bytes).map_err(|_| ScramError::Malformed)?;
    if text.len() > limit || text.contains('\0') {
        return Err(ScramError::Malformed);
    }
    Ok(text)
}

/// `gs2-cbind-flag "," [ authzid ] ","`, and what follows.
pub(super) fn gs2_header(message: &str) -> Result<(Header, &str), ScramError> {
    let (flag, rest) = message.split_once(',').ok_or(ScramError::Malformed)?;
    let (authzid, bare) = rest.split_once(',').ok_or(ScramError::Malformed)?;
    let raw = message.strip_suffix(bare).ok_or(ScramError::Malformed)?;
    let header =
        Header { flag: binding_flag(flag)?, authzid: authorization(authzid)?, raw: raw.to_owned() };
    Ok((header, bare))
}

/// `username "," nonce ["," extensions]`: the name unescaped, and the client's nonce.
pub(super) fn client_first_bare(bare: &str) -> Result<(String, &str), ScramError> {
    let mut attributes = bare.split(',');
    let username = attribute(attributes.next(), "n=")?;
    let nonce = attribute(attributes.next(), "r=")?;
    attributes.try_for_each(extension)?;
    if !is_nonce(nonce) {
        return Err(ScramError::Malformed);
    }
    Ok((saslname(username).ok_or(ScramError::Username)?, nonce))
}

/// `channel-binding "," nonce ["," extensions] "," proof`.
pub(super) fn client_final(message: &str) -> Result<ClientFinal<'_>, ScramError> {
    let (without_proof, proof) = message.rsplit_once(',').ok_or(ScramError::Malformed)?;
    let mut attributes = without_proof.split(',');
    let binding = attribute(attributes.next(), "c=")?;
    let nonce = attribute(attributes.next(), "r=")?;
    attributes.try_for_each(extension)?;
    let proof = attribute(Some(proof), "p=")?;
    let proof = BASE64.decode(proof).map_err(|_| ScramError::Malformed)?;
    Ok(ClientFinal { binding, nonce, without_proof, proof })
}

/// `printable`: ASCII without space and comma, at least one.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21..=0x2B | 0x2D..=0x7E))
}

fn binding_flag(flag: &str) -> Result<Flag, ScramError> {
    match flag {
        "n" => return Ok(Flag::Unsupported),
        "y" => return Ok(Flag::NotOffered),
        _ => {}
    }
    let name = flag.strip_prefix("p=").ok_or(ScramError::Malformed)?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(ScramError::Malformed);
    }
    Ok(ChannelBinding::from_name(name).map_or(Flag::BoundToUnknown, Flag::Bound))
}

fn authorization(authzid: &str) -> Result<Option<String>, ScramError> {
    if authzid.is_empty() {
        return Ok(None);
    }
    let name = authzid.strip_prefix("a=").ok_or(ScramError::Malformed)?;
    saslname(name).map(Some).ok_or(ScramError::Authzid)
}

/// The value of an attribute that must stand here.
fn attribute<'a>(attribute: Option<&'a str>, name: &str) -> Result<&'a str, ScramError> {
    let attribute = attribute.ok_or(ScramError::Malformed)?;
    if let Some(value) = attribute.strip_prefix(name) {
        return Ok(value);
    }
    // §5.1: a mandatory extension comes first in the client-first message.
    Err(if attribute.starts_with("m=") { ScramError::Extension } else { ScramError::Malformed })
}

/// `attr-val`. §5.1: optional extensions that are not understood MUST be ignored.
fn extension(attribute: &str) -> Result<(), ScramError> {
    match attribute.split_once('=') {
        Some(("m", _)) => Err(ScramError::Extension),
        Some((name, value)) if !value.is_empty() && is_free(name) => Ok(()),
        _ => Err(ScramError::Malformed),
    }
}

/// A single letter without a meaning of its own.
fn is_free(name: &str) -> bool {
    matches!(name.as_bytes(), [letter] if letter.is_ascii_alphabetic()) && !RESERVED.contains(name)
}

/// `saslname`: `=2C` is ',', `=3D` is '=', and no other '=' may occur.
fn saslname(text: &str) -> Option<String> {
    let mut pieces = text.split('=');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        let (sign, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        name.push(sign);
        name.push_str(rest);
    }
    (!name.is_empty()).then_some(name)
}
