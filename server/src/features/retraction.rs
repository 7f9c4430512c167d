//! XEP-0424: Message Retraction.
//!
//! A retraction is passed on and archived like anything else that is said. Then the message that it
//! is about, and what corrected it, give way to tombstones in the archive, for both sides at once:
//! they share one text. Only who wrote a message may retract it; whatever else is asked for simply
//! does not happen, as the specification has no answer for it.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::mam::stored;
use crate::archive::{Filter, From, Item, Most};
use crate::clock::Timestamp;
use crate::feature::{Ctx, Registry, Scope, Spec, Status};
use crate::jid::{BareJid, Jid};
use crate::ns;
use crate::stanza::{Message, MessageKind};
use crate::store::StoreError;
use crate::sync::lock;
use crate::xml::{Element, Parser, Scope as XmlScope};

/// So many messages between the two are looked through, from the newest on. What was said longer
/// ago stays.
pub const LOOK_MOST: usize = 5000;

/// So many of them at a time.
pub const LOOK: Most = Most { items: 250, bytes: 512 * 1024 };

/// So many retractions of one account may wait: as many as a client sends that deletes a whole
/// conversation. Further ones are carried out by clients alone.
const WAITING_MOST: usize = 256;

/// The longest id, in bytes, that is looked for.
const ID_MOST: usize = 1024;

/// Retractions are carried out one by one: to look for what was never said is work that anybody
/// could cause again and again.
#[derive(Debug)]
struct Turns {
    one: Semaphore,
    waiting: Mutex<HashMap<BareJid, usize>>,
}

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0424",
        name: "Message Retraction",
        version: "0.4.2",
        status: Status::Complete,
        note: "the latest 5000 messages of a conversation can be retracted from the archive",
    });
    // §2: the server sees to it that retractions are archived.
    on.disco(&[Scope::Host, Scope::Own, Scope::Account], ns::RETRACTION);
    // §4
    on.disco(&[Scope::Own, Scope::Account], ns::TOMBSTONE);
    on.state(Turns { one: Semaphore::new(1), waiting: Mutex::default() });
    on.archived(|message| Wish::read(message).is_some(), archived);
}

async fn archived(cx: &Ctx, (message, number): (Message, u64)) {
    let Some(wish) = Wish::read(&message) else { return };
    // Only the wish waits: messages are large.
    drop(message);
    in_turn(cx, &wish.sender, retract(cx, &wish, number)).await;
}

/// Carries a retraction of an account's out in its turn, if not too many of that account wait.
pub async fn in_turn(
    cx: &Ctx,
    account: &BareJid,
    retraction: impl Future<Output = Result<(), StoreError>>,
) {
    let turns = cx.state::<Turns>();
    if !turns.begin(account) {
        return;
    }
    let turn = turn(cx).await;
    let done = retraction.await;
    drop(turn);
    turns.end(account);
    if let Err(error) = done {
        // The retraction itself is archived: clients carry it out.
        tracing::error!(%error, "a retracted message stays in the archive");
    }
}

/// Waits until nobody else looks for what is to go.
pub async fn turn(cx: &Ctx) -> Option<SemaphorePermit<'_>> {
    // The semaphore is never closed.
    cx.state::<Turns>().one.acquire().await.ok()
}

/// §4: what says that there was something; `by` is the id of the message that had it gone.
pub fn retracted(by: &str, at: Timestamp) -> Element {
    Element::new(ns::RETRACTION, "retracted")
        .with_attr("id", by)
        .with_attr("stamp", at.to_rfc3339())
}

/// Whether an id is one that is looked for, or left in a tombstone.
pub fn is_id(id: &str) -> bool {
    (1..=ID_MOST).contains(&id.len())
}

impl Turns {
    /// Whether one more retraction of that account may wait.
    fn begin(&self, account: &BareJid) -> bool {
        let mut waiting = lock(&self.waiting);
        let waiting = waiting.entry(account.clone()).or_default();
        let has_room = *waiting < WAITING_MOST;
        *waiting += usize::from(has_room);
        has_room
    }

