//! XEP-0133: Service Administration.

use cloister::admin::{self, Answer, Request, SessionRow};
use cloister::jid::BareJid;
use cloister::ns;
use cloister::xml::Element;

use crate::kit::rooms::{form_of, values};
use crate::kit::{Client, Cloister, condition};

const COMMANDS: &str = "http://jabber.org/protocol/commands";
const ADMIN: &str = "http://jabber.org/protocol/admin";
const TWO: &str = "[[host]]\ndomain = \"capulet.example\"";

fn account(name: &str) -> BareJid {
    BareJid::parse(name).unwrap()
}

/// The prince rules; juliet and romeo are there, and another domain.
async fn verona() -> (Cloister, Client) {
    let cloister = Cloister::with(TWO).await;
    let prince = make_admin(&cloister, "prince@localhost").await;
    for name in ["juliet", "romeo", "nurse@capulet.example"] {
        cloister.account(name, "balcony1").await;
    }
    (cloister, prince)
}

async fn make_admin(cloister: &Cloister, name: &str) -> Client {
    let admin = cloister.online(name, "peace now").await;
    cloister.server().accounts.set_admin(&account(admin.bare()), true).await.unwrap();
    admin
}

fn domain(client: &Client) -> &str {
    client.bare().split_once('@').unwrap().1
}

/// A stage of a command of the own domain.
async fn ask(client: &Client, name: &str, session: Option<&str>, inner: &str) -> Element {
    let session = session.map(|id| format!(" sessionid='{id}'")).unwrap_or_default();
    let request =
        format!("<command xmlns='{COMMANDS}' node='{ADMIN}#{name}'{session}>{inner}</command>");
    client.iq("set", Some(domain(client)), &request).await
}

#[track_caller]
fn result(answer: &Element) -> &Element {
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    answer.child(COMMANDS, "command").expect("a command")
}

/// Asks for a form, which has these fields, and submits it.
async fn submit(client: &Client, name: &str, fields: &[(&str, &str)]) -> Element {
    let first = ask(client, name, None, "").await;
    let first = result(&first);
    assert_eq!(first.attr("status"), Some("executing"), "{}", first.to_xml());
    assert_eq!(values(first, "FORM_TYPE").unwrap(), [ADMIN]);
    for (field, _) in fields {
        assert!(values(first, field).is_some(), "{field} in {}", first.to_xml());
    }
    let session = first.attr("sessionid").expect("a session");
    let form = form_of(&[&[("FORM_TYPE", ADMIN)], fields].concat());
    ask(client, name, Some(session), &form).await
}

/// Does something that is done; what people are told.
async fn done(client: &Client, name: &str, fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let answer = submit(client, name, fields).await;
    let command = result(&answer);
    assert_eq!(command.attr("status"), Some("completed"), "{}", answer.to_xml());
    let notes = command.children().filter(|child| child.is(COMMANDS, "note"));
    let told = notes.map(|note| (note.attr("type").unwrap().to_owned(), note.text().into_owned()));
    told.collect()
}

/// Does something that fails; what people are told.
async fn failed(client: &Client, name: &str, fields: &[(&str, &str)]) -> String {
    let notes = done(client, name, fields).await;
    assert_eq!(notes[0].0, "error", "{notes:?}");
    notes[0].1.clone()
}

/// Does something that is an error; its condition, and that of XEP-0050 if there is one.
async fn refused(client: &Client, name: &str, fields: &[(&str, &str)]) -> (String, String) {
    refusal(&submit(client, name, fields).await)
}

#[track_caller]
fn refusal(answer: &Element) -> (String, String) {
    let error = answer.child(ns::CLIENT, "error").unwrap_or_else(|| panic!("{}", answer.to_xml()));
    let own = error.children().find(|child| child.ns() == COMMANDS).map(Element::name);
    (condition(answer), own.unwrap_or_default().to_owned())
}

fn pair(condition: &str, own: &str) -> (String, String) {
    (condition.to_owned(), own.to_owned())
}

/// What a command without a form says in this field.
async fn told(client: &Client, name: &str, field: &str) -> Vec<String> {
    let answer = ask(client, name, None, "").await;
    assert_eq!(result(&answer).attr("status"), Some("completed"), "{}", answer.to_xml());
    values(result(&answer), field).unwrap_or_else(|| panic!("{}", answer.to_xml()))
}

