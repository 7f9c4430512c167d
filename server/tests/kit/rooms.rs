//! XEP-0045 as a client speaks it. `room` is the bare address of a room, `nick` what stands behind
//! it; both are written as XML wants them.
//!
//! Everything here waits for the stanzas that must come. That something did not come is proved by
//! [`undisturbed`]: whatever a room sends before a message arrives before that message.

use std::sync::atomic::{AtomicU64, Ordering};

use cloister::ns;
use cloister::xml::Element;

use super::{Client, Cloister, body, condition};

/// The service of `localhost`.
pub const SERVICE: &str = "rooms.localhost";

/// The room of most tests.
pub const ROOM: &str = "coven@rooms.localhost";

/// The FORM_TYPEs of XEP-0045 §15.5.
pub const ROOM_CONFIG: &str = "http://jabber.org/protocol/muc#roomconfig";
pub const ROOM_INFO: &str = "http://jabber.org/protocol/muc#roominfo";
pub const ROOM_REGISTER: &str = "http://jabber.org/protocol/muc#register";
pub const ROOM_REQUEST: &str = "http://jabber.org/protocol/muc#request";

/// The rooms of most servers of the world, as an option: everybody may enter, and they go when all
/// are gone.
pub const OPEN: &str = "[[host]]\ndomain = 'localhost'\n[host.rooms]\nmembers_only = false\n\
                        anonymous = false\npublic = true\npersistent = false\n";

/// What somebody who enters a room gets, in the order of §7.1.
pub struct Entered {
    /// The presence of the other occupants.
    pub others: Vec<Element>,
    /// The own presence, with status 110.
    pub own: Element,
    /// What was said before.
    pub history: Vec<Element>,
    /// The last of it.
    pub subject: Element,
}

/// A server with rooms as in [`OPEN`].
pub async fn open() -> Cloister {
    with_accounts(Cloister::with(OPEN).await).await
}

/// The same, with more options of `[host.rooms]`.
pub async fn open_with(options: &str) -> Cloister {
    with_accounts(Cloister::with(&format!("{OPEN}{options}\n")).await).await
}

/// A server with rooms as they are if nothing is said: for members, who see each other's address.
pub async fn closed() -> Cloister {
    with_accounts(Cloister::start().await).await
}

/// The accounts of those who may be made members before they have ever come.
async fn with_accounts(cloister: Cloister) -> Cloister {
    for (name, password) in [("crone", "c"), ("wiccarocks", "w")] {
        cloister.account(name, password).await;
    }
    cloister
}

/// Two who are in [`ROOM`]: its owner `hag` as `firstwitch`, and `crone` as `secondwitch`. All that
/// came at that is swallowed.
pub async fn coven(cloister: &Cloister) -> (Client, Client) {
    coven_with(cloister, &[]).await
}

/// The same, in a room with that configuration, which must let everybody in.
pub async fn coven_with(cloister: &Cloister, fields: &[(&str, &str)]) -> (Client, Client) {
    let hag = cloister.online("hag/pda", "h").await;
    let crone = cloister.online("crone/desktop", "c").await;
    create_room(&hag, ROOM, "firstwitch", fields).await;
    enter(&crone, ROOM, "secondwitch").await;
    presence_of(&hag, ROOM, "secondwitch").await;
    (hag, crone)
}

/// A third client, who is in no room.
pub async fn wicca(cloister: &Cloister) -> Client {
    cloister.online("wiccarocks/laptop", "w").await
}

/// Asks a room or its service what it is; the answer may be an error.
pub async fn info(client: &Client, to: &str) -> Element {
    client.iq("get", Some(to), &format!("<query xmlns='{}'/>", ns::DISCO_INFO)).await
}

/// Whether there is such a room.
pub async fn exists(client: &Client, room: &str) -> bool {
    let answer = info(client, room).await;
    let is_there = answer.attr("type") == Some("result");
    assert!(is_there || condition(&answer) == "item-not-found", "{}", answer.to_xml());
    is_there
}

/// The presence of an occupant among several.
#[track_caller]
pub fn of<'a>(presences: &'a [Element], wanted: &str) -> &'a Element {
    let found = presences.iter().find(|presence| nick(presence) == wanted);
    found.unwrap_or_else(|| panic!("no {wanted} among {:?}", nicks(presences)))
}

/// Enters. What the room sent to this client before must have been received.
pub async fn enter(client: &Client, room: &str, nick: &str) -> Entered {
    enter_with(client, room, nick, "").await
}

/// The same, with a password or `<history/>`.
pub async fn enter_with(client: &Client, room: &str, nick: &str, inner: &str) -> Entered {
    client.send(joining(room, nick, inner)).await;
    entered(client, room).await
}

