//! What forms become of configurations, and configurations of forms.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::features::pubsub::config::{
    ItemReply, NodeFull, NotificationType, PublishModel, SendLast,
};
use crate::ns;

const LIMITS: FormLimits<'static> = FormLimits {
    max_items: 1000,
    max_payload_size: 65_536,
    access_models: AccessModel::ALL,
    roster_groups: &[],
};

type Given<'a> = &'a [(&'a str, &'a [&'a str])];

/// A form of that type, filled in with these fields.
fn filled(form_type: &str, fields: Given<'_>) -> Element {
    let fields = fields.iter().map(|(var, values)| form::field(var, values.iter().copied()));
    submitted(form::result(form_type).with_children(fields))
}

fn submitted(mut form: Element) -> Element {
    form.set_attr("type", "submit");
    Element::new("urn:example", "configure").with_child(form)
}

fn configured(from: &Config, fields: Given<'_>) -> Result<Config, StanzaError> {
    let request = filled(NODE_CONFIG, fields);
    let mut config = from.clone();
    apply(&mut config, Submitted::find(&request, NODE_CONFIG)?.unwrap(), &LIMITS)?;
    Ok(config)
}

fn refusal(fields: Given<'_>) -> (Condition, String) {
    let error = configured(&Config::pep(), fields).unwrap_err();
    let element = error.to_element(None);
    let text = element.child(ns::STANZAS, "text").map(|text| text.text().into_owned());
    (error.condition(), text.unwrap_or_default())
}

fn met(config: &Config, fields: Given<'_>) -> Result<(), Unmet> {
    let request = filled(PUBLISH_OPTIONS, fields);
    preconditions(config, Submitted::find(&request, PUBLISH_OPTIONS).unwrap().unwrap(), &LIMITS)
}

fn made(fields: Given<'_>) -> Result<Config, Condition> {
    let request = filled(PUBLISH_OPTIONS, fields);
    let options = Submitted::find(&request, PUBLISH_OPTIONS).unwrap().unwrap();
    let mut config = Config::pep();
    apply_options(&mut config, options, &LIMITS).map_err(|error| error.condition())?;
    Ok(config)
}

fn shown<'a>(form: &'a Element, var: &str) -> &'a Element {
    form.children().find(|field| field.attr("var") == Some(var)).unwrap()
}

/// The first value of a field.
fn value(form: &Element, var: &str) -> String {
    let value = shown(form, var).child(ns::DATA_FORMS, "value").unwrap();
    value.text().into_owned()
}

#[test]
fn s8_2_2_a_list_offers_its_options_and_says_what_holds() {
    let groups = ["Friends".to_owned()];
    let limits = FormLimits {
        access_models: &[AccessModel::Open, AccessModel::Whitelist],
        roster_groups: &groups,
        ..LIMITS
    };
    let config = Config { roster_groups: vec!["Gone".to_owned()], ..Config::service() };
    let form = config_form(&config, &limits);
    let options = |var| -> Vec<String> {
        let options = shown(&form, var).children().filter(|child| child.name() == "option");
        let values = options.map(|option| option.child(ns::DATA_FORMS, "value").unwrap());
        values.map(|value| value.text().into_owned()).collect()
    };
    assert_eq!(options("pubsub#access_model"), ["open", "whitelist"]);
    assert_eq!(options("pubsub#roster_groups_allowed"), ["Friends", "Gone"]);
    assert_eq!(options("pubsub#publish_model"), ["publishers", "subscribers", "open"]);
    assert_eq!(value(&form, "pubsub#access_model"), "open");
    assert_eq!(form.attr("type"), Some("form"));
}

#[test]
fn s8_2_2_each_field_has_a_type_and_a_label_and_a_name_of_its_own() {
    let form = config_form(&Config::pep(), &LIMITS);
    let mut names: Vec<_> = form.children().map(|field| field.attr("var").unwrap()).collect();
    assert!(form.children().skip(1).all(|field| field.attr("label").is_some()));
    assert!(form.children().all(|field| field.attr("type").is_some()));
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn s12_23_the_bounds_of_a_number_are_told() {
    let form = config_form(&Config::pep(), &LIMITS);
    let bounds = |var| {
        let validate = shown(&form, var).child(ns::DATA_VALIDATE, "validate").unwrap();
        let range = validate.child(ns::DATA_VALIDATE, "range").unwrap();
        let datatype = validate.attr("datatype").unwrap();
        format!("{datatype} {} {}", range.attr("min").unwrap(), range.attr("max").unwrap())
    };
    assert_eq!(bounds("pubsub#max_items"), "pubsub:integer-or-max 1 1000");
    assert_eq!(bounds("pubsub#max_payload_size"), "xs:integer 1 65536");
}

#[test]
fn s8_2_5_3_the_result_has_the_values_alone() {
    let result = config_result(&Config::pep(), &LIMITS);
    assert_eq!(result.attr("type"), Some("result"));
    assert_eq!(value(&result, "pubsub#item_expire"), "max");
    assert_eq!(shown(&result, "pubsub#item_expire").attr("label"), None);
}

#[test]
fn s5_4_metadata_has_what_is_public_and_what_is_known() {
    let owners = ["juliet@example.org".to_owned()];
    let more = Automatic { owners: &owners, num_subscribers: Some(3), ..Automatic::default() };
    let form = metadata(&Config::pep(), &LIMITS, &more);
    let names: Vec<_> = form.children().map(|field| field.attr("var").unwrap()).collect();
    let expected = [
        "FORM_TYPE",
        "pubsub#title",
        "pubsub#description",
        "pubsub#language",
        "pubsub#type",
        "pubsub#contact",
        "pubsub#access_model",
        "pubsub#publish_model",
        "pubsub#max_items",
        "pubsub#owner",
        "pubsub#num_subscribers",
    ];
    assert_eq!(names, expected);
    assert_eq!(value(&form, "FORM_TYPE"), META_DATA);
    assert_eq!(value(&form, "pubsub#num_subscribers"), "3");
}

#[test]
fn s8_2_4_what_is_not_mentioned_stays() {
    let before = Config { title: "Musings".to_owned(), ..Config::service() };
    let after = configured(&before, &[("pubsub#max_items", &["7"])]).unwrap();
    assert_eq!(after, before.with_max_items(MaxItems::Count(7)));
}

#[test]
fn s8_2_4_an_unknown_field_is_ignored() {
    let fields: Given<'_> = &[("pubsub#body_xslt", &["http://example.org"]), ("x-mine", &[])];
    assert_eq!(configured(&Config::pep(), fields).unwrap(), Config::pep());
}

#[test]
fn xep_0004_s3_6_an_empty_value_takes_back_what_may_be_absent() {
    let before = Config {
        title: "Musings".to_owned(),
        contact: vec!["juliet@example.org".to_owned()],
        item_expire: Some(60),
        max_payload_size: Some(100),
        ..Config::pep()
    };
    let empty: Given<'_> = &[
        ("pubsub#title", &[""]),
        ("pubsub#contact", &[]),
        ("pubsub#item_expire", &[]),
        ("pubsub#max_payload_size", &[""]),
    ];
    assert_eq!(configured(&before, empty).unwrap(), Config::pep());
}

#[test]
fn a_boolean_is_one_of_four_words() {
    for (word, is_set) in [("1", true), ("true", true), ("0", false), ("false", false)] {
        let config = configured(&Config::pep(), &[("pubsub#subscribe", &[word])]).unwrap();
        assert_eq!(config.subscribe, is_set, "{word}");
    }
    for values in [&["yes"] as &[_], &["True"], &[""], &[], &["1", "1"]] {
        assert_eq!(refusal(&[("pubsub#subscribe", values)]).0, Condition::NotAcceptable);
    }
}

#[test]
fn max_items_is_max_or_a_number_that_the_service_allows() {
    let max_items = |text| {
        let fields: Given<'_> = &[("pubsub#max_items", &[text])];
        configured(&Config::pep(), fields).map(|config| config.max_items)
    };
    assert_eq!(max_items("max"), Ok(MaxItems::Max));
    assert_eq!(max_items("1000"), Ok(MaxItems::Count(1000)));
    for text in ["1001", "0", "-1", "", "many", "1.5", "99999999999"] {
        let (condition, why) = refusal(&[("pubsub#max_items", &[text])]);
        assert_eq!(condition, Condition::NotAcceptable);
        assert_eq!(why, "pubsub#max_items: a number from 1 to 1000, please");
    }
}

#[test]
fn item_expire_is_max_or_seconds() {
    let expire = |text| {
        let fields: Given<'_> = &[("pubsub#item_expire", &[text])];
        configured(&Config::pep(), fields).map(|config| config.item_expire)
    };
    assert_eq!(expire("604800"), Ok(Some(604_800)));
    assert_eq!(expire("max"), Ok(None));
    assert!(expire("0").is_err());
    assert!(expire("never").is_err());
}

#[test]
fn the_largest_payload_of_the_service_is_whatever_the_service_allows() {
    let size = |text| {
        let fields: Given<'_> = &[("pubsub#max_payload_size", &[text])];
        configured(&Config::pep(), fields).map(|config| config.max_payload_size)
    };
    assert_eq!(size("65536"), Ok(None));
    assert_eq!(size("65535"), Ok(Some(65_535)));
    assert!(size("65537").is_err());
}

#[test]
fn s8_1_2_an_access_model_that_there_is_not_is_refused_and_the_others_named() {
    let error = configured(&Config::pep(), &[("pubsub#access_model", &["authorize"])]).unwrap_err();
    let element = error.to_element(None);
    assert!(element.has_child(ns::PUBSUB_ERRORS, "unsupported-access-model"));
    assert_eq!(
        refusal(&[("pubsub#access_model", &["authorize"])]).1,
        "pubsub#access_model: one of open, presence, roster, whitelist, please"
    );
}

#[test]
fn an_access_model_that_makes_no_sense_here_is_refused() {
    let limits = FormLimits { access_models: &[AccessModel::Open], ..LIMITS };
    let request = filled(NODE_CONFIG, &[("pubsub#access_model", &["presence"])]);
    let form = Submitted::find(&request, NODE_CONFIG).unwrap().unwrap();
    assert!(apply(&mut Config::service(), form, &limits).is_err());
}

#[test]
fn s4_4_a_node_is_a_leaf() {
    assert!(configured(&Config::pep(), &[("pubsub#node_type", &["leaf"])]).is_ok());
    let fields: Given<'_> = &[("pubsub#node_type", &["collection"])];
    let error = configured(&Config::pep(), fields).unwrap_err().to_element(None);
    assert!(error.has_child(ns::STANZAS, "feature-not-implemented"));
    let unsupported = error.child(ns::PUBSUB_ERRORS, "unsupported").unwrap();
    assert_eq!(unsupported.attr("feature"), Some("collections"));
}

#[test]
fn contacts_are_addresses_each_once() {
    let contacts: &[&str] = &["Juliet@example.org", "juliet@example.org", "romeo@example.net"];
    let config = configured(&Config::pep(), &[("pubsub#contact", contacts)]).unwrap();
    assert_eq!(config.contact, ["juliet@example.org", "romeo@example.net"]);
    assert_eq!(refusal(&[("pubsub#contact", &["@"])]).1, "pubsub#contact: not a JID");
}

#[test]
fn s8_2_5_2_a_form_with_one_mistake_changes_nothing() {
    let request = filled(NODE_CONFIG, &[("pubsub#title", &["New"]), ("pubsub#max_items", &["0"])]);
    let form = Submitted::find(&request, NODE_CONFIG).unwrap().unwrap();
    let mut config = Config::pep();
    assert!(apply(&mut config, form, &LIMITS).is_err());
    assert_eq!(config, Config::pep());
}

#[test]
fn a_field_is_given_once() {
    let twice: Given<'_> =
        &[("pubsub#access_model", &["whitelist"]), ("pubsub#access_model", &["open"])];
    assert_eq!(refusal(twice).1, "pubsub#access_model: given twice");
}

#[test]
fn the_texts_of_a_node_are_bounded_together() {
    let half = "x".repeat(MAX_TEXT / 2 + 1);
    assert!(configured(&Config::pep(), &[("pubsub#title", &[&half])]).is_ok());
    let both: Given<'_> = &[("pubsub#title", &[&half]), ("pubsub#description", &[&half])];
    assert_eq!(refusal(both).0, Condition::NotAcceptable);
    let groups: Vec<String> = (0..=MAX_VALUES).map(|number| number.to_string()).collect();
    let groups: Vec<_> = groups.iter().map(String::as_str).collect();
    let fields: Given<'_> = &[("pubsub#roster_groups_allowed", &groups)];
    assert_eq!(refusal(fields).0, Condition::NotAcceptable);
}

#[test]
fn s7_1_5_a_precondition_is_met_by_what_means_the_same() {
    let config = Config {
        roster_groups: vec!["A".to_owned(), "B".to_owned()],
        ..Config::pep().with_max_items(MaxItems::Max)
    };
    let same: Given<'_> = &[
        ("pubsub#persist_items", &["true"]),
        ("pubsub#max_items", &["1000"]),
        ("pubsub#max_payload_size", &["65536"]),
        ("pubsub#roster_groups_allowed", &["B", "A"]),
        ("pubsub#access_model", &["presence"]),
        ("pubsub#node_type", &["leaf"]),
    ];
    assert_eq!(met(&config, same), Ok(()));
    let config = config.with_max_items(MaxItems::Count(1000));
    assert_eq!(met(&config, &[("pubsub#max_items", &["max"])]), Ok(()));
}

