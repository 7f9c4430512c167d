//! XEP-0045 §5.2: the privileges of affiliations, and the changes of them.

use super::{Refused, default_role};
use crate::features::muc::affiliation::{Affiliation, Role};
use crate::features::muc::config::Config;

/// §5.2.1: what an affiliation entitles to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AffiliationPrivilege {
    /// Enter Open Room.
    EnterOpenRoom,
    /// Register with Open Room: for who is none of the others.
    Register,
    /// Retrieve Member List; see [`may_retrieve_member_list`], which knows the configuration too.
    RetrieveMemberList,
    /// Enter Members-Only Room.
    EnterMembersOnlyRoom,
    /// Ban Members and Unaffiliated Users.
    Ban,
    /// Edit Member List.
    EditMemberList,
    /// Assign and Remove Moderator Role.
    AssignModerators,
    /// Edit Admin List.
    EditAdminList,
    /// Edit Owner List.
    EditOwnerList,
    /// Change Room Configuration.
    ChangeConfiguration,
    /// Destroy Room.
    DestroyRoom,
}
use AffiliationPrivilege as P;

const NO: bool = false;
const YES: bool = true;

/// §5.2.1, in the order outcast, none, member, admin, owner.
static TABLE: &[(AffiliationPrivilege, [bool; 5])] = &[
    (P::EnterOpenRoom, [NO, YES, YES, YES, YES]),
    (P::Register, [NO, YES, NO, NO, NO]),
    (P::RetrieveMemberList, [NO, NO, YES, YES, YES]),
    (P::EnterMembersOnlyRoom, [NO, NO, YES, YES, YES]),
    (P::Ban, [NO, NO, NO, YES, YES]),
    (P::EditMemberList, [NO, NO, NO, YES, YES]),
    (P::AssignModerators, [NO, NO, NO, YES, YES]),
    (P::EditAdminList, [NO, NO, NO, NO, YES]),
    (P::EditOwnerList, [NO, NO, NO, NO, YES]),
    (P::ChangeConfiguration, [NO, NO, NO, NO, YES]),
    (P::DestroyRoom, [NO, NO, NO, NO, YES]),
];

/// §5.2.1: whether the affiliation entitles to it.
pub fn may_as(affiliation: Affiliation, privilege: AffiliationPrivilege) -> bool {
    let row = TABLE.iter().find(|(of, _)| *of == privilege);
    row.is_some_and(|(_, [outcast, none, member, admin, owner])| match affiliation {
        Affiliation::Outcast => *outcast,
        Affiliation::None => *none,
        Affiliation::Member => *member,
        Affiliation::Admin => *admin,
        Affiliation::Owner => *owner,
    })
}

/// §9.5: whether somebody may see who the members are. [`Role::None`] is a member who is not in the
/// room: he may what he might there. In a semi-anonymous room nobody learns real JIDs from it who does
/// not see them anyway.
pub fn may_retrieve_member_list(affiliation: Affiliation, role: Role, config: &Config) -> bool {
    if affiliation >= Affiliation::Admin {
        return true;
    }
    let role = if role == Role::None { default_role(affiliation, config) } else { role };
    let sees_addresses = !config.anonymous || role == Role::Moderator;
    let is_entitled = may_as(affiliation, P::RetrieveMemberList);
    is_entitled && sees_addresses && config.get_member_list.contains(role)
}

/// Whose affiliation is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// That of who changes it.
    Oneself,
    /// That of another account, and what it is now.
    Other(Affiliation),
}

