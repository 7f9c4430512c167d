//! What a feature may say about itself.
//!
//! Each file under `features/` has one `register(on: &mut Registry)` that declares which
//! specification it implements and what it takes part in. Disco, the table of specifications,
//! account removal and the pipelines follow from these declarations and cannot drift.

mod command;
mod filled;
mod registry;

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::auth::Login;
use crate::config::ServiceKind;
use crate::jid::{BareJid, Domain, Jid};
use crate::net::Peer;
use crate::router::{AccountGuard, Counted, Envelope, Parcel, Session, Slots};
use crate::server::Server;
use crate::stanza::{Condition, Iq, Message, MessageKind, Presence, Stanza, StanzaError};
use crate::store::StoreError;
use crate::xml::Element;
pub use command::{Asker, Command, Execution, Next, Note, Stage};
pub use filled::{Filled, refused};
pub use registry::{Features, Registry};

/// Who is asking, and the server that is asked.
#[derive(Clone, Debug)]
pub struct Ctx {
    /// The server.
    pub server: Arc<Server>,
    /// The session whose stanza is handled; nobody for what the server does by itself.
    pub session: Option<Arc<Session>>,
}

impl Ctx {
    /// Whether the stanza's sender owns the account that it is addressed to.
    pub fn is_own(&self, to: Option<&Jid>, from: &Jid) -> bool {
        to.is_none_or(|to| to.bare_str() == from.bare_str())
    }

    /// What a feature declared with [`Registry::state`].
    #[expect(clippy::expect_used, reason = "every state is declared by the feature that uses it")]
    pub fn state<T: Any + Send + Sync>(&self) -> &T {
        self.server.features.state().expect("declared with Registry::state")
    }
}

/// How far a specification is implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All of what a server has to do.
    Complete,
    /// A part of it; the note says which.
    Partial,
}

/// A specification that a feature implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// `XEP-0199` or `RFC 6121`.
    pub id: &'static str,
    /// Its title.
    pub name: &'static str,
    /// The version that was read; empty for an RFC.
    pub version: &'static str,
    /// How far.
    pub status: Status,
    /// What is left out or chosen, in a few words; may be empty.
    pub note: &'static str,
}

/// What an address is, as seen by the one who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A domain of this server.
    Host,
    /// The sender's own account: no `to`, or the own bare JID.
    Own,
    /// The bare JID of another account.
    Account,
    /// The publish-subscribe service of a domain, asked by an account of that domain. There is none
    /// unless it is configured.
    Pubsub,
    /// The rooms of a domain, `rooms.example.org`, asked by an account that may use them.
    Rooms,
    /// One of them, `room@rooms.example.org`, whether it is there or not, asked as above.
    Room,
    /// The service that keeps files of a domain, asked by an account of that domain.
    Upload,
}

impl From<ServiceKind> for Scope {
    fn from(kind: ServiceKind) -> Self {
        match kind {
            ServiceKind::Pubsub => Scope::Pubsub,
            ServiceKind::Rooms => Scope::Rooms,
            ServiceKind::Upload => Scope::Upload,
        }
    }
}

/// Whose steps a message passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The sender's account.
    Sender,
    /// The receiver's account.
    Recipient,
}

/// The phases of a message that features take part in step by step, in order. There are no
/// priorities inside a phase. Between the two the router stores it ([`Registry::archive`]),
/// delivers it, copies it ([`Registry::copy`]) and queues it ([`Registry::offline`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// May rewrite: delays, removal of what is forged.
    Stamp,
    /// After it was delivered or kept, when no client of the account was awake to take it.
    Notify,
}

/// What becomes of a message that no session takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// It waits for the account's next session.
    Queue,
    /// It is not missed, or the archive has it.
    Drop,
    /// Its sender is told.
    Bounce,
}

/// Copies of messages for other devices (XEP-0280).
#[derive(Clone, Copy, Debug)]
pub struct CopyRule {
    /// Whether a message is copied for an account that sent or received it.
    pub is_eligible: fn(&Message, Side) -> bool,
    /// Whether a session wants copies.
    pub is_wanted: fn(&Session) -> bool,
    /// The copy of a serialized message of that type for one session: what its account sent or
    /// received.
    pub wrap: fn(Side, MessageKind, &Session, &[u8]) -> Bytes,
}

/// A part of a session's state that outlives a crash of the server, if its stream does (XEP-0198).
#[derive(Clone, Copy, Debug)]
pub struct SessionPart {
    /// Under which name it is stored; for ever.
    pub name: &'static str,
    /// What there is to store; nothing while it is as in a new session.
    pub save: fn(&Session) -> Option<String>,
    /// Puts it back.
    pub restore: fn(&Session, &str),
}