async fn nodes(client: &Client) -> Vec<String> {
    let query = format!("<query xmlns='{}' node='{COMMANDS}'/>", ns::DISCO_ITEMS);
    let answer = client.iq_ok("get", Some(domain(client)), &query).await;
    let query = answer.child(ns::DISCO_ITEMS, "query").expect("items");
    let nodes = query.children().filter_map(|item| item.attr("node")?.strip_prefix(ADMIN));
    nodes.map(|node| node.trim_start_matches('#').to_owned()).collect()
}

const ALL: [&str; 20] = [
    "add-user",
    "delete-user",
    "disable-user",
    "reenable-user",
    "end-user-session",
    "change-user-password",
    "get-user-lastlogin",
    "user-stats",
    "get-registered-users-num",
    "get-registered-users-list",
    "get-disabled-users-num",
    "get-disabled-users-list",
    "get-online-users-num",
    "get-online-users-list",
    "get-active-users-num",
    "get-active-users",
    "get-idle-users-num",
    "get-idle-users",
    "announce",
    "edit-admin",
];

#[tokio::test]
async fn s3_an_admin_is_told_of_every_command_and_others_of_none() {
    let (cloister, prince) = verona().await;
    let juliet = cloister.login("juliet", "balcony1").await;
    assert_eq!(nodes(&prince).await, ALL);
    assert_eq!(nodes(&juliet).await, [""; 0]);
}

#[tokio::test]
async fn s6_nobody_but_an_admin_may_use_a_command() {
    let (cloister, _prince) = verona().await;
    let juliet = cloister.login("juliet", "balcony1").await;
    for name in ALL {
        assert_eq!(refusal(&ask(&juliet, name, None, "").await), pair("forbidden", ""), "{name}");
    }
}

#[tokio::test]
async fn s6_an_admin_of_one_domain_is_none_of_another() {
    let (_cloister, prince) = verona().await;
    for name in ALL {
        let request = format!("<command xmlns='{COMMANDS}' node='{ADMIN}#{name}'/>");
        let condition = prince.iq_error("set", Some("capulet.example"), &request).await;
        assert_eq!(condition, "forbidden", "{name}");
    }
}

#[tokio::test]
async fn s6_accounts_of_another_domain_are_not_touched() {
    let (cloister, prince) = verona().await;
    let nurse = "nurse@capulet.example";
    for (name, fields) in [
        ("add-user", &[("accountjid", "peter@capulet.example"), ("password", "12345678")][..]),
        ("change-user-password", &[("accountjid", nurse), ("password", "12345678")]),
        ("user-stats", &[("accountjid", nurse)]),
        ("delete-user", &[("accountjids", nurse)]),
        ("disable-user", &[("accountjids", nurse)]),
        ("reenable-user", &[("accountjids", nurse)]),
        ("end-user-session", &[("accountjids", nurse)]),
        ("get-user-lastlogin", &[("accountjids", nurse)]),
        ("edit-admin", &[("adminjids", "prince@localhost"), ("adminjids", nurse)]),
        // Nor is any other, when one of them is.
        ("delete-user", &[("accountjids", "romeo@localhost"), ("accountjids", nurse)]),
    ] {
        assert_eq!(refused(&prince, name, fields).await, pair("forbidden", ""), "{name}");
    }
    let accounts = &cloister.server().accounts;
    let nurse = accounts.find(&account(nurse)).await.unwrap().unwrap();
    assert!(!nurse.admin && !nurse.disabled);
    assert!(accounts.exists(&account("romeo@localhost")).await.unwrap());
    assert!(!accounts.exists(&account("peter@capulet.example")).await.unwrap());
}

#[tokio::test]
async fn s6_who_is_no_admin_any_more_does_not_finish_what_he_began() {
    let (cloister, prince) = verona().await;
    let first = ask(&prince, "delete-user", None, "").await;
    let session = result(&first).attr("sessionid").expect("a session");
    let own = account(prince.bare());
    cloister.server().accounts.set_admin(&own, false).await.unwrap();
    let form = form_of(&[("accountjids", "romeo@localhost")]);
    let answer = ask(&prince, "delete-user", Some(session), &form).await;
    assert_eq!(refusal(&answer), pair("forbidden", ""));
    assert!(cloister.server().accounts.exists(&account("romeo@localhost")).await.unwrap());
}

