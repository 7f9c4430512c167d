//! `cloister provision`: what a file names is made, once, while the server runs and while it does not.

use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt;

use cloister::xml::Element;
use serde_json::{Value, json};

use crate::cli_process::{Done, Process, Site, run_with};
use crate::kit::Client;
use crate::kit::rooms::{enter, item};

const ROOM: &str = "family@rooms.localhost";

/// A site with a file of two accounts, a room and a group.
struct Family(Site);

impl Family {
    fn new() -> Self {
        let family = Family(Site::new());
        family.secret("juliet", "secret password\n", 0o600);
        family.secret("romeo", "secret password\n", 0o640);
        family.write(&family.text());
        family
    }

    fn text(&self) -> String {
        let account = |name: &str| {
            let file = self.file(name);
            format!("[[account]]\njid = \"{name}@localhost\"\npassword_file = \"{file}\"\n")
        };
        format!(
            "{}admin = true\n{}\
             [[room]]\njid = \"{ROOM}\"\nowner = \"juliet@localhost\"\n\
             members = [\"romeo@localhost\"]\nname = \"Family\"\nmax_users = 20\n\
             retention = \"720h\"\n\
             [[group]]\nname = \"Family\"\nmembers = [\"juliet@localhost\", \"romeo@localhost\"]\n",
            account("juliet"),
            account("romeo"),
        )
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn secret(&self, name: &str, text: &str, mode: u32) {
        write(self.file(name), text).unwrap();
        set_permissions(self.file(name), Permissions::from_mode(mode)).unwrap();
    }

    fn write(&self, text: &str) {
        write(self.file("family.toml"), text).unwrap();
    }

    async fn provision(&self, more: &[&str]) -> Done {
        let file = self.file("family.toml");
        self.0.run(&[&["provision", &file][..], more].concat()).await
    }

    /// What the operator can see of it all.
    async fn shown(&self) -> [Value; 3] {
        [
            self.0.run(&["user", "list", "--json"]).await.json(),
            self.0.run(&["room", "show", ROOM, "--json"]).await.json(),
            self.0.run(&["room", "members", "list", ROOM, "--json"]).await.json(),
        ]
    }

    async fn online(&self, server: &Process, name: &str) -> Client {
        let client = self.0.login(server, name, "secret password").await;
        roster(&client).await;
        client.send("<presence/>").await;
        client.fence().await;
        client.drain().await;
        client
    }
}

async fn roster(client: &Client) -> Element {
    let answer = client.iq_ok("get", None, "<query xmlns='jabber:iq:roster'/>").await;
    answer.children().next().unwrap().clone()
}

/// Address, subscription and groups of the only contact.
fn contact(query: &Element) -> (String, String, Vec<String>) {
    let items: Vec<_> = query.children().collect();
    assert_eq!(items.len(), 1, "{}", query.to_xml());
    let of = |name| items[0].attr(name).unwrap_or_default().to_owned();
    (of("jid"), of("subscription"), items[0].children().map(|it| it.text().into_owned()).collect())
}

fn in_family(jid: &str) -> (String, String, Vec<String>) {
    (jid.to_owned(), "both".to_owned(), vec!["Family".to_owned()])
}

fn changes(done: &Value) -> Vec<[&str; 3]> {
    let rows = done.as_array().unwrap().iter();
    rows.map(|row| ["kind", "what", "change"].map(|name| row[name].as_str().unwrap())).collect()
}

const ALL: [[&str; 3]; 6] = [
    ["account", "juliet@localhost", "made"],
    ["account", "juliet@localhost", "is an admin"],
    ["account", "romeo@localhost", "made"],
    ["room", ROOM, "made"],
    ["room", ROOM, "romeo@localhost is member"],
    ["group", "Family", "juliet@localhost and romeo@localhost are contacts"],
];

#[tokio::test]
async fn what_is_provided_while_the_server_is_down_is_there_when_it_runs() {
    let family = Family::new();
    let done = family.provision(&["--json"]).await.json();
    assert_eq!(changes(&done), ALL);
    let server = family.0.serve().await;
    let juliet = family.online(&server, "juliet").await;
    assert_eq!(contact(&roster(&juliet).await), in_family("romeo@localhost"));
    let romeo = family.online(&server, "romeo").await;
    assert_eq!(contact(&roster(&romeo).await), in_family("juliet@localhost"));
    let entered = enter(&romeo, ROOM, "lark").await;
    assert_eq!(item(&entered.own).0, "member");
    let [accounts, room, _] = family.shown().await;
    assert_eq!((&accounts[0]["admin"], &accounts[1]["admin"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&room["settings"]["name"], &room["settings"]["max_users"]),
        (&"Family".into(), &"20".into())
    );
    assert_eq!(
        (&room["retention"], &room["owners"]),
        (&"30d".into(), &json!(["juliet@localhost"]))
    );
}

#[tokio::test]
async fn rfc6121_s2_1_6_connected_clients_hear_of_a_contact_at_once() {
    let family = Family::new();
    for name in ["juliet", "romeo"] {
        family.0.account(&format!("{name}@localhost"), "secret password").await;
    }
    let server = family.0.serve().await;
    let juliet = family.online(&server, "juliet").await;
    let romeo = family.online(&server, "romeo").await;
    let done = family.provision(&[]).await.ok();
    assert!(done.contains("group Family: juliet@localhost and romeo@localhost are contacts\n"));
    for (client, other) in [(&juliet, romeo.jid()), (&romeo, juliet.jid())] {
        let push = client.receive_where("a push", |it| it.attr("type") == Some("set")).await;
        let bare = other.split('/').next().unwrap();
        assert_eq!(contact(push.children().next().unwrap()), in_family(bare));
        client.receive_where("its presence", |it| it.attr("from") == Some(other)).await;
    }
}

#[tokio::test]
async fn the_second_run_changes_nothing() {
    let family = Family::new();
    family.provision(&[]).await.ok();
    // The passwords are needed no more.
    std::fs::remove_file(family.file("juliet")).unwrap();
    let before = family.shown().await;
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
    assert_eq!(family.shown().await, before);
    let server = family.0.serve().await;
    let juliet = family.online(&server, "juliet").await;
    let (before, rosters) = (family.shown().await, roster(&juliet).await);
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
    assert_eq!(family.provision(&["--json"]).await.ok(), "[]\n");
    juliet.expect_silence().await;
    assert_eq!(roster(&juliet).await.to_xml(), rosters.to_xml(), "the version too");
    assert_eq!(family.shown().await, before);
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_does_nothing() {
    let family = Family::new();
    let done = family.provision(&["--dry-run", "--json"]).await.json();
    assert_eq!(changes(&done), ALL);
    let told = family.provision(&["--dry-run"]).await.ok();
    assert!(told.lines().all(|line| line.starts_with("to do: ")), "{told}");
    assert_eq!(family.0.run(&["user", "list", "--json"]).await.json(), json!([]));
    assert_eq!(family.0.run(&["room", "list", "--json"]).await.json(), json!([]));
    family.provision(&[]).await.ok();
    family.write(
        &family.text().replace("\"Family\"\nmax", "\"Clan\"\nmax").replace("= true", "= false"),
    );
    let done = family.provision(&["--dry-run", "--json"]).await.json();
    let room = ["room", ROOM, "changed: name"];
    assert_eq!(changes(&done), [["account", "juliet@localhost", "is no admin any more"], room]);
    assert_eq!(changes(&family.provision(&["--json"]).await.json()), changes(&done));
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
}

#[tokio::test]
async fn what_people_did_with_a_contact_stays_unless_it_is_gone() {
    let family = Family::new();
    family.provision(&[]).await.ok();
    let server = family.0.serve().await;
    let juliet = family.online(&server, "juliet").await;
    let set = |item: &str| format!("<query xmlns='jabber:iq:roster'>{item}</query>");
    let renamed = "<item jid='romeo@localhost' name='Him'><group>Love</group></item>";
    juliet.iq_ok("set", None, &set(renamed)).await;
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
    assert_eq!(contact(&roster(&juliet).await).2, ["Love"]);
    // Only hers goes; he has her in his group still.
    juliet.iq_ok("set", None, &set("<item jid='romeo@localhost' subscription='remove'/>")).await;
    let romeo = family.online(&server, "romeo").await;
    let moved = "<item jid='juliet@localhost' name='Her'><group>Love</group></item>";
    romeo.iq_ok("set", None, &set(moved)).await;
    family.provision(&[]).await.ok();
    assert_eq!(contact(&roster(&juliet).await), in_family("romeo@localhost"));
    let his = contact(&roster(&romeo).await);
    assert_eq!((his.1.as_str(), his.2[0].as_str()), ("both", "Love"));
}

#[tokio::test]
async fn nobody_who_is_not_named_loses_anything() {
    let family = Family::new();
    family.provision(&[]).await.ok();
    family.0.account("nurse@localhost", "secret password").await;
    for (what, who) in [("owner", "nurse@localhost"), ("admin", "romeo@localhost")] {
        family.0.run(&["room", "members", "set", ROOM, what, who]).await.ok();
    }
    family.0.run(&["room", "configure", ROOM, "--set", "description=All of us"]).await.ok();
    let before = family.shown().await;
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
    assert_eq!(family.shown().await, before);
}

#[tokio::test]
async fn a_password_is_set_again_only_where_that_is_said_and_only_if_it_differs() {
    let family = Family::new();
    family.provision(&[]).await.ok();
    family.secret("juliet", "another password\n", 0o600);
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
    family.secret("juliet", "secret password\n", 0o600);
    family.write(&family.text().replace("admin = true", "set_password = \"always\""));
    let server = family.0.serve().await;
    let juliet = family.online(&server, "juliet").await;
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
    juliet.expect_silence().await;
    family.secret("juliet", "another password\n", 0o600);
    let told = family.provision(&[]).await.ok();
    let wanted = "account juliet@localhost: has a new password, and its session was closed\n";
    assert_eq!(told, wanted);
    juliet.stream_error().await;
    family.0.login(&server, "juliet", "another password").await;
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
}

#[tokio::test]
async fn a_file_with_mistakes_is_refused_as_a_whole_and_each_is_told_with_its_line() {
    let family = Family::new();
    let text = format!("{}membrs = []\n[[account]]\njid = \"localhost\"\n", family.text());
    family.write(&text);
    let complaint = family.provision(&[]).await.failed();
    let path = family.file("family.toml");
    for (start, what) in
        [("membrs", "did you mean \"members\""), ("jid = \"localhost\"", "is a domain")]
    {
        let line = text.lines().position(|line| line.starts_with(start)).unwrap() + 1;
        let found = complaint.lines().find(|told| told.starts_with(&format!("{path}:{line}:")));
        assert!(found.is_some_and(|told| told.contains(what)), "{line} {what}: {complaint}");
    }
    assert!(complaint.contains("nothing was done"), "{complaint}");
    assert_eq!(family.0.run(&["user", "list", "--json"]).await.json(), json!([]));
    let missing = family.0.run(&["provision", "/nowhere.toml"]).await.failed();
    assert!(missing.contains("/nowhere.toml: cannot be read"), "{missing}");
}

#[tokio::test]
async fn a_password_that_everybody_may_read_is_refused_and_the_rest_goes_on() {
    let family = Family::new();
    family.secret("romeo", "secret password\n", 0o644);
    let stored = "/nix/store/0c6kzph7l0dcbfmjap64f0czdafn3b7x-nurse";
    let more =
        |name: &str, rest: &str| format!("[[account]]\njid = \"{name}@localhost\"\n{rest}\n");
    let nurse = more("nurse", &format!("password_file = \"{stored}\""));
    let tybalt = more("tybalt", "");
    let paris = more("paris", &format!("password_file = \"{}\"", family.file("juliet")));
    let text = format!("{}{nurse}{tybalt}{paris}", family.text());
    family.write(&text);
    let server = family.0.serve().await;
    let done = family.provision(&[]).await;
    assert_eq!(done.code, Some(1));
    let line = |jid: &str| {
        let line = text.lines().position(|line| line == format!("jid = \"{jid}\"")).unwrap() + 1;
        format!("{}:{line}: ", family.file("family.toml"))
    };
    for (kind, jid, why) in [
        ("account", "romeo@localhost", "is readable by every user"),
        ("account", "nurse@localhost", "lies in the Nix store"),
        ("account", "tybalt@localhost", "name a file with its password"),
        ("room", ROOM, "romeo@localhost: Only accounts"),
    ] {
        let start = format!("{}{kind} {jid}: ", line(jid));
        let told = done.stderr.lines().find(|told| told.starts_with(&start));
        assert!(told.is_some_and(|told| told.contains(why)), "{start}{why}: {done:?}");
    }
    assert!(done.stderr.contains("group Family: romeo@localhost: there is no such account"));
    assert!(done.stderr.contains("error: 5 things could not be done"), "{done:?}");
    for made in ["account juliet@localhost: made", "account paris@localhost: made", "room family"] {
        assert!(done.stdout.contains(made), "{made}: {done:?}");
    }
    family.online(&server, "paris").await;
}

#[tokio::test]
async fn who_is_invited_is_waited_for_and_made_an_admin_then() {
    let family = Family::new();
    let password = |name: &str| format!("password_file = \"{}\"", family.file(name));
    let invited = |name: &str, text: &str| text.replace(&password(name), "if_missing = \"wait\"");
    family.write(&invited("juliet", &invited("romeo", &family.text())));
    assert_eq!(family.provision(&[]).await.ok(), "nothing to do\n");
    family.0.account("juliet@localhost", "secret password").await;
    let done = family.provision(&["--json"]).await.json();
    assert_eq!(changes(&done), [ALL[1], ALL[3]]);
    family.0.account("romeo@localhost", "secret password").await;
    let done = family.provision(&["--json"]).await.json();
    assert_eq!(changes(&done), [ALL[4], ALL[5]]);
}

#[tokio::test]
async fn a_password_may_be_a_credential_of_the_service() {
    let family = Family::new();
    family.write(&family.text().replace(&family.file(""), "$CREDENTIALS_DIRECTORY/"));
    let mut command = family.0.command(&["provision", &family.file("family.toml")]);
    command.env("CREDENTIALS_DIRECTORY", family.0.path());
    assert!(run_with(command, "").await.ok().contains("account juliet@localhost: made"));
}

#[tokio::test]
async fn what_a_room_cannot_be_set_to_and_who_is_banned_is_told() {
    let family = Family::new();
    family.provision(&[]).await.ok();
    family.0.run(&["room", "members", "set", ROOM, "outcast", "romeo@localhost"]).await.ok();
    let complaint = family.provision(&[]).await.failed();
    assert!(complaint.contains("romeo@localhost is banned"), "{complaint}");
    family.write(&family.text().replace("max_users = 20", "max_users = \"many\""));
    assert!(family.provision(&[]).await.failed().contains("max_users: "));
    family.write(&family.text().replace("rooms.localhost", "localhost"));
    assert!(family.provision(&[]).await.failed().contains("they are at rooms.localhost"));
    family.write(&family.text().replace("romeo@localhost", "romeo@montague.example"));
    assert!(family.provision(&[]).await.failed().contains("it serves localhost"));
}

#[tokio::test]
async fn an_account_becomes_an_admin_and_a_user_again() {
    let family = Family::new();
    family.provision(&[]).await.ok();
    let _server = family.0.serve().await;
    for (verb, is) in [("promote", true), ("demote", false)] {
        family.0.run(&["user", verb, "romeo@localhost"]).await.ok();
        assert_eq!(family.shown().await[0][1]["admin"], is);
    }
    let complaint = family.0.run(&["user", "promote", "nurse@localhost"]).await.failed();
    assert!(complaint.contains("no such account"), "{complaint}");
}
