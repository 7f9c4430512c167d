//! What operators say to everybody.

use std::sync::Arc;

use super::accounts::unknown_domain;
use super::{AdminError, Answer};
use crate::feature::Ctx;
use crate::features::service_administration::{ANNOUNCEMENT_MAX, announce};
use crate::jid::Domain;
use crate::server::Server;

pub(super) async fn say(
    server: &Arc<Server>,
    domain: &Domain,
    text: &str,
) -> Result<Answer, AdminError> {
    if !server.serves(domain.as_str()) {
        return Err(unknown_domain(server, domain.as_str()));
    }
    let text = text.trim();
    let is_fit = !text.is_empty() && text.len() <= ANNOUNCEMENT_MAX;
    if !is_fit {
        return Err(AdminError::Announcement(ANNOUNCEMENT_MAX));
    }
    let cx = Ctx { server: Arc::clone(server), session: None };
    Ok(Answer::Announced(announce(&cx, domain, text).await))
}
