//! XEP-0060 §5.4, §7.1.5, §8.2: the configuration of a node as data forms.
//!
//! Our choices: fields that we do not know are ignored in a configuration (XEP-0004 §3.1) and
//! refused among the options of a publication (§7.1.5). A form is applied as a whole or not at all.

use super::config::{AccessModel, Config, MaxItems};
use super::error;
use super::fields::{FIELDS, Field, refused};
use crate::stanza::form::{self, Submitted};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// FORM_TYPE of a configuration.
pub const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// FORM_TYPE of the options of a publication.
pub const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// FORM_TYPE of what is told of a node.
pub const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";

/// Title, description, contacts, groups and so on of one node, in bytes together: it is one record
/// of the store (at most 64 KiB) that is read whenever the node is used.
const MAX_TEXT: usize = 16 * 1024;
/// Contacts and groups together: looking for repetitions is quadratic.
const MAX_VALUES: usize = 128;

/// What the service allows a node to be.
#[derive(Clone, Copy, Debug)]
pub struct FormLimits<'a> {
    /// The most items, which is what `max` means.
    pub max_items: u32,
    /// The largest payload, in bytes.
    pub max_payload_size: u32,
    /// The access models that make sense here: without an account there is no presence.
    pub access_models: &'a [AccessModel],
    /// The groups of the owner's roster, offered as options.
    pub roster_groups: &'a [String],
}

/// §5.4: what is told of a node beside its configuration. What is not known is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Automatic<'a> {
    /// Who created it, as a JID.
    pub creator: Option<&'a str>,
    /// When it was created, XEP-0082.
    pub creation_date: Option<&'a str>,
    /// The bare JIDs of its owners.
    pub owners: &'a [String],
    /// The bare JIDs of its publishers.
    pub publishers: &'a [String],
    /// How many have subscribed.
    pub num_subscribers: Option<u64>,
}

/// §8.2.2, §8.3.3: the form with which an owner changes `config`.
pub fn config_form(config: &Config, limits: &FormLimits<'_>) -> Element {
    let fields = FIELDS.iter().map(|field| field.to_fill_in(config, limits));
    form::to_fill_in(NODE_CONFIG).with_children(fields)
}

/// §8.2.5.3: what subscribers are told of a changed configuration.
pub fn config_result(config: &Config, limits: &FormLimits<'_>) -> Element {
    let fields = FIELDS.iter().map(|field| field.plain(config, limits));
    form::result(NODE_CONFIG).with_children(fields)
}

/// §5.4: what disco#info tells of a node.
pub fn metadata(config: &Config, limits: &FormLimits<'_>, more: &Automatic<'_>) -> Element {
    let fields = FIELDS.iter().filter(|field| field.is_metadata);
    form::result(META_DATA)
        .with_children(fields.map(|field| field.labelled(config, limits)))
        .with_children(automatic(more))
}

/// §8.2.5, §8.1.3: changes `config` as the form says. What it does not mention stays as it is
/// (XEP-0004 §3.5).
///
/// # Errors
/// `not-acceptable` with a text that names the field, with `unsupported-access-model` where it is
/// that; `feature-not-implemented` for a collection. Nothing has changed then.
pub fn apply(
    config: &mut Config,
    form: Submitted<'_>,
    limits: &FormLimits<'_>,
) -> Result<(), StanzaError> {
    *config = changed(config, form, limits, |_| Ok(()))?;
    Ok(())
}

/// §7.1.5: a node that does not exist is made as the options of the publication say.
///
/// # Errors
/// As [`apply`], and `precondition-not-met` for a field that we do not know.
pub fn apply_options(
    config: &mut Config,
    options: Submitted<'_>,
    limits: &FormLimits<'_>,
) -> Result<(), StanzaError> {
    *config = changed(config, options, limits, |_| Err(Unmet::Unknown.into()))?;
    Ok(())
}

