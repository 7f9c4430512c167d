//! XEP-0060 §4.1, §4.5: who may do what with a node.
//!
//! Our choices: whoever is not an owner deletes only what he has published himself (§4.1, the note),
//! and only owners purge. An affiliation from `member` upwards is a place on the whitelist, and also
//! opens nodes for which others need the owner's presence. A subscription alone opens nothing: when
//! an owner closes a node, those who subscribed while it was open have lost it. Therefore whom an
//! owner subscribes to a whitelist node becomes its member ([`Affiliation::when_subscribed_by_owner`]).

use super::config::{AccessModel, Config, PublishModel, named};
use super::error;
use crate::stanza::{Condition, StanzaError};

named! {
    /// §4.1: what somebody is to a node, whoever he is connected as.
    Affiliation {
        /// May do everything.
        Owner = "owner", "Owner";
        /// May publish, and retrieve.
        Publisher = "publisher", "Publisher";
        /// May publish, and not retrieve.
        PublishOnly = "publish-only", "Publish-only";
        /// Is on the whitelist.
        Member = "member", "Member";
        /// Nothing in particular: the access model decides.
        None = "none", "None";
        /// May nothing.
        Outcast = "outcast", "Outcast";
    }
}

named! {
    /// §4.2: `pending` and `unconfigured` never occur here.
    SubscriptionState {
        /// Gets no events.
        None = "none", "Not subscribed";
        /// Gets events.
        Subscribed = "subscribed", "Subscribed";
    }
}

impl Affiliation {
    /// §8.8.2: what an owner makes of somebody whom he subscribes to a node with this access
    /// model, so that the subscription is worth something.
    pub fn when_subscribed_by_owner(self, model: AccessModel) -> Self {
        match (self, model) {
            (Affiliation::None, AccessModel::Whitelist) => Affiliation::Member,
            _ => self,
        }
    }
}

/// What counts of somebody who asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// His affiliation with the node.
    pub affiliation: Affiliation,
    /// He has subscribed to the node, in so many words.
    pub is_subscribed: bool,
    /// He has a subscription to the owner's presence (`from` or `both` in the owner's roster).
    pub sees_presence: bool,
    /// He is in one of the node's roster groups.
    pub groups_match: bool,
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// `forbidden`: an outcast, or somebody without the privilege.
    Forbidden,
    /// §6.1.3.2: he does not see the owner's presence.
    PresenceRequired,
    /// §6.1.3.3: he is in none of the roster groups.
    NotInGroup,
    /// §6.1.3.4: he is not on the whitelist.
    Closed,
    /// The node takes no subscriptions (`pubsub#subscribe` is false).
    NoSubscriptions,
}

/// §6.1: subscribe to the node.
///
/// # Errors
/// Why not.
pub fn may_subscribe(config: &Config, who: &Requester) -> Result<(), Denied> {
    may_retrieve(config, who)?;
    // §12.12: owners and publishers may always subscribe.
    let is_always = matches!(who.affiliation, Affiliation::Owner | Affiliation::Publisher);
    (config.subscribe || is_always).then_some(()).ok_or(Denied::NoSubscriptions)
}

/// §6.5.1: retrieve items, and get events.
///
/// # Errors
/// Why not.
pub fn may_retrieve(config: &Config, who: &Requester) -> Result<(), Denied> {
    match who.affiliation {
        Affiliation::Owner | Affiliation::Publisher | Affiliation::Member => Ok(()),
        Affiliation::PublishOnly | Affiliation::Outcast => Err(Denied::Forbidden),
        Affiliation::None => admits(config.access_model, who),
    }
}

/// §7.1: publish an item.
///
/// # Errors
/// Why not.
pub fn may_publish(config: &Config, who: &Requester) -> Result<(), Denied> {
    let is_allowed = match (who.affiliation, config.publish_model) {
        (Affiliation::Owner | Affiliation::Publisher | Affiliation::PublishOnly, _) => true,
        (Affiliation::Outcast, _) => false,
        (Affiliation::Member | Affiliation::None, PublishModel::Publishers) => false,
        // A subscriber who would get no events any more is none.
        (Affiliation::Member | Affiliation::None, PublishModel::Subscribers) => {
            who.is_subscribed && may_retrieve(config, who).is_ok()
        }
        (Affiliation::Member | Affiliation::None, PublishModel::Open) => true,
    };
    is_allowed.then_some(()).ok_or(Denied::Forbidden)
}

