//! The router: where every stanza goes. Nothing else delivers.
//!
//! `registry`, `inbox`, `locks` and `slots` say who is online, `weight` what can wait; `route` holds the rules of RFC 6120
//! §10 for each kind of address, `delivery` those of RFC 6121 §8 for accounts, `service` ours for services.

mod addressed;
mod delivery;
mod envelope;
mod inbound;
mod inbox;
mod lanes;
mod locks;
mod registry;
mod requests;
mod route;
mod service;
mod slots;
mod streams;
mod underway;
mod weight;
mod written;

pub use addressed::Addressed;
pub use envelope::{Envelope, Seen, broadcast};
pub use inbound::Inbound;
pub use inbox::{Copies, Inbox, InboxLimits, NotTaken, Parcel, ParcelKind, Received};
pub use lanes::Lanes;
pub use locks::{AccountGuard, AccountLocks};
pub use registry::{Session, Sessions, TooManySessions};
pub use requests::{Answered, PATIENCE, ask};
pub use route::{apply, confirm, end_session, interested, refresh, return_undelivered, route};
pub(crate) use route::{guard, stamp};
pub use slots::Slots;
pub use streams::{
    Changes, Greeting, HandledTooHigh, Journal, Ledger, Link, ManagedStream, Resumable, Sent,
    Streams, Tls,
};
pub use underway::{Counted, deliver_to_account, settle, with_stanza_id};
pub use weight::{Weight, weigh};
pub use written::Written;
