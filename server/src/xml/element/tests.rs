//! The tree: what it holds, that it never recurses, and what it does not print.

use super::*;

/// Levels that would overflow any stack if one of them cost a frame.
const DEEP: usize = 200_000;

fn message() -> Element {
    Element::new(ns::CLIENT, "message")
        .with_attr("to", "bob@example.org")
        .with_attr_opt("id", Some("m1"))
        .with_attr_opt("type", None::<&str>)
        .with_child(Element::new(ns::CLIENT, "body").with_text("Art thou not Romeo?"))
        .with_child(Element::new(ns::RECEIPTS, "request"))
}

fn deep() -> Element {
    let mut element = Element::new("urn:example:deep", "x").with_text("bottom");
    for level in 0..DEEP {
        let ns = if level % 2 == 0 { "urn:example:a" } else { "urn:example:b" };
        element = Element::new(ns, "x").with_child(element);
    }
    element
}

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 * 1024);
    thread.spawn(test).unwrap().join().unwrap();
}

#[test]
fn a_deep_tree_is_dropped_without_recursion() {
    on_a_small_stack(|| drop(deep()));
}

#[test]
fn a_deep_tree_with_siblings_is_dropped_without_recursion() {
    on_a_small_stack(|| {
        let mut element = Element::new("", "x");
        for _ in 0..DEEP {
            let sibling = || Element::new("", "y").with_child(Element::new("", "z"));
            element = Element::new("", "x")
                .with_child(sibling())
                .with_child(element)
                .with_child(sibling());
        }
        drop(element);
    });
}

#[test]
fn a_deep_tree_is_cloned_compared_walked_written_and_printed_without_recursion() {
    on_a_small_stack(|| {
        let one = deep();
        let two = one.clone();
        assert!(one == two);
        assert_eq!(one.walk().count(), 2 * (DEEP + 1) + 1);
        assert!(one.to_xml().contains("bottom"));
        assert!(format!("{one:?}").len() < 200);
    });
}

#[test]
fn debug_prints_neither_text_nor_attribute_values() {
    let element = message();
    let printed = format!("{element:?} {:?}", element.nodes().collect::<Vec<_>>());
    assert!(!printed.contains("Romeo") && !printed.contains("bob"), "{printed}");
    assert!(printed.contains("message") && printed.contains("id"), "{printed}");
    let text = Node::Text("Romeo".into());
    assert_eq!(format!("{text:?}"), "Text(5 bytes)");
}

#[test]
fn attributes_are_found_set_and_removed_by_name() {
    let mut element = message();
    assert_eq!(element.attr("id"), Some("m1"));
    assert_eq!(element.attr("type"), None);
    element.set_attr("id", "m2");
    assert_eq!(element.attributes().len(), 2);
    assert_eq!(element.remove_attr("id").as_deref(), Some("m2"));
    assert_eq!(element.remove_attr("id"), None);
}

#[test]
fn attributes_of_two_namespaces_do_not_meet() {
    let mut element = message();
    element.set_attr_ns(ns::XML, "id", "x");
    assert_eq!(element.attr("id"), Some("m1"));
    assert_eq!(element.attr_ns(ns::XML, "id"), Some("x"));
    assert_eq!(element.remove_attr_ns(ns::XML, "id").as_deref(), Some("x"));
    assert_eq!(element.attr("id"), Some("m1"));
}

#[test]
fn a_child_is_found_by_namespace_and_name() {
    let mut element = message();
    assert!(element.child(ns::CLIENT, "request").is_none());
    assert!(element.has_child(ns::RECEIPTS, "request"));
    element.child_mut(ns::CLIENT, "body").unwrap().push_text("!");
    assert_eq!(element.child(ns::CLIENT, "body").unwrap().text(), "Art thou not Romeo?!");
}

#[test]
fn a_child_is_taken_once() {
    let mut element = message();
    assert!(element.take_child(ns::CLIENT, "body").is_some());
    assert!(element.take_child(ns::CLIENT, "body").is_none());
    assert_eq!(element.take_children().count(), 1);
    assert!(element.has_no_children());
}

#[test]
fn texts_that_meet_become_one() {
    let x = || Element::new("", "x");
    let mut element = Element::new("", "e")
        .with_text("a")
        .with_text("")
        .with_text("b")
        .with_child(x())
        .with_text("c")
        .with_child(x())
        .with_text("d");
    assert_eq!(element.text(), "abcd");
    assert!(element.take_child("", "x").is_some());
    assert_eq!(element.nodes().len(), 3);
    element.retain_children(|child| !child.is("", "x"));
    assert_eq!(element.nodes().len(), 1);
    assert!(element == Element::new("", "e").with_text("abcd"));
}

#[test]
fn the_order_of_attributes_means_nothing_and_that_of_children_does() {
    let a = Element::new("", "e").with_attr("a", "1").with_attr("b", "2");
    let b = Element::new("", "e").with_attr("b", "2").with_attr("a", "1");
    assert_eq!(a, b);
    let [x, y] = ["x", "y"].map(|name| Element::new("", name));
    let xy = Element::new("", "e").with_children([x.clone(), y.clone()]);
    assert_ne!(xy, Element::new("", "e").with_children([y, x]));
}

#[test]
fn elements_that_differ_in_one_thing_are_not_equal() {
    let element = message();
    assert_eq!(element, element.clone());
    assert_ne!(element, message().with_attr("id", "m2"));
    assert_ne!(element, message().with_attr("x", ""));
    assert_ne!(element, message().with_text("x"));
    assert_ne!(element, message().with_child(Element::new("", "x")));
    assert_ne!(element, Element::new(ns::CLIENT, "message"));
}
