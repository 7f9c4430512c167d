//! The rooms of a domain (XEP-0045), as they are: who may use them, and how a new one begins.

use std::time::Duration;

use super::options::{HostTable, Limits, RoomCreators, RoomUsers, RoomsTable};
use super::report::Report;
use super::retention::Retention;

/// The rooms of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rooms {
    /// Who may make them.
    pub create: RoomCreators,
    /// Whose accounts may use them.
    pub users: RoomUsers,
    /// How long their archives are kept; `None` is as long as the domain's messages are.
    pub retention: Option<Retention>,
    /// How long one is kept that nobody belongs to and nobody enters.
    pub empty_after: Duration,
    /// How a new one begins.
    pub defaults: RoomDefaults,
}

/// The settings that a new room begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomDefaults {
    /// Only members may enter.
    pub members_only: bool,
    /// Addresses are shown to moderators only: semi-anonymous.
    pub anonymous: bool,
    /// It is listed.
    pub public: bool,
    /// It stays when the last occupant has left.
    pub persistent: bool,
    /// What is said in it is kept.
    pub archive: bool,
    /// Who is new has no voice.
    pub moderated: bool,
    /// The most occupants at a time, from 1 to `limits.room_occupants`.
    pub max_users: usize,
}

/// Makes `Rooms` of what is written.
pub(super) fn settled(table: &RoomsTable, limits: &Limits) -> Rooms {
    Rooms {
        create: table.create,
        users: table.users,
        retention: table.retention,
        empty_after: table.empty_after,
        defaults: RoomDefaults {
            members_only: table.members_only,
            anonymous: table.anonymous,
            public: table.public,
            persistent: table.persistent,
            archive: table.archive,
            moderated: table.moderated,
            // The default gives way to a lower limit.
            max_users: table.max_users.value.min(limits.room_occupants),
        },
    }
}

/// Reports new rooms that are to hold more people than a room may.
pub(super) fn check(hosts: &[HostTable], limits: &Limits, report: &mut Report<'_>) {
    for host in hosts {
        let (wanted, most) = (&host.rooms.max_users, limits.room_occupants);
        if wanted.is_written() && wanted.value > most {
            let text = format!(
                "{} is above limits.room_occupants, {most}; lower it, or raise that",
                wanted.value
            );
            report.mistake(wanted.at, "host.rooms.max_users", text);
        }
    }
}
