//! XEP-0050: Ad-Hoc Commands, with some that are declared here.

use std::time::Duration;

use cloister::feature::{Asker, Command, Ctx, Execution, Registry, Stage};
use cloister::features::adhoc;
use cloister::ns;
use cloister::stanza::{StanzaError, form};
use cloister::xml::Element;

use crate::kit::rooms::{form_of, values};
use crate::kit::{Client, Cloister, condition};

const COMMANDS: &str = "http://jabber.org/protocol/commands";
const GREET: &str = "urn:example:greet";
const NOW: &str = "urn:example:now";
const SECRET: &str = "urn:example:secret";
const FAIL: &str = "urn:example:fail";

fn more(on: &mut Registry) {
    on.command(Command::new(GREET, "Greet", adhoc::accounts, greet));
    on.command(Command::new(NOW, "Now", adhoc::accounts, now));
    on.command(Command::new(SECRET, "Secret", is_romeo, now));
    on.command(Command::new(FAIL, "Fail", adhoc::accounts, fail));
}

/// Two stages: whom, and how.
async fn greet(_: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let ask = |var: &str| {
        form::to_fill_in(GREET).with_child(form::labelled(var, "text-single", "Say", []))
    };
    match execution.forms.as_slice() {
        [] => Ok(Stage::ask_first(ask("name"))),
        [first] => first.required("name").map(|_| Stage::ask(ask("tone"))),
        [first, second, ..] => {
            let said = format!("{} {}", second.required("tone")?, first.required("name")?);
            Ok(Stage::result(form::result(GREET).with_child(form::field("said", [&*said]))))
        }
    }
}

async fn now(_: &Ctx, _: Execution) -> Result<Stage, StanzaError> {
    Ok(Stage::done().info("It is noon.").warn("The clock is slow."))
}

async fn fail(_: &Ctx, _: Execution) -> Result<Stage, StanzaError> {
    Ok(Stage::failed("That was nothing."))
}

async fn is_romeo(_: &Ctx, asker: Asker) -> Result<bool, StanzaError> {
    Ok(asker.jid.bare_str() == "romeo@localhost")
}

async fn juliet() -> (Cloister, Client) {
    let cloister = Cloister::and(more).await;
    let juliet = cloister.login("juliet/balcony", "balcony").await;
    (cloister, juliet)
}

/// A request with these attributes and this in it.
async fn ask(client: &Client, attributes: &str, inner: &str) -> Element {
    let request = format!("<command xmlns='{COMMANDS}' {attributes}>{inner}</command>");
    client.iq("set", Some("localhost"), &request).await
}

/// The `<command/>` of an answer, which must be a result.
#[track_caller]
fn result(answer: &Element) -> &Element {
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    answer.child(COMMANDS, "command").expect("a command")
}

/// The error of an answer: its type, its condition and that of §4.4.
#[track_caller]
fn refusal(answer: &Element) -> (String, String, String) {
    let error = answer.child(ns::CLIENT, "error").unwrap_or_else(|| panic!("{}", answer.to_xml()));
    let own = error.children().find(|child| child.ns() == COMMANDS).map(Element::name);
    let kind = error.attr("type").unwrap_or_default().to_owned();
    (kind, condition(answer), own.unwrap_or_default().to_owned())
}

#[track_caller]
fn is_bad(answer: &Element, own: &str) {
    let wanted = ("modify".to_owned(), "bad-request".to_owned(), own.to_owned());
    assert_eq!(refusal(answer), wanted, "{}", answer.to_xml());
}

#[track_caller]
fn is_over(answer: &Element) {
    let wanted = ("cancel", "not-allowed", "session-expired");
    let (kind, condition, own) = refusal(answer);
    assert_eq!((&*kind, &*condition, &*own), wanted);
}

/// Begins to greet; the session.
async fn begin(client: &Client) -> String {
    let answer = ask(client, &format!("node='{GREET}'"), "").await;
    let command = result(&answer);
    assert_eq!(command.attr("status"), Some("executing"));
    command.attr("sessionid").expect("a session").to_owned()
}