/// §7.2: delete an item, `is_own` if the same account has published it.
///
/// # Errors
/// Why not.
pub fn may_delete_item(config: &Config, who: &Requester, is_own: bool) -> Result<(), Denied> {
    match who.affiliation {
        Affiliation::Owner => Ok(()),
        _ if is_own => may_publish(config, who),
        _ => Err(Denied::Forbidden),
    }
}

/// §8: configure, purge, delete, and manage affiliations and subscriptions.
///
/// # Errors
/// Why not.
pub fn may_own(who: &Requester) -> Result<(), Denied> {
    (who.affiliation == Affiliation::Owner).then_some(()).ok_or(Denied::Forbidden)
}

/// XEP-0163 §6.2: find the node in disco. Who can neither subscribe nor retrieve does not.
pub fn may_see(config: &Config, who: &Requester) -> bool {
    may_retrieve(config, who).is_ok()
}

impl From<Denied> for StanzaError {
    fn from(why: Denied) -> Self {
        match why {
            Denied::Forbidden => Condition::Forbidden.into(),
            Denied::PresenceRequired => error::presence_subscription_required(),
            Denied::NotInGroup => error::not_in_roster_group(),
            Denied::Closed => error::closed_node(),
            Denied::NoSubscriptions => error::unsupported("subscribe"),
        }
    }
}

