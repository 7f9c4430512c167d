//! What is generated from the code and kept in files must be what the code says now.
//!
//! `CLOISTER_REGENERATE=1 cargo test documents` writes it anew.

use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- specifications -->\n";
const END: &str = "<!-- /specifications -->\n";

#[test]
fn the_table_of_specifications_in_the_readme_is_what_the_features_declare() {
    let path = readme();
    let text = std::fs::read_to_string(&path).expect("there is a README.md");
    let Some((before, after)) = parts(&text) else {
        panic!("README.md has no place for the specifications: add the lines\n{BEGIN}{END}");
    };
    let expected = format!("{before}{BEGIN}{}{END}{after}", cloister::features::table());
    if std::env::var_os("CLOISTER_REGENERATE").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    assert!(text == expected, "README.md is out of date: run CLOISTER_REGENERATE=1 cargo test");
}

#[test]
fn the_page_of_metrics_is_what_is_declared() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let expected = cloister::metrics::reference();
    if std::env::var_os("CLOISTER_REGENERATE").is_some() {
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "docs/metrics.md is out of date: run CLOISTER_REGENERATE=1 cargo test"
    );
}

#[test]
fn alarms_are_about_metrics_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alerts.yml");
    let text = std::fs::read_to_string(path).unwrap();
    let reference = cloister::metrics::reference();
    let rules = text.lines().filter(|line| line.trim_start().starts_with("expr:"));
    let mut count = 0;
    for name in rules.flat_map(|rule| rule.split(|c: char| !c.is_alphanumeric() && c != '_')) {
        if name.starts_with("cloister_") || name.starts_with("process_") {
            // A histogram is declared by its name, and asked for by that of its parts.
            let family = name.trim_end_matches("_bucket");
            assert!(reference.contains(&format!("| `{family}` |")), "{name}");
            count += 1;
        }
    }
    assert!(count > 5);
}

/// What stands before and behind the marks.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some((before, after))
}

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")
}