/// §5.2.2, §9.1 to §9.5, §10.3 to §10.8: whether somebody may give an account another affiliation.
/// Admins decide about outcasts, members and those without affiliation, owners about all. That an
/// owner stays is asked by the caller (§10.4).
///
/// # Errors
/// `conflict`: he would ban himself (§9.1). `not-allowed`: an admin bans an admin or owner (§9.1).
/// `forbidden`: anything else that is not his to decide.
pub fn may_change_affiliation(
    actor: Affiliation,
    whom: Whom,
    to: Affiliation,
) -> Result<(), Refused> {
    if !may_as(actor, P::EditMemberList) {
        return Err(Refused::Forbidden);
    }
    let now = match whom {
        Whom::Oneself if to == Affiliation::Outcast => return Err(Refused::Conflict),
        Whom::Oneself => actor,
        Whom::Other(now) => now,
    };
    if may_as(actor, P::EditOwnerList) || now.max(to) < Affiliation::Admin {
        return Ok(());
    }
    // §9.1, and §5.2.2: an admin's ban is applied by an owner.
    let is_ban = to == Affiliation::Outcast;
    Err(if is_ban { Refused::NotAllowed } else { Refused::Forbidden })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::muc::config::Roles;

    #[test]
    fn s5_2_1_the_privileges_are_those_of_the_table() {
        let rows = [
            (P::EnterOpenRoom, "-++++"),
            (P::Register, "-+---"),
            (P::RetrieveMemberList, "--+++"),
            (P::EnterMembersOnlyRoom, "--+++"),
            (P::Ban, "---++"),
            (P::EditMemberList, "---++"),
            (P::AssignModerators, "---++"),
            (P::EditAdminList, "----+"),
            (P::EditOwnerList, "----+"),
            (P::ChangeConfiguration, "----+"),
            (P::DestroyRoom, "----+"),
        ];
        for (privilege, cells) in rows {
            let cell = |is: &Affiliation| if may_as(*is, privilege) { '+' } else { '-' };
            let row: String = Affiliation::ALL.iter().map(cell).collect();
            assert_eq!(row, cells, "{privilege:?}");
        }
        assert_eq!(TABLE.len(), rows.len());
    }

    fn answer(actor: Affiliation, whom: Whom, to: Affiliation) -> char {
        match may_change_affiliation(actor, whom, to) {
            Ok(()) => '+',
            Err(Refused::Forbidden) => 'f',
            Err(Refused::NotAllowed) => 'n',
            Err(Refused::Conflict) => 'c',
        }
    }

    fn answers(actor: Affiliation, whom: Whom) -> String {
        Affiliation::ALL.iter().map(|to| answer(actor, whom, *to)).collect()
    }

    #[test]
    fn s5_2_2_every_change_of_an_affiliation_is_decided_as_the_table_says() {
        use Affiliation::{Admin, Member, None, Outcast, Owner};
        // By the target's affiliation now; a letter for outcast, none, member, admin, owner.
        let rows = [
            (Outcast, ["fffff", "fffff", "fffff", "fffff", "fffff"]),
            (None, ["fffff", "fffff", "fffff", "fffff", "fffff"]),
            (Member, ["fffff", "fffff", "fffff", "fffff", "fffff"]),
            (Admin, ["+++ff", "+++ff", "+++ff", "nffff", "nffff"]),
            (Owner, ["+++++", "+++++", "+++++", "+++++", "+++++"]),
        ];
        for (actor, targets) in rows {
            for (now, row) in Affiliation::ALL.iter().zip(targets) {
                assert_eq!(answers(actor, Whom::Other(*now)), row, "{actor:?} changes {now:?}");
            }
        }
    }

    #[test]
    fn s9_1_nobody_bans_himself_and_s10_4_only_an_owner_resigns() {
        use Affiliation::{Admin, Member, None, Outcast, Owner};
        for actor in [Outcast, None, Member] {
            assert_eq!(answers(actor, Whom::Oneself), "fffff");
        }
        assert_eq!(answers(Admin, Whom::Oneself), "cffff");
        assert_eq!(answers(Owner, Whom::Oneself), "c++++");
    }

    #[test]
    fn s9_5_members_see_the_member_list_where_addresses_are_seen() {
        let members = |anonymous, affiliation, role| {
            let config = Config { anonymous, ..Config::default() };
            may_retrieve_member_list(affiliation, role, &config)
        };
        use Affiliation::{Admin, Member, None, Outcast, Owner};
        for (affiliation, role, open, hidden) in [
            (Outcast, Role::None, false, false),
            (None, Role::None, false, false),
            (None, Role::Participant, false, false),
            (None, Role::Moderator, false, false),
            (Member, Role::None, true, false),
            (Member, Role::Visitor, true, false),
            (Member, Role::Participant, true, false),
            (Member, Role::Moderator, true, true),
            (Admin, Role::None, true, true),
            (Owner, Role::None, true, true),
        ] {
            assert_eq!(members(false, affiliation, role), open, "{affiliation:?} {role:?}");
            assert_eq!(members(true, affiliation, role), hidden, "{affiliation:?} {role:?}");
        }
    }

    #[test]
    fn s9_5_the_owner_may_hide_the_member_list_from_all_but_admins() {
        let config = Config { get_member_list: Roles::NOBODY, ..Config::default() };
        let may = |is| may_retrieve_member_list(is, Role::Moderator, &config);
        assert_eq!(
            Affiliation::ALL.iter().map(|is| may(*is)).collect::<Vec<_>>(),
            [false, false, false, true, true]
        );
    }
}