#[test]
fn s7_1_5_a_precondition_that_differs_is_named() {
    let differs = |var: &'static str, value: &str| {
        assert_eq!(met(&Config::pep(), &[(var, &[value])]), Err(Unmet::Differs(var)));
    };
    differs("pubsub#access_model", "open");
    differs("pubsub#access_model", "authorize");
    differs("pubsub#max_items", "max");
    differs("pubsub#max_items", "1001");
    differs("pubsub#persist_items", "0");
    differs("pubsub#node_type", "collection");
}

#[test]
fn s7_1_5_unmet_preconditions_are_a_conflict() {
    let error = StanzaError::from(Unmet::Unknown).to_element(None);
    assert!(error.has_child(ns::STANZAS, "conflict"));
    assert!(error.has_child(ns::PUBSUB_ERRORS, "precondition-not-met"));
}

#[test]
fn s7_1_5_an_unknown_option_is_refused_whether_or_not_there_is_a_node() {
    let unknown: Given<'_> = &[("pubsub#body_xslt", &["http://example.org"])];
    assert_eq!(met(&Config::pep(), unknown), Err(Unmet::Unknown));
    assert_eq!(made(unknown), Err(Condition::Conflict));
}

#[test]
fn s7_1_5_a_new_node_is_made_as_the_options_say() {
    let options: Given<'_> = &[
        ("pubsub#persist_items", &["true"]),
        ("pubsub#max_items", &["max"]),
        ("pubsub#send_last_published_item", &["never"]),
        ("pubsub#access_model", &["whitelist"]),
    ];
    // XEP-0402 §3.1
    let bookmarks = Config::pep()
        .with_max_items(MaxItems::Max)
        .with_send_last(SendLast::Never)
        .with_access(AccessModel::Whitelist);
    assert_eq!(made(options), Ok(bookmarks));
    assert_eq!(made(&[("pubsub#max_items", &["0"])]), Err(Condition::NotAcceptable));
}

