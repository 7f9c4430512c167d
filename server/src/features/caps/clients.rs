//! Of which nodes each client wants to be notified (XEP-0115 §6.2, XEP-0163 §4.3.2, XEP-0060 §9.2).
//!
//! Our choices: what a client can do is learnt from its presence, and asked once for all clients with
//! that verification string if the hash proves the answer, else for that session alone. A client that
//! changes is taken for what it was until it has answered; one that never answers wants nothing.
//! Presence without capabilities changes nothing: receivers must not expect them every time (§8.4),
//! and a client may think that its server does not either. All of it ends with the unavailable
//! presence, as it holds "within the scope of one presence session" (§8.2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cache::{CAPABILITIES, Cache, Interests};
use super::verify;
use crate::clock::Timestamp;
use crate::feature::{Ctx, Effects, Registry, SessionPart};
use crate::ns;
use crate::router::{self, Answered, Session};
use crate::stanza::{Iq, IqKind};
use crate::xml::Element;

/// Bytes in each attribute of `<c/>`: a SHA-512 in Base64 has 88, a node is the address of a page.
/// Other capabilities are none.
const ATTRIBUTE_MAX: usize = 512;

/// Declares what belongs to it.
pub(super) fn register(on: &mut Registry) {
    on.state(Cache::default());
    on.tree(CAPABILITIES.info(1, "what versions of clients want to be notified of (XEP-0115)"));
    on.session_part(SessionPart { name: "caps", save, restore });
    on.presence_seen(seen);
}

/// Whether a client wants to be notified of that node, as far as that is known. A client that is not
/// available wants nothing.
pub fn wants(session: &Session, node: &str) -> bool {
    interests(session).is_some_and(|interests| interests.contains(node))
}

/// All nodes of which a client wants to be notified; nothing while that is not known.
pub fn interests(session: &Session) -> Option<Arc<Interests>> {
    session.slots().with(|client: &mut Client| Some(Arc::clone(&client.known.as_ref()?.interests)))
}

/// On a session: what is known of its client.
#[derive(Default)]
struct Client {
    /// What its presence has said last.
    caps: Option<Arc<Caps>>,
    /// What it is known to want, which may be of older capabilities still.
    known: Option<Known>,
    /// What it was asked last, and when.
    asked: Option<(Arc<Caps>, Timestamp)>,
}

struct Known {
    caps: Arc<Caps>,
    interests: Arc<Interests>,
}

/// `<c/>`, §4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Caps {
    /// The hash function; nothing in the legacy format (§"Legacy Format").
    hash: Option<String>,
    node: String,
    ver: String,
}

/// The node that the client names in its capabilities: mostly its project's address.
pub fn software(session: &Session) -> Option<String> {
    session.slots().with(|client: &mut Client| client.caps.as_ref().map(|caps| caps.node.clone()))
}

impl Caps {
    /// What a presence says, if that can be used.
    fn read(presence: &Element) -> Option<Self> {
        let c = presence.child(ns::CAPS, "c")?;
        let attr = |name| c.attr(name).filter(|value| value.len() <= ATTRIBUTE_MAX);
        if c.attr("hash").is_some() && attr("hash").is_none() {
            return None;
        }
        let (node, ver) = (attr("node")?.to_owned(), attr("ver")?.to_owned());
        Some(Caps { hash: attr("hash").map(str::to_owned), node, ver })
    }

    /// The function and the hash, if it can be checked.
    fn hash(&self) -> Option<(&str, &str)> {
        let function = self.hash.as_deref().filter(|function| verify::is_known(function))?;
        Some((function, &self.ver))
    }

    /// What the client is asked, §6.2. Without a node it is asked for all that it can: in the legacy
    /// format each of the extensions has a node of its own.
    fn question(&self) -> Element {
        let node = self.hash.is_some().then(|| format!("{}#{}", self.node, self.ver));
        Element::new(ns::DISCO_INFO, "query").with_attr_opt("node", node)
    }
}

