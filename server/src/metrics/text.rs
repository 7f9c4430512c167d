//! OpenMetrics 1.0, the text that monitoring reads.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::registry::Registry;

use super::families::{Family, Kind, Value};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes everything.
///
/// # Errors
/// None that could happen: a text takes whatever is written into it.
pub fn text(families: Vec<Family>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Families(families)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Families(Vec<Family>);

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        // What has no number says nothing by its name alone.
        for family in self.0.iter().filter(|family| !family.points.is_empty()) {
            let (unit, kind) = (family.unit.as_ref(), family.kind.metric_type());
            let mut described = encoder.encode_descriptor(family.name, family.help, unit, kind)?;
            write(family, &mut described)?;
        }
        Ok(())
    }
}

fn write(family: &Family, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    for point in &family.points {
        if family.kind == Kind::Info {
            encoder.encode_info(&point.labels)?;
        } else if point.labels.is_empty() {
            write_value(family.kind, &point.value, encoder)?;
        } else {
            write_value(family.kind, &point.value, &mut encoder.encode_family(&point.labels)?)?;
        }
    }
    Ok(())
}

fn write_value(kind: Kind, value: &Value, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Whole(value)) => {
            encoder.encode_counter::<NoLabelSet, u64, f64>(value, None)
        }
        (Kind::Counter, Value::Real(value)) => {
            encoder.encode_counter::<NoLabelSet, f64, f64>(value, None)
        }
        (_, Value::Whole(value)) => encoder.encode_gauge(value),
        (_, Value::Real(value)) => encoder.encode_gauge(value),
        (_, Value::Many(many, divisor)) => {
            let bound = |bound: Option<u64>| bound.map_or(f64::INFINITY, |b| b as f64 / divisor);
            let ranges: Vec<_> =
                many.ranges.iter().map(|(end, count)| (bound(*end), *count)).collect();
            let count = many.ranges.iter().map(|(_, count)| count).sum();
            let sum = many.sum as f64 / divisor;
            encoder.encode_histogram::<NoLabelSet>(sum, count, &ranges, None)
        }
        (_, Value::None) => Ok(()),
    }
}