#[test]
fn a_record_without_a_field_has_the_default_there() {
    let config: Config = serde_json::from_str(r#"{"am":"open","ie":60}"#).unwrap();
    let expected = Config { item_expire: Some(60), ..Config::pep().with_access(AccessModel::Open) };
    assert_eq!(config, expected);
}

fn groups() -> impl Strategy<Value = Vec<String>> {
    vec("[a-zA-Z <&]{1,12}", 0..4).prop_map(|mut groups| {
        groups.sort_unstable();
        groups.dedup();
        groups
    })
}

fn config() -> impl Strategy<Value = Config> {
    let texts = ("[ -~é]{0,20}", "[ -~]{0,20}", "[a-z-]{0,5}", "[ -~]{0,20}");
    let lists = (vec(select(vec!["a@example.org", "b@example.org/x"]), 0..2), groups());
    let max_items = prop_oneof![Just(MaxItems::Max), (1..=1000u32).prop_map(MaxItems::Count)];
    let numbers =
        (max_items, prop::option::of(1..u32::MAX), prop::option::of(1..LIMITS.max_payload_size));
    let choices = (
        select(AccessModel::ALL),
        select(PublishModel::ALL),
        select(SendLast::ALL),
        select(NotificationType::ALL),
        select(ItemReply::ALL),
        select(NodeFull::ALL),
    );
    let flags = any::<[bool; 10]>();
    (texts, lists, numbers, choices, flags).prop_map(|(texts, lists, numbers, choices, flags)| {
        let (title, description, language, payload_type) = texts;
        let [persist_items, deliver_payloads, deliver_notifications, notify_config, ..] = flags;
        let [.., notify_delete, notify_retract, notify_sub, by_presence, subscribe] = flags;
        let mut contact: Vec<String> = lists.0.into_iter().map(str::to_owned).collect();
        contact.dedup();
        Config {
            title,
            description,
            language,
            payload_type,
            contact,
            roster_groups: lists.1,
            max_items: numbers.0,
            item_expire: numbers.1,
            max_payload_size: numbers.2,
            access_model: choices.0,
            publish_model: choices.1,
            send_last_published_item: choices.2,
            notification_type: choices.3,
            itemreply: choices.4,
            publish_node_full: choices.5,
            persist_items,
            deliver_payloads,
            deliver_notifications,
            notify_config,
            notify_delete,
            notify_retract,
            notify_sub,
            presence_based_delivery: by_presence,
            subscribe,
        }
    })
}

proptest! {
    #[test]
    fn a_form_that_is_sent_back_as_it_came_gives_the_same_configuration(
        config in config(), other in config(),
    ) {
        let request = submitted(config_form(&config, &LIMITS));
        let form = Submitted::find(&request, NODE_CONFIG).unwrap().unwrap();
        let mut read = other;
        apply(&mut read, form, &LIMITS).unwrap();
        prop_assert_eq!(read, config);
    }

    #[test]
    fn what_the_result_shows_are_preconditions_that_are_met(config in config()) {
        let request = submitted(config_result(&config, &LIMITS));
        let form = Submitted::find(&request, NODE_CONFIG).unwrap().unwrap();
        prop_assert_eq!(preconditions(&config, form, &LIMITS), Ok(()));
    }

    #[test]
    fn a_stored_configuration_is_read_as_it_was(config in config()) {
        let json = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
    }

    #[test]
    fn no_submission_stores_more_than_a_record_may_have(
        var in select(FIELDS.iter().map(|field| field.var).collect::<Vec<_>>()),
        values in vec("\\PC{0,300}", 0..200),
    ) {
        let request = filled(NODE_CONFIG, &[(var, &values.iter().map(String::as_str).collect::<Vec<_>>())]);
        let form = Submitted::find(&request, NODE_CONFIG).unwrap().unwrap();
        let mut config = Config::pep();
        if apply(&mut config, form, &LIMITS).is_ok() {
            prop_assert!(serde_json::to_string(&config).unwrap().len() < 40 * 1024);
        }
    }
}
