//! Invitations: how somebody gets an account, a contact, or back into an account.
//!
//! XEP-0401 makes them, XEP-0379 lets a contact redeem one
//! ([`subscription`](super::subscription)), XEP-0445 lets a newcomer. Nobody registers without one
//! (XEP-0077).
//!
//! Our choices: an invitation is a random token of a domain, good for one or several uses, that its
//! inviter or the operator may revoke. What it takes and what it gives is one commit: there is never
//! an account without a used token, nor the reverse. What else it promises, a contact and a room, is
//! written down in that commit and done right after it, or when the server is back. Whoever was removed
//! or disabled invites nobody: what he gave out and nobody used goes with him. A token that is over is
//! remembered for a while, so that people are told what is wrong with their link. Guessed tokens count
//! like wrong passwords.

mod account;
mod commands;
mod expire;
mod in_band;
mod invitation;
mod link;
mod look;
mod make;
mod names;
mod redeem;
mod refusal;
mod stored;
mod welcome;

pub use expire::disowned;
pub use invitation::{Invitation, Kind, Terms};
pub use link::{landing_url, uri};
pub use look::{View, look};
pub use make::{Wish, make};
pub(super) use redeem::use_as_contact;
pub use redeem::{register_account, reset};
pub use refusal::Refusal;
pub use stored::{Error, MOST_USES, list, revoke};

use crate::feature::Registry;

/// One at a time makes an invitation or an account with one: names are compared with all others, and
/// invitations counted.
#[derive(Default)]
struct Turn(tokio::sync::Mutex<()>);

/// Declares what belongs to it.
pub fn register(on: &mut Registry) {
    on.tree(stored::INVITATIONS.domain_info(1, "invitations"));
    on.state(Turn::default());
    account::register(on);
    commands::register(on);
    expire::register(on);
    in_band::register(on);
    welcome::register(on);
}
