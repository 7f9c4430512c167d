//! The router: where every stanza goes. Nothing else delivers.
//!
//! `registry`, `inbox`, `locks` and `slots` say who is online, `weight` what can wait; `route` holds the rules of RFC 6120
//! §10 for each kind of address, `delivery` those of RFC 6121 §8 for accounts, `service` ours for services.

mod addressed;
mod delivery;
mod envelope;
mod hand_over;
mod inbound;
mod inbox;
mod journal;
mod lanes;
mod ledger;
mod locks;
mod parcel;
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
pub use hand_over::hand_over;
pub use inbound::Inbound;
pub use inbox::{Handed, Inbox, InboxLimits, Missed, NotTaken, Received};
pub use journal::{Changes, Due, Journal};
pub use lanes::Lanes;
pub use ledger::{HandledTooHigh, Ledger, Sent};
pub use locks::{AccountGuard, AccountLocks};
pub use parcel::{Copies, Parcel, ParcelKind};
pub use registry::{Session, Sessions, TooManySessions};
pub use requests::{Answered, PATIENCE, ask};
pub use route::{
    answer_now, apply, carry_out, confirm, end_session, interested, return_undelivered, route,
    stamped,
};
pub(crate) use route::{answer_to, guard, stamp};
pub use slots::Slots;
pub use streams::{Counted, Greeting, Link, ManagedStream, Resumable, Streams};
pub use underway::{Pending, deliver_to_account, settle, with_stanza_id};
pub use weight::{Weight, weigh};
pub use written::Written;