/// Goes on with it.
async fn go_on(client: &Client, session: &str, action: &str, inner: &str) -> Element {
    let attributes = format!("node='{GREET}' sessionid='{session}' action='{action}'");
    ask(client, &attributes, inner).await
}

fn filled(var: &str, value: &str) -> String {
    form_of(&[("FORM_TYPE", GREET), (var, value)])
}

fn actions(command: &Element) -> (Option<&str>, Vec<&str>) {
    let actions = command.child(COMMANDS, "actions").expect("actions");
    (actions.attr("execute"), actions.children().map(Element::name).collect())
}

fn notes(command: &Element) -> Vec<(String, String)> {
    let notes = command.children().filter(|child| child.is(COMMANDS, "note"));
    notes
        .map(|note| (note.attr("type").unwrap_or_default().to_owned(), note.text().into_owned()))
        .collect()
}

async fn disco(client: &Client, what: &str, node: &str) -> Element {
    let query = format!("<query xmlns='http://jabber.org/protocol/disco#{what}' node='{node}'/>");
    client.iq("get", Some("localhost"), &query).await
}

async fn listed(client: &Client) -> Vec<String> {
    let answer = disco(client, "items", COMMANDS).await;
    let query = answer.child(ns::DISCO_ITEMS, "query").expect("items");
    assert_eq!(query.attr("node"), Some(COMMANDS));
    assert!(query.children().all(|item| item.attr("jid") == Some("localhost")));
    query.children().filter_map(|item| item.attr("node")).map(str::to_owned).collect()
}

fn features(answer: &Element) -> Vec<&str> {
    let query = answer.child(ns::DISCO_INFO, "query").expect("a query");
    query.children().filter_map(|child| child.attr("var")).collect()
}

fn identity(answer: &Element) -> (Option<&str>, Option<&str>, Option<&str>) {
    let query = answer.child(ns::DISCO_INFO, "query").expect("a query");
    let identity = query.child(ns::DISCO_INFO, "identity").expect("an identity");
    (identity.attr("category"), identity.attr("type"), identity.attr("name"))
}

#[tokio::test]
async fn s2_1_a_domain_says_that_it_has_commands() {
    let (_cloister, juliet) = juliet().await;
    let query = "<query xmlns='http://jabber.org/protocol/disco#info'/>";
    let info = juliet.iq_ok("get", Some("localhost"), query).await;
    assert!(features(&info).contains(&COMMANDS));
}

#[tokio::test]
async fn s2_2_each_is_told_the_commands_that_he_may_use() {
    let (cloister, juliet) = juliet().await;
    let romeo = cloister.login("romeo", "orchard").await;
    let of_juliet = listed(&juliet).await;
    assert!(of_juliet.iter().any(|node| node == GREET));
    assert!(!of_juliet.iter().any(|node| node == SECRET));
    assert!(listed(&romeo).await.iter().any(|node| node == SECRET));
    let list = disco(&juliet, "info", COMMANDS).await;
    assert_eq!(identity(&list), (Some("automation"), Some("command-list"), Some("Commands")));
}

#[tokio::test]
async fn s2_2_a_command_says_what_it_is_to_those_whom_it_is_for() {
    let (cloister, juliet) = juliet().await;
    let info = disco(&juliet, "info", GREET).await;
    assert_eq!(identity(&info), (Some("automation"), Some("command-node"), Some("Greet")));
    assert_eq!(features(&info), [COMMANDS, "jabber:x:data"]);
    let items = disco(&juliet, "items", GREET).await;
    assert_eq!(items.child(ns::DISCO_ITEMS, "query").expect("items").children().count(), 0);
    for what in ["info", "items"] {
        let answer = disco(&juliet, what, SECRET).await;
        assert_eq!(refusal(&answer).1, "forbidden");
        let answer = disco(&juliet, what, "urn:example:none").await;
        assert_eq!(refusal(&answer).1, "item-not-found");
    }
    let romeo = cloister.login("romeo", "orchard").await;
    assert_eq!(identity(&disco(&romeo, "info", SECRET).await).2, Some("Secret"));
}