#[tokio::test]
async fn s4_1_a_user_is_added_and_logs_in() {
    let (cloister, prince) = verona().await;
    let add = |jid: &'static str, password: &'static str, again: &'static str| {
        [("accountjid", jid), ("password", password), ("password-verify", again)]
    };
    done(&prince, "add-user", &add("paris@localhost", "county 1", "county 1")).await;
    let paris = cloister.login("paris", "county 1").await;
    assert_eq!(refusal(&ask(&paris, "add-user", None, "").await), pair("forbidden", ""));

    let exists = add("paris@localhost", "county 2", "county 2");
    assert_eq!(refused(&prince, "add-user", &exists).await, pair("conflict", ""));
    for bad in [
        add("tybalt@localhost", "county 1", "county 2"),
        add("tybalt@localhost", "short", "short"),
        add("tybalt@localhost", "", ""),
        add("", "county 1", "county 1"),
        add("localhost", "county 1", "county 1"),
        add("tybalt@localhost/cat", "county 1", "county 1"),
        add("tybalt@local host", "county 1", "county 1"),
        add("@localhost", "county 1", "county 1"),
        add("tybalt@localhost", "county\u{2028}1", "county\u{2028}1"),
    ] {
        let found = refused(&prince, "add-user", &bad).await;
        assert_eq!(found, pair("bad-request", "bad-payload"), "{bad:?}");
    }
    assert!(!cloister.server().accounts.exists(&account("tybalt@localhost")).await.unwrap());
}

#[tokio::test]
async fn s4_1_a_form_that_was_wrong_can_be_filled_in_again() {
    let (cloister, prince) = verona().await;
    let first = ask(&prince, "add-user", None, "").await;
    let session = result(&first).attr("sessionid").expect("a session");
    let form = |again: &str| {
        let fields = [("password", "county 1"), ("password-verify", again)];
        form_of(&[&[("accountjid", "paris@localhost")], &fields[..]].concat())
    };
    let answer = ask(&prince, "add-user", Some(session), &form("county 2")).await;
    assert_eq!(refusal(&answer), pair("bad-request", "bad-payload"));
    result(&ask(&prince, "add-user", Some(session), &form("county 1")).await);
    cloister.login("paris", "county 1").await;
}

#[tokio::test]
async fn s4_1_two_users_are_added_at_a_time() {
    let (cloister, prince) = verona().await;
    let sessions =
        [ask(&prince, "add-user", None, "").await, ask(&prince, "add-user", None, "").await];
    for (answer, name) in sessions.iter().zip(["paris", "tybalt"]).rev() {
        let session = result(answer).attr("sessionid").expect("a session");
        let jid = format!("{name}@localhost");
        let fields =
            [("accountjid", &*jid), ("password", "county 1"), ("password-verify", "county 1")];
        result(&ask(&prince, "add-user", Some(session), &form_of(&fields)).await);
    }
    cloister.login("paris", "county 1").await;
    cloister.login("tybalt", "county 1").await;
}

#[tokio::test]
async fn s4_2_users_are_deleted_and_their_sessions_end() {
    let (cloister, prince) = verona().await;
    let juliet = cloister.login("juliet", "balcony1").await;
    let both = [("accountjids", "juliet@localhost"), ("accountjids", "romeo@localhost")];
    done(&prince, "delete-user", &both).await;
    assert_eq!(juliet.stream_error().await, "not-authorized");
    for name in ["juliet@localhost", "romeo@localhost"] {
        assert!(cloister.server().accounts.find(&account(name)).await.unwrap().is_none());
    }
    assert_eq!(refused(&prince, "delete-user", &both[..1]).await, pair("item-not-found", ""));
}

