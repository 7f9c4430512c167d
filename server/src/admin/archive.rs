//! What operators ask of the archive.

use std::sync::Arc;

use super::{AdminError, Answer, ExpiredRow, PeriodRow};
use crate::archive::PeriodStatus;
use crate::clock::Timestamp;
use crate::server::Server;

pub(super) async fn status(server: &Server) -> Result<Answer, AdminError> {
    let row = |status: PeriodStatus| PeriodRow {
        series: status.series,
        period: status.period,
        bytes: status.bytes,
        oldest: status.oldest.map(|number| Timestamp(number).to_rfc3339()),
    };
    Ok(Answer::Archive(server.archive.status().await?.into_iter().map(row).collect()))
}

/// Goes on until nothing is left that is over. `progress` hears how many messages were deleted one by one.
pub(super) async fn expire(
    server: &Arc<Server>,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Answer, AdminError> {
    let policy = server.archive_policy().await?;
    let mut sum = ExpiredRow::default();
    loop {
        let expired = server.archive.expire(&policy).await?;
        sum.directories += expired.directories;
        sum.bytes += expired.bytes;
        sum.entries += expired.entries;
        progress(sum.entries);
        if !expired.more {
            return Ok(Answer::Expired(sum));
        }
    }
}
