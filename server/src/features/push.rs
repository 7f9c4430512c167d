//! XEP-0357: Push Notifications.
//!
//! Clients register, and what would be worth waking a phone for is handed to a [`Notifier`]. Push
//! services are other servers, and a closed server talks to none: the notifier that is built in
//! only counts. What it is told holds neither words nor names.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::feature::{Ctx, Flow, Phase, Registry, Reply, Scope, Side, Spec, Status};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::stanza::{Condition, Iq, IqKind, Message, MessageKind, StanzaError};
use crate::store::{Batch, Page, Range, Record, StoreError, Tree};
use crate::xml::{Element, Parser};

/// By domain, account, push service and node.
static REGISTERED: Tree<(String, String, String, String), Registered> = Tree::new(0x33, "push");

/// Registrations of one account: two for each of its clients. The one that was renewed least
/// recently makes room for another: clients renew theirs when they log in.
const MOST: u16 = 32;

/// The longest node in bytes; services hand out some dozens.
const NODE_MAX: usize = 1024;

/// The largest form in bytes of XML; services ask for a secret.
const FORM_MAX: usize = 4096;

/// The FORM_TYPE of what a service wants to be told with each notification, §5.
const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0357",
        name: "Push Notifications",
        version: "0.4.1",
        status: Status::Partial,
        note: "registrations are kept; a closed server does not talk to push services",
    });
    on.tree(REGISTERED.account_info(1, "where people's phones are to be notified (XEP-0357)"));
    on.state(Push::default());
    on.disco(&[Scope::Own], ns::PUSH);
    on.iq(IqKind::Set, &[Scope::Own], (ns::PUSH, "enable"), enable);
    on.iq(IqKind::Set, &[Scope::Own], (ns::PUSH, "disable"), disable);
    on.message(Side::Recipient, Phase::Notify, notify);
}

/// Where one client of an account is to be notified.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The push service.
    pub service: Jid,
    /// The node to publish to; may be empty.
    pub node: String,
    /// The form to be sent along, if the service asked for one.
    pub options: Option<Element>,
}

/// What a notification says. Never who wrote, nor what (§10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// New messages.
    pub message_count: u32,
}

/// Who brings notifications to push services.
pub trait Notifier: Send + Sync {
    /// Is called while a message is on its way: it must not wait, and forgets what it cannot do.
    fn notify(&self, account: &BareJid, registration: &Registration, summary: Summary);
}

/// The server's notifications.
pub struct Push {
    notifier: Box<dyn Notifier>,
    handed_over: AtomicU64,
}

impl Push {
    /// With a way out.
    pub fn new(notifier: Box<dyn Notifier>) -> Self {
        Push { notifier, handed_over: AtomicU64::new(0) }
    }

    /// Notifications that were handed to the notifier since the server started.
    pub fn handed_over(&self) -> u64 {
        self.handed_over.load(Ordering::Relaxed)
    }

