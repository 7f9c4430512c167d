//! Nix store paths: recognised, never written.
//!
//! The store is readable by every user of the machine and its paths are copied to caches, so a
//! secret must not lie in it. `nix-compat` in the crate registry is an empty placeholder; this
//! file does the little we need and is shaped so that a published `nix-compat` can replace its
//! inside.

use std::path::{Component, Path};

/// Where the store is. Nix can be built with another place, NixOS cannot.
pub const STORE_DIR: &str = "/nix/store";

/// Length of the hash in a store path: 160 bits, five to a character.
const HASH_CHARS: usize = 32;

/// The longest name that Nix accepts.
const NAME_MAX_BYTES: usize = 211;

/// Nix' base-32 digits: without `e`, `o`, `t` and `u`, so that no hash spells a word.
const BASE32: &str = "0123456789abcdfghijklmnpqrsvwxyz";

/// The object of the store that a path belongs to: `/nix/store/<hash>-<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StorePath {
    hash: String,
    name: String,
}

impl StorePath {
    /// The 32 characters that identify the object.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Name and version, as in `cloister-0.1.0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn parse(base: &str) -> Option<Self> {
        let (hash, name) = base.split_at_checked(HASH_CHARS)?;
        let name = name.strip_prefix('-')?;
        let valid = hash.chars().all(|c| BASE32.contains(c)) && is_name(name);
        valid.then(|| Self { hash: hash.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for StorePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{STORE_DIR}/{}-{}", self.hash, self.name)
    }
}

/// Whether `path` lies in the Nix store, as written: resolve symbolic links first where they
/// matter.
pub fn in_nix_store(path: &Path) -> bool {
    path.starts_with(STORE_DIR)
}

/// The store object that `path` is, or lies in. `None` outside of the store and for what is in
/// the store's folder without being an object, such as `.links`.
pub fn store_path(path: &Path) -> Option<StorePath> {
    let inside = path.strip_prefix(STORE_DIR).ok()?;
    match inside.components().next()? {
        Component::Normal(base) => StorePath::parse(base.to_str()?),
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+-._?=".contains(c);
    (1..=NAME_MAX_BYTES).contains(&name.len()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "/nix/store/0c6kzph7l0dcbfmjap64f0czdafn3b7x-cloister-0.1.0";

    #[test]
    fn a_store_path_has_a_hash_and_a_name() {
        let found = store_path(Path::new(OBJECT)).unwrap();
        assert_eq!(found.hash(), "0c6kzph7l0dcbfmjap64f0czdafn3b7x");
        assert_eq!(found.name(), "cloister-0.1.0");
        assert_eq!(found.to_string(), OBJECT);
    }

    #[test]
    fn a_file_inside_an_object_belongs_to_it() {
        let file = Path::new(OBJECT).join("bin/cloister");
        assert_eq!(store_path(&file), store_path(Path::new(OBJECT)));
    }

    #[test]
    fn what_only_looks_like_the_store_is_not_in_it() {
        for path in ["/nix/storehouse/key", "/nix", "/home/nix/store/key", "nix/store/key"] {
            assert!(!in_nix_store(Path::new(path)), "{path}");
            assert_eq!(store_path(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn a_path_in_the_store_without_a_hash_is_no_object() {
        for base in [
            "",
            ".links",
            "0c6kzph7l0dcbfmjap64f0czdafn3b7x",
            "0c6kzph7l0dcbfmjap64f0czdafn3b7x-",
            "0c6kzph7l0dcbfmjap64f0czdafn3b7e-letter-e",
            "0c6kzph7l0dcbfmjap64f0czdafn3b7x-sp ace",
            "äc6kzph7l0dcbfmjap64f0czdafn3b7-umlaut",
        ] {
            let path = Path::new(STORE_DIR).join(base);
            assert!(in_nix_store(&path), "{base}");
            assert_eq!(store_path(&path), None, "{base}");
        }
    }
}
