//! What moderators, admins and owners of rooms do (XEP-0045 §8 to §10), and what is seen of it.
//!
//! Accounts bear the name of what they are in the room, and their nick is the name of the account.

use cloister::ns;
use cloister::xml::Element;

use super::rooms::{
    ROOM, admin_query, affiliate, codes, create_room, enter, error_of, is_from, item, item_element,
    nick, owner_query, say, unique,
};
use super::{Client, Cloister, body, within};

/// How the texts begin that are said to see that all before has come.
const MARKER: &str = "marker ";

/// Accounts that are there and in no room, so that they can be given an affiliation.
const ABSENT: [&str; 3] = ["absent", "late", "nobody"];

/// A room with somebody of every affiliation who may be there.
pub struct Four {
    pub owner: Client,
    pub admin: Client,
    pub member: Client,
    /// Without affiliation.
    pub guest: Client,
}

impl Four {
    /// All of them.
    pub fn all(&self) -> [&Client; 4] {
        [&self.owner, &self.admin, &self.member, &self.guest]
    }

    /// The one with that nick.
    pub fn named(&self, nick: &str) -> &Client {
        let all = self.all().into_iter();
        all.into_iter().find(|client| local(client) == nick).expect("one of four")
    }

    /// What has come to all of them from the room since the last time, in the order of
    /// [`all`](Self::all).
    pub async fn told(&self) -> [Vec<Element>; 4] {
        let told = told(&self.owner, ROOM, &self.all()).await;
        told.try_into().expect("four")
    }
}

/// Four in [`ROOM`] with that configuration, which must let everybody in. What came is swallowed.
pub async fn four(cloister: &Cloister, fields: &[(&str, &str)]) -> Four {
    let owner = witch(cloister, "owner").await;
    create_room(&owner, ROOM, "owner", fields).await;
    for name in ABSENT {
        cloister.account(name, name).await;
    }
    for name in ["admin", "member"] {
        cloister.account(name, name).await;
        affiliate(&owner, ROOM, &at(name), name).await;
    }
    let (admin, member) = (witch(cloister, "admin").await, witch(cloister, "member").await);
    let guest = witch(cloister, "guest").await;
    for client in [&admin, &member, &guest] {
        client.drain().await;
        enter(client, ROOM, local(client)).await;
    }
    let four = Four { owner, admin, member, guest };
    four.told().await;
    four
}

/// Somebody who is online, whose password is the name.
pub async fn witch(cloister: &Cloister, name: &str) -> Client {
    cloister.online(&format!("{name}/{name}-1"), name).await
}

/// The address of an account of `localhost`.
pub fn at(name: &str) -> String {
    format!("{name}@localhost")
}

/// The name of the account of a client.
pub fn local(client: &Client) -> &str {
    client.bare().split('@').next().unwrap_or_default()
}

/// Everything that has come from the room to each of these, in its order. `speaker` must be able to
/// speak there; what is said for this is left out.
///
/// The second marker is taken up when the first has been handed to all.
pub async fn told(speaker: &Client, room: &str, listeners: &[&Client]) -> Vec<Vec<Element>> {
    for listener in listeners {
        listener.fence().await;
    }
    for _ in 0..2 {
        say(speaker, room, &format!("{MARKER}{}", unique())).await;
    }
    let mut all = Vec::new();
    for listener in listeners {
        all.push(taken(listener, room).await);
    }
    all
}

/// The same, of one listener.
pub async fn told_one(speaker: &Client, room: &str, listener: &Client) -> Vec<Element> {
    told(speaker, room, &[listener]).await.remove(0)
}

/// What has come from the room, without waiting for anything; the rest stays.
pub async fn taken(client: &Client, room: &str) -> Vec<Element> {
    let came = client.drain().await;
    let (of_room, others): (Vec<_>, Vec<_>) =
        came.into_iter().partition(|stanza| is_from(stanza, room));
    client.put_back(others).await;
    let mut of_room = of_room;
    of_room.retain(|stanza| !body(stanza).starts_with(MARKER));
    of_room
}

/// The one presence of that occupant among what came.
#[track_caller]
pub fn only<'a>(came: &'a [Element], name: &str) -> &'a Element {
    let all: Vec<_> = presences(came, name);
    assert_eq!(all.len(), 1, "presence of {name} in {}", text(came));
    all[0]
}

/// All presence of that occupant.
pub fn presences<'a>(came: &'a [Element], name: &str) -> Vec<&'a Element> {
    let of = |stanza: &&Element| stanza.name() == "presence" && nick(stanza) == name;
    came.iter().filter(of).collect()
}

/// Stanzas as text.
pub fn text(came: &[Element]) -> String {
    came.iter().map(Element::to_xml).collect::<Vec<_>>().join("\n")
}