impl Client {
    /// The client is available and says this; returns what is to be looked up.
    fn say(&mut self, said: Option<Caps>) -> Option<Arc<Caps>> {
        if let Some(said) = said
            && self.caps.as_deref() != Some(&said)
        {
            self.caps = Some(Arc::new(said));
        }
        let caps = self.caps.as_ref()?;
        let is_known = self.known.as_ref().is_some_and(|known| known.caps == *caps);
        (!is_known).then(|| Arc::clone(caps))
    }

    /// The client is gone. What it was asked it may still answer.
    fn go(&mut self) {
        (self.caps, self.known) = (None, None);
    }

    /// Whether it is to be asked now: not while an answer may come.
    fn ask(&mut self, caps: &Arc<Caps>, now: Timestamp) -> bool {
        let may_come =
            |(of, at): &(Arc<Caps>, Timestamp)| of == caps && now.since(*at) <= router::PATIENCE;
        if self.asked.as_ref().is_some_and(may_come) {
            return false;
        }
        self.asked = Some((Arc::clone(caps), now));
        true
    }

    /// It is known what these capabilities stand for; returns what the client newly wants.
    fn learn(&mut self, caps: &Arc<Caps>, interests: Arc<Interests>) -> Vec<String> {
        if self.caps.as_ref() != Some(caps) {
            // It has said something else meanwhile, or is gone.
            return Vec::new();
        }
        let before = self.known.take().map(|known| known.interests).unwrap_or_default();
        let new = interests.beyond(&before);
        self.known = Some(Known { caps: Arc::clone(caps), interests });
        new
    }
}

/// A session has said something of itself to all.
async fn seen(cx: &Ctx, session: Arc<Session>) -> Effects {
    let slots = session.slots();
    let Some(presence) = session.presence() else {
        slots.with(Client::go);
        return Effects::none();
    };
    let said = Caps::read(presence.element());
    let Some(caps) = slots.with(|client: &mut Client| client.say(said)) else {
        return Effects::none();
    };
    if let Some((function, hash)) = caps.hash()
        && let Some(known) = cx.state::<Cache>().find(&cx.server, function, hash).await
    {
        learn(cx, &session, &caps, known).await;
        return Effects::none();
    }
    let now = cx.server.clock.now();
    if !slots.with(|client: &mut Client| client.ask(&caps, now)) {
        return Effects::none();
    }
    let question = caps.question();
    let then: Answered = Box::new(move |cx, answer| Box::pin(answered(cx, caps, answer)));
    Effects::send(vec![router::ask(&cx.server, &session, question, then)])
}

/// §5.4
async fn answered(cx: &Ctx, caps: Arc<Caps>, answer: Iq) -> Effects {
    let Some(session) = &cx.session else { return Effects::none() };
    let info = answer.payload().filter(|info| info.is(ns::DISCO_INFO, "query"));
    let Some(info) = info.filter(|_| answer.kind == IqKind::Result) else {
        // It does not say. It is not asked again before it comes anew.
        learn(cx, session, &caps, Arc::default()).await;
        return Effects::none();
    };
    let text = verify::text(info);
    let interests = Arc::new(Interests::read(&text));
    if let Some((function, hash)) = caps.hash()
        && !verify::is_ill_formed(info)
        && verify::hash(function, &text).as_deref() == Some(hash)
    {
        cx.state::<Cache>().add(&cx.server, function, hash, &interests).await;
    }
    learn(cx, session, &caps, interests).await;
    Effects::none()
}

async fn learn(cx: &Ctx, session: &Arc<Session>, caps: &Arc<Caps>, interests: Arc<Interests>) {
    let new = session.slots().with(|client: &mut Client| client.learn(caps, interests));
    if !new.is_empty() {
        router::interested(cx, session, new).await;
    }
}

/// What a client wants follows from its capabilities when its presence is said again for it.
fn save(session: &Session) -> Option<String> {
    let caps = session.slots().with(|client: &mut Client| client.caps.clone())?;
    serde_json::to_string(&*caps).ok()
}

