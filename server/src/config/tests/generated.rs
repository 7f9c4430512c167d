//! What is printed from the declarations: the reference and the example file.

use std::fs;
use std::path::Path;

use super::*;
use crate::config::declare::{Field, Kind, Presence, Section};
use crate::config::options::File;

/// Where the printed files are kept: the root of the repository, seen from this crate.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const REFERENCE: &str = "docs/configuration.md";
const EXAMPLE: &str = "cloister.example.toml";

#[test]
fn the_reference_in_the_repository_is_what_the_declarations_say() {
    compare(REFERENCE, &reference());
}

#[test]
fn the_example_in_the_repository_is_what_the_declarations_say() {
    compare(EXAMPLE, &example());
}

fn compare(name: &str, printed: &str) {
    let path = Path::new(ROOT).join(name);
    if std::env::var_os("CLOISTER_REGENERATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, printed).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == printed, "{name} is stale; run the tests with CLOISTER_REGENERATE=1");
}

#[test]
fn the_example_is_valid_and_says_nothing_but_the_defaults() {
    let (mut config, warnings) = parse(&example()).unwrap();
    assert_eq!(warnings, []);
    config.hosts[0].certificate = "/c/fullchain.pem".into();
    config.hosts[0].key_file = "/c/key.pem".into();
    assert_eq!(config, defaults());
}

#[test]
fn what_the_example_comments_out_is_the_default_or_an_example_of_an_option() {
    let example = example();
    let lines = example.lines().map(|line| match line.strip_prefix('#') {
        Some(option) if !option.starts_with(' ') && !option.is_empty() => option,
        _ => line,
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let (mut config, warnings) = parse(&text).unwrap();
    assert_eq!(warnings, []);
    assert!(config.pepper_file.take().is_some() && config.worker_threads.take().is_some());
    assert!(config.auth.hashing_slots.take().is_some());
    assert!(config.turn.take().is_some());
    config.hosts = defaults().hosts;
    assert_eq!(config, defaults());
}

#[test]
fn every_option_has_a_doc_that_is_a_sentence() {
    for (name, field) in options("", &File::SECTION) {
        let doc = field.doc.concat();
        assert!(doc.trim().ends_with(['.', ':', '`']), "{name}: {doc}");
        assert!(doc.len() > 15, "{name}: {doc}");
    }
}

#[test]
fn every_option_is_in_the_reference_and_in_the_example() {
    for (name, field) in options("", &File::SECTION) {
        if field.kind.section().is_none() {
            assert!(reference().contains(&format!("### `{name}`")), "{name}");
            let line = |line: &str| {
                line.trim_start_matches('#').starts_with(&format!("{} = ", field.name))
            };
            assert!(example().lines().any(line), "{name}");
        }
    }
}

#[test]
fn every_bound_can_be_read_and_is_itself_allowed() {
    // A bound that cannot be read would bound nothing.
    for (name, field) in options("", &File::SECTION) {
        for bound in field.bounds {
            let (table, _) = name.rsplit_once('.').unwrap_or(("", ""));
            let option = format!("{} = {}\n", field.name, bound.value);
            let text = match table {
                "" => format!("{option}{HOST}"),
                _ if table.starts_with("host.") => format!("{HOST}[{table}]\n{option}"),
                _ => format!("[{table}]\n{option}{HOST}"),
            };
            // A bound may collide with the default of another option.
            if let Err(errors) = parse(&text) {
                let collides = ["limits.stanza_bytes,", "limits.room_occupants,"];
                let errors = errors.to_string();
                assert!(collides.iter().any(|other| errors.contains(other)), "{errors}");
            }
        }
    }
}

fn options(outer: &str, section: &'static Section) -> Vec<(String, &'static Field)> {
    let mut all = Vec::new();
    for field in section.fields {
        let dot = if outer.is_empty() { "" } else { "." };
        let name = format!("{outer}{dot}{}", field.name);
        if let Kind::Table(inner) | Kind::Tables(inner) = field.kind {
            all.extend(options(&name, inner));
        }
        assert!(!matches!(field.presence, Presence::Required("")), "{name}");
        all.push((name, field));
    }
    all
}
