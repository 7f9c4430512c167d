//! What scripts rely on: help, exit codes, JSON, and quiet ends.

use std::io::pipe;
use std::process::Stdio;

use crate::cli_process::{Site, command, run, run_with};
use crate::kit::within;

/// Every command there is.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["serve"],
    &["demo"],
    &["check-config"],
    &["user"],
    &["user", "add"],
    &["user", "list"],
    &["user", "passwd"],
    &["user", "disable"],
    &["user", "enable"],
    &["user", "promote"],
    &["user", "demote"],
    &["user", "devices"],
    &["user", "sessions"],
    &["user", "retention"],
    &["user", "remove"],
    &["announce"],
    &["provision"],
    &["room"],
    &["room", "list"],
    &["room", "show"],
    &["room", "create"],
    &["room", "configure"],
    &["room", "members"],
    &["room", "members", "list"],
    &["room", "members", "add"],
    &["room", "members", "set"],
    &["room", "members", "remove"],
    &["room", "destroy"],
    &["store"],
    &["store", "check"],
    &["archive"],
    &["archive", "status"],
    &["archive", "expire"],
    &["doctor"],
    &["doctor", "omemo"],
    &["status"],
    &["cert"],
    &["cert", "status"],
    &["invite"],
    &["invite", "create"],
    &["invite", "reset"],
    &["invite", "list"],
    &["invite", "revoke"],
    &["upload"],
    &["upload", "list"],
    &["upload", "remove"],
    &["console"],
    &["console", "password"],
    &["xeps"],
    &["completions"],
    &["man"],
];

#[tokio::test]
async fn the_help_of_every_command_has_an_example() {
    for name in COMMANDS {
        let help = run(&[name, &["--help"][..]].concat()).await.ok();
        assert!(help.contains("Example"), "{name:?}: {help}");
    }
}