    fn end(&self, account: &BareJid) {
        let mut waiting = lock(&self.waiting);
        if let Some(left) = waiting.get_mut(account) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                waiting.remove(account);
            }
        }
    }
}

/// Puts tombstones in place of what is retracted. `number` is that of the retraction.
async fn retract(cx: &Ctx, wish: &Wish, number: u64) -> Result<(), StoreError> {
    let (sender, recipient) = (&wish.sender, &wish.recipient);
    // Either of them may keep no archive, or not of this conversation.
    if !in_archive(cx, sender, recipient, wish, number).await? && sender != recipient {
        in_archive(cx, recipient, sender, wish, number).await?;
    }
    Ok(())
}

/// What somebody wants to have unsaid.
struct Wish {
    sender: BareJid,
    recipient: BareJid,
    /// The id of the message that is to go.
    of: String,
    /// The id of the message that says so.
    by: String,
}

impl Wish {
    fn read(message: &Message) -> Option<Self> {
        let retract = message.element().child(ns::RETRACTION, "retract")?;
        // A room looks after its own: `muc::retraction`.
        if !matches!(message.kind, MessageKind::Chat | MessageKind::Normal) {
            return None;
        }
        // §4: a tombstone names the retraction by its id, so one without cannot leave any.
        let id = |id: Option<&str>| id.filter(|id| is_id(id)).map(str::to_owned);
        Some(Wish {
            sender: message.from.bare(),
            recipient: message.to.as_ref().map_or_else(|| message.from.bare(), Jid::bare),
            of: id(retract.attr("id"))?,
            by: id(message.element().attr("id"))?,
        })
    }

    /// What is left of an archived message, if it is one that has to go: the message itself, or
    /// one that corrects it.
    fn tombstone(&self, item: &Item, at: Timestamp) -> Option<(Matched, Bytes)> {
        // Nearly all are others, and need not be parsed to know that.
        let id = stored::written(&self.of);
        memchr::memmem::find(&item.text, &id)?;
        let message = Parser::within(ns::CLIENT).parse(&item.text).ok()?;
        let matched = self.matches(&message)?;
        let mut text = Vec::new();
        let tombstone = message.without_children().with_child(retracted(&self.by, at));
        tombstone.write_into(&mut text, XmlScope::STREAM);
        Some((matched, Bytes::from(text)))
    }

