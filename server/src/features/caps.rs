//! XEP-0115: Entity Capabilities, of the server itself.
//!
//! After the login the stream features carry the hash of the host's disco#info, so that a client
//! that knows it need not ask. Hash and answer are made from one element and cannot differ. Before
//! the login nothing is told: strangers need not know what runs here.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::disco;
use crate::feature::{Registry, Scope, Spec, Status};
use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::stream::StreamPhase;
use crate::xml::Element;

/// Names the software, never a version or a server: the hash does the rest. `.invalid` cannot
/// become somebody's (RFC 2606 §2).
const NODE: &str = "https://cloister.invalid";

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0115",
        name: "Entity Capabilities",
        version: "1.6.0",
        status: Status::Complete,
        note: "of the server; those of clients are relayed as they are",
    });
    on.disco(&[Scope::Host], ns::CAPS);
    on.stream_feature(StreamPhase::Authenticated, offer);
}

/// The node under which a client that has seen the hash asks for `info`, §6.2.
pub fn node(info: &Element) -> String {
    format!("{NODE}#{}", verification(info))
}

/// The verification string of a disco#info answer, §5.1.
pub fn verification(info: &Element) -> String {
    let mut text = String::new();
    append(&mut text, sorted(children(info, "identity").map(identity)));
    append(&mut text, sorted(children(info, "feature").map(|f| attr(f, "var").to_owned())));
    let forms = info.children().filter(|child| child.is(ns::DATA_FORMS, "x")).filter_map(form);
    for (form_type, fields) in sorted(forms) {
        append(&mut text, [form_type]);
        for (var, values) in fields {
            append(&mut text, [var]);
            append(&mut text, values);
        }
    }
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// §6.3
fn offer(server: &Server, domain: &Domain) -> Option<Element> {
    let ver = verification(&disco::host_info(server, domain));
    let caps = Element::new(ns::CAPS, "c")
        .with_attr("hash", "sha-1")
        .with_attr("node", NODE)
        .with_attr("ver", ver);
    Some(caps)
}

fn append(text: &mut String, parts: impl IntoIterator<Item = String>) {
    for part in parts {
        text.push_str(&part);
        text.push('<');
    }
}

/// Byte order is the collation i;octet that §5.1 asks for.
fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.collect();
    items.sort_unstable();
    items
}

fn children<'a>(info: &'a Element, name: &'a str) -> impl Iterator<Item = &'a Element> {
    info.children().filter(move |child| child.is(ns::DISCO_INFO, name))
}

fn attr<'a>(element: &'a Element, name: &str) -> &'a str {
    element.attr(name).unwrap_or_default()
}

/// Sorted as a whole it is sorted by category, type and language: `/` comes before every
/// character of a registered category or type but `-` and `.`, which none of ours has.
fn identity(identity: &Element) -> String {
    let lang = identity.lang().unwrap_or_default();
    let (category, kind) = (attr(identity, "category"), attr(identity, "type"));
    format!("{category}/{kind}/{lang}/{}", attr(identity, "name"))
}

/// A field's name and its values.
type Field = (String, Vec<String>);

/// A form's FORM_TYPE and its fields with their values, all in order; §5.4: none without a type.
fn form(form: &Element) -> Option<(String, Vec<Field>)> {
    let (typed, fields): (Vec<_>, Vec<_>) = form
        .children()
        .filter(|child| child.is(ns::DATA_FORMS, "field"))
        .partition(|field| field.attr("var") == Some("FORM_TYPE"));
    let form_type = values(typed.first()?).pop()?;
    let fields = fields.into_iter().map(|field| (attr(field, "var").to_owned(), values(field)));
    Some((form_type, sorted(fields)))
}

fn values(field: &Element) -> Vec<String> {
    let values = field.children().filter(|child| child.is(ns::DATA_FORMS, "value"));
    sorted(values.map(|value| value.text().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    fn parsed(xml: &str) -> Element {
        Parser::new().parse(xml.as_bytes()).unwrap()
    }

    #[test]
    fn s5_2_the_simple_example_has_its_hash() {
        let info = parsed(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='client' type='pc' name='Exodus 0.9.1'/>\
             <feature var='http://jabber.org/protocol/muc'/>\
             <feature var='http://jabber.org/protocol/disco#info'/>\
             <feature var='http://jabber.org/protocol/disco#items'/>\
             <feature var='http://jabber.org/protocol/caps'/>\
             </query>",
        );
        assert_eq!(verification(&info), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }

    const COMPLEX: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>\
         <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>\
         <identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>\
         <feature var='http://jabber.org/protocol/caps'/>\
         <feature var='http://jabber.org/protocol/disco#info'/>\
         <feature var='http://jabber.org/protocol/disco#items'/>\
         <feature var='http://jabber.org/protocol/muc'/>\
         <x xmlns='jabber:x:data' type='result'>\
         <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>\
         <field var='software'><value>Psi</value></field>\
         <field var='os'><value>Mac</value></field>\
         <field var='os_version'><value>10.5.1</value></field>\
         <field var='ip_version' type='text-multi'><value>ipv6</value><value>ipv4</value></field>\
         <field var='software_version'><value>0.11</value></field>\
         </x></query>";

    #[test]
    fn s5_3_the_complex_example_has_its_hash() {
        assert_eq!(verification(&parsed(COMPLEX)), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
    }

    #[test]
    fn s5_4_a_form_without_a_type_does_not_count() {
        let untyped = parsed(
            "<x xmlns='jabber:x:data' type='result'><field var='a'><value>b</value></field></x>",
        );
        let info = parsed(COMPLEX).with_child(untyped);
        assert_eq!(verification(&info), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
    }
}
