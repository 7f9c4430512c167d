//! QR codes (ISO/IEC 18004) as SVG.
//!
//! Always dark on light and with the quiet zone of four modules that the standard asks for, also
//! on a dark page: many readers do not find an inverted code.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

use super::{Markup, escaped};

/// Modules around the code.
const QUIET: i32 = 4;

/// `text` as an image that `label` describes to whoever does not see it. Nothing when the text is
/// longer than a code can hold (2,331 octets).
pub fn svg(text: &str, label: &str) -> Option<Markup> {
    // Medium: a camera forgives a smudged screen, and the modules stay large.
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let side = code.size() + 2 * QUIET;
    let label = escaped(label);
    Some(Markup(format!(
        "<svg class=\"qr\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {side} {side}\" \
         shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path fill=\"#000\" d=\"{}\"/></svg>",
        dark(&code)
    )))
}

/// One rectangle for each run of dark modules in a row.
fn dark(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|&x| code.get_module(x, y)).count();
            let run = i32::try_from(run).unwrap_or(0);
            if run > 0 {
                // Writing to a String cannot fail.
                write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET).unwrap_or_default();
            }
            x += run.max(1);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::svg;

    #[test]
    fn a_code_is_dark_on_light_with_a_quiet_zone() {
        let code = svg("https://chat.example/invite/abc", "Link").unwrap().to_string();
        assert!(code.contains("fill=\"#fff\"") && code.contains("fill=\"#000\""));
        // The finder pattern's upper edge begins four modules from the corner.
        assert!(code.contains("d=\"M4 4h7v1h-7z"), "{code}");
    }

    #[test]
    fn a_label_cannot_leave_its_attribute() {
        let code = svg("x", "\"><script>").unwrap().to_string();
        assert!(!code.contains("<script>"), "{code}");
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        assert!(svg(&"x".repeat(3000), "Link").is_none());
    }
}
