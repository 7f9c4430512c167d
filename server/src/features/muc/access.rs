//! Who may read a room's archive (XEP-0313 §6.1.2, §10.1), and who may moderate what it holds (XEP-0425).
//!
//! Whoever has the right to enter may read; our choice is that in an open room this is to be in it, or to belong
//! to it: an archive tells strangers more than a glimpse into the room would.

use super::affiliation::{Affiliation, Role};
use super::standing;
use crate::feature::Ctx;
use crate::jid::{BareJid, Jid};
use crate::stanza::{Condition, ErrorType, StanzaError};

/// How somebody stands to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether only members may enter it.
    pub is_members_only: bool,
    /// Whether it shows real addresses to moderators only.
    pub is_anonymous: bool,
    /// Whether it keeps what is said.
    pub has_archive: bool,
    /// What the account is to it.
    pub affiliation: Affiliation,
    /// As whom the account is in it at present.
    pub seat: Option<Seat>,
}

/// Somebody's place in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// `room@service/nick`.
    pub address: Jid,
    /// The occupant id (XEP-0421).
    pub id: String,
    /// What he may do.
    pub role: Role,
}

/// An archive may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readable {
    /// Whether with the real addresses of those who said something.
    pub real_jids: bool,
}

/// Whether somebody may read a room's archive.
///
/// # Errors
/// `item-not-found`: there is no such room, or it has no archive; `forbidden`; the store failed.
pub async fn may_read(cx: &Ctx, room: &BareJid, asker: &Jid) -> Result<Readable, StanzaError> {
    let standing = standing::of(cx, room, asker).await?;
    standing.ok_or(Condition::ItemNotFound)?.readable()
}

/// As whom somebody may moderate what was said in a room.
///
/// # Errors
/// As those of [`may_read`].
pub async fn may_moderate(cx: &Ctx, room: &BareJid, asker: &Jid) -> Result<Seat, StanzaError> {
    let standing = standing::of(cx, room, asker).await?;
    standing.ok_or(Condition::ItemNotFound)?.moderator()
}

impl Standing {
    fn readable(&self) -> Result<Readable, StanzaError> {
        // Who may not enter does not learn either whether there is an archive.
        if !self.may_enter() {
            return Err(Condition::Forbidden.into());
        }
        if !self.has_archive {
            return Err(Condition::ItemNotFound.into());
        }
        let is_moderator = self.role() == Role::Moderator || self.affiliation >= Affiliation::Admin;
        Ok(Readable { real_jids: !self.is_anonymous || is_moderator })
    }

    fn may_enter(&self) -> bool {
        match self.affiliation {
            Affiliation::Outcast => false,
            Affiliation::None => !self.is_members_only && self.role() > Role::None,
            Affiliation::Member | Affiliation::Admin | Affiliation::Owner => true,
        }
    }

    fn moderator(self) -> Result<Seat, StanzaError> {
        let is_welcome = self.may_enter();
        let seat = self.seat.filter(|seat| is_welcome && seat.role == Role::Moderator);
        // XEP-0425 §3.2
        let text =
            "Only moderators in the room are allowed to moderate other participants' messages.";
        let refused = StanzaError::new(Condition::Forbidden).with_type(ErrorType::Modify);
        let seat = seat.ok_or_else(|| refused.with_text(text))?;
        if self.has_archive { Ok(seat) } else { Err(Condition::ItemNotFound.into()) }
    }

    fn role(&self) -> Role {
        self.seat.as_ref().map_or(Role::None, |seat| seat.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Affiliation::{Admin, Member, Outcast, Owner};

    const ROLES: [Role; 4] = [Role::None, Role::Visitor, Role::Participant, Role::Moderator];

    /// An open, non-anonymous room.
    fn open(affiliation: Affiliation, role: Role) -> Standing {
        let address = Jid::parse("coven@rooms.localhost/nick").unwrap();
        let seat = Seat { address, id: "id".to_owned(), role };
        Standing {
            is_members_only: false,
            is_anonymous: false,
            has_archive: true,
            affiliation,
            seat: Some(seat).filter(|_| role > Role::None),
        }
    }

    fn members_only(affiliation: Affiliation, role: Role) -> Standing {
        Standing { is_members_only: true, ..open(affiliation, role) }
    }

    fn anonymous(affiliation: Affiliation, role: Role) -> Standing {
        Standing { is_anonymous: true, ..open(affiliation, role) }
    }

    fn read(standing: &Standing) -> Result<bool, Condition> {
        standing.readable().map(|may| may.real_jids).map_err(|error| error.condition())
    }

    #[test]
    fn s6_1_2_an_outcast_never_reads() {
        for role in ROLES {
            assert_eq!(read(&open(Outcast, role)), Err(Condition::Forbidden));
            assert_eq!(read(&members_only(Outcast, role)), Err(Condition::Forbidden));
            assert!(open(Outcast, role).moderator().is_err());
        }
    }

    #[test]
    fn s6_1_2_a_members_only_room_is_read_by_those_who_belong_to_it() {
        for affiliation in [Member, Admin, Owner] {
            assert_eq!(read(&members_only(affiliation, Role::None)), Ok(true));
        }
        for role in ROLES {
            let stranger = members_only(Affiliation::None, role);
            assert_eq!(read(&stranger), Err(Condition::Forbidden), "{role:?}");
        }
    }

    #[test]
    fn an_open_room_is_read_by_those_in_it_and_those_who_belong_to_it() {
        assert_eq!(read(&open(Affiliation::None, Role::None)), Err(Condition::Forbidden));
        assert_eq!(read(&open(Affiliation::None, Role::Visitor)), Ok(true));
        assert_eq!(read(&open(Member, Role::None)), Ok(true));
    }

    #[test]
    fn s6_1_2_real_addresses_are_for_those_who_may_know_them() {
        assert_eq!(read(&anonymous(Member, Role::Participant)), Ok(false));
        assert_eq!(read(&anonymous(Affiliation::None, Role::Visitor)), Ok(false));
        assert_eq!(read(&anonymous(Member, Role::Moderator)), Ok(true));
        assert_eq!(read(&anonymous(Admin, Role::None)), Ok(true));
        assert_eq!(read(&anonymous(Owner, Role::None)), Ok(true));
    }

    #[test]
    fn a_room_without_archive_has_nothing_to_read_and_says_so_to_those_who_might() {
        let without = |standing| Standing { has_archive: false, ..standing };
        assert_eq!(read(&without(open(Owner, Role::None))), Err(Condition::ItemNotFound));
        let stranger = without(open(Affiliation::None, Role::None));
        assert_eq!(read(&stranger), Err(Condition::Forbidden));
        assert!(without(open(Owner, Role::Moderator)).moderator().is_err());
    }

    #[test]
    fn only_who_is_in_the_room_as_a_moderator_moderates() {
        for role in ROLES {
            let may = open(Owner, role).moderator().is_ok();
            assert_eq!(may, role == Role::Moderator, "{role:?}");
        }
        assert!(open(Affiliation::None, Role::Moderator).moderator().is_ok());
        let error = open(Member, Role::Participant).moderator().unwrap_err();
        assert_eq!(error.condition(), Condition::Forbidden);
    }
}