/// The presence of who wants to enter.
pub fn joining(room: &str, nick: &str, inner: &str) -> String {
    let x = format!("<x xmlns='{}'>{inner}</x>", ns::MUC);
    format!("<presence id='{}' to='{room}/{nick}'>{x}</presence>", unique())
}

/// Receives what follows upon entering, in exactly that order (§7.1): nothing else may come from
/// the room meanwhile.
pub async fn entered(client: &Client, room: &str) -> Entered {
    let mut others = Vec::new();
    let own = loop {
        let presence = from_room(client, room).await;
        assert!(is_presence(&presence, None), "entering {room}: {}", presence.to_xml());
        if codes(&presence).contains(&110) {
            break presence;
        }
        others.push(presence);
    };
    let mut history = Vec::new();
    let subject = loop {
        let message = from_room(client, room).await;
        assert!(is_groupchat(&message), "after the own presence: {}", message.to_xml());
        if is_subject(&message) {
            break message;
        }
        assert!(message.has_child(ns::DELAY, "delay"), "before the subject: {}", message.to_xml());
        history.push(message);
    };
    Entered { others, own, history, subject }
}

/// The error that who wants to enter gets.
pub async fn refused(client: &Client, room: &str, nick: &str, inner: &str) -> Element {
    client.send(joining(room, nick, inner)).await;
    let error = from_room(client, room).await;
    assert!(is_presence(&error, Some("error")), "entering {room}: {}", error.to_xml());
    error
}

/// Condition and type of that error.
pub async fn enter_error(client: &Client, room: &str, nick: &str) -> (String, String) {
    error_of(&refused(client, room, nick, "").await)
}

/// The same, with a password or something else.
pub async fn enter_error_with(
    client: &Client,
    room: &str,
    nick: &str,
    inner: &str,
) -> (String, String) {
    error_of(&refused(client, room, nick, inner).await)
}

/// Makes a room by entering it and submitting a form with these fields; without any, an instant
/// room (§10.1.2). What the room says to that is swallowed.
pub async fn create_room(
    client: &Client,
    room: &str,
    nick: &str,
    fields: &[(&str, &str)],
) -> Entered {
    let entered = enter(client, room, nick).await;
    assert!(codes(&entered.own).contains(&201), "not new: {}", entered.own.to_xml());
    configure(client, room, fields).await;
    forget(client, room).await;
    entered
}

/// Submits the form of a room, and it must be taken.
pub async fn configure(owner: &Client, room: &str, fields: &[(&str, &str)]) {
    owner.iq_ok("set", Some(room), &owner_query(&config_form(fields))).await;
}

/// A `<query/>` of owners.
pub fn owner_query(inner: &str) -> String {
    format!("<query xmlns='{}'>{inner}</query>", ns::MUC_OWNER)
}

/// A `<query/>` of admins and moderators.
pub fn admin_query(inner: &str) -> String {
    format!("<query xmlns='{}'>{inner}</query>", ns::MUC_ADMIN)
}

/// The form of a room, submitted; empty without fields. They are named without
/// `muc#roomconfig_`, or in full.
pub fn config_form(fields: &[(&str, &str)]) -> String {
    match fields {
        [] => form_of(&[]),
        _ => {
            let full = |name: &str| match name.contains('#') {
                true => name.to_owned(),
                false => format!("muc#roomconfig_{name}"),
            };
            let named: Vec<_> = fields.iter().map(|(name, value)| (full(name), *value)).collect();
            let mut all = vec![("FORM_TYPE", ROOM_CONFIG)];
            all.extend(named.iter().map(|(name, value)| (&**name, *value)));
            form_of(&all)
        }
    }
}

/// Any form, submitted. Fields of one name that follow each other are one field with several
/// values.
pub fn form_of(fields: &[(&str, &str)]) -> String {
    let mut inner = String::new();
    for field in fields.chunk_by(|one, other| one.0 == other.0) {
        let values: String =
            field.iter().map(|(_, value)| format!("<value>{value}</value>")).collect();
        inner += &format!("<field var='{}'>{values}</field>", field[0].0);
    }
    format!("<x xmlns='{}' type='submit'>{inner}</x>", ns::DATA_FORMS)
}

/// The values of a field of the form inside `parent`, which is named in full; nothing if the field
/// is not there.
#[track_caller]
pub fn values(parent: &Element, name: &str) -> Option<Vec<String>> {
    let form = parent.child(ns::DATA_FORMS, "x");
    let form = form.unwrap_or_else(|| panic!("no form in {}", parent.to_xml()));
    let field = form.children().find(|field| field.attr("var") == Some(name))?;
    let values = field.children().filter(|child| child.name() == "value");
    Some(values.map(|value| value.text().into_owned()).collect())
}

