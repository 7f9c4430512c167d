//! XEP-0045 §5.1: the privileges of roles, and the changes of them.

use super::Refused;
use crate::features::muc::affiliation::{Affiliation, Role};
use crate::features::muc::config::Config;

/// §5.1.1: what a role entitles to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolePrivilege {
    /// Present in Room.
    PresentInRoom,
    /// Receive Messages.
    ReceiveMessages,
    /// Receive Occupant Presence.
    ReceivePresence,
    /// Broadcast Presence to All Occupants.
    BroadcastPresence,
    /// Change Availability Status.
    ChangeAvailability,
    /// Change Room Nickname.
    ChangeNick,
    /// Send Private Messages.
    SendPrivateMessages,
    /// Invite Other Users; see [`may_invite`], which knows the affiliation too.
    Invite,
    /// Send Messages to All.
    SendMessages,
    /// Modify Subject.
    ModifySubject,
    /// Kick Participants and Visitors.
    Kick,
    /// Grant Voice.
    GrantVoice,
    /// Revoke Voice.
    RevokeVoice,
}

/// A cell of the table.
enum Cell {
    No,
    Yes,
    /// "Configuration settings MAY modify this privilege."
    As(fn(&Config, Role) -> bool),
}
use Cell::{As, No, Yes};
use RolePrivilege as P;

/// §5.1.1, in the order none, visitor, participant, moderator. Our options concern more cells than
/// those that the text marks: its own `muc#roomconfig_presencebroadcast` can leave out any role.
static TABLE: &[(RolePrivilege, [Cell; 4])] = &[
    (P::PresentInRoom, [No, Yes, Yes, Yes]),
    (P::ReceiveMessages, [No, Yes, Yes, Yes]),
    (P::ReceivePresence, [No, Yes, Yes, Yes]),
    (P::BroadcastPresence, [No, As(presence), As(presence), As(presence)]),
    (P::ChangeAvailability, [No, Yes, Yes, Yes]),
    (P::ChangeNick, [No, Yes, Yes, Yes]),
    (P::SendPrivateMessages, [No, As(private), As(private), As(private)]),
    (P::Invite, [No, As(invites), As(invites), Yes]),
    // Who is a visitor where there is no moderation has lost his voice, rather than never had it.
    (P::SendMessages, [No, No, Yes, Yes]),
    // Who may not speak may not speak through the subject either.
    (P::ModifySubject, [No, No, As(subject), Yes]),
    (P::Kick, [No, No, No, Yes]),
    (P::GrantVoice, [No, No, No, Yes]),
    (P::RevokeVoice, [No, No, No, Yes]),
];

fn presence(config: &Config, role: Role) -> bool {
    config.presence_broadcast.contains(role)
}

fn private(config: &Config, role: Role) -> bool {
    config.allow_private_messages.includes(role)
}

fn invites(config: &Config, _: Role) -> bool {
    config.allow_invites
}

fn subject(config: &Config, _: Role) -> bool {
    config.subject_change
}

/// §5.1.1: whether the role entitles to it in a room of that configuration.
pub fn may(role: Role, privilege: RolePrivilege, config: &Config) -> bool {
    let row =
        TABLE.iter().find(|(of, _)| *of == privilege).map(|(_, [none, a, b, c])| match role {
            Role::None => none,
            Role::Visitor => a,
            Role::Participant => b,
            Role::Moderator => c,
        });
    match row {
        Some(Yes) => true,
        Some(As(asked)) => asked(config, role),
        Some(No) | None => false,
    }
}

/// §7.8.2, §9.5: whether somebody may invite through the room. An invitation to a members-only room
/// makes a member, which is the right of admins unless the owner lets members do so.
pub fn may_invite(affiliation: Affiliation, role: Role, config: &Config) -> bool {
    let is_entitled = may(role, RolePrivilege::Invite, config);
    let makes_members = affiliation >= Affiliation::Admin
        || (config.allow_invites && affiliation >= Affiliation::Member);
    is_entitled && (makes_members || !config.members_only)
}

/// §5.1.3, §8.2 to §8.5, §9.6 to §9.8: whether somebody may give an occupant another role, where
/// [`Role::None`] is a kick. Nobody has it who is not in the room.
///
/// §8.4 lets nobody revoke voice from one "at or above the moderator's level" of affiliation, so that
/// a moderator without one can silence nobody, though he can kick. §9.7 speaks of admins who revoke an
/// admin's or owner's moderator status; as that status is part of the affiliation (§5.1.3), owners
/// cannot either.
///
/// # Errors
/// `forbidden`: he may not make such changes at all. `not-allowed`: not with this occupant.
pub fn may_change_role(
    actor: (Affiliation, Role),
    target: (Affiliation, Role),
    to: Role,
) -> Result<(), Refused> {
    let (actor_is, actor_role) = actor;
    let (target_is, target_role) = target;
    let is_admin = actor_is >= Affiliation::Admin;
    // §8, §5.1.1: of moderators only, and nobody is one who is not in the room; §5.2.1, §9.6: but for
    // the moderators themselves, which are an admin's to choose wherever he is.
    let is_about_moderators =
        to == Role::Moderator || (target_role == Role::Moderator && to != Role::None);
    if actor_role != Role::Moderator && !(is_admin && is_about_moderators) {
        return Err(Refused::Forbidden);
    }
    let over_him = actor_is >= target_is;
    let allowed = match (target_role, to) {
        // Nobody who is not there has a role to be changed.
        (Role::None, _) => false,
        (is, to) if is == to => true,
        // §8.2, and §5.1.3: a moderator is "kicked by an admin or owner".
        (Role::Moderator, Role::None) => is_admin && over_him,
        (_, Role::None) => over_him,
        // §8.4: nobody takes the voice of "an owner or admin", whoever he is.
        (_, Role::Visitor) if target_is >= Affiliation::Admin => false,
        // §9.6, §9.7: the moderator list is the admins' to edit.
        (_, Role::Moderator) | (Role::Moderator, _) if !is_admin => {
            return Err(Refused::Forbidden);
        }
        (_, Role::Moderator) => true,
        (Role::Moderator, _) => target_is < Affiliation::Admin,
        // §8.3
        (_, Role::Participant) => true,
        // §8.4: not of somebody "at or above the moderator's level".
        (_, Role::Visitor) => actor_is > target_is,
    };
    allowed.then_some(()).ok_or(Refused::NotAllowed)
}

#[cfg(test)]
mod tests;
