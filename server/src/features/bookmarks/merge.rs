//! One room's bookmark, carried from one form into the other.
//!
//! Both forms have a name, a nick, a password, and whether to join. Everything else in the element
//! that is written to stays as it was.

use crate::ns;
use crate::xml::Element;

/// Elements that both forms have, in the order of the schema.
const TEXTS: [&str; 2] = ["nick", "password"];

/// Makes `to` say what `from` says, each in its own namespace.
pub(super) fn merge(to: &mut Element, from: &Element) {
    match from.attr("name") {
        Some(name) if to.attr("name") != Some(name) => to.set_attr("name", name),
        Some(_) => {}
        None => drop(to.remove_attr("name")),
    }
    match is_joined(from) {
        joined if joined == is_joined(to) => {}
        true => to.set_attr("autojoin", "true"),
        false => drop(to.remove_attr("autojoin")),
    }
    if TEXTS.iter().any(|name| text(to, name) != text(from, name)) {
        set_texts(to, from);
    }
}

/// xs:boolean
fn is_joined(conference: &Element) -> bool {
    matches!(conference.attr("autojoin").map(str::trim), Some("true" | "1"))
}

/// Of several, the first counts.
fn text(conference: &Element, name: &str) -> Option<String> {
    conference.child(conference.ns(), name).map(|child| child.text().into_owned())
}

fn set_texts(to: &mut Element, from: &Element) {
    let is_native = to.ns() == ns::BOOKMARKS;
    let ns = if is_native { ns::BOOKMARKS } else { ns::BOOKMARKS_LEGACY };
    let others: Vec<_> = to.take_children().collect();
    for name in TEXTS {
        if let Some(text) = text(from, name) {
            to.push_child(Element::new(ns, name).with_text(text));
        }
    }
    let is_other = |child: &Element| !TEXTS.iter().any(|name| child.is(ns, name));
    others.into_iter().filter(is_other).for_each(|child| to.push_child(child));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::Parser;

    const NATIVE: &str = "xmlns='urn:xmpp:bookmarks:1'";
    const OLD: &str = "xmlns='storage:bookmarks'";

    fn element(xml: &str) -> Element {
        Parser::new().parse(xml.as_bytes()).unwrap()
    }

    fn merged(to: &str, from: &str) -> Element {
        let mut to = element(to);
        merge(&mut to, &element(from));
        to
    }

    #[test]
    fn what_both_forms_have_is_carried_over() {
        let from = format!(
            "<conference {OLD} jid='a@b' name='A' autojoin='1'><password>p</password><nick>n</nick></conference>"
        );
        let expected = format!(
            "<conference {NATIVE} name='A' autojoin='true'><nick>n</nick><password>p</password></conference>"
        );
        assert_eq!(merged(&format!("<conference {NATIVE}/>"), &from), element(&expected));
    }

    #[test]
    fn what_only_one_form_has_stays() {
        let had = format!(
            "<conference {NATIVE} name='A' autojoin='true' more='1'><nick>n</nick><extensions><x xmlns='u'/></extensions></conference>"
        );
        let from = format!("<conference {OLD} jid='a@b'><nick>m</nick></conference>");
        let expected = format!(
            "<conference {NATIVE} more='1'><nick>m</nick><extensions><x xmlns='u'/></extensions></conference>"
        );
        assert_eq!(merged(&had, &from), element(&expected));
    }

    #[test]
    fn what_means_the_same_is_not_written_anew() {
        let had = format!("<conference {NATIVE} autojoin='1'> <nick>n</nick> </conference>");
        let from =
            format!("<conference {OLD} jid='a@b' autojoin=' true '><nick>n</nick></conference>");
        assert_eq!(merged(&had, &from), element(&had));
    }
}