/// Leaves, and waits until that is confirmed. Everything that the room sends before is swallowed.
pub async fn leave(client: &Client, room: &str, nick: &str) -> Element {
    client.send(format!("<presence to='{room}/{nick}' type='unavailable'/>")).await;
    loop {
        let stanza = from_room(client, room).await;
        if is_presence(&stanza, Some("unavailable")) && codes(&stanza).contains(&110) {
            return stanza;
        }
    }
}

/// A message to a room.
pub fn message(room: &str, id: &str, inner: &str) -> String {
    format!("<message id='{id}' to='{room}' type='groupchat'>{inner}</message>")
}

/// Says something to a room, and waits until it has come back: others have it, or soon will.
pub async fn say(client: &Client, room: &str, text: &str) -> Element {
    say_with(client, room, &format!("<body>{text}</body>")).await
}

/// The same, of any content.
pub async fn say_with(client: &Client, room: &str, inner: &str) -> Element {
    let id = unique();
    client.send(message(room, &id, inner)).await;
    let reflected = answer(client, &id).await;
    assert!(is_groupchat(&reflected), "{}", reflected.to_xml());
    reflected
}

/// Says something to a room that it must refuse: condition and type of the error.
pub async fn say_error(client: &Client, room: &str, inner: &str) -> (String, String) {
    let id = unique();
    client.send(message(room, &id, inner)).await;
    let error = answer(client, &id).await;
    assert_eq!(error.attr("from"), Some(room), "{}", error.to_xml());
    error_of(&error)
}

/// The next message with that id.
pub async fn answer(client: &Client, id: &str) -> Element {
    let wanted = |stanza: &Element| stanza.name() == "message" && stanza.attr("id") == Some(id);
    client.receive_where(&format!("the message {id}"), wanted).await
}

/// The next message of a room with a body.
pub async fn heard(client: &Client) -> Element {
    let wanted = |stanza: &Element| is_groupchat(stanza) && stanza.has_child(ns::CLIENT, "body");
    client.receive_where("a message in a room", wanted).await
}

/// The next subject.
pub async fn subject(client: &Client) -> Element {
    client.receive_where("a subject", |stanza| is_groupchat(stanza) && is_subject(stanza)).await
}

/// The next presence of an occupant, whatever it says.
pub async fn presence_of(client: &Client, room: &str, nick: &str) -> Element {
    let from = format!("{room}/{nick}");
    let wanted =
        |stanza: &Element| stanza.name() == "presence" && stanza.attr("from") == Some(&*from);
    client.receive_where(&format!("presence of {from}"), wanted).await
}

/// The next stanza that comes from a room or from somebody in it, notices aside: see
/// [`is_notice`].
pub async fn from_room(client: &Client, room: &str) -> Element {
    let wanted = |stanza: &Element| is_from(stanza, room) && !is_notice(stanza);
    client.receive_where(&format!("a stanza of {room}"), wanted).await
}

/// Whether it is what a room may send to those outside when their affiliation changes: an
/// invitation (§9.3), a message with status 101 (§18.1), or the item of somebody who is not there
/// (§10.3).
pub fn is_notice(stanza: &Element) -> bool {
    let x = stanza.child(ns::MUC_USER, "x").filter(|_| stanza.is(ns::CLIENT, "message"));
    let invites = x.is_some_and(|x| x.has_child(ns::MUC_USER, "invite"));
    let is_of_absent = x.is_some_and(|x| x.has_child(ns::MUC_USER, "item"));
    !is_groupchat(stanza) && (invites || is_of_absent || codes(stanza).contains(&101))
}

/// Swallows what has come from a room.
pub async fn forget(client: &Client, room: &str) {
    let mut came = client.drain().await;
    came.retain(|stanza| !is_from(stanza, room));
    client.put_back(came).await;
}

/// Proves that nothing has come from the room to those who listen: what `speaker`, who must be in
/// the room as they are, says now is the next that they get. He may listen as well.
pub async fn undisturbed(speaker: &Client, room: &str, listeners: &[&Client]) {
    let id = unique();
    let text = format!("marker {id}");
    speaker.send(message(room, &id, &format!("<body>{text}</body>"))).await;
    for listener in listeners {
        let next = from_room(listener, room).await;
        assert_eq!(body(&next), text, "{} got {}", listener.jid(), next.to_xml());
    }
    if !listeners.iter().any(|listener| std::ptr::eq(*listener, speaker)) {
        answer(speaker, &id).await;
    }
}

