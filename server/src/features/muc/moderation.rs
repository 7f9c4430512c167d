//! XEP-0425: Moderated Message Retraction.
//!
//! A moderator who is in the room names a message by the id that the room gave it. All are told by the room, and
//! in the archive a tombstone takes the message's place. First they are told: should the server end between
//! the two, the moderator has no answer and asks again. What is gone already is not told again.

use super::access::{self, Seat};
use super::archive::room_of;
use super::standing;
use super::tombstone::{self, Target};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Registry, Reply, Scope, Spec, Status};
use crate::features::mam::{id_of, kept_since, number_of};
use crate::features::retraction;
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::xml::Element;

/// The longest reason, in bytes: it is told to everybody, and kept twice.
const REASON_MOST: usize = 1024;

/// Declares what belongs to the specification.
pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0425",
        name: "Moderated Message Retraction",
        version: "0.3.0",
        status: Status::Complete,
        note: "in rooms that have an archive",
    });
    on.iq(IqKind::Set, &[Scope::Room], (ns::MODERATION, "moderate"), moderate);
}

/// §3
async fn moderate(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let room = room_of(&iq)?;
    let wish = Wish::read(iq.payload().ok_or(Condition::BadRequest)?)?;
    let moderator = access::may_moderate(cx, &room, &iq.from).await?;
    // Whoever looks for what corrected a message looks at many.
    let _turn = retraction::turn(cx).await;
    let target = find(cx, &room, wish.of).await?.ok_or(Condition::ItemNotFound)?;
    if !target.is_tombstone() {
        let number = standing::say(cx, &room, wish.announcement(&room, &moderator)).await?;
        let tombstone = wish.tombstone(&moderator, Timestamp(number));
        tombstone::put(&cx.server.archive, &room, &target, &tombstone, number).await?;
    }
    Ok(Reply::empty())
}

/// A message that the room's archive still shows.
async fn find(cx: &Ctx, room: &BareJid, number: u64) -> Result<Option<Target>, StanzaError> {
    let oldest = kept_since(cx.server.clock.now(), cx.server.retention(room));
    if oldest.is_some_and(|oldest| number < oldest.0) {
        return Ok(None);
    }
    Ok(Target::find(&cx.server.archive, room, number).await?)
}

/// What a moderator wants to have gone.
#[derive(Debug, PartialEq)]
struct Wish {
    of: u64,
    reason: Option<String>,
}

impl Wish {
    fn read(moderate: &Element) -> Result<Self, StanzaError> {
        let id = moderate.attr("id").ok_or(Condition::BadRequest)?;
        // §1: there may be other things that moderators do some day.
        if !moderate.has_child(ns::RETRACTION, "retract") {
            return Err(Condition::FeatureNotImplemented.into());
        }
        let reason = moderate.child(ns::MODERATION, "reason").map(|r| r.text().into_owned());
        let reason = reason.filter(|reason| !reason.is_empty());
        if reason.as_ref().is_some_and(|reason| reason.len() > REASON_MOST) {
            let text = "The reason is longer than 1024 bytes.";
            return Err(StanzaError::new(Condition::PolicyViolation).with_text(text));
        }
        Ok(Wish { of: number_of(id).ok_or(Condition::ItemNotFound)?, reason })
    }

    /// §3.1: what all are told.
    fn announcement(&self, room: &BareJid, moderator: &Seat) -> Element {
        let retract = Element::new(ns::RETRACTION, "retract").with_attr("id", id_of(self.of));
        Element::new(ns::CLIENT, "message")
            .with_attr("from", room.as_str())
            .with_attr("type", "groupchat")
            .with_attr("id", self.id())
            .with_child(self.explained(retract, moderator))
    }

    /// §4: what takes the place of the message. Its id is that of the announcement (XEP-0424 §4).
    fn tombstone(&self, moderator: &Seat, at: Timestamp) -> Element {
        self.explained(retraction::retracted(&self.id(), at), moderator)
    }

    fn explained(&self, what: Element, moderator: &Seat) -> Element {
        let id = Element::new(ns::OCCUPANT_ID, "occupant-id").with_attr("id", &*moderator.id);
        let moderated = Element::new(ns::MODERATION, "moderated")
            .with_attr("by", moderator.address.as_str())
            .with_child(id);
        let reason = |reason| Element::new(ns::RETRACTION, "reason").with_text(reason);
        what.with_child(moderated).with_children(self.reason.as_ref().map(reason))
    }

    /// A message is moderated once, and so this is the only announcement of that id in the room.
    fn id(&self) -> String {
        format!("moderation-of-{}", id_of(self.of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::muc::affiliation::Role;
    use crate::jid::Jid;
    use crate::xml::Parser;

    const MODERATE: &str = "<moderate xmlns='urn:xmpp:message-moderate:1' id='00000000000f4240'>\
        <retract xmlns='urn:xmpp:message-retract:1'/><reason>not &lt;here></reason></moderate>";

    fn read(xml: &str) -> Result<Wish, Condition> {
        let element = Parser::within(ns::CLIENT).parse(xml.as_bytes()).unwrap();
        Wish::read(&element).map_err(|error| error.condition())
    }

    fn witch() -> Seat {
        let address = Jid::parse("coven@rooms.localhost/witch").unwrap();
        Seat { address, id: "o9".to_owned(), role: Role::Moderator }
    }

    #[test]
    fn s3_a_wish_names_a_message_and_what_is_to_be_done_with_it() {
        let wish = read(MODERATE).unwrap();
        assert_eq!((wish.of, wish.reason.as_deref()), (1_000_000, Some("not <here>")));
        assert_eq!(read(&MODERATE.replace("not &lt;here>", "")).unwrap().reason, None);
        let wrong = |from: &str, to: &str| read(&MODERATE.replace(from, to)).unwrap_err();
        assert_eq!(wrong(" id=", " x="), Condition::BadRequest);
        assert_eq!(wrong("retract ", "edit "), Condition::FeatureNotImplemented);
        assert_eq!(wrong("00000000000f4240", "m1"), Condition::ItemNotFound);
        assert_eq!(wrong("not", &"x".repeat(2000)), Condition::PolicyViolation);
    }

    #[test]
    fn s3_1_the_room_tells_who_moderated_what_and_why() {
        let room = BareJid::parse("coven@rooms.localhost").unwrap();
        let announcement = read(MODERATE).unwrap().announcement(&room, &witch());
        let expected = "<message from='coven@rooms.localhost' type='groupchat' \
             id='moderation-of-00000000000f4240'>\
             <retract xmlns='urn:xmpp:message-retract:1' id='00000000000f4240'>\
             <moderated xmlns='urn:xmpp:message-moderate:1' by='coven@rooms.localhost/witch'>\
             <occupant-id xmlns='urn:xmpp:occupant-id:0' id='o9'/></moderated>\
             <reason>not &lt;here></reason></retract></message>";
        assert_eq!(announcement, Parser::within(ns::CLIENT).parse(expected.as_bytes()).unwrap());
    }

    #[test]
    fn s4_a_tombstone_tells_the_same_and_is_past() {
        let tombstone = read(MODERATE).unwrap().tombstone(&witch(), Timestamp(0));
        assert!(tombstone.is(ns::RETRACTION, "retracted"));
        assert_eq!(tombstone.attr("id"), Some("moderation-of-00000000000f4240"));
        assert_eq!(tombstone.attr("stamp"), Some("1970-01-01T00:00:00.000Z"));
        assert!(tombstone.has_child(ns::MODERATION, "moderated"));
        assert!(tombstone.has_child(ns::RETRACTION, "reason"));
    }
}
