//! A reader of OpenMetrics 1.0 that takes nothing for granted: what is not allowed fails the test.

use std::collections::{BTreeMap, BTreeSet};

use super::http::Http;
use super::server::Cloister;

/// What monitoring was told.
#[derive(Debug, Default)]
pub struct Told {
    /// The text.
    pub text: String,
    /// Kind and unit of each family by its name.
    pub families: BTreeMap<String, (String, Option<String>)>,
    /// Each number by its name and labels as they are written: `name{label="value"}`.
    pub samples: BTreeMap<String, f64>,
}

impl Cloister {
    /// Asks as monitoring does.
    pub async fn metrics(&self) -> Told {
        let answer = Http::clear(self.local(), "127.0.0.1:5280").await.get("/metrics").await;
        assert_eq!(answer.status, 200);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(answer.header("content-type"), Some(kind));
        Told::read(String::from_utf8(answer.body).unwrap())
    }
}

impl Told {
    /// The number of that name and these labels.
    pub fn number(&self, name: &str) -> f64 {
        *self.samples.get(name).unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// By how much it is more than before.
    pub fn since(&self, before: &Told, name: &str) -> f64 {
        self.number(name) - before.number(name)
    }

    /// Reads the text.
    pub fn read(text: String) -> Self {
        let mut told = Told { text: text.clone(), ..Told::default() };
        let text = text.strip_suffix("# EOF\n").expect("the text ends with # EOF and a line break");
        let mut current = String::new();
        for line in text.lines() {
            match line.strip_prefix("# ") {
                Some(line) => told.descriptor(line, &mut current),
                None => told.sample(line, &current),
            }
        }
        told.histograms();
        told
    }

    fn descriptor(&mut self, line: &str, current: &mut String) {
        let (word, rest) = line.split_once(' ').expect("a word");
        let (name, rest) = rest.split_once(' ').expect("a name");
        is_name(name);
        if name != current {
            assert!(!self.families.contains_key(name), "{name} is torn apart");
            *current = name.to_owned();
            self.families.insert(name.to_owned(), Default::default());
        }
        let family = self.families.get_mut(name).unwrap();
        assert!(
            !self.samples.keys().any(|known| known.starts_with(&format!("{name}{{"))),
            "{line}"
        );
        match word {
            "HELP" => assert!(rest.ends_with('.') && !rest.contains('\\'), "{line}"),
            "TYPE" => family.0 = rest.to_owned(),
            "UNIT" => {
                assert!(name.ends_with(&format!("_{rest}")), "{line}");
                family.1 = Some(rest.to_owned());
            }
            other => panic!("what is {other}?"),
        }
    }

    fn sample(&mut self, line: &str, current: &str) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        is_name(name);
        let labels = labels.strip_suffix('}').expect("the end of the labels");
        let kind = self.families[current].0.as_str();
        let ending = name.strip_prefix(current).unwrap_or_else(|| panic!("{line} below {current}"));
        let allowed: &[&str] = match kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_sum", "_count", "_bucket"],
            other => panic!("{current} is {other}"),
        };
        assert!(allowed.contains(&ending), "{line}: {kind}");
        let mut names = BTreeSet::new();
        for (label, value) in pairs(labels) {
            is_name(label);
            assert!(!value.contains(['\\', '"', '\n']), "{line}");
            assert!(names.insert(label), "{line}: {label} twice");
        }
        let value: f64 = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(value >= 0.0 && value.is_finite(), "{line}");
        assert!(self.samples.insert(series.to_owned(), value).is_none(), "{series} twice");
    }

    /// Ranges are cumulative, ascend, and end with all.
    fn histograms(&self) {
        for (name, (kind, _)) in &self.families {
            let start = format!("{name}_bucket{{");
            let buckets = self.text.lines().filter_map(|line| line.strip_prefix(start.as_str()));
            let mut last: BTreeMap<String, (f64, f64)> = BTreeMap::new();
            for bucket in buckets {
                assert_eq!(kind, "histogram", "{name}");
                let (labels, count) = bucket.rsplit_once("} ").unwrap();
                let pairs: Vec<_> = pairs(labels).collect();
                let bound = pairs.iter().find(|(label, _)| *label == "le").expect("le").1;
                let bound = bound.replace("+Inf", "inf").parse().unwrap();
                let others = pairs.iter().filter(|(label, _)| *label != "le");
                let key = others.map(|(label, value)| format!("{label}=\"{value}\"")).collect();
                let now = (bound, count.parse().unwrap());
                if let Some(before) = last.insert(key, now) {
                    assert!(before.0 < now.0 && before.1 <= now.1, "{name} {bucket}");
                }
            }
            for (key, (bound, count)) in last {
                assert_eq!(bound, f64::INFINITY, "{name}{{{key}}}");
                let labels = if key.is_empty() { String::new() } else { format!("{{{key}}}") };
                assert_eq!(self.number(&format!("{name}_count{labels}")), count);
                self.number(&format!("{name}_sum{labels}"));
            }
        }
    }
}

/// Labels; no value of ours holds a comma or a quotation mark.
fn pairs(labels: &str) -> impl Iterator<Item = (&str, &str)> {
    labels.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').expect("a value");
        (name, value.strip_prefix('"').and_then(|it| it.strip_suffix('"')).expect("quoted"))
    })
}

fn is_name(name: &str) {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_letter),
        "{name}"
    );
}
