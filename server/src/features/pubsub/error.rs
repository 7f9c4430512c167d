//! XEP-0060 §11, §18.2: the errors, each with what `pubsub#errors` says of it.
//!
//! Our choice: a function for each case of the text, because one name comes with several
//! conditions. What has no element of its own is a plain [`Condition`]: `item-not-found` for a node
//! that does not exist, `conflict` for one that does, `forbidden` for a lack of privileges.

use crate::ns;
use crate::stanza::{Condition, ErrorType, StanzaError};
use crate::xml::Element;

macro_rules! errors {
    ($($(#[$doc:meta])* $function:ident = $condition:ident $kind:ident $name:literal;)*) => {
        $($(#[$doc])* pub fn $function() -> StanzaError {
            StanzaError::new(Condition::$condition)
                .with_type(ErrorType::$kind)
                .with_application(Element::new(ns::PUBSUB_ERRORS, $name))
        })*

        /// All of the above: for the test that compares them with the text.
        #[cfg(test)]
        const ALL: &[(&str, fn() -> StanzaError)] = &[$((stringify!($function), $function),)*];
    };
}

errors! {
    /// §6.1.3.1: somebody subscribes or unsubscribes another's address.
    invalid_jid = BadRequest Modify "invalid-jid";
    /// §6.1.3.2, §6.5.9.6: the access model is `presence`, and he does not see the owner's.
    presence_subscription_required = NotAuthorized Auth "presence-subscription-required";
    /// §6.1.3.3, §6.5.9.7: the access model is `roster`, and he is in none of the groups.
    not_in_roster_group = NotAuthorized Auth "not-in-roster-group";
    /// §6.1.3.4, §6.5.9.8: the access model is `whitelist`, and he is not on it.
    closed_node = NotAllowed Cancel "closed-node";
    /// §6.1.3.7: an owner has yet to approve.
    pending_subscription = NotAuthorized Auth "pending-subscription";
    /// §6.1.3.9: he has as many subscriptions as one may have.
    too_many_subscriptions = PolicyViolation Wait "too-many-subscriptions";
    /// §6.1.5: only with options.
    configuration_required = NotAcceptable Modify "configuration-required";
    /// §6.2.3.1, §6.3.4.4, §6.5.9.1: there are several subscriptions.
    subid_required = BadRequest Modify "subid-required";
    /// §6.2.3.5, §6.3.4.5, §6.5.9.2: no subscription has that id.
    invalid_subid = NotAcceptable Modify "invalid-subid";
    /// §6.2.3.2: unsubscribe without a subscription.
    nothing_to_unsubscribe = UnexpectedRequest Cancel "not-subscribed";
    /// §6.3.4.2: options of a subscription that there is not.
    nothing_to_configure = UnexpectedRequest Modify "not-subscribed";
    /// §6.5.9.3: only subscribers retrieve.
    not_subscribed = NotAuthorized Auth "not-subscribed";
    /// §6.3.4.3: whose subscription?
    jid_required = BadRequest Modify "jid-required";
    /// §6.3.6.2: subscription options that cannot be.
    invalid_options = BadRequest Modify "invalid-options";
    /// §7.1.3.4: the node keeps no more items, and is configured to refuse new ones.
    node_full = Conflict Cancel "node-full";
    /// §12.11: more items at once than the node keeps.
    max_items_exceeded = NotAllowed Cancel "max-items-exceeded";
    /// §7.1.3.5: the payload is larger than the service or the node allows.
    payload_too_big = NotAcceptable Modify "payload-too-big";
    /// §7.1.3.6: several payloads, or of another namespace than the node's.
    invalid_payload = BadRequest Modify "invalid-payload";
    /// §7.1.3.7, §7.2.3.4: the item, or its id, is missing.
    item_required = BadRequest Modify "item-required";
    /// §7.1.3.7: the payload is missing.
    payload_required = BadRequest Modify "payload-required";
    /// §7.1.3.7: the node tells that something happened, and keeps nothing.
    item_forbidden = BadRequest Modify "item-forbidden";
    /// §7.1.5: the node is configured otherwise than the publisher demands.
    precondition_not_met = Conflict Cancel "precondition-not-met";
    /// §7.2.3.3, §8.2.3.3: which node?
    nodeid_required = BadRequest Modify "nodeid-required";
    /// §8.1.1: create without a name, where the service gives none.
    no_instant_nodes = NotAcceptable Modify "nodeid-required";
    /// §8.1.2: no such access model here.
    unsupported_access_model = NotAcceptable Modify "unsupported-access-model";
    /// The text has the name (§18.2) and no case for it; as [`too_many_subscriptions`], because
    /// it is a limit of the service too.
    max_nodes_exceeded = PolicyViolation Wait "max-nodes-exceeded";
}

/// The service, or the node as it is configured, does not have that feature (§10, without the
/// namespace): `persistent-items` for a retraction (§7.2.3.5) or a purge (§8.5.3.3) of what is not
/// kept, `subscribe` (§6.1.3.10), `collections`.
pub fn unsupported(feature: &str) -> StanzaError {
    let child = Element::new(ns::PUBSUB_ERRORS, "unsupported").with_attr("feature", feature);
    StanzaError::new(Condition::FeatureNotImplemented).with_application(child)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Function, type, condition and element, as the examples of the text have them.
    const TEXT: &[&str] = &[
        "invalid_jid: modify bad-request invalid-jid",
        "presence_subscription_required: auth not-authorized presence-subscription-required",
        "not_in_roster_group: auth not-authorized not-in-roster-group",
        "closed_node: cancel not-allowed closed-node",
        "pending_subscription: auth not-authorized pending-subscription",
        "too_many_subscriptions: wait policy-violation too-many-subscriptions",
        "configuration_required: modify not-acceptable configuration-required",
        "subid_required: modify bad-request subid-required",
        "invalid_subid: modify not-acceptable invalid-subid",
        "nothing_to_unsubscribe: cancel unexpected-request not-subscribed",
        "nothing_to_configure: modify unexpected-request not-subscribed",
        "not_subscribed: auth not-authorized not-subscribed",
        "jid_required: modify bad-request jid-required",
        "invalid_options: modify bad-request invalid-options",
        "node_full: cancel conflict node-full",
        "max_items_exceeded: cancel not-allowed max-items-exceeded",
        "payload_too_big: modify not-acceptable payload-too-big",
        "invalid_payload: modify bad-request invalid-payload",
        "item_required: modify bad-request item-required",
        "payload_required: modify bad-request payload-required",
        "item_forbidden: modify bad-request item-forbidden",
        "precondition_not_met: cancel conflict precondition-not-met",
        "nodeid_required: modify bad-request nodeid-required",
        "no_instant_nodes: modify not-acceptable nodeid-required",
        "unsupported_access_model: modify not-acceptable unsupported-access-model",
        "max_nodes_exceeded: wait policy-violation max-nodes-exceeded",
    ];

    fn described(error: &StanzaError) -> String {
        let error = error.to_element(None);
        let names: Vec<_> = error.children().map(Element::name).collect();
        format!("{} {}", error.attr("type").unwrap(), names.join(" "))
    }

    #[test]
    fn s11_each_case_has_the_condition_the_type_and_the_element_of_the_text() {
        let ours: Vec<_> =
            ALL.iter().map(|(name, make)| format!("{name}: {}", described(&make()))).collect();
        assert_eq!(ours, TEXT);
    }

    #[test]
    fn s6_1_3_10_what_is_unsupported_is_named() {
        let error = unsupported("subscribe");
        assert_eq!(described(&error), "cancel feature-not-implemented unsupported");
        let error = error.to_element(None);
        let child = error.child(ns::PUBSUB_ERRORS, "unsupported").unwrap();
        assert_eq!(child.attr("feature"), Some("subscribe"));
    }
}
