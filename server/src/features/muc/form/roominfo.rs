//! XEP-0045 §6.4, §16.5.4: what disco#info tells of a room beside its features.
//!
//! Our choices: what changes with every visit is told by the caller, who knows to whom; what is empty
//! is left out.

use crate::features::muc::config::Config;
use crate::stanza::form;
use crate::xml::Element;

/// FORM_TYPE of what is told of a room.
pub const ROOMINFO: &str = "http://jabber.org/protocol/muc#roominfo";

/// What is told of a room beside its configuration; `None` is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now<'a> {
    /// The subject.
    pub subject: Option<&'a str>,
    /// How many occupants there are.
    pub occupants: Option<usize>,
}

/// §6.4: the form; others (XEP-0486) add their fields to it.
pub fn roominfo(config: &Config, now: Now<'_>) -> Element {
    let flag = |is_set: bool| vec![u8::from(is_set).to_string()];
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let one = |value: Option<String>| value.into_iter().collect::<Vec<_>>();
    let fields = [
        ("muc#roomconfig_roomname", "text-single", "Room Name", one(text(&config.name))),
        ("muc#roominfo_description", "text-single", "Description", one(text(&config.description))),
        ("muc#roominfo_lang", "text-single", "Language of discussion", one(text(&config.lang))),
        ("muc#roominfo_contactjid", "jid-multi", "Contact Addresses", config.contacts.clone()),
        (
            "muc#roominfo_subject",
            "text-single",
            "Current Discussion Topic",
            one(now.subject.and_then(text)),
        ),
        (
            "muc#roominfo_subjectmod",
            "boolean",
            "The room subject can be modified by participants",
            flag(config.subject_change),
        ),
        (
            "muc#roomconfig_changesubject",
            "boolean",
            "Subject can be modified",
            flag(config.subject_change),
        ),
        (
            "muc#roominfo_occupants",
            "text-single",
            "Number of occupants",
            one(now.occupants.map(|count| count.to_string())),
        ),
        (
            "muc#maxhistoryfetch",
            "text-single",
            "Number of History Messages Sent on Entry if No Other is Asked for",
            vec![config.history.to_string()],
        ),
        // XEP-0500 §5: "the server MUST respond [...] by adding" it.
        (
            "muc#roominfo_slow_mode_duration",
            "text-single",
            "Seconds to Wait between Two Messages",
            vec![config.slow_mode_seconds.to_string()],
        ),
    ];
    let known = fields.into_iter().filter(|(_, _, _, values)| !values.is_empty());
    form::result(ROOMINFO).with_children(known.map(|(var, kind, label, values)| {
        form::labelled(var, kind, label, values.iter().map(String::as_str))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ns;

    fn value(form: &Element, var: &str) -> Option<String> {
        let field = form.children().find(|field| field.attr("var") == Some(var))?;
        field.child(ns::DATA_FORMS, "value").map(|value| value.text().into_owned())
    }

    #[test]
    fn s6_4_a_room_tells_what_its_owner_has_said() {
        let config = Config {
            description: "A <place>".into(),
            lang: "en".into(),
            contacts: vec!["a@localhost".into()],
            subject_change: true,
            slow_mode_seconds: 20,
            ..Config::default()
        };
        let form = roominfo(&config, Now { subject: Some("Spells"), occupants: Some(3) });
        let value = |var: &str| value(&form, var).unwrap_or_else(|| panic!("{var}"));
        assert_eq!(form.attr("type"), Some("result"));
        assert_eq!(value("FORM_TYPE"), ROOMINFO);
        assert_eq!(value("muc#roominfo_description"), "A <place>");
        assert_eq!(value("muc#roominfo_lang"), "en");
        assert_eq!(value("muc#roominfo_contactjid"), "a@localhost");
        assert_eq!(value("muc#roominfo_subject"), "Spells");
        assert_eq!(value("muc#roominfo_subjectmod"), "1");
        assert_eq!(value("muc#roomconfig_changesubject"), "1");
        assert_eq!(value("muc#roominfo_occupants"), "3");
        assert_eq!(value("muc#maxhistoryfetch"), "20");
        assert_eq!(value("muc#roominfo_slow_mode_duration"), "20");
    }

    #[test]
    fn s6_4_what_there_is_not_and_the_password_are_left_out() {
        let config = Config { password: Some("cauldronburn".into()), ..Config::default() };
        let form = roominfo(&config, Now { subject: Some(""), occupants: None });
        for var in ["muc#roominfo_description", "muc#roominfo_subject", "muc#roominfo_occupants"] {
            assert_eq!(value(&form, var), None, "{var}");
        }
        assert_eq!(value(&form, "muc#roominfo_slow_mode_duration").as_deref(), Some("0"));
        assert!(!form.to_xml().contains("cauldronburn"));
    }
}
