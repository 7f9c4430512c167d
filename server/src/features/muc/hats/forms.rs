//! XEP-0317 §3.8: the forms of the commands.

use super::Hat;
use super::commands::Command;
use crate::features::muc::room::State;
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::form::{self, Submitted};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// FORM_TYPE of all of them.
pub const COMMANDS: &str = "urn:xmpp:hats:commands";

const JID: &str = "hats#jid";
const TITLE: &str = "hats#title";
const URI: &str = "hats#uri";
const HUE: &str = "hats#hue";

/// Bytes of a title: it stands beside a name.
const TITLE_MAX: usize = 128;

/// Bytes of a URI. It is in every presence of who wears the hat.
const URI_MAX: usize = 256;

/// Bytes of an address: RFC 7622 §3.1.
const JID_MAX: usize = 2047;

/// Bytes of an angle: as the examples have it, with some to spare.
const HUE_MAX: usize = 16;

/// What is to be filled in.
pub fn to_fill_in(command: Command, hats: &[Hat]) -> Element {
    let text = |var, label| form::labelled(var, "text-single", label, []).with_child(required());
    let options = || hats.iter().map(|hat| form::option(&hat.title, &hat.uri));
    let hat = || form::labelled(URI, "list-single", "The hat", []).with_children(options());
    let jid = || form::labelled(JID, "jid-single", "User Address", []).with_child(required());
    let fields = match command {
        Command::Create => vec![
            text(TITLE, "Hat Title"),
            text(URI, "Hat URI"),
            form::labelled(HUE, "text-single", "Hat Hue", []),
        ],
        Command::Destroy => vec![hat().with_child(required())],
        Command::Assign | Command::Unassign => vec![jid(), hat().with_child(required())],
        Command::List | Command::ListAssigned => Vec::new(),
    };
    form::to_fill_in(COMMANDS).with_child(title(command)).with_children(fields)
}

/// §3.4: the hats that there are.
pub fn list(hats: &[Hat]) -> Element {
    let row = |hat: &Hat| row([(TITLE, &hat.title), (URI, &hat.uri), hue(hat)]);
    table(Command::List, &[TITLE, URI, HUE]).with_children(hats.iter().map(row))
}

/// §3.7: who wears what, by address.
pub fn list_assigned(state: &State) -> Element {
    let hats = &state.stored.hats;
    let worn_by = |account: &BareJid, worn: &[String]| {
        let worn = hats.iter().filter(|hat| worn.contains(&hat.uri));
        let row = |hat: &Hat| {
            row([(JID, account.as_str()), (URI, &hat.uri), (TITLE, &hat.title), hue(hat)])
        };
        worn.map(row).collect::<Vec<_>>()
    };
    let mut all: Vec<_> = state.relations.iter().collect();
    all.sort_by_key(|(account, _)| account.as_str());
    let rows = all.into_iter().flat_map(|(account, relation)| worn_by(account, &relation.hats));
    table(Command::ListAssigned, &[JID, URI, TITLE, HUE]).with_children(rows)
}

/// §3.2: the hat that a form describes.
///
/// # Errors
/// `bad-request`, with the field.
pub fn hat(form: Submitted<'_>) -> Result<Hat, StanzaError> {
    let hue = value(form, HUE, HUE_MAX)?;
    let is_angle = |hue: &str| hue.parse().is_ok_and(|hue: f64| (0.0..=360.0).contains(&hue));
    if !hue.as_deref().is_none_or(is_angle) {
        return Err(refused(HUE, "an angle from 0 to 360, please"));
    }
    let (title, uri) = (required_value(form, TITLE, TITLE_MAX)?, uri(form)?);
    if !is_uri(&uri) {
        return Err(refused(URI, "an absolute URI, please"));
    }
    Ok(Hat { uri, title, hue })
}

/// Which hat a form is about.
///
/// # Errors
/// As above.
pub fn uri(form: Submitted<'_>) -> Result<String, StanzaError> {
    required_value(form, URI, URI_MAX)
}

/// Which account a form is about.
///
/// # Errors
/// As above.
pub fn account(form: Submitted<'_>) -> Result<BareJid, StanzaError> {
    let jid = required_value(form, JID, JID_MAX)?;
    crate::jid::Jid::parse(&jid)
        .map(|jid| jid.bare())
        .map_err(|_| refused(JID, "an address, please"))
}

