//! The settings of a room as the operator names them. They are the fields of the owner's form, by names
//! that can be typed, so that both take and refuse the same.

use std::collections::BTreeMap;

use crate::features::muc::config::Config;
use crate::features::muc::form::roomconfig::{self, Answer, FormLimits, ROOMCONFIG};
use crate::ns;
use crate::stanza::StanzaError;
use crate::stanza::form;
use crate::xml::Element;

const WHOIS: &str = "muc#roomconfig_whois";
const PROTECTED: &str = "muc#roomconfig_passwordprotectedroom";
const SECRET: &str = "muc#roomconfig_roomsecret";

/// How the values of a setting are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    /// One.
    One,
    /// Any number, separated by commas.
    Several,
    /// `true` or `false`, for a field that has other words.
    Flag([&'static str; 2]),
}

use Values::{Flag, One, Several};

/// Name, field, and how it is written.
const SETTINGS: &[(&str, &str, Values)] = &[
    ("name", "muc#roomconfig_roomname", One),
    ("description", "muc#roomconfig_roomdesc", One),
    ("lang", "muc#roomconfig_lang", One),
    ("contacts", "muc#roominfo_contactjid", Several),
    ("members_only", "muc#roomconfig_membersonly", Flag(["0", "1"])),
    ("anonymous", WHOIS, Flag(["anyone", "moderators"])),
    ("public", "muc#roomconfig_publicroom", Flag(["0", "1"])),
    ("persistent", "muc#roomconfig_persistentroom", Flag(["0", "1"])),
    ("archive", "muc#roomconfig_enablearchiving", Flag(["0", "1"])),
    ("moderated", "muc#roomconfig_moderatedroom", Flag(["0", "1"])),
    ("max_users", "muc#roomconfig_maxusers", One),
    ("invites", "muc#roomconfig_allowinvites", Flag(["0", "1"])),
    ("subject_change", "muc#roomconfig_changesubject", Flag(["0", "1"])),
    ("private_messages", "muc#roomconfig_allowpm", One),
    ("presence", "muc#roomconfig_presencebroadcast", Several),
    ("member_list", "muc#roomconfig_getmemberlist", Several),
    ("history", "muc#maxhistoryfetch", One),
    ("slow_mode", "muc#roomconfig_slow_mode_duration", One),
];

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|(name, ..)| *name)
}

/// What a room is set to, but for its password.
pub(super) fn of(config: &Config, limits: FormLimits) -> BTreeMap<&'static str, String> {
    let form = roomconfig::form(config, &[], &[], limits);
    let shown = |(name, var, values): &(&'static str, &str, Values)| {
        let mut fields = form.children().filter(|field| field.attr("var") == Some(*var));
        fields.next().map(|field| (*name, shown(field, *values)))
    };
    SETTINGS.iter().filter_map(shown).collect()
}

fn shown(field: &Element, values: Values) -> String {
    let given = field.children().filter(|child| child.is(ns::DATA_FORMS, "value"));
    let given: Vec<_> = given.map(|value| value.text().into_owned()).collect();
    match values {
        Flag([_, yes]) => given.iter().any(|value| value == yes).to_string(),
        One | Several => given.join(","),
    }
}

/// The configuration with other settings. The error names the setting, and what may stand there.
pub(super) fn apply(
    config: &Config,
    wanted: &BTreeMap<String, String>,
    password: Option<&str>,
    limits: FormLimits,
) -> Result<Config, String> {
    let fields: Result<Vec<_>, _> = wanted.iter().map(|(name, value)| field(name, value)).collect();
    let form = form::result(ROOMCONFIG)
        .with_attr("type", "submit")
        .with_children(fields?)
        .with_children(password.into_iter().flat_map(secret));
    let query = Element::new(ns::MUC_OWNER, "query").with_child(form);
    match roomconfig::submitted(&query, config, limits) {
        Ok(Answer::Changed(change)) => Ok(change.config),
        Ok(Answer::Cancelled) => Ok(config.clone()),
        Err(error) => Err(named(&error)),
    }
}

fn field(name: &str, value: &str) -> Result<Element, String> {
    let setting = SETTINGS.iter().find(|(is, ..)| *is == name);
    let Some((_, var, values)) = setting else {
        let all: Vec<_> = super::setting_names().collect();
        return Err(format!("a room has no setting {name}; use one of: {}", all.join(", ")));
    };
    match values {
        One => Ok(form::field(var, [value])),
        Several => Ok(form::field(var, value.split(',').map(str::trim))),
        Flag([no, yes]) => match value {
            "true" => Ok(form::field(var, [*yes])),
            "false" => Ok(form::field(var, [*no])),
            _ => Err(format!("{name}: true or false, please")),
        },
    }
}

fn secret(password: &str) -> [Element; 2] {
    let is_protected = if password.is_empty() { "0" } else { "1" };
    [form::field(PROTECTED, [is_protected]), form::field(SECRET, [password])]
}

/// The sentence with the name that was typed in the place of the field's.
fn named(error: &StanzaError) -> String {
    let text = error.text().unwrap_or(error.condition().as_str());
    let mut all = SETTINGS.iter().map(|(name, var, _)| (*name, *var)).chain([("password", SECRET)]);
    let of = |var: &str| text.strip_prefix(var).and_then(|rest| rest.strip_prefix(':'));
    match all.find_map(|(name, var)| of(var).map(|rest| (name, rest))) {
        Some((name, rest)) => format!("{name}:{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: FormLimits = FormLimits { max_users: 500 };

    fn wanted(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn set(settings: &[(&str, &str)]) -> Result<Config, String> {
        apply(&Config::default(), &wanted(settings), None, LIMITS)
    }

    #[test]
    fn every_setting_is_shown_and_can_be_set_to_what_is_shown() {
        let other = set(&[
            ("name", "Tea, and cake"),
            ("contacts", "juliet@localhost, romeo@localhost"),
            ("anonymous", "true"),
            ("members_only", "false"),
            ("max_users", "20"),
            ("presence", "moderator"),
        ]);
        for config in [Config::default(), other.unwrap()] {
            let shown = of(&config, LIMITS);
            assert_eq!(shown.len(), SETTINGS.len());
            let pairs: Vec<_> = shown.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(apply(&Config::default(), &wanted(&pairs), None, LIMITS), Ok(config));
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let config = Config { name: "Tea".into(), public: true, ..Config::default() };
        let changed = apply(&config, &wanted(&[("public", "false")]), None, LIMITS).unwrap();
        assert_eq!(changed, Config { public: false, ..config.clone() });
        assert_eq!(apply(&config, &wanted(&[]), None, LIMITS), Ok(config));
    }

    #[test]
    fn a_password_is_set_and_taken_away() {
        let with = apply(&Config::default(), &wanted(&[]), Some("cauldronburn"), LIMITS).unwrap();
        assert_eq!(with.password.as_deref(), Some("cauldronburn"));
        assert_eq!(apply(&with, &wanted(&[]), None, LIMITS), Ok(with.clone()));
        assert_eq!(apply(&with, &wanted(&[]), Some(""), LIMITS).unwrap().password, None);
        assert!(!of(&with, LIMITS).values().any(|value| value.contains("cauldron")));
    }

    #[test]
    fn what_cannot_be_is_refused_by_the_name_that_was_typed() {
        for (name, value, why) in [
            ("public", "yes", "public: true or false"),
            ("max_users", "501", "max_users: "),
            ("private_messages", "all", "private_messages: "),
            ("contacts", "localhost", "contacts: "),
            ("colour", "red", "a room has no setting colour; use one of: name, "),
        ] {
            let error = set(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
