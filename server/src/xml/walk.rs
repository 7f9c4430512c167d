//! Walking a tree in document order, without recursion.

use std::slice;

use super::{Element, Node};

/// One step of a walk.
#[derive(Debug)]
pub enum Step<'a> {
    /// An element begins.
    Open(&'a Element),
    /// Text in the innermost element that is open.
    Text(&'a str),
    /// An element ends.
    Close(&'a Element),
}

/// The steps through an element and all in it.
#[derive(Debug)]
pub struct Walk<'a> {
    root: Option<&'a Element>,
    open: Vec<(&'a Element, slice::Iter<'a, Node>)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(root: &'a Element) -> Self {
        Self { root: Some(root), open: Vec::new() }
    }

    fn enter(&mut self, element: &'a Element) -> Step<'a> {
        self.open.push((element, element.nodes.iter()));
        Step::Open(element)
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        if let Some(root) = self.root.take() {
            return Some(self.enter(root));
        }
        let (_, nodes) = self.open.last_mut()?;
        match nodes.next() {
            Some(Node::Element(child)) => Some(self.enter(child)),
            Some(Node::Text(text)) => Some(Step::Text(text)),
            None => self.open.pop().map(|(element, _)| Step::Close(element)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_in_document_order() {
        let tree =
            Element::new("", "a").with_text("1").with_child(Element::new("", "b")).with_text("2");
        let steps: Vec<_> = tree
            .walk()
            .map(|step| match step {
                Step::Open(e) => format!("<{}>", e.name()),
                Step::Text(text) => text.to_owned(),
                Step::Close(e) => format!("</{}>", e.name()),
            })
            .collect();
        assert_eq!(steps.concat(), "<a>1<b></b>2</a>");
    }
}
