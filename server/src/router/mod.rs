//! The router: where every stanza goes. Nothing else delivers.
//!
//! `registry`, `inbox`, `locks` and `slots` say who is online; `route` holds the rules of RFC 6120
//! §10 for each kind of address, `delivery` those of RFC 6121 §8 for accounts.

mod delivery;
mod envelope;
mod inbox;
mod locks;
mod registry;
mod route;
mod slots;

pub use delivery::deliver_to_account;
pub use envelope::{Envelope, Seen, broadcast};
pub use inbox::{Copies, Inbox, InboxLimits, NotTaken, Parcel, ParcelKind, Received};
pub use locks::{AccountGuard, AccountLocks};
pub use registry::{Session, Sessions, TooManySessions};
pub(crate) use route::guard;
pub use route::{apply, confirm, end_session, return_undelivered, route};
pub use slots::Slots;
