//! Small pictures of numbers as SVG: a line over time, and bars that share something out.
//!
//! Coordinates are whole numbers in a box of our own; colours come from the stylesheet by class.
//! Each is an image with a text for whoever does not see it, and the numbers belong beside it.

use std::fmt::Write as _;

use super::{Markup, escaped};

const WIDTH: usize = 300;
const HEIGHT: usize = 60;
/// So that the line is not cut off at the edge.
const MARGIN: usize = 3;

/// The last values as a line with the area below it filled, from zero to the greatest; the oldest
/// first. `label` says what it shows ("Messages a minute, now 12, at most 40"). At most the last 300 are drawn.
pub fn sparkline(values: &[u64], label: &str) -> Markup {
    let values = values.get(values.len().saturating_sub(WIDTH)..).unwrap_or(values);
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let last = values.len().saturating_sub(1).max(1);
    let mut line = String::new();
    for (n, &value) in values.iter().enumerate() {
        let separator = if n == 0 { "M" } else { "L" };
        write!(line, "{separator}{} {}", n * WIDTH / last, height(value, top)).unwrap_or_default();
    }
    let shapes = if values.is_empty() {
        String::new()
    } else {
        let end = (values.len() - 1) * WIDTH / last;
        format!(
            "<path class=\"area\" d=\"{line}L{end} {HEIGHT}L0 {HEIGHT}z\"/>\
             <path class=\"line\" d=\"{line}\" vector-effect=\"non-scaling-stroke\"/>"
        )
    };
    image("sparkline", label, &shapes)
}

/// Values as columns from zero to the greatest, the oldest first; at most the last 60.
pub fn bars(values: &[u64], label: &str) -> Markup {
    let values = values.get(values.len().saturating_sub(60)..).unwrap_or(values);
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let step = WIDTH / values.len().max(1);
    // A fifth of each is the gap to the next.
    let wide = (step * 4 / 5).max(1);
    let mut shapes = String::new();
    for (n, &value) in values.iter().enumerate() {
        let y = if value == 0 { HEIGHT - 1 } else { height(value, top) };
        write!(
            shapes,
            "<rect class=\"bar\" x=\"{}\" y=\"{y}\" width=\"{wide}\" height=\"{}\"/>",
            n * step,
            HEIGHT - y
        )
        .unwrap_or_default();
    }
    image("bars", label, &shapes)
}

/// How much of something is used, as one bar.
pub fn meter(used: u64, all: u64, label: &str) -> Markup {
    let part = (u128::from(used) * 100 / u128::from(all.max(1))).min(100);
    let state = match part {
        0..80 => "good",
        80..95 => "warn",
        _ => "full",
    };
    Markup(format!(
        "<svg class=\"meter {state}\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 100 4\" \
         preserveAspectRatio=\"none\"><rect class=\"all\" width=\"100\" height=\"4\"/>\
         <rect class=\"used\" width=\"{part}\" height=\"4\"/></svg>",
        escaped(label)
    ))
}

fn image(class: &str, label: &str, shapes: &str) -> Markup {
    Markup(format!(
        "<svg class=\"chart {class}\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         preserveAspectRatio=\"none\">{shapes}</svg>",
        escaped(label)
    ))
}

/// From the upper edge down; `top` is not zero.
fn height(value: u64, top: u64) -> usize {
    let room = (HEIGHT - MARGIN) as u128;
    let up = u128::from(value.min(top)) * room / u128::from(top);
    HEIGHT.saturating_sub(usize::try_from(up).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{bars, meter, sparkline};

    #[test]
    fn nothing_and_one_value_and_the_greatest_are_drawn() {
        for values in [&[][..], &[0], &[7], &[u64::MAX, 0, u64::MAX]] {
            for picture in [sparkline(values, "Messages"), bars(values, "Messages")] {
                assert!(picture.to_string().ends_with("</svg>"), "{picture}");
            }
        }
    }

    #[test]
    fn the_greatest_value_reaches_the_top_and_zero_the_ground() {
        let line = sparkline(&[0, 10], "x").to_string();
        assert!(line.contains("d=\"M0 60L300 3\""), "{line}");
    }

    #[test]
    fn a_meter_is_never_longer_than_its_scale() {
        let full = meter(9, 3, "x").to_string();
        assert!(
            full.contains("width=\"100\" height=\"4\"/></svg>") && full.contains("full"),
            "{full}"
        );
        assert!(meter(1, 0, "x").to_string().contains("meter full"));
    }

    #[test]
    fn a_picture_has_neither_style_nor_an_open_label() {
        let line = sparkline(&[1, 2], "<b>\"").to_string();
        assert!(!line.contains("style=") && !line.contains("<b>"), "{line}");
    }
}
