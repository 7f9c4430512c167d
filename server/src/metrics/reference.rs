//! `docs/metrics.md`, made of what is declared, so that it cannot say anything else.

use std::fmt::Write;

use super::families::{CertificateReading, Family, HostReading, Kind, Levels};
use super::{Holdings, Metrics, Point};

const INTRODUCTION: &str = "\
# Metrics

`GET /metrics` on the local listener (`listen.local`, by default `http://127.0.0.1:5280/metrics`) answers with
everything below as OpenMetrics text. No number names an account, an address or what was written: labels
are domains of this server and the closed sets that are listed here.

Written from `server/src/metrics/families.rs` by `CLOISTER_REGENERATE=1 cargo test documents`.

## Prometheus

```yaml
scrape_configs:
  - job_name: cloister
    static_configs:
      - targets: ['127.0.0.1:5280']
rule_files:
  - cloister-alerts.yml # docs/alerts.yml of the sources
```

`/health/live` answers 200 as long as the server answers at all; `/health/ready` (and `/health`) answers 200 if it
can do what it is for, otherwise 503, with the reasons as JSON. `cloister status` tells much of this on the command
line.

## What is told

";

/// The page.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("| Name | Kind | Labels | What it is |\n|---|---|---|---|\n");
    for family in Metrics::default().families(&example()) {
        let Family { help, kind, .. } = family;
        let (name, labels) = (full_name(&family), labels(&family));
        // Writing to a String cannot fail.
        writeln!(page, "| `{name}` | {} | {labels} | {help} |", word(kind)).unwrap_or_default();
    }
    page
}

/// One of each that there may be any number of.
fn example() -> Levels {
    let domain = "DOMAIN".to_owned();
    let certificate = CertificateReading { domain: domain.clone(), ..Default::default() };
    let host = HostReading { domain, accounts: 0 };
    Levels {
        holdings: Holdings { hosts: vec![host], ..Holdings::default() },
        certificates: vec![certificate],
        disk_free: Some(0),
        ..Levels::default()
    }
}

/// As it stands in the text.
fn full_name(family: &Family) -> String {
    let unit = family.unit.as_ref().map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
    let ending = match family.kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        Kind::Gauge | Kind::Histogram => "",
    };
    format!("{}{unit}{ending}", family.name)
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
    }
}

/// Each label with its values.
fn labels(family: &Family) -> String {
    let mut labels: Vec<(&str, Vec<&str>)> = Vec::new();
    for Point { labels: of_point, .. } in &family.points {
        for (name, value) in of_point {
            match labels.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) if values.contains(&value.as_str()) => {}
                Some((_, values)) => values.push(value),
                None => labels.push((name, vec![value])),
            }
        }
    }
    // The version changes; what it is called does not.
    let values = |name: &str, values: Vec<&str>| match name {
        "version" => "VERSION".to_owned(),
        _ => values.join(", "),
    };
    let labels = labels.into_iter().map(|(name, all)| format!("`{name}`: {}", values(name, all)));
    labels.collect::<Vec<_>>().join("; ")
}
