//! Web origins (RFC 6454 §6.1), and the address at which a host's own pages are.

use super::value::Text;

/// `https://chat.example.org`, or `*` for every one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Whether this is the origin that a browser names, which writes it in lower case.
    pub fn allows(&self, origin: &str) -> bool {
        self.0 == "*" || self.0.eq_ignore_ascii_case(origin)
    }
}

impl Text for Origin {
    const NOUN: &'static str = "a web origin";
    const SAMPLE: &'static str = "\"https://chat.example.org\"";

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Origin(text.to_owned()));
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match rest {
            Some(rest) if is_authority(rest) => Ok(Origin(text.to_ascii_lowercase())),
            _ => Err(format!(
                "\"{text}\" is no web origin; write scheme, host and port alone, as in \
                 \"https://chat.example.org\", or \"*\""
            )),
        }
    }
}

/// `https://chat.example.org`: where a host's pages and files are, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress(String);

impl WebAddress {
    /// That of a machine and a port.
    pub fn of(host: &str, port: u16) -> Self {
        WebAddress(format!("https://{host}:{port}"))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host alone, without its port: the name that a certificate has to have.
    pub fn host(&self) -> &str {
        let authority = self.0.strip_prefix("https://").unwrap_or_default();
        match authority.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }
}

impl Text for WebAddress {
    const NOUN: &'static str = "the address of a web server";
    const SAMPLE: &'static str = "\"https://chat.example.org\"";

    fn from_text(text: &str) -> Result<Self, String> {
        match text.strip_prefix("https://") {
            Some(rest) if is_authority(rest) => Ok(WebAddress(text.to_ascii_lowercase())),
            _ => Err(format!(
                "\"{text}\" is no address of a web server; write it without a path, as in \
                 \"https://chat.example.org\" or \"https://chat.example.org:8443\""
            )),
        }
    }
}

/// RFC 3986 §3.2, without user names.
fn is_authority(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    !text.is_empty() && text.len() <= 255 && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = Origin::from_text("https://Chat.example.org:8443").unwrap();
        assert!(origin.allows("https://chat.example.org:8443"));
        assert!(!origin.allows("https://chat.example.org"));
        assert!(Origin::from_text("*").unwrap().allows("http://anything.example"));
        for text in ["", "chat.example.org", "https://", "https://a/b", "ftp://a", "https://a@b"] {
            assert!(Origin::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_host_of_a_web_address_has_no_port() {
        let host = |text| WebAddress::from_text(text).unwrap().host().to_owned();
        assert_eq!(host("https://chat.example.org:8443"), "chat.example.org");
        assert_eq!(host("https://chat.example.org"), "chat.example.org");
        assert_eq!(host("https://[::1]:8443"), "[::1]");
        assert!(WebAddress::from_text("http://chat.example.org").is_err());
        assert!(WebAddress::from_text("https://chat.example.org/").is_err());
    }
}
