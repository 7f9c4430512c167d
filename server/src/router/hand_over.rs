//! What a room tells one of its occupants, all at once.

use super::inbox::Handed;
use super::parcel::Parcel;
use super::registry::Session;

/// Hands a session what waits for it in a room: one lock, one wake, and written together.
///
/// Messages ([`ParcelKind::Groupchat`](super::ParcelKind)) and presence are left out when too much
/// waits at a client that may come back: it is told of them when it reads again, by a step that was
/// declared with [`Registry::refresh`](crate::feature::Registry::refresh). The iterator runs while
/// the session's inbox is locked; it must be short.
pub fn hand_over(session: &Session, parcels: impl IntoIterator<Item = Parcel>) -> Handed {
    session.inbox().push_all(parcels)
}
