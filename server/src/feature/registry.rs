//! Everything that features declared, and where it is looked up.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{
    AccountStep, ArchiveRule, ArchivedStep, BindStep, BoundStep, Boxed, CopyRule, DeliveredStep,
    Effects, Flow, GuardStep, Identity, InfoForm, InlineFeature, IqHandler, MessageStep,
    OfflineRule, Phase, PresenceHandler, PresenceRole, Reply, Scope, SessionPart, SessionStep,
    Side, Spec, Step, TimedStep, UnqueueStep, Verdict,
};
use crate::jid::BareJid;
use crate::router::Session;
use crate::stanza::{Iq, IqKind, Message, Presence, Stanza, StanzaError};
use crate::store::TreeInfo;
use crate::stream::{StreamFeature, StreamPhase};
use crate::xml::Element;

/// Handlers of one kind of request, by the payload's namespace and then its name.
type IqTable = HashMap<&'static str, Vec<(&'static str, IqHandler)>>;

/// Everything that features declared, by where it is looked up.
#[derive(Default)]
pub struct Registry {
    specs: Vec<Spec>,
    disco: Vec<(Scope, &'static str)>,
    identities: Vec<(Scope, Identity)>,
    forms: Vec<InfoForm>,
    stream_features: Vec<(StreamPhase, StreamFeature)>,
    inline: Vec<InlineFeature>,
    bind2: Vec<(&'static str, BindStep)>,
    bound: Vec<BoundStep>,
    iq: HashMap<(IqKind, Scope), IqTable>,
    guards: Vec<(Side, GuardStep)>,
    message: Vec<(Side, Phase, MessageStep)>,
    presence: HashMap<PresenceRole, PresenceHandler>,
    session_available: Vec<SessionStep>,
    session_ended: Vec<SessionStep>,
    delivered: Vec<DeliveredStep>,
    archive: Option<ArchiveRule>,
    archived: Vec<ArchivedStep>,
    copy: Option<CopyRule>,
    offline: Option<OfflineRule>,
    unqueue: Option<UnqueueStep>,
    session_parts: Vec<SessionPart>,
    account_removed: Vec<AccountStep>,
    timed: Vec<(Duration, TimedStep)>,
    trees: Vec<TreeInfo>,
    states: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
}

impl Registry {
    /// Names a specification that is implemented.
    pub fn implements(&mut self, spec: Spec) {
        self.specs.push(spec);
    }

    /// Announces a feature in disco#info of these addresses.
    pub fn disco(&mut self, scopes: &[Scope], feature: &'static str) {
        self.disco.extend(scopes.iter().map(|scope| (*scope, feature)));
    }

    /// Announces an identity in disco#info of these addresses.
    pub fn identity(&mut self, scopes: &[Scope], identity: Identity) {
        self.identities.extend(scopes.iter().map(|scope| (*scope, identity)));
    }

    /// Extends disco#info of a host.
    pub fn info_form(&mut self, form: InfoForm) {
        self.forms.push(form);
    }

    /// Offers something in the stream features.
    pub fn stream_feature(&mut self, phase: StreamPhase, feature: StreamFeature) {
        self.stream_features.push((phase, feature));
    }

    /// Offers something that a login may carry along, inside `<inline/>` of XEP-0388.
    pub fn inline(&mut self, feature: InlineFeature) {
        self.inline.push(feature);
    }

    /// Takes part in binding a resource with XEP-0386: announces `var`, and runs for the child of
    /// `<bind/>` whose namespace that is, with the fresh session in the context. What it returns
    /// stands in `<bound/>`. The session is reachable, and nothing was written to it yet. The
    /// account is not locked.
    pub fn bind2<F>(&mut self, var: &'static str, f: F)
    where
        F: for<'a> Step<'a, Element, Option<Element>>,
    {
        assert!(self.bind2.iter().all(|(other, _)| *other != var), "two features bind {var}");
        self.bind2.push((var, Box::new(move |cx, request| Box::pin(f.call(cx, request)))));
    }

    /// Tells something of the account in every `<bound/>` of XEP-0386, after all that
    /// [`bind2`](Self::bind2) declared.
    pub fn bound<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, (), Option<Element>>,
    {
        self.bound.push(Box::new(move |cx, ()| Box::pin(f.call(cx, ()))));
    }

    /// Answers IQ requests whose payload has that namespace and name.
    pub fn iq<F>(
        &mut self,
        kind: IqKind,
        scopes: &[Scope],
        name: (&'static str, &'static str),
        f: F,
    ) where
        F: for<'a> Step<'a, Iq, Result<Reply, StanzaError>> + Clone,
    {
        for scope in scopes {
            let f = f.clone();
            let handler: IqHandler = Box::new(move |cx, iq| Box::pin(f.call(cx, iq)));
            let (ns, name) = name;
            let names = self.iq.entry((kind, *scope)).or_default().entry(ns).or_default();
            assert!(
                names.iter().all(|(other, _)| *other != name),
                "two features answer {ns} {name}"
            );
            names.push((name, handler));
        }
    }

    /// Judges every stanza, on the sender's or the recipient's behalf.
    pub fn guard<F>(&mut self, side: Side, f: F)
    where
        F: for<'a> Step<'a, &'a Stanza, Verdict>,
    {
        self.guards.push((side, Box::new(move |cx, stanza| Box::pin(f.call(cx, stanza)))));
    }

    /// Takes part in the message pipeline.
    pub fn message<F>(&mut self, side: Side, phase: Phase, f: F)
    where
        F: for<'a> Step<'a, Message, Result<Flow, StanzaError>>,
    {
        self.message.push((
            side,
            phase,
            Box::new(move |cx, message| Box::pin(f.call(cx, message))),
        ));
    }

    /// Handles presence of that role.
    pub fn presence<F>(&mut self, role: PresenceRole, f: F)
    where
        F: for<'a> Step<'a, Presence, Result<Effects, StanzaError>>,
    {
        let handler: PresenceHandler = Box::new(move |cx, presence| Box::pin(f.call(cx, presence)));
        let taken = self.presence.insert(role, handler);
        assert!(taken.is_none(), "two features handle {role:?} presence");
    }

    /// Runs when a session begins to take what waits for the account: its priority was negative or
    /// it was unavailable, and now it is not. The account is locked, and the effects are delivered
    /// after those of the presence, so the step must neither lock nor return a guard.
    pub fn session_available<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, Arc<Session>, Effects>,
    {
        let step: SessionStep = Box::new(move |cx, session| Box::pin(f.call(cx, session)));
        self.session_available.push(step);
    }

    /// Runs when a session is over and no longer reachable.
    pub fn session_ended<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, Arc<Session>, Effects>,
    {
        self.session_ended.push(Box::new(move |cx, session| Box::pin(f.call(cx, session))));
    }

    /// Runs when the client of the context's session has shown that it received the parcels of
    /// these numbers ([`Parcel::kept`](crate::router::Parcel)). Nothing is locked.
    pub fn delivered<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, Vec<u64>, Effects>,
    {
        self.delivered.push(Box::new(move |cx, numbers| Box::pin(f.call(cx, numbers))));
    }

    /// Decides what archives keep.
    pub fn archive(&mut self, rule: ArchiveRule) {
        assert!(self.archive.replace(rule).is_none(), "two features decide what is archived");
    }

    /// Runs after a message was stored for which `is_meant` holds.
    pub fn archived<F>(&mut self, is_meant: fn(&Message) -> bool, f: F)
    where
        F: for<'a> Step<'a, (Message, u64), ()>,
    {
        self.archived.push((is_meant, Box::new(move |cx, stored| Box::pin(f.call(cx, stored)))));
    }

    /// Copies messages for other devices.
    pub fn copy(&mut self, rule: CopyRule) {
        assert!(self.copy.replace(rule).is_none(), "two features copy messages");
    }

    /// Decides what becomes of messages that nobody takes.
    pub fn offline(&mut self, rule: OfflineRule) {
        assert!(self.offline.replace(rule).is_none(), "two features decide about messages");
    }

    /// Takes a message out of an account's queue that was delivered after all.
    pub fn unqueue<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, (BareJid, u64), ()>,
    {
        let step: UnqueueStep = Box::new(move |cx, queued| Box::pin(f.call(cx, queued)));
        assert!(self.unqueue.replace(step).is_none(), "two features keep queues");
    }

    /// Keeps a part of a session's state beyond a crash. Whoever changes that state calls
    /// [`Journal::touch_state`](crate::router::Journal::touch_state).
    pub fn session_part(&mut self, part: SessionPart) {
        self.session_parts.push(part);
    }

    /// Runs before an account's records are deleted.
    pub fn account_removed<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, BareJid, Result<Effects, StanzaError>>,
    {
        self.account_removed.push(Box::new(move |cx, account| Box::pin(f.call(cx, account))));
    }

    /// Runs again and again while the server runs, and once more when it stops.
    pub fn every<F>(&mut self, interval: Duration, f: F)
    where
        F: for<'a> Step<'a, (), ()>,
    {
        self.timed.push((interval, Box::new(move |cx, ()| Box::pin(f.call(cx, ())))));
    }

    /// Declares a tree of the store: `on.tree(BLOCKED.account_info(1, "who is blocked"))`. Trees of
    /// an account are deleted with it.
    pub fn tree(&mut self, tree: TreeInfo) {
        self.trees.push(tree);
    }

    /// Keeps a value for [`Ctx::state`].
    pub fn state<T: Any + Send + Sync>(&mut self, value: T) {
        let taken = self.states.insert(TypeId::of::<T>(), Box::new(value));
        assert!(taken.is_none(), "a state is declared twice");
    }

    /// Closes the list.
    pub fn build(mut self) -> Features {
        self.specs.sort_by_key(|spec| spec.id);
        // A stable sort: steps of one phase keep the order of registration.
        self.message.sort_by_key(|(side, phase, _)| (*side, *phase));
        Features(self)
    }
}

/// Everything that was declared, read-only.
pub struct Features(Registry);

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

    /// Disco identities of an address.
    pub fn disco_identities(&self, scope: Scope) -> impl Iterator<Item = Identity> {
        self.identities.iter().filter(move |(of, _)| *of == scope).map(|(_, identity)| *identity)
    }

    /// Forms in disco#info of a host.
    pub fn info_forms(&self) -> &[InfoForm] {
        &self.forms
    }

    /// What the stream features offer in those phases.
    pub fn stream_features(
        &self,
        phases: &'static [StreamPhase],
    ) -> impl Iterator<Item = StreamFeature> {
        let offered = self.stream_features.iter().filter(|(phase, _)| phases.contains(phase));
        offered.map(|(_, feature)| *feature)
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

    /// What runs when a session begins to take what waits for the account.
    pub fn session_available_steps(&self) -> &[SessionStep] {
        &self.session_available
    }

    /// What runs when a session is over.
    pub fn session_ended_steps(&self) -> &[SessionStep] {
        &self.session_ended
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

    /// The state of that type, if a feature declared it.
    pub fn state<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.states.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The trees of all features.
    pub fn trees(&self) -> &[TreeInfo] {
        &self.trees
    }
}