fn restore(session: &Session, text: &str) {
    let caps = serde_json::from_str(text).ok().map(Arc::new);
    session.slots().with(|client: &mut Client| client.caps = caps);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    const A: &str = "hash='sha-1' node='n' ver='a'";
    const B: &str = "hash='sha-1' node='n' ver='b'";

    fn said(attributes: &str) -> Option<Caps> {
        let c = format!("<c xmlns='{}' {attributes}/>", ns::CAPS);
        let c = Parser::new().parse(c.as_bytes()).unwrap();
        Caps::read(&Element::new(ns::CLIENT, "presence").with_child(c))
    }

    fn caps(attributes: &str) -> Arc<Caps> {
        Arc::new(said(attributes).unwrap())
    }

    fn wanting(nodes: &[&str]) -> Arc<Interests> {
        let text: String = nodes.iter().map(|node| format!("{node}+notify<")).collect();
        Arc::new(Interests::read(&text))
    }

    /// A client with the capabilities `A` that wants `x`.
    fn client() -> Client {
        let mut client = Client::default();
        assert!(client.say(said(A)).is_some());
        assert_eq!(client.learn(&caps(A), wanting(&["x"])), ["x"]);
        client
    }

    #[test]
    fn s8_4_presence_without_capabilities_changes_nothing() {
        let mut client = client();
        assert!(client.say(None).is_none());
        assert!(client.say(said(A)).is_none());
        assert!(client.known.is_some());
    }

    #[test]
    fn a_client_that_changes_wants_what_it_wanted_until_it_has_answered() {
        let mut client = client();
        assert!(client.say(said(B)).is_some());
        assert!(client.known.as_ref().unwrap().interests.contains("x"));
        assert_eq!(client.learn(&caps(B), wanting(&["x", "y"])), ["y"]);
    }

    #[test]
    fn an_answer_about_what_a_client_no_longer_is_says_nothing_of_it() {
        let mut client = client();
        assert!(client.say(said(B)).is_some());
        assert!(client.learn(&caps(A), wanting(&["y"])).is_empty());
        client.go();
        assert!(client.learn(&caps(B), wanting(&["y"])).is_empty());
    }

    #[test]
    fn a_client_that_comes_back_wants_everything_anew() {
        let mut client = client();
        client.go();
        assert!(client.say(said(A)).is_some());
        assert_eq!(client.learn(&caps(A), wanting(&["x"])), ["x"]);
    }

    #[test]
    fn a_client_is_not_asked_again_while_it_may_answer() {
        let mut client = client();
        assert!(client.ask(&caps(A), Timestamp(0)));
        assert!(!client.ask(&caps(A), Timestamp(60_000_000)));
        assert!(client.ask(&caps(B), Timestamp(60_000_000)));
        assert!(client.ask(&caps(B), Timestamp(120_000_001)));
    }

    #[test]
    fn capabilities_that_are_too_long_or_incomplete_are_none() {
        assert_eq!(said("hash='sha-1' node='n'"), None);
        assert_eq!(said("hash='sha-1' ver='v'"), None);
        let long = "a".repeat(ATTRIBUTE_MAX + 1);
        assert_eq!(said(&format!("hash='sha-1' node='n' ver='{long}'")), None);
        assert_eq!(said(&format!("hash='{long}' node='n' ver='v'")), None);
    }

    #[test]
    fn the_legacy_format_and_unknown_functions_cannot_be_checked() {
        assert_eq!(caps("node='n' ver='v'").hash(), None);
        assert_eq!(caps("hash='md5' node='n' ver='v'").hash(), None);
        assert_eq!(caps(A).hash(), Some(("sha-1", "a")));
    }

    #[test]
    fn s6_2_the_question_names_node_and_hash() {
        assert_eq!(caps(A).question().attr("node"), Some("n#a"));
        assert_eq!(caps("node='n' ver='v'").question().attr("node"), None);
    }
}
