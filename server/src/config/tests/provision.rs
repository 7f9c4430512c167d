//! What `cloister provision` reads, and what it refuses.

use std::path::Path;

use crate::config::Credentials;
use crate::config::provision::{IfMissing, Provision, SetPassword};

fn parse(text: &str) -> Provision {
    Provision::parse(text, "family.toml", Credentials::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn mistakes(text: &str) -> Vec<String> {
    let read = Provision::parse(text, "family.toml", Credentials::default());
    let errors = read.expect_err(text);
    errors.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn what_is_left_out_of_an_account_is_not_said() {
    let listed = parse("[[account]]\njid = \"alice@example.org\"\n");
    let account = &listed.accounts[0];
    assert_eq!((account.line, account.jid.as_str()), (2, "alice@example.org"));
    assert_eq!((account.admin, &account.password_file), (None, &None));
    assert_eq!((account.set_password, account.if_missing), (SetPassword::Once, IfMissing::Fail));
    assert_eq!(parse(""), Provision { accounts: vec![], rooms: vec![], groups: vec![] });
}

#[test]
fn settings_of_a_room_are_written_as_the_command_takes_them() {
    let listed = parse(
        "[[room]]\njid = \"tea@rooms.example.org\"\nowner = \"alice@example.org\"\n\
         members = [\"bob@example.org\", \"bob@example.org\"]\nname = \"Tea\"\n\
         members_only = true\nmax_users = 20\npresence = [\"moderator\", \"visitor\"]\n\
         contacts = []\nretention = \"30d\"\n",
    );
    let room = &listed.rooms[0];
    assert_eq!(room.members.len(), 1);
    let settings: Vec<_> = room.settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let wanted = [
        ("contacts", ""),
        ("max_users", "20"),
        ("members_only", "true"),
        ("name", "Tea"),
        ("presence", "moderator,visitor"),
        ("retention", "30d"),
    ];
    assert_eq!(settings, wanted);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let found = mistakes(
        "[[account]]\njid = \"example.org\"\nadmn = true\n\
         [[room]]\njid = \"tea@rooms.example.org\"\npublic = \"yes\"\nmax_users = -1\n\
         [[group]]\nname = \"\"\nmembers = [\"alice@\"]\n",
    );
    let places = [
        "family.toml:2:7: account.jid: \"example.org\" is a domain",
        "family.toml:3:1: account.admn: there is no such option; did you mean \"admin\"?",
        "family.toml:4:1: room.owner: is missing",
        "family.toml:6:10: room.public: is a string, but",
        "family.toml:7:13: room.max_users: -1 is not a number",
        "family.toml:10:12: group.members: \"alice@\" is no address",
    ];
    for place in places {
        assert!(found.iter().any(|mistake| mistake.starts_with(place)), "{place}: {found:#?}");
    }
    assert_eq!(found.len(), places.len(), "{found:#?}");
}

#[test]
fn what_is_there_twice_is_a_mistake() {
    let twice = "[[group]]\nname = \"Family\"\nmembers = []\n".repeat(2);
    assert!(mistakes(&twice)[0].starts_with("family.toml:5:8: group.name: Family is there"));
    let twice = "[[account]]\njid = \"a@example.org\"\n[[account]]\njid = \"A@example.org\"\n";
    assert!(mistakes(twice)[0].starts_with("family.toml:4:7: account.jid: a@example.org is"));
}

#[test]
fn a_password_is_never_in_the_file() {
    let text = |more: &str| format!("[[account]]\njid = \"a@example.org\"\n{more}\n");
    let found = mistakes(&text("password = \"balcony rose\""));
    assert!(found[0].contains("name that with password_file"), "{found:?}");
    let found = mistakes(&text("password_file = \"balcony rose\""));
    assert!(!found[0].contains("balcony"), "{found:?}");
    let found = mistakes(&text("set_password = \"always\""));
    assert!(found[0].contains("name its file with password_file"), "{found:?}");
}

#[test]
fn an_option_in_the_wrong_table_is_told_where_it_belongs() {
    let found = mistakes("[[account]]\njid = \"a@example.org\"\nmoderated = true\n");
    assert!(found[0].ends_with("\"moderated\" belongs in [[room]]"), "{found:?}");
    let found = mistakes("scram_iterations = 1\n");
    assert!(found[0].ends_with("look it up in `cloister provision --help`"), "{found:?}");
}

#[test]
fn a_password_may_be_a_credential() {
    let text =
        "[[account]]\njid = \"a@example.org\"\npassword_file = \"$CREDENTIALS_DIRECTORY/a\"\n";
    let credentials = Credentials::within("/run/credentials/it".into());
    let listed = Provision::parse(text, "family.toml", credentials).unwrap();
    let file = listed.accounts[0].password_file.as_deref();
    assert_eq!(file, Some(Path::new("/run/credentials/it/a")));
}

#[test]
fn a_group_has_a_bound() {
    let members: Vec<_> = (0..251).map(|n| format!("\"a{n}@example.org\"")).collect();
    let text = format!("[[group]]\nname = \"All\"\nmembers = [{}]\n", members.join(","));
    assert!(mistakes(&text)[0].contains("251 are more than the 250 "));
}