    fn matches(&self, message: &Element) -> Option<Matched> {
        // §5: both are from the same bare address.
        let from = Jid::parse(message.attr("from")?).ok()?;
        if from.bare() != self.sender || message.has_child(ns::RETRACTION, "retracted") {
            return None;
        }
        let id_in = |ns, name| message.child(ns, name).and_then(|child| child.attr("id"));
        let is_meant = |id: Option<&str>| id == Some(self.of.as_str());
        if is_meant(message.attr("id")) || is_meant(id_in(ns::STANZA_ID, "origin-id")) {
            return Some(Matched::Original);
        }
        is_meant(id_in(ns::CORRECTION, "replace")).then_some(Matched::Correction)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matched {
    Original,
    Correction,
}

/// Looks for the message in the archive of one of the two; says whether it was there.
async fn in_archive(
    cx: &Ctx,
    account: &BareJid,
    with: &BareJid,
    wish: &Wish,
    number: u64,
) -> Result<bool, StoreError> {
    let archive = &cx.server.archive;
    let mut filter = Filter { with: Some(with.clone()), before: Some(number), ..Filter::default() };
    // Corrections are newer than the original, so they are found first.
    let (mut found, mut looked) = (Vec::new(), 0);
    while looked < LOOK_MOST {
        let page = archive.page(account, &filter, From::End, LOOK).await?;
        looked += page.items.len();
        for item in page.items.iter().rev() {
            let Some((matched, text)) = wish.tombstone(item, Timestamp(number)) else { continue };
            found.push((item.number, text));
            if matched == Matched::Original {
                for (number, text) in found {
                    archive.replace(number, text).await?;
                }
                return Ok(true);
            }
        }
        match page.items.first() {
            Some(first) if page.more => filter.before = Some(first.number),
            _ => break,
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRACTION: &str = "<message from='romeo@localhost/a' to='juliet@localhost' \
        type='chat' id='r1'><retract xmlns='urn:xmpp:message-retract:1' id='m1'/></message>";

    fn parse(xml: &str) -> Element {
        Parser::within(ns::CLIENT).parse(xml.as_bytes()).unwrap()
    }

    fn wish(xml: &str) -> Option<Wish> {
        Wish::read(&Message::from_element(parse(xml)).unwrap())
    }

    /// What is left of that message.
    fn left_of(xml: &'static str) -> Option<String> {
        let item = Item { number: 1, text: Bytes::from_static(xml.as_bytes()) };
        let (_, text) = wish(RETRACTION).unwrap().tombstone(&item, Timestamp(0))?;
        Some(String::from_utf8(text.to_vec()).unwrap())
    }

    #[test]
    fn s4_a_tombstone_says_who_and_when_and_nothing_of_what() {
        let left = left_of(
            "<message from='romeo@localhost/b' to='juliet@localhost' type='chat' id='m1'>\
             <body>secret</body><x xmlns='jabber:x:oob'><url>secret</url></x></message>",
        );
        let expected = "<message from='romeo@localhost/b' to='juliet@localhost' type='chat' \
             id='m1'><retracted xmlns='urn:xmpp:message-retract:1' id='r1' \
             stamp='1970-01-01T00:00:00.000Z'/></message>";
        assert_eq!(left.as_deref(), Some(expected));
    }

    #[test]
    fn s5_1_a_message_has_its_own_id_or_that_of_its_origin() {
        let with_origin = "<message from='romeo@localhost/b' id='other'><body/>\
             <origin-id xmlns='urn:xmpp:sid:0' id='m1'/></message>";
        assert!(left_of(with_origin).is_some());
        assert!(left_of("<message from='romeo@localhost' id='m1'><body/></message>").is_some());
        assert!(left_of("<message from='romeo@localhost' id='m11'><body/></message>").is_none());
        assert!(left_of("<message from='romeo@localhost'><body>m1</body></message>").is_none());
    }

    #[test]
    fn s5_only_the_sender_retracts() {
        assert!(left_of("<message from='juliet@localhost' id='m1'><body/></message>").is_none());
        assert!(left_of("<message from='romeo@local' id='m1'><body/></message>").is_none());
        assert!(left_of("<message id='m1'><body/></message>").is_none());
    }

    #[test]
    fn what_corrected_a_message_goes_with_it() {
        let correction = "<message from='romeo@localhost/b' id='m2'><body>secret</body>\
             <replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>";
        assert!(!left_of(correction).unwrap().contains("secret"));
    }

    #[test]
    fn a_tombstone_stays_as_it_is() {
        let tombstone = "<message from='romeo@localhost/b' id='m1'>\
             <retracted xmlns='urn:xmpp:message-retract:1' id='r0'/></message>";
        assert!(left_of(tombstone).is_none());
    }

    #[test]
    fn so_many_retractions_of_an_account_wait_and_no_more() {
        let turns = Turns { one: Semaphore::new(1), waiting: Mutex::default() };
        let romeo = BareJid::parse("romeo@localhost").unwrap();
        let taken = (0..2 * WAITING_MOST).filter(|_| turns.begin(&romeo)).count();
        assert_eq!(taken, WAITING_MOST);
        assert!(turns.begin(&BareJid::parse("juliet@localhost").unwrap()));
        turns.end(&romeo);
        assert!(turns.begin(&romeo) && !turns.begin(&romeo));
        (0..WAITING_MOST).for_each(|_| turns.end(&romeo));
        assert!(!lock(&turns.waiting).contains_key(&romeo));
    }

    #[test]
    fn only_conversations_of_two_are_looked_after_here() {
        assert!(wish(&RETRACTION.replace("chat", "groupchat")).is_none());
        assert!(wish(&RETRACTION.replace(" id='r1'", "")).is_none());
        assert!(wish(&RETRACTION.replace(" id='m1'", "")).is_none());
        assert!(wish(&RETRACTION.replace("retract ", "other ")).is_none());
        assert!(wish(&RETRACTION.replace("'m1'", &format!("'{}'", "m".repeat(2000)))).is_none());
    }
}
