//! What a session gets from the archive instead of its inbox: messages that were left to it, or
//! that a crash took out of memory.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::archive::Item;
use crate::clock::Timestamp;
use crate::feature::{Ctx, Side};
use crate::features::stream_management::Owed;
use crate::jid::Jid;
use crate::ns;
use crate::router::{Parcel, ParcelKind, Session, Weight, weigh, with_stanza_id};
use crate::server::Server;
use crate::stanza::Message;
use crate::store::StoreError;
use crate::xml::Parser;

/// An archived message as the session would have been sent it; nothing if it would not have been.
///
/// A message to the account is shown to all its sessions here, whatever their priorities were: that
/// one of them has it already is no reason to keep it from another.
pub(super) fn parcel(cx: &Ctx, session: &Session, item: &Item) -> Option<Parcel> {
    let element = Parser::within(ns::CLIENT).parse(&item.text).ok()?;
    let message = Message::from_element(element)?;
    let text = with_stanza_id(&item.text, session.account().as_str(), item.number);
    let (kind, xml) = match side(session, &message)? {
        None => (ParcelKind::Message, text),
        Some(side) => {
            let rule = cx.server.features.copy_rule()?;
            let is_copied = (rule.is_wanted)(session) && (rule.is_eligible)(&message, side);
            (ParcelKind::Copy, is_copied.then(|| (rule.wrap)(side, message.kind, session, &text))?)
        }
    };
    let weight = weigh(message.element());
    let parcel = Parcel::of(kind, weight, Timestamp(item.number), xml);
    Some(Parcel { number: Some(item.number), ..parcel })
}

/// A stanza that has lost its bytes, as it was sent; nothing if it cannot be had.
pub(super) async fn again(
    cx: &Ctx,
    session: &Arc<Session>,
    parcel: &Parcel,
) -> Result<Option<Parcel>, StoreError> {
    if let Some(number) = parcel.in_room() {
        for step in cx.server.features.replay_groupchat_steps() {
            let again = step(cx, (Arc::clone(session), number)).await;
            if again.is_some() {
                return Ok(again);
            }
        }
        return Ok(None);
    }
    let Some(number) = parcel.number else { return Ok(None) };
    let text = cx.server.archive.text(number).await?;
    Ok(text.and_then(|text| self::parcel(cx, session, &Item { number, text })))
}

/// Hands a session what it was owed before the server's start. If that is too much for its inbox,
/// returns the number of the last message that found room.
pub(super) async fn deliver_again(
    server: &Arc<Server>,
    session: &Arc<Session>,
    owed: Vec<Owed>,
) -> Option<u64> {
    let cx = Ctx { server: Arc::clone(server), session: Some(Arc::clone(session)) };
    let limits = &server.config().limits;
    let (most, mut last) = (limits.outbox_stanzas, None);
    let mut owed = owed.into_iter().enumerate();
    while let Some((place, next)) = owed.next() {
        if place >= most && last.is_some() {
            owed.map(|(_, owed)| owed).chain([next]).for_each(|owed| leave_out(session, &owed));
            return last;
        }
        let is_full = place >= most || session.inbox().bytes() >= limits.outbox_bytes.as_usize();
        let again = match next {
            Owed::Queued => None,
            // It was too much to remember, and is told anew.
            Owed::Whole(_, xml) | Owed::Room(_, xml) if xml.is_empty() => None,
            Owed::Room(..) if is_full => {
                leave_out(session, &next);
                None
            }
            Owed::Whole(kind, xml) => Some(Parcel::of(kind, Weight::Now, server.clock.now(), xml)),
            Owed::Room(number, xml) => {
                let (kind, now) = (ParcelKind::Groupchat, server.clock.now());
                Some(Parcel { number, ..Parcel::of(kind, Weight::Now, now, xml) })
            }
            Owed::Archived(number) => {
                last = Some(number);
                let text = server.archive.text(number).await.unwrap_or_else(|error| {
                    tracing::error!(%error, "a message cannot be read from the archive");
                    None
                });
                text.and_then(|text| parcel(&cx, session, &Item { number, text }))
            }
        };
        if let Some(again) = again {
            session.deliver(again).unwrap_or_default();
        }
    }
    None
}

/// What a room said does not find room: it is told again from there on.
fn leave_out(session: &Session, owed: &Owed) {
    if let (Owed::Room(Some(number), _), Some(stream)) = (owed, session.stream()) {
        stream.set_rooms_from(number.saturating_sub(1));
    }
}

/// Gives messages their bytes again that were left to the archive.
pub(super) async fn refill(cx: &Ctx, session: &Session, parcels: &mut VecDeque<Parcel>) {
    for parcel in parcels.iter_mut().filter(|parcel| parcel.xml.is_empty()) {
        let Some(number) = parcel.number.filter(|_| parcel.in_room().is_none()) else { continue };
        match cx.server.archive.text(number).await {
            Ok(Some(text)) => {
                parcel.xml = with_stanza_id(&text, session.account().as_str(), number).into();
            }
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a message cannot be read from the archive"),
        }
    }
    parcels.retain(|parcel| !parcel.xml.is_empty());
}

/// Whose copy the session gets; `Some(None)`: it is the message's own recipient.
fn side(session: &Session, message: &Message) -> Option<Option<Side>> {
    let account = session.account();
    let to = message.to.as_ref()?;
    let is_for_account = to.bare() == *account;
    if is_for_account && (to.is_bare() || *to == *session.jid()) {
        return Some(None);
    }
    if is_own(session, &message.from) {
        return None;
    }
    Some(Some(if is_for_account { Side::Recipient } else { Side::Sender }))
}

fn is_own(session: &Session, from: &Jid) -> bool {
    *from == *session.jid()
}
