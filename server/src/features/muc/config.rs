//! XEP-0045 §10.2, §16.5.3: the configuration of a room.
//!
//! Our choices: a stored configuration has all its fields, so that it stays what its owner chose when
//! our defaults change; the names are short because each room has them. Who owns a room, and who is
//! its admin, is among its affiliations and not here, although the form has them too.

use serde::{Deserialize, Serialize};

use super::affiliation::Role;
pub use super::affiliation::Roles;
use crate::config::RoomDefaults;
use crate::features::pubsub::config::named;

named! {
    /// §16.5.3 `muc#roomconfig_allowpm`: who may send private messages, by role.
    Who {
        /// Every occupant.
        Anyone = "anyone", "Anyone";
        /// Those with voice.
        Participants = "participants", "Anyone with voice";
        /// Moderators.
        Moderators = "moderators", "Moderators only";
        /// Nobody at all.
        Nobody = "none", "Nobody";
    }
}

impl Who {
    /// Whether an occupant with that role is one of them.
    pub fn includes(self, role: Role) -> bool {
        match self {
            Who::Anyone => role >= Role::Visitor,
            Who::Participants => role >= Role::Participant,
            Who::Moderators => role >= Role::Moderator,
            Who::Nobody => false,
        }
    }
}

/// A room for people who know each other, with as many occupants as the service allows.
const FOR_A_GROUP: RoomDefaults = RoomDefaults {
    members_only: true,
    anonymous: false,
    public: false,
    persistent: true,
    archive: true,
    moderated: false,
    max_users: usize::MAX,
};

/// Messages that somebody gets who enters and does not say how many (§7.2.13), if the owner says
/// nothing else: about a screen.
const HISTORY: u32 = 20;

/// The configuration of a room. A record that lacks a field (it is older than the field) has the
/// value of [`Config::default`] there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `muc#roomconfig_roomname`: a name for people; empty if there is none.
    #[serde(rename = "n")]
    pub name: String,
    /// `muc#roomconfig_roomdesc`; empty if there is none.
    #[serde(rename = "d")]
    pub description: String,
    /// `muc#roomconfig_lang`: the tag of a language; empty if there is none.
    #[serde(rename = "l")]
    pub lang: String,
    /// `muc#roomconfig_changesubject`: not only moderators may change the subject (§8.1).
    #[serde(rename = "cs")]
    pub subject_change: bool,
    /// `muc#roomconfig_membersonly`: only members may enter.
    #[serde(rename = "mo")]
    pub members_only: bool,
    /// `muc#roomconfig_whois`: only moderators see real JIDs (`moderators`), or else `anyone`.
    #[serde(rename = "an")]
    pub anonymous: bool,
    /// `muc#roomconfig_moderatedroom`: only those with voice may speak.
    #[serde(rename = "mr")]
    pub moderated: bool,
    /// `muc#roomconfig_publicroom`: others find it in the list of its service.
    #[serde(rename = "pu")]
    pub public: bool,
    /// `muc#roomconfig_persistentroom`: it stays when the last occupant leaves.
    #[serde(rename = "pe")]
    pub persistent: bool,
    /// `muc#roomconfig_roomsecret`, as it is typed at the door (§7.2.5), and never empty; the owner's
    /// form shows it. `None`: no password.
    #[serde(rename = "pw")]
    pub password: Option<String>,
    /// `muc#roomconfig_maxusers`: the most occupants; `None`: what the service allows.
    #[serde(rename = "mu")]
    pub max_users: Option<u32>,
    /// `muc#roomconfig_allowinvites`: members, and in an open room occupants, may invite (§7.8); if
    /// not, admins and owners alone.
    #[serde(rename = "ai")]
    pub allow_invites: bool,
    /// `muc#roomconfig_allowpm`: who may send private messages (§7.5).
    #[serde(rename = "pm")]
    pub allow_private_messages: Who,
    /// `muc#roomconfig_presencebroadcast`: whose presence is told to the others (§7.2.2).
    #[serde(rename = "pb")]
    pub presence_broadcast: Roles,
    /// `muc#roomconfig_getmemberlist`: occupants of which roles may retrieve the member list (§9.5).
    #[serde(rename = "ml")]
    pub get_member_list: Roles,
    /// `muc#roomconfig_enablearchiving`: messages are kept; occupants are told so (status 170).
    #[serde(rename = "ar")]
    pub archive: bool,
    /// `muc#maxhistoryfetch`: messages for somebody who enters and does not say how many.
    #[serde(rename = "h")]
    pub history: u32,
    /// XEP-0500: seconds that somebody without a moderator's role waits between two messages; 0: none.
    #[serde(rename = "sm")]
    pub slow_mode_seconds: u32,
    /// §8.6: visitors may ask for voice.
    #[serde(rename = "vr")]
    pub allow_voice_requests: bool,
    /// §16.5.4 `muc#roominfo_contactjid`: whom to ask, as bare JIDs.
    #[serde(rename = "c")]
    pub contacts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config::of(&FOR_A_GROUP)
    }
}

