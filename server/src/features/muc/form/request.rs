//! XEP-0045 §7.13, §8.6, §16.5.2: asking for voice, and granting it.
//!
//! Our choices: nothing but voice can be asked for. The real JID in an approval is not read: it came
//! from us, and the nickname says whom it is about.

use super::values::{self, refused};
use crate::features::muc::affiliation::Role;
use crate::features::muc::nick::Nick;
use crate::ns;
use crate::stanza::StanzaError;
use crate::stanza::form::{self, Submitted};
use crate::xml::Element;

/// FORM_TYPE of both forms.
pub const REQUEST: &str = "http://jabber.org/protocol/muc#request";

const ROLE: &str = "muc#role";
const JID: &str = "muc#jid";
const NICK: &str = "muc#roomnick";
const ALLOW: &str = "muc#request_allow";

/// What somebody sends to the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// §7.13: he wants to have voice.
    Requested,
    /// §8.6: a moderator's answer to the request of an occupant.
    Answered {
        /// Whose request it was.
        nick: Nick,
        /// Whether he gets it.
        is_granted: bool,
    },
}

/// §7.13, §8.6: what a message to the room is, which is an answer if it says so; `None`: it is about
/// something else.
///
/// # Errors
/// `bad-request`: it is not submitted, or there are other forms. `not-acceptable`, with a text that
/// names the field: a value is missing or cannot be. Also as [`Nick::parse`].
pub fn submitted(message: &Element) -> Result<Option<Voice>, StanzaError> {
    let Some(form) = values::find_in(message, REQUEST)? else { return Ok(None) };
    asks_for_voice(form)?;
    let Some(is_granted) = values::values(form, ALLOW)? else { return Ok(Some(Voice::Requested)) };
    let is_granted = values::flag(&is_granted).map_err(|why| refused(ALLOW, &why))?;
    let nick = Nick::parse(&values::required(form, NICK)?)?;
    Ok(Some(Voice::Answered { nick, is_granted }))
}

fn asks_for_voice(form: Submitted<'_>) -> Result<(), StanzaError> {
    let role = values::values(form, ROLE)?.unwrap_or_default();
    let role = values::single(&role).map_err(|why| refused(ROLE, &why))?;
    match role {
        None => Ok(()),
        Some(role) if role == Role::Participant.as_str() => Ok(()),
        Some(_) => Err(refused(ROLE, "participant, please")),
    }
}

/// §8.6: the form for the moderators, who see the real `jid` in any room.
pub fn approval_form(jid: &str, nick: &Nick) -> Element {
    let said =
        |name: &'static str, text: &'static str| Element::new(ns::DATA_FORMS, name).with_text(text);
    let role = Role::Participant;
    form::to_fill_in(REQUEST)
        .with_child(said("title", "Voice request"))
        .with_child(said("instructions", "Somebody wants to speak in the room."))
        .with_child(
            form::labelled(ROLE, "list-single", "Requested role", [role.as_str()])
                .with_child(form::option(role.label(), role.as_str())),
        )
        .with_child(form::labelled(JID, "jid-single", "User ID", [jid]))
        .with_child(form::labelled(NICK, "text-single", "Room Nickname", [nick.as_str()]))
        .with_child(form::labelled(ALLOW, "boolean", "Grant voice to this person?", ["0"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stanza::Condition;

    fn message(form_type: &str, fields: &[(&str, &str)]) -> Element {
        let mut form = form::result(form_type)
            .with_children(fields.iter().map(|(var, value)| form::field(var, [*value])));
        form.set_attr("type", "submit");
        Element::new(ns::CLIENT, "message").with_child(form)
    }

    fn read(fields: &[(&str, &str)]) -> Result<Option<Voice>, Condition> {
        submitted(&message(REQUEST, fields)).map_err(|error| error.condition())
    }

    fn answered(nick: &str, is_granted: bool) -> Result<Option<Voice>, Condition> {
        Ok(Some(Voice::Answered { nick: Nick::parse(nick).unwrap(), is_granted }))
    }

    #[test]
    fn s7_13_a_visitor_asks_for_voice() {
        assert_eq!(read(&[(ROLE, "participant")]), Ok(Some(Voice::Requested)));
        assert_eq!(read(&[]), Ok(Some(Voice::Requested)));
    }

    #[test]
    fn s8_6_a_moderator_sends_back_the_form_that_he_was_sent() {
        let nick = Nick::parse("thirdwitch").unwrap();
        let mut form = approval_form("hag66@shakespeare.lit/pda", &nick);
        form.set_attr("type", "submit");
        let sent = Element::new(ns::CLIENT, "message").with_child(form);
        assert_eq!(submitted(&sent).map_err(|e| e.condition()), answered("thirdwitch", false));
        let fields = [(ROLE, "participant"), (NICK, "thirdwitch"), (ALLOW, "true")];
        assert_eq!(read(&fields), answered("thirdwitch", true));
    }

    #[test]
    fn a_message_about_something_else_is_none_of_ours() {
        let none = Element::new(ns::CLIENT, "message");
        assert_eq!(submitted(&none), Ok(None));
        assert_eq!(submitted(&message("urn:other", &[(ALLOW, "1")])), Ok(None));
    }

    #[test]
    fn a_value_that_cannot_be_is_refused() {
        for fields in [
            &[(ROLE, "moderator")][..],
            &[(ROLE, "participant"), (ROLE, "participant")],
            &[(ALLOW, "maybe"), (NICK, "a")],
            &[(ALLOW, "1")],
            &[(ALLOW, "1"), (NICK, "")],
            &[(ALLOW, "1"), (ALLOW, "1"), (NICK, "a")],
            &[(ALLOW, "1"), (NICK, "a"), (NICK, "b")],
        ] {
            assert_eq!(read(fields), Err(Condition::NotAcceptable), "{fields:?}");
        }
        let blank = [(ALLOW, "1"), (NICK, " ")];
        assert_eq!(read(&blank), Err(Condition::JidMalformed));
    }

    #[test]
    fn a_form_that_is_not_submitted_or_not_alone_is_refused() {
        let nick = Nick::parse("a").unwrap();
        let form = approval_form("a@localhost/x", &nick);
        let sent = Element::new(ns::CLIENT, "message").with_child(form.clone());
        assert_eq!(submitted(&sent), Err(Condition::BadRequest.into()));
        let two = message(REQUEST, &[]).with_child(form);
        assert_eq!(submitted(&two), Err(Condition::BadRequest.into()));
    }
}
