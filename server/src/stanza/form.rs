//! XEP-0004: Data Forms, the part that a server needs: results with a FORM_TYPE (XEP-0068), and
//! forms that were filled in.

use super::{Condition, StanzaError};
use crate::ns;
use crate::xml::Element;

/// A `<x type='result'/>` whose hidden FORM_TYPE field says what its fields mean.
pub fn result(form_type: &str) -> Element {
    typed("result", form_type)
}

/// The same, to be filled in.
pub fn to_fill_in(form_type: &str) -> Element {
    typed("form", form_type)
}

fn typed(kind: &str, form_type: &str) -> Element {
    let hidden = field("FORM_TYPE", [form_type]).with_attr("type", "hidden");
    Element::new(ns::DATA_FORMS, "x").with_attr("type", kind).with_child(hidden)
}

/// The FORM_TYPE of a form.
pub fn form_type(form: &Element) -> Option<String> {
    let mut fields = form.children().filter(|child| child.attr("var") == Some("FORM_TYPE"));
    let value = fields.next()?.child(ns::DATA_FORMS, "value")?;
    Some(value.text().into_owned())
}

/// One field with its values.
pub fn field<'a>(var: &str, values: impl IntoIterator<Item = &'a str>) -> Element {
    let values =
        values.into_iter().map(|value| Element::new(ns::DATA_FORMS, "value").with_text(value));
    Element::new(ns::DATA_FORMS, "field").with_attr("var", var).with_children(values)
}

/// One field that says what it is and how a person shall read it.
pub fn labelled<'a>(
    var: &str,
    kind: &str,
    label: &str,
    values: impl IntoIterator<Item = &'a str>,
) -> Element {
    field(var, values).with_attr("type", kind).with_attr("label", label)
}

/// One of the values that a `list-single` or `list-multi` field may have.
pub fn option(label: &str, value: &str) -> Element {
    Element::new(ns::DATA_FORMS, "option")
        .with_attr("label", label)
        .with_child(Element::new(ns::DATA_FORMS, "value").with_text(value))
}

/// XEP-0122: the field holds a number of this `datatype` from `min` to `max`.
pub fn ranged(datatype: &str, min: u32, max: u32) -> Element {
    let range = Element::new(ns::DATA_VALIDATE, "range")
        .with_attr("min", min.to_string())
        .with_attr("max", max.to_string());
    Element::new(ns::DATA_VALIDATE, "validate").with_attr("datatype", datatype).with_child(range)
}

/// What somebody did with a form.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// He has filled it in.
    Submitted(Submitted<'a>),
    /// He wants nothing to change.
    Cancelled,
}

impl<'a> Answer<'a> {
    /// Finds it in a request, where it may be missing. A cancelled form has no fields, not even
    /// the FORM_TYPE (XEP-0004 §3.1).
    ///
    /// # Errors
    /// `bad-request`: there are several, or it is of another type.
    pub fn find(request: &'a Element, form_type: &str) -> Result<Option<Self>, StanzaError> {
        let mut forms = request.children().filter(|child| child.is(ns::DATA_FORMS, "x"));
        let first = forms.next().and_then(|form| form.attr("type"));
        if first == Some("cancel") && forms.next().is_none() {
            return Ok(Some(Answer::Cancelled));
        }
        Ok(Submitted::find(request, form_type)?.map(Answer::Submitted))
    }
}

/// A form that somebody has filled in.
#[derive(Clone, Copy, Debug)]
pub struct Submitted<'a>(&'a Element);

impl<'a> Submitted<'a> {
    /// Finds it in a request, where it may be missing.
    ///
    /// # Errors
    /// `bad-request`: there are several, or it is of another type.
    pub fn find(request: &'a Element, form_type: &str) -> Result<Option<Self>, StanzaError> {
        let mut forms = request.children().filter(|child| child.is(ns::DATA_FORMS, "x"));
        let Some(form) = forms.next() else { return Ok(None) };
        let submitted = Submitted(form);
        let mut types = submitted.all().filter(|(var, _)| *var == "FORM_TYPE");
        let is_meant = types.next().is_some_and(|(_, values)| values == [form_type]);
        if forms.next().is_some() || !is_meant || form.attr("type") != Some("submit") {
            return Err(Condition::BadRequest.into());
        }
        Ok(Some(submitted))
    }

    /// The fields with their values, without the FORM_TYPE.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, Vec<String>)> {
        self.all().filter(|(var, _)| *var != "FORM_TYPE")
    }

    fn all(self) -> impl Iterator<Item = (&'a str, Vec<String>)> {
        let fields = self.0.children().filter(|child| child.is(ns::DATA_FORMS, "field"));
        fields.map(|field| (field.attr("var").unwrap_or_default(), values(field)))
    }
}

fn values(field: &Element) -> Vec<String> {
    let values = field.children().filter(|child| child.is(ns::DATA_FORMS, "value"));
    values.map(|value| value.text().into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(forms: &[Element]) -> Element {
        Element::new("urn:example", "query").with_children(forms.iter().cloned())
    }

    fn submit(form_type: &str) -> Element {
        typed("submit", form_type).with_child(field("with", ["a", "b"]))
    }

    #[test]
    fn fields_come_with_their_values_and_without_the_type() {
        let request = request(&[submit("urn:example")]);
        let form = Submitted::find(&request, "urn:example").unwrap().unwrap();
        let fields: Vec<_> = form.fields().collect();
        assert_eq!(fields, [("with", vec!["a".to_owned(), "b".to_owned()])]);
    }

    #[test]
    fn a_form_may_be_missing_but_not_be_another() {
        let find = |forms: &[Element]| {
            Submitted::find(&request(forms), "urn:example").map(|form| form.is_some())
        };
        assert_eq!(find(&[]), Ok(false));
        assert_eq!(find(&[submit("urn:example")]), Ok(true));
        assert!(find(&[submit("urn:example"), submit("urn:example")]).is_err());
        assert!(find(&[submit("urn:other")]).is_err());
        assert!(find(&[Element::new(ns::DATA_FORMS, "x").with_attr("type", "submit")]).is_err());
        assert!(find(&[result("urn:example")]).is_err());
    }

    #[test]
    fn a_cancelled_form_is_told_from_one_that_was_filled_in() {
        let find = |forms: &[Element]| {
            Answer::find(&request(forms), "urn:example")
                .map(|form| form.map(|form| matches!(form, Answer::Submitted(_))))
        };
        let cancel = Element::new(ns::DATA_FORMS, "x").with_attr("type", "cancel");
        assert_eq!(find(&[]), Ok(None));
        assert_eq!(find(&[submit("urn:example")]), Ok(Some(true)));
        assert_eq!(find(std::slice::from_ref(&cancel)), Ok(Some(false)));
        assert!(find(&[cancel.clone(), submit("urn:example")]).is_err());
        assert!(find(&[submit("urn:example"), cancel]).is_err());
        assert!(find(&[submit("urn:other")]).is_err());
    }
}