/// §4.5, §6.5.1: whether the model lets in somebody without an affiliation.
fn admits(model: AccessModel, who: &Requester) -> Result<(), Denied> {
    match model {
        AccessModel::Open => Ok(()),
        AccessModel::Presence if !who.sees_presence => Err(Denied::PresenceRequired),
        AccessModel::Presence => Ok(()),
        // §6.1.3.3: the groups come first; that presence is missing concerns who is in one.
        AccessModel::Roster if !who.groups_match => Err(Denied::NotInGroup),
        AccessModel::Roster if !who.sees_presence => Err(Denied::PresenceRequired),
        AccessModel::Roster => Ok(()),
        AccessModel::Whitelist => Err(Denied::Closed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::Condition;

    /// Who asks, in the order of the columns below.
    const COLUMNS: [&str; 8] = [
        "owner",
        "publisher",
        "publish-only",
        "member",
        "outcast",
        "contact",
        "in-group",
        "stranger",
    ];

    fn requester(column: &str) -> Requester {
        let affiliation = Affiliation::parse(column).unwrap_or(Affiliation::None);
        let (sees_presence, groups_match) =
            (matches!(column, "contact" | "in-group" | "outcast"), column == "in-group");
        Requester { affiliation, is_subscribed: false, sees_presence, groups_match }
    }

    fn shown(answer: Result<(), Denied>) -> &'static str {
        match answer {
            Ok(()) => "yes",
            Err(Denied::Forbidden) => "no",
            Err(Denied::PresenceRequired) => "presence",
            Err(Denied::NotInGroup) => "group",
            Err(Denied::Closed) => "closed",
            Err(Denied::NoSubscriptions) => "never",
        }
    }

    /// Compares a table with a row for each name: the name, then a word for each column.
    fn check(table: &str, decide: impl Fn(&str, &Requester) -> Result<(), Denied>) {
        for line in table.trim().lines() {
            let mut words = line.split_whitespace();
            let row = words.next().unwrap();
            let expected: Vec<_> = words.collect();
            let ours: Vec<_> =
                COLUMNS.iter().map(|column| shown(decide(row, &requester(column)))).collect();
            assert_eq!(ours, expected, "{row}: {COLUMNS:?}");
        }
    }

    fn with_access(model: &str) -> Config {
        Config::pep().with_access(AccessModel::parse(model).unwrap())
    }

    fn with_publish(model: &str) -> Config {
        Config { publish_model: PublishModel::parse(model).unwrap(), ..Config::pep() }
    }

    const READ: &str = "
        open       yes    yes        no            yes     no       yes       yes       yes
        presence   yes    yes        no            yes     no       yes       yes       presence
        roster     yes    yes        no            yes     no       group     yes       group
        whitelist  yes    yes        no            yes     no       closed    closed    closed
    ";

    #[test]
    fn s6_5_1_who_retrieves_by_access_model() {
        check(READ, |model, who| may_retrieve(&with_access(model), who));
    }

    #[test]
    fn s6_1_3_who_subscribes_by_access_model() {
        check(READ, |model, who| may_subscribe(&with_access(model), who));
    }

    #[test]
    fn s6_1_3_10_who_subscribes_where_subscriptions_are_off() {
        let table = "
        open       yes    yes        no            never   no       never     never     never
        presence   yes    yes        no            never   no       never     never     presence
        roster     yes    yes        no            never   no       group     never     group
        whitelist  yes    yes        no            never   no       closed    closed    closed
        ";
        check(table, |model, who| {
            may_subscribe(&Config { subscribe: false, ..with_access(model) }, who)
        });
    }

    #[test]
    fn s7_1_who_publishes_without_a_subscription_by_publish_model() {
        let table = "
        publishers   yes  yes        yes           no      no       no        no        no
        subscribers  yes  yes        yes           no      no       no        no        no
        open         yes  yes        yes           yes     no       yes       yes       yes
        ";
        check(table, |model, who| may_publish(&with_publish(model), who));
    }

    #[test]
    fn s7_1_a_subscriber_publishes_if_the_model_says_so_and_he_still_has_access() {
        // The access model is `presence`, which the stranger has lost.
        let table = "
        publishers   yes  yes        yes           no      no       no        no        no
        subscribers  yes  yes        yes           yes     no       yes       yes       no
        open         yes  yes        yes           yes     no       yes       yes       yes
        ";
        check(table, |model, who| {
            may_publish(&with_publish(model), &Requester { is_subscribed: true, ..*who })
        });
    }

    #[test]
    fn s4_1_who_deletes_an_item() {
        let table = "
        own          yes  yes        yes           no      no       no        no        no
        another's    yes  no         no            no      no       no        no        no
        ";
        check(table, |whose, who| may_delete_item(&Config::pep(), who, whose == "own"));
    }

    #[test]
    fn s4_1_only_an_owner_configures_purges_and_deletes() {
        check("any  yes no no no no no no no", |_, who| may_own(who));
    }

    #[test]
    fn a_subscription_opens_no_closed_node() {
        let config = with_access("whitelist");
        let who = Requester { is_subscribed: true, ..requester("stranger") };
        assert_eq!(may_retrieve(&config, &who), Err(Denied::Closed));
    }

    #[test]
    fn a_subscription_by_the_owner_is_a_place_on_the_whitelist() {
        let config = with_access("whitelist");
        let affiliation = Affiliation::None.when_subscribed_by_owner(config.access_model);
        let who = Requester { affiliation, is_subscribed: true, ..requester("stranger") };
        assert_eq!(may_retrieve(&config, &who), Ok(()));
        let outcast = Affiliation::Outcast.when_subscribed_by_owner(config.access_model);
        assert_eq!(outcast, Affiliation::Outcast);
    }

    #[test]
    fn a_group_without_presence_lacks_presence() {
        let who = Requester { sees_presence: false, ..requester("in-group") };
        assert_eq!(may_retrieve(&with_access("roster"), &who), Err(Denied::PresenceRequired));
    }

    #[test]
    fn a_node_is_seen_by_those_who_may_retrieve() {
        for column in COLUMNS {
            let (config, who) = (with_access("roster"), requester(column));
            assert_eq!(may_see(&config, &who), may_retrieve(&config, &who).is_ok(), "{column}");
        }
    }

    #[test]
    fn s6_1_3_a_refusal_is_told_with_its_condition() {
        let condition = |why: Denied| StanzaError::from(why).condition();
        assert_eq!(condition(Denied::Forbidden), Condition::Forbidden);
        assert_eq!(condition(Denied::PresenceRequired), Condition::NotAuthorized);
        assert_eq!(condition(Denied::NotInGroup), Condition::NotAuthorized);
        assert_eq!(condition(Denied::Closed), Condition::NotAllowed);
        assert_eq!(condition(Denied::NoSubscriptions), Condition::FeatureNotImplemented);
    }
}