/// `type affiliation role codes` of a presence, as `unavailable none none 307`.
#[track_caller]
pub fn gist(presence: &Element) -> String {
    let (affiliation, role, _) = item(presence);
    let kind = presence.attr("type").unwrap_or("available");
    let codes: String = codes(presence).iter().map(|code| format!(" {code}")).collect();
    format!("{kind} {affiliation} {role}{codes}")
}

/// The text of `<reason/>` and the nick or address of `<actor/>`, if they are there.
pub fn reason_and_actor(presence: &Element) -> (Option<String>, Option<String>) {
    let item = item_element(presence);
    let reason = item.child(ns::MUC_USER, "reason").map(|reason| reason.text().into_owned());
    let actor = item.child(ns::MUC_USER, "actor");
    let actor = actor.and_then(|actor| actor.attr("nick").or_else(|| actor.attr("jid")));
    (reason, actor.map(str::to_owned))
}

/// An item that changes an affiliation of an account of `localhost`.
pub fn affiliation(name: &str, affiliation: &str) -> String {
    format!("<item jid='{}' affiliation='{affiliation}'/>", at(name))
}

/// An item that changes a role.
pub fn with_role(nick: &str, role: &str) -> String {
    format!("<item nick='{nick}' role='{role}'/>")
}

/// Asks for changes of the lists of a room.
pub async fn change(client: &Client, items: &str) -> Element {
    client.iq("set", Some(ROOM), &admin_query(items)).await
}

/// The same, and it must be done.
#[track_caller]
pub fn is_done(answer: &Element) {
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    assert_eq!(answer.attr("from"), Some(ROOM), "{}", answer.to_xml());
}

/// Asks for changes that must be done.
pub async fn change_ok(client: &Client, items: &str) {
    is_done(&change(client, items).await);
}

/// Condition and type of the error that asking for changes gets.
pub async fn change_error(client: &Client, items: &str) -> (String, String) {
    error_of(&change(client, items).await)
}

/// Asks for a list, of `affiliation` or of `role`.
pub async fn list(client: &Client, kind: &str, what: &str) -> Element {
    client.iq("get", Some(ROOM), &admin_query(&format!("<item {kind}='{what}'/>"))).await
}

/// The items of a list.
#[track_caller]
pub fn items(answer: &Element) -> Vec<&Element> {
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    let query = answer.child(ns::MUC_ADMIN, "query").expect("a query");
    query.children().collect()
}

/// An attribute of all items of a list that must be given, sorted: `jid` of affiliations, `nick` of
/// roles.
pub async fn listed(client: &Client, kind: &str, what: &str) -> Vec<String> {
    let answer = list(client, kind, what).await;
    let attribute = if kind == "role" { "nick" } else { "jid" };
    let of = |item: &Element| {
        assert_eq!(item.attr(kind), Some(what), "{}", answer.to_xml());
        item.attr(attribute).expect("named").to_owned()
    };
    let mut all: Vec<_> = items(&answer).into_iter().map(of).collect();
    all.sort();
    all
}

/// The accounts of `localhost` with an affiliation, as its owner sees them, without the domain.
pub async fn affiliated(owner: &Client, what: &str) -> Vec<String> {
    let all = listed(owner, "affiliation", what).await;
    all.iter().map(|jid| jid.trim_end_matches("@localhost").to_owned()).collect()
}

/// Asks to destroy a room.
pub async fn destroy(client: &Client, room: &str, attributes: &str, inner: &str) -> Element {
    let query = owner_query(&format!("<destroy {attributes}>{inner}</destroy>"));
    client.iq("set", Some(room), &query).await
}

/// The answer to disco#info of a room.
pub async fn room_info(client: &Client, room: &str) -> Element {
    let query = format!("<query xmlns='{}'/>", ns::DISCO_INFO);
    let answer = client.iq_ok("get", Some(room), &query).await;
    answer.child(ns::DISCO_INFO, "query").expect("a query").clone()
}

/// Whether that answer names the feature.
pub fn has_feature(info: &Element, var: &str) -> bool {
    info.children().any(|child| child.name() == "feature" && child.attr("var") == Some(var))
}

/// The configuration form, as an owner gets it: the `<query/>`.
pub async fn config(owner: &Client, room: &str) -> Element {
    let answer = owner.iq_ok("get", Some(room), &owner_query("")).await;
    answer.child(ns::MUC_OWNER, "query").expect("a query").clone()
}

/// Tries again until it holds: for what the server does after it has answered.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// An attribute of the `<item/>` of a presence; empty if it is not there.
#[track_caller]
pub fn item_of(presence: &Element, name: &str) -> String {
    item_element(presence).attr(name).unwrap_or_default().to_owned()
}
