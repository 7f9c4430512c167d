//! A QR code on a terminal: two modules to a character, upper and lower half.
//!
//! Our choice: the colours are said. A code has to be dark on light to be read by every phone, and
//! nobody knows which of the two a terminal's own background is.

use qrcodegen::{QrCode, QrCodeEcc};

use super::output::say_drawn;

/// Modules of light around a code (ISO/IEC 18004); two are enough on a screen, where the frame is light
/// as well.
const QUIET: i32 = 2;

/// Black on white, from the palette that themes leave alone.
const COLOURS: &str = "\x1b[38;5;16;48;5;231m";

/// Back to the terminal's own.
const PLAIN: &str = "\x1b[0m";

/// Draws a text as a QR code. Nothing is drawn if it is too long for one.
pub(super) fn draw(text: &str) -> anyhow::Result<()> {
    match lines(text) {
        Some(lines) => {
            let line = |line: String| format!("{COLOURS}{line}{PLAIN}\n");
            say_drawn(&lines.into_iter().map(line).collect::<String>())
        }
        None => Ok(()),
    }
}

fn lines(text: &str) -> Option<Vec<String>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Low).ok()?;
    let places = -QUIET..code.size() + QUIET;
    let character = |x, y| match (code.get_module(x, y), code.get_module(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    let line = |y| places.clone().map(|x| character(x, y)).collect();
    Some(places.clone().step_by(2).map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_finder_in_three_corners_and_light_around() {
        let lines = lines("https://example.org/invite/abc").unwrap();
        let width = lines[0].chars().count();
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert!(lines[0].chars().all(|c| c == ' '), "light above");
        assert!(lines.iter().all(|line| line.starts_with("  ")), "light beside");
        assert!(lines[1].starts_with("  █▀▀▀▀▀█ "), "{}", lines[1]);
        assert!(lines[1].ends_with(" █▀▀▀▀▀█  "), "{}", lines[1]);
        assert_eq!(lines.len(), width.div_ceil(2));
    }

    #[test]
    fn what_is_too_long_for_a_code_has_none() {
        assert_eq!(lines(&"a".repeat(5000)), None);
    }
}
