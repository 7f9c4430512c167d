//! XEP-0045 §7.10, §9.9, §16.5.1: registering with a room, and letting somebody register.
//!
//! Our choices: the nickname is all that is asked for. A name, an address or a page would be kept for
//! nothing: the room knows the account. What clients send of those is not read. The form for admins
//! has the account too, as a nickname says little about who it is.

use super::values::{self, account, refused};
use crate::features::muc::nick::Nick;
use crate::jid::BareJid;
use crate::ns;
use crate::stanza::form::{self, Answer, Submitted};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// FORM_TYPE of both forms.
pub const REGISTER: &str = "http://jabber.org/protocol/muc#register";

const NICK: &str = "muc#register_roomnick";
const ALLOW: &str = "muc#register_allow";
/// From §16.5.2, as there is none for it in §16.5.1.
const JID: &str = "muc#jid";

/// §9.9: what an admin answers to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who wants to register.
    pub who: BareJid,
    /// The nickname that he wants to have.
    pub nick: Nick,
    /// Whether he may.
    pub is_allowed: bool,
}

/// §7.10: the form in the answer to who asks how to register, with a nickname to start from.
pub fn form(nick: Option<&str>) -> Element {
    let required = Element::new(ns::DATA_FORMS, "required");
    let field = form::labelled(NICK, "text-single", "Desired Nickname", nick).with_child(required);
    form::to_fill_in(REGISTER).with_child(field)
}

/// §7.10: the nickname in what somebody submits; `None`: he has cancelled.
///
/// # Errors
/// `bad-request`: there is no valid form. `not-acceptable`: it has no nickname. Also as
/// [`Nick::parse`].
pub fn submitted(query: &Element) -> Result<Option<Nick>, StanzaError> {
    match Answer::find(query, REGISTER)? {
        None => Err(Condition::BadRequest.into()),
        Some(Answer::Cancelled) => Ok(None),
        Some(Answer::Submitted(form)) => nick(form).map(Some),
    }
}

/// §9.9: the form for the admins.
pub fn approval_form(who: &BareJid, nick: &Nick) -> Element {
    let label = "Allow this person to register with the room?";
    form::to_fill_in(REGISTER)
        .with_child(form::labelled(JID, "jid-single", "User ID", [who.as_str()]))
        .with_child(form::labelled(NICK, "text-single", "Desired Nickname", [nick.as_str()]))
        .with_child(form::labelled(ALLOW, "boolean", label, ["0"]))
}

/// §9.9: what an admin answers in a message; `None`: the message is about something else.
///
/// # Errors
/// `bad-request`: it is not submitted, or there are other forms. `not-acceptable`, with a text that
/// names the field: a value is missing or cannot be.
pub fn approval(message: &Element) -> Result<Option<Approval>, StanzaError> {
    let Some(form) = values::find_in(message, REGISTER)? else { return Ok(None) };
    let who = values::required(form, JID)?;
    let who = account(&who).map_err(|why| refused(JID, &why))?;
    let is_allowed = values::values(form, ALLOW)?.unwrap_or_default();
    let is_allowed = values::flag(&is_allowed).map_err(|why| refused(ALLOW, &why))?;
    Ok(Some(Approval { who, nick: nick(form)?, is_allowed }))
}

fn nick(form: Submitted<'_>) -> Result<Nick, StanzaError> {
    Nick::parse(&values::required(form, NICK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(name: &str, fields: &[(&str, &str)]) -> Element {
        let mut form = form::result(REGISTER)
            .with_children(fields.iter().map(|(var, value)| form::field(var, [*value])));
        form.set_attr("type", "submit");
        Element::new(ns::REGISTER, name).with_child(form)
    }

    fn nick(text: &str) -> Nick {
        Nick::parse(text).unwrap()
    }

    #[test]
    fn s7_10_what_is_submitted_has_a_nickname_and_the_rest_is_not_read() {
        let fields = [("muc#register_first", "Brunhilde"), (super::NICK, "thirdwitch")];
        assert_eq!(submitted(&within("query", &fields)), Ok(Some(nick("thirdwitch"))));
        let mut form = form(Some("thirdwitch"));
        form.set_attr("type", "submit");
        let sent = Element::new(ns::REGISTER, "query").with_child(form);
        assert_eq!(submitted(&sent), Ok(Some(nick("thirdwitch"))));
    }

    #[test]
    fn s7_10_without_a_valid_form_it_is_a_bad_request() {
        let none = Element::new(ns::REGISTER, "query");
        assert_eq!(submitted(&none), Err(Condition::BadRequest.into()));
        let unsent = Element::new(ns::REGISTER, "query").with_child(form(Some("a")));
        assert_eq!(submitted(&unsent), Err(Condition::BadRequest.into()));
        let cancel = Element::new(ns::DATA_FORMS, "x").with_attr("type", "cancel");
        assert_eq!(submitted(&none.with_child(cancel)), Ok(None));
    }

    #[test]
    fn a_nickname_that_is_missing_or_cannot_be_is_refused() {
        let condition = |fields: &[(&str, &str)]| {
            submitted(&within("query", fields)).map_err(|error| error.condition())
        };
        assert_eq!(condition(&[]), Err(Condition::NotAcceptable));
        assert_eq!(condition(&[(super::NICK, "")]), Err(Condition::NotAcceptable));
        assert_eq!(condition(&[(super::NICK, " ")]), Err(Condition::JidMalformed));
        let twice = [(super::NICK, "a"), (super::NICK, "b")];
        assert_eq!(condition(&twice), Err(Condition::NotAcceptable));
    }

    #[test]
    fn s9_9_an_admin_sends_back_the_form_that_he_was_sent() {
        let who = BareJid::parse("hag66@shakespeare.lit").unwrap();
        let mut form = approval_form(&who, &nick("thirdwitch"));
        form.set_attr("type", "submit");
        let sent = Element::new(ns::CLIENT, "message").with_child(form);
        let is = Approval { who, nick: nick("thirdwitch"), is_allowed: false };
        assert_eq!(approval(&sent), Ok(Some(is.clone())));
        let fields =
            [(JID, "hag66@shakespeare.lit/pda"), (super::NICK, "thirdwitch"), (ALLOW, "true")];
        let granted = Approval { is_allowed: true, ..is };
        assert_eq!(approval(&within("message", &fields)), Ok(Some(granted)));
    }

    #[test]
    fn s9_9_an_answer_without_an_account_or_a_decision_is_refused() {
        let whole = [(JID, "a@localhost"), (super::NICK, "a"), (ALLOW, "1")];
        assert!(approval(&within("message", &whole)).is_ok());
        for left_out in 0..3 {
            let mut fields = whole.to_vec();
            fields.remove(left_out);
            let error = approval(&within("message", &fields)).unwrap_err();
            assert_eq!(error.condition(), Condition::NotAcceptable, "{fields:?}");
        }
        let domain = [(JID, "localhost"), (super::NICK, "a"), (ALLOW, "1")];
        assert!(approval(&within("message", &domain)).is_err());
        assert_eq!(approval(&Element::new(ns::CLIENT, "message")), Ok(None));
    }
}
