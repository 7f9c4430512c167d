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

/// What stands before and behind the marks.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some((before, after))
}

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")
}
