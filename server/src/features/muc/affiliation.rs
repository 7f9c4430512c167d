//! XEP-0045 §5: who somebody is to a room (affiliation), and what he may do while he is in it (role).
//!
//! Our choices: both are in the order of the specification's hierarchies (§5.1.1, §5.2.1), the least
//! first, so that "an admin or above" is a comparison. What is stored is the protocol's name.

use serde::{Deserialize, Serialize};

use crate::features::pubsub::config::named;

named! {
    /// §5.2: belongs to an account, outlasts a visit. An outcast is below everybody.
    #[derive(Default, PartialOrd, Ord)]
    Affiliation {
        /// May not enter.
        Outcast = "outcast", "Banned from the room";
        /// None of the others.
        #[default]
        None = "none", "No affiliation";
        /// May enter a members-only room.
        Member = "member", "Member";
        /// May ban, and make members and moderators.
        Admin = "admin", "Administrator";
        /// May do everything.
        Owner = "owner", "Owner";
    }
}

named! {
    /// §5.1: belongs to an occupant, ends with the visit.
    #[derive(Default, PartialOrd, Ord)]
    Role {
        /// Is not in the room.
        #[default]
        None = "none", "Not in the room";
        /// May listen.
        Visitor = "visitor", "Visitor";
        /// May speak.
        Participant = "participant", "Participant";
        /// May kick, and give and take voice.
        Moderator = "moderator", "Moderator";
    }
}

/// The roles that an occupant can have, each in the set or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<Role>", into = "Vec<Role>")]
pub struct Roles {
    visitor: bool,
    participant: bool,
    moderator: bool,
}

impl Roles {
    /// Every occupant.
    pub const EVERYBODY: Self = Roles { visitor: true, participant: true, moderator: true };
    /// No occupant.
    pub const NOBODY: Self = Roles { visitor: false, participant: false, moderator: false };

    /// Whether that role is in it; [`Role::None`] never is.
    pub fn contains(self, role: Role) -> bool {
        match role {
            Role::None => false,
            Role::Visitor => self.visitor,
            Role::Participant => self.participant,
            Role::Moderator => self.moderator,
        }
    }

    /// Those in it, the least first.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.contains(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        let mut all = Roles::NOBODY;
        for role in roles {
            match role {
                Role::None => {}
                Role::Visitor => all.visitor = true,
                Role::Participant => all.participant = true,
                Role::Moderator => all.moderator = true,
            }
        }
        all
    }
}

impl From<Vec<Role>> for Roles {
    fn from(roles: Vec<Role>) -> Self {
        roles.into_iter().collect()
    }
}

impl From<Roles> for Vec<Role> {
    fn from(roles: Roles) -> Self {
        roles.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_2_1_affiliations_are_ordered_as_their_privileges_grow() {
        use Affiliation::{Admin, Member, None, Outcast, Owner};
        assert_eq!(Affiliation::ALL, [Outcast, None, Member, Admin, Owner]);
        assert!(Affiliation::ALL.is_sorted());
        assert_eq!(Affiliation::default(), None);
    }

    #[test]
    fn s5_1_1_roles_are_ordered_as_their_privileges_grow() {
        use Role::{Moderator, None, Participant, Visitor};
        assert_eq!(Role::ALL, [None, Visitor, Participant, Moderator]);
        assert!(Role::ALL.is_sorted());
        assert_eq!(Role::default(), None);
    }

    #[test]
    fn names_are_read_as_they_are_written_and_nothing_else_is() {
        for one in Affiliation::ALL {
            assert_eq!(Affiliation::parse(one.as_str()), Some(*one));
            assert_eq!(serde_json::to_string(one).unwrap(), format!("\"{}\"", one.as_str()));
        }
        for one in Role::ALL {
            assert_eq!(Role::parse(one.as_str()), Some(*one));
            assert_eq!(serde_json::to_string(one).unwrap(), format!("\"{}\"", one.as_str()));
        }
        assert_eq!(Affiliation::parse("Owner"), None);
        assert_eq!(Affiliation::parse(""), None);
        assert_eq!(Role::parse("participants"), None);
    }

    #[test]
    fn a_set_of_roles_never_holds_who_is_not_in_the_room() {
        assert_eq!(Role::ALL.iter().copied().collect::<Roles>(), Roles::EVERYBODY);
        assert_eq!(Roles::EVERYBODY.iter().count(), 3);
        assert_eq!([Role::None].into_iter().collect::<Roles>(), Roles::NOBODY);
    }
}
