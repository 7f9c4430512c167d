//! XEP-0401: Ad-hoc Account Invitation Generation. A client invites.
//!
//! Our choices: both commands are for those who may invite by `host.invites.create`, and nobody else
//! sees them. Every invitation of a client can become an account, so there is no `ibr` without it.

use super::invitation::{Invitation, Kind};
use super::make::{Wish, make};
use super::stored::Error;
use super::{landing_url, uri};
use crate::config::InviteCreators;
use crate::feature::{Asker, Command, Ctx, Execution, Registry, Spec, Stage, Status};
use crate::features::adhoc;
use crate::jid::Localpart;
use crate::stanza::form::{field, labelled, result, to_fill_in};
use crate::stanza::{Condition, StanzaError};
use crate::xml::Element;

/// §"Creating a User Invitation".
const INVITE: &str = "urn:xmpp:invite#invite";

/// §"Account Creation".
const CREATE: &str = "urn:xmpp:invite#create-account";

/// What an invitation is told in.
const RESULT: &str = "urn:xmpp:invite#invitation";

pub(super) fn register(on: &mut Registry) {
    on.implements(Spec {
        id: "XEP-0401",
        name: "Ad-hoc Account Invitation Generation",
        version: "0.6.0",
        status: Status::Complete,
        note: "",
    });
    on.command(Command::new(INVITE, "Invite a new contact", may, invite));
    on.command(Command::new(CREATE, "Create an account", may, create));
}

async fn may(cx: &Ctx, asker: Asker) -> Result<bool, StanzaError> {
    let config = cx.server.config();
    let host = config.hosts.iter().find(|host| host.domain.as_str() == asker.to.domain());
    match host.map(|host| host.invites.create) {
        Some(InviteCreators::Everybody) => adhoc::accounts(cx, asker).await,
        Some(InviteCreators::Admins) => adhoc::admins(cx, asker).await,
        Some(InviteCreators::Nobody) | None => Ok(false),
    }
}

/// §"Creating a User Invitation": at once.
async fn invite(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let inviter = execution.asker.jid.bare();
    let wish = Wish { kind: Kind::Contact, contact: Some(inviter), ..wish(cx, &execution) };
    made(cx, wish).await
}

/// §"Account Creation": with a form.
async fn create(cx: &Ctx, execution: Execution) -> Result<Stage, StanzaError> {
    let Some(form) = execution.form() else { return Ok(Stage::ask(create_form())) };
    let name = form.value("username")?.map(str::trim).filter(|name| !name.is_empty());
    let name = name.map(Localpart::parse).transpose().map_err(|_| {
        crate::feature::refused("username", "this cannot be a name; use letters and digits")
    })?;
    let is_contact = form.flag("roster-subscription")?.unwrap_or(false);
    let contact = is_contact.then(|| execution.asker.jid.bare());
    made(cx, Wish { name, contact, ..wish(cx, &execution) }).await
}

fn wish(cx: &Ctx, execution: &Execution) -> Wish {
    let domain = execution.asker.to.to_domain();
    let inviter = Some(execution.asker.jid.bare());
    Wish { inviter, ..Wish::account(&cx.server, domain) }
}

async fn made(cx: &Ctx, wish: Wish) -> Result<Stage, StanzaError> {
    match make(&cx.server, wish).await {
        Ok(invitation) => Ok(Stage::result(told(cx, &invitation))),
        Err(error @ Error::TooManyOfOne) => {
            Err(StanzaError::new(Condition::ResourceConstraint).with_text(error.to_string()))
        }
        Err(Error::Refused(why)) => Err(StanzaError::new(Condition::NotAcceptable).with_text(why)),
        Err(error) => {
            tracing::error!(%error, "an invitation could not be made");
            Err(Condition::InternalServerError.into())
        }
    }
}

fn create_form() -> Element {
    let no_values: [&str; 0] = [];
    to_fill_in(CREATE)
        .with_child(Element::new(crate::ns::DATA_FORMS, "title").with_text("Create an account"))
        .with_child(Element::new(crate::ns::DATA_FORMS, "instructions").with_text(
            "Who gets the link makes the account and chooses the password, and the name where you choose none.",
        ))
        .with_child(labelled("username", "text-single", "User name", no_values))
        .with_child(labelled(
            "roster-subscription",
            "boolean",
            "Add each other as contacts",
            ["1"],
        ))
}

/// §"Creating a User Invitation".
fn told(cx: &Ctx, invitation: &Invitation) -> Element {
    let text = |var: &str, value: &str| field(var, [value]).with_attr("type", "text-single");
    let expires = invitation.terms.expires.map(|expires| expires.to_rfc3339());
    result(RESULT)
        .with_child(text("uri", &uri(invitation)))
        .with_child(text("landing-url", &landing_url(&cx.server, invitation)))
        .with_children(expires.map(|expires| text("expire", &expires)))
}
