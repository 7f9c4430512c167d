//! XEP-0004 §3.3: what the fields of a submitted form hold.
//!
//! Our choices: a value that cannot be is refused, and the sentence names the field and what may stand
//! there. An empty value is as none.

use crate::jid::BareJid;
use crate::ns;
use crate::stanza::form::Submitted;
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// Why a value is refused: a sentence that follows the name of the field.
pub(super) type Wrong = String;

/// A value that cannot be.
pub(super) fn refused(var: &str, why: &str) -> StanzaError {
    StanzaError::new(Condition::NotAcceptable).with_text(format!("{var}: {why}"))
}

/// The values of a field, where it may be missing.
///
/// # Errors
/// `not-acceptable`: XEP-0004 §3.2: the name "uniquely identifies the field".
pub(super) fn values(form: Submitted<'_>, var: &str) -> Result<Option<Vec<String>>, StanzaError> {
    let mut fields = form.fields().filter(|(is, _)| *is == var).map(|(_, values)| values);
    match (fields.next(), fields.next()) {
        (first, None) => Ok(first),
        _ => Err(refused(var, "given twice")),
    }
}

/// The one value of a field that has to have one.
///
/// # Errors
/// `not-acceptable`: it is missing, or has several.
pub(super) fn required(form: Submitted<'_>, var: &str) -> Result<String, StanzaError> {
    let given = values(form, var)?.unwrap_or_default();
    let value = single(&given).map_err(|why| refused(var, &why))?;
    value.map(str::to_owned).ok_or_else(|| refused(var, "a value, please"))
}

/// `boolean`
pub(super) fn flag(values: &[String]) -> Result<bool, Wrong> {
    match single(values)?.unwrap_or_default() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("true or false, please".into()),
    }
}

/// At most one value, which is not empty.
pub(super) fn single(values: &[String]) -> Result<Option<&str>, Wrong> {
    match values {
        [] => Ok(None),
        [one] => Ok(Some(one.as_str()).filter(|one| !one.is_empty())),
        _ => Err("at most one value, please".into()),
    }
}

/// A text of at most `max` bytes in one value; empty if there is none.
pub(super) fn text(values: &[String], max: usize) -> Result<String, Wrong> {
    let text = single(values)?.unwrap_or_default();
    if text.len() > max {
        return Err(format!("at most {max} bytes, please"));
    }
    Ok(text.to_owned())
}

/// A number from `min` to `max`, in digits.
pub(super) fn number(text: &str, min: u32, max: u32) -> Result<u32, Wrong> {
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|text| text.parse().ok());
    let number = number.filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("a number from {min} to {max}, please"))
}

/// The addresses of accounts, at most `max`, in their order. "Duplicate JIDs MUST be ignored".
pub(super) fn accounts(values: &[String], max: usize) -> Result<Vec<BareJid>, Wrong> {
    if values.len() > max {
        return Err(format!("at most {max} addresses, please"));
    }
    let mut seen = std::collections::HashSet::new();
    let mut all = Vec::new();
    for value in values.iter().filter(|value| !value.is_empty()) {
        let jid = account(value)?;
        if seen.insert(jid.clone()) {
            all.push(jid);
        }
    }
    Ok(all)
}

/// §10.3: "a service SHOULD use the bare JID representation" of a full one.
pub(super) fn account(value: &str) -> Result<BareJid, Wrong> {
    let jid = crate::jid::Jid::parse(value).ok().map(|jid| jid.bare());
    jid.filter(|jid| jid.local().is_some())
        .ok_or_else(|| "the address of an account, please".into())
}

/// The form of that type in a message, which may carry others too.
///
/// # Errors
/// `bad-request`: it is not submitted.
pub(super) fn find_in<'a>(
    message: &'a Element,
    form_type: &str,
) -> Result<Option<Submitted<'a>>, StanzaError> {
    let mut forms = message.children().filter(|child| child.is(ns::DATA_FORMS, "x"));
    let is_meant = |form: &Element| {
        let mut fields = form.children().filter(|child| child.attr("var") == Some("FORM_TYPE"));
        let value = fields.next().and_then(|field| field.child(ns::DATA_FORMS, "value"));
        value.is_some_and(|value| value.text() == form_type)
    };
    if !forms.any(is_meant) {
        return Ok(None);
    }
    Submitted::find(message, form_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn a_flag_is_one_of_four_words() {
        for (value, is) in [("1", true), ("true", true), ("0", false), ("false", false)] {
            assert_eq!(flag(&of(&[value])), Ok(is));
        }
        for values in [&[][..], &[""], &["yes"], &["TRUE"], &[" 1"], &["1", "1"]] {
            assert!(flag(&of(values)).is_err(), "{values:?}");
        }
    }

    #[test]
    fn a_number_has_digits_only_and_is_within_its_bounds() {
        assert_eq!(number("007", 1, 7), Ok(7));
        for text in ["0", "8", "+5", "-5", "5 ", "5.0", "\u{665}", "99999999999999999999", ""] {
            assert!(number(text, 1, 7).is_err(), "{text:?}");
        }
    }

    #[test]
    fn accounts_are_bare_and_each_is_there_once() {
        let list = of(&["a@localhost/phone", "", "A@localhost", "b@localhost"]);
        let accounts = |list: &[String], max| accounts(list, max);
        let all = accounts(&list, 4).unwrap();
        assert_eq!(
            all.iter().map(BareJid::as_str).collect::<Vec<_>>(),
            ["a@localhost", "b@localhost"]
        );
        assert!(accounts(&list, 3).is_err());
        assert!(accounts(&of(&["localhost"]), 4).is_err());
        assert!(accounts(&of(&["a b@localhost"]), 4).is_err());
    }

    #[test]
    fn a_text_is_one_value_within_its_bound() {
        assert_eq!(text(&of(&["abc"]), 3), Ok("abc".to_owned()));
        assert_eq!(text(&[], 3), Ok(String::new()));
        assert!(text(&of(&["abcd"]), 3).is_err());
        assert!(text(&of(&["a", "b"]), 3).is_err());
    }
}
