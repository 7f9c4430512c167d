//! XEP-0480: SASL Upgrade Tasks, those of SCRAM: an account from before gets the keys that it lacks.
//!
//! The client computes them, so a task is only for a client that has just shown in the same login,
//! with SCRAM, that it knows the password: somebody with a stolen token could otherwise set keys of
//! a password of his own. Whether they are those of the same password nobody can tell; a client that
//! gives others only locks itself out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{decode, encoded};
use crate::auth::scram::{Hash, Keys};
use crate::auth::{AccountError, Login, SaslError};
use crate::jid::BareJid;
use crate::ns;
use crate::server::Server;
use crate::stream::StreamError;
use crate::stream::sasl::{Secured, failure};
use crate::stream::transport::Closed;
use crate::xml::Element;

/// §"Server advertising possible upgrade tasks": for the account that the stream's `from` names.
pub(super) fn offers(login: &Login<'_>) -> impl Iterator<Item = Element> {
    let offer = |hash| Element::new(ns::SASL_UPGRADE, "upgrade").with_text(task(hash));
    login.upgrades().map(offer)
}

/// §"Server advertising possible upgrade tasks": without `-PLUS`.
fn task(hash: Hash) -> String {
    format!("UPGR-{}", hash.mechanism().name())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secured<S> {
    /// One task after the other: those that were offered and are asked for. `data` goes with the
    /// first one; what is left of it is the success's.
    pub(super) async fn upgrade(
        &mut self,
        server: &Server,
        login: &Login<'_>,
        account: &BareJid,
        keys: &Keys,
        wanted: &[String],
        mut data: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Closed> {
        let due = login.upgrades().filter(|hash| wanted.contains(&task(*hash)));
        for hash in due.collect::<Vec<_>>() {
            self.transport.send(&continuation(hash, data.take())).await?;
            if let Err(error) = self.task(server, login, account, keys, hash).await? {
                return Err(self.refuse(error).await);
            }
        }
        Ok(data)
    }

    /// §"SCRAM upgrade tasks": from `<next/>` to the client's hash.
    async fn task(
        &mut self,
        server: &Server,
        login: &Login<'_>,
        account: &BareJid,
        used: &Keys,
        hash: Hash,
    ) -> Result<Result<(), SaslError>, Closed> {
        let next = match self.hear("next").await? {
            Ok(next) => next,
            Err(error) => return Ok(Err(error)),
        };
        if next.attr("task") != Some(&*task(hash)) {
            return Ok(Err(SaslError::InvalidMechanism));
        }
        let salt = match server.accounts.salt() {
            Ok(salt) => salt,
            Err(error) => return Ok(Err(error.into())),
        };
        let iterations = login.iterations();
        let asked = Element::new(ns::SCRAM_UPGRADE, "salt")
            .with_attr("iterations", iterations.get().to_string())
            .with_text(STANDARD.encode(salt));
        self.transport.send(&Element::new(ns::SASL2, "task-data").with_child(asked)).await?;
        let answer = match self.hear("task-data").await? {
            Ok(answer) => answer,
            Err(error) => return Ok(Err(error)),
        };
        let Some(salted) = answer.child(ns::SCRAM_UPGRADE, "hash") else {
            return Ok(Err(SaslError::MalformedRequest));
        };
        let salted = match decode(salted) {
            Ok(salted) if salted.len() == hash.output_len() => salted,
            Ok(_) => return Ok(Err(SaslError::MalformedRequest)),
            Err(error) => return Ok(Err(error)),
        };
        let new = Keys::from_salted(hash, &salted, &salt, iterations);
        Ok(added(server.accounts.add_keys(account, used, &new).await))
    }

    /// The client's next word, which may be that it gives up.
    async fn hear(&mut self, name: &'static str) -> Result<Result<Element, SaslError>, Closed> {
        let element = self.transport.element().await?;
        if element.is(ns::SASL2, "abort") {
            return Ok(Err(SaslError::Aborted));
        }
        if !element.is(ns::SASL2, name) {
            return Err(StreamError::not_authorized("the login is not finished").into());
        }
        Ok(Ok(element))
    }

    /// XEP-0388 §"Multiple Authentication": there is no second try after a `<continue/>`. The client
    /// may read the failure and close the stream; anything else ends it.
    async fn refuse(&mut self, error: SaslError) -> Closed {
        tracing::info!(condition = error.as_str(), "login failed in a task");
        if let Err(closed) = self.transport.send(&failure(ns::SASL2, error)).await {
            return closed;
        }
        match self.transport.element().await {
            Ok(_) => StreamError::policy_violation("a login cannot be tried twice").into(),
            Err(closed) => closed,
        }
    }
}

fn continuation(hash: Hash, data: Option<Vec<u8>>) -> Element {
    let task = Element::new(ns::SASL2, "task").with_text(task(hash));
    let data = data.map(|data| encoded("additional-data", &data));
    Element::new(ns::SASL2, "continue")
        .with_children(data)
        .with_child(Element::new(ns::SASL2, "tasks").with_child(task))
}

/// The password may have been changed meanwhile.
fn added(done: Result<bool, AccountError>) -> Result<(), SaslError> {
    if done? { Ok(()) } else { Err(SaslError::NotAuthorized) }
}
