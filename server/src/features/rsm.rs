//! XEP-0059: Result Set Management.
//!
//! What a request says of the page that it wants, and what the answer says of the page that it
//! got. Features that hold many items ask here; the limits of a page are theirs.

use crate::feature::{Registry, Scope, Spec, Status};
use crate::ns;
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// Declares what belongs to the specification.
pub fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0059",
        name: "Result Set Management",
        version: "1.0",
        status: Status::Complete,
        note: "for archives; no pages by index, which would be counted from the beginning",
    });
    on.disco(&[Scope::Own, Scope::Account], ns::RSM);
}

/// The page that somebody wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// At most so many items. Zero asks for their number only.
    pub max: Option<usize>,
    /// Those behind this one, the nearest first.
    pub after: Option<String>,
    /// Those ahead of something, the nearest first.
    pub before: Option<Before>,
    /// Those from this position on.
    pub index: Option<usize>,
}

/// Where a page ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// With the last item of all, §2.5.
    End,
    /// Ahead of this one.
    Item(String),
}

impl Wanted {
    /// Reads the `<set/>` of a request; what is not there wants nothing in particular.
    ///
    /// # Errors
    /// `bad-request`: a number is none.
    pub fn read(request: &Element) -> Result<Self, StanzaError> {
        let Some(set) = request.child(ns::RSM, "set") else { return Ok(Wanted::default()) };
        let text = |name| set.child(ns::RSM, name).map(|child| child.text().into_owned());
        let before = |id: String| if id.is_empty() { Before::End } else { Before::Item(id) };
        Ok(Wanted {
            max: text("max").map(|max| number(&max)).transpose()?,
            // §2.2: without one, a page begins before the first item.
            after: text("after").filter(|id| !id.is_empty()),
            before: text("before").map(before),
            index: text("index").map(|index| number(&index)).transpose()?,
        })
    }
}

/// The page that somebody got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Got {
    /// The ids of its first and last item; nothing for an empty page (§2.2).
    pub ends: Option<(String, String)>,
    /// Where in the whole set the first item stands, if that is known.
    pub index: Option<u64>,
    /// How many items the whole set has, if that is known.
    pub count: Option<u64>,
}

impl Got {
    /// The `<set/>` of the answer.
    pub fn element(&self) -> Element {
        let child = |name, text: &str| Element::new(ns::RSM, name).with_text(text);
        let mut set = Element::new(ns::RSM, "set");
        if let Some((first, last)) = &self.ends {
            let index = self.index.map(|index| index.to_string());
            set.push_child(child("first", first).with_attr_opt("index", index));
            set.push_child(child("last", last));
        }
        if let Some(count) = self.count {
            set.push_child(child("count", &count.to_string()));
        }
        set
    }
}

/// An `xs:int` that is not negative; what is greater than we can count is as much as we can.
fn number(text: &str) -> Result<usize, StanzaError> {
    let digits = text.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Condition::BadRequest.into());
    }
    Ok(digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(children: &[(&'static str, &str)]) -> Result<Wanted, StanzaError> {
        let child =
            |(name, text): &(&'static str, &str)| Element::new(ns::RSM, *name).with_text(text);
        let set = Element::new(ns::RSM, "set").with_children(children.iter().map(child));
        Wanted::read(&Element::new("urn:example", "query").with_child(set))
    }

    #[test]
    fn nothing_is_wanted_without_a_set() {
        let wanted = Wanted::read(&Element::new("urn:example", "query"));
        assert_eq!(wanted, Ok(Wanted::default()));
        assert_eq!(read(&[]), Ok(Wanted::default()));
    }

    #[test]
    fn s2_5_an_empty_before_is_the_last_page() {
        assert_eq!(read(&[("before", "")]).unwrap().before, Some(Before::End));
        assert_eq!(read(&[("before", "x")]).unwrap().before, Some(Before::Item("x".to_owned())));
    }

    #[test]
    fn s2_2_an_empty_after_is_the_first_page() {
        assert_eq!(read(&[("after", "")]), Ok(Wanted::default()));
        assert_eq!(read(&[("after", "x")]).unwrap().after.as_deref(), Some("x"));
    }

    #[test]
    fn numbers_are_digits_and_a_huge_one_is_as_much_as_we_can_count() {
        let max = |text| read(&[("max", text)]).map(|wanted| wanted.max);
        assert_eq!(max("0"), Ok(Some(0)));
        assert_eq!(max(" 10\n"), Ok(Some(10)));
        assert_eq!(max("99999999999999999999999"), Ok(Some(usize::MAX)));
        for wrong in ["", "-1", "+1", "ten", "1.5", "1 2", "\u{661}"] {
            assert_eq!(max(wrong), Err(Condition::BadRequest.into()), "{wrong}");
            assert!(read(&[("index", wrong)]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn s2_2_an_empty_page_has_neither_first_nor_last() {
        let got = Got { ends: None, index: Some(0), count: Some(3) };
        let set = got.element();
        assert_eq!(set.children().map(Element::name).collect::<Vec<_>>(), ["count"]);
    }
}
