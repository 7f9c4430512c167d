//! XEP-0045 §5: what an affiliation and a role entitle to, and who may change those of whom.
//!
//! Our choices: the tables of the specification stand here as tables. Somebody who lacks a right as
//! such is told `forbidden` (§8, §9, §10); somebody who has it, but not over this person, is told
//! `not-allowed` (§8.2, §8.4, §9.1, §9.7). Whether a room keeps an owner is asked by whoever can count
//! them, as is who is in the room at all.

mod affiliations;
mod roles;

pub use affiliations::{
    AffiliationPrivilege, Whom, may_as, may_change_affiliation, may_retrieve_member_list,
};
pub use roles::{RolePrivilege, may, may_change_role, may_invite};

use super::affiliation::{Affiliation, Role};
use super::config::Config;
use crate::stanza::{Condition, StanzaError};

/// Why a change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// He has no right to make such changes.
    Forbidden,
    /// He has the right, but not over this person.
    NotAllowed,
    /// §9.1: he would shut himself out.
    Conflict,
}

impl From<Refused> for StanzaError {
    fn from(refused: Refused) -> Self {
        StanzaError::new(match refused {
            Refused::Forbidden => Condition::Forbidden,
            Refused::NotAllowed => Condition::NotAllowed,
            Refused::Conflict => Condition::Conflict,
        })
    }
}

/// §5.1.2: the role with which somebody enters; [`Role::None`]: he may not. It is also the role that
/// an occupant has whose affiliation, or whose room, is another now.
pub fn default_role(affiliation: Affiliation, config: &Config) -> Role {
    match affiliation {
        Affiliation::Outcast => Role::None,
        Affiliation::None if config.members_only => Role::None,
        Affiliation::None if config.moderated => Role::Visitor,
        Affiliation::None | Affiliation::Member => Role::Participant,
        Affiliation::Admin | Affiliation::Owner => Role::Moderator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_1_2_the_default_role_goes_by_affiliation_and_kind_of_room() {
        use Role::{Moderator, None, Participant, Visitor};
        let row = |members_only, moderated| {
            let config = Config { members_only, moderated, ..Config::default() };
            Affiliation::ALL.iter().map(|is| default_role(*is, &config)).collect::<Vec<_>>()
        };
        // Outcast, none, member, admin, owner.
        assert_eq!(row(false, true), [None, Visitor, Participant, Moderator, Moderator]);
        assert_eq!(row(false, false), [None, Participant, Participant, Moderator, Moderator]);
        assert_eq!(row(true, false), [None, None, Participant, Moderator, Moderator]);
        assert_eq!(row(true, true), [None, None, Participant, Moderator, Moderator]);
    }

    #[test]
    fn a_refusal_is_the_error_that_the_text_names() {
        for (refused, condition) in [
            (Refused::Forbidden, Condition::Forbidden),
            (Refused::NotAllowed, Condition::NotAllowed),
            (Refused::Conflict, Condition::Conflict),
        ] {
            assert_eq!(StanzaError::from(refused).condition(), condition);
        }
    }
}
