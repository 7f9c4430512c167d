//! Stanza errors, RFC 6120 §8.3: what the sender of a stanza is told.

use std::borrow::Cow;

use crate::jid::{Jid, JidError};
use crate::ns;
use crate::xml::Element;

/// What the sender can do about an error, RFC 6120 §8.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry; the error cannot be remedied.
    Cancel,
    /// Retry after changing what was sent.
    Modify,
    /// Retry after waiting.
    Wait,
}

impl ErrorType {
    /// The value of the `type` attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorType::Auth => "auth",
            ErrorType::Cancel => "cancel",
            ErrorType::Modify => "modify",
            ErrorType::Wait => "wait",
        }
    }
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $kind:ident;)*) => {
        /// The defined conditions of RFC 6120 §8.3.3.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Condition { $($(#[$doc])* $variant,)* }

        impl Condition {
            /// The element's name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Condition::$variant => $name,)* }
            }

            /// The type that the RFC associates with the condition.
            pub const fn usual_type(self) -> ErrorType {
                match self { $(Condition::$variant => ErrorType::$kind,)* }
            }
        }
    };
}

conditions! {
    /// §8.3.3.1: the XML is well-formed, but does not say what it must.
    BadRequest = "bad-request", Modify;
    /// §8.3.3.2: a resource or session of that name exists.
    Conflict = "conflict", Cancel;
    /// §8.3.3.3: not implemented by the recipient.
    FeatureNotImplemented = "feature-not-implemented", Cancel;
    /// §8.3.3.4: the sender lacks the permission.
    Forbidden = "forbidden", Auth;
    /// §8.3.3.5: the recipient has moved for good.
    Gone = "gone", Cancel;
    /// §8.3.3.6: the server failed; the operator finds the reason in the log.
    InternalServerError = "internal-server-error", Cancel;
    /// §8.3.3.7: the address or item does not exist.
    ItemNotFound = "item-not-found", Cancel;
    /// §8.3.3.8: an address is not a JID.
    JidMalformed = "jid-malformed", Modify;
    /// §8.3.3.9: understood, but outside what the recipient accepts.
    NotAcceptable = "not-acceptable", Modify;
    /// §8.3.3.10: nobody may do that.
    NotAllowed = "not-allowed", Cancel;
    /// §8.3.3.11: credentials are missing.
    NotAuthorized = "not-authorized", Auth;
    /// §8.3.3.12: against a local rule.
    PolicyViolation = "policy-violation", Modify;
    /// §8.3.3.13: the recipient is away for now.
    RecipientUnavailable = "recipient-unavailable", Wait;
    /// §8.3.3.14: ask elsewhere.
    Redirect = "redirect", Modify;
    /// §8.3.3.15: register first.
    RegistrationRequired = "registration-required", Auth;
    /// §8.3.3.16: no such server, or none that we talk to.
    RemoteServerNotFound = "remote-server-not-found", Cancel;
    /// §8.3.3.17: the other server did not answer.
    RemoteServerTimeout = "remote-server-timeout", Wait;
    /// §8.3.3.18: no room, memory or disk for it now.
    ResourceConstraint = "resource-constraint", Wait;
    /// §8.3.3.19: nobody here offers that.
    ServiceUnavailable = "service-unavailable", Cancel;
    /// §8.3.3.20: a subscription is needed.
    SubscriptionRequired = "subscription-required", Auth;
    /// §8.3.3.21: none of the others.
    UndefinedCondition = "undefined-condition", Modify;
    /// §8.3.3.22: came at the wrong moment.
    UnexpectedRequest = "unexpected-request", Wait;
}

/// An error told to the sender of one stanza; its session goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct StanzaError {
    condition: Condition,
    kind: ErrorType,
    text: Option<Cow<'static, str>>,
    application: Option<Box<Element>>,
    payload: Option<Box<Element>>,
    by: Option<Box<str>>,
}

impl StanzaError {
    /// An error with the type that RFC 6120 associates with the condition.
    pub const fn new(condition: Condition) -> Self {
        StanzaError {
            condition,
            kind: condition.usual_type(),
            text: None,
            application: None,
            payload: None,
            by: None,
        }
    }

    /// Another type than the usual one.
    pub const fn with_type(mut self, kind: ErrorType) -> Self {
        self.kind = kind;
        self
    }

    /// A sentence for the person who reads the error, naming the remedy.
    pub fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// An application-specific condition, RFC 6120 §8.3.4.
    pub fn with_application(mut self, element: Element) -> Self {
        self.application = Some(Box::new(element));
        self
    }

    /// What stands beside the error, RFC 6120 §8.3.1: what of a request was not done.
    pub fn with_payload(mut self, element: Element) -> Self {
        self.payload = Some(Box::new(element));
        self
    }

    /// Who says so, RFC 6120 §8.3.2, where that is not whom the stanza was for.
    pub fn with_by(mut self, by: &str) -> Self {
        self.by = Some(by.into());
        self
    }

    /// The sentence for a person.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// What stands beside the error.
    pub fn payload(&self) -> Option<&Element> {
        self.payload.as_deref()
    }

    /// The defined condition.
    pub const fn condition(&self) -> Condition {
        self.condition
    }

    /// XEP-0086.
    ///
    /// COMPAT(Profanity, 0.13): it publishes its first OMEMO device list only if the answer that there is
    /// none has the code.
    fn code(&self) -> Option<&'static str> {
        (self.condition == Condition::ItemNotFound).then_some("404")
    }

    /// `<error/>`, `by` naming the entity that reports it.
    pub fn to_element(&self, by: Option<&Jid>) -> Element {
        let mut error = Element::new(ns::CLIENT, "error")
            .with_attr_opt("by", by.map(Jid::as_str).or(self.by.as_deref()))
            .with_attr("type", self.kind.as_str())
            .with_attr_opt("code", self.code())
            .with_child(Element::new(ns::STANZAS, self.condition.as_str()));
        if let Some(text) = &self.text {
            let mut said = Element::new(ns::STANZAS, "text").with_text(text.as_ref());
            said.set_attr_ns(ns::XML, "lang", "en");
            error.push_child(said);
        }
        if let Some(application) = &self.application {
            error.push_child((**application).clone());
        }
        error
    }
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> Self {
        StanzaError::new(condition)
    }
}

impl From<JidError> for StanzaError {
    fn from(_: JidError) -> Self {
        StanzaError::new(Condition::JidMalformed)
    }
}
