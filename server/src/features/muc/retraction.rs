//! XEP-0424 in rooms: who said something may have it unsaid.
//!
//! A retraction names the message by the id that the room gave it, §5.1, so that it is found at once. The same
//! occupant must have said both, whatever the nickname was, §5. The retraction itself is reflected and kept
//! like anything else; the archive then has a tombstone in place of the message.

use super::tombstone::{self, Target};
use crate::archive::Archive;
use crate::clock::Timestamp;
use crate::feature::Ctx;
use crate::features::mam::number_of;
use crate::features::retraction;
use crate::jid::BareJid;
use crate::ns;
use crate::store::StoreError;
use crate::xml::Element;

/// What an occupant wants to have unsaid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    occupant: String,
    /// The number of the message that is to go.
    of: u64,
    /// The id of the message that says so.
    by: String,
}

impl Wish {
    /// Reads what a room has reflected, with the occupant id that it put in.
    pub fn read(message: &Element) -> Option<Self> {
        let retract = message.child(ns::RETRACTION, "retract")?;
        let occupant = message.child(ns::OCCUPANT_ID, "occupant-id")?.attr("id")?;
        let by = message.attr("id").filter(|id| retraction::is_id(id))?;
        let of = number_of(retract.attr("id")?)?;
        Some(Wish { occupant: occupant.to_owned(), of, by: by.to_owned() })
    }

    /// Carries it out: to be called when the retraction is kept under that number, and not to be waited for.
    /// The account is that of the occupant; so many of its wishes wait, and no more.
    pub async fn carry_out(self, cx: &Ctx, room: &BareJid, account: &BareJid, number: u64) {
        let retraction = self.retract(&cx.server.archive, room, number);
        retraction::in_turn(cx, account, retraction).await;
    }

    async fn retract(
        &self,
        archive: &Archive,
        room: &BareJid,
        number: u64,
    ) -> Result<(), StoreError> {
        let Some(target) = Target::find(archive, room, self.of).await? else { return Ok(()) };
        if !self.is_about(&target) {
            return Ok(());
        }
        let retracted = retraction::retracted(&self.by, Timestamp(number));
        tombstone::put(archive, room, &target, &retracted, number).await
    }

    fn is_about(&self, target: &Target) -> bool {
        !target.is_tombstone() && target.occupant() == Some(self.occupant.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::mam::id_of;
    use crate::features::muc::kit::{Room, parse};

    const RETRACTION: &str = "<message from='coven@rooms.localhost/rom' type='groupchat' id='r1'>\
        <retract xmlns='urn:xmpp:message-retract:1' id='00000000000f4240'/>\
        <occupant-id xmlns='urn:xmpp:occupant-id:0' id='o1'/></message>";

    fn wish(xml: &str) -> Option<Wish> {
        Wish::read(&parse(xml))
    }

    #[test]
    fn s5_1_in_a_room_the_id_is_that_which_the_room_gave() {
        let wish = wish(RETRACTION).unwrap();
        assert_eq!((wish.of, &*wish.by, &*wish.occupant), (1_000_000, "r1", "o1"));
    }

    #[test]
    fn what_names_no_message_or_leaves_no_tombstone_is_no_wish() {
        assert_eq!(wish(&RETRACTION.replace("00000000000f4240", "m1")), None);
        assert_eq!(wish(&RETRACTION.replace(" id='r1'", "")), None);
        assert_eq!(wish(&RETRACTION.replace("r1", &"r".repeat(2000))), None);
        assert_eq!(wish(&RETRACTION.replace("occupant-id ", "other ")), None);
        assert_eq!(wish(&RETRACTION.replace("retract ", "other ")), None);
    }

    #[tokio::test]
    async fn s5_only_the_occupant_who_said_it_has_it_unsaid_whatever_the_nickname_is() {
        let room = Room::open().await;
        let said = |who: &str| {
            let id = format!("<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{who}'/>");
            parse(&format!(
                "<message from='coven@rooms.localhost/then' id='m1'><body>secret</body>{id}</message>"
            ))
        };
        let mine = room.keep(said("o1"), None).await;
        let others = room.keep(said("o2"), None).await;
        let of_room = room.say("<body>secret</body>").await;
        for of in [mine, others, of_room, 5] {
            let wish = wish(&RETRACTION.replace("00000000000f4240", &id_of(of))).unwrap();
            wish.retract(&room.archive, &room.jid, room.now().0).await.unwrap();
        }
        assert!(room.text(mine).await.contains("<retracted "));
        for other in [others, of_room] {
            assert!(room.text(other).await.contains("secret"));
        }
        let once = room.text(mine).await;
        let again = RETRACTION.replace("00000000000f4240", &id_of(mine)).replace("r1", "r2");
        wish(&again).unwrap().retract(&room.archive, &room.jid, room.now().0).await.unwrap();
        assert_eq!(room.text(mine).await, once);
    }
}
