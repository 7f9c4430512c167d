//! Who may know what an account is doing: its owner, and those who are subscribed to its presence
//! (RFC 6121 §3). To others it says nothing of itself (XEP-0030 §8, XEP-0012 §3).

use super::roster;
use crate::feature::Ctx;
use crate::stanza::{Iq, StanzaError};

/// Whether who sent the request may see the presence of the account it is for.
///
/// # Errors
/// The store failed.
pub async fn is_visible(cx: &Ctx, iq: &Iq) -> Result<bool, StanzaError> {
    match &iq.to {
        None => Ok(true),
        Some(to) => Ok(roster::is_shown_to(&cx.server, &to.bare(), &iq.from.bare()).await?),
    }
}
