//! The client's side of SASL2 (XEP-0388) and of logins with a token (XEP-0484), written for these
//! tests.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::ns;
use cloister::xml::Element;

use super::raw::RawClient;
use super::scram::{Challenge, Hash, Scram};
use super::server::Cloister;
use super::{condition, header};

/// An installation of a client.
pub const PHONE: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";
/// Another one.
pub const LAPTOP: &str = "0dbd0fd9-6a2c-4c4e-9f6b-1a5d0a1c7a11";

/// `<user-agent/>` of an installation.
pub fn agent(id: &str) -> String {
    format!(
        "<user-agent id='{id}'><software>AwesomeXMPP</software><device>Phone</device></user-agent>"
    )
}

/// `<bind/>` with a tag and more.
pub fn bind(more: &str) -> String {
    format!("<bind xmlns='{}'><tag>AwesomeXMPP</tag>{more}</bind>", ns::BIND2)
}

/// `<request-token/>`.
pub fn request_token(mechanism: &str) -> String {
    format!("<request-token xmlns='{}' mechanism='{mechanism}'/>", ns::FAST)
}

/// `<fast/>` with attributes.
pub fn fast(attributes: &str) -> String {
    format!("<fast xmlns='{}' {attributes}/>", ns::FAST)
}

/// The token in a success.
pub fn token(success: &Element) -> String {
    let token = success.child(ns::FAST, "token").unwrap_or_else(|| panic!("{}", success.to_xml()));
    token.attr("token").unwrap().to_owned()
}

/// Who a success says the client is.
pub fn identifier(success: &Element) -> String {
    success.child(ns::SASL2, "authorization-identifier").unwrap().text().into_owned()
}

/// What a token is used with.
#[derive(Clone, Debug)]
pub struct Token {
    pub name: String,
    pub token: String,
    pub mechanism: String,
    pub channel: Vec<u8>,
}

impl Token {
    /// One of juliet's that binds to nothing.
    pub fn new(token: &str) -> Self {
        Token {
            name: "juliet".to_owned(),
            token: token.to_owned(),
            mechanism: "HT-SHA-256-NONE".to_owned(),
            channel: Vec::new(),
        }
    }

    fn sign(&self, role: &str) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.token.as_bytes());
        let message = [role.as_bytes(), &self.channel].concat();
        hmac::sign(&key, &message).as_ref().to_vec()
    }

    /// The client's message.
    pub fn initial(&self) -> String {
        let message = [self.name.as_bytes(), b"\0", &self.sign("Initiator")].concat();
        STANDARD.encode(message)
    }
}

impl Cloister {
    /// A connection inside TLS whose stream header says who the client is.
    pub async fn opened_from(&self, from: &str) -> (RawClient, Element) {
        let domain = from.rsplit('@').next().unwrap().to_owned();
        let mut raw = self.secured(&domain).await;
        let (_, features) = raw.open_with(&header(&domain, &format!("from='{from}'"))).await;
        (raw, features)
    }

    /// Juliet logs in with her password and asks for something; returns the success as well.
    pub async fn juliet2(&self, inline: &str) -> (RawClient, Element) {
        self.account("juliet", "balcony").await;
        let (mut raw, _) = self.opened_from("juliet@localhost").await;
        let success = raw.scram2(&Scram::new(Hash::Sha256, "juliet", "balcony"), inline).await;
        let success = success.unwrap_or_else(|condition| panic!("{condition}"));
        (raw, success)
    }

    /// Juliet logs in with a token; the answer is a success or a failure.
    pub async fn juliet_by(&self, token: &Token, inline: &str) -> (RawClient, Element) {
        let (mut raw, _) = self.opened_from("juliet@localhost").await;
        let answer = raw.by_token(token, inline).await;
        (raw, answer)
    }
}

impl RawClient {
    /// Sends `<authenticate/>`; returns what the server says to it.
    pub async fn authenticate(
        &mut self,
        mechanism: &str,
        initial: Option<&str>,
        inline: &str,
    ) -> Element {
        let initial = initial.map(|text| STANDARD.encode(text));
        let initial = initial.map(|data| format!("<initial-response>{data}</initial-response>"));
        let (ns, initial) = (ns::SASL2, initial.unwrap_or_default());
        let xml = format!(
            "<authenticate xmlns='{ns}' mechanism='{mechanism}'>{initial}{inline}</authenticate>"
        );
        self.send(xml).await;
        self.element().await
    }

    /// Sends `<response/>`; returns what the server says to it.
    pub async fn respond2(&mut self, data: &str) -> Element {
        let data = STANDARD.encode(data);
        self.send(format!("<response xmlns='{}'>{data}</response>", ns::SASL2)).await;
        self.element().await
    }

    /// A SCRAM exchange up to what ends it, a success or `<continue/>`, in which the server must
    /// prove that it knows the password too.
    ///
    /// # Errors
    /// The condition of the failure.
    pub async fn scram2(&mut self, scram: &Scram, inline: &str) -> Result<Element, String> {
        let plus = if scram.gs2.starts_with("p=") { "-PLUS" } else { "" };
        let mechanism = format!("{}{plus}", scram.hash.mechanism());
        let answer = self.authenticate(&mechanism, Some(&scram.first()), inline).await;
        let last = scram.answer(&challenge2(&answer)?);
        let end = self.respond2(&last.text).await;
        if end.is(ns::SASL2, "failure") {
            return Err(condition(&end));
        }
        let data = end.child(ns::SASL2, "additional-data").expect("the server's proof");
        let data = STANDARD.decode(data.text().as_bytes()).unwrap();
        assert_eq!(String::from_utf8(data).unwrap(), last.expected);
        Ok(end)
    }

    /// A login with a token; a success must carry the server's proof.
    pub async fn by_token(&mut self, token: &Token, inline: &str) -> Element {
        let (ns, mechanism, initial) = (ns::SASL2, &token.mechanism, token.initial());
        let initial = format!("<initial-response>{initial}</initial-response>");
        let xml = format!(
            "<authenticate xmlns='{ns}' mechanism='{mechanism}'>{initial}{inline}</authenticate>"
        );
        self.send(xml).await;
        let answer = self.element().await;
        if answer.is(ns::SASL2, "success") {
            let data = answer.child(ns::SASL2, "additional-data").expect("the server's proof");
            let data = STANDARD.decode(data.text().as_bytes()).unwrap();
            assert_eq!(data, token.sign("Responder"));
        }
        answer
    }

    /// The features that must come now.
    pub async fn features(&mut self) -> Element {
        let features = self.element().await;
        assert!(features.is(ns::STREAMS, "features"), "not features: {}", features.to_xml());
        features
    }

    /// A ping to the own account comes back: there is a session.
    pub async fn answers(&mut self) {
        self.send("<iq type='get' id='alive'><ping xmlns='urn:xmpp:ping'/></iq>").await;
        let answer = self.element().await;
        assert_eq!(answer.attr("id"), Some("alive"), "{}", answer.to_xml());
        assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    }
}

/// The challenge in the server's answer.
///
/// # Errors
/// The condition of the failure.
pub fn challenge2(answer: &Element) -> Result<Challenge, String> {
    if answer.is(ns::SASL2, "failure") {
        return Err(condition(answer));
    }
    assert!(answer.is(ns::SASL2, "challenge"), "not a challenge: {}", answer.to_xml());
    let text = STANDARD.decode(answer.text().as_bytes()).unwrap();
    Ok(Challenge::parse(&String::from_utf8(text).unwrap()))
}