impl Config {
    /// A new room, before its owner has said anything.
    pub fn of(defaults: &RoomDefaults) -> Self {
        Config {
            name: String::new(),
            description: String::new(),
            lang: String::new(),
            // §8.1: "By default, only users with a role of 'moderator' SHOULD be allowed".
            subject_change: false,
            members_only: defaults.members_only,
            anonymous: defaults.anonymous,
            moderated: defaults.moderated,
            public: defaults.public,
            persistent: defaults.persistent,
            password: None,
            max_users: u32::try_from(defaults.max_users).ok(),
            // §7.8.2: in a members-only room an invitation makes a member, which is the admins' right.
            allow_invites: !defaults.members_only,
            allow_private_messages: Who::Anyone,
            presence_broadcast: Roles::EVERYBODY,
            // Clients encrypt to the members, so all members may know them (§5.2.1).
            get_member_list: Roles::EVERYBODY,
            archive: defaults.archive,
            history: HISTORY,
            slow_mode_seconds: 0,
            allow_voice_requests: true,
            contacts: Vec::new(),
        }
    }

    /// The most occupants, where the service allows `limit`: a limit that the operator lowered later
    /// holds for old rooms too.
    pub fn max_users_within(&self, limit: u32) -> u32 {
        self.max_users.map_or(limit, |users| users.min(limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_room_is_as_the_host_says() {
        let not = RoomDefaults {
            members_only: false,
            anonymous: true,
            public: true,
            persistent: false,
            archive: false,
            moderated: true,
            max_users: 5,
        };
        let room = Config::of(&not);
        assert!(!room.members_only && room.anonymous && room.public && !room.persistent);
        assert!(!room.archive && room.moderated);
        assert_eq!(room.max_users, Some(5));
    }

    #[test]
    fn a_record_keeps_every_field_and_an_older_one_has_the_defaults() {
        let mut room = Config { password: Some("x".into()), ..Config::default() };
        room.presence_broadcast = [Role::Moderator].into_iter().collect();
        let json = serde_json::to_string(&room).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), room);
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
        let newer = r#"{"n":"Tea","field of a later version":1}"#;
        assert_eq!(serde_json::from_str::<Config>(newer).unwrap().name, "Tea");
    }

    #[test]
    fn who_may_send_private_messages_goes_by_role() {
        let row = |who: Who| Role::ALL.iter().map(|role| who.includes(*role)).collect::<Vec<_>>();
        assert_eq!(row(Who::Anyone), [false, true, true, true]);
        assert_eq!(row(Who::Participants), [false, false, true, true]);
        assert_eq!(row(Who::Moderators), [false, false, false, true]);
        assert_eq!(row(Who::Nobody), [false; 4]);
    }

    #[test]
    fn a_limit_that_was_lowered_holds_for_old_rooms() {
        let room = Config { max_users: Some(100), ..Config::default() };
        assert_eq!(room.max_users_within(50), 50);
        assert_eq!(room.max_users_within(200), 100);
        assert_eq!(Config::default().max_users_within(200), 200);
    }
}
