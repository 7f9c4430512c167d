//! Everything that features declared, and where it is looked up.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::{
    AccountStep, ArchiveRule, ArchivedStep, BindStep, BoundStep, Boxed, ContactChange, ContactStep,
    CopyRule, DeliveredStep, Discovery, DiscoveryStep, Effects, Flow, GuardStep, Identity,
    InfoForm, InlineFeature, InterestsStep, IqHandler, MessageStep, OfflineRule, Phase,
    PresenceHandler, PresenceRole, PresenceStamp, Reply, Scope, SessionPart, SessionStep, Side,
    Spec, Step, TimedStep, UnqueueStep, Verdict,
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
    forms: Vec<(Scope, InfoForm)>,
    items: Vec<(Scope, DiscoveryStep)>,
    node_info: Vec<(Scope, DiscoveryStep)>,
    stream_features: Vec<(StreamPhase, StreamFeature)>,
    inline: Vec<InlineFeature>,
    bind2: Vec<(&'static str, BindStep)>,
    bound: Vec<BoundStep>,
    iq: HashMap<(IqKind, Scope), IqTable>,
    guards: Vec<(Side, GuardStep)>,
    message: Vec<(Side, Phase, MessageStep)>,
    presence: HashMap<PresenceRole, PresenceHandler>,
    presence_stamps: Vec<PresenceStamp>,
    session_available: Vec<SessionStep>,
    presence_seen: Vec<SessionStep>,
    interests: Vec<InterestsStep>,
    contact_changed: Vec<ContactStep>,
    session_ended: Vec<SessionStep>,
    refresh: Vec<SessionStep>,
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

    /// Extends disco#info of these addresses.
    pub fn form(&mut self, scopes: &[Scope], form: InfoForm) {
        self.forms.extend(scopes.iter().map(|scope| (*scope, form)));
    }

    /// Takes part in disco#items of these addresses and of their nodes. Without a node, all that
    /// features return stands in the answer; with one, the first feature answers whose node it is.
    /// Either way the step judges by itself what the asker may know, strangers to an account
    /// included, and returns nothing for what is not there or hidden.
    pub fn items<F>(&mut self, scopes: &[Scope], f: F)
    where
        F: for<'a> Step<'a, Discovery, Result<Option<Vec<Element>>, StanzaError>> + Clone,
    {
        self.items.extend(discovery_steps(scopes, f));
    }

    /// Answers disco#info of nodes of these addresses, with identities, features and forms; it is
    /// not asked about an address without a node. Which feature answers, and to whom, is as in
    /// [`items`](Self::items).
    pub fn node_info<F>(&mut self, scopes: &[Scope], f: F)
    where
        F: for<'a> Step<'a, Discovery, Result<Option<Vec<Element>>, StanzaError>> + Clone,
    {
        self.node_info.extend(discovery_steps(scopes, f));
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

    /// Completes the available presence of a session, broadcast or directed, before anybody sees it.
    /// The session's account is locked.
    pub fn presence_stamp<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, Presence, Presence>,
    {
        self.presence_stamps.push(Box::new(move |cx, presence| Box::pin(f.call(cx, presence))));
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

    /// Runs after a session has broadcast presence, available or not, and everything that followed
    /// from it was delivered. Nothing is locked, and the session handles nothing else meanwhile: a
    /// step must not wait for the client.
    pub fn presence_seen<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, Arc<Session>, Effects>,
    {
        self.presence_seen.push(Box::new(move |cx, session| Box::pin(f.call(cx, session))));
    }

    /// Runs when it becomes known that a session wants to be notified of these nodes: with its first
    /// available presence, and of those that are new when it wants more (XEP-0163 §4.3.2). It comes
    /// behind everything that followed from the presence, and possibly much later, as the client may
    /// have to be asked first. As in [`presence_seen`](Self::presence_seen) nothing is locked.
    pub fn interests<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, (Arc<Session>, Vec<String>), Effects>,
    {
        self.interests.push(Box::new(move |cx, nodes| Box::pin(f.call(cx, nodes))));
    }

    /// Runs when a session is over and no longer reachable.
    pub fn session_ended<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, Arc<Session>, Effects>,
    {
        self.session_ended.push(Box::new(move |cx, session| Box::pin(f.call(cx, session))));
    }

    /// Tells a session again what it cannot have missed for good, such as who is there: stanzas of
    /// the kinds that can be refreshed ([`ParcelKind`](crate::router::ParcelKind)) were left out of
    /// its full inbox, or went down with the server. It is the context's session, with the presence
    /// that it had; after a start of the server that presence has been routed anew just before, from
    /// a session that is available already, and what features kept of it is gone but for its
    /// [parts](Self::session_part). Nothing is locked, and its client reads. What does not fit into
    /// its inbox is not asked for once more.
    pub fn refresh<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, Arc<Session>, Effects>,
    {
        self.refresh.push(Box::new(move |cx, session| Box::pin(f.call(cx, session))));
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

    /// A value for [`Ctx::state`](super::Ctx::state) to which several features contribute.
    pub fn shared<T: Any + Default + Send + Sync>(&mut self) -> &mut T {
        let state = self.states.entry(TypeId::of::<T>()).or_insert_with(|| Box::<T>::default());
        #[expect(clippy::expect_used, reason = "it is filed under its type")]
        state.downcast_mut().expect("of that type")
    }

    /// Runs when an account's roster says something else of a contact. As in
    /// [`presence_seen`](Self::presence_seen) nothing is locked.
    pub fn contact_changed<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, ContactChange, Effects>,
    {
        self.contact_changed.push(Box::new(move |cx, change| Box::pin(f.call(cx, change))));
    }

    /// What runs when a roster says something else of a contact.
    pub fn contact_changed_steps(&self) -> &[ContactStep] {
        &self.contact_changed
    }

    /// Closes the list.
    pub fn build(mut self) -> Features {
        self.specs.sort_by_key(|spec| spec.id);
        // A stable sort: steps of one phase keep the order of registration.
        self.message.sort_by_key(|(side, phase, _)| (*side, *phase));
        Features(self)
    }
}

/// The same step for each of these addresses.
fn discovery_steps<F>(scopes: &[Scope], f: F) -> impl Iterator<Item = (Scope, DiscoveryStep)>
where
    F: for<'a> Step<'a, Discovery, Result<Option<Vec<Element>>, StanzaError>> + Clone,
{
    scopes.iter().map(move |scope| {
        let f = f.clone();
        let step: DiscoveryStep = Box::new(move |cx, asked| Box::pin(f.call(cx, asked)));
        (*scope, step)
    })
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
