//! Where what features declared is looked up.

use std::any::{Any, TypeId};
use std::time::Duration;

use super::Registry;
use super::Routes;
use crate::config::ServiceKind;
use crate::feature::{
    AccountStep, ArchiveRule, ArchivesStep, BindStep, BoundStep, Boxed, Command, CopyRule,
    DeliveredStep, DiscoveryStep, EntityStep, GuardStep, Identity, InfoForm, InlineFeature,
    InterestsStep, IqHandler, MessageStep, OfflineRule, Phase, PresenceHandler, PresenceRole,
    PresenceStamp, ReplayStep, Scope, SessionPart, SessionStep, Side, Spec, StrangerHandler,
    TimedStep, UnqueueStep,
};
use crate::server::Server;
use crate::stanza::{IqKind, Message};
use crate::store::TreeInfo;
use crate::stream::{StreamFeature, StreamPhase};
use crate::xml::Element;

/// Everything that was declared, read-only.
pub struct Features(pub(super) Registry);

impl std::fmt::Debug for Features {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Features({} specifications)", self.specs.len())
    }
}

impl std::ops::Deref for Features {
    type Target = Registry;
    fn deref(&self) -> &Registry {
        &self.0
    }
}

impl Features {
    /// The specifications, in order of their names.
    pub fn specs(&self) -> &[Spec] {
        &self.specs
    }

