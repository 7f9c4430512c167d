use super::*;
use crate::features::muc::affiliation::{Role, Roles};
use crate::features::muc::config::Who;

const LIMITS: FormLimits = FormLimits { max_users: 1000 };

fn jid(text: &str) -> BareJid {
    BareJid::parse(text).unwrap()
}

fn query(form: Element) -> Element {
    Element::new(ns::MUC_OWNER, "query").with_child(form)
}

/// A form with these fields, filled in.
fn filled_in(fields: &[(&str, &[&str])]) -> Element {
    let mut form = form::result(ROOMCONFIG)
        .with_children(fields.iter().map(|(var, values)| form::field(var, values.iter().copied())));
    form.set_attr("type", "submit");
    query(form)
}

fn read_into(config: &Config, fields: &[(&str, &[&str])]) -> Result<Change, StanzaError> {
    match submitted(&filled_in(fields), config, LIMITS)? {
        Answer::Changed(change) => Ok(*change),
        Answer::Cancelled => panic!("nothing was cancelled"),
    }
}

fn configured(fields: &[(&str, &[&str])]) -> Config {
    read_into(&Config::default(), fields).unwrap().config
}

/// The text of the error for a form with one such field.
fn refusal(config: &Config, var: &str, values: &[&str]) -> String {
    let error = read_into(config, &[(var, values)]).expect_err(var);
    assert_eq!(error.condition(), Condition::NotAcceptable, "{var}");
    error.to_element(None).child(ns::STANZAS, "text").unwrap().text().into_owned()
}

/// A room of which every option differs from that of a new one.
fn other() -> Config {
    Config {
        name: "A Dark Cave".into(),
        description: "The place for all good witches!".into(),
        lang: "en-GB".into(),
        subject_change: true,
        members_only: false,
        anonymous: true,
        moderated: true,
        public: true,
        persistent: false,
        password: Some("cauldronburn".into()),
        max_users: Some(30),
        allow_invites: true,
        allow_private_messages: Who::Nobody,
        presence_broadcast: [Role::Moderator].into_iter().collect(),
        get_member_list: Roles::NOBODY,
        archive: false,
        history: 50,
        slow_mode_seconds: 20,
        allow_voice_requests: true,
        contacts: vec!["crone1@shakespeare.lit".into()],
    }
}

#[test]
fn s10_1_3_a_form_sent_back_as_it_is_changes_nothing() {
    for config in [Config::default(), other()] {
        let (owners, admins) = ([jid("a@localhost")], [jid("b@localhost"), jid("c@localhost")]);
        let mut form = form(&config, &owners, &admins, LIMITS);
        form.set_attr("type", "submit");
        // Into a room where everything is otherwise, so that no field is lost on the way.
        let before = if config == other() { Config::default() } else { other() };
        let Answer::Changed(change) = submitted(&query(form), &before, LIMITS).unwrap() else {
            panic!("nothing was cancelled")
        };
        assert_eq!(change.config, config);
        assert_eq!(change.owners.as_deref(), Some(&owners[..]));
        assert_eq!(change.admins.as_deref(), Some(&admins[..]));
    }
}

#[test]
fn every_value_of_a_list_is_among_its_options() {
    let config = Config { max_users: Some(33), ..other() };
    for field in form(&config, &[], &[], LIMITS).children() {
        let kind = field.attr("type").unwrap_or_default();
        if kind.starts_with("list-") {
            let texts = |of: &Element| {
                let values = of.children().filter(|child| child.name() == "value");
                values.map(|value| value.text().into_owned()).collect::<Vec<_>>()
            };
            let options = field.children().filter(|child| child.name() == "option");
            let options: Vec<_> = options.flat_map(texts).collect();
            assert!(texts(field).iter().all(|value| options.contains(value)), "{field:?}");
        }
    }
}

