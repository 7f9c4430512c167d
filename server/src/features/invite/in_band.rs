//! XEP-0445: Pre-Authenticated In-Band Registration, and with it XEP-0077 for those who have no
//! account yet: a client shows a token before it logs in, and makes the account that it is for.
//!
//! Our choices: without a token there is no registration, and nothing is told of it. A token that is
//! for an account that there is sets its password: people who lost it get back in with the client they
//! have. One account on a connection; the next thing is its login.

use super::invitation::{Invitation, Kind};
use super::look::open;
use super::{Refusal, redeem};
use crate::feature::{Ctx, Registry, Spec, Status, Stranger};
use crate::jid::Domain;
use crate::ns;
use crate::server::Server;
use crate::stanza::{Condition, Iq, IqKind, StanzaError};
use crate::stream::StreamPhase;
use crate::xml::Element;

/// How far a connection has come.
#[derive(Clone, Default)]
enum Progress {
    /// No good token was shown.
    #[default]
    Nothing,
    /// This one.
    Invited(Box<Invitation>),
    /// There is an account now.
    Done,
}

pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0445",
        name: "Pre-Authenticated In-Band Registration",
        version: "0.2.0",
        status: Status::Complete,
        note: "there is no other registration",
    });
    for feature in [plain_offer, token_offer, early_offer] {
        on.stream_feature(StreamPhase::Secured, feature);
    }
    on.before_login((ns::PRE_AUTH, "preauth"), preauth);
    on.before_login((ns::REGISTER, "query"), query);
}

/// XEP-0077 §8.
fn plain_offer(_: &Server, _: &Domain) -> Option<Element> {
    Some(Element::new(ns::REGISTER_FEATURE, "register"))
}

/// XEP-0445 §"Discovery".
fn token_offer(_: &Server, _: &Domain) -> Option<Element> {
    Some(Element::new(ns::IBR_TOKEN, "register"))
}

/// COMPAT(Conversations, 2.x): it looks for the name of an earlier version of XEP-0401.
fn early_offer(_: &Server, _: &Domain) -> Option<Element> {
    Some(Element::new(ns::INVITE, "register"))
}

/// XEP-0445 §"Pre-Authenticated In-Band Registration": nothing is used up by it.
async fn preauth(cx: &Ctx, (stranger, iq): (Stranger, Iq)) -> Result<Option<Element>, StanzaError> {
    let token = iq.payload().and_then(|preauth| preauth.attr("token"));
    let token = token.filter(|_| iq.kind == IqKind::Set).ok_or(Condition::BadRequest)?;
    if matches!(progress(&stranger), Progress::Done) {
        return Err(second());
    }
    let invitation = open(&cx.server, &stranger.domain, token, stranger.peer).await?;
    note(&stranger, Progress::Invited(Box::new(invitation)));
    Ok(None)
}

/// XEP-0077 §3.1.
async fn query(cx: &Ctx, (stranger, iq): (Stranger, Iq)) -> Result<Option<Element>, StanzaError> {
    let query = iq.payload().ok_or(Condition::BadRequest)?;
    let invitation = match progress(&stranger) {
        Progress::Invited(invitation) => invitation,
        Progress::Done => return Err(second()),
        Progress::Nothing => return Err(uninvited()),
    };
    if iq.kind == IqKind::Get {
        return Ok(Some(fields(&invitation)));
    }
    // §3.1: "provide information for all of the elements"; a form is not asked for.
    let [name, password] = ["username", "password"].map(|name| said(query, name));
    let (Some(name), Some(password)) = (name, password) else {
        let text = "a username and a password are needed";
        return Err(StanzaError::new(Condition::NotAcceptable).with_text(text));
    };
    set(cx, &invitation, &name, &password).await?;
    note(&stranger, Progress::Done);
    Ok(None)
}

async fn set(cx: &Ctx, invitation: &Invitation, name: &str, password: &str) -> Result<(), Refusal> {
    match invitation.terms.kind {
        Kind::Account | Kind::Contact => {
            redeem::new_account(&cx.server, invitation, name, password).await?;
        }
        Kind::Reset if invitation.terms.name.as_deref() != Some(name.trim()) => {
            return Err(Refusal::NameFixed);
        }
        Kind::Reset => {
            redeem::new_password(&cx.server, invitation, password).await?;
        }
    }
    Ok(())
}

fn fields(invitation: &Invitation) -> Element {
    let field = |name| Element::new(ns::REGISTER, name);
    let text = match (invitation.terms.kind, &invitation.terms.name) {
        (Kind::Reset, _) => "Choose a new password for your account.",
        (_, Some(_)) => "Choose a password for your account.",
        (_, None) => "Choose a name and a password for your account.",
    };
    let name = invitation.terms.name.as_deref().unwrap_or_default();
    Element::new(ns::REGISTER, "query")
        .with_child(field("instructions").with_text(text))
        .with_child(field("username").with_text(name))
        .with_child(field("password"))
}

fn said(query: &Element, name: &str) -> Option<String> {
    let text = query.child(ns::REGISTER, name)?.text().into_owned();
    Some(text).filter(|text| !text.is_empty())
}

fn progress(stranger: &Stranger) -> Progress {
    stranger.slots.with(|progress: &mut Progress| progress.clone())
}

fn note(stranger: &Stranger, to: Progress) {
    stranger.slots.with(|progress: &mut Progress| *progress = to);
}

fn uninvited() -> StanzaError {
    let text = "an account is made with an invitation; ask somebody here for one";
    StanzaError::new(Condition::Forbidden).with_text(text)
}

/// XEP-0077 §3.1.1: "a second identity".
fn second() -> StanzaError {
    let text = "there is an account already; log in";
    StanzaError::new(Condition::NotAcceptable).with_text(text)
}
