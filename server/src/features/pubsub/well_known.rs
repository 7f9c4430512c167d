//! Nodes that other specifications name: how they are configured unless somebody says otherwise, and
//! who keeps something in step with them.

use super::config::Config;
use super::edit::Edit;
use super::service::Service;
use crate::feature::{Ctx, Registry, StepFuture};
use crate::jid::BareJid;
use crate::stanza::StanzaError;
use crate::xml::Element;

/// Which nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// The one of that name.
    Exactly(&'static str),
    /// All whose names begin like that.
    Prefix(&'static str),
}

/// What happened to a node, for those who keep something in step with it.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An item was published.
    Published {
        /// Its id.
        id: String,
        /// What it holds.
        payload: Option<Element>,
    },
    /// An item was taken away.
    Retracted {
        /// Its id.
        id: String,
    },
    /// All items were.
    Purged,
    /// The node is gone.
    Deleted,
}

/// Takes part in an edit in which a node of that name has changed.
pub type ChangedStep = for<'a, 'b> fn(
    &'a mut Edit<'b>,
    &'a str,
    &'a Change,
) -> StepFuture<'a, Result<(), StanzaError>>;

/// Nodes of accounts that a specification names.
#[derive(Clone, Copy, Debug)]
pub struct WellKnown {
    /// Which.
    pub names: Names,
    /// Their configuration, made from that of any node of an account.
    pub config: fn(Config) -> Config,
    /// What follows from a change of them.
    pub changed: Option<ChangedStep>,
}

impl WellKnown {
    /// Declares them.
    pub fn register(self, on: &mut Registry) {
        on.shared::<WellKnownNodes>().0.push(self);
    }
}

/// Runs before the owner of an account reads or changes one of its nodes.
pub type BeforeStep = for<'a> fn(&'a Ctx, &'a BareJid) -> StepFuture<'a, ()>;

/// Declares what is done before an account's owner reads or changes a node. Nothing is locked.
pub fn before_requests(on: &mut Registry, node: &'static str, step: BeforeStep) {
    on.shared::<BeforeRequests>().0.push((node, step));
}

/// All steps that were declared for that.
#[derive(Debug, Default)]
pub(super) struct BeforeRequests(Vec<(&'static str, BeforeStep)>);

impl BeforeRequests {
    /// Runs them.
    pub(super) async fn run(cx: &Ctx, service: &Service, who: &BareJid, node: Option<&str>) {
        if !service.is_owned_by(who) {
            return;
        }
        let steps = &cx.state::<BeforeRequests>().0;
        for (_, step) in steps.iter().filter(|(name, _)| Some(*name) == node) {
            step(cx, who).await;
        }
    }
}

/// All that were declared.
#[derive(Debug, Default)]
pub(super) struct WellKnownNodes(Vec<WellKnown>);

impl WellKnownNodes {
    /// How a node is configured whose creator says nothing.
    pub(super) fn config(&self, service: &Service, node: &str) -> Config {
        if service.account().is_none() {
            return Config::service();
        }
        self.of(node).fold(Config::pep(), |config, known| (known.config)(config))
    }

    /// Who takes part in changes of a node.
    pub(super) fn steps(&self, service: &Service, node: &str) -> Vec<ChangedStep> {
        match service.account() {
            Some(_) => self.of(node).filter_map(|known| known.changed).collect(),
            None => Vec::new(),
        }
    }

    fn of(&self, node: &str) -> impl Iterator<Item = &WellKnown> {
        self.0.iter().filter(move |known| match known.names {
            Names::Exactly(name) => name == node,
            Names::Prefix(prefix) => node.starts_with(prefix),
        })
    }
}