#[test]
fn s10_1_2_an_empty_form_is_an_instant_room() {
    let empty = Element::new(ns::DATA_FORMS, "x").with_attr("type", "submit");
    let answer = submitted(&query(empty.clone()), &other(), LIMITS);
    let change = Change { config: other(), owners: None, admins: None };
    assert_eq!(answer, Ok(Answer::Changed(Box::new(change))));
    let two = query(empty.clone()).with_child(empty);
    assert_eq!(submitted(&two, &other(), LIMITS), Err(Condition::BadRequest.into()));
}

#[test]
fn s10_1_3_a_cancelled_form_is_told_from_a_missing_one() {
    let cancel = Element::new(ns::DATA_FORMS, "x").with_attr("type", "cancel");
    assert_eq!(submitted(&query(cancel), &other(), LIMITS), Ok(Answer::Cancelled));
    let none = Element::new(ns::MUC_OWNER, "query");
    assert_eq!(submitted(&none, &other(), LIMITS), Err(Condition::BadRequest.into()));
    let wrong = query(form::result("urn:other").with_attr("type", "submit"));
    assert_eq!(submitted(&wrong, &other(), LIMITS), Err(Condition::BadRequest.into()));
}

#[test]
fn what_is_left_out_stays_and_what_is_unknown_is_ignored() {
    let form: &[(&str, &[&str])] =
        &[("muc#roomconfig_roomname", &["Tea"]), ("urn:example#colour", &["red"])];
    let change = read_into(&other(), form).unwrap();
    assert_eq!(change.config, Config { name: "Tea".into(), ..other() });
    assert_eq!((change.owners, change.admins), (None, None));
    let emptied = read_into(&other(), &[("muc#roomconfig_roomname", &[])]).unwrap();
    assert_eq!(emptied.config.name, "");
}

