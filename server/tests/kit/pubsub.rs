//! XEP-0060 as a client speaks it, to an account (XEP-0163) and to the service of a domain alike.
//!
//! `to` is the service: [`SERVICE`], a bare address, or nothing for the own account. What is named
//! `..._ok` panics unless the answer is a result; the others return the answer, whatever it is.

use cloister::ns;
use cloister::xml::Element;

use super::{Client, Cloister, condition};

/// The service of `localhost` where a test asks for it with [`cloister`].
pub const SERVICE: &str = "pubsub.localhost";

/// The FORM_TYPEs of XEP-0060 §16.4.
pub const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
pub const PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
pub const SUBSCRIBE_OPTIONS: &str = "http://jabber.org/protocol/pubsub#subscribe_options";
pub const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";

/// What makes it, as an option.
pub const CONFIG: &str = "[[host]]\ndomain = 'localhost'\npubsub = 'pubsub.localhost'\n";

/// A server whose `localhost` has a pubsub service.
pub async fn cloister() -> Cloister {
    Cloister::with(CONFIG).await
}

/// The same, with a limit.
pub async fn limited(limit: &str) -> Cloister {
    Cloister::with(&format!("{CONFIG}[limits]\n{limit}\n")).await
}

/// Both services at which this client may make nodes: its own account, and that of the domain.
pub fn services(owner: &Client) -> [String; 2] {
    [owner.bare().to_owned(), SERVICE.to_owned()]
}

/// The access models that a service has, by what it announces (§10); an account must have all of
/// these (XEP-0163 §5).
pub async fn models(client: &Client, service: &str) -> Vec<&'static str> {
    let mut models = vec!["open", "whitelist"];
    for model in ["presence", "roster"] {
        if can(client, Some(service), &format!("access-{model}")).await {
            models.push(model);
        }
    }
    assert!(models.len() == 4 || service == SERVICE, "{service} has {models:?}");
    models
}

/// Those of [`services`] that have an access model.
pub async fn services_with(owner: &Client, model: &str) -> Vec<String> {
    let mut with = Vec::new();
    for service in services(owner) {
        if models(owner, &service).await.contains(&model) {
            with.push(service);
        }
    }
    with
}

/// A request of entities, subscribers and publishers.
pub fn pubsub(inner: &str) -> String {
    format!("<pubsub xmlns='{}'>{inner}</pubsub>", ns::PUBSUB)
}

/// A request of owners.
pub fn owner(inner: &str) -> String {
    format!("<pubsub xmlns='{}'>{inner}</pubsub>", ns::PUBSUB_OWNER)
}

/// A form that is submitted. Fields are named without `pubsub#`; those of one name that follow each
/// other are one field with several values.
pub fn form(form_type: &str, fields: &[(&str, &str)]) -> String {
    let mut inner =
        format!("<field var='FORM_TYPE' type='hidden'><value>{form_type}</value></field>");
    for field in fields.chunk_by(|one, other| one.0 == other.0) {
        let values: String =
            field.iter().map(|(_, value)| format!("<value>{value}</value>")).collect();
        inner += &format!("<field var='pubsub#{}'>{values}</field>", field[0].0);
    }
    format!("<x xmlns='{}' type='submit'>{inner}</x>", ns::DATA_FORMS)
}

/// A payload with that text.
pub fn payload(text: &str) -> String {
    format!("<entry xmlns='urn:example:entry'>{text}</entry>")
}

/// An item with an id and a [`payload`].
pub fn item(id: &str, text: &str) -> String {
    format!("<item id='{id}'>{}</item>", payload(text))
}

/// Makes a node; without options it has the defaults of the service.
pub async fn create(
    client: &Client,
    to: Option<&str>,
    node: &str,
    options: &[(&str, &str)],
) -> Element {
    let configure = match options {
        [] => String::new(),
        fields => format!("<configure>{}</configure>", form(NODE_CONFIG, fields)),
    };
    let request = pubsub(&format!("<create node='{node}'/>{configure}"));
    client.iq("set", to, &request).await
}

/// The same, and it must work.
pub async fn create_ok(client: &Client, to: Option<&str>, node: &str, options: &[(&str, &str)]) {
    is_ok(&create(client, to, node, options).await);
}

/// Sets options of a node.
pub async fn configure(
    client: &Client,
    to: Option<&str>,
    node: &str,
    options: &[(&str, &str)],
) -> Element {
    let form = form(NODE_CONFIG, options);
    let request = owner(&format!("<configure node='{node}'>{form}</configure>"));
    client.iq("set", to, &request).await
}