/// What a step says of a message.
#[derive(Debug)]
pub enum Flow {
    /// On to the next step.
    Next(Message),
    /// Taken care of.
    Done,
}

/// What a guard says of any stanza.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing against it.
    Pass,
    /// It never existed.
    Drop,
    /// The sender is told.
    Reject(StanzaError),
}

/// A contact who may see more, or less, of an account than before: its roster has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactChange {
    /// Whose roster.
    pub owner: BareJid,
    /// Who it is about.
    pub contact: BareJid,
    /// Whether the contact sees the owner's presence from now on.
    pub begins_to_see: bool,
}

/// What follows from handling a stanza: what to deliver, in order, while the lock is still held.
#[derive(Debug, Default)]
pub struct Effects {
    /// Stanzas for sessions.
    pub envelopes: Vec<Envelope>,
    /// Keeps others from changing the account until the envelopes are delivered.
    pub guard: Option<AccountGuard>,
    /// Contacts of whom an account thinks otherwise by it.
    pub contacts: Vec<ContactChange>,
}

impl Effects {
    /// Nothing to do.
    pub fn none() -> Self {
        Effects::default()
    }

    /// Deliveries that need no lock.
    pub fn send(envelopes: Vec<Envelope>) -> Self {
        Effects { envelopes, ..Effects::default() }
    }

    /// Notes contacts of whom an account thinks otherwise.
    pub fn about(mut self, contacts: impl IntoIterator<Item = ContactChange>) -> Self {
        self.contacts.extend(contacts);
        self
    }

    /// Keeps the lock until everything is delivered.
    pub fn holding(mut self, guard: AccountGuard) -> Self {
        self.guard = Some(guard);
        self
    }
}

/// The answer to an IQ request.
#[derive(Debug)]
pub struct Reply {
    /// The payload of the result, if it has one.
    pub payload: Option<Element>,
    /// What else follows; delivered before the answer. Its guard is kept until all is delivered.
    pub effects: Effects,
    /// What is delivered after the answer, under the same guard.
    pub later: Vec<Envelope>,
    /// Whether the answer was delivered already ([`answer_now`](crate::router::answer_now)).
    pub is_given: bool,
}

impl Reply {
    /// An empty result.
    pub fn empty() -> Self {
        Reply { payload: None, effects: Effects::none(), later: Vec::new(), is_given: false }
    }

    /// It was delivered already, between what others were told.
    pub fn given() -> Self {
        Reply { is_given: true, ..Reply::empty() }
    }

    /// A result with a payload.
    pub fn with(payload: Element) -> Self {
        Reply { payload: Some(payload), ..Reply::empty() }
    }

    /// What else follows.
    pub fn and(mut self, effects: Effects) -> Self {
        self.effects = effects;
        self
    }

    /// What follows the answer.
    pub fn then(mut self, later: Vec<Envelope>) -> Self {
        self.later = later;
        self
    }
}

/// Which presence stanzas a handler takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PresenceRole {
    /// Without `to`: for everybody subscribed.
    Broadcast,
    /// Available or unavailable presence for one address.
    Directed,
    /// subscribe, subscribed, unsubscribe, unsubscribed.
    Subscription,
    /// Asks for the current presence.
    Probe,
}

/// A client of which nothing is known: it is inside TLS and has not logged in. Its connection is not
/// authenticated by anything that it says here.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// The domain that it talks to.
    pub domain: Domain,
    /// Where it is.
    pub peer: Peer,
    /// What features remember of this connection.
    pub slots: Arc<Slots>,
}

/// A boxed future, as long as the context that it borrows.
pub type StepFuture<'a, R> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

