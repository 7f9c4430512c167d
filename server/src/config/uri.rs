//! URIs at which people can be reached (XEP-0157), checked for their form.

use super::value::Text;

/// A URI: `mailto:abuse@example.org`, `xmpp:help@example.org`, `https://example.org/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri(String);

/// Clients show a handful; a longer one is a mistake in the file.
const LONGEST: usize = 1024;

impl Uri {
    /// The URI as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for Uri {
    const NOUN: &'static str = "a URI";
    const SAMPLE: &'static str = "\"mailto:abuse@example.org\"";

    fn from_text(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once(':').filter(|(s, _)| is_scheme(s)) else {
            return Err(no_scheme(text));
        };
        if text.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes; write a shorter URI"));
        }
        if !rest.chars().all(is_uri_char) || !escapes_are_whole(rest) {
            return Err(format!(
                "\"{text}\" holds a character that a URI may not; write it as % and two hexadecimal digits"
            ));
        }
        if !names_somebody(&scheme.to_ascii_lowercase(), rest) {
            return Err(format!(
                "\"{text}\" names nobody; write what follows \"{scheme}:\" in full"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

fn no_scheme(text: &str) -> String {
    if text.contains('@') {
        return format!(
            "\"{text}\" is an address and not a URI; write \"mailto:{text}\" or \"xmpp:{text}\""
        );
    }
    format!("\"{text}\" is not a URI; begin it with mailto:, xmpp: or https:")
}

/// RFC 3986 §3.1: a letter, then letters, digits, `+`, `-` and `.`.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// RFC 3986 §2: unreserved, reserved, and `%` of an escape.
fn is_uri_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
}

/// RFC 3986 §2.1: `%` is followed by two hexadecimal digits.
fn escapes_are_whole(text: &str) -> bool {
    let is_hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    text.split('%').skip(1).all(|after| {
        let bytes = after.as_bytes();
        is_hex(bytes.first()) && is_hex(bytes.get(1))
    })
}

/// Whether the schemes that we know have what makes them usable; others have anything.
fn names_somebody(scheme: &str, rest: &str) -> bool {
    match scheme {
        // RFC 6068 §2: an addr-spec.
        "mailto" => rest.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        }),
        "http" | "https" => rest.strip_prefix("//").is_some_and(|host| !host.is_empty()),
        _ => !rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uris_of_the_specification_are_accepted() {
        for text in [
            "mailto:abuse@shakespeare.lit",
            "xmpp:abuse@shakespeare.lit",
            "xmpp:admins@shakespeare.lit?message",
            "http://shakespeare.lit/support.php",
            "https://status.example.org/?a=%C3%BC",
            "tel:+41-44-000-0000",
        ] {
            assert_eq!(Uri::from_text(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "support",
            "support@example.org",
            ":x",
            "1a:x",
            "mailto:",
            "mailto:@example.org",
            "mailto:a@",
            "https:example.org",
            "https://",
            "https://example.org/a b",
            "https://example.org/ü",
            "https://example.org/%C",
            "https://example.org/%zz",
        ] {
            assert!(Uri::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bare_address_is_answered_with_the_uri_to_write() {
        let error = Uri::from_text("a@example.org").unwrap_err();
        assert!(error.contains("\"mailto:a@example.org\""), "{error}");
    }
}
