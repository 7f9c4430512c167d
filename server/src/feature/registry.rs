//! Everything that features declare; [`lookup`] is where it is found again.

mod lookup;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub use lookup::Features;

use super::{
    AccountStep, ArchiveRule, ArchivedStep, ArchivesStep, BindStep, BoundStep, Command,
    ContactChange, ContactStep, CopyRule, DeliveredStep, Discovery, DiscoveryStep, Effects,
    EntityStep, Flow, GuardStep, Identity, InfoForm, InlineFeature, InterestsStep, IqHandler,
    MessageStep, OfflineRule, Phase, PresenceHandler, PresenceRole, PresenceStamp, ReplayStep,
    Reply, Scope, SessionPart, SessionStep, Side, Spec, Step, Stranger, StrangerHandler, TimedStep,
    UnqueueStep, Verdict,
};
use crate::config::ServiceKind;
use crate::jid::{BareJid, Domain};
use crate::router::{Counted, Parcel, Session};
use crate::stanza::{Iq, IqKind, Message, Presence, Stanza, StanzaError};
use crate::store::{StoreError, TreeInfo};
use crate::stream::{StreamFeature, StreamPhase};
use crate::xml::Element;

/// Handlers of one kind of request, by the payload's namespace and then its name.
type IqTable = HashMap<&'static str, Vec<(&'static str, IqHandler)>>;

/// Routes of HTTP.
pub type Routes = fn() -> axum::Router<Arc<crate::server::Server>>;

/// Whether something holds for a server at the moment.
pub type Condition = fn(&crate::server::Server) -> bool;

/// Everything that features declared, by where it is looked up.
#[derive(Default)]
pub struct Registry {
    specs: Vec<Spec>,
    disco: Vec<(Scope, &'static str)>,
    disco_while: Vec<(Scope, &'static str, Condition)>,
    identities: Vec<(Scope, Identity)>,
    forms: Vec<(Scope, InfoForm)>,
    items: Vec<(Scope, DiscoveryStep)>,
    node_info: Vec<(Scope, DiscoveryStep)>,
    stream_features: Vec<(StreamPhase, StreamFeature)>,
    inline: Vec<InlineFeature>,
    bind2: Vec<(&'static str, BindStep)>,
    bound: Vec<BoundStep>,
    iq: HashMap<(IqKind, Scope), IqTable>,
    commands: Vec<Command>,
    before_login: HashMap<(&'static str, &'static str), StrangerHandler>,
    guards: Vec<(Side, GuardStep)>,
    message: Vec<(Side, Phase, MessageStep)>,
    presence: HashMap<PresenceRole, PresenceHandler>,
    entities: HashMap<ServiceKind, EntityStep>,
    archives: Vec<(ServiceKind, ArchivesStep)>,
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
    replay_groupchat: Vec<ReplayStep>,
    session_parts: Vec<SessionPart>,
    account_removed: Vec<AccountStep>,
    timed: Vec<(Duration, TimedStep)>,
    stopping: Vec<TimedStep>,
    http: Vec<Routes>,
    long_http: Vec<Routes>,
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

    /// Announces a feature there as long as something holds, such as that it is configured.
    pub fn disco_while(&mut self, scopes: &[Scope], feature: &'static str, holds: Condition) {
        self.disco_while.extend(scopes.iter().map(|scope| (*scope, feature, holds)));
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

    /// Offers a command of every domain (XEP-0050).
    pub fn command(&mut self, command: Command) {
        let is_taken = self.commands.iter().any(|other| other.node == command.node);
        assert!(!is_taken, "two features offer the command {}", command.node);
        self.commands.push(command);
    }

    /// Answers IQ requests of clients that have not logged in, whose payload has that namespace and name;
    /// nothing else is answered before the login. The answer is all that follows from it: the client
    /// stays a stranger. What it says counts against the limits of the login, in bytes, elements and
    /// time, and how often it may ask is bounded.
    pub fn before_login<F>(&mut self, name: (&'static str, &'static str), f: F)
    where
        F: for<'a> Step<'a, (Stranger, Iq), Result<Option<Element>, StanzaError>>,
    {
        let handler: StrangerHandler = Box::new(move |cx, asked| Box::pin(f.call(cx, asked)));
        let taken = self.before_login.insert(name, handler);
        assert!(taken.is_none(), "two features answer {name:?} before the login");
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

    /// Takes what those who may use services of that kind say to addresses behind them, such as
    /// `room@rooms.example.org/nick`: messages, with their place on the sender's stream if it is
    /// managed; presence, but for subscriptions, which go nowhere, as it came
    /// ([`stamped`](crate::router::stamped) completes it); and of requests and their answers those
    /// that name a resource. Requests to `room@rooms.example.org` go to the handlers of its scope.
    /// What the step returns is for the sender. Nothing is locked.
    pub fn entity<F>(&mut self, kind: ServiceKind, f: F)
    where
        F: for<'a> Step<'a, (Stanza, Option<Counted>), Result<Option<Element>, StanzaError>>,
    {
        let step: EntityStep = Box::new(move |cx, stanza| Box::pin(f.call(cx, stanza)));
        let taken = self.entities.insert(kind, step);
        assert!(taken.is_none(), "two features are behind {kind:?}");
    }

    /// Names the addresses behind a service of that kind, given by its domain, whose archive may hold
    /// something: what is over of it is deleted. All of them, whatever their retention.
    pub fn archives<F>(&mut self, kind: ServiceKind, f: F)
    where
        F: for<'a> Step<'a, Domain, Result<Vec<BareJid>, StoreError>>,
    {
        self.archives.push((kind, Box::new(move |cx, domain| Box::pin(f.call(cx, domain)))));
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
    /// [parts](Self::session_part). Nothing is locked, its client reads, and its inbox is empty. What
    /// does not fit into that is not asked for once more; but who was told so
    /// ([`hand_over`](crate::router::hand_over)) is, and goes on where it was left out.
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

    /// Serializes anew what a room said to a session that has lost its bytes and has to be sent them
    /// again: the message of that number in the room's archive, addressed to that session, with
    /// what it may see. Nothing if the feature has no such room, if the message is not kept any more,
    /// or not for that session. The first that has it counts.
    pub fn replay_groupchat<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, (Arc<Session>, u64), Option<Parcel>>,
    {
        self.replay_groupchat.push(Box::new(move |cx, said| Box::pin(f.call(cx, said))));
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

    /// Runs once as the server begins to stop, while its sessions still take what they are told.
    pub fn stopping<F>(&mut self, f: F)
    where
        F: for<'a> Step<'a, (), ()>,
    {
        self.stopping.push(Box::new(move |cx, ()| Box::pin(f.call(cx, ()))));
    }

    /// What the feature answers strangers by HTTP. Handlers are given the [`Server`](crate::server::Server)
    /// as their state, and a [`Visitor`](crate::http::Visitor) as an extension. A request is read, and its answer
    /// begun, within half a minute, and what is read whole is at most 64 KiB.
    pub fn http(&mut self, routes: Routes) {
        self.http.push(routes);
    }

    /// The same without a limit: for what brings its own, as files do.
    pub fn long_http(&mut self, routes: Routes) {
        self.long_http.push(routes);
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