#[tokio::test]
async fn s2_4_1_a_command_without_a_form_is_done_at_once() {
    let (_cloister, juliet) = juliet().await;
    for action in ["", "action='execute'"] {
        let answer = ask(&juliet, &format!("node='{NOW}' {action}"), "").await;
        let command = result(&answer);
        assert_eq!((command.attr("node"), command.attr("status")), (Some(NOW), Some("completed")));
        assert!(command.attr("sessionid").is_some_and(|id| !id.is_empty()));
        assert!(command.child(COMMANDS, "actions").is_none());
    }
}

#[tokio::test]
async fn s2_4_2_a_command_goes_forward_and_back() {
    let (_cloister, juliet) = juliet().await;
    let answer = ask(&juliet, &format!("node='{GREET}'"), "").await;
    assert_eq!(actions(result(&answer)), (Some("next"), vec!["next"]));
    let session = result(&answer).attr("sessionid").expect("a session");

    let second = go_on(&juliet, session, "next", &filled("name", "Tybalt")).await;
    assert_eq!(actions(result(&second)), (Some("complete"), vec!["prev", "complete"]));
    assert_eq!(result(&second).attr("sessionid"), Some(session));
    assert!(values(result(&second), "tone").is_some());

    let first = go_on(&juliet, session, "prev", "").await;
    assert_eq!(actions(result(&first)), (Some("next"), vec!["next"]));
    assert!(values(result(&first), "name").is_some());

    // §3.4: "execute" is what is the default of each stage.
    go_on(&juliet, session, "execute", &filled("name", "Romeo")).await;
    let done = go_on(&juliet, session, "execute", &filled("tone", "O")).await;
    assert_eq!(result(&done).attr("status"), Some("completed"));
    assert_eq!(values(result(&done), "said").unwrap(), ["O Romeo"]);
    is_over(&go_on(&juliet, session, "prev", "").await);
}

#[tokio::test]
async fn s2_4_3_a_command_is_cancelled_at_any_stage() {
    let (_cloister, juliet) = juliet().await;
    let (one, other) = (begin(&juliet).await, begin(&juliet).await);
    go_on(&juliet, &other, "next", &filled("name", "Romeo")).await;
    for session in [&one, &other] {
        let answer = go_on(&juliet, session, "cancel", "").await;
        assert_eq!(result(&answer).attr("status"), Some("canceled"));
        assert_eq!(result(&answer).children().count(), 0);
        is_over(&go_on(&juliet, session, "cancel", "").await);
        is_over(&go_on(&juliet, session, "next", &filled("name", "Romeo")).await);
    }
}

#[tokio::test]
async fn s3_3_two_sessions_of_a_command_do_not_mix() {
    let (_cloister, juliet) = juliet().await;
    let (one, other) = (begin(&juliet).await, begin(&juliet).await);
    assert_ne!(one, other);
    go_on(&juliet, &one, "next", &filled("name", "Romeo")).await;
    go_on(&juliet, &other, "next", &filled("name", "Nurse")).await;
    let first = go_on(&juliet, &one, "complete", &filled("tone", "O")).await;
    let second = go_on(&juliet, &other, "complete", &filled("tone", "Good")).await;
    assert_eq!(values(result(&first), "said").unwrap(), ["O Romeo"]);
    assert_eq!(values(result(&second), "said").unwrap(), ["Good Nurse"]);
}

#[tokio::test]
async fn s3_3_a_session_is_only_its_clients() {
    let (cloister, juliet) = juliet().await;
    let session = begin(&juliet).await;
    for name in ["juliet/chamber", "romeo"] {
        let password = if name == "romeo" { "orchard" } else { "balcony" };
        let other = cloister.login(name, password).await;
        is_bad(&go_on(&other, &session, "next", &filled("name", "Paris")).await, "bad-sessionid");
        is_bad(&go_on(&other, &session, "cancel", "").await, "bad-sessionid");
    }
    result(&go_on(&juliet, &session, "next", &filled("name", "Romeo")).await);
}