#[tokio::test]
async fn the_list_of_commands_above_is_whole() {
    let groups = [
        &["user"][..],
        &["room"],
        &["room", "members"],
        &["invite"],
        &["upload"],
        &["store"],
        &["archive"],
        &["doctor"],
        &["cert"],
    ];
    for name in [&[][..]].into_iter().chain(groups) {
        let help = run(&[name, &["--help"][..]].concat()).await.ok();
        let (_, list) = help.split_once("Commands:\n").unwrap();
        let listed = list.lines().take_while(|line| !line.is_empty());
        for line in listed.filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
            let command = line.split_whitespace().next().unwrap();
            let whole = [name, &[command]].concat();
            assert!(command == "help" || COMMANDS.contains(&whole.as_slice()), "{whole:?}");
        }
    }
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_ends_with_2() {
    let site = Site::new();
    for arguments in [
        &["user", "burn"][..],
        &["user", "add"],
        &["user", "add", "juliet@localhost/balcony", "--generate"],
        &["user", "add", "localhost", "--generate"],
        &["user", "list", "not a domain"],
        &["room", "create", "choir@rooms.localhost"],
        &["room", "show", "rooms.localhost"],
        &["room", "configure", "choir@rooms.localhost"],
        &["room", "configure", "choir@rooms.localhost", "--set", "public"],
        &["room", "configure", "choir@rooms.localhost", "--set", "password=x"],
        &["room", "configure", "choir@rooms.localhost", "--set", "name=a", "--set", "name=b"],
        &["room", "members", "set", "choir@rooms.localhost", "king", "juliet@localhost"],
        &["demo", "--c2s-port", "70000"],
    ] {
        let done = site.run(arguments).await;
        assert_eq!(done.code, Some(2), "{arguments:?}: {done:?}");
        assert!(!done.stderr.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn check_config_says_ok_to_what_is_right() {
    let site = Site::new();
    let path = site.config();
    assert_eq!(run(&["check-config", path.to_str().unwrap()]).await.ok(), "ok\n");
    assert_eq!(site.run(&["check-config"]).await.ok(), "ok\n");
}

#[tokio::test]
async fn check_config_prints_every_mistake_with_its_line() {
    let site = Site::with(
        "[limits]\nstanza_byte = \"1 MiB\"\nroster_items = 1\n[tls]\nmin_version = \"1.1\"",
    );
    let path = site.config().display().to_string();
    let complaint = run(&["check-config", &path]).await.failed();
    let text = std::fs::read_to_string(site.config()).unwrap();
    for option in ["stanza_byte", "roster_items", "min_version"] {
        let line = text.lines().position(|line| line.starts_with(option)).unwrap() + 1;
        let place = format!("{path}:{line}:");
        assert!(complaint.contains(&place), "{option} in line {line}: {complaint}");
    }
}

#[tokio::test]
async fn check_config_reads_no_secrets_where_only_the_syntax_is_asked_for() {
    let site = Site::new();
    std::fs::remove_file(site.authority().issued("localhost", site.path()).key).unwrap();
    site.run(&["check-config"]).await.failed();
    site.run(&["check-config", "--syntax-only"]).await.ok();
}

#[tokio::test]
async fn check_config_in_json_names_line_and_option() {
    let site = Site::with("[limits]\nroster_items = 1");
    let done = site.run(&["check-config", "--json"]).await;
    assert_eq!(done.code, Some(1));
    let judgement = done.json();
    assert_eq!(judgement["ok"], false);
    assert_eq!(judgement["mistakes"][0]["key"], "limits.roster_items");
    assert!(judgement["mistakes"][0]["line"].as_u64().unwrap() > 10);
}

#[tokio::test]
async fn a_missing_configuration_is_an_error_that_names_it() {
    let done = run(&["--config", "/nowhere/cloister.toml", "user", "list"]).await;
    assert!(done.failed().contains("/nowhere/cloister.toml"));
}

#[tokio::test]
async fn xeps_lists_what_the_features_declare() {
    let listed = run(&["xeps", "--json"]).await.json();
    let declared = cloister::features::all();
    assert_eq!(listed.as_array().unwrap().len(), declared.specs().len());
    let ping = listed.as_array().unwrap().iter().find(|spec| spec["id"] == "XEP-0199").unwrap();
    assert_eq!((&ping["name"], &ping["status"]), (&"XMPP Ping".into(), &"complete".into()));
    assert!(run(&["xeps"]).await.ok().contains("XEP-0199"));
}

#[tokio::test]
async fn completions_are_there_for_the_usual_shells() {
    for shell in ["bash", "fish", "zsh"] {
        let script = run(&["completions", shell]).await.ok();
        assert!(script.contains("check-config"), "{shell}");
    }
}

#[tokio::test]
async fn every_command_has_a_manual_page_with_an_example() {
    let site = Site::new();
    let directory = site.path().join("a/man1");
    run(&["man", directory.to_str().unwrap()]).await.ok();
    for name in COMMANDS {
        let whole = [&["cloister"], *name].concat();
        let page = std::fs::read_to_string(directory.join(format!("{}.1", whole.join("-"))));
        let page = page.unwrap_or_else(|error| panic!("{whole:?}: {error}"));
        let (_, examples) = page.split_once(".SH EXAMPLES\n").unwrap();
        assert!(examples.contains(&whole.join(" ").replace('-', "\\-")), "{whole:?}: {examples}");
    }
    let pages = std::fs::read_dir(&directory).unwrap().count();
    assert_eq!(pages, COMMANDS.len() + 1, "and cloister.toml.5");
    assert!(directory.join("cloister.toml.5").exists());
}

#[tokio::test]
async fn manual_pages_are_the_same_byte_for_byte_whenever_they_are_written() {
    let site = Site::new();
    let mut written = Vec::new();
    for (name, config) in [("one", "/etc/one.toml"), ("two", "/etc/two.toml")] {
        let directory = site.path().join(name);
        let mut command = command(&["man", directory.to_str().unwrap()]);
        command.env("CLOISTER_CONFIG", config).env("TZ", name).env("COLUMNS", "40");
        run_with(command, "").await.ok();
        let pages = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        let pages = pages.map(|path| {
            (path.file_name().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
        });
        written.push(pages.collect::<std::collections::BTreeMap<_, _>>());
    }
    assert!(written[0] == written[1]);
}

#[tokio::test]
async fn a_reader_that_has_read_enough_is_no_error() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = command(&["completions", "bash"]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let output = within("the end", child.wait_with_output()).await.unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[tokio::test]
async fn what_a_terminal_would_obey_is_not_repeated() {
    let site = Site::new();
    for name in ["a\u{1b}[31m@localhost", "a@local\u{1b}[31mhost"] {
        let done = site.run(&["user", "remove", name]).await;
        assert!(!format!("{}{}", done.stdout, done.stderr).contains('\u{1b}'), "{name:?}");
    }
    let odd = command(&["--config", "/tmp/\u{1b}[31m.toml", "user", "list"]);
    assert!(!run_with(odd, "").await.failed().contains('\u{1b}'));
}
