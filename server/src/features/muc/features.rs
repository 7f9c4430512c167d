//! XEP-0045 §6.4, §16.3: which kind of room it is, as features for disco#info.

use super::config::Config;

/// One of each pair of §4.2.
pub fn of(config: &Config) -> [&'static str; 6] {
    let one = |is: bool, yes, no| if is { yes } else { no };
    [
        one(config.public, "muc_public", "muc_hidden"),
        one(config.members_only, "muc_membersonly", "muc_open"),
        one(config.moderated, "muc_moderated", "muc_unmoderated"),
        one(config.anonymous, "muc_semianonymous", "muc_nonanonymous"),
        one(config.password.is_some(), "muc_passwordprotected", "muc_unsecured"),
        one(config.persistent, "muc_persistent", "muc_temporary"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s6_4_each_kind_of_room_has_its_feature() {
        let room = Config::default();
        let members = ["muc_hidden", "muc_membersonly", "muc_unmoderated"];
        let more = ["muc_nonanonymous", "muc_unsecured", "muc_persistent"];
        assert_eq!(of(&room)[..], [members, more].concat());
        let other = Config {
            public: true,
            members_only: false,
            moderated: true,
            anonymous: true,
            password: Some("cauldronburn".into()),
            persistent: false,
            ..room
        };
        let open = ["muc_public", "muc_open", "muc_moderated"];
        let more = ["muc_semianonymous", "muc_passwordprotected", "muc_temporary"];
        assert_eq!(of(&other)[..], [open, more].concat());
    }
}