    fn hand_over(&self, account: &BareJid, registration: &Registration, summary: Summary) {
        self.notifier.notify(account, registration, summary);
        self.handed_over.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for Push {
    fn default() -> Self {
        Push::new(Box::new(NoWayOut))
    }
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Push({})", self.handed_over())
    }
}

/// A closed server reaches no push service.
struct NoWayOut;

impl Notifier for NoWayOut {
    fn notify(&self, _: &BareJid, _: &Registration, _: Summary) {}
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Registered {
    /// When it was made or renewed.
    at: Timestamp,
    /// The form, as XML.
    #[serde(default)]
    options: Option<String>,
}

impl Record for Registered {}

/// §5
async fn enable(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let request = iq.payload().ok_or(Condition::BadRequest)?;
    let service = service(request)?;
    let node = request.attr("node").unwrap_or_default();
    let new = Registered { at: cx.server.clock.now(), options: options(request)? };
    if node.len() > NODE_MAX || new.options.as_ref().is_some_and(|form| form.len() > FORM_MAX) {
        return Err(Condition::PolicyViolation.into());
    }
    let account = iq.from.bare();
    let guard = cx.server.locks.lock(&account).await;
    let (domain, local) = owner(&account);
    let mut batch = Batch::new();
    let mut others = registered(cx, &account).await?;
    others
        .retain(|((.., service_of, node_of), _)| service_of != service.as_str() || node_of != node);
    if others.len() >= usize::from(MOST)
        && let Some((oldest, _)) = others.iter().min_by_key(|(_, registered)| registered.at)
    {
        batch.delete(&REGISTERED, oldest);
    }
    // §5: the last request counts.
    batch.put(&REGISTERED, &(domain, local, service.as_str(), node), &new);
    cx.server.store.commit(batch).await?;
    drop(guard);
    Ok(Reply::empty())
}

/// §6: one node, or all of that service. What is not registered is as it should be.
async fn disable(cx: &Ctx, iq: Iq) -> Result<Reply, StanzaError> {
    let request = iq.payload().ok_or(Condition::BadRequest)?;
    let service = service(request)?;
    let account = iq.from.bare();
    let guard = cx.server.locks.lock(&account).await;
    let mut batch = Batch::new();
    for (key, _) in registered(cx, &account).await? {
        let is_meant = request.attr("node").is_none_or(|node| key.3 == node);
        if key.2 == service.as_str() && is_meant {
            batch.delete(&REGISTERED, &key);
        }
    }
    if !batch.is_empty() {
        cx.server.store.commit(batch).await?;
    }
    drop(guard);
    Ok(Reply::empty())
}

/// §7: nobody looks at any client of the account. Nothing that happens here is the sender's concern.
async fn notify(cx: &Ctx, message: Message) -> Result<Flow, StanzaError> {
    let account = message.to.as_ref().map(Jid::bare);
    if let Some(account) = account.filter(|account| wakes(&message) && !is_looked_at(cx, account))
        && let Err(error) = tell(cx, &account).await
    {
        tracing::error!(%error, "a push notification was not sent");
    }
    Ok(Flow::Next(message))
}

async fn tell(cx: &Ctx, account: &BareJid) -> Result<(), StoreError> {
    let push = cx.state::<Push>();
    for ((.., service, node), registered) in registered(cx, account).await? {
        let Ok(service) = Jid::parse(&service) else { continue };
        let form = registered.options.and_then(|xml| Parser::new().parse(xml.as_bytes()).ok());
        let registration = Registration { service, node, options: form };
        push.hand_over(account, &registration, Summary { message_count: 1 });
    }
    Ok(())
}

/// Whether a message is worth a phone's waking up: something is said, or somebody calls or invites.
fn wakes(message: &Message) -> bool {
    if matches!(message.kind, MessageKind::Error | MessageKind::Headline) {
        return false;
    }
    message.element().children().any(|child| match (child.ns(), child.name()) {
        (ns::CLIENT, "body") | (ns::CONFERENCE, "x") => true,
        (ns::OMEMO | ns::OMEMO_LEGACY | ns::ENCRYPTION, _) => true,
        (ns::JINGLE_MESSAGE, name) => name == "propose",
        (ns::MUC_USER, "x") => child.has_child(ns::MUC_USER, "invite"),
        _ => false,
    })
}

/// Whether somebody sees what one of the account's clients gets.
fn is_looked_at(cx: &Ctx, account: &BareJid) -> bool {
    cx.server.sessions.with(account.as_str(), |sessions| {
        sessions.iter().any(|session| {
            let takes = session.priority().is_some_and(|priority| priority >= 0);
            takes && session.is_open() && !session.is_asleep()
        })
    })
}

type Row = ((String, String, String, String), Registered);

async fn registered(cx: &Ctx, account: &BareJid) -> Result<Vec<Row>, StoreError> {
    let range = Range::prefix(&owner(account));
    Ok(cx.server.store.scan(&REGISTERED, &range, Page::first(MOST)).await?.rows)
}

fn owner(account: &BareJid) -> (&str, &str) {
    (account.domain(), account.local().unwrap_or_default())
}

fn service(request: &Element) -> Result<Jid, StanzaError> {
    Ok(Jid::parse(request.attr("jid").ok_or(Condition::BadRequest)?)?)
}

/// The form, if there is one; others than this are not asked for here.
fn options(request: &Element) -> Result<Option<String>, StanzaError> {
    let Some(form) = request.child(ns::DATA_FORMS, "x") else { return Ok(None) };
    let is_type = |field: &&Element| field.attr("var") == Some("FORM_TYPE");
    let form_type = form.children().find(is_type);
    let value = form_type.and_then(|field| field.child(ns::DATA_FORMS, "value"));
    match value {
        Some(value) if value.text() == PUBLISH_OPTIONS => Ok(Some(form.to_xml())),
        _ => Err(Condition::BadRequest.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_worth_it(kind: &str, inside: &str) -> bool {
        let xml = format!("<message from='a@b/c' to='d@b' type='{kind}'>{inside}</message>");
        let element = Parser::within(ns::CLIENT).parse(xml.as_bytes()).unwrap();
        wakes(&Message::from_element(element).unwrap())
    }

    #[test]
    fn what_is_said_in_whatever_form_is_worth_waking_up_for() {
        for inside in [
            "<body>a</body>",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            "<encrypted xmlns='urn:xmpp:omemo:2'/>",
            "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:openpgp:0'/>",
            "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>",
            "<x xmlns='jabber:x:conference' jid='r@m'/>",
            "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/></x>",
        ] {
            assert!(is_worth_it("chat", inside), "{inside}");
        }
        assert!(is_worth_it("groupchat", "<body>a</body>"));
    }

    #[test]
    fn what_nobody_reads_is_not() {
        for inside in [
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
            "<retract xmlns='urn:xmpp:jingle-message:0' id='1'/>",
            "<subject>a</subject>",
        ] {
            assert!(!is_worth_it("chat", inside), "{inside}");
        }
        assert!(!is_worth_it("error", "<body>a</body>"));
        assert!(!is_worth_it("headline", "<body>a</body>"));
    }
}