/// Publishes `items`: none, or one `<item/>`.
pub async fn publish(client: &Client, to: Option<&str>, node: &str, items: &str) -> Element {
    let request = pubsub(&format!("<publish node='{node}'>{items}</publish>"));
    client.iq("set", to, &request).await
}

/// Publishes [`item`], and it must work.
pub async fn publish_ok(client: &Client, to: Option<&str>, node: &str, id: &str, text: &str) {
    is_ok(&publish(client, to, node, &item(id, text)).await);
}

/// Publishes with preconditions (§7.1.5).
pub async fn publish_with(
    client: &Client,
    to: Option<&str>,
    node: &str,
    items: &str,
    options: &[(&str, &str)],
) -> Element {
    let form = form(PUBLISH_OPTIONS, options);
    let request = pubsub(&format!(
        "<publish node='{node}'>{items}</publish><publish-options>{form}</publish-options>"
    ));
    client.iq("set", to, &request).await
}

/// Deletes an item; `notify` is the attribute, if it is there at all.
pub async fn retract(
    client: &Client,
    to: Option<&str>,
    node: &str,
    id: &str,
    notify: Option<&str>,
) -> Element {
    let notify = notify.map(|notify| format!(" notify='{notify}'")).unwrap_or_default();
    let request = pubsub(&format!("<retract node='{node}'{notify}><item id='{id}'/></retract>"));
    client.iq("set", to, &request).await
}

/// Subscribes `jid`.
pub async fn subscribe(client: &Client, to: Option<&str>, node: &str, jid: &str) -> Element {
    client.iq("set", to, &pubsub(&format!("<subscribe node='{node}' jid='{jid}'/>"))).await
}

/// Subscribes the bare address of the client, and it must be subscribed. What follows from that,
/// like the last item, is swallowed.
pub async fn subscribe_ok(client: &Client, to: Option<&str>, node: &str) {
    let answer = subscribe(client, to, node, client.bare()).await;
    is_ok(&answer);
    let subscription = inner(&answer, "subscription");
    assert_eq!(subscription.attr("subscription"), Some("subscribed"), "{}", answer.to_xml());
    client.drain().await;
}

/// Unsubscribes `jid`.
pub async fn unsubscribe(client: &Client, to: Option<&str>, node: &str, jid: &str) -> Element {
    client.iq("set", to, &pubsub(&format!("<unsubscribe node='{node}' jid='{jid}'/>"))).await
}

/// Asks for items: `more` is what else stands in `<items/>` as attributes, `inner` as children.
pub async fn items(
    client: &Client,
    to: Option<&str>,
    node: &str,
    more: &str,
    inner: &str,
) -> Element {
    let request = pubsub(&format!("<items node='{node}' {more}>{inner}</items>"));
    client.iq("get", to, &request).await
}

/// Asks for a page of items (XEP-0059): `set` is what stands in `<set/>`.
pub async fn page(client: &Client, to: Option<&str>, node: &str, set: &str) -> Element {
    let set = format!("<set xmlns='{}'>{set}</set>", ns::RSM);
    client.iq("get", to, &pubsub(&format!("<items node='{node}'/>{set}"))).await
}

/// The ids of all items that the node gives this client.
pub async fn stored(client: &Client, to: Option<&str>, node: &str) -> Vec<String> {
    let answer = items(client, to, node, "", "").await;
    is_ok(&answer);
    ids(inner(&answer, "items"))
}

/// Sets the affiliation of somebody, and it must work.
pub async fn affiliate(client: &Client, to: Option<&str>, node: &str, jid: &str, what: &str) {
    let affiliation = format!("<affiliation jid='{jid}' affiliation='{what}'/>");
    let request = owner(&format!("<affiliations node='{node}'>{affiliation}</affiliations>"));
    client.iq_ok("set", to, &request).await;
}

/// Deletes a node.
pub async fn delete(client: &Client, to: Option<&str>, node: &str) -> Element {
    client.iq("set", to, &owner(&format!("<delete node='{node}'/>"))).await
}

/// Purges a node.
pub async fn purge(client: &Client, to: Option<&str>, node: &str) -> Element {
    client.iq("set", to, &owner(&format!("<purge node='{node}'/>"))).await
}

/// The answer must be a result.
#[track_caller]
pub fn is_ok(answer: &Element) {
    assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
}

/// The child of `<pubsub/>` with that name, in an answer.
#[track_caller]
pub fn inner<'a>(answer: &'a Element, name: &str) -> &'a Element {
    let pubsub = [ns::PUBSUB, ns::PUBSUB_OWNER].iter().find_map(|ns| answer.child(ns, "pubsub"));
    let found = pubsub.and_then(|pubsub| pubsub.children().find(|child| child.name() == name));
    found.unwrap_or_else(|| panic!("no {name} in {}", answer.to_xml()))
}

