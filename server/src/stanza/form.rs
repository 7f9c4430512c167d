//! XEP-0004: Data Forms, the part that a server writes: results with a FORM_TYPE (XEP-0068).

use crate::ns;
use crate::xml::Element;

/// A `<x type='result'/>` whose hidden FORM_TYPE field says what its fields mean.
pub fn result(form_type: &str) -> Element {
    let hidden = field("FORM_TYPE", [form_type]).with_attr("type", "hidden");
    Element::new(ns::DATA_FORMS, "x").with_attr("type", "result").with_child(hidden)
}

/// One field with its values.
pub fn field<'a>(var: &str, values: impl IntoIterator<Item = &'a str>) -> Element {
    let values =
        values.into_iter().map(|value| Element::new(ns::DATA_FORMS, "value").with_text(value));
    Element::new(ns::DATA_FORMS, "field").with_attr("var", var).with_children(values)
}