/// §7.1.5: whether a node that exists is configured as a publication demands.
///
/// # Errors
/// The first field that differs, or is not known.
pub fn preconditions(
    config: &Config,
    options: Submitted<'_>,
    limits: &FormLimits<'_>,
) -> Result<(), Unmet> {
    let is = normal(config.clone(), limits);
    for (var, values) in options.fields() {
        let field = Field::find(var).ok_or(Unmet::Unknown)?;
        let unmet = Unmet::Differs(field.var);
        is_bounded(&values).then_some(()).ok_or(unmet)?;
        let mut wanted = config.clone();
        field.set(&mut wanted, &values, limits).map_err(|_| unmet)?;
        (normal(wanted, limits) == is).then_some(()).ok_or(unmet)?;
    }
    Ok(())
}

/// §7.1.5: why a publication is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The node has another value there.
    Differs(&'static str),
    /// An option is none of ours.
    Unknown,
}

impl From<Unmet> for StanzaError {
    fn from(unmet: Unmet) -> Self {
        let error = error::precondition_not_met();
        match unmet {
            Unmet::Differs(var) => error.with_text(format!("{var}: the node has another value")),
            Unmet::Unknown => error.with_text("one of the options is unknown here"),
        }
    }
}

fn changed(
    config: &Config,
    form: Submitted<'_>,
    limits: &FormLimits<'_>,
    unknown: fn(&str) -> Result<(), StanzaError>,
) -> Result<Config, StanzaError> {
    let mut changed = config.clone();
    let mut seen = Vec::new();
    for (var, values) in form.fields() {
        let Some(field) = Field::find(var) else {
            unknown(var)?;
            continue;
        };
        // XEP-0004 §3.2: the name "uniquely identifies the field".
        if seen.contains(&field.var) {
            return Err(refused(field.var, "given twice"));
        }
        if !is_bounded(&values) {
            return Err(refused(field.var, "too long"));
        }
        seen.push(field.var);
        field.set(&mut changed, &values, limits)?;
    }
    if text_size(&changed) > MAX_TEXT {
        let error = StanzaError::new(Condition::NotAcceptable);
        return Err(error.with_text("title, description, contacts and groups are too long"));
    }
    Ok(changed)
}

/// Before anything is done with them.
fn is_bounded(values: &[String]) -> bool {
    values.len() <= MAX_VALUES && values.iter().map(String::len).sum::<usize>() <= MAX_TEXT
}

fn text_size(config: &Config) -> usize {
    let single = [&config.title, &config.description, &config.language, &config.payload_type];
    let all = single.into_iter().chain(&config.contact).chain(&config.roster_groups);
    all.map(String::len).sum()
}

/// Two configurations that mean the same are equal in this form.
fn normal(mut config: Config, limits: &FormLimits<'_>) -> Config {
    config.max_items = MaxItems::Count(config.max_items.within(limits.max_items));
    config.max_payload_size = Some(config.payload_limit(limits.max_payload_size));
    config.contact.sort_unstable();
    config.roster_groups.sort_unstable();
    config
}

fn automatic(more: &Automatic<'_>) -> impl Iterator<Item = Element> {
    let count = more.num_subscribers.map(|count| count.to_string());
    let jids = |list: &[String]| list.to_vec();
    let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect();
    let rows: [(&str, &str, &str, Vec<String>); 5] = [
        ("pubsub#creator", "jid-single", "Node creator", one(more.creator)),
        ("pubsub#creation_date", "text-single", "Creation date", one(more.creation_date)),
        ("pubsub#owner", "jid-multi", "Node owners", jids(more.owners)),
        ("pubsub#publisher", "jid-multi", "Publishers to this node", jids(more.publishers)),
        ("pubsub#num_subscribers", "text-single", "Number of subscribers", one(count.as_deref())),
    ];
    let known = rows.into_iter().filter(|(_, _, _, values)| !values.is_empty());
    known.map(|(var, kind, label, values)| {
        form::labelled(var, kind, label, values.iter().map(String::as_str))
    })
}

#[cfg(test)]
mod tests;
