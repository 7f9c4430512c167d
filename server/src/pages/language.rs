//! The languages of the pages: each is one file in `server/locales/`, named by its tag (RFC 5646).
//!
//! A language is added by adding its file. `?lang=` decides, which the page's own links set;
//! without it the browser's `Accept-Language` (RFC 9110 §12.5.4); else it is English.

use std::sync::LazyLock;

use super::Texts;

/// One language, with all that pages say in it.
#[derive(Debug)]
pub struct Language {
    tag: &'static str,
    texts: Texts,
}

/// From the files, by build.rs: tag and text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/locales.rs"));

static ALL: LazyLock<Vec<Language>> =
    LazyLock::new(|| FILES.iter().filter_map(|(tag, text)| read(tag, text).ok()).collect());

/// What is read of an `Accept-Language`; browsers send about five.
const PREFERENCES: usize = 16;

impl Language {
    /// Every language, by tag.
    pub fn all() -> &'static [Language] {
        &ALL
    }

    /// What everything is in for whom nothing else fits.
    #[expect(clippy::expect_used, reason = "part of the binary; a test reads every language")]
    pub fn english() -> &'static Language {
        Self::tagged("en").expect("locales/en.toml")
    }

    /// The one for a visitor, by the `lang` of the query and the header `Accept-Language`.
    pub fn choose(asked: Option<&str>, accepted: Option<&str>) -> &'static Language {
        asked
            .and_then(Self::tagged)
            .or_else(|| preferences(accepted?).into_iter().find_map(Self::tagged))
            .unwrap_or_else(Self::english)
    }

    /// As it stands in `lang`: `de`.
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    /// In itself: `Deutsch`.
    pub fn name(&self) -> &str {
        &self.texts.name
    }

    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// RFC 4647 §3.4, look-up: `de-AT` finds `de`.
    fn tagged(range: &str) -> Option<&'static Language> {
        let exact = ALL.iter().find(|language| language.tag.eq_ignore_ascii_case(range));
        exact.or_else(|| Self::tagged(range.rsplit_once('-')?.0))
    }
}

/// `text` with each `{name}` replaced; a value is not looked at again.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        out.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        out.push_str(value.unwrap_or_default());
        rest = behind;
    }
    out.push_str(rest);
    out
}

fn read(tag: &'static str, text: &str) -> Result<Language, toml::de::Error> {
    Ok(Language { tag, texts: toml::from_str(text)? })
}

/// The ranges from the dearest to the least, without those that are refused by `q=0`.
fn preferences(header: &str) -> Vec<&str> {
    let mut ranges: Vec<(&str, u16)> = header
        .split(',')
        .take(PREFERENCES)
        .map(weighed)
        .filter(|(_, weight)| *weight > 0)
        .collect();
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    ranges.into_iter().map(|(range, _)| range).collect()
}

/// `de;q=0.8` in thousandths; a weight that is none counts as nothing.
fn weighed(part: &str) -> (&str, u16) {
    let (range, weight) = part.split_once(';').unwrap_or((part, "q=1"));
    let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
    let weight = weight.filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(0.0);
    // Between 0 and 1000.
    (range.trim(), (weight * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{FILES, Language, fill, read};

    /// `invite.title` and its text, of one file.
    fn entries(text: &str) -> BTreeMap<String, String> {
        fn walk(at: &str, table: &toml::Table, into: &mut BTreeMap<String, String>) {
            for (key, value) in table {
                let path = format!("{at}{key}");
                match value {
                    toml::Value::Table(inner) => walk(&format!("{path}."), inner, into),
                    other => {
                        into.insert(path, other.as_str().expect("a text").to_owned());
                    }
                }
            }
        }
        let mut all = BTreeMap::new();
        walk("", &text.parse().unwrap(), &mut all);
        all
    }

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).map(|part| part.split_once('}').expect("an end").0).collect()
    }

    #[test]
    fn every_language_has_every_text() {
        for (tag, text) in FILES {
            let language = read(tag, text).unwrap_or_else(|error| panic!("{tag}.toml: {error}"));
            assert_eq!(language.tag(), *tag);
        }
        assert_eq!(Language::all().len(), FILES.len());
    }

    #[test]
    fn every_language_names_the_same_values_in_a_text() {
        let english = entries(FILES.iter().find(|(tag, _)| *tag == "en").unwrap().1);
        for (tag, text) in FILES {
            let own = entries(text);
            assert!(own.keys().eq(english.keys()), "{tag}");
            for (key, text) in own {
                assert!(!text.trim().is_empty(), "{tag} {key}");
                assert_eq!(placeholders(&text), placeholders(&english[&key]), "{tag} {key}");
            }
        }
    }

    #[test]
    fn the_query_counts_more_than_the_browser() {
        assert_eq!(Language::choose(Some("de"), Some("en")).tag(), "de");
        assert_eq!(Language::choose(Some("xx"), Some("de")).tag(), "de");
        assert_eq!(Language::choose(None, None).tag(), "en");
    }

    #[test]
    fn a_browser_names_languages_by_weight() {
        let header = "fr;q=0.9, en;q=0.5, de-AT;q=0.7, *;q=0.1";
        assert_eq!(Language::choose(None, Some(header)).tag(), "de");
        assert_eq!(Language::choose(None, Some("de;q=0, en;q=0.1")).tag(), "en");
        assert_eq!(Language::choose(None, Some("de;q=nan,;;,,=")).tag(), "en");
    }

    #[test]
    fn a_value_is_not_filled_again() {
        let values = [("a", "{b}"), ("b", "no")];
        assert_eq!(fill("x {a} y {c}z{", &values), "x {b} y z{");
    }
}
