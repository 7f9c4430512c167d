//! The name at the end of a URL.
//!
//! XEP-0363 §"Requesting a slot": the service SHOULD keep it, and above all its ending, intact. Nothing is
//! called so on the disk; but clients save what they fetch under this name, and show it, so that it can be
//! neither a path nor a command to a terminal.

use std::fmt::Write;

/// The longest name, in bytes: what file systems take, with room for what browsers append.
const LONGEST: usize = 200;

/// The longest ending that is kept when a name is cut, with its dot.
const LONGEST_ENDING: usize = 16;

/// What a file is called that has no usable name.
const NAMELESS: &str = "file";

/// A name that is safe to save a file under, as much like the given one as possible.
pub fn sanitized(name: &str) -> String {
    let name: String = name.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    // A hidden file shows itself, and Windows drops what is at the end by itself.
    let is_outside = |c: char| c == '.' || c.is_whitespace();
    let name = cut(name.trim_matches(is_outside));
    match name.trim_matches(is_outside) {
        "" => NAMELESS.to_owned(),
        name => name.to_owned(),
    }
}

/// As it stands in a URL. RFC 3986 §2.3: everything but the unreserved characters is percent-encoded.
pub fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            // Writing to a String cannot fail.
            other => write!(out, "%{other:02X}").unwrap_or_default(),
        }
    }
    out
}

/// Whether a part of a URL is this name, however it is encoded.
pub fn is(name: &str, encoded: &str) -> bool {
    decoded(encoded).is_some_and(|bytes| bytes == name.as_bytes())
}

/// RFC 3986 §2.1; nothing if a `%` is not followed by two digits.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            other => other,
        });
    }
    Some(out)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// What separates paths, what Windows refuses in names, what terminals obey, and what shows a name in
/// another order than it has (`gpj.exe` as `exe.jpg`).
fn is_unsafe(c: char) -> bool {
    let directs = matches!(c, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    let is_syntax = matches!(c, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*');
    c.is_control() || directs || is_syntax
}

/// Cuts a long name before its ending.
fn cut(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let at = name.rfind('.').filter(|at| name.len() - at <= LONGEST_ENDING);
    let (stem, ending) = at.and_then(|at| name.split_at_checked(at)).unwrap_or((name, ""));
    let kept = stem.floor_char_boundary(LONGEST - ending.len());
    format!("{}{ending}", stem.get(..kept).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_name_stays_as_it_is() {
        for name in ["a.jpg", "très cool.jpg", "写真.png", "a.tar.gz", "no ending", "a+b&c=d.txt"]
        {
            assert_eq!(sanitized(name), name);
        }
    }

    #[test]
    fn a_name_is_never_a_path() {
        for (name, safe) in [
            ("../../etc/passwd", "_.._etc_passwd"),
            ("..\\..\\boot.ini", "_.._boot.ini"),
            ("/etc/passwd", "_etc_passwd"),
            ("..", "file"),
            (".", "file"),
            ("", "file"),
            (" . ", "file"),
            (".htaccess", "htaccess"),
            ("C:autoexec.bat", "C_autoexec.bat"),
            ("a.jpg.", "a.jpg"),
        ] {
            assert_eq!(sanitized(name), safe, "{name}");
        }
    }

    #[test]
    fn what_would_end_a_header_or_turn_the_text_around_is_replaced() {
        for c in ['\0', '\r', '\n', '\u{7F}', '\u{9B}', '"', '\u{202E}', '\u{2066}', '\u{FEFF}'] {
            assert_eq!(sanitized(&format!("a{c}b.txt")), "a_b.txt");
        }
    }

    #[test]
    fn a_long_name_is_cut_before_its_ending() {
        let name = sanitized(&format!("{}.jpeg", "x".repeat(4096)));
        assert_eq!((name.len(), name.ends_with("x.jpeg")), (200, true));
        let name = sanitized(&"ü".repeat(4096));
        assert_eq!((name.len(), name.chars().all(|c| c == 'ü')), (200, true));
        let name = sanitized(&format!("a.{}", "ü".repeat(4096)));
        assert!(name.len() <= 200 && name.starts_with("a.ü"), "{name}");
    }

    #[test]
    fn a_sanitized_name_does_not_change_any_more() {
        for name in
            ["../x", "a\0b", " . a . ", &"é".repeat(300), &format!("{}. .x", "y".repeat(198))]
        {
            let once = sanitized(name);
            assert_eq!(sanitized(&once), once);
        }
    }

    #[test]
    fn in_a_url_everything_but_the_unreserved_is_encoded() {
        assert_eq!(encoded("très cool.jpg"), "tr%C3%A8s%20cool.jpg");
        assert_eq!(encoded("a-b_c~d.e"), "a-b_c~d.e");
        assert_eq!(encoded("a/b?c#d%&+'"), "a%2Fb%3Fc%23d%25%26%2B%27");
    }

    #[test]
    fn a_name_is_found_however_it_is_encoded() {
        assert!(is("très cool.jpg", "tr%C3%A8s%20cool.jpg"));
        assert!(is("très cool.jpg", "tr%c3%a8s%20c%6Fol.jpg"));
        assert!(is("(a).jpg", "(a).jpg"));
        assert!(!is("a.jpg", "A.jpg"));
        assert!(!is("a b.jpg", "a+b.jpg"));
        for text in ["a%", "a%2", "a%zz", "%+1", "a.jpg%00", "..%2fa.jpg", ""] {
            assert!(!is("a.jpg", text), "{text}");
        }
    }
}
