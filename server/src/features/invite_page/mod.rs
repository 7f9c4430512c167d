//! The page behind the link of an invitation (XEP-0379 §3.3, XEP-0401 §"Landing Page"): who invites, which
//! apps there are, and a form for whoever wants to choose name and password right there.
//!
//! Our choices: it is complete without a script, and looking at it uses nothing up, so that whoever
//! shows a preview of a link does no harm. The QR code holds the address of the page, as a camera
//! reads it without any app; a client that reads it finds the `xmpp:` URI in the header `Link`.
//! The token in the path is all that a form needs: there is no session that a foreign page could
//! abuse. A form that says it comes from elsewhere is refused nevertheless.

mod answer;
mod apps;
mod form;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, FromRequestParts, Path, Query};
use axum::http::{HeaderValue, StatusCode, header, request};
use axum::response::Response;
use axum::routing::get;

use self::apps::Device;
use self::form::Fields;
use self::view::{Filled, Offer, Reader};
use super::invite::{self, Kind, View};
use crate::feature::Registry;
use crate::features::accounts::PASSWORD_MIN;
use crate::http::Visitor;
use crate::jid::BareJid;
use crate::pages::origin::{self, Sender};
use crate::pages::{self, Language};
use crate::server::Server;

/// Octets of a form: a name and two passwords of 1,023 octets, each of which may become three.
const FORM_MAX: usize = 16 * 1024;

/// Declares the page's routes, and what it loads.
pub fn register(on: &mut Registry) {
    on.http(|| {
        Router::new()
            .route("/invite/{token}", get(show).post(redeem))
            .layer(DefaultBodyLimit::max(FORM_MAX))
            .merge(pages::assets::routes())
    });
}

/// What every request says about whoever asks.
struct Asked {
    server: Arc<Server>,
    visitor: Visitor,
    token: String,
    reader: Reader,
    sender: Sender,
}

#[derive(serde::Deserialize)]
struct Wish {
    lang: Option<String>,
}

async fn show(asked: Asked) -> Response {
    let view = match asked.look().await {
        Ok(view) => view,
        Err(refusal) => return answer::over(&asked.reader, refusal),
    };
    let mut response = asked.form(StatusCode::OK, &view, Filled::default());
    let uri =
        HeaderValue::try_from(format!("<{}>; rel=\"alternate\"", invite::uri(&view.invitation)));
    if let (Ok(uri), true) = (uri, view.invitation.terms.kind != Kind::Reset) {
        // COMPAT(Conversations, 2.13): it scans the code, asks for the headers of the page, and goes on with this.
        response.headers_mut().insert(header::LINK, uri);
    }
    response
}

async fn redeem(asked: Asked, fields: Result<Form<Fields>, FormRejection>) -> Response {
    if asked.sender == Sender::Foreign {
        return answer::foreign(&asked.reader);
    }
    let fields = match fields {
        Ok(Form(fields)) => fields,
        Err(rejection) => return answer::unreadable(&asked.reader, rejection.status()),
    };
    let view = match asked.look().await {
        Ok(view) => view,
        Err(refusal) => return answer::over(&asked.reader, refusal),
    };
    let is_reset = view.invitation.terms.kind == Kind::Reset;
    let filled = fields.check(&asked.reader, is_reset);
    if filled.is_wrong() {
        return asked.form(StatusCode::UNPROCESSABLE_ENTITY, &view, filled);
    }
    match asked.redeemed(&fields, is_reset).await {
        Ok(account) => asked.done(&account, &view),
        Err(refusal) => match form::blamed(&asked.reader, filled, refusal) {
            Some(filled) => asked.form(StatusCode::UNPROCESSABLE_ENTITY, &view, filled),
            None => answer::over(&asked.reader, refusal),
        },
    }
}

impl Asked {
    async fn look(&self) -> Result<View, invite::Refusal> {
        let Asked { server, visitor, token, .. } = self;
        invite::look(server, &visitor.domain, token, visitor.peer).await
    }

    async fn redeemed(&self, fields: &Fields, reset: bool) -> Result<BareJid, invite::Refusal> {
        let Asked { server, visitor: Visitor { domain, peer, .. }, token, .. } = self;
        match reset {
            true => invite::reset(server, domain, token, &fields.password, *peer).await,
            false => {
                invite::register_account(
                    server,
                    domain,
                    token,
                    &fields.name,
                    &fields.password,
                    *peer,
                )
                .await
            }
        }
    }

    fn form(&self, status: StatusCode, view: &View, filled: Filled) -> Response {
        let terms = &view.invitation.terms;
        match (terms.kind, &terms.name) {
            (Kind::Reset, Some(name)) => {
                let address = format!("{name}@{}", self.reader.domain);
                pages::answer(status, &self.reader.reset(address, PASSWORD_MIN, filled))
            }
            _ => pages::answer(status, &self.reader.invite(self.offer(view), filled)),
        }
    }

    fn done(&self, account: &BareJid, view: &View) -> Response {
        let (address, uri) = (account.as_str().to_owned(), answer::uri(account));
        let page = match view.invitation.terms.kind {
            Kind::Reset => self.reader.renewed(address, uri),
            Kind::Contact | Kind::Account => {
                let name = account.local().unwrap_or_default();
                self.reader.welcome(name, address, uri, self.offer(view))
            }
        };
        pages::answer(StatusCode::OK, &page)
    }

    fn offer(&self, view: &View) -> Offer {
        let terms = &view.invitation.terms;
        let same = terms.contact == terms.inviter;
        let contact = terms.contact.as_ref().and_then(|contact| match &view.inviter {
            Some(inviter) if same => Some(inviter.clone()),
            _ => contact.local().map(str::to_owned),
        });
        Offer {
            inviter: view.inviter.clone(),
            contact,
            room: view.room.clone(),
            admin: terms.admin,
            until: terms.expires,
            name: terms.name.clone(),
            uri: invite::uri(&view.invitation),
            link: invite::landing_url(&self.server, &view.invitation),
            least: PASSWORD_MIN,
        }
    }
}

impl FromRequestParts<Arc<Server>> for Asked {
    type Rejection = StatusCode;

    async fn from_request_parts(
        parts: &mut request::Parts,
        server: &Arc<Server>,
    ) -> Result<Self, StatusCode> {
        let visitor = parts.extensions.get::<Visitor>().cloned();
        let visitor = visitor.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        // What is no text is no token either.
        let token = Path::from_request_parts(parts, server)
            .await
            .map_or_else(|_| String::new(), |Path(it)| it);
        let lang = Query::<Wish>::try_from_uri(&parts.uri).ok().and_then(|Query(wish)| wish.lang);
        let said = |name| parts.headers.get(name).and_then(|it: &HeaderValue| it.to_str().ok());
        let own = server.web(&visitor.domain);
        Ok(Asked {
            reader: Reader {
                language: Language::choose(lang.as_deref(), said(header::ACCEPT_LANGUAGE)),
                device: said(header::USER_AGENT).and_then(Device::of),
                domain: visitor.domain.as_str().to_owned(),
            },
            sender: origin::sender(&parts.uri, &parts.headers, &[&own]),
            server: Arc::clone(server),
            visitor,
            token,
        })
    }
}