#[tokio::test]
async fn s3_3_a_session_is_only_its_commands() {
    let (_cloister, juliet) = juliet().await;
    let session = begin(&juliet).await;
    let attributes = |id: &str| format!("node='{NOW}' sessionid='{id}'");
    is_bad(&ask(&juliet, &attributes(&session), "").await, "bad-sessionid");
    is_bad(&ask(&juliet, &attributes("made up"), "").await, "bad-sessionid");
    is_bad(&ask(&juliet, &attributes(""), "").await, "bad-sessionid");
    let unasked = format!("node='{GREET}' action='cancel'");
    is_bad(&ask(&juliet, &unasked, "").await, "bad-action");
}

#[tokio::test]
async fn s3_3_a_session_is_only_its_domains() {
    let cloister = Cloister::and_with("[[host]]\ndomain = \"capulet.example\"", more).await;
    let juliet = cloister.login("juliet", "balcony").await;
    let session = begin(&juliet).await;
    let request = format!("<command xmlns='{COMMANDS}' node='{GREET}' sessionid='{session}'/>");
    let answer = juliet.iq("set", Some("capulet.example"), &request).await;
    // Its commands are for its own accounts anyhow.
    assert_eq!(refusal(&answer).1, "forbidden");
}

#[tokio::test]
async fn s3_3_a_session_lasts_half_an_hour_from_its_last_stage() {
    let (cloister, juliet) = juliet().await;
    let session = begin(&juliet).await;
    cloister.advance(Duration::from_secs(29 * 60));
    result(&go_on(&juliet, &session, "next", &filled("name", "Romeo")).await);
    cloister.advance(Duration::from_secs(29 * 60));
    result(&go_on(&juliet, &session, "prev", "").await);
    cloister.advance(Duration::from_secs(30 * 60));
    is_over(&go_on(&juliet, &session, "next", &filled("name", "Romeo")).await);
}

#[tokio::test]
async fn s3_3_of_more_sessions_than_can_be_the_oldest_is_over() {
    let (_cloister, juliet) = juliet().await;
    let first = begin(&juliet).await;
    let mut last = String::new();
    for _ in 0..8 {
        last = begin(&juliet).await;
    }
    is_over(&go_on(&juliet, &first, "next", &filled("name", "Romeo")).await);
    result(&go_on(&juliet, &last, "next", &filled("name", "Romeo")).await);
}

#[tokio::test]
async fn s3_4_an_action_that_the_stage_has_not_is_refused_and_changes_nothing() {
    let (_cloister, juliet) = juliet().await;
    let session = begin(&juliet).await;
    for action in ["prev", "complete"] {
        is_bad(&go_on(&juliet, &session, action, &filled("name", "Romeo")).await, "bad-action");
    }
    for action in ["burn", "", "Next"] {
        let answer = go_on(&juliet, &session, action, &filled("name", "Romeo")).await;
        is_bad(&answer, "malformed-action");
    }
    result(&go_on(&juliet, &session, "next", &filled("name", "Romeo")).await);
    is_bad(&go_on(&juliet, &session, "next", &filled("tone", "O")).await, "bad-action");
    result(&go_on(&juliet, &session, "complete", &filled("tone", "O")).await);
}

#[tokio::test]
async fn s3_5_a_form_that_does_not_fit_is_refused_and_the_stage_stays() {
    let (_cloister, juliet) = juliet().await;
    let early = ask(&juliet, &format!("node='{GREET}'"), &filled("name", "Romeo")).await;
    is_bad(&early, "bad-payload");
    let session = begin(&juliet).await;
    let good = filled("name", "Romeo");
    let x = |kind: &str, inner: &str| format!("<x xmlns='jabber:x:data' {kind}>{inner}</x>");
    let field = "<field var='name'><value>Romeo</value></field>";
    let long = filled("name", &"o".repeat(5000));
    for bad in [
        String::new(),
        format!("{good}{good}"),
        x("type='form'", field),
        x("type='result'", field),
        x("", field),
        x("type='submit'", ""),
        x("type='submit'", "<field var='name'/>"),
        x("type='submit'", "<field><value>Romeo</value></field>"),
        x("type='submit'", &field.repeat(2)),
        form_of(&[("FORM_TYPE", "urn:example:other"), ("name", "Romeo")]),
        "<x xmlns='jabber:x:oob'><url>https://example.org</url></x>".to_owned(),
        long,
    ] {
        is_bad(&go_on(&juliet, &session, "next", &bad).await, "bad-payload");
    }
    // The hidden field is in the session already.
    let answer = go_on(&juliet, &session, "next", &x("type='submit'", field)).await;
    assert!(values(result(&answer), "tone").is_some());
}

