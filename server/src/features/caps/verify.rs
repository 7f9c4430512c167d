//! XEP-0115 §5: the verification string.
//!
//! The text that is hashed does not say where a feature ends and a form begins, so one text, and one
//! hash, fits answers that say different things (§9.3). What is read from the text itself is the same
//! for all of them.

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ns;
use crate::xml::Element;

/// The text S of a disco#info answer, §5.1.
pub(super) fn text(info: &Element) -> String {
    let mut text = String::new();
    for (category, kind, lang, name) in sorted(identities(info)) {
        append(&mut text, [category, "/", kind, "/", lang, "/", name]);
    }
    for feature in sorted(features(info)) {
        append(&mut text, [feature]);
    }
    for (form_type, fields) in sorted(forms(info).filter_map(form)) {
        append(&mut text, [&*form_type]);
        for (var, values) in fields {
            append(&mut text, [&*var]);
            values.iter().for_each(|value| append(&mut text, [&**value]));
        }
    }
    text
}

/// The text's hash, if the function of that name is known; names as IANA registered them.
pub(super) fn hash(function: &str, text: &str) -> Option<String> {
    Some(STANDARD.encode(digest(algorithm(function)?, text.as_bytes())))
}

/// Whether there is such a function here.
pub(super) fn is_known(function: &str) -> bool {
    algorithm(function).is_some()
}

/// Whether an answer must not be checked at all, §5.4 rules 3.3 to 3.5: something is said twice.
pub(super) fn is_ill_formed(info: &Element) -> bool {
    let types = || forms(info).filter_map(form_type);
    let contradicts = |mut values: Vec<String>| {
        values.dedup();
        values.len() > 1
    };
    repeats(identities(info))
        || repeats(features(info))
        || types().any(contradicts)
        || repeats(types())
}

fn algorithm(function: &str) -> Option<&'static Algorithm> {
    match function {
        "sha-1" => Some(&SHA1_FOR_LEGACY_USE_ONLY),
        "sha-256" => Some(&SHA256),
        "sha-512" => Some(&SHA512),
        _ => None,
    }
}

fn append<'a>(text: &mut String, parts: impl IntoIterator<Item = &'a str>) {
    text.extend(parts);
    text.push('<');
}

/// Byte order is the collation i;octet that §5.1 asks for.
fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.collect();
    items.sort_unstable();
    items
}

fn repeats<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    sorted(items).array_windows().any(|[one, other]| one == other)
}

/// Category, type, language and name.
fn identities(info: &Element) -> impl Iterator<Item = (&str, &str, &str, &str)> {
    let identities = children(info, ns::DISCO_INFO, "identity");
    identities.map(|identity| {
        let attr = |name| identity.attr(name).unwrap_or_default();
        (attr("category"), attr("type"), identity.lang().unwrap_or_default(), attr("name"))
    })
}

fn features(info: &Element) -> impl Iterator<Item = &str> {
    children(info, ns::DISCO_INFO, "feature").map(|f| f.attr("var").unwrap_or_default())
}

fn forms(info: &Element) -> impl Iterator<Item = &Element> {
    children(info, ns::DATA_FORMS, "x")
}

fn children<'a>(
    of: &'a Element,
    ns: &'static str,
    name: &'static str,
) -> impl Iterator<Item = &'a Element> {
    of.children().filter(move |child| child.is(ns, name))
}

/// A field's name and its values.
type Field = (String, Vec<String>);

/// A form's type and its fields with their values, all in order; nothing for one that does not count.
fn form(form: &Element) -> Option<(String, Vec<Field>)> {
    let form_type = form_type(form)?.pop()?;
    let fields = children(form, ns::DATA_FORMS, "field");
    let fields = fields.filter(|field| !is_type(field));
    let fields =
        fields.map(|field| (field.attr("var").unwrap_or_default().to_owned(), values(field)));
    Some((form_type, sorted(fields)))
}

/// What a form says of its type; §5.4 rule 3.6: a form that does not say it in a hidden field is ignored.
fn form_type(form: &Element) -> Option<Vec<String>> {
    let field = children(form, ns::DATA_FORMS, "field").find(|field| is_type(field))?;
    (field.attr("type") == Some("hidden")).then(|| values(field))
}

fn is_type(field: &Element) -> bool {
    field.attr("var") == Some("FORM_TYPE")
}

fn values(field: &Element) -> Vec<String> {
    sorted(children(field, ns::DATA_FORMS, "value").map(|value| value.text().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    fn verification(info: &Element) -> String {
        hash("sha-1", &text(info)).unwrap()
    }

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

    #[test]
    fn s5_4_a_form_whose_type_is_not_hidden_does_not_count() {
        let shown = COMPLEX.replace(" type='hidden'", "");
        let without = parsed(COMPLEX);
        let mut without = without.clone();
        without.retain_children(|child| child.name() != "x");
        assert_eq!(text(&parsed(&shown)), text(&without));
    }

    #[test]
    fn s5_1_functions_go_by_their_registered_names() {
        assert!(["sha-1", "sha-256", "sha-512"].iter().all(|name| is_known(name)));
        assert!(!["", "md5", "SHA-1", "sha1"].iter().any(|name| is_known(name)));
        let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(hash("sha-256", "").as_deref(), Some(empty));
    }

    #[test]
    fn s5_1_identities_are_sorted_by_category_before_type() {
        let info = parsed(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='a-b' type='x'/><identity category='a' type='y'/></query>",
        );
        assert_eq!(text(&info), "a/y//<a-b/x//<");
    }

    #[test]
    fn s5_4_what_is_said_twice_is_ill_formed() {
        assert!(!is_ill_formed(&parsed(COMPLEX)));
        for twice in [
            "<feature xmlns='http://jabber.org/protocol/disco#info' \
             var='http://jabber.org/protocol/muc'/>",
            "<identity xmlns='http://jabber.org/protocol/disco#info' xml:lang='en' \
             category='client' name='Psi 0.11' type='pc'/>",
            "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'>\
             <value>urn:xmpp:dataforms:softwareinfo</value></field></x>",
            "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'>\
             <value>a</value><value>b</value></field></x>",
        ] {
            assert!(is_ill_formed(&parsed(COMPLEX).with_child(parsed(twice))), "{twice}");
        }
    }
}
