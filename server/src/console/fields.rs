//! What a form or an address of the console says, and addresses of the console.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::admin::Secret;
use crate::features::accounts::PASSWORD_MIN;
use crate::jid::{BareJid, Domain};

/// By name; of several with one name the last.
#[derive(Clone, Default)]
pub struct Fields(BTreeMap<String, String>);

/// What cannot be used as it was filled in. The operator reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

impl Fields {
    /// These.
    pub fn new(fields: BTreeMap<String, String>) -> Self {
        Fields(fields)
    }

    /// A field without blanks around it; what is missing is empty.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    /// A field that says something.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// A box that is ticked.
    pub fn is_set(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// The fields whose names begin like that, without the beginning.
    pub fn group(&self, prefix: &str) -> BTreeMap<String, String> {
        let of = |(name, value): (&String, &String)| {
            Some((name.strip_prefix(prefix)?.to_owned(), value.trim().to_owned()))
        };
        self.0.iter().filter_map(of).collect()
    }

    /// An address with a part before the `@`.
    ///
    /// # Errors
    /// It is none.
    pub fn account(&self, name: &str) -> Result<BareJid, Unusable> {
        account(self.text(name))
    }

    /// A domain, if one is named.
    ///
    /// # Errors
    /// It is none.
    pub fn domain(&self, name: &str) -> Result<Option<Domain>, Unusable> {
        let domain = self.some(name).map(Domain::parse).transpose();
        domain.map_err(|error| Unusable(format!("No domain: {error}; correct it.")))
    }

    /// A password that was typed, blanks and all.
    ///
    /// # Errors
    /// It is too short.
    pub fn password(&self, name: &str) -> Result<Secret, Unusable> {
        let text = self.0.get(name).cloned().unwrap_or_default();
        if text.chars().count() < PASSWORD_MIN {
            let text = format!(
                "The password has fewer than {PASSWORD_MIN} characters; choose a longer one."
            );
            return Err(Unusable(text));
        }
        Ok(Secret(text.into()))
    }
}

/// An address with a part before the `@`.
///
/// # Errors
/// It is none.
pub fn account(text: &str) -> Result<BareJid, Unusable> {
    let parsed = BareJid::parse(text);
    let parsed = parsed.map_err(|error| {
        Unusable(format!("No address: {error}; write it as in alice@example.org."))
    })?;
    match parsed.local() {
        Some(_) => Ok(parsed),
        None => Err(Unusable(format!("{parsed} is a domain; write it as in alice@{parsed}."))),
    }
}

impl Unusable {
    /// With this sentence.
    pub fn new(text: impl Into<String>) -> Self {
        Unusable(text.into())
    }
}

/// An address of the console with what it asks for.
pub fn link(path: &str, query: &[(&str, &str)]) -> String {
    let mut link = path.to_owned();
    let mut separator = if path.contains('?') { '&' } else { '?' };
    for (name, value) in query {
        link.push(separator);
        link.push_str(name);
        link.push('=');
        escape(value, &mut link);
        separator = '&';
    }
    link
}

/// RFC 3986 §2.3: everything but what needs no escaping anywhere.
fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => write!(out, "%{byte:02X}").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(of: &[(&str, &str)]) -> Fields {
        Fields(of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn an_address_of_the_console_may_ask_for_anything() {
        assert_eq!(link("/console/account", &[]), "/console/account");
        let asked = link("/console/account", &[("jid", "a&b=<c>@ü"), ("page", "2")]);
        assert_eq!(asked, "/console/account?jid=a%26b%3D%3Cc%3E%40%C3%BC&page=2");
        assert_eq!(link("/console?a=b", &[("c", "d")]), "/console?a=b&c=d");
    }

    #[test]
    fn what_is_missing_or_blank_says_nothing() {
        let fields = fields(&[("blank", "  "), ("name", " alice ")]);
        assert_eq!((fields.some("blank"), fields.some("other")), (None, None));
        assert_eq!(fields.text("name"), "alice");
    }

    #[test]
    fn an_account_has_a_name_and_a_domain() {
        let fields = fields(&[("good", "alice@localhost"), ("domain", "localhost"), ("bad", "@")]);
        assert!(fields.account("good").is_ok());
        assert!(fields.account("domain").is_err());
        assert!(fields.account("bad").is_err());
        assert!(fields.account("none").is_err());
    }

    #[test]
    fn a_short_password_is_refused() {
        let fields = fields(&[("short", "1234567"), ("long", "12345678")]);
        assert!(fields.password("short").is_err());
        assert!(fields.password("long").is_ok());
    }

    #[test]
    fn a_group_is_named_by_its_beginning() {
        let fields = fields(&[("set.name", " The choir "), ("room", "choir@rooms.localhost")]);
        let group = fields.group("set.");
        assert_eq!(group.into_iter().collect::<Vec<_>>(), [("name".into(), "The choir".into())]);
    }
}
