//! `<authenticate/>` of XEP-0388, taken apart. What is not known in it is ignored; what is known
//! and stands there twice makes it malformed: nobody can tell which one is meant.

use super::decode;
use crate::auth::{DeviceId, Fast, HashedToken, SaslError, UserAgent};
use crate::ns;
use crate::xml::Element;

/// What a client asks for in the moment of its login.
#[derive(Debug, Default)]
pub struct Inline {
    /// Who the client says it is.
    pub agent: UserAgent,
    /// `<resume/>` of XEP-0198.
    pub resume: Option<Element>,
    /// `<bind/>` of XEP-0386.
    pub bind: Option<Element>,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) mechanism: String,
    pub(super) initial: Option<Vec<u8>>,
    pub(super) inline: Inline,
    /// `<fast/>` of XEP-0484.
    pub(super) fast: Option<Fast>,
    /// `<request-token/>` of XEP-0484, if for a mechanism that there is.
    pub(super) wants_token: Option<HashedToken>,
    /// The names of upgrade tasks, XEP-0480.
    pub(super) upgrades: Vec<String>,
}

impl Request {
    pub(super) fn read(element: &Element) -> Result<Self, SaslError> {
        let initial = only(element, ns::SASL2, "initial-response")?.map(decode).transpose()?;
        let agent = only(element, ns::SASL2, "user-agent")?.map(agent).unwrap_or_default();
        let fast = only(element, ns::FAST, "fast")?.map(|fast| read_fast(fast, &agent));
        let token = only(element, ns::FAST, "request-token")?;
        let token = token.and_then(|token| token.attr("mechanism"));
        let tasks = element.children().filter(|child| child.is(ns::SASL_UPGRADE, "upgrade"));
        Ok(Request {
            mechanism: element.attr("mechanism").unwrap_or_default().to_owned(),
            initial,
            fast: fast.transpose()?,
            wants_token: token.and_then(HashedToken::from_name),
            upgrades: tasks.map(|task| task.text().into_owned()).collect(),
            inline: Inline {
                resume: only(element, ns::SM, "resume")?.cloned(),
                bind: only(element, ns::BIND2, "bind")?.cloned(),
                agent,
            },
        })
    }
}

/// The child of that name, of which there may be one.
fn only<'a>(element: &'a Element, ns: &str, name: &str) -> Result<Option<&'a Element>, SaslError> {
    let mut found = element.children().filter(|child| child.is(ns, name));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(SaslError::MalformedRequest),
        (one, None) => Ok(one),
    }
}

/// XEP-0388 §"Initiation". An id that is no UUID is none.
fn agent(element: &Element) -> UserAgent {
    let text = |name| {
        let said = element.child(ns::SASL2, name).map(|child| child.text().into_owned());
        said.filter(|said| !said.is_empty())
    };
    UserAgent {
        id: element.attr("id").and_then(DeviceId::parse),
        software: text("software"),
        device: text("device"),
    }
}

/// XEP-0484 §"Client responsibilities": a token belongs to a client that says which one it is.
fn read_fast(element: &Element, agent: &UserAgent) -> Result<Fast, SaslError> {
    let device = agent.id.clone().ok_or(SaslError::MalformedRequest)?;
    let count = element.attr("count").map(str::parse).transpose();
    let count = count.map_err(|_| SaslError::MalformedRequest)?;
    let invalidate = match element.attr("invalidate") {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(SaslError::MalformedRequest),
    };
    Ok(Fast { device, count, invalidate })
}
