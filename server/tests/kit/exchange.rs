//! What clients say whatever carries it: for those that do not speak over a connection of their own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloister::ns;
use cloister::xml::Element;

use super::sasl2::challenge2;
use super::scram::{Hash, Scram};
use super::{challenge, condition};

/// A stream of elements.
pub trait Exchange {
    /// Sends an element that stands for itself.
    async fn say(&mut self, xml: &str);

    /// The next element that comes.
    async fn hear(&mut self) -> Element;

    /// A SCRAM exchange without channel binding, in which the server must prove that it knows the
    /// password too.
    ///
    /// # Errors
    /// The condition of the failure.
    async fn scram(&mut self, name: &str, password: &str) -> Result<(), String> {
        let scram = Scram::new(Hash::Sha256, name, password);
        let (ns, first) = (ns::SASL, STANDARD.encode(scram.first()));
        self.say(&format!("<auth xmlns='{ns}' mechanism='SCRAM-SHA-256'>{first}</auth>")).await;
        let last = scram.answer(&challenge(&self.hear().await)?);
        let text = STANDARD.encode(&last.text);
        self.say(&format!("<response xmlns='{ns}'>{text}</response>")).await;
        let end = self.hear().await;
        if end.is(ns::SASL, "failure") {
            return Err(condition(&end));
        }
        assert!(end.is(ns::SASL, "success"), "not a success: {}", end.to_xml());
        assert_eq!(STANDARD.decode(end.text().as_bytes()).unwrap(), last.expected.as_bytes());
        Ok(())
    }

    /// The same with SASL2, and what the login carries along; returns the success.
    ///
    /// # Errors
    /// The condition of the failure.
    async fn scram2(
        &mut self,
        name: &str,
        password: &str,
        inline: &str,
    ) -> Result<Element, String> {
        let scram = Scram::new(Hash::Sha256, name, password);
        let (ns, first) = (ns::SASL2, STANDARD.encode(scram.first()));
        self.say(&format!(
            "<authenticate xmlns='{ns}' mechanism='SCRAM-SHA-256'>\
             <initial-response>{first}</initial-response>{inline}</authenticate>"
        ))
        .await;
        let last = scram.answer(&challenge2(&self.hear().await)?);
        let text = STANDARD.encode(&last.text);
        self.say(&format!("<response xmlns='{ns}'>{text}</response>")).await;
        let end = self.hear().await;
        if end.is(ns::SASL2, "failure") { Err(condition(&end)) } else { Ok(end) }
    }

    /// Binds a resource. Returns the full address.
    async fn bind(&mut self, resource: &str) -> String {
        self.say(&format!(
            "<iq xmlns='jabber:client' id='bind' type='set'>\
             <bind xmlns='{}'><resource>{resource}</resource></bind></iq>",
            ns::BIND
        ))
        .await;
        let answer = self.hear().await;
        let bind = answer.child(ns::BIND, "bind").unwrap_or_else(|| panic!("{}", answer.to_xml()));
        bind.child(ns::BIND, "jid").expect("an address").text().into_owned()
    }

    /// A ping to the own account comes back: there is a session, and everything before is handled.
    async fn alive(&mut self) {
        self.say(
            "<iq xmlns='jabber:client' type='get' id='alive'><ping xmlns='urn:xmpp:ping'/></iq>",
        )
        .await;
        let answer = self.hear().await;
        assert_eq!(answer.attr("id"), Some("alive"), "{}", answer.to_xml());
        assert_eq!(answer.attr("type"), Some("result"), "{}", answer.to_xml());
    }
}
