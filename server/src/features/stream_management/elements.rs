//! The elements of stream management: read by strict rules, written as in the examples.

use std::time::Duration;

use crate::ns;
use crate::stanza::Condition;
use crate::xml::Element;

/// `<enable/>`, §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enable {
    /// Whether the client wants to resume the stream.
    pub resume: bool,
    /// For how long, if it says so.
    pub max: Option<Duration>,
}

impl Enable {
    /// Reads it; nothing for another element.
    pub fn read(element: &Element) -> Option<Self> {
        if !element.is(ns::SM, "enable") {
            return None;
        }
        let resume = matches!(element.attr("resume"), Some("true" | "1"));
        // A preference that cannot be read is none.
        let max = element.attr("max").and_then(|max| max.parse().ok()).map(Duration::from_secs);
        Some(Enable { resume, max })
    }
}

/// `<resume/>`, §5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Which stream.
    pub previd: String,
    /// How many of our stanzas the client has.
    pub acked: u32,
}

impl Resume {
    /// Reads it; nothing for another element.
    ///
    /// # Errors
    /// An attribute is missing or is no number.
    pub fn read(element: &Element) -> Option<Result<Self, Condition>> {
        element.is(ns::SM, "resume").then(|| {
            let previd = element.attr("previd").ok_or(Condition::BadRequest)?.to_owned();
            let acked = count(element).ok_or(Condition::BadRequest)?;
            Ok(Resume { previd, acked })
        })
    }
}

/// What `<a/>` acknowledges; nothing if it says no number.
pub fn acknowledged(element: &Element) -> Option<u32> {
    count(element)
}

/// An unsignedInt of XML Schema, which may have blanks around it and no sign before it.
fn count(element: &Element) -> Option<u32> {
    let text = element.attr("h")?.trim_matches([' ', '\t', '\r', '\n']);
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `<enabled/>`: with the id of a stream that can be resumed for so long.
pub fn enabled(resumable: Option<(&str, Duration)>) -> Element {
    let enabled = Element::new(ns::SM, "enabled");
    match resumable {
        None => enabled,
        Some((id, max)) => enabled
            .with_attr("id", id)
            .with_attr("max", max.as_secs().to_string())
            .with_attr("resume", "true"),
    }
}

/// `<resumed/>`: the stream goes on, and so many of the client's stanzas were handled.
pub fn resumed(previd: &str, handled: u32) -> Element {
    Element::new(ns::SM, "resumed").with_attr("h", handled.to_string()).with_attr("previd", previd)
}

/// `<failed/>`, with how many of the client's stanzas were handled if that is known.
pub fn failed(condition: Condition, handled: Option<u32>) -> Element {
    Element::new(ns::SM, "failed")
        .with_attr_opt("h", handled.map(|handled| handled.to_string()))
        .with_child(Element::new(ns::STANZAS, condition.as_str()))
}

/// `<a/>`
pub fn answer(handled: u32) -> Element {
    Element::new(ns::SM, "a").with_attr("h", handled.to_string())
}

/// `<r/>`
pub fn request() -> Element {
    Element::new(ns::SM, "r")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_h(h: &str) -> Option<u32> {
        acknowledged(&Element::new(ns::SM, "a").with_attr("h", h))
    }

    #[test]
    fn s4_a_count_is_an_unsigned_int() {
        assert_eq!(with_h("0"), Some(0));
        assert_eq!(with_h(" 4294967295\n"), Some(u32::MAX));
        for h in ["4294967296", "-1", "+1", "", "1.0", "ten", "0x1"] {
            assert_eq!(with_h(h), None, "{h:?}");
        }
        assert_eq!(acknowledged(&Element::new(ns::SM, "a")), None);
    }

    #[test]
    fn s3_resumption_is_asked_for_in_two_ways() {
        let enable = |attrs: &[(&'static str, &str)]| {
            let element = Element::new(ns::SM, "enable");
            let element = attrs
                .iter()
                .fold(element, |element, (name, value)| element.with_attr(*name, *value));
            Enable::read(&element).unwrap()
        };
        assert!(!enable(&[]).resume);
        assert!(!enable(&[("resume", "false")]).resume);
        assert!(enable(&[("resume", "true")]).resume && enable(&[("resume", "1")]).resume);
        assert_eq!(enable(&[("max", "60")]).max, Some(Duration::from_secs(60)));
        assert_eq!(enable(&[("max", "soon")]).max, None);
    }

    #[test]
    fn s5_a_resumption_names_a_stream_and_a_count() {
        let resume = Element::new(ns::SM, "resume").with_attr("previd", "x");
        assert_eq!(Resume::read(&resume), Some(Err(Condition::BadRequest)));
        let resume = resume.with_attr("h", "3");
        let expected = Resume { previd: "x".into(), acked: 3 };
        assert_eq!(Resume::read(&resume), Some(Ok(expected)));
        assert_eq!(Resume::read(&Element::new(ns::SM, "enable")), None);
    }
}
