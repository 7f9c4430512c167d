//! How operators get into the console.

use super::{AdminError, Answer, Secret};
use crate::clock::Timestamp;
use crate::console::gate::{ENTER, LINK_LASTS};
use crate::server::Server;

/// A link to this machine: nobody else's browser reaches the console.
pub(super) fn link(server: &Server) -> Result<Answer, AdminError> {
    let addresses = server.addresses.get().ok_or(AdminError::NoConsole)?;
    let address = addresses.local.first().ok_or(AdminError::NoConsole)?;
    let now = server.clock.now();
    let token = server.console.link(now)?;
    let lasts = u64::try_from(LINK_LASTS.as_micros()).unwrap_or_default();
    Ok(Answer::ConsoleLink {
        url: format!("http://{address}{ENTER}?token={token}"),
        expires: Timestamp(now.0.saturating_add(lasts)).to_rfc3339(),
    })
}

pub(super) async fn password(
    server: &Server,
    password: Option<Secret>,
) -> Result<Answer, AdminError> {
    let password = password.map(|password| password.password()).transpose()?;
    server.accounts.set_operator_password(password).await?;
    // Whoever signed in with the old one must do so again: it may have been a thief.
    server.console.close_all();
    Ok(Answer::Done)
}