#[test]
fn a_value_that_cannot_be_is_refused_with_the_name_of_its_field() {
    let long = "x".repeat(5000);
    let many: Vec<String> = (0..300).map(|n| format!("a{n}@localhost")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases: &[(&str, &[&str])] = &[
        ("muc#roomconfig_roomname", &[&long]),
        ("muc#roomconfig_roomname", &["a", "b"]),
        ("muc#roomconfig_roomdesc", &[&long]),
        ("muc#roomconfig_lang", &["en us"]),
        ("muc#roomconfig_lang", &["<x/>"]),
        ("muc#roominfo_contactjid", &["not a jid"]),
        ("muc#roomconfig_persistentroom", &["yes"]),
        ("muc#roomconfig_publicroom", &[]),
        ("muc#roomconfig_membersonly", &["1", "0"]),
        ("muc#roomconfig_allowinvites", &["2"]),
        ("muc#roomconfig_moderatedroom", &["TRUE"]),
        ("muc#roomconfig_changesubject", &["on"]),
        ("muc#roomconfig_allowpm", &["everyone"]),
        ("muc#roomconfig_allowpm", &[]),
        ("muc#roomconfig_whois", &["none"]),
        ("muc#roomconfig_presencebroadcast", &["moderator", "owner"]),
        ("muc#roomconfig_getmemberlist", &["none"]),
        ("muc#roomconfig_maxusers", &["0"]),
        ("muc#roomconfig_maxusers", &["1001"]),
        ("muc#roomconfig_maxusers", &["-1"]),
        ("muc#roomconfig_enablelogging", &["maybe"]),
        ("muc#roomconfig_enablearchiving", &["maybe"]),
        ("muc#maxhistoryfetch", &["1001"]),
        ("muc#maxhistoryfetch", &[]),
        ("muc#roomconfig_slow_mode_duration", &["86401"]),
        ("muc#roomconfig_slow_mode_duration", &["-5"]),
        ("muc#roomconfig_passwordprotectedroom", &["maybe"]),
        ("muc#roomconfig_roomsecret", &[&long]),
        ("muc#roomconfig_roomadmins", &["localhost"]),
        ("muc#roomconfig_roomadmins", &many),
        ("muc#roomconfig_roomowners", &["@"]),
    ];
    for (var, values) in cases {
        let text = refusal(&Config::default(), var, values);
        assert!(text.starts_with(&format!("{var}: ")), "{text}");
    }
}

#[test]
fn a_field_that_is_given_twice_is_refused() {
    let whois: (&str, &[&str]) = ("muc#roomconfig_whois", &["anyone"]);
    let error = read_into(&Config::default(), &[whois, whois]).unwrap_err();
    assert_eq!(error.condition(), Condition::NotAcceptable);
}

#[test]
fn s10_1_3_a_protected_room_has_a_password_that_is_not_blank() {
    const ON: (&str, &[&str]) = (PROTECTED, &["1"]);
    const OFF: (&str, &[&str]) = (PROTECTED, &["0"]);
    const NEW: (&str, &[&str]) = (SECRET, &["new"]);
    const BLANK: (&str, &[&str]) = (SECRET, &[""]);
    let (open, closed) = (Config::default(), other());
    let password = |config: &Config, fields: &[(&str, &[&str])]| {
        read_into(config, fields).map(|change| change.config.password).map_err(|e| e.condition())
    };
    let is = |text: &str| Ok(Some(text.to_owned()));
    for (room, form, becomes) in [
        (&open, &[][..], Ok(None)),
        (&open, &[ON], Err(Condition::NotAcceptable)),
        (&open, &[ON, BLANK], Err(Condition::NotAcceptable)),
        (&open, &[ON, NEW], is("new")),
        (&open, &[OFF, NEW], Ok(None)),
        (&open, &[NEW], is("new")),
        (&open, &[BLANK], Ok(None)),
        (&closed, &[], is("cauldronburn")),
        (&closed, &[ON], is("cauldronburn")),
        (&closed, &[ON, NEW], is("new")),
        (&closed, &[NEW], is("new")),
        (&closed, &[BLANK], Err(Condition::NotAcceptable)),
        (&closed, &[ON, BLANK], Err(Condition::NotAcceptable)),
        (&closed, &[OFF], Ok(None)),
        (&closed, &[OFF, BLANK], Ok(None)),
    ] {
        assert_eq!(password(room, form), becomes, "{form:?}");
    }
}

#[test]
fn the_archive_is_known_by_other_names_and_public_logs_come_last() {
    let on = |fields: &[(&str, &[&str])]| configured(fields).archive;
    for var in ["mam", "muc#roomconfig_mam", "muc#roomconfig_enablelogging"] {
        assert!(!on(&[(var, &["0"])]), "{var}");
    }
    assert!(on(&[
        ("muc#roomconfig_enablearchiving", &["1"]),
        ("muc#roomconfig_enablelogging", &["0"])
    ]));
    assert!(on(&[("mam", &["1"]), ("muc#roomconfig_enablelogging", &["0"])]));
    let shown = form(&Config::default(), &[], &[], LIMITS);
    let vars: Vec<_> = shown.children().filter_map(|field| field.attr("var")).collect();
    assert!(vars.contains(&"muc#roomconfig_enablearchiving") && !vars.contains(&"mam"));
}

#[test]
fn lists_of_roles_may_be_empty() {
    let config = configured(&[("muc#roomconfig_presencebroadcast", &[])]);
    assert_eq!(config.presence_broadcast, Roles::NOBODY);
}

#[test]
fn no_limit_on_occupants_is_written_in_two_ways() {
    for values in [&["none"][..], &[""], &[]] {
        let change = read_into(&other(), &[("muc#roomconfig_maxusers", values)]).unwrap();
        assert_eq!(change.config.max_users, None);
    }
}

#[test]
fn s10_5_who_is_owner_and_admin_is_owner() {
    let lists: &[(&str, &[&str])] =
        &[(ADMINS, &["a@localhost", "b@localhost/x"]), (OWNERS, &["a@localhost"])];
    let change = read_into(&Config::default(), lists).unwrap();
    assert_eq!(change.owners, Some(vec![jid("a@localhost")]));
    assert_eq!(change.admins, Some(vec![jid("b@localhost")]));
}
