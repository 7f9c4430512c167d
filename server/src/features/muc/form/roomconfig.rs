//! XEP-0045 §10.1.2, §10.1.3, §10.2, §16.5.3: the owner's form.
//!
//! Our choices: a form is applied as a whole or not at all; what it leaves out stays as it is; fields
//! that we do not know are ignored (XEP-0004 §3.1). A secret alone makes a room password-protected: an
//! owner who sends one wants it asked for.

use super::roomconfig_fields::FIELDS;
use super::values::{self, Wrong, refused};
use crate::features::muc::config::Config;
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::form::{self, Submitted};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// FORM_TYPE of a configuration.
pub const ROOMCONFIG: &str = "http://jabber.org/protocol/muc#roomconfig";

const PROTECTED: &str = "muc#roomconfig_passwordprotectedroom";
const SECRET: &str = "muc#roomconfig_roomsecret";
const ADMINS: &str = "muc#roomconfig_roomadmins";
const OWNERS: &str = "muc#roomconfig_roomowners";

/// Bytes of a password: it is compared at each entry.
const SECRET_MAX: usize = 256;
/// Admins, and owners, in one form: each is a change of its own, and told to everybody.
const JIDS_MAX: usize = 200;

/// What the service allows a room to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormLimits {
    /// The most occupants.
    pub max_users: u32,
}

/// What an owner did with the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// §10.1.3: a new room is destroyed; §10.2: an old one stays as it is.
    Cancelled,
    /// The room shall be so.
    Changed(Box<Change>),
}

/// What an owner wants a room to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// All of it, with what has not changed.
    pub config: Config,
    /// §10.5, note: the full list of owners; `None`: as it is. It may be empty, or without the one
    /// who sends it: who keeps the affiliations knows whether an owner stays.
    pub owners: Option<Vec<BareJid>>,
    /// §10.8, note: the full list of admins, none of whom is among `owners`; `None`: as it is.
    pub admins: Option<Vec<BareJid>>,
}

/// §10.1.3, §10.2: the form with which an owner changes the room.
pub fn form(
    config: &Config,
    owners: &[BareJid],
    admins: &[BareJid],
    limits: FormLimits,
) -> Element {
    let fields = FIELDS.iter().filter_map(|field| field.to_fill_in(config, limits));
    let is_protected = if config.password.is_some() { "1" } else { "0" };
    let label = "Password Required to Enter?";
    form::to_fill_in(ROOMCONFIG)
        .with_children(fields)
        .with_child(form::labelled(PROTECTED, "boolean", label, [is_protected]))
        .with_child(form::labelled(SECRET, "text-private", "Password", config.password.as_deref()))
        .with_child(jids(ADMINS, "Full List of Room Admins", admins))
        .with_child(jids(OWNERS, "Full List of Room Owners", owners))
}

fn jids(var: &str, label: &str, jids: &[BareJid]) -> Element {
    form::labelled(var, "jid-multi", label, jids.iter().map(BareJid::as_str))
}

/// Reads what an owner sends in a `<query xmlns='http://jabber.org/protocol/muc#owner'/>`.
///
/// # Errors
/// `bad-request`: there is no form, or several, or one of another type. `not-acceptable`, with a text
/// that names the field: a value cannot be, or (§10.1.3) violates a policy.
pub fn submitted(
    query: &Element,
    config: &Config,
    limits: FormLimits,
) -> Result<Answer, StanzaError> {
    if is_instant(query) {
        return Ok(changed(Change { config: config.clone(), owners: None, admins: None }));
    }
    match form::Answer::find(query, ROOMCONFIG)? {
        None => Err(Condition::BadRequest.into()),
        Some(form::Answer::Cancelled) => Ok(Answer::Cancelled),
        Some(form::Answer::Submitted(form)) => change(form, config, limits).map(changed),
    }
}

fn changed(change: Change) -> Answer {
    Answer::Changed(Box::new(change))
}

/// §10.1.2: "an empty form", which has not even the hidden field.
fn is_instant(query: &Element) -> bool {
    let mut forms = query.children().filter(|child| child.is(ns::DATA_FORMS, "x"));
    let is_empty = forms.next().is_some_and(|form| {
        form.attr("type") == Some("submit") && !form.has_child(ns::DATA_FORMS, "field")
    });
    is_empty && forms.next().is_none()
}

fn change(form: Submitted<'_>, config: &Config, limits: FormLimits) -> Result<Change, StanzaError> {
    let mut config = config.clone();
    for field in FIELDS {
        if let Some(given) = values::values(form, field.var)? {
            let set = field.set(&mut config, &given, limits);
            set.map_err(|why| refused(field.var, &why))?;
        }
    }
    config.password = password(form, config.password.take())?;
    let owners = read(form, OWNERS, accounts)?;
    let mut admins = read(form, ADMINS, accounts)?;
    // Who is in both lists shall be able to do both.
    if let (Some(admins), Some(owners)) = (&mut admins, &owners) {
        admins.retain(|jid| !owners.contains(jid));
    }
    Ok(Change { config, owners, admins })
}

fn password(form: Submitted<'_>, now: Option<String>) -> Result<Option<String>, StanzaError> {
    let is_protected = read(form, PROTECTED, values::flag)?;
    let secret = read(form, SECRET, |given| values::text(given, SECRET_MAX))?;
    let is_new = secret.as_ref().is_some_and(|secret| !secret.is_empty());
    if !is_protected.unwrap_or(now.is_some() || is_new) {
        return Ok(None);
    }
    // §10.1.3: "because the password for a password-protected room is blank".
    let secret = secret.or(now).filter(|secret| !secret.is_empty());
    secret.map(Some).ok_or_else(|| refused(SECRET, "a password, please"))
}

fn accounts(given: &[String]) -> Result<Vec<BareJid>, Wrong> {
    values::accounts(given, JIDS_MAX)
}

fn read<T>(
    form: Submitted<'_>,
    var: &str,
    read: impl Fn(&[String]) -> Result<T, Wrong>,
) -> Result<Option<T>, StanzaError> {
    let given = values::values(form, var)?;
    given.map(|given| read(&given).map_err(|why| refused(var, &why))).transpose()
}

#[cfg(test)]
mod tests;