#[tokio::test]
async fn s4_2_nobody_removes_or_disables_himself() {
    let (cloister, prince) = verona().await;
    let both = [("accountjids", "romeo@localhost"), ("accountjids", "PRINCE@localhost")];
    for name in ["delete-user", "disable-user"] {
        assert!(failed(&prince, name, &both).await.contains("Ask another admin"));
    }
    for name in ["romeo@localhost", "prince@localhost"] {
        let found = cloister.server().accounts.find(&account(name)).await.unwrap().unwrap();
        assert!(!found.disabled && !found.leaving);
    }
}

#[tokio::test]
async fn s4_2_two_admins_cannot_remove_each_other() {
    let (cloister, prince) = verona().await;
    let escalus = make_admin(&cloister, "escalus@localhost").await;
    let begin = async |admin: &Client| {
        let answer = ask(admin, "delete-user", None, "").await;
        result(&answer).attr("sessionid").expect("a session").to_owned()
    };
    let (one, other) = (begin(&prince).await, begin(&escalus).await);
    let form = |jid: &str| form_of(&[("accountjids", jid)]);
    let remove = |session: &str, jid: &str| {
        format!(
            "<iq type='set' to='localhost' id='rm'><command xmlns='{COMMANDS}' \
             node='{ADMIN}#delete-user' sessionid='{session}'>{}</command></iq>",
            form(jid)
        )
    };
    tokio::join!(
        prince.send(remove(&one, escalus.bare())),
        escalus.send(remove(&other, prince.bare()))
    );
    let left = async || {
        let accounts = &cloister.server().accounts;
        let mut left = 0;
        for name in ["prince@localhost", "escalus@localhost"] {
            left += usize::from(accounts.exists(&account(name)).await.unwrap());
        }
        left
    };
    crate::kit::within("the end of one of them", async {
        while left().await == 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let winner =
        match cloister.server().accounts.exists(&account("prince@localhost")).await.unwrap() {
            true => &prince,
            false => &escalus,
        };
    let answer = winner.receive_where("the answer", |it| it.attr("id") == Some("rm")).await;
    result(&answer);
    assert_eq!(left().await, 1);
}

#[tokio::test]
async fn s4_3_and_s4_4_a_user_is_disabled_and_enabled_again() {
    let (cloister, prince) = verona().await;
    let juliet = cloister.login("juliet", "balcony1").await;
    let jid = [("accountjids", "juliet@localhost")];
    done(&prince, "disable-user", &jid).await;
    assert_eq!(juliet.stream_error().await, "not-authorized");
    assert_eq!(told(&prince, "get-disabled-users-num", "disabledusersnum").await, ["1"]);
    let list = told(&prince, "get-disabled-users-list", "disableduserjids").await;
    assert_eq!(list, ["juliet@localhost"]);
    done(&prince, "reenable-user", &jid).await;
    assert_eq!(told(&prince, "get-disabled-users-num", "disabledusersnum").await, ["0"]);
    cloister.login("juliet", "balcony1").await;
    let nobody = [("accountjids", "nobody@localhost")];
    for name in ["disable-user", "reenable-user", "end-user-session"] {
        assert_eq!(refused(&prince, name, &nobody).await, pair("item-not-found", ""), "{name}");
    }
}

#[tokio::test]
async fn s4_5_of_a_full_address_one_session_ends_and_of_a_bare_one_all() {
    let (cloister, prince) = verona().await;
    let balcony = cloister.login("juliet/balcony", "balcony1").await;
    let chamber = cloister.login("juliet/chamber", "balcony1").await;
    let orchard = cloister.online("romeo/orchard", "balcony1").await;
    let told = done(&prince, "end-user-session", &[("accountjids", balcony.jid())]).await;
    assert_eq!(told[0], pair("info", "1 session is ended."));
    assert_eq!(balcony.stream_error().await, "reset");
    chamber.fence().await;
    let balcony = cloister.login("juliet/balcony", "balcony1").await;
    let told = done(&prince, "end-user-session", &[("accountjids", "juliet@localhost")]).await;
    assert_eq!(told[0], pair("info", "2 sessions are ended."));
    for client in [&balcony, &chamber] {
        assert_eq!(client.stream_error().await, "reset");
    }
    orchard.fence().await;
    let told = done(&prince, "end-user-session", &[("accountjids", "romeo@localhost/none")]).await;
    assert_eq!(told[0].0, "warn");
}

#[tokio::test]
async fn s4_5_the_session_that_asks_stays() {
    let (cloister, prince) = verona().await;
    let other = cloister.login("prince/other", "peace now").await;
    let told = failed(&prince, "end-user-session", &[("accountjids", prince.jid())]).await;
    assert!(told.contains("log out"), "{told}");
    done(&prince, "end-user-session", &[("accountjids", prince.bare())]).await;
    assert_eq!(other.stream_error().await, "reset");
    prince.fence().await;
}

#[tokio::test]
async fn s4_7_a_password_is_changed_and_sessions_end_but_the_one_that_asks() {
    let (cloister, prince) = verona().await;
    let juliet = cloister.login("juliet", "balcony1").await;
    let other = cloister.login("prince/other", "peace now").await;
    let new = |jid: &'static str| [("accountjid", jid), ("password", "new secret")];
    done(&prince, "change-user-password", &new("juliet@localhost")).await;
    assert_eq!(juliet.stream_error().await, "reset");
    cloister.login("juliet", "new secret").await;
    done(&prince, "change-user-password", &new("prince@localhost")).await;
    assert_eq!(other.stream_error().await, "reset");
    prince.fence().await;
    cloister.login("prince", "new secret").await;
    let short = [("accountjid", "juliet@localhost"), ("password", "short")];
    let found = refused(&prince, "change-user-password", &short).await;
    assert_eq!(found, pair("bad-request", "bad-payload"));
    let found = refused(&prince, "change-user-password", &new("nobody@localhost")).await;
    assert_eq!(found, pair("item-not-found", ""));
}

#[tokio::test]
async fn s4_9_when_somebody_was_last_there_is_told_if_it_is_known() {
    let (cloister, prince) = verona().await;
    let juliet = cloister.online("juliet", "balcony1").await;
    juliet.send("<presence type='unavailable'/>").await;
    juliet.fence().await;
    cloister.advance(std::time::Duration::from_secs(3600));
    let all = ["juliet", "romeo", "prince"].map(|name| format!("{name}@localhost"));
    let all = all.each_ref().map(|jid| ("accountjids", jid.as_str()));
    let answer = submit(&prince, "get-user-lastlogin", &all).await;
    let command = result(&answer);
    let known = values(command, "accountjids").unwrap();
    assert_eq!(known, ["juliet@localhost", "prince@localhost"]);
    let times = values(command, "lastlogin").unwrap();
    assert_eq!(times, ["2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00.000Z"]);
    assert!(command.children().any(|note| note.attr("type") == Some("warn")));
}

#[tokio::test]
async fn s4_10_statistics_have_no_addresses() {
    let (cloister, prince) = verona().await;
    let _juliet = cloister.online("juliet/balcony", "balcony1").await;
    let _again = cloister.login("juliet/chamber", "balcony1").await;
    let answer = submit(&prince, "user-stats", &[("accountjid", "juliet@localhost")]).await;
    let command = result(&answer);
    assert_eq!(values(command, "rostersize").unwrap(), ["0"]);
    assert_eq!(values(command, "onlineresources").unwrap(), ["balcony", "chamber"]);
    assert_eq!(values(command, "ipaddresses"), None);
    let two = [("accountjid", "juliet@localhost"), ("accountjid", "romeo@localhost")];
    assert_eq!(refused(&prince, "user-stats", &two).await, pair("bad-request", "bad-payload"));
}

#[tokio::test]
async fn s4_13_to_s4_22_users_are_counted_and_listed() {
    let (cloister, prince) = verona().await;
    let juliet = cloister.online("juliet", "balcony1").await;
    let _nurse = cloister.online("nurse@capulet.example", "balcony1").await;
    juliet.send("<inactive xmlns='urn:xmpp:csi:0'/>").await;
    juliet.fence().await;
    let (all, online) = (
        ["juliet@localhost", "prince@localhost", "romeo@localhost"],
        ["juliet@localhost", "prince@localhost"],
    );
    for (kind, field, wanted) in [
        ("registered", "registereduser", &all[..]),
        ("disabled", "disableduser", &[]),
        ("online", "onlineuser", &online),
        ("active", "activeuser", &online[1..]),
        ("idle", "idleuser", &online[..1]),
    ] {
        let number = told(&prince, &format!("get-{kind}-users-num"), &format!("{field}snum")).await;
        assert_eq!(number, [wanted.len().to_string()], "{kind}");
        let (name, field) = match kind {
            "active" | "idle" => (format!("get-{kind}-users"), "activeuserjids".to_owned()),
            kind => (format!("get-{kind}-users-list"), format!("{field}jids")),
        };
        assert_eq!(told(&prince, &name, &field).await, wanted, "{kind}");
    }
}

#[tokio::test]
async fn s4_18_of_many_users_it_is_asked_how_many_are_wanted() {
    let cloister = Cloister::start().await;
    let prince = make_admin(&cloister, "prince@localhost").await;
    let password = cloister::auth::password::Password::new("a password").unwrap();
    let server = cloister.server();
    let hashing = cloister::auth::Hashing::new(cloister::config::PasswordHash::Scram, 1);
    for number in 0..200 {
        let account = account(&format!("user{number:03}@localhost"));
        server.accounts.create(&account, password.clone(), hashing, false).await.unwrap();
    }
    let list = "get-registered-users-list";
    let answer = submit(&prince, list, &[("max_items", "25")]).await;
    let told = values(result(&answer), "registereduserjids").unwrap();
    assert_eq!((told.len(), told[0].as_str()), (25, "prince@localhost"));
    let note = result(&answer).child(COMMANDS, "note").expect("there are more").text();
    assert_eq!(note, "There are 176 more.");
    let answer = submit(&prince, list, &[("max_items", "none")]).await;
    assert_eq!(values(result(&answer), "registereduserjids").unwrap().len(), 201);
    for bad in ["0", "-1", "many", "99999999999999999999999"] {
        let found = refused(&prince, list, &[("max_items", bad)]).await;
        assert_eq!(found, pair("bad-request", "bad-payload"), "{bad}");
    }
}

#[tokio::test]
async fn s4_23_an_announcement_is_for_those_who_are_online() {
    let (cloister, prince) = verona().await;
    let juliet = cloister.online("juliet", "balcony1").await;
    let nurse = cloister.online("nurse@capulet.example", "balcony1").await;
    let lines = [("announcement", "Supper is ready &lt;now&gt;."), ("announcement", "Come in.")];
    let told = done(&prince, "announce", &lines).await;
    assert_eq!(told[0], pair("info", "2 users are told."));
    for client in [&juliet, &prince] {
        let message = client.receive_where("the announcement", |it| it.name() == "message").await;
        assert_eq!(message.attr("from"), Some("localhost"));
        assert_eq!(message.attr("type"), None);
        let body = message.child(ns::CLIENT, "body").expect("a body").text();
        assert_eq!(body, "Supper is ready <now>.\nCome in.");
    }
    nurse.expect_silence().await;
    let romeo = cloister.online("romeo", "balcony1").await;
    romeo.expect_silence().await;
    let long = "o".repeat(9000);
    for bad in ["", " \n ", &long] {
        let found = refused(&prince, "announce", &[("announcement", bad)]).await;
        assert_eq!(found, pair("bad-request", "bad-payload"));
    }
}

#[tokio::test]
async fn s4_23_a_domain_that_wants_encryption_announces_in_clear() {
    let cloister =
        Cloister::with("[[host]]\ndomain = \"localhost\"\nencryption = \"require\"").await;
    let prince = make_admin(&cloister, "prince@localhost").await;
    done(&prince, "announce", &[("announcement", "Supper!")]).await;
    prince.receive_where("the announcement", |it| it.name() == "message").await;
}

#[tokio::test]
async fn s4_29_admins_are_named_and_dismissed() {
    let (cloister, prince) = verona().await;
    let juliet = cloister.online("juliet", "balcony1").await;
    let form = ask(&prince, "edit-admin", None, "").await;
    assert_eq!(values(result(&form), "adminjids").unwrap(), ["prince@localhost"]);
    let both = [("adminjids", "prince@localhost"), ("adminjids", "juliet@localhost")];
    let told = done(&prince, "edit-admin", &both).await;
    assert_eq!(told, [pair("info", "juliet@localhost is an admin now.")]);
    assert_eq!(nodes(&juliet).await.len(), ALL.len());
    let told = done(&juliet, "edit-admin", &both[1..]).await;
    assert_eq!(told, [pair("info", "prince@localhost is no admin any more.")]);
    assert_eq!(nodes(&prince).await.len(), 0);
}

#[tokio::test]
async fn s4_29_nobody_takes_the_right_from_himself() {
    let (cloister, prince) = verona().await;
    let other = [("adminjids", "juliet@localhost")];
    assert!(failed(&prince, "edit-admin", &other).await.contains("Ask another admin"));
    let found = refused(&prince, "edit-admin", &[("adminjids", "")]).await;
    assert_eq!(found, pair("bad-request", "bad-payload"));
    let nobody = [("adminjids", "prince@localhost"), ("adminjids", "nobody@localhost")];
    assert_eq!(refused(&prince, "edit-admin", &nobody).await, pair("item-not-found", ""));
    let juliet = cloister.server().accounts.find(&account("juliet@localhost")).await.unwrap();
    assert!(!juliet.unwrap().admin);
}

#[tokio::test]
async fn a_form_with_too_many_accounts_is_refused() {
    let (_cloister, prince) = verona().await;
    let many: Vec<_> = (0..51).map(|number| format!("user{number}@localhost")).collect();
    let many: Vec<_> = many.iter().map(|jid| ("accountjids", jid.as_str())).collect();
    for name in ["delete-user", "disable-user", "end-user-session", "get-user-lastlogin"] {
        let found = refused(&prince, name, &many).await;
        assert_eq!(found, pair("bad-request", "bad-payload"), "{name}");
    }
}

async fn sessions(cloister: &Cloister, name: Option<&str>) -> Vec<SessionRow> {
    let request = Request::UserSessions { account: name.map(account) };
    match admin::execute(cloister.server(), request, |_| ()).await.unwrap() {
        Answer::Sessions(rows) => rows,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_operator_sees_who_is_connected_and_not_from_where() {
    let (cloister, _prince) = verona().await;
    let juliet = cloister.login("juliet/balcony", "balcony1").await;
    assert_eq!(sessions(&cloister, None).await.len(), 2);
    let rows = sessions(&cloister, Some("juliet@localhost")).await;
    let json = serde_json::to_string(&rows).unwrap();
    assert!(!json.contains("127.0.0.1"), "{json}");
    let [row] = &rows[..] else { panic!("{json}") };
    assert_eq!((row.jid.as_str(), row.priority), ("juliet@localhost/balcony", None));
    assert_eq!(row.since, "2026-01-01T00:00:00.000Z");
    assert_eq!(row.transport.as_deref(), Some("TLS 1.3"));
    let c = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://gajim.org' \
             ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>";
    juliet.send(format!("<presence><priority>5</priority>{c}</presence>")).await;
    juliet.fence().await;
    let rows = sessions(&cloister, Some("juliet@localhost")).await;
    assert_eq!(rows[0].priority, Some(5));
    assert_eq!(rows[0].client.as_deref(), Some("https://gajim.org"));
}

#[tokio::test]
async fn the_operator_announces_to_a_domain() {
    let (cloister, prince) = verona().await;
    let nurse = cloister.online("nurse@capulet.example", "balcony1").await;
    let say = async |domain: &str, text: &str| {
        let domain = cloister::jid::Domain::parse(domain).unwrap();
        let request = Request::Announce { domain, text: text.to_owned() };
        admin::execute(cloister.server(), request, |_| ()).await
    };
    assert_eq!(say("capulet.example", " Supper! ").await.unwrap(), Answer::Announced(1));
    let message = nurse.receive_where("the announcement", |it| it.name() == "message").await;
    assert_eq!(message.attr("from"), Some("capulet.example"));
    assert_eq!(message.child(ns::CLIENT, "body").expect("a body").text(), "Supper!");
    prince.expect_silence().await;
    for (domain, text) in [("localhost", ""), ("localhost", "  "), ("nowhere.example", "Supper!")] {
        assert!(say(domain, text).await.is_err());
    }
}
