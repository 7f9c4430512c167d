//! XEP-0004: a form that somebody has filled in for a command (XEP-0050), read field by field.

use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// What was filled in. It may hold a password, so nothing of it is shown by debugging.
#[derive(Clone, Default)]
pub struct Filled(Vec<(String, Vec<String>)>);

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Filled({} fields)", self.0.len())
    }
}

impl Filled {
    /// Reads a form that answers one of this FORM_TYPE.
    ///
    /// # Errors
    /// `bad-payload`: it is no form that was filled in, or another one.
    pub fn read(form: &Element, form_type: Option<&str>) -> Result<Self, StanzaError> {
        // XEP-0050 §3.5.1: "consider any <x type='cancel'/> to be <x type='submit'/>".
        if !matches!(form.attr("type"), Some("submit" | "cancel")) {
            return Err(bad_payload("a form that was filled in, please"));
        }
        let fields = form.children().filter(|child| child.is(ns::DATA_FORMS, "field"));
        let read = |field: &Element| {
            let values = field.children().filter(|child| child.is(ns::DATA_FORMS, "value"));
            let values = values.map(|value| value.text().into_owned()).collect();
            (field.attr("var").unwrap_or_default().to_owned(), values)
        };
        let filled = Filled(fields.map(read).collect());
        // The session says which form it is, so a client that leaves the hidden field out is understood.
        let is_other = |value: &str| form_type.is_some_and(|meant| meant != value);
        if filled.values("FORM_TYPE").any(is_other) {
            return Err(refused("FORM_TYPE", "the one of the form, please"));
        }
        Ok(filled)
    }

    /// The values of a field that say something.
    pub fn values(&self, var: &str) -> impl Iterator<Item = &str> {
        self.raw(var).filter(|value| !value.is_empty())
    }

    /// The one value of a field; nothing if it is missing or empty.
    ///
    /// # Errors
    /// `bad-payload`: there are several.
    pub fn value(&self, var: &str) -> Result<Option<&str>, StanzaError> {
        let mut values = self.values(var);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(refused(var, "one value, please")),
        }
    }

    /// The same of a field that must not be empty.
    ///
    /// # Errors
    /// `bad-payload`: it is, or there are several values.
    pub fn required(&self, var: &str) -> Result<&str, StanzaError> {
        self.value(var)?.ok_or_else(|| refused(var, "a value, please"))
    }

    /// The lines of a `text-multi` field.
    pub fn text(&self, var: &str) -> String {
        let lines: Vec<_> = self.raw(var).collect();
        lines.join("\n").trim().to_owned()
    }

    /// XEP-0004 §3.3: the value of a `boolean` field.
    ///
    /// # Errors
    /// `bad-payload`: it is something else.
    pub fn flag(&self, var: &str) -> Result<Option<bool>, StanzaError> {
        match self.value(var)? {
            None => Ok(None),
            Some("1" | "true") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(_) => Err(refused(var, "true or false, please")),
        }
    }

    /// The address in a field that must not be empty.
    ///
    /// # Errors
    /// `bad-payload`: it is, or is none.
    pub fn jid(&self, var: &str) -> Result<Jid, StanzaError> {
        jid(var, self.required(var)?)
    }

    /// The accounts in a field, each once; at most `max`.
    ///
    /// # Errors
    /// `bad-payload`: one is none, there are more, or there is none.
    pub fn accounts(&self, var: &str, max: usize) -> Result<Vec<BareJid>, StanzaError> {
        let mut accounts = Vec::new();
        for value in self.values(var).take(max.saturating_add(1)) {
            let account = account(var, value)?;
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        match accounts.len() {
            0 => Err(refused(var, "an address, please")),
            many if many > max => Err(refused(var, &format!("at most {max} at once, please"))),
            _ => Ok(accounts),
        }
    }

    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        let field = |(var, values): &(String, Vec<String>)| {
            64 + var.len() + values.iter().map(|value| 32 + value.len()).sum::<usize>()
        };
        self.0.iter().map(field).sum()
    }

    fn raw(&self, var: &str) -> impl Iterator<Item = &str> {
        let fields = self.0.iter().filter(move |(name, _)| name == var);
        fields.flat_map(|(_, values)| values).map(String::as_str)
    }
}

/// XEP-0050 §4.4: a field is not filled in as it can be.
pub fn refused(var: &str, why: &str) -> StanzaError {
    bad_payload(format!("{var}: {why}"))
}

fn bad_payload(text: impl Into<std::borrow::Cow<'static, str>>) -> StanzaError {
    StanzaError::new(Condition::BadRequest)
        .with_application(Element::new(ns::COMMANDS, "bad-payload"))
        .with_text(text)
}

fn jid(var: &str, value: &str) -> Result<Jid, StanzaError> {
    Jid::parse(value.trim()).map_err(|_| refused(var, "an address, please"))
}

fn account(var: &str, value: &str) -> Result<BareJid, StanzaError> {
    let jid = jid(var, value)?;
    let is_account = jid.local().is_some() && jid.is_bare();
    is_account.then(|| jid.bare()).ok_or_else(|| refused(var, "an account's address, please"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::form::field;

    fn filled(kind: &str, fields: &[(&str, &[&str])]) -> Result<Filled, StanzaError> {
        let fields = fields.iter().map(|(var, values)| field(var, values.iter().copied()));
        let form = Element::new(ns::DATA_FORMS, "x").with_attr("type", kind);
        Filled::read(&form.with_children(fields), Some("urn:example"))
    }

    #[track_caller]
    fn is_bad<T: std::fmt::Debug>(found: Result<T, StanzaError>) {
        let error = found.unwrap_err().to_element(None).to_xml();
        assert!(error.contains("bad-payload"), "{error}");
    }

    #[test]
    fn a_form_is_taken_that_was_filled_in() {
        for kind in ["submit", "cancel"] {
            assert!(filled(kind, &[("FORM_TYPE", &["urn:example"])]).is_ok());
        }
        assert!(filled("submit", &[]).is_ok());
        is_bad(filled("form", &[]));
        is_bad(filled("submit", &[("FORM_TYPE", &["urn:other"])]));
    }

    #[test]
    fn a_field_has_one_value_or_is_refused() {
        let form = filled("submit", &[("a", &["1"]), ("b", &["", "2"]), ("c", &["1", "2"])]);
        let form = form.unwrap();
        assert_eq!(form.required("a").unwrap(), "1");
        assert_eq!(form.value("b").unwrap(), Some("2"));
        is_bad(form.value("c"));
        assert_eq!(form.value("d").unwrap(), None);
        is_bad(form.required("d"));
        assert_eq!(form.flag("a").unwrap(), Some(true));
        is_bad(form.flag("b"));
    }

    #[test]
    fn accounts_are_bare_addresses_each_once() {
        let accounts = |values: &[&str]| {
            let form = filled("submit", &[("jids", values)]).unwrap();
            let accounts = form.accounts("jids", 2)?;
            Ok::<_, StanzaError>(accounts.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(accounts(&["A@example.org", "", "a@example.org "]).unwrap(), ["a@example.org"]);
        is_bad(accounts(&[]));
        is_bad(accounts(&["example.org"]));
        is_bad(accounts(&["a@example.org/b"]));
        is_bad(accounts(&["a@b", "b@b", "c@b"]));
    }

    #[test]
    fn lines_are_one_text_and_nothing_is_debugged() {
        let form = filled("submit", &[("text", &["Good", "", "day", ""])]).unwrap();
        assert_eq!(form.text("text"), "Good\n\nday");
        assert!(!format!("{form:?}").contains("day"));
    }
}