/// RFC 3986 §3.1: a scheme and something behind it, without white space.
fn is_uri(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(is_plain)
    };
    let is_whole = |(scheme, rest): (&str, &str)| is_scheme(scheme) && !rest.is_empty();
    text.split_once(':').is_some_and(is_whole) && !text.contains(char::is_whitespace)
}

fn required_value(form: Submitted<'_>, var: &str, max: usize) -> Result<String, StanzaError> {
    value(form, var, max)?.ok_or_else(|| refused(var, "a value, please"))
}

/// The value of a field; nothing if it is missing or empty.
fn value(form: Submitted<'_>, var: &str, max: usize) -> Result<Option<String>, StanzaError> {
    let values = form.fields().filter(|(is, _)| *is == var).flat_map(|(_, values)| values);
    let mut values = values.filter(|value| !value.is_empty());
    match (values.next(), values.next()) {
        (Some(value), None) if value.len() > max => {
            Err(refused(var, &format!("at most {max} bytes, please")))
        }
        (value, None) => Ok(value),
        _ => Err(refused(var, "one value, please")),
    }
}

/// XEP-0050 §4.4: "the data form did not fill out all required fields", or not as they can be.
fn refused(var: &str, why: &str) -> StanzaError {
    StanzaError::new(Condition::BadRequest)
        .with_application(Element::new(ns::COMMANDS, "bad-payload"))
        .with_text(format!("{var}: {why}"))
}

fn required() -> Element {
    Element::new(ns::DATA_FORMS, "required")
}

fn title(command: Command) -> Element {
    Element::new(ns::DATA_FORMS, "title").with_text(command.title())
}

/// XEP-0004 §3.4
fn table(command: Command, columns: &[&str]) -> Element {
    let columns = columns.iter().map(|var| form::field(var, []));
    let reported = Element::new(ns::DATA_FORMS, "reported").with_children(columns);
    form::result(COMMANDS).with_child(title(command)).with_child(reported)
}

fn row<const N: usize>(fields: [(&str, &str); N]) -> Element {
    let fields =
        fields.map(|(var, value)| form::field(var, Some(value).filter(|it| !it.is_empty())));
    Element::new(ns::DATA_FORMS, "item").with_children(fields)
}

fn hue(hat: &Hat) -> (&str, &str) {
    (HUE, hat.hue.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submitted(fields: &[(&str, &str)]) -> Element {
        let fields = fields.iter().map(|(var, value)| form::field(var, [*value]));
        let form = form::result(COMMANDS).with_attr("type", "submit").with_children(fields);
        Element::new(ns::COMMANDS, "command").with_child(form)
    }

    fn read(fields: &[(&str, &str)]) -> Result<Hat, StanzaError> {
        let request = submitted(fields);
        hat(Submitted::find(&request, COMMANDS).unwrap().unwrap())
    }

    #[test]
    fn s3_2_a_hat_has_a_title_and_a_uri_and_perhaps_a_colour() {
        let read = read(&[(TITLE, "Host"), (URI, "urn:host"), (HUE, "327.255249")]).unwrap();
        let hue = Some("327.255249".to_owned());
        assert_eq!(read, Hat { uri: "urn:host".to_owned(), title: "Host".to_owned(), hue });
    }

    #[test]
    fn s3_2_what_cannot_be_is_refused_with_the_field() {
        let long = "x".repeat(TITLE_MAX + 1);
        for (var, fields) in [
            (TITLE, &[(URI, "urn:host")][..]),
            (TITLE, &[(TITLE, ""), (URI, "urn:host")]),
            (TITLE, &[(TITLE, &*long), (URI, "urn:host")]),
            (TITLE, &[(TITLE, "Host"), (TITLE, "Host"), (URI, "urn:host")]),
            (URI, &[(TITLE, "Host")]),
            (URI, &[(TITLE, "Host"), (URI, "host")]),
            (URI, &[(TITLE, "Host"), (URI, "urn:")]),
            (URI, &[(TITLE, "Host"), (URI, "urn:a b")]),
            (HUE, &[(TITLE, "Host"), (URI, "urn:host"), (HUE, "361")]),
            (HUE, &[(TITLE, "Host"), (URI, "urn:host"), (HUE, "NaN")]),
        ] {
            let error = read(fields).unwrap_err().to_element(None).to_xml();
            assert!(error.contains(var) && error.contains("bad-payload"), "{fields:?}: {error}");
        }
    }
}
