//! Each cell of §5.1.1 and each change of §5.1.3.

use super::*;
use crate::features::muc::config::{Roles, Who};

/// The rows of §5.1.1 in its order, as `-` and `+`.
const ROWS: [(RolePrivilege, &str); 13] = [
    (P::PresentInRoom, "-+++"),
    (P::ReceiveMessages, "-+++"),
    (P::ReceivePresence, "-+++"),
    (P::BroadcastPresence, "-+++"),
    (P::ChangeAvailability, "-+++"),
    (P::ChangeNick, "-+++"),
    (P::SendPrivateMessages, "-+++"),
    (P::Invite, "-+++"),
    (P::SendMessages, "--++"),
    (P::ModifySubject, "--++"),
    (P::Kick, "---+"),
    (P::GrantVoice, "---+"),
    (P::RevokeVoice, "---+"),
];

fn row(privilege: RolePrivilege, config: &Config) -> String {
    Role::ALL.iter().map(|role| if may(*role, privilege, config) { '+' } else { '-' }).collect()
}

#[test]
fn s5_1_1_the_privileges_are_those_of_the_table() {
    let config = Config { allow_invites: true, subject_change: true, ..Config::default() };
    for (privilege, cells) in ROWS {
        assert_eq!(row(privilege, &config), cells, "{privilege:?}");
    }
    assert_eq!(TABLE.len(), ROWS.len());
}

#[test]
fn s5_1_1_the_configuration_takes_privileges_away() {
    let config = Config {
        allow_invites: false,
        subject_change: false,
        allow_private_messages: Who::Moderators,
        presence_broadcast: [Role::Participant].into_iter().collect::<Roles>(),
        ..Config::default()
    };
    let taken = [
        (P::BroadcastPresence, "--+-"),
        (P::SendPrivateMessages, "---+"),
        (P::Invite, "---+"),
        (P::ModifySubject, "---+"),
    ];
    for (privilege, cells) in ROWS {
        let cells = taken.iter().find(|(of, _)| *of == privilege).map_or(cells, |(_, cells)| cells);
        assert_eq!(row(privilege, &config), cells, "{privilege:?}");
    }
}

#[test]
fn s9_5_who_invites_to_a_members_only_room_may_make_members() {
    use Affiliation::{Admin, Member, None, Owner};
    let room =
        |members_only, allow_invites| Config { members_only, allow_invites, ..Config::default() };
    // Affiliation, role, then: members-only without and with the option, open without and with it.
    for (affiliation, role, cells) in [
        (None, Role::Participant, [false, false, false, true]),
        (None, Role::Moderator, [false, false, true, true]),
        (Member, Role::Participant, [false, true, false, true]),
        (Member, Role::Moderator, [false, true, true, true]),
        (Admin, Role::Moderator, [true, true, true, true]),
        (Owner, Role::Moderator, [true, true, true, true]),
        (Owner, Role::None, [false, false, false, false]),
    ] {
        let rooms = [room(true, false), room(true, true), room(false, false), room(false, true)];
        assert_eq!(
            rooms.map(|room| may_invite(affiliation, role, &room)),
            cells,
            "{affiliation:?}"
        );
    }
}

/// What an actor is answered for one target: `+` done, `f` forbidden, `n` not-allowed; one letter for
/// each role that the target may be given, in the order none, visitor, participant, moderator.
fn answers(actor: (Affiliation, Role), target: (Affiliation, Role)) -> String {
    let answer = |to: &Role| match may_change_role(actor, target, *to) {
        Ok(()) => '+',
        Err(Refused::Forbidden) => 'f',
        Err(Refused::NotAllowed) => 'n',
        Err(Refused::Conflict) => 'c',
    };
    Role::ALL.iter().map(answer).collect()
}

#[test]
fn s8_only_moderators_and_admins_change_roles() {
    for affiliation in [Affiliation::Outcast, Affiliation::None, Affiliation::Member] {
        for role in [Role::None, Role::Visitor, Role::Participant] {
            for target in Affiliation::ALL {
                for target_role in Role::ALL {
                    let answers = answers((affiliation, role), (*target, *target_role));
                    assert_eq!(answers, "ffff", "{affiliation:?} {role:?}");
                }
            }
        }
    }
}

#[test]
fn s5_1_3_every_change_of_a_role_is_decided_as_the_text_says() {
    use Affiliation::{Admin, Member, None, Outcast, Owner};
    // For a target that is a visitor, participant and moderator.
    let expected: [(Affiliation, Affiliation, [&str; 3]); 20] = [
        (None, Outcast, ["+++f", "+++f", "nff+"]),
        (None, None, ["+++f", "+n+f", "nff+"]),
        (None, Member, ["n++f", "nn+f", "nff+"]),
        (None, Admin, ["n++f", "nn+f", "nnf+"]),
        (None, Owner, ["n++f", "nn+f", "nnf+"]),
        (Member, Outcast, ["+++f", "+++f", "nff+"]),
        (Member, None, ["+++f", "+++f", "nff+"]),
        (Member, Member, ["+++f", "+n+f", "nff+"]),
        (Member, Admin, ["n++f", "nn+f", "nnf+"]),
        (Member, Owner, ["n++f", "nn+f", "nnf+"]),
        (Admin, Outcast, ["++++", "++++", "++++"]),
        (Admin, None, ["++++", "++++", "++++"]),
        (Admin, Member, ["++++", "++++", "++++"]),
        (Admin, Admin, ["++++", "+n++", "+nn+"]),
        (Admin, Owner, ["n+++", "nn++", "nnn+"]),
        (Owner, Outcast, ["++++", "++++", "++++"]),
        (Owner, None, ["++++", "++++", "++++"]),
        (Owner, Member, ["++++", "++++", "++++"]),
        (Owner, Admin, ["++++", "+n++", "+nn+"]),
        (Owner, Owner, ["++++", "+n++", "+nn+"]),
    ];
    for (actor, target, rows) in expected {
        for (role, row) in [Role::Visitor, Role::Participant, Role::Moderator].iter().zip(rows) {
            let said = answers((actor, Role::Moderator), (target, *role));
            assert_eq!(said, row, "{actor:?} changes a {target:?} who is {role:?}");
        }
    }
}

#[test]
fn s5_2_1_an_admin_who_is_not_in_the_room_chooses_moderators_and_nothing_else() {
    for actor in [Affiliation::Admin, Affiliation::Owner] {
        for target in Affiliation::ALL {
            for role in [Role::Visitor, Role::Participant, Role::Moderator] {
                let there = answers((actor, Role::Moderator), (*target, role));
                let away = answers((actor, Role::None), (*target, role));
                for (to, (there, away)) in Role::ALL.iter().zip(there.chars().zip(away.chars())) {
                    let is_status = [*to, role].contains(&Role::Moderator) && *to != Role::None;
                    assert_eq!(
                        away,
                        if is_status { there } else { 'f' },
                        "{target:?} {role:?} {to:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn who_is_not_in_the_room_has_no_role_to_be_changed() {
    for target in Affiliation::ALL {
        let said = answers((Affiliation::Owner, Role::Moderator), (*target, Role::None));
        assert_eq!(said, "nnnn");
    }
}
