//! XEP-0133 §8.2: the forms.

use crate::ns;
use crate::stanza::form;
use crate::xml::Element;

/// FORM_TYPE of all of them.
const ADMIN: &str = "http://jabber.org/protocol/admin";

/// Which account, and which ones.
pub const ACCOUNT: &str = "accountjid";
pub const ACCOUNTS: &str = "accountjids";

/// A password, twice.
pub const PASSWORD: &str = "password";
pub const AGAIN: &str = "password-verify";

/// A form to be filled in.
pub fn ask(title: &str, instructions: &str, fields: impl IntoIterator<Item = Element>) -> Element {
    let text = |name: &str, text: &str| Element::new(ns::DATA_FORMS, name).with_text(text);
    // XEP-0004 §3: title and instructions come before the fields.
    Element::new(ns::DATA_FORMS, "x")
        .with_attr("type", "form")
        .with_child(text("title", title))
        .with_child(text("instructions", instructions))
        .with_child(form::field("FORM_TYPE", [ADMIN]).with_attr("type", "hidden"))
        .with_children(fields)
}

/// What came out.
pub fn result(fields: impl IntoIterator<Item = Element>) -> Element {
    form::result(ADMIN).with_children(fields)
}

/// A field that has to be filled in.
pub fn required(var: &str, kind: &str, label: &str) -> Element {
    form::labelled(var, kind, label, []).with_child(Element::new(ns::DATA_FORMS, "required"))
}