/// An `async fn(&Ctx, A) -> R`.
pub trait Step<'a, A, R>: Send + Sync + 'static {
    /// What it returns when called.
    type Future: Future<Output = R> + Send + 'a;
    /// Calls it.
    fn call(&self, cx: &'a Ctx, argument: A) -> Self::Future;
}

impl<'a, A, R, F, T> Step<'a, A, R> for T
where
    T: Fn(&'a Ctx, A) -> F + Send + Sync + 'static,
    F: Future<Output = R> + Send + 'a,
{
    type Future = F;
    fn call(&self, cx: &'a Ctx, argument: A) -> F {
        self(cx, argument)
    }
}

type Boxed<A, R> = Box<dyn for<'a> Fn(&'a Ctx, A) -> StepFuture<'a, R> + Send + Sync>;
type GuardStep = Box<dyn for<'a> Fn(&'a Ctx, &'a Stanza) -> StepFuture<'a, Verdict> + Send + Sync>;

/// Completes available presence of a session.
pub type PresenceStamp = Boxed<Presence, Presence>;
/// A handler of IQ requests.
pub type IqHandler = Boxed<Iq, Result<Reply, StanzaError>>;
/// A handler of IQ requests of strangers; with the payload of the result.
pub type StrangerHandler = Boxed<(Stranger, Iq), Result<Option<Element>, StanzaError>>;
/// A handler of presence.
pub type PresenceHandler = Boxed<Presence, Result<Effects, StanzaError>>;
/// A step of the message pipeline.
pub type MessageStep = Boxed<Message, Result<Flow, StanzaError>>;
/// Takes what is addressed to something behind a service; the answer is for the sender.
pub type EntityStep = Boxed<(Stanza, Option<Counted>), Result<Option<Element>, StanzaError>>;
/// Names what is behind the service of that domain and has an archive.
pub type ArchivesStep = Boxed<Domain, Result<Vec<BareJid>, StoreError>>;
/// Something done for an account or a session.
pub type AccountStep = Boxed<BareJid, Result<Effects, StanzaError>>;
/// Something done when a session comes or goes.
pub type SessionStep = Boxed<Arc<Session>, Effects>;
/// Something done about a contact who may see more or less than before.
pub type ContactStep = Boxed<ContactChange, Effects>;
/// Something done about nodes that a client newly wants to be notified of (XEP-0060 §9.2).
pub type InterestsStep = Boxed<(Arc<Session>, Vec<String>), Effects>;
/// Something done about what a client is known to have received.
pub type DeliveredStep = Boxed<Vec<u64>, Effects>;

/// A part of a session that a client asks for as it binds (XEP-0386).
pub type BindStep = Boxed<Element, Option<Element>>;
/// What the answer to such a request tells of the account.
pub type BoundStep = Boxed<(), Option<Element>>;

/// Something done over and over.
pub type TimedStep = Boxed<(), ()>;

/// Whether the archive of an account (the first address) keeps a message with the second.
pub type ArchiveRule = Box<
    dyn for<'a> Fn(&'a Ctx, &'a BareJid, &'a BareJid, &'a Message) -> StepFuture<'a, bool>
        + Send
        + Sync,
>;
/// What becomes of a message that nobody takes; with its number if it is stored already. The flag
/// says whether the account's archive has it or will have it.
pub type OfflineRule = Box<
    dyn for<'a> Fn(
            &'a Ctx,
            &'a Message,
            Option<u64>,
            bool,
        ) -> StepFuture<'a, Result<Offline, StanzaError>>
        + Send
        + Sync,
>;
/// Something done about messages that are in an account's queue and were delivered another way.
pub type UnqueueStep = Boxed<(BareJid, u64), ()>;

/// The step of [`Registry::replay_groupchat`].
pub type ReplayStep = Boxed<(Arc<Session>, u64), Option<Parcel>>;
/// Something done about a message that the archive holds under that number.
pub type ArchivedStep = (fn(&Message) -> bool, Boxed<(Message, u64), ()>);

/// An identity for disco, XEP-0030 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// As registered, such as `server`.
    pub category: &'static str,
    /// As registered, such as `im`.
    pub kind: &'static str,
    /// For people; may be empty.
    pub name: &'static str,
}

/// A form that extends disco#info of that address, XEP-0128.
pub type InfoForm = fn(&Server, &BareJid) -> Option<Element>;

/// A question of XEP-0030 that features answer together.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// Who asks.
    pub asker: Jid,
    /// The host, account or service that is asked; nobody named is the own account.
    pub to: BareJid,
    /// The node that is asked about.
    pub node: Option<String>,
    /// The `<query/>`, with the page that is wanted perhaps (XEP-0059).
    pub request: Element,
}

/// Answers a question with children of `<query/>`; nothing if the feature has no part in it.
pub type DiscoveryStep = Boxed<Discovery, Result<Option<Vec<Element>>, StanzaError>>;

/// Something that a login may carry along (XEP-0388 §"SASL mechanism negotiation"), if it can here.
pub type InlineFeature = for<'a> fn(&Server, &Login<'a>) -> Option<Element>;

/// A failing store is the operator's business: the peer learns that it failed, and nothing of how.
/// What is merely too large for it is the peer's.
impl From<StoreError> for StanzaError {
    fn from(error: StoreError) -> Self {
        if let StoreError::TooLarge { .. } = error {
            return StanzaError::new(Condition::PolicyViolation)
                .with_text("This is more than can be kept at once; send it in smaller parts.");
        }
        tracing::error!(%error, "a request failed");
        match error {
            StoreError::Full => Condition::ResourceConstraint.into(),
            _ => Condition::InternalServerError.into(),
        }
    }
}
