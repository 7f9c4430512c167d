//! XEP-0060 §6.3, §6.4: the options of a subscription.
//!
//! Our choices: a subscriber can pause its events (`pubsub#deliver`), and no more. Digests, texts in
//! place of payloads and leases are refused when somebody asks for them, because he would count on
//! what does not come. `pubsub#show-values` and what we do not know is ignored (XEP-0004 §3.1); the
//! answer shows which options hold.

use serde::{Deserialize, Serialize};

use super::error;
use super::fields::flag;
use crate::stanza::StanzaError;
use crate::stanza::form::{self, Submitted};
use crate::xml::Element;

/// FORM_TYPE of the options of a subscription.
pub const SUBSCRIBE_OPTIONS: &str = "http://jabber.org/protocol/pubsub#subscribe_options";

const DELIVER: &str = "pubsub#deliver";
const DELIVER_LABEL: &str = "Whether an entity wants to receive or disable notifications";

/// Understood with these values alone; an option without a value asks for nothing.
const ONLY: &[(&str, &[&str])] = &[
    ("pubsub#digest", &["0", "false"]),
    ("pubsub#include_body", &["0", "false"]),
    // §12.19: the lease of a subscription, where there are none.
    ("pubsub#expire", &[]),
    // XEP-0248: a leaf has items only.
    ("pubsub#subscription_type", &["items"]),
];

/// How somebody is subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscribeOptions {
    /// Events are sent.
    #[serde(rename = "d")]
    pub deliver: bool,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        SubscribeOptions { deliver: true }
    }
}

impl SubscribeOptions {
    /// §6.3.3: the form with which a subscriber changes them.
    pub fn form(self) -> Element {
        let deliver = form::labelled(DELIVER, "boolean", DELIVER_LABEL, [self.value()]);
        form::to_fill_in(SUBSCRIBE_OPTIONS).with_child(deliver)
    }

    /// §6.3.7, §6.4.2: which options hold.
    pub fn result(self) -> Element {
        form::result(SUBSCRIBE_OPTIONS).with_child(form::field(DELIVER, [self.value()]))
    }

    /// §6.3.6: as the form says; what it does not mention stays as it is.
    ///
    /// # Errors
    /// `invalid-options` with a text that names the option. Nothing has changed then.
    pub fn apply(&mut self, form: Submitted<'_>) -> Result<(), StanzaError> {
        let mut changed = *self;
        for (var, values) in form.fields() {
            if var == DELIVER {
                changed.deliver = flag(&values).ok_or_else(|| invalid(DELIVER))?;
            }
            if let Some((var, allowed)) = ONLY.iter().find(|(only, _)| *only == var) {
                let mut given = values.iter().filter(|value| !value.is_empty());
                let is_allowed = given.all(|value| allowed.contains(&value.as_str()));
                is_allowed.then_some(()).ok_or_else(|| invalid(var))?;
            }
        }
        *self = changed;
        Ok(())
    }

    fn value(self) -> &'static str {
        if self.deliver { "1" } else { "0" }
    }
}

fn invalid(var: &str) -> StanzaError {
    error::invalid_options().with_text(format!("{var}: not with this value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::Condition;

    fn applied(fields: &[(&str, &[&str])]) -> Result<SubscribeOptions, Condition> {
        let fields = fields.iter().map(|(var, values)| form::field(var, values.iter().copied()));
        let mut form = form::result(SUBSCRIBE_OPTIONS).with_children(fields);
        form.set_attr("type", "submit");
        let request = Element::new("urn:example", "options").with_child(form);
        let mut options = SubscribeOptions::default();
        let form = Submitted::find(&request, SUBSCRIBE_OPTIONS).unwrap().unwrap();
        options.apply(form).map_err(|error| error.condition())?;
        Ok(options)
    }

    #[test]
    fn s6_3_5_the_example_of_the_text_is_taken() {
        let example: &[(&str, &[&str])] = &[
            ("pubsub#deliver", &["1"]),
            ("pubsub#digest", &["0"]),
            ("pubsub#include_body", &["false"]),
            ("pubsub#show-values", &["chat", "online", "away"]),
        ];
        assert_eq!(applied(example), Ok(SubscribeOptions { deliver: true }));
    }

    #[test]
    fn events_can_be_paused() {
        assert_eq!(applied(&[(DELIVER, &["false"])]), Ok(SubscribeOptions { deliver: false }));
    }

    #[test]
    fn s6_3_6_2_what_cannot_be_kept_is_refused() {
        assert_eq!(applied(&[(DELIVER, &["perhaps"])]), Err(Condition::BadRequest));
        assert_eq!(applied(&[(DELIVER, &[])]), Err(Condition::BadRequest));
        assert_eq!(applied(&[("pubsub#digest", &["1"])]), Err(Condition::BadRequest));
        let lease = ("pubsub#expire", &["2006-02-28T23:59Z"] as &[_]);
        assert_eq!(applied(&[lease]), Err(Condition::BadRequest));
        assert_eq!(applied(&[("pubsub#expire", &[""])]), Ok(SubscribeOptions::default()));
    }

    #[test]
    fn the_form_that_was_given_can_be_sent_back() {
        let given = SubscribeOptions { deliver: false };
        let mut form = given.form();
        form.set_attr("type", "submit");
        let request = Element::new("urn:example", "options").with_child(form);
        let mut options = SubscribeOptions::default();
        options.apply(Submitted::find(&request, SUBSCRIBE_OPTIONS).unwrap().unwrap()).unwrap();
        assert_eq!(options, given);
    }
}