/// The ids of `<item/>`s, in their order.
pub fn ids(items: &Element) -> Vec<String> {
    let items = items.children().filter(|child| child.name() == "item");
    items.map(|item| item.attr("id").unwrap_or_default().to_owned()).collect()
}

/// The error that the answer must be: condition, type, and what stands in `pubsub#errors`, which is
/// empty if nothing does, and has the feature behind it (`unsupported subscribe`) if there is one.
#[track_caller]
pub fn error_of(answer: &Element) -> (String, String, String) {
    assert_eq!(answer.attr("type"), Some("error"), "{}", answer.to_xml());
    let error = answer.child(ns::CLIENT, "error").unwrap();
    let specific = error.children().find(|child| child.ns() == ns::PUBSUB_ERRORS);
    let specific = specific.map(|specific| match specific.attr("feature") {
        Some(feature) => format!("{} {feature}", specific.name()),
        None => specific.name().to_owned(),
    });
    let kind = error.attr("type").unwrap_or_default().to_owned();
    (condition(answer), kind, specific.unwrap_or_default())
}

/// The answer must be this error: condition, type, and what stands in `pubsub#errors`.
#[track_caller]
pub fn is_error(answer: &Element, condition: &str, kind: &str, specific: &str) {
    let expected = (condition.to_owned(), kind.to_owned(), specific.to_owned());
    assert_eq!(error_of(answer), expected, "{}", answer.to_xml());
}

/// The `<event/>` of a message, if it has one.
pub fn event(message: &Element) -> Option<&Element> {
    message.child(ns::PUBSUB_EVENT, "event")
}

/// The next message with an event.
pub async fn notified(client: &Client) -> Element {
    client.receive_where("an event", |stanza| event(stanza).is_some()).await
}

/// All messages with events that have come so far; all else that came is swallowed too.
pub async fn events(client: &Client) -> Vec<Element> {
    let mut came = client.drain().await;
    came.retain(|stanza| event(stanza).is_some());
    came
}

/// The child of `<event/>` with that name, in a message.
#[track_caller]
pub fn told<'a>(message: &'a Element, name: &str) -> &'a Element {
    let found = event(message).and_then(|event| event.child(ns::PUBSUB_EVENT, name));
    found.unwrap_or_else(|| panic!("no {name} in {}", message.to_xml()))
}

/// The values of a field of the form inside `parent`; its name is written without `pubsub#`.
/// Nothing if the field is not there.
#[track_caller]
pub fn values(parent: &Element, name: &str) -> Option<Vec<String>> {
    let form = parent.child(ns::DATA_FORMS, "x");
    let form = form.unwrap_or_else(|| panic!("no form in {}", parent.to_xml()));
    let name = match name {
        "FORM_TYPE" => name.to_owned(),
        name => format!("pubsub#{name}"),
    };
    let field = form.children().find(|field| field.attr("var") == Some(&name))?;
    let values = field.children().filter(|child| child.name() == "value");
    Some(values.map(|value| value.text().into_owned()).collect())
}

/// The features in the answer to disco#info, of the account or service, or of a node.
pub async fn info(client: &Client, to: Option<&str>, node: Option<&str>) -> Element {
    let node = node.map(|node| format!(" node='{node}'")).unwrap_or_default();
    client.iq("get", to, &format!("<query xmlns='{}'{node}/>", ns::DISCO_INFO)).await
}

/// The features that an answer to [`info`] names.
#[track_caller]
pub fn features(answer: &Element) -> Vec<&str> {
    is_ok(answer);
    let query = answer.child(ns::DISCO_INFO, "query").unwrap();
    let features = query.children().filter(|child| child.name() == "feature");
    features.filter_map(|feature| feature.attr("var")).collect()
}

/// Whether the service announces a feature of XEP-0060 §10, which is named without its prefix.
pub async fn can(client: &Client, to: Option<&str>, feature: &str) -> bool {
    let answer = info(client, to, None).await;
    features(&answer).contains(&&*format!("{}#{feature}", ns::PUBSUB))
}

/// Puts a contact into a group of the roster.
pub async fn group(client: &Client, contact: &str, group: &str) {
    let item = format!("<item jid='{contact}'><group>{group}</group></item>");
    client.iq_ok("set", None, &format!("<query xmlns='{}'>{item}</query>", ns::ROSTER)).await;
}
