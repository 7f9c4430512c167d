//! What operators do with the devices of an account that have a token.

use std::sync::Arc;

use super::{AdminError, Answer, DeviceRow};
use crate::auth::{AccountError, Device, DeviceId};
use crate::features::accounts::forget_streams;
use crate::jid::BareJid;
use crate::server::Server;
use crate::stream::StreamError;

pub(super) async fn list(server: &Server, account: &BareJid) -> Result<Answer, AdminError> {
    existing(server, account).await?;
    let mut devices = server.accounts.devices(account).await?;
    devices.sort_by_key(|(_, device)| std::cmp::Reverse(device.last_used));
    let rows = devices.into_iter().map(|(id, device)| row(server, account, id, device));
    Ok(Answer::Devices(rows.collect()))
}

/// Logs out one device, or all that have a token. Their sessions end with their tokens: whoever
/// revokes a device means that it shall be out now.
pub(super) async fn revoke(
    server: &Arc<Server>,
    account: &BareJid,
    device: Option<&str>,
) -> Result<Answer, AdminError> {
    existing(server, account).await?;
    let device = device.map(|id| DeviceId::parse(id).ok_or(AdminError::UnknownDevice));
    let device = device.transpose()?;
    let revoked = server.accounts.revoke(account, device.as_ref()).await?;
    if device.is_some() && revoked.is_empty() {
        return Err(AdminError::UnknownDevice);
    }
    // Those from before the server's start tell nobody's device; their clients log in again.
    forget_streams(server, account).await?;
    let mut closed = 0;
    for session in server.sessions.of(account) {
        if session.client().is_some_and(|client| revoked.iter().any(|id| id == client)) {
            session.close(StreamError::reset("this device was logged out"));
            closed += 1;
        }
    }
    Ok(Answer::Revoked { devices: revoked.len(), closed })
}

async fn existing(server: &Server, account: &BareJid) -> Result<(), AdminError> {
    match server.accounts.find(account).await? {
        Some(_) => Ok(()),
        None => Err(AccountError::Missing.into()),
    }
}

fn row(server: &Server, account: &BareJid, id: String, device: Device) -> DeviceRow {
    let is_its = |client: Option<&str>| client == Some(&*id);
    let sessions = server.sessions.with(account.as_str(), |sessions| {
        sessions.iter().filter(|session| is_its(session.client())).count()
    });
    DeviceRow {
        mechanism: device.mechanism().map(|mechanism| mechanism.name().to_owned()),
        last_used: device.last_used.to_rfc3339(),
        expires: device.expires().map(|expires| expires.to_rfc3339()),
        device: device.device,
        software: device.software,
        sessions,
        id,
    }
}