/// Changes an affiliation, and it must be done.
pub async fn affiliate(owner: &Client, room: &str, jid: &str, affiliation: &str) {
    let item = format!("<item jid='{jid}' affiliation='{affiliation}'/>");
    owner.iq_ok("set", Some(room), &admin_query(&item)).await;
}

/// Changes a role, and it must be done.
pub async fn role(moderator: &Client, room: &str, nick: &str, role: &str) {
    let item = format!("<item nick='{nick}' role='{role}'/>");
    moderator.iq_ok("set", Some(room), &admin_query(&item)).await;
}

/// The status codes, smallest first.
pub fn codes(stanza: &Element) -> Vec<u16> {
    let all = stanza.child(ns::MUC_USER, "x").into_iter().flat_map(Element::children);
    let all = all.filter(|child| child.is(ns::MUC_USER, "status"));
    let mut codes: Vec<u16> =
        all.map(|status| status.attr("code").unwrap().parse().unwrap()).collect();
    codes.sort_unstable();
    codes
}

/// Affiliation, role and address in the `<item/>` of a presence; what is not there is empty.
#[track_caller]
pub fn item(presence: &Element) -> (String, String, String) {
    let item = item_element(presence);
    let of = |name| item.attr(name).unwrap_or_default().to_owned();
    (of("affiliation"), of("role"), of("jid"))
}

/// The one `<item/>` in the one `<x/>` (§7.2.2).
#[track_caller]
pub fn item_element(presence: &Element) -> &Element {
    let all = presence.children().filter(|child| child.is(ns::MUC_USER, "x"));
    let items = all.flat_map(|x| x.children()).filter(|child| child.is(ns::MUC_USER, "item"));
    let items: Vec<_> = items.collect();
    assert_eq!(items.len(), 1, "{}", presence.to_xml());
    items[0]
}

/// Condition and type of an error.
#[track_caller]
pub fn error_of(stanza: &Element) -> (String, String) {
    assert_eq!(stanza.attr("type"), Some("error"), "{}", stanza.to_xml());
    let error = stanza.child(ns::CLIENT, "error").unwrap();
    (condition(stanza), error.attr("type").unwrap_or_default().to_owned())
}

/// The stanza must be this error.
#[track_caller]
pub fn is_error(stanza: &Element, condition: &str, kind: &str) {
    assert_eq!(error_of(stanza), error(condition, kind), "{}", stanza.to_xml());
}

/// What [`error_of`] says of such an error.
pub fn error(condition: &str, kind: &str) -> (String, String) {
    (condition.to_owned(), kind.to_owned())
}

/// What stands behind the slash of `from`; empty if nothing does.
pub fn nick(stanza: &Element) -> &str {
    let from = stanza.attr("from").unwrap_or_default();
    from.split_once('/').map_or("", |(_, nick)| nick)
}

/// The nicks of several, sorted.
pub fn nicks(stanzas: &[Element]) -> Vec<&str> {
    let mut nicks: Vec<&str> = stanzas.iter().map(nick).collect();
    nicks.sort_unstable();
    nicks
}

/// The bodies of several, in their order.
pub fn bodies(messages: &[Element]) -> Vec<String> {
    messages.iter().map(body).collect()
}

/// The id that the room gave to a message (XEP-0359), if it did.
pub fn stanza_id(message: &Element, room: &str) -> Option<String> {
    let ids = message.children().filter(|child| child.is(ns::STANZA_ID, "stanza-id"));
    let mut ids = ids.filter(|id| id.attr("by") == Some(room));
    let id = ids.next().and_then(|id| id.attr("id")).map(str::to_owned);
    assert!(ids.next().is_none(), "two ids of {room}: {}", message.to_xml());
    id
}

/// Whether it comes from the room or from somebody in it.
pub fn is_from(stanza: &Element, room: &str) -> bool {
    let from = stanza.attr("from").unwrap_or_default();
    from.split('/').next() == Some(room)
}

/// Whether it is presence of that type.
pub fn is_presence(stanza: &Element, kind: Option<&str>) -> bool {
    stanza.is(ns::CLIENT, "presence") && stanza.attr("type") == kind
}

/// Whether it is a message to all.
pub fn is_groupchat(stanza: &Element) -> bool {
    stanza.is(ns::CLIENT, "message") && stanza.attr("type") == Some("groupchat")
}

/// Whether it sets the subject (§8.1): one with a body or a thread does not.
pub fn is_subject(message: &Element) -> bool {
    let has = |name| message.has_child(ns::CLIENT, name);
    has("subject") && !has("body") && !has("thread")
}

/// An id that nothing else has.
pub fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("room-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
