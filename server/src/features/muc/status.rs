//! XEP-0045 §16.6.2: the status codes that a room sends.
//!
//! Our choices: 102 and 103 are missing, as the room never shows members who are not there, 101, as
//! they have the bookmark, and 210, as nobody gets another nickname than he asked for.

use super::config::Config;
use crate::ns;
use crate::xml::Element;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $code:literal;)*) => {
        /// What a `<status/>` says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Status { $($(#[$doc])* $variant,)* }

        impl Status {
            /// All, in the order of their codes.
            #[cfg(test)]
            const ALL: &[Self] = &[$(Status::$variant,)*];

            /// The value of the attribute `code`.
            pub const fn code(self) -> &'static str {
                match self { $(Status::$variant => $code,)* }
            }
        }
    };
}

statuses! {
    /// Who enters is told that every occupant sees his real JID.
    NonAnonymous = "100";
    /// The configuration is another, in a way that does not concern privacy.
    ConfigurationChanged = "104";
    /// The presence is one's own.
    SelfPresence = "110";
    /// Messages are kept, from now on or for who enters.
    LoggingEnabled = "170";
    /// Messages are no longer kept.
    LoggingDisabled = "171";
    /// Every occupant now sees real JIDs.
    NowNonAnonymous = "172";
    /// Only moderators now see real JIDs.
    NowSemiAnonymous = "173";
    /// The room is new.
    RoomCreated = "201";
    /// Banned.
    Banned = "301";
    /// The occupant goes on under another nickname.
    NickChanged = "303";
    /// Kicked.
    Kicked = "307";
    /// Removed because the affiliation is another.
    RemovedByAffiliation = "321";
    /// Removed because the room is for members only now.
    RemovedAsNonMember = "322";
    /// Removed because the service shuts down.
    ShuttingDown = "332";
    /// Removed because he could not be reached, or does not know that he is out.
    RemovedByError = "333";
}

impl Status {
    /// `<status code=''/>`
    pub fn to_element(self) -> Element {
        Element::new(ns::MUC_USER, "status").with_attr("code", self.code())
    }
}

/// §10.2.1: what the occupants are told of a configuration that is another; nothing if it is the same.
pub fn of_change(before: &Config, now: &Config) -> Vec<Status> {
    let mut told = Vec::new();
    if before.archive != now.archive {
        told.push(if now.archive { Status::LoggingEnabled } else { Status::LoggingDisabled });
    }
    if before.anonymous != now.anonymous {
        let anonymous = now.anonymous;
        told.push(if anonymous { Status::NowSemiAnonymous } else { Status::NowNonAnonymous });
    }
    // "For any other configuration change": one that is left when those two are taken out.
    let rest = Config { archive: now.archive, anonymous: now.anonymous, ..before.clone() };
    if rest != *now {
        told.insert(0, Status::ConfigurationChanged);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s16_6_2_codes_have_three_digits_and_are_in_order() {
        let codes: Vec<_> = Status::ALL.iter().map(|status| status.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b));
        assert!(codes.iter().all(|code| code.len() == 3 && code.parse::<u16>().is_ok()));
        assert_eq!(
            Status::SelfPresence.to_element().to_xml(),
            "<status xmlns='http://jabber.org/protocol/muc#user' code='110'/>"
        );
    }

    #[test]
    fn s10_2_1_privacy_has_codes_of_its_own_and_the_rest_has_104() {
        let old = Config::default();
        let told = |now: &Config| of_change(&old, now);
        assert_eq!(told(&old), []);
        assert_eq!(told(&Config { archive: false, ..old.clone() }), [Status::LoggingDisabled]);
        assert_eq!(told(&Config { anonymous: true, ..old.clone() }), [Status::NowSemiAnonymous]);
        let named = Config { name: "Tea".into(), ..old.clone() };
        assert_eq!(told(&named), [Status::ConfigurationChanged]);
        let all = Config { archive: false, anonymous: true, ..named };
        assert_eq!(
            told(&all),
            [Status::ConfigurationChanged, Status::LoggingDisabled, Status::NowSemiAnonymous]
        );
        assert_eq!(
            of_change(&all, &old),
            [Status::ConfigurationChanged, Status::LoggingEnabled, Status::NowNonAnonymous]
        );
    }
}