    /// Disco features of an address, sorted and without repetition.
    pub fn disco_features(&self, scope: Scope) -> Vec<&'static str> {
        let mut features: Vec<_> =
            self.disco.iter().filter(|(of, _)| *of == scope).map(|(_, feature)| *feature).collect();
        features.sort_unstable();
        features.dedup();
        features
    }

    /// Disco features of an address at the moment: with those that depend on the configuration.
    pub fn disco_features_of(&self, server: &Server, scope: Scope) -> Vec<&'static str> {
        let mut features = self.disco_features(scope);
        let of_scope = self.disco_while.iter().filter(|(of, _, _)| *of == scope);
        let holding = of_scope.filter(|(_, _, holds)| holds(server));
        features.extend(holding.map(|(_, feature, _)| *feature));
        features.sort_unstable();
        features
    }

    /// Disco identities of an address.
    pub fn disco_identities(&self, scope: Scope) -> impl Iterator<Item = Identity> {
        self.identities.iter().filter(move |(of, _)| *of == scope).map(|(_, identity)| *identity)
    }

    /// Forms in disco#info of an address.
    pub fn info_forms(&self, scope: Scope) -> impl Iterator<Item = InfoForm> {
        self.forms.iter().filter(move |(of, _)| *of == scope).map(|(_, form)| *form)
    }

    /// Who takes part in disco#items of an address and of its nodes.
    pub fn items_steps(&self, scope: Scope) -> impl Iterator<Item = &DiscoveryStep> {
        self.items.iter().filter(move |(of, _)| *of == scope).map(|(_, step)| step)
    }

    /// Who may know disco#info of a node of an address.
    pub fn node_info_steps(&self, scope: Scope) -> impl Iterator<Item = &DiscoveryStep> {
        self.node_info.iter().filter(move |(of, _)| *of == scope).map(|(_, step)| step)
    }

    /// What the stream features offer in those phases.
    pub fn stream_features(
        &self,
        phases: &'static [StreamPhase],
    ) -> impl Iterator<Item = StreamFeature> {
        let offered = self.stream_features.iter().filter(|(phase, _)| phases.contains(phase));
        offered.map(|(_, feature)| *feature)
    }

    /// Who answers a request of somebody who has not logged in.
    pub fn before_login_handler(&self, payload: &Element) -> Option<&StrangerHandler> {
        let is_meant = |(ns, name): &(&str, &str)| payload.is(ns, name);
        self.before_login.iter().find(|(name, _)| is_meant(name)).map(|(_, handler)| handler)
    }

    /// What a login may carry along.
    pub fn inline_features(&self) -> &[InlineFeature] {
        &self.inline
    }

    /// What can be asked for as a resource is bound with XEP-0386.
    pub fn bind2_vars(&self) -> impl Iterator<Item = &'static str> {
        self.bind2.iter().map(|(var, _)| *var)
    }

    /// What is done for a request of that namespace.
    pub fn bind2_step(&self, ns: &str) -> Option<&BindStep> {
        self.bind2.iter().find(|(var, _)| *var == ns).map(|(_, step)| step)
    }

    /// What every binding with XEP-0386 tells.
    pub fn bound_steps(&self) -> &[BoundStep] {
        &self.bound
    }

    /// Who answers that request.
    pub fn iq_handler(&self, kind: IqKind, scope: Scope, payload: &Element) -> Option<&IqHandler> {
        let names = self.iq.get(&(kind, scope))?.get(payload.ns())?;
        names.iter().find(|(name, _)| *name == payload.name()).map(|(_, handler)| handler)
    }

    /// The commands of a domain, in the order of registration.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The command of that node.
    pub fn command(&self, node: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.node == node)
    }

    /// Guards of that side.
    pub fn guards(&self, side: Side) -> impl Iterator<Item = &GuardStep> {
        self.guards.iter().filter(move |(of, _)| *of == side).map(|(_, step)| step)
    }

    /// Steps of the message pipeline.
    pub fn message_steps(&self, side: Side, phase: Phase) -> impl Iterator<Item = &MessageStep> {
        let wanted = (side, phase);
        self.message.iter().filter(move |(s, p, _)| (*s, *p) == wanted).map(|(_, _, step)| step)
    }

    /// Who handles that presence.
    pub fn presence_handler(&self, role: PresenceRole) -> Option<&PresenceHandler> {
        self.presence.get(&role)
    }

    /// Who takes what is addressed to something behind services of that kind.
    pub fn entity(&self, kind: ServiceKind) -> Option<&EntityStep> {
        self.entities.get(&kind)
    }

    /// Who has archives behind services of that kind.
    pub fn archives_steps(&self, kind: ServiceKind) -> impl Iterator<Item = &ArchivesStep> {
        self.archives.iter().filter(move |(of, _)| *of == kind).map(|(_, step)| step)
    }

    /// What completes available presence.
    pub fn presence_stamps(&self) -> &[PresenceStamp] {
        &self.presence_stamps
    }

    /// What runs when a session begins to take what waits for the account.
    pub fn session_available_steps(&self) -> &[SessionStep] {
        &self.session_available
    }

    /// What runs after a session has broadcast presence.
    pub fn presence_seen_steps(&self) -> &[SessionStep] {
        &self.presence_seen
    }

    /// What runs when a session wants to be notified of more.
    pub fn interests_steps(&self) -> &[InterestsStep] {
        &self.interests
    }

    /// What runs when a session is over.
    pub fn session_ended_steps(&self) -> &[SessionStep] {
        &self.session_ended
    }

    /// What tells a session again how things are.
    pub fn refresh_steps(&self) -> &[SessionStep] {
        &self.refresh
    }

    /// What runs when a client has shown what it received.
    pub fn delivered_steps(&self) -> &[DeliveredStep] {
        &self.delivered
    }

    /// What archives keep.
    pub fn archive_rule(&self) -> Option<&ArchiveRule> {
        self.archive.as_ref()
    }

    /// What runs after that message was stored.
    pub fn archived_steps<'a>(
        &'a self,
        message: &'a Message,
    ) -> impl Iterator<Item = &'a Boxed<(Message, u64), ()>> {
        self.archived.iter().filter(|(is_meant, _)| is_meant(message)).map(|(_, step)| step)
    }

    /// How messages are copied.
    pub fn copy_rule(&self) -> Option<CopyRule> {
        self.copy
    }

    /// What becomes of messages that nobody takes.
    pub fn offline_rule(&self) -> Option<&OfflineRule> {
        self.offline.as_ref()
    }

    /// How a message leaves the queue that was delivered after all.
    pub fn unqueue_step(&self) -> Option<&UnqueueStep> {
        self.unqueue.as_ref()
    }

    /// Serialize anew what a room said.
    pub fn replay_groupchat_steps(&self) -> &[ReplayStep] {
        &self.replay_groupchat
    }

    /// Which parts of a session outlive a crash.
    pub fn session_parts(&self) -> &[SessionPart] {
        &self.session_parts
    }

    /// What runs when an account goes.
    pub fn account_removed_steps(&self) -> &[AccountStep] {
        &self.account_removed
    }

    /// What runs on a timer.
    pub fn timed_steps(&self) -> &[(Duration, TimedStep)] {
        &self.timed
    }

    /// What is answered by HTTP.
    pub fn http_routes(&self) -> &[Routes] {
        &self.0.http
    }

    /// What is answered by HTTP without a limit of time.
    pub fn long_http_routes(&self) -> &[Routes] {
        &self.0.long_http
    }

    /// What runs as the server begins to stop.
    pub fn stopping_steps(&self) -> &[TimedStep] {
        &self.stopping
    }

    /// The state of that type, if a feature declared it.
    pub fn state<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.states.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The trees of all features.
    pub fn trees(&self) -> &[TreeInfo] {
        &self.trees
    }
}