#[tokio::test]
async fn s3_7_an_error_says_of_which_command_it_is_and_not_what_was_filled_in() {
    let (_cloister, juliet) = juliet().await;
    let session = begin(&juliet).await;
    let answer = go_on(&juliet, &session, "complete", &filled("name", "Romeo")).await;
    let command = answer.child(COMMANDS, "command").expect("the command");
    assert_eq!((command.attr("node"), command.attr("sessionid")), (Some(GREET), Some(&*session)));
    assert!(!answer.to_xml().contains("Romeo"));
}

#[tokio::test]
async fn s3_5_1_a_form_that_was_cancelled_is_taken_as_filled_in() {
    let (_cloister, juliet) = juliet().await;
    let session = begin(&juliet).await;
    let form = filled("name", "Romeo").replace("'submit'", "'cancel'");
    assert!(form.contains("'cancel'"));
    assert!(values(result(&go_on(&juliet, &session, "next", &form).await), "tone").is_some());
    let empty = "<x xmlns='jabber:x:data' type='cancel'/>";
    is_bad(&go_on(&juliet, &session, "complete", empty).await, "bad-payload");
}

#[tokio::test]
async fn s3_6_what_was_not_done_is_told_by_a_note() {
    let (_cloister, juliet) = juliet().await;
    let pair = |kind: &str, text: &str| (kind.to_owned(), text.to_owned());
    let answer = ask(&juliet, &format!("node='{FAIL}'"), "").await;
    assert_eq!(result(&answer).attr("status"), Some("completed"));
    assert_eq!(notes(result(&answer)), [pair("error", "That was nothing.")]);
    let answer = ask(&juliet, &format!("node='{NOW}'"), "").await;
    let told = [pair("info", "It is noon."), pair("warn", "The clock is slow.")];
    assert_eq!(notes(result(&answer)), told);
}

#[tokio::test]
async fn s3_7_whatever_language_is_asked_for_the_answer_is_english_and_says_so() {
    let (_cloister, juliet) = juliet().await;
    for lang in ["", "xml:lang=''", "xml:lang='de'", "xml:lang='fr-CA'", "xml:lang='tlh'"] {
        let answer = ask(&juliet, &format!("node='{NOW}' {lang}"), "").await;
        assert_eq!(result(&answer).attr_ns(ns::XML, "lang"), Some("en"));
    }
    for lang in
        ["de_DE", "deutsch-bitte-sehr!", "-", "de-", "a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r-s"]
    {
        let answer = ask(&juliet, &format!("node='{NOW}' xml:lang='{lang}'"), "").await;
        is_bad(&answer, "bad-locale");
    }
}

#[tokio::test]
async fn s4_4_who_may_not_use_a_command_cannot_and_what_is_none_is_not_found() {
    let (_cloister, juliet) = juliet().await;
    let answer = ask(&juliet, &format!("node='{SECRET}'"), "").await;
    assert_eq!(refusal(&answer), ("cancel".into(), "forbidden".into(), String::new()));
    let answer = ask(&juliet, "node='urn:example:none'", "").await;
    assert_eq!(refusal(&answer).1, "item-not-found");
    assert_eq!(refusal(&ask(&juliet, "", "").await).1, "bad-request");
    let request = format!("<command xmlns='{COMMANDS}' node='{NOW}'/>");
    assert_eq!(juliet.iq_error("get", Some("localhost"), &request).await, "service-unavailable");
    assert_eq!(juliet.iq_error("set", None, &request).await, "service-unavailable");
}
