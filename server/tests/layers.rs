//! A layer uses only layers below it, and what is to be pure is.
//!
//! Reads the paths that begin with `crate::` or `super::` in the sources. A name that a folder's
//! `mod.rs` passes on counts for the file that it comes from, so that a folder may lie across
//! several layers, as `router` and `stream` do: a queue is not a router.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Low to high. Within a layer everything may use everything. The longest name that fits counts.
const LAYERS: &[&[&str]] = &[
    &["ns", "sync", "clock", "task", "pages"],
    &["xml"],
    &["jid"],
    &["stanza"],
    &["metrics"],
    &["nix"],
    &["config"],
    &["store"],
    &["archive"],
    // What a stream is made of, without knowing what is said on it.
    &[
        "stream::error",
        "stream::header",
        "stream::carried",
        "stream::framed",
        "stream::socket",
        "stream::transport",
        "net::address",
        "net::inherited",
        "net::listener",
        "net::proxy",
        "net::end_point",
    ],
    &["auth::scram", "auth::password", "auth::throttle", "console::gate"],
    // Who is online, and what waits for them.
    &[
        "router::addressed",
        "router::hand_over",
        "router::journal",
        "router::ledger",
        "router::parcel",
        "router::weight",
        "router::written",
        "router::inbound",
        "router::inbox",
        "router::lanes",
        "router::slots",
        "router::streams",
        "router::locks",
        "router::registry",
        "router::envelope",
    ],
    // The server's state and the contract of its features: each holds the others.
    &["auth", "net", "feature", "server", "retention", "stream::features", "http::visitor"],
    &["router"],
    &["features"],
    &["stream"],
    &["c2s"],
    &["status"],
    &["admin"],
    &["console"],
    &["http"],
    &["lifecycle"],
    &["cli"],
];

/// What is a function of its input alone: fuzzed, and tested without a server.
const PURE: &[&str] = &["xml", "jid", "stanza", "auth::scram"];

/// What such code has no business with.
const IMPURE: &[&str] =
    &["tokio", "std::time", "std::fs", "std::net::Tcp", "std::io", "std::thread"];

struct Source {
    /// `["router", "inbox"]`
    module: Vec<String>,
    code: String,
}

#[test]
fn a_layer_uses_only_layers_below_it() {
    let sources = sources();
    let mut wrong = BTreeSet::new();
    for source in sources.iter().filter(|source| !source.module.is_empty()) {
        let own = layer(&source.module);
        for used in paths(source) {
            let used = origin(&sources, &used);
            if layer(&used) > own {
                let (user, used) = (source.module.join("::"), used.join("::"));
                wrong.insert(format!("{user} uses {used}, which is above it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn pure_code_has_neither_reactor_nor_clock_nor_files() {
    let is_pure = |module: &[String]| {
        let module = module.join("::");
        PURE.iter().any(|pure| module == *pure || module.starts_with(&format!("{pure}::")))
    };
    for source in sources().iter().filter(|source| is_pure(&source.module)) {
        for impure in IMPURE {
            assert!(!source.code.contains(impure), "{} uses {impure}", source.module.join("::"));
        }
    }
}

#[test]
fn every_file_has_a_layer() {
    for source in sources().iter().filter(|source| !source.module.is_empty()) {
        layer(&source.module);
    }
}

#[test]
fn a_name_counts_for_the_file_that_it_comes_from() {
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    let sources = sources();
    let from = origin(&sources, &path("stream::StreamError"));
    assert_eq!(from, path("stream::error::StreamError"));
    assert!(layer(&from) < layer(&path("feature")));
    assert!(layer(&path("feature")) < layer(&path("stream::sasl")));
}

#[test]
fn groups_and_outer_modules_are_followed() {
    let source = Source {
        module: vec!["a".to_owned(), "b".to_owned()],
        code: "use crate::x::{self, y::{Z, W}}; use super::c::D; fn f() { crate::v::g() }"
            .to_owned(),
    };
    let found: Vec<String> = paths(&source).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["x", "x::y::Z", "x::y::W", "v::g", "a::c::D"]);
}

/// The layer of a path; it ends in the program if the path is in none.
fn layer(path: &[String]) -> usize {
    for length in (1..=path.len()).rev() {
        let name = path[..length].join("::");
        if let Some(layer) = LAYERS.iter().position(|layer| layer.contains(&name.as_str())) {
            return layer;
        }
    }
    panic!("{} is in no layer: put it into the table", path.join("::"));
}

/// Where a name comes from that a `mod.rs` passes on with `pub use`.
fn origin(sources: &[Source], path: &[String]) -> Vec<String> {
    let Some((name, folder)) = path.split_last() else { return path.to_vec() };
    let Some(folder) = sources.iter().find(|source| source.module == folder) else {
        return path.to_vec();
    };
    let statements = folder.code.split(';').map(str::trim);
    for passed in statements.filter_map(|statement| statement.split_once("pub use ")) {
        for tail in tails(passed.1) {
            if tail.last() == Some(name) && tail.len() > 1 && tail[0] != "crate" {
                return [folder.module.clone(), tail].concat();
            }
        }
    }
    path.to_vec()
}

/// All paths into this crate, beginning with a module of it.
fn paths(source: &Source) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (start, _) in source.code.match_indices("crate::") {
        paths.extend(tails(&source.code[start + "crate::".len()..]));
    }
    for (start, _) in source.code.match_indices("super::") {
        // `super::super::` is taken at its first half.
        if source.code[..start].ends_with("super::") {
            continue;
        }
        let mut rest = &source.code[start..];
        let mut module = source.module.clone();
        while let Some(outer) = rest.strip_prefix("super::") {
            module.pop();
            rest = outer;
        }
        paths.extend(tails(rest).into_iter().map(|tail| [module.clone(), tail].concat()));
    }
    paths.retain(|path| !path.is_empty());
    paths
}

/// `a::{b, c::D}` into `a::b` and `a::c::D`.
fn tails(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        return split_group(group).into_iter().flat_map(tails).collect();
    }
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name == "self" {
        return vec![Vec::new()];
    }
    let more = rest.strip_prefix("::").map_or(vec![Vec::new()], tails);
    more.into_iter().map(|tail| [vec![name.to_owned()], tail].concat()).collect()
}

/// The parts of a group, up to the brace that closes it.
fn split_group(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// All files but `main.rs` and `lib.rs`, which name everything, without comments and tests.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .iter()
        .map(|file| source(&root, file))
        .filter(|source| !source.module.is_empty())
        .collect()
}

fn source(root: &Path, file: &Path) -> Source {
    let text = fs::read_to_string(file).unwrap();
    let code: String = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]" || !text.contains("mod tests {"))
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect();
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Vec<String> =
        relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    module.retain(|part| !["mod", "main", "lib"].contains(&part.as_str()));
    Source { module, code }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            collect(&path, files);
        } else if name.ends_with(".rs") && name != "tests.rs" && name != "properties.rs" {
            files.push(path);
        }
    }
}
